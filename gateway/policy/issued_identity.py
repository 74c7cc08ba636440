"""Whom an issued certificate is for: key, names, SID. ESC1, ESC14 and KB5014754, seen from behind."""

from collections.abc import Iterator

from gateway.credential import Credential, KerberosCredential
from gateway.errors import Objection
from gateway.pki.issued_certificate import IssuedCertificate
from gateway.pki.keys import key_identifiers
from gateway.policy.decision import Violation
from gateway.policy.expected import Expected, SecurityIdentifier
from gateway.policy.issued_fields import Field, objection
from gateway.policy.issued_names import strangers
from gateway.protocol.security import UsernameToken
from gateway.requester import Requester

_RULE = "issued"
"""What stands in a Violation for the name of a rule."""


def objections_to_identity(
    issued: IssuedCertificate, expected: Expected, requester: Requester, credential: Credential
) -> Iterator[Objection]:
    """All that makes it somebody else's."""
    yield from _objections_to_key(issued, expected)
    yield from _objections_to_names(issued, expected, requester)
    yield from _objections_to_security_identifier(issued, expected, _reached_as(requester, credential))


def _objections_to_key(issued: IssuedCertificate, expected: Expected) -> Iterator[Objection]:
    certificate = issued.certificate
    key = certificate.public_key.subject_public_key_info
    if key != expected.subject_public_key_info:
        yield objection(Field.PUBLIC_KEY, "another one", "the key of the request")
    identifier = certificate.subject_key_identifier
    # The identifier alone can lead to an account: altSecurityIdentities X509SKI (ESC14).
    if identifier is not None and identifier not in key_identifiers(key):
        yield objection(Field.SUBJECT_KEY_IDENTIFIER, identifier, "a hash of the key")


def _objections_to_names(issued: IssuedCertificate, expected: Expected, requester: Requester) -> Iterator[Objection]:
    certificate = issued.certificate
    if not certificate.subject.rdns and not certificate.subject_alternative_name:
        yield objection(Field.SUBJECT, "", "a name, there or in subjectAlternativeName (RFC 5280 4.1.2.6)")
    unknown = strangers(certificate, expected, requester)
    rule = expected.issued
    whose = _whose(expected, requester)
    for violation in rule.subject.violations_of(unknown.subject, _RULE, requester):
        yield _of(violation, Field.SUBJECT, whose)
    general_names = unknown.subject_alternative_name
    for violation in rule.subject_alternative_name.violations_of(general_names, _RULE, requester):
        yield _of(violation, Field.SUBJECT_ALTERNATIVE_NAME, whose)


def _whose(expected: Expected, requester: Requester) -> str:
    template = expected.template.name
    if expected.template.enrollee_supplies_subject:
        return (
            f"as asked for (should the CA take the names of {template} from the directory, say"
            " enrolleeSuppliesSubject: false)"
        )
    if expected.requester_name is not None:
        return f"allowed by `issued`, since nobody here knows the names of {expected.requester_name}"
    if requester.directory_account is None:
        return f"allowed by `issued`, since no directory is asked here for the names of {requester.account}"
    return f"a name of {requester.directory_account.distinguished_name}"


def _of(violation: Violation, field: Field, whose: str) -> Objection:
    wanted = whose if violation.wanted == "absent" else f"{whose}, or by `issued` {violation.wanted}"
    return objection(field, f"{violation.field}={violation.value}", wanted)


def _reached_as(requester: Requester, credential: Credential) -> frozenset[str] | None:
    """The SIDs that the CA may have seen; None where nobody here knows."""
    match credential:
        case KerberosCredential(acts_as_sid=str(sid)):
            return frozenset({sid})
        case UsernameToken():
            account = requester.directory_account
            return None if account is None else frozenset({account.sid})
        case _:
            # The gateway's own account, which must never be in a certificate for others.
            return frozenset()


def _objections_to_security_identifier(
    issued: IssuedCertificate, expected: Expected, reached_as: frozenset[str] | None
) -> Iterator[Objection]:
    stated = issued.certificate.security_identifiers
    word = expected.issued.security_identifier
    if word is None:
        online = not expected.template.enrollee_supplies_subject
        word = SecurityIdentifier.REQUIRED if online else SecurityIdentifier.OPTIONAL
    allowed = None if reached_as is None else reached_as | expected.security_identifiers
    if expected.requester_name is not None:
        allowed = None if word is SecurityIdentifier.ANY else expected.security_identifiers
    if allowed is not None:
        wanted = " or ".join(sorted(allowed)) or "none: the CA was not reached as anybody that the gateway knows"
        yield from (objection(Field.SECURITY_IDENTIFIER, sid, wanted) for sid in stated if sid not in allowed)
    if word is SecurityIdentifier.REQUIRED and not stated:
        wanted = "that of the account; should the CA write none, say issued: {securityIdentifier: optional}"
        yield objection(Field.SECURITY_IDENTIFIER, "", wanted)
    if len(stated) > 1:
        yield objection(Field.SECURITY_IDENTIFIER, " and ".join(stated), "one")
