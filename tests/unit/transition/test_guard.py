from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.account import Account, UserAccountControl
from gateway.errors import (
    AccountIsOwn,
    AccountOutsideScope,
    AccountPrivileged,
    AccountProtected,
    AccountSensitive,
    EvidenceStale,
    GatewayError,
    TransitionFailed,
)
from gateway.requester import Assumed, Requester, Verifier
from gateway.strict_yaml import Mistaken, parse
from gateway.transition.guard import Guard, ImpersonationSettings
from tests.builders import NOW, a_requester, an_account
from tests.unit.transition.samples import EVIDENCE_TICKET, TICKET_GRANTING_TICKET, an_authenticated

DOMAIN = "S-1-5-21-1-2-3"
OTHER_DOMAIN = "S-1-5-21-4-5-6"
EVERYBODY: dict[str, Any] = {"groups": ("domain users",)}


def a_guard(*, seconds_later: float = 0, own_account: str = "svc-gateway", **scope: Any) -> Guard:
    settings = ImpersonationSettings(**(scope or EVERYBODY))
    return Guard(settings, own_account, lambda: NOW + timedelta(seconds=seconds_later))


def refusal_of(account: Account, **guard: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        a_guard(**guard).admit(an_authenticated(account))
    return caught.value


def is_admitted(account: Account, **guard: Any) -> bool:
    try:
        admitted = a_guard(**guard).admit(an_authenticated(account))
    except AccountOutsideScope:
        return False
    return admitted.account is account


@pytest.mark.parametrize(
    "requester",
    [
        an_authenticated(),
        an_authenticated(verified_by=Verifier.PASSWORD_FILE),
        an_authenticated(evidence=EVIDENCE_TICKET, verified_by=Verifier.KERBEROS),
        an_authenticated(evidence=TICKET_GRANTING_TICKET, verified_by=Verifier.KERBEROS),
        an_authenticated(an_account("PC1$", user_account_control=UserAccountControl.WORKSTATION_TRUST_ACCOUNT)),
    ],
)
def test_a_plain_account_that_has_just_authenticated_is_admitted(requester: Requester) -> None:
    assert a_guard().admit(requester).account is requester.directory_account


# --- who has authenticated, and when --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "requester",
    [
        an_authenticated(verified_by=Verifier.INTERNAL_CES),
        an_authenticated(evidence=Assumed("Certificate"), verified_by=Verifier.NOBODY),
    ],
)
def test_whom_the_gateway_has_not_verified_itself_it_does_not_act_for(requester: Requester) -> None:
    with pytest.raises(TransitionFailed, match=f"not verified by the gateway but by {requester.verified_by}"):
        a_guard().admit(requester)


def test_whom_no_directory_was_asked_about_is_nobody_s_account() -> None:
    with pytest.raises(TransitionFailed, match="was not looked up"):
        a_guard().admit(a_requester())


def test_the_account_that_was_looked_up_is_the_one_that_policies_see() -> None:
    bob = replace(an_authenticated(), account="bob@corp.example")

    with pytest.raises(TransitionFailed, match=r"bob@.* authenticated, but alice@.* was looked up"):
        a_guard().admit(bob)


@pytest.mark.parametrize("seconds_later", [-5, 0, 60])
def test_evidence_of_this_call_is_fresh(seconds_later: float) -> None:
    assert is_admitted(an_account(), seconds_later=seconds_later)


@pytest.mark.parametrize("seconds_later", [-5.001, 60.001, 86400])
def test_evidence_that_somebody_has_kept_is_stale(seconds_later: float) -> None:
    error = refusal_of(an_account(), seconds_later=seconds_later)

    assert isinstance(error, EvidenceStale)
    assert f"authenticated at 2026-06-01T00:00:00Z, which is {seconds_later:.0f} s ago" in str(error)


# --- whom nobody outside may be -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("configured", "found"), [("svc-gateway", "SVC-Gateway"), ("SVC-GATEWAY$", "svc-gateway$")])
def test_the_gateways_own_account_is_nobody_s(configured: str, found: str) -> None:
    assert isinstance(refusal_of(an_account(found), own_account=configured), AccountIsOwn)


def test_who_is_or_was_an_administrator_is_not_acted_for() -> None:
    error = refusal_of(an_account("adam", admin_count=True))

    assert isinstance(error, AccountPrivileged)
    assert str(error) == "adam@corp.example is, or was, an administrator's: it has an adminCount"


@pytest.mark.parametrize("rid", [500, 502])
@pytest.mark.parametrize("domain", [DOMAIN, OTHER_DOMAIN])
def test_a_well_known_account_is_not_acted_for_whatever_it_is_called(domain: str, rid: int) -> None:
    error = refusal_of(an_account("renamed", sid=f"{domain}-{rid}"))

    assert isinstance(error, AccountPrivileged)
    assert f"{domain}-{rid}" in str(error)


