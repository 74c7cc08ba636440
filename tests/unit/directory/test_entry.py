from datetime import UTC, datetime, timedelta

import pytest

from gateway.account import Account, LockoutPolicy, UserAccountControl
from gateway.directory.entry import account_of, group_sids_of, group_sids_of_domain, sid_of
from gateway.directory.search import Attribute, Entry
from gateway.directory.sid import render_sid

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = LockoutPolicy(threshold=3, observation_window_seconds=1800)
ALICE = "S-1-5-21-1-2-3-1104"
DOMAIN_USERS = "S-1-5-21-1-2-3-513"


def filetime(moment: datetime) -> bytes:
    return b"%d" % (round((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


def an_entry(**changes: bytes | None) -> Entry:
    """As a domain controller says it of a plain user; by the names of `Attribute`'s members, None takes one out."""
    values: dict[str, bytes | None] = {
        "OBJECT_SID": render_sid(ALICE),
        "DISTINGUISHED_NAME": b"CN=alice,DC=corp,DC=example",
        "SAM_ACCOUNT_NAME": b"Alice",
        "USER_PRINCIPAL_NAME": b"alice@partner.example",
        "USER_ACCOUNT_CONTROL": b"512",
        "MS_DS_USER_ACCOUNT_CONTROL_COMPUTED": b"0",
        "ACCOUNT_EXPIRES": b"9223372036854775807",
        "BAD_PWD_COUNT": b"0",
        "BAD_PASSWORD_TIME": b"0",
        "TOKEN_GROUPS": render_sid(DOMAIN_USERS),
        "COMMON_NAME": b"alice",
        "DISPLAY_NAME": b"Alice Smith",
        "MAIL": b"alice.smith@partner.example",
        "DNS_HOST_NAME": b"alice.corp.example",
        **changes,
    }
    return Entry({Attribute[name]: (value,) for name, value in values.items() if value is not None})


def the_account(**changes: bytes | None) -> Account:
    return account_of(an_entry(**changes), realm="CORP.EXAMPLE", group_names=["Domain Users"], policy=POLICY, now=NOW)


def test_an_account_is_what_the_directory_says() -> None:
    assert the_account() == Account(
        realm="CORP.EXAMPLE",
        sid=ALICE,
        sam_account_name="Alice",
        user_principal_name="alice@partner.example",
        distinguished_name="CN=alice,DC=corp,DC=example",
        user_account_control=UserAccountControl(512),
        groups=frozenset({"domain users"}),
        group_sids=frozenset({DOMAIN_USERS}),
        admin_count=False,
        is_locked_out=False,
        expires=None,
        password_expired=False,
        bad_password_count=0,
        common_name="alice",
        display_name="Alice Smith",
        mail="alice.smith@partner.example",
        dns_host_name="alice.corp.example",
    )


def test_names_that_are_not_shown_are_none() -> None:
    account = the_account(COMMON_NAME=None, DISPLAY_NAME=None, MAIL=None, DNS_HOST_NAME=None)

    assert (account.common_name, account.display_name, account.mail, account.dns_host_name) == (None,) * 4


@pytest.mark.parametrize(
    "attribute",
    [
        "OBJECT_SID",
        "DISTINGUISHED_NAME",
        "SAM_ACCOUNT_NAME",
        "USER_ACCOUNT_CONTROL",
        "MS_DS_USER_ACCOUNT_CONTROL_COMPUTED",
        "TOKEN_GROUPS",
    ],
)
def test_nothing_that_could_speak_against_an_account_may_be_missing(attribute: str) -> None:
    with pytest.raises(ValueError, match=r"SID|not shown"):
        the_account(**{attribute: None})


def test_a_computer_has_no_user_principal_name() -> None:
    assert the_account(USER_PRINCIPAL_NAME=None).user_principal_name is None


@pytest.mark.parametrize(
    ("computed", "is_locked_out", "password_expired"),
    [(b"16", True, False), (b"8388608", False, True), (b"8388624", True, True), (b"-2147483648", False, False)],
)
def test_what_is_computed_says_whether_it_is_locked_or_its_password_over(
    computed: bytes, is_locked_out: bool, password_expired: bool
) -> None:
    account = the_account(MS_DS_USER_ACCOUNT_CONTROL_COMPUTED=computed)

    assert account.is_locked_out is is_locked_out
    assert account.password_expired is password_expired


@pytest.mark.parametrize("value", [None, b"0", b"9223372036854775807", b"9000000000000000000"])
def test_an_account_may_never_expire(value: bytes | None) -> None:
    assert the_account(ACCOUNT_EXPIRES=value).expires is None


def test_an_account_expires_at_a_moment() -> None:
    assert the_account(ACCOUNT_EXPIRES=filetime(NOW)).expires == NOW


@pytest.mark.parametrize(("value", "admin_count"), [(None, False), (b"0", False), (b"1", True)])
def test_admin_count(value: bytes | None, admin_count: bool) -> None:
    assert the_account(ADMIN_COUNT=value).admin_count is admin_count


@pytest.mark.parametrize(
    ("last", "counts"), [(NOW, True), (NOW - 35 * MINUTE, True), (NOW - 35 * MINUTE - timedelta(seconds=1), False)]
)
def test_wrong_passwords_count_for_the_window_and_what_the_clocks_may_differ(last: datetime, counts: bool) -> None:
    account = the_account(BAD_PWD_COUNT=b"2", BAD_PASSWORD_TIME=filetime(last))

    assert account.bad_password_count == (2 if counts else 0)


def test_who_never_showed_a_wrong_password_has_no_count() -> None:
    assert the_account(BAD_PWD_COUNT=None, BAD_PASSWORD_TIME=None).bad_password_count == 0


def test_flags_are_signed_in_ldap() -> None:
    assert the_account(USER_ACCOUNT_CONTROL=b"-2147483134").user_account_control == 0x80000202


def test_the_names_of_other_domains_groups_are_not_asked_for() -> None:
    others = {"S-1-5-21-4-5-6-513", "S-1-1-0", "S-1-18-1"}
    here = {DOMAIN_USERS, "S-1-5-32-545"}

    assert group_sids_of_domain(ALICE, frozenset(others | here)) == here


def test_all_groups_are_there_by_their_sids() -> None:
    entry = Entry({Attribute.TOKEN_GROUPS: (render_sid("S-1-5-32-545"), render_sid("S-1-1-0"))})

    assert group_sids_of(entry) == {"S-1-5-32-545", "S-1-1-0"}


def test_two_sids_are_none() -> None:
    with pytest.raises(ValueError, match=r".+"):
        sid_of(Entry({Attribute.OBJECT_SID: (render_sid(ALICE), render_sid(DOMAIN_USERS))}))
