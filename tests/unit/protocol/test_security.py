import traceback
from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree

from gateway.errors import SecurityHeaderInvalid
from gateway.protocol.namespaces import SOAP, WSSE, WSU
from gateway.protocol.security import (
    SECURITY,
    Secret,
    Security,
    Timestamp,
    UsernameToken,
    add_security,
    parse_security,
)
from gateway.protocol.xml import new, parse_document, to_bytes

PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
ALICE = UsernameToken("alice@corp.example", Secret("s3cret"))
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def a_header(content: str) -> etree._Element:
    return parse_document(f'<Security xmlns="{WSSE}" xmlns:o="{WSSE}" xmlns:u="{WSU}">{content}</Security>'.encode())


def a_username_token(password: str = "<Password>s3cret</Password>", more: str = "") -> str:
    return f"<UsernameToken><Username>alice@corp.example</Username>{password}{more}</UsernameToken>"


def a_timestamp(created: str = "2026-11-22T12:00:00Z", expires: str = "2026-11-22T12:05:00Z") -> str:
    return f"<u:Timestamp><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>"


def the_refusal_of(content: str) -> str:
    with pytest.raises(SecurityHeaderInvalid) as refusal:
        parse_security(a_header(content))
    return str(refusal.value)


def test_an_empty_header_holds_nothing() -> None:
    assert parse_security(a_header("")) == Security(None, None)


def test_the_header_of_windows_is_read() -> None:
    assert parse_security(a_header(a_timestamp() + a_username_token())) == Security(
        Timestamp(datetime(2026, 11, 22, 12, 0, tzinfo=UTC), datetime(2026, 11, 22, 12, 5, tzinfo=UTC)), ALICE
    )


@pytest.mark.parametrize("attribute", ["", f'Type="{PROFILE}#PasswordText"', f'o:Type="{PROFILE}#PasswordText"'])
def test_a_password_is_text_however_that_is_said(attribute: str) -> None:
    header = a_header(a_username_token(f"<Password {attribute}>s3cret</Password>"))

    assert parse_security(header).username_token == ALICE


@pytest.mark.parametrize(
    "attribute",
    [
        f'Type="{PROFILE}#PasswordDigest"',
        f'o:Type="{PROFILE}#PasswordDigest"',
        f'Type="{PROFILE}#PasswordText" o:Type="{PROFILE}#PasswordDigest"',
        'Type=""',
        'Type="PasswordText"',
    ],
)
def test_a_password_of_another_type_is_refused(attribute: str) -> None:
    assert "only PasswordText" in the_refusal_of(a_username_token(f"<Password {attribute}>s3cret</Password>"))


def test_nonce_and_created_of_cepces_are_not_looked_at() -> None:
    header = a_header(a_username_token(more="<Nonce>not base64</Nonce><u:Created>not a date</u:Created>"))

    assert parse_security(header).username_token == ALICE


def test_neither_name_nor_password_is_trimmed() -> None:
    content = "<UsernameToken><Username> alice </Username><Password>\n s3cret\t</Password></UsernameToken>"

    assert parse_security(a_header(content)).username_token == UsernameToken(" alice ", Secret("\n s3cret\t"))


def test_an_empty_password_is_a_password() -> None:
    assert parse_security(a_header(a_username_token("<Password/>"))).username_token == UsernameToken(
        "alice@corp.example", Secret("")
    )


@pytest.mark.parametrize(
    ("content", "objection"),
    [
        (a_username_token() * 2, "2 UsernameToken"),
        (a_timestamp() * 2, "2 Timestamp"),
        ("<UsernameToken><Username>alice</Username></UsernameToken>", "no Password"),
        ("<UsernameToken><Password>s3cret</Password></UsernameToken>", "no Username"),
        ("<UsernameToken><Username/><Password>s3cret</Password></UsernameToken>", "Username is empty"),
        ("<UsernameToken><Username>a<b/>c</Username><Password/></UsernameToken>", "only text"),
        (a_username_token("<Password>a</Password><Password>b</Password>"), "2 Password"),
        (a_username_token(more="<Salt/>"), "Salt"),
        ("<u:Timestamp><u:Created>2026-11-22T12:00:00Z</u:Created></u:Timestamp>", "no Expires"),
        ("<u:Timestamp/>", "no Created"),
        (a_timestamp(created="yesterday"), "'yesterday'"),
        (a_timestamp(expires="2026-11-22T12:05:00"), "time zone"),
        ("<BinarySecurityToken>AAAA</BinarySecurityToken>", "BinarySecurityToken"),
        ('<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>', "Signature"),
        ('<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>', "Assertion"),
    ],
)
def test_what_is_not_served_is_refused(content: str, objection: str) -> None:
    assert objection in the_refusal_of(content)


@pytest.mark.parametrize(
    "content",
    [
        a_username_token('<Password Type="x">hunter2</Password>'),
        a_username_token("<Password>hunter2<x/></Password>"),
        a_username_token("<Password>hunter2</Password><Password>hunter2</Password>"),
        a_username_token("<Password>hunter2</Password>", "<x/>"),
        a_username_token("<Password>hunter2</Password>") + a_timestamp("x"),
    ],
)
def test_no_refusal_holds_the_password(content: str) -> None:
    with pytest.raises(SecurityHeaderInvalid) as refusal:
        parse_security(a_header(content))

    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_a_secret_prints_as_none() -> None:
    assert "s3cret" not in f"{ALICE} {ALICE!r} {ALICE.password}"
    assert ALICE.password.reveal() == "s3cret"


def written(username_token: UsernameToken | None, created: datetime | None) -> etree._Element:
    root = new(f"{{{SOAP}}}Header", {"s": SOAP})
    add_security(root, username_token, created)
    return parse_document(to_bytes(root))[0]


def test_the_header_is_written_as_windows_writes_it() -> None:
    root = new(f"{{{SOAP}}}Header", {"s": SOAP})

    add_security(root, ALICE, NOON)

    assert to_bytes(root).decode() == (
        f'<s:Header xmlns:s="{SOAP}">'
        f'<o:Security xmlns:o="{WSSE}" xmlns:u="{WSU}" s:mustUnderstand="1">'
        '<u:Timestamp u:Id="_0"><u:Created>2026-11-22T12:00:00.123Z</u:Created>'
        "<u:Expires>2026-11-22T12:05:00.123Z</u:Expires></u:Timestamp>"
        '<o:UsernameToken u:Id="_1"><o:Username>alice@corp.example</o:Username>'
        f'<o:Password Type="{PROFILE}#PasswordText">s3cret</o:Password></o:UsernameToken>'
        "</o:Security></s:Header>"
    )


def test_what_is_written_is_read_again() -> None:
    created = NOON.replace(microsecond=0)
    timestamp = Timestamp(created, created + timedelta(minutes=5))

    assert written(ALICE, created).tag == SECURITY
    assert parse_security(written(ALICE, created)) == Security(timestamp, ALICE)
    assert parse_security(written(None, created)) == Security(timestamp, None)
    assert parse_security(written(ALICE, None)) == Security(None, ALICE)


def test_instants_are_written_in_utc() -> None:
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))

    assert parse_security(written(None, berlin)) == parse_security(written(None, NOON))
