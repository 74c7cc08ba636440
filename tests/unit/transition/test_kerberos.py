from dataclasses import dataclass, field, replace

import pytest

from gateway.account import Account, Admitted, UserAccountControl
from gateway.errors import (
    AccountSensitive,
    DelegationNotListed,
    DelegationNotTrusted,
    EvidenceNotForwardable,
    GatewayError,
    KdcUnreachable,
    TransitionFailed,
)
from gateway.requester import Requester, Verifier
from gateway.tickets import EvidenceTicket, ServiceTicket, TicketGrantingTicket
from gateway.transition.guard import Guard, ImpersonationSettings
from gateway.transition.kerberos import ConstrainedDelegation, OwnAccountTicket, ProtocolTransition, UserTicket
from gateway.transition.own_rights import OwnRights
from gateway.transition.ticket_cache import TicketCache
from tests.builders import NOW, an_account
from tests.unit.transition.samples import (
    EVIDENCE_TICKET,
    SPN,
    TICKET_GRANTING_TICKET,
    a_service_ticket,
    an_authenticated,
)

BY_KERBEROS = an_authenticated(evidence=EVIDENCE_TICKET, verified_by=Verifier.KERBEROS)
BY_PASSWORD = an_authenticated(evidence=TICKET_GRANTING_TICKET, verified_by=Verifier.KERBEROS)
BY_CERTIFICATE = an_authenticated()
CAROL = an_account("carol", sid="S-1-5-21-1-2-3-1106", user_account_control=UserAccountControl.NOT_DELEGATED)
BOB = an_account("bob", sid="S-1-5-21-1-2-3-1105")


@dataclass(frozen=True)
class Rights:
    user_account_control: UserAccountControl
    allowed_to_delegate_to: frozenset[str]


@dataclass
class World:
    """KDC and directory at once. Notes what it was asked; `error` answers every question to the KDC."""

    error: GatewayError | None = None
    rights: Rights = Rights(UserAccountControl(0x200), frozenset())
    asked: list[str] = field(default_factory=list)

    def _ticket(self, question: str, account: str) -> ServiceTicket:
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        return a_service_ticket(account)

    async def s4u(self, admitted: Admitted, spn: str) -> ServiceTicket:
        return self._ticket(f"S4U {admitted.account.name} {spn}", admitted.account.name)

    async def s4u2proxy(self, evidence: EvidenceTicket, admitted: Admitted, spn: str) -> ServiceTicket:
        assert evidence is EVIDENCE_TICKET
        return self._ticket(f"S4U2proxy {admitted.account.name} {spn}", admitted.account.name)

    async def user_ticket(self, tgt: TicketGrantingTicket, admitted: Admitted, spn: str) -> ServiceTicket:
        assert tgt is TICKET_GRANTING_TICKET
        return self._ticket(f"TGS {admitted.account.name} {spn}", admitted.account.name)

    async def own_ticket(self, spn: str) -> ServiceTicket:
        return self._ticket(f"own {spn}", "svc-gateway@corp.example")

    async def delegation_of(self, sam_account_name: str) -> Rights:
        self.asked.append(f"rights of {sam_account_name}")
        return self.rights

    # --- the transitions in this world

    def __post_init__(self) -> None:
        self.tickets = TicketCache(600, lambda: NOW)
        self.guard = Guard(ImpersonationSettings(groups=("domain users",)), "svc-gateway", lambda: NOW)
        self.own_rights = OwnRights(self, "svc-gateway")

    @property
    def protocol_transition(self) -> ProtocolTransition:
        return ProtocolTransition(self.guard, self.tickets, self, self.own_rights, SPN)

    @property
    def constrained_delegation(self) -> ConstrainedDelegation:
        return ConstrainedDelegation(self.guard, self.tickets, self, self.own_rights, SPN)

    @property
    def user_ticket_transition(self) -> UserTicket:
        return UserTicket(self.guard, self, SPN)

    @property
    def own_account(self) -> OwnAccountTicket:
        return OwnAccountTicket(self.tickets, self, SPN)


@pytest.fixture
def world() -> World:
    return World()


def of(requester: Requester, account: Account) -> Requester:
    return replace(requester, account=account.name, directory_account=account)


# --- protocol transition --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("requester", [BY_CERTIFICATE, BY_PASSWORD, BY_KERBEROS])
async def test_protocol_transition_takes_every_evidence(world: World, requester: Requester) -> None:
    credential = await world.protocol_transition.credential(requester)

    assert world.asked == [f"S4U alice@corp.example {SPN}"]
    assert credential.ticket.account == "alice@corp.example"
    assert credential.transition == "protocol_transition"
    assert credential.acts_as_sid == an_account().sid
    assert not credential.is_cached


async def test_the_second_call_for_an_account_asks_no_kdc(world: World) -> None:
    await world.protocol_transition.credential(BY_CERTIFICATE)
    credential = await world.protocol_transition.credential(BY_CERTIFICATE)

    assert credential.is_cached
    assert len(world.asked) == 1


async def test_two_accounts_never_share_a_ticket_not_even_under_one_name(world: World) -> None:
    first = await world.protocol_transition.credential(BY_CERTIFICATE)
    successor = an_account(sid="S-1-5-21-1-2-3-2000")
    second = await world.protocol_transition.credential(of(BY_CERTIFICATE, successor))

    assert (second.acts_as_sid, second.is_cached) == (successor.sid, False)
    assert second.ticket is not first.ticket


async def test_a_cached_ticket_is_no_way_around_the_guard(world: World) -> None:
    not_yet_sensitive = replace(CAROL, user_account_control=UserAccountControl(0x200))
    await world.protocol_transition.credential(of(BY_CERTIFICATE, not_yet_sensitive))

    with pytest.raises(AccountSensitive):
        await world.protocol_transition.credential(of(BY_CERTIFICATE, CAROL))


