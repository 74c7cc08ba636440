"""With tickets that the tests make themselves, and the service's side by the library itself: no KDC is there."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gssapi.raw as gss
import krb5
import pytest
import spnego
from gssapi.raw.named_tuples import AcceptSecContextResult

from gateway.errors import (
    GatewayError,
    KerberosFailed,
    MutualAuthenticationFailed,
    Overloaded,
    TicketRefusedInside,
)
from gateway.kerberos import ccache
from gateway.kerberos.negotiation import Negotiation, Negotiator
from gateway.kerberos.workers import Workers
from gateway.protocol.spnego import parse_kerberos_token
from gateway.tickets import CredentialCache, ServiceTicket
from tests.requests import sequence, tlv
from tests.silver_tickets import KERBEROS, Service, a_keytab, a_ticket

REALM = "CORP.FABRIKAM.EXAMPLE"
CES = Service("HTTP/ces.corp.fabrikam.example", REALM, key=b"c" * 32)
BINDINGS = b"tls-server-end-point:" + bytes(32)
HOUR = timedelta(hours=1)
DAY = (timedelta(hours=-1), timedelta(hours=23))

NTLM_CHALLENGE = tlv(
    0xA1,
    sequence(
        tlv(0xA0, b"\x0a\x01\x01"),
        tlv(0xA1, b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"),
        tlv(0xA2, b"\x04\x08NTLMSSP\0"),
    ),
)


class InternalService:
    """Takes every ticket that its key opens."""

    def __init__(self, directory: Path) -> None:
        self._keytab = directory / "service.keytab"
        self._replay_cache = directory / "replay"
        self.has_key(CES.key)

    def has_key(self, key: bytes) -> None:
        self._keytab.write_bytes(a_keytab(Service(CES.principal, REALM, key)))

    def accepts(self, token: bytes, channel_bindings: bytes | None = None) -> AcceptSecContextResult:
        store: dict[bytes | str, bytes | str] = {
            b"keytab": str(self._keytab).encode(),
            b"rcache": f"file2:{self._replay_cache}".encode(),
        }
        bindings = None if channel_bindings is None else gss.ChannelBindings(application_data=channel_bindings)
        return gss.accept_sec_context(
            token, gss.acquire_cred_from(store, usage="accept").creds, channel_bindings=bindings
        )

    def answers(self, token: bytes) -> bytes:
        """With its proof, or with a rejection."""
        try:
            reply = self.accepts(token).token
        except gss.GSSError as error:
            reply = error.token
        assert reply is not None
        return reply


@dataclass
class LibraryContext:
    """pyspnego's, if it behaved in another way than it does."""

    makes: bytes | None
    complete: bool = False
    context_attr: int = 0

    def step(self, _reply: bytes | None = None) -> bytes | None:
        return self.makes


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InternalService:
    """Nobody listens where the KDC is said to be, and DNS is asked for nothing."""
    configuration = (
        f"[libdefaults]\ndefault_realm = {REALM}\ndns_canonicalize_hostname = false\n"
        f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:1\n}}\n"
    )
    (tmp_path / "krb5.conf").write_text(configuration)
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    monkeypatch.setenv("KRB5CCNAME", "MEMORY:nobody")
    return InternalService(tmp_path)


@pytest.fixture
def negotiator(service: InternalService) -> Iterator[Negotiator]:
    workers = Workers(1, 1)
    yield Negotiator(workers)
    workers.close()


def a_service_ticket(
    lifetime: tuple[timedelta, timedelta] = DAY, *, of: Service = CES, cache: CredentialCache | None = None
) -> ServiceTicket:
    """Alice's; it says that it is for CES, whatever it is `of`."""
    ticket = a_ticket(of, client="alice", now=datetime.now(UTC), lifetime=lifetime)
    return ServiceTicket(
        account="alice@corp.fabrikam.example",
        client=f"alice@{REALM}",
        service_principal_name=f"{CES.principal}@{REALM}",
        starts=ticket.starts,
        ends=ticket.ends,
        cache=cache or ccache.holding(krb5.unmarshal_credentials(krb5.init_context(), ticket.credential)),
    )


async def error_of(negotiation: Negotiation, reply: bytes | None) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        await negotiation.finish(reply)
    return refused.value


# --- the token ------------------------------------------------------------------------------------------------------


async def test_the_token_is_kerberos_inside_of_spnego(negotiator: Negotiator) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)

    assert parse_kerberos_token(negotiation.token).mech_type == KERBEROS


async def test_the_service_sees_the_client_and_proves_itself(negotiator: Negotiator, service: InternalService) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)

    context = service.accepts(negotiation.token)
    await negotiation.finish(context.token)

    assert context.initiator_name is not None
    assert gss.display_name(context.initiator_name, name_type=False).name == f"alice@{REALM}".encode()


@pytest.mark.parametrize(("bindings", "flag"), [(BINDINGS, 0x800), (None, 0)])
async def test_the_token_is_bound_to_the_connection(
    negotiator: Negotiator, service: InternalService, bindings: bytes | None, flag: int
) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), bindings)

    assert int(service.accepts(negotiation.token, BINDINGS).flags) & 0x800 == flag


async def test_a_token_that_is_bound_to_another_connection_is_of_no_use(
    negotiator: Negotiator, service: InternalService
) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), BINDINGS)

    with pytest.raises(gss.GSSError, match="channel bindings"):
        service.accepts(negotiation.token, b"tls-server-end-point:other")


