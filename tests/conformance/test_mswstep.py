"""What [MS-WSTEP] says the server MUST, one test per clause. Where the gateway says no, a SOAP fault goes out."""

import pytest

from gateway.errors import ActionNotSupported, EncodingTypeInvalid, MalformedMessage
from gateway.protocol.key_exchange import (
    ACTION_KET_FINAL,
    KeyExchangeToken,
    parse_key_exchange_token,
    render_key_exchange_token,
)
from gateway.protocol.namespaces import WSTEP, XSI
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, parse_envelope, render_envelope, render_fault
from gateway.protocol.wstep import (
    ACTION_RSTRC,
    KET,
    Issue,
    Issued,
    Pending,
    QueryTokenStatus,
    RequestSecurityToken,
    ValueType,
    parse_request,
    parse_response,
    render_response,
)
from gateway.protocol.xml import to_bytes

WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
ENROLLMENT = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"

RST = f"{ENROLLMENT}/RST/wstep"
RST_KET = f"{WST}/RST/KET"

TOKEN_TYPE = f"<TokenType>{X509V3}</TokenType>"
ISSUE = f"<RequestType>{WST}/Issue</RequestType>"
QUERY_TOKEN_STATUS = f"<RequestType>{ENROLLMENT}/QueryTokenStatus</RequestType>"
KET_TYPE = f"<RequestType>{WST}/KET</RequestType>"
BINARY_SECURITY_TOKEN = (
    f'<BinarySecurityToken xmlns="{WSSE}" ValueType="{ENROLLMENT}#PKCS10" EncodingType="{WSSE}#base64binary">AAEC'
    "</BinarySecurityToken>"
)


def a_request(*content: str, action: str = RST) -> RequestSecurityToken:
    message = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">'
        f'<s:Header><a:Action s:mustUnderstand="1">{action}</a:Action></s:Header><s:Body>'
        f'<RequestSecurityToken xmlns="{WST}">{"".join(content)}</RequestSecurityToken></s:Body></s:Envelope>'
    )
    return parse_request(parse_envelope(message.encode()))


def a_request_id(content: str, attributes: str = "") -> str:
    return f'<RequestID xmlns="{WSTEP}" xmlns:xsi="{XSI}" {attributes}>{content}</RequestID>'


def test_3_1_4_1_2_7_the_request_type_has_one_of_three_values() -> None:
    assert isinstance(a_request(TOKEN_TYPE, ISSUE, BINARY_SECURITY_TOKEN), Issue)
    assert isinstance(a_request(TOKEN_TYPE, QUERY_TOKEN_STATUS, a_request_id("1")), QueryTokenStatus)
    assert isinstance(a_request(TOKEN_TYPE, KET_TYPE, "<RequestKET/>", action=RST_KET), KET)


@pytest.mark.parametrize("request_type", ["Renew", "Cancel", "Validate", "issue", ""])
def test_3_1_4_1_2_7_any_other_request_type_is_a_fault(request_type: str) -> None:
    with pytest.raises(ActionNotSupported):
        a_request(TOKEN_TYPE, f"<RequestType>{WST}/{request_type}</RequestType>", BINARY_SECURITY_TOKEN)


def test_3_1_4_1_2_8_the_token_type_is_x509v3() -> None:
    with pytest.raises(MalformedMessage, match="TokenType"):
        a_request(f"<TokenType>{WSSE}#PKCS7</TokenType>", ISSUE, BINARY_SECURITY_TOKEN)


def test_3_1_4_1_3_2_a_pending_answer_refers_to_the_server_and_has_the_cmc_response() -> None:
    response = Pending("Taken Under Submission", "en-US", "https://gateway.example/CES", b"\1", "7")

    assert parse_response(parse_envelope(render_envelope(ACTION_RSTRC, render_response(response)))) == response
    assert b'<Reference URI="https://gateway.example/CES"/>' in to_bytes(render_response(response))
    assert b"<BinarySecurityToken" in to_bytes(render_response(response))


def test_3_1_4_1_3_2_the_end_entity_certificate_is_an_x509v3_token() -> None:
    answer = to_bytes(render_response(Issued("Issued", "en-US", b"\2", b"\1", "7"))).decode()

    requested = answer[answer.index("<RequestedSecurityToken>") : answer.index("</RequestedSecurityToken>")]
    assert f'ValueType="{ValueType.X509V3}"' in requested


def test_3_1_4_1_3_3_the_encoding_type_is_base64() -> None:
    with pytest.raises(EncodingTypeInvalid):
        a_request(TOKEN_TYPE, ISSUE, BINARY_SECURITY_TOKEN.replace("#base64binary", "#HexBinary"))


