"""The condition on the subjectKeyIdentifier that a request asks for.

It is more than a hint for building paths: altSecurityIdentities can lead from it to an account (`X509:<SKI>`, a strong
mapping of KB5014754; ESC14), whatever names the certificate has. So it is a hash of the request's own key, or refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.pki import oids
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.extensions import subject_key_identifier
from gateway.pki.issued_certificate import key_identifiers
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import violation


@dataclass(frozen=True, slots=True)
class SubjectKeyIdentifierCondition:
    """Of every rule. Whether the extension may stand in the request at all is a matter of `extensions`."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        return tuple(self._violations(rule, application.request))

    def _violations(self, rule: str, request: CertificateRequest) -> Iterator[Violation]:
        for extension in request.extensions:
            if extension.oid == oids.SUBJECT_KEY_IDENTIFIER and not _is_of_key(extension.value, request):
                shown, wanted = extension.value.hex(), "a hash of the key (RFC 5280 4.2.1.2, RFC 7093)"
                yield violation(rule, Concern.EXTENSIONS, "subjectKeyIdentifier", shown, wanted, is_forbidden=True)


def _is_of_key(value: bytes, request: CertificateRequest) -> bool:
    try:
        return subject_key_identifier(value) in key_identifiers(request.public_key.subject_public_key_info)
    except ValueError:
        return False
