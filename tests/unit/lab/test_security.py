"""wsse:Security as WCF demands it."""

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from gateway.lab import security
from gateway.lab.accounts import ALICE, Account, Directory
from gateway.lab.soap import SoapFault
from tests.unit.lab.messages import CAPTURED, WSSE, WSU, a_security_header, an_instant

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAME, PASSWORD = "alice@partner-a.example", " p&<w> "


def _authenticate(header: str | None) -> Account:
    element = None if header is None else etree.fromstring(header.replace("s:mustUnderstand", "mustUnderstand"))
    return security.authenticate(element, Directory({NAME: PASSWORD}), NOW)


def _refused(header: str | None) -> str:
    with pytest.raises(SoapFault) as caught:
        _authenticate(header)
    assert caught.value.subcode is not None
    namespace, name = caught.value.subcode
    assert (caught.value.code, namespace) == ("Sender", WSSE)
    return name


def test_a_fresh_header_with_the_right_password_stands_for_its_account() -> None:
    assert _authenticate(a_security_header(NAME, PASSWORD, created=NOW)) == ALICE


def test_the_password_type_may_be_left_out() -> None:
    assert _authenticate(a_security_header(NAME, PASSWORD, created=NOW, password_type=None)) == ALICE


@pytest.mark.parametrize("minutes", [-5, -4, 4])
def test_clocks_may_differ_by_five_minutes(minutes: int) -> None:
    created = NOW + timedelta(minutes=minutes)
    assert _authenticate(a_security_header(NAME, PASSWORD, created=created, validity=timedelta(hours=1))) == ALICE


@pytest.mark.parametrize("minutes", [-6, 6])
def test_but_not_by_more(minutes: int) -> None:
    created = NOW + timedelta(minutes=minutes)
    header = a_security_header(NAME, PASSWORD, created=created, validity=timedelta(hours=1))
    assert _refused(header) == "InvalidSecurity"


@pytest.mark.parametrize(
    ("age", "validity"), [(2, 1), (2, 0), (-4, -2)], ids=["expired", "valid for no time", "expires before it begins"]
)
def test_a_timestamp_that_is_not_valid_now_is_refused(age: int, validity: int) -> None:
    created = NOW - timedelta(minutes=age)
    header = a_security_header(NAME, PASSWORD, created=created, validity=timedelta(minutes=validity))
    assert _refused(header) == "InvalidSecurity"


def test_a_header_is_required() -> None:
    assert _refused(None) == "InvalidSecurity"


def test_a_timestamp_is_required() -> None:
    assert _refused(a_security_header(NAME, PASSWORD, created=NOW, timestamp=False)) == "InvalidSecurity"


def test_cepces_comes_without_a_timestamp_and_is_refused() -> None:
    message = etree.fromstring((CAPTURED / "cepces-0.3.17-GetPolicies-UsernamePassword.xml").read_bytes())
    with pytest.raises(SoapFault):
        security.authenticate(message.find(f".//{{{WSSE}}}Security"), Directory({NAME: PASSWORD}), NOW)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (an_instant(NOW), "yesterday"),
        (an_instant(NOW), "2026-11-23T12:00:00"),
        (f"<u:Created>{an_instant(NOW)}</u:Created>", ""),
        ("<o:UsernameToken>", "<o:BinarySecurityToken/><o:UsernameToken>"),
        ("o:Password", "o:Passphrase"),
        ("o:Username>", "o:User>"),
    ],
    ids=["no time", "no zone", "no Created", "another token", "no password", "no name"],
)
def test_a_strange_header_is_refused(old: str, new: str) -> None:
    header = a_security_header(NAME, PASSWORD, created=NOW)
    assert old in header
    assert _refused(header.replace(old, new)) == "InvalidSecurity"


def test_a_digest_is_refused() -> None:
    digest = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
    assert _refused(a_security_header(NAME, PASSWORD, created=NOW, password_type=digest)) == "InvalidSecurity"


@pytest.mark.parametrize(
    ("name", "password"), [(NAME, PASSWORD.strip()), (NAME, ""), ("bob@partner-b.example", PASSWORD), ("", "")]
)
def test_a_wrong_name_or_password_is_a_failed_authentication(name: str, password: str) -> None:
    assert _refused(a_security_header(name, password, created=NOW)) == "FailedAuthentication"


def test_the_timestamp_is_looked_at_before_the_password() -> None:
    created = NOW - timedelta(hours=1)
    assert _refused(a_security_header(NAME, "wrong", created=created)) == "InvalidSecurity"


def test_the_utility_namespace_counts() -> None:
    header = a_security_header(NAME, PASSWORD, created=NOW).replace(WSU, f"{WSU}/other")
    assert _refused(header) == "InvalidSecurity"