async def test_one_ticket_makes_many_tokens(negotiator: Negotiator, service: InternalService) -> None:
    ticket = a_service_ticket()

    for _ in range(3):
        negotiation = await negotiator.begin(ticket, None)
        await negotiation.finish(service.answers(negotiation.token))


@pytest.mark.parametrize(
    "ticket",
    [
        pytest.param(lambda: a_service_ticket((-9 * HOUR, -HOUR)), id="expired"),
        pytest.param(lambda: a_service_ticket(cache=ccache.new()), id="an empty cache"),
        pytest.param(lambda: a_service_ticket(cache=CredentialCache("MEMORY:nosuch")), id="no cache"),
        pytest.param(lambda: a_service_ticket(of=Service("HTTP/other", REALM, b"o" * 32)), id="another service's"),
        pytest.param(lambda: a_service_ticket(of=Service(CES.principal.upper(), REALM, CES.key)), id="in capitals"),
    ],
)
async def test_without_a_good_ticket_there_is_no_token_and_no_ntlm(
    negotiator: Negotiator, ticket: Callable[[], ServiceTicket]
) -> None:
    with pytest.raises(KerberosFailed, match=r"no token can be made of the ticket for HTTP/ces\.corp"):
        await negotiator.begin(ticket(), None)


@pytest.mark.parametrize("made", [b"NTLMSSP\0\1\0\0\0", b"", None])
async def test_whatever_else_the_library_makes_is_not_sent(
    negotiator: Negotiator, monkeypatch: pytest.MonkeyPatch, made: bytes | None
) -> None:
    monkeypatch.setattr(spnego, "client", lambda *_, **__: LibraryContext(made))

    with pytest.raises(KerberosFailed, match="is not sent"):
        await negotiator.begin(a_service_ticket(), None)


# --- the reply ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [None, b"", b"garbage", NTLM_CHALLENGE, tlv(0xA1, sequence())])
async def test_a_reply_that_is_no_proof_is_refused(negotiator: Negotiator, reply: bytes | None) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)

    assert isinstance(await error_of(negotiation, reply), MutualAuthenticationFailed)


@pytest.mark.parametrize(
    ("complete", "flags"), [(False, spnego.ContextReq.mutual_auth), (True, spnego.ContextReq.integrity)]
)
async def test_what_the_library_does_not_take_for_a_proof_is_none(
    service: InternalService, negotiator: Negotiator, monkeypatch: pytest.MonkeyPatch, *, complete: bool, flags: int
) -> None:
    token = (await negotiator.begin(a_service_ticket(), None)).token
    monkeypatch.setattr(spnego, "client", lambda *_, **__: LibraryContext(token, complete=complete, context_attr=flags))
    negotiation = await negotiator.begin(a_service_ticket(), None)

    refusal = await error_of(negotiation, service.answers(token))

    assert isinstance(refusal, MutualAuthenticationFailed)
    assert "go on negotiating" in str(refusal)


@pytest.mark.parametrize("state", [b"\x00", b"\x01", b"\x03"])
async def test_a_state_alone_proves_nothing(negotiator: Negotiator, state: bytes) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)
    reply = tlv(0xA1, sequence(tlv(0xA0, b"\x0a\x01" + state)))

    assert isinstance(await error_of(negotiation, reply), MutualAuthenticationFailed)


async def test_the_proof_of_another_token_is_refused(negotiator: Negotiator, service: InternalService) -> None:
    ticket = a_service_ticket()
    one, other = await negotiator.begin(ticket, None), await negotiator.begin(ticket, None)

    refusal = await error_of(one, service.answers(other.token))

    assert isinstance(refusal, MutualAuthenticationFailed)


async def test_a_rejection_is_told_with_its_code(negotiator: Negotiator, service: InternalService) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)
    service.has_key(b"w" * 32)

    refusal = await error_of(negotiation, service.answers(negotiation.token))

    assert isinstance(refusal, TicketRefusedInside)
    assert refusal.sent
    assert "KRB_AP_ERR_BAD_INTEGRITY (31)" in str(refusal)


async def test_a_replayed_token_is_told_as_one(negotiator: Negotiator, service: InternalService) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)
    service.answers(negotiation.token)

    refusal = await error_of(negotiation, service.answers(negotiation.token))

    assert "KRB_AP_ERR_REPEAT (34)" in str(refusal)


async def test_a_rejection_without_a_reason_is_one(negotiator: Negotiator) -> None:
    negotiation = await negotiator.begin(a_service_ticket(), None)

    refusal = await error_of(negotiation, tlv(0xA1, sequence(tlv(0xA0, b"\x0a\x01\x02"))))

    assert isinstance(refusal, TicketRefusedInside)


# --- the threads ----------------------------------------------------------------------------------------------------


async def test_a_flood_of_tickets_from_outside_delays_no_negotiation(service: InternalService) -> None:
    """Else a certificate could be lost that the CA has issued."""
    workers, door = Workers(1, 1, waiting=0), threading.Event()
    flood = asyncio.ensure_future(workers.locally(door.wait, 60))
    await asyncio.wait((flood,), timeout=0)
    with pytest.raises(Overloaded):
        await workers.locally(door.is_set)

    negotiation = await Negotiator(workers).begin(a_service_ticket(), None)
    await negotiation.finish(service.answers(negotiation.token))

    assert not flood.done()
    door.set()
    assert await flood
    workers.close()
