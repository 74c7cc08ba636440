import asyncio
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.errors import (
    GatewayError,
    KerberosFailed,
    MutualAuthenticationFailed,
    TicketRefusedInside,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.pki.channel_binding import tls_server_end_point
from gateway.protocol.soap import Envelope, UpstreamRefused
from gateway.tickets import ServiceTicket
from gateway.upstream.answer import HttpAnswer, Question
from gateway.upstream.negotiate import Authorization
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient
from tests.builders import NOW
from tests.certificates import Authority, a_server_certificate, an_authority
from tests.fakes.internal import HOST, SOAP_12, Act, Body, Exchange, FakeInternal, Received, hangs_up, replies
from tests.fakes.messages import a_fault, an_answer
from tests.unit.transition.samples import a_kerberos_credential

QUESTION = "urn:example:question"
ANSWER = "urn:example:answer"
GOOD = an_answer(ANSWER, "<x/>")
ALICE = a_kerberos_credential("alice@corp.example")
BOB = a_kerberos_credential("bob@corp.example")


# --- the two sides of Kerberos, in words ----------------------------------------------------------------------------


@dataclass
class FakeNegotiation:
    token: bytes

    async def finish(self, reply: bytes | None) -> None:
        if reply is not None and reply.startswith(b"KRB-ERROR"):
            raise TicketRefusedInside(reply.decode(), sent=True)
        if reply != b"proof for " + self.token:
            raise MutualAuthenticationFailed(f"{reply!r} proves nothing")


@dataclass
class FakeNegotiator:
    """Makes `token 1 of alice@corp.example` of a ticket of hers."""

    begun: list[tuple[ServiceTicket, bytes | None]] = field(default_factory=list)
    error: GatewayError | None = None
    may_begin: asyncio.Event = field(default_factory=asyncio.Event)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_begin.set()

    async def begin(self, ticket: ServiceTicket, channel_bindings: bytes | None) -> FakeNegotiation:
        self.begun.append((ticket, channel_bindings))
        self.has_begun.set()
        await self.may_begin.wait()
        if self.error is not None:
            raise self.error
        return FakeNegotiation(f"token {len(self.begun)} of {ticket.account}".encode())


def token_of(received: Received) -> bytes:
    scheme, _, data = (received.header("Authorization") or "").partition(" ")
    assert scheme == "Negotiate"
    return b64decode(data, validate=True)


def account_of(received: Received) -> str:
    return token_of(received).decode().rpartition(" ")[2]


def negotiate(data: bytes) -> str:
    return f"Negotiate {b64encode(data).decode()}"


def challenges(
    body: Body = b"", *values: str | Callable[[bytes], str], status: int = 200, content_type: str = SOAP_12
) -> Act:
    """An answer with these values of WWW-Authenticate; a function makes one of the client's token."""

    async def act(exchange: Exchange) -> None:
        token = token_of(exchange.received)
        headers = tuple(("WWW-Authenticate", value if isinstance(value, str) else value(token)) for value in values)
        await replies(body, status=status, content_type=content_type, headers=headers)(exchange)

    return act


def proof(token: bytes) -> str:
    return negotiate(b"proof for " + token)


def proves(body: Body = GOOD, *, status: int = 200) -> Act:
    return challenges(body, proof, status=status)


# --- the client in its world ----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path, "Corp Root CA")


@dataclass
class Client:
    """A SoapClient with what it was given."""

    soap: SoapClient
    negotiator: FakeNegotiator
    refused: list[ServiceTicket]

    async def ask(self, credential: Any = ALICE) -> Envelope:
        return await self.soap.exchange(QUESTION, etree.Element("{urn:example}q"), credential, answer_action=ANSWER)

    async def error(self, credential: Any = ALICE) -> GatewayError:
        with pytest.raises(GatewayError) as caught:
            await self.ask(credential)
        return caught.value


ClientOf = Callable[..., Client]


@pytest.fixture
async def client_of() -> AsyncIterator[ClientOf]:
    """Makes clients of a fake; closes them at the end of the test."""
    async with AsyncExitStack() as stack:

        def make(fake: FakeInternal, **more: Any) -> Client:
            settings: dict[str, Any] = {"url": fake.url, "trust": fake.trust, "server_address": fake.address, **more}
            negotiator, refused = FakeNegotiator(), list[ServiceTicket]()
            soap = SoapClient(
                UpstreamSettings(**settings), lambda: NOW, negotiator=negotiator, on_refused=refused.append
            )
            stack.push_async_exit(soap)
            return Client(soap, negotiator, refused)

        yield make


# --- what is sent ---------------------------------------------------------------------------------------------------


async def test_the_token_goes_out_with_the_first_request_and_no_other_header_does(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, proves()) as fake:
        envelope = await client_of(fake).ask()

    assert envelope.action == ANSWER
    (received,) = fake.received
    assert sorted(received.headers) == [
        ("Accept-Encoding", "identity"),
        ("Authorization", negotiate(b"token 1 of alice@corp.example")),
        ("Connection", "close"),
        ("Content-Length", str(len(received.body))),
        ("Content-Type", "application/soap+xml; charset=utf-8"),
        ("Host", f"{HOST}:{fake.port}"),
        ("User-Agent", "ces-gateway"),
    ]
    assert b"Security" not in received.body


async def test_the_token_is_bound_to_the_certificate_that_this_connection_showed(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake)
        shown = []
        for _ in range(2):
            # A farm of servers, or a certificate that is renewed meanwhile.
            certificate = a_server_certificate(authority, HOST)
            fake._context.load_cert_chain(certificate.certificate_path, certificate.key_path)
            shown.append(certificate.der)
            await client.ask()

    assert [bindings for _, bindings in client.negotiator.begun] == [tls_server_end_point(der) for der in shown]
    assert shown[0] != shown[1]


async def test_what_cannot_be_bound_to_is_not_sent_to() -> None:
    negotiator = FakeNegotiator()

    with pytest.raises(UpstreamUnavailable, match="no token can be bound to its TLS") as caught:
        await Authorization(negotiator, ALICE.ticket, "https://ces").header(b"no certificate")

    assert not caught.value.sent
    assert negotiator.begun == []


async def test_a_ticket_without_a_negotiator_goes_nowhere(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, proves()) as fake:
        settings = UpstreamSettings(url=fake.url, trust=fake.trust, server_address=fake.address)
        async with SoapClient(settings, lambda: NOW) as client:
            with pytest.raises(AssertionError, match="negotiator"):
                await Client(client, FakeNegotiator(), []).ask()

    assert fake.connections == 0


# --- isolation ------------------------------------------------------------------------------------------------------


async def test_a_connection_is_never_used_for_two_exchanges(authority: Authority, client_of: ClientOf) -> None:
    """Many at once on few connections, errors and cancellations among them: each request has its own connection."""
    in_full_swing = asyncio.Event()

    async def proves_and_tells(exchange: Exchange) -> None:
        in_full_swing.set()
        await proves()(exchange)

    script = [proves(), challenges(), challenges(status=401), hangs_up, proves(a_fault(), status=500)] * 2
    async with FakeInternal(authority, *script, proves_and_tells, *(script * 5)) as fake:
        client = client_of(fake, max_connections=3)
        callers = [asyncio.ensure_future(client.ask((ALICE, BOB)[n % 2])) for n in range(60)]
        await in_full_swing.wait()
        for caller in callers[::7]:
            caller.cancel()
        await asyncio.wait(callers)
        for caller in callers:
            assert caller.cancelled() or caller.exception() is None or isinstance(caller.exception(), GatewayError)

    uses = Counter(received.connection for received in fake.received)
    assert set(uses.values()) == {1}
    assert {account_of(received) for received in fake.received} == {ALICE.ticket.account, BOB.ticket.account}


async def test_not_even_one_account_uses_a_connection_twice(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake)
        await client.ask()
        await client.ask()

    assert [received.connection for received in fake.received] == [1, 2]
    assert [token_of(received) for received in fake.received] == [
        b"token 1 of alice@corp.example",
        b"token 2 of alice@corp.example",
    ]


# --- whether the answer is the service's ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("Negotiate",),
        ("NTLM",),
        (negotiate(b"somebody else's proof"),),
        (proof, proof),
        ("Negotiate !",),
        (lambda token: proof(token).replace("Negotiate", "Kerberos"),),
    ],
    ids=["none", "no data", "NTLM", "another's", "two", "not base64", "another scheme"],
)
@pytest.mark.parametrize(("body", "status"), [(GOOD, 200), (a_fault(error_code=-2146877422), 500)])
async def test_an_answer_without_proof_is_not_believed(
    authority: Authority, client_of: ClientOf, values: tuple[Any, ...], body: Body, status: int
) -> None:
    async with FakeInternal(authority, challenges(body, *values, status=status)) as fake:
        client = client_of(fake)
        error = await client.error()

    assert type(error) is MutualAuthenticationFailed
    assert client.refused == []


