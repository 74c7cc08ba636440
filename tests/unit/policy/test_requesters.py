from dataclasses import replace
from typing import Any

import pytest

from gateway.policy.decision import Application, Concern
from gateway.policy.patterns import Exact, ExactName, Regex, Suffix
from gateway.policy.requesters import AdmittedRequester, Groups, OrganizationalUnits, RequestersCondition
from gateway.requester import Requester
from tests.builders import a_certificate, a_name, a_requester, an_account, an_application

ALL = {"Certificate", "UsernamePassword", "Kerberos"}


def violations(condition: RequestersCondition, application: Application) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation."""
    found = condition.violations("a rule", application)
    assert all((violation.rule, violation.concern) == ("a rule", Concern.REQUESTERS) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


def a_member(**changes: Any) -> Requester:
    """One with a directory account."""
    account = an_account("alice", **changes)
    return replace(a_requester(account.name), directory_account=account)


REQUESTERS = RequestersCondition(
    (
        AdmittedRequester(Exact("partner-a", ignore_case=True), {"Certificate"}),
        AdmittedRequester(Suffix("@partner-b.example"), {"UsernamePassword", "Certificate"}),
    )
)


@pytest.mark.parametrize(
    ("account", "authentication", "expected"),
    [
        ("partner-a", "Certificate", []),
        ("PARTNER-A", "Certificate", []),
        ("bob@partner-b.example", "Certificate", []),
        ("Bob@Partner-B.example", "UsernamePassword", []),
        ("partner-a", "UsernamePassword", [("authentication", "UsernamePassword", "Certificate")]),
        (
            "partner-c",
            "Certificate",
            [("account", "partner-c", "exactIgnoreCase 'partner-a' or suffix '@partner-b.example'")],
        ),
        (
            "@partner-b.example",
            "Certificate",
            [("account", "@partner-b.example", "exactIgnoreCase 'partner-a' or suffix '@partner-b.example'")],
        ),
    ],
)
def test_account_and_authentication_must_fit_together(
    account: str, authentication: str, expected: list[tuple[str, str, str]]
) -> None:
    requester = a_requester(account, authentication)

    assert violations(REQUESTERS, an_application(requester=requester)) == expected
    assert REQUESTERS.admits(requester) is (not expected)


def test_admission_and_violations_agree() -> None:
    for account in ("partner-a", "bob@partner-b.example", "partner-c"):
        for authentication in ("Certificate", "UsernamePassword"):
            requester = a_requester(account, authentication)
            met = not REQUESTERS.violations("a rule", an_application(requester=requester))
            assert REQUESTERS.admits(requester) is met


@pytest.mark.parametrize("account", ["partner-\uff41", "partner-a\u200b", " partner-a", "partner-a\x00"])
def test_an_account_of_look_alike_letters_is_nobody(account: str) -> None:
    anybody = RequestersCondition((AdmittedRequester(Regex("(?s).*"), {"Certificate"}),))

    assert not anybody.admits(a_requester(account))
    assert violations(anybody, an_application(requester=a_requester(account))) == [
        ("account", account, "regex '(?s).*'")
    ]


def test_several_entries_for_an_account_add_up() -> None:
    entries = [AdmittedRequester(Exact("partner-a"), {kind}) for kind in ("Kerberos", "Certificate")]
    condition = RequestersCondition(tuple(entries))

    assert condition.admits(a_requester("partner-a", "Certificate"))
    assert violations(condition, an_application(requester=a_requester("partner-a", "UsernamePassword"))) == [
        ("authentication", "UsernamePassword", "Certificate or Kerberos")
    ]


# --- by what else they are ------------------------------------------------------------------------------------------


def admits(requester: Requester, **entry: Any) -> bool:
    return AdmittedRequester(None, ALL, **entry).admits(requester)


def test_the_issuer_of_the_client_certificate_may_admit() -> None:
    ours = ExactName("CN=Partner CA")

    assert admits(a_requester(), issuer=ours)
    assert not admits(a_requester(), issuer=ExactName("CN=Other CA"))
    assert not admits(a_requester(authentication="UsernamePassword"), issuer=ours)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"PKI-Users"}, True),
        ({"other", "pki-users"}, True),
        ({"S-1-5-21-1-2-3-1200"}, True),
        ({"S-1-5-21-9-9-9-1300"}, True),
        ({"other"}, False),
        ({"S-1-5-21-1-2-3-500"}, False),
        ({"S-1-5-32-544"}, False),
    ],
)
def test_a_group_is_named_by_name_or_by_sid(names: set[str], expected: bool) -> None:
    member = a_member(
        groups=frozenset({"domain users", "pki-users", "s-1-5-32-544"}),
        group_sids=frozenset({"S-1-5-21-1-2-3-513", "S-1-5-21-1-2-3-1200", "S-1-5-21-9-9-9-1300"}),
    )

    assert admits(member, groups=Groups(names)) is expected
    assert AdmittedRequester(Regex(".*"), ALL, not_groups=Groups(names)).admits(member) is not expected


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("OU=Partners,DC=corp,DC=example", True),
        ("ou=partners, dc=CORP, dc=example", True),
        ("OU=A,OU=Partners,DC=corp,DC=example", True),
        ("DC=corp,DC=example", True),
        ("OU=B,OU=Partners,DC=corp,DC=example", False),
        ("OU=artners,DC=corp,DC=example", False),
        ("OU=Partners,DC=other,DC=example", False),
        (r"CN=alice\, OU=x,OU=A,OU=Partners,DC=corp,DC=example", False),
    ],
)
def test_an_account_is_below_a_container_by_whole_rdns(container: str, expected: bool) -> None:
    member = a_member(distinguished_name=r"CN=alice\, OU=x,OU=A,OU=Partners,DC=corp,DC=example")
    units = OrganizationalUnits(("OU=Elsewhere,DC=corp,DC=example", container))

    assert admits(member, organizational_units=units) is expected
    assert AdmittedRequester(Regex(".*"), ALL, not_organizational_units=units).admits(member) is not expected


def test_an_account_whose_place_cannot_be_told_is_neither_within_nor_without() -> None:
    lost = a_member(distinguished_name="not a name")
    units = OrganizationalUnits(("DC=corp,DC=example",))

    assert not admits(lost, organizational_units=units)
    assert not AdmittedRequester(Regex(".*"), ALL, not_organizational_units=units).admits(lost)


def test_where_nothing_is_said_of_places_it_need_not_be_told() -> None:
    lost = a_member(distinguished_name="not a name")

    assert admits(lost, groups=Groups({"domain users"}))


def test_a_partner_admits_those_that_belong_to_it() -> None:
    assert admits(replace(a_requester(), partner="partner-a"), partner="partner-a")
    assert admits(replace(a_requester(), partner="partner-a")), "nothing is said of partners"
    assert not admits(replace(a_requester(), partner="partner-b"), partner="partner-a")
    assert not admits(a_requester(), partner="partner-a")


@pytest.mark.parametrize(
    "entry",
    [
        {"groups": Groups({"domain users"})},
        {"not_groups": Groups({"other"})},
        {"organizational_units": OrganizationalUnits(("DC=corp,DC=example",))},
        {"not_organizational_units": OrganizationalUnits(("OU=Other,DC=corp,DC=example",))},
    ],
)
def test_what_asks_for_a_directory_account_never_admits_one_without(entry: dict[str, Any]) -> None:
    anybody = AdmittedRequester(Regex(".*"), ALL, **entry)

    assert anybody.admits(a_member())
    assert not anybody.admits(a_requester())


def test_everything_that_an_entry_says_must_fit() -> None:
    entry = AdmittedRequester(
        Suffix("@corp.example"),
        {"Certificate"},
        ExactName("CN=Partner CA"),
        Groups({"domain users"}),
        OrganizationalUnits(("CN=Users,DC=corp,DC=example",)),
        "partner-a",
        Groups({"leavers"}),
        OrganizationalUnits(("OU=Leavers,DC=corp,DC=example",)),
    )
    fitting = replace(a_member(), partner="partner-a")

    assert entry.admits(fitting)
    for change in (
        {"account": Exact("bob")},
        {"authentication": {"Kerberos"}},
        {"issuer": ExactName("CN=Other CA")},
        {"groups": Groups({"x"})},
        {"organizational_units": OrganizationalUnits(("OU=X,DC=corp,DC=example",))},
        {"partner": "partner-b"},
        {"not_groups": Groups({"domain users"})},
        {"not_organizational_units": OrganizationalUnits(("CN=Users,DC=corp,DC=example",))},
    ):
        assert not replace(entry, **change).admits(fitting)


def test_a_refusal_says_who_would_be_admitted() -> None:
    entry = AdmittedRequester(
        Exact("a"),
        ALL,
        ExactName("CN=Partner CA"),
        Groups({"b", "a"}),
        OrganizationalUnits(("OU=X", "OU=Y")),
        "partner-a",
        Groups({"c"}),
        OrganizationalUnits(("OU=Z",)),
    )

    assert violations(RequestersCondition((entry,)), an_application()) == [
        (
            "account",
            "partner-a",
            (
                "exact 'a' and issuer exact 'CN=Partner CA' and in the group a or b and below OU=X or OU=Y"
                " and of the partner partner-a and not in the group c and not below OU=Z"
            ),
        )
    ]


def test_an_entry_without_an_account_says_so_by_what_it_has() -> None:
    assert str(AdmittedRequester(None, ALL, partner="partner-a")) == "of the partner partner-a"


def test_an_issuer_of_look_alike_letters_is_nobody() -> None:
    requester = replace(
        a_requester(), evidence=replace(a_certificate(), issuer=a_name(("commonName", "\uff30artner CA")))
    )

    assert not admits(requester, issuer=Regex(".*"))
    assert admits(a_requester(), issuer=Regex(".*"))
