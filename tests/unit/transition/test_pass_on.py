from dataclasses import replace

import pytest

from gateway.credential import OwnCertificate
from gateway.errors import TransitionFailed
from gateway.protocol.security import Secret, UsernameToken
from gateway.requester import Assumed, Requester, Verifier
from gateway.transition.pass_on import PassOnUsernameToken, UseOwnCertificate
from tests.builders import NOW, a_requester

TOKEN = UsernameToken("CORP\\alice", Secret(" not trimmed "))
WITH_PASSWORD = Requester("CORP\\alice", TOKEN, Verifier.PASSWORD_FILE, NOW)
WITH_CERTIFICATE = a_requester("CORP\\device01$")
CLAIMED = replace(WITH_PASSWORD, verified_by=Verifier.INTERNAL_CES)
IMAGINED = Requester("CORP\\alice", Assumed("UsernamePassword"), Verifier.NOBODY, NOW)


@pytest.mark.parametrize("requester", [WITH_PASSWORD, CLAIMED])
async def test_the_user_name_and_password_go_on_as_they_came(requester: Requester) -> None:
    assert await PassOnUsernameToken().credential(requester) is TOKEN


@pytest.mark.parametrize("requester", [WITH_CERTIFICATE, IMAGINED])
async def test_without_a_password_there_is_nothing_to_pass_on(requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="without a user name and password"):
        await PassOnUsernameToken().credential(requester)


@pytest.mark.parametrize("requester", [WITH_CERTIFICATE, WITH_PASSWORD])
async def test_the_gateways_own_name_is_lent_to_whom_it_has_verified(requester: Requester) -> None:
    assert await UseOwnCertificate().credential(requester) == OwnCertificate()


@pytest.mark.parametrize("requester", [CLAIMED, IMAGINED])
async def test_the_gateways_own_name_is_not_lent_to_whom_nobody_has_verified(requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="not verified by the gateway"):
        await UseOwnCertificate().credential(requester)


async def test_what_the_gateway_asks_by_itself_it_asks_under_its_own_certificate() -> None:
    assert await UseOwnCertificate().own_credential() == OwnCertificate()