# --- constrained delegation -----------------------------------------------------------------------------------------


async def test_constrained_delegation_takes_the_clients_ticket(world: World) -> None:
    credential = await world.constrained_delegation.credential(BY_KERBEROS)

    assert world.asked == [f"S4U2proxy alice@corp.example {SPN}"]
    assert credential.transition == "constrained_delegation"
    assert credential.acts_as_sid == an_account().sid


async def test_constrained_delegation_reuses_its_own_tickets_only(world: World) -> None:
    await world.protocol_transition.credential(BY_KERBEROS)
    first = await world.constrained_delegation.credential(BY_KERBEROS)
    second = await world.constrained_delegation.credential(BY_KERBEROS)

    assert [first.is_cached, second.is_cached] == [False, True]


@pytest.mark.parametrize("requester", [BY_CERTIFICATE, BY_PASSWORD])
async def test_without_a_kerberos_ticket_there_is_nothing_to_delegate_with(world: World, requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="without a Kerberos ticket"):
        await world.constrained_delegation.credential(requester)

    assert world.asked == []


async def test_a_ticket_that_is_not_forwardable_is_refused_also_where_another_one_is_kept(world: World) -> None:
    await world.constrained_delegation.credential(BY_KERBEROS)

    with pytest.raises(EvidenceNotForwardable, match="not forwardable"):
        await world.constrained_delegation.credential(
            replace(BY_KERBEROS, evidence=replace(EVIDENCE_TICKET, cache=None))
        )


# --- the user's own ticket ------------------------------------------------------------------------------------------


async def test_a_user_s_own_ticket_is_asked_for_in_every_call(world: World) -> None:
    credentials = [await world.user_ticket_transition.credential(BY_PASSWORD) for _ in range(2)]

    assert world.asked == [f"TGS alice@corp.example {SPN}"] * 2
    assert {credential.transition for credential in credentials} == {"user_ticket"}
    assert {credential.acts_as_sid for credential in credentials} == {an_account().sid}
    assert not any(credential.is_cached for credential in credentials)


@pytest.mark.parametrize("requester", [BY_CERTIFICATE, BY_KERBEROS])
async def test_without_a_password_that_the_kdc_took_there_is_no_own_ticket(world: World, requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match="without a password"):
        await world.user_ticket_transition.credential(requester)

    assert world.asked == []


# --- the gateway's own account --------------------------------------------------------------------------------------


async def test_the_own_account_acts_as_nobody_else(world: World) -> None:
    credential = await world.own_account.credential(BY_CERTIFICATE)

    assert world.asked == [f"own {SPN}"]
    assert credential.ticket.account == "svc-gateway@corp.example"
    assert credential.transition == "own_account"
    assert credential.acts_as_sid is None


async def test_the_own_ticket_serves_everybody(world: World) -> None:
    await world.own_account.credential(BY_CERTIFICATE)
    credential = await world.own_account.credential(of(BY_KERBEROS, BOB))

    assert credential.is_cached


@pytest.mark.parametrize("verifier", [Verifier.INTERNAL_CES, Verifier.NOBODY])
async def test_the_own_account_is_not_lent_to_whom_the_gateway_has_not_verified(
    world: World, verifier: Verifier
) -> None:
    with pytest.raises(TransitionFailed, match="its own name is not lent"):
        await world.own_account.credential(replace(BY_CERTIFICATE, verified_by=verifier))

    assert world.asked == []


# --- what the KDC refuses -------------------------------------------------------------------------------------------


async def test_a_refused_delegation_is_explained_by_the_directory() -> None:
    world = World(error=DelegationNotListed("KDC_ERR_BADOPTION"))

    with pytest.raises(DelegationNotTrusted) as caught:
        await world.protocol_transition.credential(BY_CERTIFICATE)

    assert world.asked == [f"S4U alice@corp.example {SPN}", "rights of svc-gateway"]
    assert caught.value.__cause__ is world.error


async def test_an_evidence_ticket_needs_the_list_only() -> None:
    world = World(error=DelegationNotListed("KDC_ERR_BADOPTION"))

    with pytest.raises(DelegationNotListed, match="msDS-AllowedToDelegateTo lacks this SPN"):
        await world.constrained_delegation.credential(BY_KERBEROS)

    assert world.asked == [f"S4U2proxy alice@corp.example {SPN}", "rights of svc-gateway"]


@pytest.mark.parametrize(
    ("transition", "requester"),
    [
        ("protocol_transition", BY_CERTIFICATE),
        ("constrained_delegation", BY_KERBEROS),
        ("user_ticket_transition", BY_PASSWORD),
        ("own_account", BY_CERTIFICATE),
    ],
)
async def test_another_failure_is_passed_on_as_it_is(transition: str, requester: Requester) -> None:
    world = World(error=KdcUnreachable("nobody there"))

    with pytest.raises(KdcUnreachable):
        await getattr(world, transition).credential(requester)

    assert "rights of svc-gateway" not in world.asked


async def test_a_failure_is_not_remembered(world: World) -> None:
    world.error = KdcUnreachable("nobody there")
    with pytest.raises(KdcUnreachable):
        await world.protocol_transition.credential(BY_CERTIFICATE)
    world.error = None

    assert not (await world.protocol_transition.credential(BY_CERTIFICATE)).is_cached


async def test_a_ticket_that_was_refused_inside_is_asked_for_anew(world: World) -> None:
    refused = await world.protocol_transition.credential(BY_CERTIFICATE)

    world.tickets.discard(refused.ticket)

    assert not (await world.protocol_transition.credential(BY_CERTIFICATE)).is_cached
