"""What the template catalogue objects to in the policies, with the lines of their files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.catalogue.file import read_file
from gateway.config.settings import CESSettings, Configuration
from gateway.policy.catalogue import Catalogue
from gateway.policy.decision import Policies, Policy
from gateway.policy.template_contradictions import TemplateContradiction, contradictions
from gateway.strict_yaml import Document, Mistake, Mistaken, parse


@dataclass(frozen=True, slots=True)
class Objections:
    """Of the catalogue."""

    catalogue: Catalogue = field(default_factory=Catalogue)
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[str, ...] = ()


def objections_of_catalogue(configuration: Configuration, policies: Policies) -> Objections:
    """By the catalogue's file, which may have mistakes itself."""
    if configuration.catalogue is None:
        return Objections()
    try:
        catalogue = read_file(configuration.catalogue.file)
    except Mistaken as mistaken:
        return Objections(mistakes=mistaken.mistakes)
    return objections_of(configuration, policies, catalogue)


def objections_of(configuration: Configuration, policies: Policies, catalogue: Catalogue) -> Objections:
    """Every contradiction between a policy and its template."""
    mistakes: list[Mistake] = []
    warnings: list[str] = []
    for policy, found in contradictions_of(configuration, policies, catalogue):
        document = _document(configuration.policies, policy)
        for contradiction in found:
            mistake = document.mistake(contradiction.path, contradiction.text)
            if contradiction.is_mistake:
                mistakes.append(mistake)
            else:
                warnings.append(str(mistake))
    return Objections(catalogue, tuple(mistakes), tuple(warnings))


def contradictions_of(
    configuration: Configuration, policies: Policies, catalogue: Catalogue
) -> Iterator[tuple[Policy, tuple[TemplateContradiction, ...]]]:
    """The policies that have any, with them."""
    cas = frozenset(service.ca for service in configuration.services if isinstance(service, CESSettings))
    for policy in policies.policies:
        if found := contradictions(policy, catalogue, cas):
            yield policy, found


def _document(directory: Path, policy: Policy) -> Document:
    """The policy's file, for its lines; nothing in the place of one that has changed since it was read."""
    for suffix in (".yaml", ".yml"):
        file = directory / f"{policy.name}{suffix}"
        try:
            return parse(file.read_text(encoding="utf-8"), file)
        except (OSError, UnicodeDecodeError, Mistaken):
            continue
    return Document(str(directory / policy.name), None, {})