def test_3_1_4_1_3_3_what_is_not_of_the_protocol_is_ignored() -> None:
    vendor = '<AppliesTo xmlns="http://schemas.xmlsoap.org/ws/2004/09/policy"/><Renewing/>'

    assert a_request(vendor, TOKEN_TYPE, ISSUE, vendor, BINARY_SECURITY_TOKEN) == Issue(b"\0\1\2", ValueType.PKCS10)


@pytest.mark.parametrize("token", ["BinarySecurityToken", "AdditionalContext"])
def test_3_1_4_1_3_3_no_element_of_the_protocol_stands_twice(token: str) -> None:
    context = '<AdditionalContext xmlns="http://schemas.xmlsoap.org/ws/2006/12/authorization"/>'
    twice = {"BinarySecurityToken": BINARY_SECURITY_TOKEN, "AdditionalContext": context * 2}[token]

    with pytest.raises(MalformedMessage, match=f"2 {token}"):
        a_request(TOKEN_TYPE, ISSUE, BINARY_SECURITY_TOKEN, twice)


def test_3_1_4_1_3_5_a_collection_holds_one_response() -> None:
    answer = to_bytes(render_response(Issued("Issued", "en-US", b"\2", b"\1", "7")))

    assert answer.count(b"<RequestSecurityTokenResponse>") == 1


def test_3_1_4_1_3_7_what_the_detail_of_a_fault_does_not_say_is_nil() -> None:
    detail = CertificateEnrollmentWSDetail(None, None, invalid_request=False, request_id=None)
    fault = to_bytes(render_fault(Fault(("", "Receiver"), None, "No.", "en-US", detail)))

    for name in (b"BinaryResponse", b"ErrorCode", b"RequestID"):
        assert b"<" + name + b' xsi:nil="true"/>' in fault
    assert b"<InvalidRequest>false</InvalidRequest>" in fault


@pytest.mark.parametrize("action", [f"{WST}/RST/Issue", f"{ENROLLMENT}/RSTRC/wstep", "urn:x"])
def test_3_1_4_2_any_other_action_is_a_fault(action: str) -> None:
    with pytest.raises(ActionNotSupported):
        a_request(TOKEN_TYPE, ISSUE, BINARY_SECURITY_TOKEN, action=action)


def test_3_1_4_2_1_a_request_without_its_type_is_a_fault() -> None:
    with pytest.raises(MalformedMessage, match="RequestType"):
        a_request(TOKEN_TYPE, BINARY_SECURITY_TOKEN)


def test_3_1_4_2_1_a_ket_under_the_other_action_is_a_fault() -> None:
    with pytest.raises(ActionNotSupported):
        a_request(TOKEN_TYPE, KET_TYPE, "<RequestKET/>")


def test_3_1_4_2_1_1_an_issue_without_its_token_is_a_fault() -> None:
    with pytest.raises(MalformedMessage, match="BinarySecurityToken"):
        a_request(TOKEN_TYPE, ISSUE)


@pytest.mark.parametrize("request_id", [a_request_id("1"), a_request_id("", 'xsi:nil="true"')])
def test_3_1_4_2_1_1_the_request_id_of_an_issue_is_ignored(request_id: str) -> None:
    token = a_request(TOKEN_TYPE, ISSUE, BINARY_SECURITY_TOKEN, request_id)

    assert token == Issue(b"\0\1\2", ValueType.PKCS10)


@pytest.mark.parametrize("request_id", ["", a_request_id(""), a_request_id("", 'xsi:nil="true"')])
def test_3_1_4_2_1_2_a_question_without_a_request_id_is_a_fault(request_id: str) -> None:
    with pytest.raises(MalformedMessage, match="RequestID"):
        a_request(TOKEN_TYPE, QUERY_TOKEN_STATUS, request_id)


@pytest.mark.parametrize("request_type", [ISSUE, QUERY_TOKEN_STATUS])
def test_3_1_4_2_2_another_request_under_the_action_of_ket_is_a_fault(request_type: str) -> None:
    with pytest.raises(ActionNotSupported):
        a_request(TOKEN_TYPE, request_type, BINARY_SECURITY_TOKEN, a_request_id("1"), action=RST_KET)


def test_3_1_4_2_2_1_a_ket_without_its_element_is_a_fault() -> None:
    with pytest.raises(MalformedMessage, match="RequestKET"):
        a_request(TOKEN_TYPE, KET_TYPE, action=RST_KET)


def test_3_1_4_2_2_1_the_answer_to_a_ket_has_the_key_exchange_token() -> None:
    token = KeyExchangeToken(b"\1")
    answer = render_envelope(ACTION_KET_FINAL, render_key_exchange_token(token))

    assert parse_key_exchange_token(parse_envelope(answer)) == token
    with pytest.raises(MalformedMessage, match="KeyExchangeToken"):
        parse_key_exchange_token(parse_envelope(answer.replace(b"KeyExchangeToken>", b"Other>")))
