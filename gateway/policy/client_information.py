"""The condition on what a client tells about itself in the request: best effort, since it can tell what it likes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.patterns import Pattern
from gateway.policy.violations import first_of, violation
from gateway.policy.wellformed import is_plain
from gateway.requester import Requester


def client_information(request: CertificateRequest) -> Mapping[str, str | None]:
    """By the names of policies: [MS-WCCE] 2.2.2.7.4 (client information), 2.2.2.7.2 (provider), 2.2.2.7.1 (system)."""
    client = request.client_info
    return {
        "process": client.process if client else None,
        "machine": client.machine if client else None,
        "user": client.user if client else None,
        "cryptographicServiceProvider": request.cryptographic_service_provider,
        "osVersion": request.os_version,
    }


@dataclass(frozen=True, slots=True)
class ClientInformationField:
    """A value must match a pattern of `allow`, if there are any, and none of `deny`."""

    allow: tuple[Pattern, ...]
    deny: tuple[Pattern, ...]
    mandatory: bool

    def wanted_instead_of(self, value: str | None, requester: Requester) -> Iterator[str]:
        """What is wanted, for each objection. Only a mandatory field must be told at all."""
        if value is None:
            if self.mandatory:
                yield "present"
            return
        if not is_plain(value):
            yield "printable NFKC text without superfluous blanks"
            return
        yield from (f"anything but {pattern}" for pattern in self.deny if pattern.matches(value, requester))
        if self.allow and not any(pattern.matches(value, requester) for pattern in self.allow):
            yield " or ".join(map(str, self.allow))


@dataclass(frozen=True, slots=True)
class ClientInformationCondition:
    """`clientInformation`: what it does not speak of may be anything."""

    fields: Mapping[str, ClientInformationField]

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        told = client_information(application.request)
        return first_of(
            violation(rule, Concern.CLIENT_INFORMATION, name, told[name] or "", wanted)
            for name, field in self.fields.items()
            for wanted in field.wanted_instead_of(told[name], application.requester)
        )
