"""The security identifiers that a request states, by which a domain controller finds the account (KB5014754).

They stand in the extension szOID_NTDS_CA_SECURITY_EXT ([MS-WCCE] 2.2.2.7.7.4), which a CA copies where the enrollee
supplies the subject, and in tag URIs of the subjectAltName.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.pki import extensions, oids
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.names import GeneralName, GeneralNameType
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import first_of, violation

_MICROSOFT_TAG = "tag:microsoft.com,"
"""Of every date, and about whatever: Windows' own strictness is not documented."""


def states_security_identifier(name: GeneralName) -> bool:
    """Whether it is a URI that names the account which a certificate stands for, or means to."""
    return name.type is GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER and name.value.lower().startswith(_MICROSOFT_TAG)


@dataclass(frozen=True, slots=True)
class SecurityIdentifierCondition:
    """`securityIdentifier`: whether a request may state that of the requester's account. Never another one."""

    allowed: bool = False

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return first_of(self._violations(rule, application))

    def _violations(self, rule: str, application: Application) -> Iterator[Violation]:
        account = application.requester.directory_account
        for concern, field, sid, value in _stated(application.request):
            is_own = account is not None and sid == account.sid
            if not is_own:
                wanted = "absent" if account is None or not self.allowed else f"the requester's own, {account.sid}"
                yield violation(rule, concern, field, value, wanted, is_forbidden=True)
            elif not self.allowed:
                yield violation(rule, concern, field, value, "absent")


def _stated(request: CertificateRequest) -> Iterator[tuple[Concern, str, str | None, str]]:
    """Concern, field, SID and the text of each; the SID is None where there is none to be read."""
    for extension in request.extensions:
        if extension.oid == oids.NTDS_CA_SECURITY_EXT:
            sid = request.security_identifier
            yield Concern.EXTENSIONS, "securityIdentifier", sid, sid or extension.value.hex()
    for name in request.subject_alternative_name:
        if states_security_identifier(name):
            yield Concern.SUBJECT_ALTERNATIVE_NAME, name.type, _sid(name.value), name.value


def _sid(uri: str) -> str | None:
    try:
        return extensions.security_identifier_of_uri(uri)
    except ValueError:
        return None