@pytest.mark.parametrize(
    "sid",
    [
        *(f"{domain}-{rid}" for domain in (DOMAIN, OTHER_DOMAIN) for rid in (498, 512, 516, 518, 519, 520, 521)),
        *(f"{domain}-{rid}" for domain in (DOMAIN, OTHER_DOMAIN) for rid in (526, 527)),
        *(f"S-1-5-32-{rid}" for rid in (544, 548, 549, 550, 551, 552)),
    ],
)
def test_a_member_of_an_administrative_group_is_not_acted_for(sid: str) -> None:
    error = refusal_of(an_account(group_sids=frozenset({f"{DOMAIN}-513", sid})))

    assert isinstance(error, AccountPrivileged)
    assert sid in str(error)


@pytest.mark.parametrize(
    "sid",
    [
        f"{DOMAIN}-513",
        f"{DOMAIN}-515",
        f"{DOMAIN}-1512",
        f"{DOMAIN}-5120",
        "S-1-5-32-545",
        # Numbers that mean an administrator's group only below another authority.
        "S-1-5-32-512",
        "S-1-5-21-1-2-512",
        f"{DOMAIN}-4-512",
        f"{DOMAIN}-544",
        "S-1-18-512",
        "S-1-5-11",
    ],
)
def test_a_member_of_other_groups_is_acted_for(sid: str) -> None:
    assert is_admitted(an_account(group_sids=frozenset({sid})))


@pytest.mark.parametrize(
    "flag",
    [
        UserAccountControl.SERVER_TRUST_ACCOUNT,
        UserAccountControl.PARTIAL_SECRETS_ACCOUNT,
        UserAccountControl.INTERDOMAIN_TRUST_ACCOUNT,
        UserAccountControl.TRUSTED_FOR_DELEGATION,
    ],
)
def test_an_account_that_has_power_over_others_is_not_acted_for(flag: UserAccountControl) -> None:
    error = refusal_of(an_account("DC1$", user_account_control=flag | 0x200))

    assert isinstance(error, AccountPrivileged)
    assert str(flag.name) in str(error)


@pytest.mark.parametrize("domain", [DOMAIN, OTHER_DOMAIN])
def test_protected_users_are_not_acted_for(domain: str) -> None:
    assert isinstance(refusal_of(an_account("paul", group_sids=frozenset({f"{domain}-525"}))), AccountProtected)


def test_a_sensitive_account_is_not_acted_for() -> None:
    carol = an_account("carol", user_account_control=UserAccountControl.NOT_DELEGATED | 0x200)

    assert isinstance(refusal_of(carol), AccountSensitive)


def test_the_first_reason_is_the_one_that_is_told() -> None:
    """Each step takes away the reason that was told, and the next one comes up."""
    account = an_account(
        "svc-gateway",
        admin_count=True,
        group_sids=frozenset({f"{DOMAIN}-525"}),
        user_account_control=UserAccountControl.NOT_DELEGATED,
        groups=frozenset(),
    )
    steps: list[dict[str, Any]] = [
        {"sam_account_name": "somebody"},
        {"admin_count": False},
        {"group_sids": frozenset()},
        {"user_account_control": UserAccountControl(0)},
    ]

    told = [type(refusal_of(account, seconds_later=100)), type(refusal_of(account))]
    for step in steps:
        account = replace(account, **step)
        told.append(type(refusal_of(account)))

    assert told == [
        EvidenceStale,
        AccountIsOwn,
        AccountPrivileged,
        AccountProtected,
        AccountSensitive,
        AccountOutsideScope,
    ]


# --- the scope ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "admitted"),
    [
        (("PKI-Users",), True),
        (("Others", "PKI-Users"), True),
        (("Others",), False),
        (("PKI-User",), False),
    ],
)
def test_a_member_of_one_of_the_groups_is_inside(groups: tuple[str, ...], admitted: bool) -> None:
    account = an_account(groups=frozenset({"domain users", "pki-users"}))

    assert is_admitted(account, groups=groups) is admitted


