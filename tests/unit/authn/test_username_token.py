from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from gateway.authn.username_token import InternalCesDecides, UsernameTokenAuthenticator, Verified
from gateway.call import Call
from gateway.errors import CredentialsMissing, SecurityHeaderInvalid, UnknownUser, WrongPassword
from gateway.protocol.security import Secret, Security, Timestamp, UsernameToken
from gateway.protocol.soap import Envelope
from gateway.requester import Requester, Verifier
from gateway.tickets import CredentialCache, TicketGrantingTicket
from tests.builders import an_account

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
CALL = Call("c1", NOW, "192.0.2.1", "ces", None, None, None, b"")
TOKEN = UsernameToken("Alice", Secret(" secret "))


async def knows_alice(token: UsernameToken) -> Verified:
    if token.username.lower() != "alice":
        raise UnknownUser(token.username)
    if token.password.reveal() != " secret ":
        raise WrongPassword(token.username)
    return Verified("alice", Verifier.PASSWORD_FILE, token)


async def authenticate(security: Security | None) -> Requester:
    envelope = Envelope("action", None, None, None, security, etree.Element("body"))
    return await UsernameTokenAuthenticator(knows_alice, lambda: NOW)(CALL, envelope)


async def test_the_account_is_the_name_that_was_verified() -> None:
    requester = await authenticate(Security(None, TOKEN))

    assert requester == Requester("alice", TOKEN, Verifier.PASSWORD_FILE, NOW)


async def test_what_was_verified_is_what_the_requester_is() -> None:
    ticket = TicketGrantingTicket("alice@CORP.EXAMPLE", CredentialCache("MEMORY:alice"))

    async def verify(_token: UsernameToken) -> Verified:
        return Verified("alice@corp.example", Verifier.KERBEROS, ticket, an_account())

    envelope = Envelope("action", None, None, None, Security(None, TOKEN), etree.Element("body"))
    requester = await UsernameTokenAuthenticator(verify, lambda: NOW)(CALL, envelope)

    assert requester == Requester("alice@corp.example", ticket, Verifier.KERBEROS, NOW, directory_account=an_account())
    assert requester.authentication == "UsernamePassword"


async def test_the_verifiers_refusal_is_the_refusal() -> None:
    with pytest.raises(WrongPassword):
        await authenticate(Security(None, UsernameToken("alice", Secret("secret"))))


@pytest.mark.parametrize("security", [None, Security(None, None), Security(Timestamp(NOW, NOW), None)])
async def test_without_a_token_there_is_nobody(security: Security | None) -> None:
    with pytest.raises(CredentialsMissing):
        await authenticate(security)


@pytest.mark.parametrize("token", [UsernameToken("", Secret("x")), UsernameToken("alice", Secret(""))])
async def test_half_a_token_is_none(token: UsernameToken) -> None:
    with pytest.raises(CredentialsMissing):
        await authenticate(Security(None, token))


@pytest.mark.parametrize("username", ["ali\0ce", "alice\r\nevil", "ali\u202ece", " alice", "a" * 257])
async def test_what_is_no_account_name_is_not_looked_up(username: str) -> None:
    with pytest.raises(UnknownUser) as raised:
        await authenticate(Security(None, UsernameToken(username, Secret("x"))))

    assert "user name" in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("created", "expires"),
    [
        (NOW, NOW + 5 * MINUTE),
        (NOW, NOW),
        (NOW + 5 * MINUTE, NOW + 10 * MINUTE),
        (NOW - 10 * MINUTE, NOW - 5 * MINUTE),
    ],
)
async def test_a_timestamp_within_the_skew_is_taken(created: datetime, expires: datetime) -> None:
    requester = await authenticate(Security(Timestamp(created, expires), TOKEN))

    assert requester.account == "alice"


@pytest.mark.parametrize(
    ("created", "expires"),
    [
        (NOW + 5 * MINUTE + SECOND, NOW + 10 * MINUTE),
        (NOW - 10 * MINUTE, NOW - 5 * MINUTE - SECOND),
        (NOW + SECOND, NOW),
    ],
)
async def test_a_stale_early_or_impossible_timestamp_is_refused(created: datetime, expires: datetime) -> None:
    with pytest.raises(SecurityHeaderInvalid):
        await authenticate(Security(Timestamp(created, expires), TOKEN))


async def test_where_the_inside_decides_the_account_is_a_claim() -> None:
    envelope = Envelope("action", None, None, None, Security(None, TOKEN), etree.Element("body"))

    requester = await UsernameTokenAuthenticator(InternalCesDecides(), lambda: NOW)(CALL, envelope)

    assert requester.account == "Alice"
    assert not requester.is_verified


async def test_no_error_text_holds_the_password() -> None:
    with pytest.raises(UnknownUser) as raised:
        await authenticate(Security(None, UsernameToken("bob\n", Secret("canary"))))

    assert "canary" not in str(raised.value)
