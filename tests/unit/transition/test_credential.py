from datetime import UTC, datetime

import pytest

from gateway.errors import TransitionFailed
from gateway.pki.certificate import Certificate
from gateway.pki.keys import PublicKey
from gateway.pki.names import Name
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Assumed, Requester, Verifier
from gateway.transition.credential import OwnCertificate, PassOnUsernameToken, UseOwnCertificate

TOKEN = UsernameToken("CORP\\alice", Secret(" not trimmed "))
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
CERTIFICATE = Certificate(
    der=b"",
    subject=Name(()),
    issuer=Name(()),
    serial_number=1,
    not_before=NEW_YEAR,
    not_after=NEW_YEAR,
    public_key=PublicKey("EC", 256, "secp256r1", b""),
    subject_alternative_name=(),
    sha256_fingerprint="00",
)
WITH_CERTIFICATE = Requester("CORP\\device01$", CERTIFICATE, Verifier.TLS, "devices")
IMAGINED = Requester("CORP\\alice", Assumed("UsernamePassword"), Verifier.NOBODY)


@pytest.mark.parametrize("verifier", [Verifier.PASSWORD_FILE, Verifier.INTERNAL_CES])
async def test_the_user_name_and_password_go_on_as_they_came(verifier: Verifier) -> None:
    credential = await PassOnUsernameToken().credential(Requester("CORP\\alice", TOKEN, verifier))

    assert credential is TOKEN


@pytest.mark.parametrize("requester", [WITH_CERTIFICATE, IMAGINED])
async def test_without_a_password_there_is_nothing_to_pass_on(requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="without a user name and password"):
        await PassOnUsernameToken().credential(requester)


@pytest.mark.parametrize("requester", [WITH_CERTIFICATE, Requester("CORP\\alice", TOKEN, Verifier.PASSWORD_FILE)])
async def test_the_gateways_own_name_is_lent_to_whom_it_has_verified(requester: Requester) -> None:
    assert await UseOwnCertificate().credential(requester) == OwnCertificate()


@pytest.mark.parametrize("requester", [Requester("CORP\\alice", TOKEN, Verifier.INTERNAL_CES), IMAGINED])
async def test_the_gateways_own_name_is_not_lent_to_whom_nobody_has_verified(requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="not verified by the gateway"):
        await UseOwnCertificate().credential(requester)
