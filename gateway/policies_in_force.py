"""The policies in force, and the candidate in their shadow: read anew on a reload, found by what the catalogue knows.

Snapshots: whoever has one judges by it to the end.
"""

import structlog

from gateway.config import Checked, read_policies
from gateway.config.catalogue_files import objections_of
from gateway.policy.catalogue import Catalogue
from gateway.policy.decision import Policies
from gateway.strict_yaml import Mistaken
from gateway.telemetry import Metrics

log = structlog.get_logger()


class PoliciesInForce:
    """Of one gateway. What has mistakes is not taken: the last good set stays, loudly."""

    def __init__(self, checked: Checked, metrics: Metrics) -> None:
        self._configuration = checked.configuration
        self._metrics = metrics
        self._policies = checked.policies
        self._shadow = checked.shadow_policies
        self._catalogue: Catalogue | None = None
        self._objections: frozenset[str] = frozenset()
        """What the catalogue objects to, as far as it was logged."""
        if checked.shadow_mistakes:
            log.error("shadow policies not loaded", mistakes=[str(mistake) for mistake in checked.shadow_mistakes])
        self._count()

    def policies(self) -> Policies:
        """The snapshot in force."""
        return self._policies

    def shadow(self) -> Policies | None:
        """The candidate, which decides nothing."""
        return self._shadow

    def reload(self) -> None:
        """Read the files anew."""
        configuration = self._configuration
        try:
            self._policies = self._knowing(read_policies(configuration.policies, configuration.blocked_keys))
        except (Mistaken, OSError, UnicodeDecodeError) as error:
            log.error("policies not reloaded, the last good set stays in force", mistakes=str(error).splitlines())
        else:
            self._object()
            log.info("policies reloaded", count=len(self._policies.policies))
        if configuration.shadow_policies is not None:
            try:
                self._shadow = self._knowing(read_policies(configuration.shadow_policies, configuration.blocked_keys))
            except (Mistaken, OSError, UnicodeDecodeError) as error:
                log.error("shadow policies not reloaded", mistakes=str(error).splitlines())
            else:
                log.info("shadow policies reloaded", count=len(self._shadow.policies))
        self._count()

    def use(self, catalogue: Catalogue) -> None:
        """Find them by what the catalogue knows from now on."""
        self._catalogue = catalogue
        self._policies = self._knowing(self._policies)
        if self._shadow is not None:
            self._shadow = self._knowing(self._shadow)
        self._metrics.catalogue_changed(len(catalogue.templates))
        self._object()

    def _knowing(self, policies: Policies) -> Policies:
        return policies if self._catalogue is None else policies.knowing(self._catalogue.common_names())

    def _object(self) -> None:
        """Say what the catalogue objects to, each objection once."""
        if self._catalogue is None:
            return
        objections = objections_of(self._configuration, self._policies, self._catalogue)
        told = frozenset((*map(str, objections.mistakes), *objections.warnings))
        for objection in sorted(told - self._objections):
            log.warning("a policy contradicts its template", objection=objection)
        self._objections = told

    def _count(self) -> None:
        names = {policy.name for policy in self._policies.policies}
        self._metrics.policies_in_force(names)
        if self._shadow is not None:
            self._metrics.shadow_watches(names | {policy.name for policy in self._shadow.policies})
