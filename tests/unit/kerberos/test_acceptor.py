"""With tickets that the tests make themselves: no KDC is there."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gssapi.raw
import pytest
from gssapi.raw.named_tuples import GetNameAttributeResult

from gateway.errors import (
    ChannelBindingsWrong,
    GatewayError,
    KdcSilent,
    KerberosFailed,
    NegotiateTokenMalformed,
    OwnKeytabUnusable,
    TicketNotAccepted,
    TicketReplayed,
)
from gateway.kerberos.accepted import Accepted
from gateway.kerberos.acceptor import Acceptor
from gateway.kerberos.workers import Workers
from gateway.protocol.spnego import parse_kerberos_token, parse_neg_token_resp
from gateway.tickets import CredentialCache
from tests.silver_tickets import (
    FORWARDABLE,
    KERBEROS,
    MICROSOFT_KERBEROS,
    TRANSITED_POLICY_CHECKED,
    Pac,
    Service,
    a_keytab,
    a_neg_token_init,
    a_pac,
    a_ticket,
    an_ap_req,
)

REALM = "CORP.FABRIKAM.EXAMPLE"
OLD = Service("HTTP/enroll.fabrikam.example", REALM, key=b"o" * 32, kvno=1)
NEW = Service("HTTP/enroll.fabrikam.example", REALM, key=b"n" * 32, kvno=2)
OTHER = Service("HTTP/other.fabrikam.example", REALM, key=b"x" * 32, kvno=1)
SID = "S-1-5-21-1-2-3-1104"
BINDINGS = b"tls-server-end-point:" + bytes(32)
HOUR = timedelta(hours=1)

_microseconds = count()
"""Tells the authenticators of one second apart."""


def a_token(service: Service = NEW, *, made: timedelta = timedelta(0), **details: Any) -> bytes:
    """Of alice, unless the details of `a_ticket` or `an_ap_req` say other things; `made` that long from now."""
    now = datetime.now(UTC)
    of_token = {key: details.pop(key) for key in ("shown_by", "channel_bindings", "context_flags") if key in details}
    ticket = a_ticket(service, **{"client": "alice", "now": now, "pac": a_pac(sid=SID), **details})
    return an_ap_req(ticket, made_at=now + made, microseconds=next(_microseconds), **of_token)


class OwnCache:
    """The gateway's own TGT, which cannot be had."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> CredentialCache:
        self.asked += 1
        raise KdcSilent("no answer")


class Gateway:
    """An acceptor, and what it works with."""

    def __init__(self, directory: Path, workers: Workers) -> None:
        self.keytab = directory / "gateway.keytab"
        self.replay_cache = directory / "replay"
        self.own_cache = OwnCache()
        self.workers = workers
        self.has_keys(NEW)

    def has_keys(self, *services: Service) -> None:
        self.keytab.write_bytes(a_keytab(*services))

    async def accept(
        self, token: bytes, channel_bindings: bytes | None = None, *, keeps_evidence: bool = False
    ) -> Accepted:
        own_cache = self.own_cache if keeps_evidence else None
        acceptor = Acceptor(REALM, self.keytab, self.replay_cache, self.workers, own_cache)
        return await acceptor.accept(parse_kerberos_token(token), channel_bindings)

    async def refusal(self, token: bytes, channel_bindings: bytes | None = None) -> GatewayError:
        with pytest.raises(GatewayError) as refused:
            await self.accept(token, channel_bindings)
        return refused.value


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    (tmp_path / "krb5.conf").write_text(f"[libdefaults]\ndefault_realm = {REALM}\n")
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    workers = Workers(1, 1)
    yield Gateway(tmp_path, workers)
    workers.close()


# --- who it is ------------------------------------------------------------------------------------------------------


async def test_a_client_is_who_the_ticket_and_its_pac_say(gateway: Gateway) -> None:
    accepted = await gateway.accept(a_token())

    assert (accepted.evidence.client, accepted.sid) == (f"alice@{REALM}", SID)


async def test_an_enterprise_name_is_one_component(gateway: Gateway) -> None:
    accepted = await gateway.accept(a_token(client="heidi.jones@partner-a.example", pac=None))

    assert accepted.evidence.client == f"heidi.jones\\@partner-a.example@{REALM}"


@pytest.mark.parametrize("pac", [None, a_pac(sid=None), a_pac(sid=SID, is_genuine=False)])
async def test_no_sid_is_stated_without_a_genuine_pac(gateway: Gateway, pac: Pac | None) -> None:
    assert (await gateway.accept(a_token(pac=pac))).sid is None


async def test_a_pac_that_cannot_be_read_is_refused(gateway: Gateway) -> None:
    refusal = await gateway.refusal(a_token(pac=Pac(b"short")))

    assert isinstance(refusal, TicketNotAccepted)
    assert "PAC cannot be read" in str(refusal)