@pytest.mark.parametrize(
    ("unit", "admitted"),
    [
        ("OU=Partners,DC=corp,DC=example", True),
        ("ou = partners, dc = CORP, dc = example", True),
        (r"OU=\50artners,DC=corp,DC=example", True),
        ("OU=A,OU=Partners,DC=corp,DC=example", True),
        ("DC=corp,DC=example", True),
        ("OU=Other Partners,DC=corp,DC=example", False),
        ("OU=artners,DC=corp,DC=example", False),
        ("OU=Partners,DC=example", False),
        ("OU=Partners", False),
        ("OU=B,OU=A,OU=Partners,DC=corp,DC=example", False),
        # The account itself is not below itself.
        ("CN=alice,OU=A,OU=Partners,DC=corp,DC=example", False),
    ],
)
def test_an_account_below_one_of_the_organizational_units_is_inside(unit: str, admitted: bool) -> None:
    account = an_account(distinguished_name="CN=alice,OU=A,OU=Partners,DC=corp,DC=example")

    assert is_admitted(account, organizational_units=("OU=Elsewhere,DC=corp,DC=example", unit)) is admitted


@pytest.mark.parametrize(
    "name",
    [
        r"CN=x\,OU=Partners\,DC=corp\,DC=example,CN=Users,DC=corp,DC=example",
        r"CN=x\,OU=Partners,DC=corp,DC=example",
        "not a name, OU=Partners,DC=corp,DC=example",
        "",
    ],
)
def test_a_name_that_only_looks_as_if_it_were_below_is_outside(name: str) -> None:
    error = refusal_of(an_account(distinguished_name=name), organizational_units=("OU=Partners,DC=corp,DC=example",))

    assert isinstance(error, AccountOutsideScope)
    assert name in str(error)


@pytest.mark.parametrize(
    ("user_principal_name", "admitted"),
    [
        ("heidi.jones@partner-a.example", True),
        ("Heidi.Jones@Partner-A.example", True),
        ("heidi@x@partner-a.example", True),
        ("heidi@sub.partner-a.example", False),
        ("heidi@xpartner-a.example", False),
        ("heidi@partner-a.example.evil.example", False),
        ("partner-a.example", False),
        (None, False),
    ],
)
def test_a_user_principal_name_with_one_of_the_suffixes_is_inside(
    user_principal_name: str | None, admitted: bool
) -> None:
    account = an_account("heidi", user_principal_name=user_principal_name)

    assert is_admitted(account, suffixes=("@partner-b.example", "@PARTNER-a.example")) is admitted


def test_an_account_without_a_user_principal_name_is_held_against_its_domain() -> None:
    assert is_admitted(an_account("PC1$", user_principal_name=None), suffixes=("@corp.example",))


@pytest.mark.parametrize(
    "change", [{"groups": ("others",)}, {"organizational_units": ("OU=X",)}, {"suffixes": ("@x.example",)}]
)
def test_every_kind_that_is_given_must_be_met(change: dict[str, Any]) -> None:
    scope = {
        "groups": ("domain users",),
        "organizational_units": ("DC=corp,DC=example",),
        "suffixes": ("@corp.example",),
    }

    assert is_admitted(an_account(), **scope)
    assert not is_admitted(an_account(), **scope | change)


# --- the settings ---------------------------------------------------------------------------------------------------


def test_the_settings_are_read_from_yaml() -> None:
    text = "groups: [pki-users]\norganizational_units: ['OU=Partners,DC=corp,DC=example']\nsuffixes: ['@p.example']\n"

    assert parse(text, "gateway.yaml").validate(ImpersonationSettings) == ImpersonationSettings(
        groups=("pki-users",),
        organizational_units=("OU=Partners,DC=corp,DC=example",),
        suffixes=("@p.example",),
    )


def test_an_empty_scope_is_a_mistake() -> None:
    with pytest.raises(Mistaken, match="must name groups, organizational_units or suffixes"):
        parse("{}", "gateway.yaml").validate(ImpersonationSettings)


@pytest.mark.parametrize(
    ("other", "empty"),
    [("suffixes: ['@a']", "groups"), ("groups: [a]", "organizational_units"), ("groups: [a]", "suffixes")],
)
def test_a_kind_without_values_is_a_mistake(other: str, empty: str) -> None:
    with pytest.raises(Mistaken, match=f"gateway.yaml:2: {empty}: "):
        parse(f"{other}\n{empty}: []\n", "gateway.yaml").validate(ImpersonationSettings)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("groups", ""),
        ("groups", "CORP\\pki-users"),
        ("groups", "CN=pki-users,CN=Users,DC=corp,DC=example"),
        ("organizational_units", "Partners"),
        ("organizational_units", "corp.example/Partners"),
        ("suffixes", "partner-a.example"),
        ("suffixes", "@"),
        ("suffixes", "@.example"),
        ("suffixes", "*@partner-a.example"),
    ],
)
def test_a_value_that_could_never_be_met_is_a_mistake(kind: str, value: str) -> None:
    with pytest.raises(ValidationError):
        ImpersonationSettings.model_validate({kind: (value,)})
