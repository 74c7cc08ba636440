from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from lxml import etree

from gateway.account import Account, UserAccountControl
from gateway.authn.negotiate import ChannelBindings, NegotiateAuthenticator
from gateway.call import Call
from gateway.errors import (
    AccountDisabled,
    ChannelBindingsMissing,
    CredentialsMissing,
    GatewayError,
    KerberosFailed,
    NegotiateTokenMalformed,
    NtlmRefused,
    TicketNotAccepted,
    TicketReplayed,
    UnknownUser,
)
from gateway.kerberos.accepted import Accepted
from gateway.protocol.soap import Envelope
from gateway.protocol.spnego import MAX_TOKEN_BYTES, KerberosToken
from gateway.requester import Requester, Verifier
from gateway.tickets import EvidenceTicket
from tests.builders import NOW, an_account
from tests.silver_tickets import (
    KERBEROS,
    MICROSOFT_KERBEROS,
    NTLMSSP,
    Service,
    a_neg_token_init,
    a_ticket,
    an_ap_req,
)

ENVELOPE = Envelope("action", None, None, None, None, etree.Element("body"))
SERVICE = Service("HTTP/enroll.example", "CORP.EXAMPLE", key=b"k" * 32)
AP_REQ = an_ap_req(a_ticket(SERVICE, client="alice", now=NOW), made_at=NOW)
TOKEN = b64encode(a_neg_token_init(MICROSOFT_KERBEROS, KERBEROS, NTLMSSP, mech_token=AP_REQ)).decode()
BINDINGS = b"tls-server-end-point:" + bytes(32)
EVIDENCE = EvidenceTicket("alice@CORP.EXAMPLE", channel_bound=True, cache=None, reply_token=b"reply")
ALICE = an_account("alice")
ACCEPTED = Accepted(EVIDENCE, ALICE.sid)
CALL = Call(
    call_id="c1",
    received_at=NOW,
    peer="192.0.2.1",
    service="ces",
    client_certificate=None,
    negotiate=TOKEN,
    channel_bindings=BINDINGS,
    body=b"",
)


@dataclass
class FakeAcceptor:
    accepted: Accepted | GatewayError = ACCEPTED
    asked: list[tuple[KerberosToken, bytes | None]] = field(default_factory=list)

    async def accept(self, token: KerberosToken, channel_bindings: bytes | None) -> Accepted:
        self.asked.append((token, channel_bindings))
        if isinstance(self.accepted, GatewayError):
            raise self.accepted
        return self.accepted


@dataclass
class FakeDirectory:
    account: Account = ALICE

    async def find_by_sid(self, sid: str) -> Account:
        if sid != self.account.sid:
            raise UnknownUser(f"nobody has the SID {sid}")
        return self.account


@dataclass
class Gateway:
    acceptor: FakeAcceptor = field(default_factory=FakeAcceptor)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    channel_bindings: ChannelBindings = ChannelBindings.REQUIRED
    clock: Callable[[], datetime] = lambda: NOW

    async def authenticate(self, call: Call = CALL) -> Requester:
        authenticate = NegotiateAuthenticator(self.acceptor, self.directory, self.channel_bindings, self.clock)
        return await authenticate(call, ENVELOPE)


async def test_a_ticket_is_its_account_s() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    gateway = Gateway(clock=lambda: now)

    requester = await gateway.authenticate()

    assert requester == Requester(
        "alice@corp.example", EVIDENCE, Verifier.KERBEROS, now, mapping_rule=None, directory_account=ALICE
    )
    assert gateway.acceptor.asked[0][0].token == AP_REQ


async def test_without_a_token_there_is_nobody() -> None:
    with pytest.raises(CredentialsMissing):
        await Gateway().authenticate(replace(CALL, negotiate=None))


