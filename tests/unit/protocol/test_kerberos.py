from datetime import UTC, datetime

import pytest

from gateway.protocol import kerberos
from tests.requests import bit_string, integer, object_identifier, octet_string, sequence, tlv
from tests.silver_tickets import KERBEROS, Service, a_ticket, an_ap_req, framed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SERVICE = Service("HTTP/enroll.fabrikam.example", "CORP.FABRIKAM.EXAMPLE", key=b"k" * 32)
TICKET = tlv(0x61, sequence())
FIELDS = {
    0: integer(5),
    1: integer(14),
    2: bit_string(bytes(4)),
    3: TICKET,
    4: sequence(),
}


def an_ap_req_of(fields: dict[int, bytes], tag: int = 0x6E) -> bytes:
    return b"\x01\x00" + tlv(tag, sequence(*(tlv(0xA0 | number, value) for number, value in fields.items())))


def a_krb_error(code: int) -> bytes:
    fields = {0: integer(5), 1: integer(30), 6: integer(code)}
    return b"\x03\x00" + tlv(0x7E, sequence(*(tlv(0xA0 | number, value) for number, value in fields.items())))


def test_a_framed_token_is_taken_apart() -> None:
    assert kerberos.unframe(framed("1.3.6.1.5.5.2", b"inner")) == ("1.3.6.1.5.5.2", b"inner")


@pytest.mark.parametrize(
    "token",
    [
        b"",
        tlv(0x60),
        tlv(0x60, b"\x06"),
        tlv(0x60, integer(1)),
        tlv(0x60, b"\x06\x09\x2a"),
        tlv(0x60, b"\x06\x00"),
        tlv(0x61, object_identifier(KERBEROS)),
        framed(KERBEROS, b"") + b"\x00",
    ],
)
def test_what_is_not_framed_is_refused(token: bytes) -> None:
    with pytest.raises(ValueError, match=r"error parsing|is wanted|does not begin with its mechanism"):
        kerberos.unframe(token)


def test_the_ticket_is_found_in_an_ap_req() -> None:
    token = an_ap_req(a_ticket(SERVICE, client="alice", now=NOW), made_at=NOW)

    ticket = kerberos.ticket_of(kerberos.unframe(token)[1])

    assert ticket[0] == 0x61
    assert ticket in token
    assert kerberos.ticket_of(an_ap_req_of(FIELDS)) == TICKET


@pytest.mark.parametrize(
    "inner_token",
    [
        b"",
        b"\x02\x00" + an_ap_req_of(FIELDS)[2:],
        an_ap_req_of(FIELDS, tag=0x6F),
        an_ap_req_of(FIELDS)[:-1],
        an_ap_req_of(FIELDS) + b"\x00",
        an_ap_req_of({**FIELDS, 0: integer(4)}),
        an_ap_req_of({**FIELDS, 1: integer(15)}),
        an_ap_req_of({**FIELDS, 3: octet_string(b"")}),
        an_ap_req_of({**FIELDS, 5: integer(1)}),
        *(an_ap_req_of({number: value for number, value in FIELDS.items() if number != missing}) for missing in FIELDS),
    ],
)
def test_what_is_no_ap_req_is_refused(inner_token: bytes) -> None:
    with pytest.raises(ValueError, match=r"TOK_ID|is wanted|error parsing|version or type|missing|more than 5"):
        kerberos.ticket_of(inner_token)


def test_the_code_of_a_krb_error_is_told_with_its_name() -> None:
    assert kerberos.is_krb_error(a_krb_error(41))
    assert not kerberos.is_krb_error(an_ap_req_of(FIELDS))
    assert kerberos.krb_error_code(a_krb_error(41)) == "KRB_AP_ERR_MODIFIED (41)"
    assert kerberos.krb_error_code(a_krb_error(99)) == "KRB-ERROR (99)"
