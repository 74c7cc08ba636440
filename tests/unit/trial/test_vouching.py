from datetime import timedelta

import pytest

from gateway.errors import SignerExpired, SignerRefused, SignerUntrusted
from gateway.pki import write
from gateway.pki.certificate import parse_certificate
from gateway.pki.write_request import Signer, issue
from gateway.trial.vouching import vouched_for
from tests.builders import NOW
from tests.requests import a_key


def an_authority(name: str = "Example CA", key: str = "authority") -> Signer:
    return issue(
        subject=write.name([("commonName", name)]),
        key=a_key(name=key),
        serial_number=1,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=1),
        extensions=[write.basic_constraints(ca=True)],
    )


def a_signer(issuer: Signer, days: int = 1) -> Signer:
    return issue(
        subject=write.name([("commonName", "pc1")]),
        key=a_key(name="signer"),
        serial_number=2,
        not_before=NOW - timedelta(days=3),
        not_after=NOW + timedelta(days=days),
        extensions=[],
        issuer=issuer,
    )


def test_who_has_a_certificate_of_an_authority_is_vouched_for() -> None:
    certificate = parse_certificate(a_signer(an_authority()).certificate)

    (trusted,) = vouched_for([certificate], [an_authority("Another CA"), an_authority()], NOW)

    assert (trusted.certificate, trusted.authority) == (certificate, "Example CA")


@pytest.mark.parametrize(
    ("signer", "refused"),
    [
        (a_signer(an_authority("Another CA")), SignerUntrusted),
        (a_signer(an_authority(key="stranger")), SignerUntrusted),
        (a_signer(an_authority(), days=-1), SignerExpired),
    ],
)
def test_who_has_none_or_an_old_one_is_not(signer: Signer, refused: type[SignerRefused]) -> None:
    good = parse_certificate(a_signer(an_authority()).certificate)

    with pytest.raises(refused):
        vouched_for([good, parse_certificate(signer.certificate)], [an_authority()], NOW)