@pytest.mark.parametrize(
    "text",
    ["", "=", "a", TOKEN[:-1], TOKEN + " ", " " + TOKEN, TOKEN[:8] + "\n" + TOKEN[8:], "YIIB*", "é", TOKEN + "=="],
)
async def test_what_is_not_one_token_in_base64_reaches_nobody(text: str) -> None:
    gateway = Gateway()

    with pytest.raises(NegotiateTokenMalformed):
        await gateway.authenticate(replace(CALL, negotiate=text))
    assert not gateway.acceptor.asked


@pytest.mark.parametrize(
    ("token", "error"),
    [
        (b"NTLMSSP\0\1\0\0\0", NtlmRefused),
        (a_neg_token_init(NTLMSSP, mech_token=b"NTLMSSP\0\1\0\0\0"), NtlmRefused),
        (b"garbage", NegotiateTokenMalformed),
        (bytes(MAX_TOKEN_BYTES + 1), NegotiateTokenMalformed),
    ],
)
async def test_what_is_not_kerberos_reaches_nobody(token: bytes, error: type[GatewayError]) -> None:
    gateway = Gateway()

    with pytest.raises(error):
        await gateway.authenticate(replace(CALL, negotiate=b64encode(token).decode()))
    assert not gateway.acceptor.asked


async def test_what_the_acceptor_refuses_is_refused() -> None:
    gateway = Gateway(FakeAcceptor(TicketReplayed("again")))

    with pytest.raises(TicketReplayed):
        await gateway.authenticate()


# --- channel bindings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (ChannelBindings.REQUIRED, BINDINGS),
        (ChannelBindings.WHEN_PRESENT, BINDINGS),
        (ChannelBindings.OFF, None),
    ],
)
async def test_bindings_are_checked_unless_they_are_off(setting: ChannelBindings, expected: bytes | None) -> None:
    gateway = Gateway(channel_bindings=setting)

    await gateway.authenticate()

    assert gateway.acceptor.asked[0][1] == expected


async def test_a_token_that_is_not_bound_is_refused_only_where_it_must_be() -> None:
    unbound = FakeAcceptor(Accepted(replace(EVIDENCE, channel_bound=False), ALICE.sid))

    with pytest.raises(ChannelBindingsMissing, match=r"alice@CORP\.EXAMPLE"):
        await Gateway(unbound, channel_bindings=ChannelBindings.REQUIRED).authenticate()
    for setting in (ChannelBindings.WHEN_PRESENT, ChannelBindings.OFF):
        assert (await Gateway(unbound, channel_bindings=setting).authenticate()).directory_account == ALICE


async def test_a_certificate_without_bindings_fails_where_they_must_be_checked() -> None:
    """And the token is not used up by it."""
    call = replace(CALL, channel_bindings=None)
    gateway = Gateway()

    with pytest.raises(KerberosFailed, match="RSA or ECDSA"):
        await gateway.authenticate(call)
    assert not gateway.acceptor.asked

    await Gateway(channel_bindings=ChannelBindings.WHEN_PRESENT).authenticate(call)


# --- the account ----------------------------------------------------------------------------------------------------


async def test_without_a_sid_the_name_says_nothing() -> None:
    """Whoever asks for a ticket without a PAC is called in it what he called himself."""
    gateway = Gateway(FakeAcceptor(Accepted(EVIDENCE, None)))

    with pytest.raises(TicketNotAccepted, match="no PAC with a SID"):
        await gateway.authenticate()


async def test_an_account_that_is_gone_is_nobody() -> None:
    with pytest.raises(UnknownUser):
        await Gateway(FakeAcceptor(Accepted(EVIDENCE, "S-1-5-21-1-2-3-9999"))).authenticate()


async def test_a_ticket_from_before_the_account_was_disabled_is_refused() -> None:
    disabled = an_account("alice", user_account_control=UserAccountControl.ACCOUNTDISABLE)

    with pytest.raises(AccountDisabled):
        await Gateway(directory=FakeDirectory(disabled)).authenticate()