async def test_a_proven_refusal_is_the_services(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, proves(a_fault(error_code=-2146877422), status=500)) as fake:
        error = await client_of(fake).error()

    assert isinstance(error, UpstreamRefused)


async def test_a_proof_does_not_make_up_for_a_bad_answer(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, proves(an_answer(ANSWER, "<x/>", relates_to="urn:uuid:another"))) as fake:
        error = await client_of(fake).error()

    assert type(error) is UpstreamMisbehaved


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, UpstreamMisbehaved), (200, UpstreamMisbehaved), (503, UpstreamUnavailable), (403, TicketRefusedInside)],
)
async def test_what_is_no_answer_is_told_by_its_status_and_needs_no_proof(
    authority: Authority, client_of: ClientOf, status: int, kind: type[GatewayError]
) -> None:
    async with FakeInternal(authority, challenges(b"<html>", status=status, content_type="text/html")) as fake:
        error = await client_of(fake).error()

    assert type(error) is kind
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    "header",
    ["Negotiate {}", "negotiate {}", "NTLM, Negotiate {}", "Negotiate  {} ", 'Basic realm="x", Negotiate {}, NTLM'],
)
async def test_the_proof_is_found_among_other_challenges(header: str) -> None:
    question = Question("https://ces", "urn:uuid:1", ANSWER, ALICE)
    authorization = Authorization(FakeNegotiator(), ALICE.ticket, "https://ces", FakeNegotiation(b"token"))
    value = header.format(b64encode(b"proof for token").decode())

    await authorization.verify(HttpAnswer(200, "application/soap+xml", "", b"", ("NTLM", value)), question)


