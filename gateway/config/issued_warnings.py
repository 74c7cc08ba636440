"""Certificates that would be issued and never handed out, and requests that would never be let through: what
check-config says before the first one."""

from collections.abc import Iterator

from gateway.config.settings import CESSettings, Configuration
from gateway.policy.decision import Policies, Policy
from gateway.policy.template_contradictions import admits_signers


def warnings_of_issued(configuration: Configuration, policies: Policies) -> Iterator[str]:
    """What the two-sided check will object to, whatever is asked for; and which signers nobody can vouch for."""
    without_directory = [
        service.name for service in configuration.services if isinstance(service, CESSettings) and service.realm is None
    ]
    knows_revocation = any(authority.crl for authority in configuration.certification_authorities)
    for policy in policies.policies:
        yield from _warnings_of_rules(policy)
        if not knows_revocation and any(map(admits_signers, policy.rules)):
            yield (
                f"policy {policy.name}: renewals and requests on behalf of others are always refused, since no"
                " authority in certification_authorities has a crl: add that of the signers"
            )
        has_names = policy.issued is not None and policy.issued.has_names
        if without_directory and not policy.template.enrollee_supplies_subject and not has_names:
            yield (
                f"policy {policy.name}: the CA takes the names of {policy.template.name} from the directory, and"
                f" {', '.join(without_directory)} asks none. There, certificates are withheld unless their only name is"
                " the requester's: write what the CA may put in under `issued`"
            )


def _warnings_of_rules(policy: Policy) -> Iterator[str]:
    for rule in policy.rules:
        missing = [
            section
            for section, allowed in (
                ("keyUsage", rule.limits.key_usage),
                ("extendedKeyUsage", rule.limits.extended_key_usage),
            )
            if not allowed
        ]
        if missing:
            yield (
                f"policy {policy.name}, rule {rule.name}: without {' and '.join(missing)}, every certificate is"
                " withheld, since a CA writes both: list what the template has"
            )