async def test_a_ticket_that_a_service_has_got_in_the_client_s_name_is_refused(gateway: Gateway) -> None:
    refusal = await gateway.refusal(a_token(pac=replace(a_pac(sid=SID), delegation_info=bytes(8))))

    assert isinstance(refusal, TicketNotAccepted)
    assert "a service acts for it" in str(refusal)


async def test_a_pac_that_the_library_does_not_vouch_for_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MIT 1.20 hides it; this holds where it would not."""
    statement = GetNameAttributeResult([b""], [b""], authenticated=False, complete=True)
    monkeypatch.setattr(gssapi.raw, "get_name_attribute", lambda *_: statement)

    assert "not signed" in str(await gateway.refusal(a_token()))


@pytest.mark.parametrize("realm", ["WOODGROVE.EXAMPLE", f"WOODGROVE@{REALM}", REALM.lower()])
@pytest.mark.parametrize("flags", [FORWARDABLE, FORWARDABLE | TRANSITED_POLICY_CHECKED])
async def test_a_client_of_another_realm_is_refused(gateway: Gateway, realm: str, flags: int) -> None:
    refusal = await gateway.refusal(a_token(client_realm=realm, flags=flags))

    assert isinstance(refusal, TicketNotAccepted)
    assert "tickets of a trust are not taken" in str(refusal)


async def test_a_name_that_is_not_text_is_refused(gateway: Gateway) -> None:
    assert "is not text" in str(await gateway.refusal(a_token(client="ali\udcffce", pac=None)))


# --- keys and times -------------------------------------------------------------------------------------------------


async def test_while_a_key_is_rolled_over_both_versions_are_taken(gateway: Gateway) -> None:
    """In the order of events: the file is replaced, old tickets live on, the old key goes."""
    gateway.has_keys(OLD)
    await gateway.accept(a_token(OLD))
    assert isinstance(await gateway.refusal(a_token(NEW)), TicketNotAccepted)

    gateway.has_keys(OLD, NEW)
    await gateway.accept(a_token(OLD))
    await gateway.accept(a_token(NEW))

    gateway.has_keys(NEW)
    assert isinstance(await gateway.refusal(a_token(OLD)), TicketNotAccepted)


async def test_every_name_in_the_keytab_is_served(gateway: Gateway) -> None:
    gateway.has_keys(NEW, OTHER)

    await gateway.accept(a_token(NEW))
    await gateway.accept(a_token(OTHER))


@pytest.mark.parametrize(
    ("service", "explanation"),
    [
        (Service(NEW.principal, REALM, NEW.key, kvno=3), "of a key version that the keytab does not have"),
        (Service(NEW.principal, REALM, OTHER.key, kvno=2), "does not decrypt with the keytab's key"),
        (OTHER, "for another service"),
    ],
)
async def test_a_ticket_of_another_key_is_refused(gateway: Gateway, service: Service, explanation: str) -> None:
    """The number of the version does not matter if the key fits."""
    if service.key == NEW.key:
        gateway.has_keys(Service(NEW.principal, REALM, OLD.key, kvno=2))

    refusal = await gateway.refusal(a_token(service))

    assert isinstance(refusal, TicketNotAccepted)
    assert explanation in str(refusal)


@pytest.mark.parametrize(
    ("details", "explanation"),
    [
        ({"lifetime": (-9 * HOUR, -HOUR)}, "time is over"),
        ({"lifetime": (HOUR, 9 * HOUR)}, "has not come yet"),
        ({"made": -HOUR}, "more than five minutes"),
        ({"made": HOUR}, "more than five minutes"),
    ],
)
async def test_a_ticket_out_of_its_time_is_refused(gateway: Gateway, details: dict[str, Any], explanation: str) -> None:
    refusal = await gateway.refusal(a_token(**details))

    assert isinstance(refusal, TicketNotAccepted)
    assert explanation in str(refusal)
    assert "compare the clocks" in str(refusal)


@pytest.mark.parametrize("octets", [None, b"", b"\x05\x02", b"no keytab"])
async def test_a_keytab_without_keys_is_the_gateway_s_trouble(gateway: Gateway, octets: bytes | None) -> None:
    gateway.keytab.unlink()
    if octets is not None:
        gateway.keytab.write_bytes(octets)

    refusal = await gateway.refusal(a_token())

    assert isinstance(refusal, OwnKeytabUnusable)
    assert str(gateway.keytab) in str(refusal)


# --- replay ---------------------------------------------------------------------------------------------------------


async def test_a_token_is_good_once(gateway: Gateway) -> None:
    token = a_token()
    await gateway.accept(token)

    assert isinstance(await gateway.refusal(token), TicketReplayed)
    assert isinstance(await gateway.refusal(a_neg_token_init(KERBEROS, mech_token=token)), TicketReplayed)
    await gateway.accept(a_token())


async def test_replays_are_known_after_a_restart(gateway: Gateway, tmp_path: Path) -> None:
    token = a_token()
    await gateway.accept(token)
    workers = Workers(1, 1)
    restarted = Gateway(tmp_path, workers)

    assert isinstance(await restarted.refusal(token), TicketReplayed)
    workers.close()


async def test_without_a_replay_cache_nobody_is_accepted(gateway: Gateway) -> None:
    gateway.replay_cache.mkdir()

    refusal = await gateway.refusal(a_token())

    assert type(refusal) is KerberosFailed
    assert f"the replay cache {gateway.replay_cache} cannot be used: Is a directory" in str(refusal)


async def test_the_replay_cache_is_for_the_gateway_s_eyes_only(gateway: Gateway) -> None:
    await gateway.accept(a_token())

    assert gateway.replay_cache.stat().st_mode & 0o777 == 0o600


# --- channel bindings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "wanted", "bound"),
    [(BINDINGS, BINDINGS, True), (None, BINDINGS, False), (BINDINGS, None, False), (None, None, False)],
)
async def test_whether_the_client_has_bound_its_token_is_told(
    gateway: Gateway, sent: bytes | None, wanted: bytes | None, *, bound: bool
) -> None:
    accepted = await gateway.accept(a_token(channel_bindings=sent), wanted)

    assert accepted.evidence.channel_bound is bound


async def test_a_token_that_is_bound_to_another_certificate_is_refused(gateway: Gateway) -> None:
    assert isinstance(await gateway.refusal(a_token(channel_bindings=b"other"), BINDINGS), ChannelBindingsWrong)


# --- tokens ---------------------------------------------------------------------------------------------------------


async def test_the_reply_is_wrapped_as_the_token_was(gateway: Gateway) -> None:
    wrapped = await gateway.accept(a_neg_token_init(MICROSOFT_KERBEROS, KERBEROS, mech_token=a_token()))
    bare = await gateway.accept(a_token())

    assert parse_neg_token_resp(wrapped.evidence.reply_token).supported_mech == MICROSOFT_KERBEROS
    assert bare.evidence.reply_token[0] == 0x60


async def test_authenticators_that_were_changed_are_refused(gateway: Gateway) -> None:
    token = a_token()

    assert isinstance(await gateway.refusal(token[:-1] + bytes((token[-1] ^ 1,))), TicketNotAccepted)


async def test_a_context_that_is_not_complete_is_refused(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """MIT completes in one leg what is framed as it must be; this holds where it would not."""
    monkeypatch.setattr(gssapi.raw, "accept_sec_context", lambda *_, **__: SimpleNamespace(more_steps=True))

    assert isinstance(await gateway.refusal(a_token()), NegotiateTokenMalformed)


async def test_somebody_else_s_ticket_is_refused(gateway: Gateway) -> None:
    """KRB_AP_ERR_BADMATCH."""
    refusal = await gateway.refusal(a_token(shown_by="mallory"))

    assert isinstance(refusal, TicketNotAccepted)
    assert "don't match" in str(refusal)


async def test_what_only_the_library_finds_wrong_is_malformed(gateway: Gateway) -> None:
    """A realm that is no GeneralString."""
    realm = REALM.encode()
    token = a_token().replace(b"\x1b\x15" + realm, b"\x04\x15" + realm, 1)

    assert isinstance(await gateway.refusal(token), NegotiateTokenMalformed)


# --- evidence -------------------------------------------------------------------------------------------------------


async def test_no_evidence_is_kept_where_none_is_wanted(gateway: Gateway) -> None:
    assert (await gateway.accept(a_token())).evidence.cache is None


async def test_a_ticket_that_is_not_forwardable_is_no_evidence(gateway: Gateway) -> None:
    accepted = await gateway.accept(a_token(flags=0), keeps_evidence=True)

    assert (accepted.evidence.cache, gateway.own_cache.asked) == (None, 0)


async def test_without_the_gateway_s_own_ticket_the_failure_is_its_own(gateway: Gateway) -> None:
    """Evidence without a cache would tell the operator that the client's ticket is not forwardable."""
    with pytest.raises(KdcSilent):
        await gateway.accept(a_token(), keeps_evidence=True)


async def test_who_is_refused_makes_nobody_ask_a_kdc(gateway: Gateway) -> None:
    with pytest.raises(TicketNotAccepted):
        await gateway.accept(a_token(OTHER), keeps_evidence=True)

    assert gateway.own_cache.asked == 0