# --- a ticket that is not let in ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        ((), ""),
        (("Negotiate", "NTLM"), ""),
        (("Negotiate, NTLM",), ""),
        ((negotiate(b"KRB-ERROR: KRB_AP_ERR_MODIFIED"),), "KRB_AP_ERR_MODIFIED"),
        ((proof,), "has accepted the ticket, but the account may not"),
        ((negotiate(b"garbage"),), "proves nothing"),
        (("Negotiate !",), ""),
        ((proof, proof), ""),
    ],
    ids=["nothing", "challenges", "one header", "KRB-ERROR", "proof", "garbage", "not base64", "two"],
)
async def test_a_refused_ticket_is_told_with_what_to_check_and_let_go_of(
    authority: Authority, client_of: ClientOf, values: tuple[Any, ...], detail: str
) -> None:
    act = challenges(b"<html>", *values, status=401, content_type="text/html")
    async with FakeInternal(authority, act, proves()) as fake:
        client = client_of(fake)
        error = await client.error()

    assert type(error) is TicketRefusedInside
    assert error.sent
    assert "setspn -Q" in str(error)
    assert detail in str(error)
    assert client.refused == [ALICE.ticket]
    # No second leg, and nothing weaker either.
    assert len(fake.received) == 1


async def test_a_401_with_soap_in_it_is_believed_no_more_than_another(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, challenges(GOOD, proof, status=401)) as fake:
        assert type(await client_of(fake).error()) is TicketRefusedInside


async def test_a_refusal_inside_the_token_of_another_status_counts_too(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, challenges(GOOD, negotiate(b"KRB-ERROR"))) as fake:
        client = client_of(fake)
        error = await client.error()

    assert type(error) is TicketRefusedInside
    assert client.refused == [ALICE.ticket]


# --- what goes wrong before anything is sent ------------------------------------------------------------------------


async def test_a_server_that_tls_does_not_trust_gets_no_token(
    authority: Authority, client_of: ClientOf, tmp_path: Path
) -> None:
    async with FakeInternal(an_authority(tmp_path, "Another Root CA"), proves()) as fake:
        client = client_of(fake, trust=authority.certificate_path)
        error = await client.error()

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert client.negotiator.begun == []


async def test_without_a_connection_no_token_is_made(authority: Authority, client_of: ClientOf) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake)
    error = await client.error()

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert client.negotiator.begun == []


async def test_where_no_token_can_be_made_nothing_is_sent_and_the_connection_is_given_back(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake, max_connections=1)
        client.negotiator.error = KerberosFailed("no token")
        assert await client.error() is client.negotiator.error
        client.negotiator.error = None
        await client.ask()

    assert [received.connection for received in fake.received] == [2]


async def test_who_gives_up_while_the_token_is_made_gives_the_connection_back(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake, max_connections=1)
        client.negotiator.may_begin.clear()
        caller = asyncio.ensure_future(client.ask())
        await client.negotiator.has_begun.wait()
        caller.cancel()
        await asyncio.wait((caller,))
        client.negotiator.may_begin.set()
        await client.ask(BOB)

    assert [account_of(received) for received in fake.received] == [BOB.ticket.account]


async def test_a_token_that_is_not_made_in_time_was_certainly_not_sent(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, proves()) as fake:
        client = client_of(fake, connect_seconds=0.2, answer_seconds=0.2)
        client.negotiator.may_begin.clear()
        error = await client.error()

    assert isinstance(error, UpstreamUnavailable)
    assert not error.sent
    assert "no token for it in time" in str(error)
    assert fake.received == []


async def test_a_connection_that_breaks_after_the_token_may_have_been_served(
    authority: Authority, client_of: ClientOf
) -> None:
    async with FakeInternal(authority, hangs_up, proves()) as fake:
        error = await client_of(fake).error()

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert len(fake.received) == 1
