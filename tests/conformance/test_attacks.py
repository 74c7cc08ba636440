"""Every known way to get more from a CA than one should, in every place of a request: refused, and by its own rule.

The same message without the trick is allowed, so that it is the trick which is refused.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.errors import GatewayError, MalformedMessage
from gateway.faults import fault_for
from gateway.pki.authorities import CertificationAuthorities, CertificationAuthority
from gateway.pki.certificate import parse_certificate
from gateway.pki.parse_request import parse_certificate_request
from gateway.pki.revocation_list import parse_revocation_list
from gateway.policy.decision import Application, Decision, NotPermitted, Policies, decide
from gateway.policy.load import load_policies
from gateway.protocol import wstep
from gateway.protocol.hresult import HResult
from gateway.protocol.soap import parse_envelope
from tests.builders import NOW, a_requester
from tests.vectors.attacks.attack import Attack
from tests.vectors.attacks.corpus import FOLDER, attacks, blocked_keys, files
from tests.vectors.attacks.singles import CA, REVOKED_SERIAL

ATTACKS = tuple(attacks())


@cache
def policies() -> Policies:
    found = [(path.name, path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "policies").glob("*.yaml"))]
    return load_policies(found, blocked_keys())


@cache
def authorities() -> CertificationAuthorities:
    own = parse_certificate(CA.certificate)
    crl = (
        x509.CertificateRevocationListBuilder(CA.public.subject, NOW - timedelta(days=1), NOW + timedelta(days=1))
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_revoked_certificate(x509.RevokedCertificateBuilder(REVOKED_SERIAL, NOW - timedelta(days=2)).build())
        .sign(CA.key, hashes.SHA256())
    )
    lists = parse_revocation_list(crl.public_bytes(Encoding.DER), (own,))
    return CertificationAuthorities((CertificationAuthority("Partner CA", (own,)),), (lists,))


def outcome(message: bytes) -> Decision | GatewayError:
    """What becomes of a message from the partner, whose client certificate has been verified."""
    try:
        token = wstep.parse_request(parse_envelope(message))
        assert isinstance(token, wstep.Issue)
        request = parse_certificate_request(token.certificate_request)
        signers = authorities().vouch_for(request.signers, NOW)
    except GatewayError as error:
        return error
    return decide(policies(), Application(a_requester(), request, token.additional_context, signers))


def caught_by(found: Decision | GatewayError) -> list[str]:
    error = found.error if isinstance(found, Decision) else found
    if isinstance(error, NotPermitted):
        return sorted({f"{violation.concern}.{violation.field}" for violation in error.violations})
    return [type(error).__name__]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_is_refused_by_the_rule_that_is_meant_for_it(attack: Attack) -> None:
    message = (FOLDER / "messages" / f"{attack.name}.xml").read_bytes()

    assert caught_by(outcome(message)) == sorted(attack.caught_by)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_same_message_without_the_trick_is_allowed(attack: Attack) -> None:
    found = outcome(attack.harmless.token())

    assert isinstance(found, Decision), found
    assert found.error is None
    assert found.approval is not None
    assert found.approval.policy.template.name == "PartnerWebServer"


def test_the_files_are_what_the_script_writes() -> None:
    assert [path.name for path, contents in files().items() if path.read_bytes() != contents] == []
    assert {path.name for path in (FOLDER / "messages").iterdir()} == {f"{attack.name}.xml" for attack in ATTACKS}


def test_no_two_attacks_are_the_same() -> None:
    names = Counter(attack.name for attack in ATTACKS)
    messages = Counter(attack.attack.token() for attack in ATTACKS)

    assert max(names.values()) == 1
    assert max(messages.values()) == 1


@pytest.mark.parametrize(
    ("tricks", "hresult"),
    [
        (("esc1-upn", "esc1-dns", "sid-uri"), HResult.CERT_E_INVALID_NAME),
        (("weak-key-roca", "weak-key-too-short"), HResult.CERTSRV_E_KEY_LENGTH),
        (("template-conflict",), HResult.CERTSRV_E_TEMPLATE_CONFLICT),
        (("subca-template",), HResult.CERTSRV_E_UNSUPPORTED_CERT_TYPE),
        (("null-signature", "broken-signature"), HResult.NTE_BAD_SIGNATURE),
        (("renewal-revoked",), HResult.CERT_E_REVOKED),
        (("renewal-expired",), HResult.CERT_E_EXPIRED),
        (("esc3-on-behalf-of",), HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED),
    ],
)
def test_administrators_know_the_code_of_the_refusal(tricks: Iterable[str], hresult: HResult) -> None:
    refused = [outcome(attack.attack.token()) for attack in ATTACKS if attack.trick in tricks]
    errors = [found.error if isinstance(found, Decision) else found for found in refused]

    assert errors
    assert {fault_for(error).hresult for error in errors if error is not None} == {hresult}


def test_a_template_of_no_policy_is_told_from_a_malformed_message() -> None:
    assert not any(isinstance(found, MalformedMessage) for found in map(outcome, (a.harmless.token() for a in ATTACKS)))
