"""[MS-WSTEP] as real CES speaks it, held against captured messages."""

import base64
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.lab import ces, soap
from gateway.lab.accounts import ALICE, GATEWAY_SERVICE
from gateway.lab.authority import CertificationAuthority
from gateway.lab.ces import CertificateEnrollmentService, issued_token, response_collection
from gateway.lab.hresult import HResult
from gateway.lab.soap import Answer, SoapFault
from tests.cmc import Holder, a_renewal, a_renewal_attribute
from tests.requests import a_certification_request, a_key
from tests.unit.lab.messages import (
    ACTION_RST,
    CAPTURED,
    DISPATCHER,
    MESSAGE_ID,
    WSSE,
    WST,
    WSTEP,
    Reply,
    a_query,
    a_reply,
    an_additional_context,
    an_envelope,
    an_issue,
)

URI = "https://ces.corp.fabrikam.example:8443/Fabrikam%20Issuing%20CA%201_CES_Certificate/service.svc/CES"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "vectors" / "xsd" / "ms-wstep.xsd"))
CAPTURED_ANSWER = (CAPTURED / "capture-adcs-RSTRC-issued.xml").read_bytes()
RSTR = ".//wst:RequestSecurityTokenResponse"
KET = f"{WST}/RST/KET"
DETAIL = ".//wstep:CertificateEnrollmentWSDetail"


def _answer(ca: CertificationAuthority, body: str, action: str = ACTION_RST) -> Reply:
    message = soap.read(an_envelope(body, to=URI, action=action))
    answer = CertificateEnrollmentService(ca, URI).answer(message, ALICE)
    return a_reply(soap.write(answer, MESSAGE_ID, secured_at=None))


def _fault(ca: CertificationAuthority, body: str, action: str = ACTION_RST) -> Reply:
    with pytest.raises(SoapFault) as caught:
        _answer(ca, body, action)
    return a_reply(soap.write_fault(caught.value, MESSAGE_ID, secured_at=None))


# --- the captured answer --------------------------------------------------------------------------------------------


def test_the_captured_answer_is_written_byte_for_byte() -> None:
    captured = a_reply(CAPTURED_ANSWER)
    body = response_collection(
        captured.text(f"{RSTR}/wstep:DispositionMessage") or "",
        captured.token(RSTR),
        issued_token(captured.token(f"{RSTR}/wst:RequestedSecurityToken")),
        int(captured.text(f"{RSTR}/wstep:RequestID") or ""),
    )
    relates_to = captured.text("s:Header/a:RelatesTo")
    ours = soap.write(Answer(ces.ACTION_RSTRC, body), relates_to, secured_at=None)
    # The correlation id is fresh in each answer.
    correlation = re.search(rb'CorrelationId="[^"]+"', CAPTURED_ANSWER)
    assert correlation is not None
    assert re.sub(rb'CorrelationId="[^"]+"', correlation.group(), ours) == CAPTURED_ANSWER.rstrip()


def test_the_captured_request_of_certreq_is_answered_in_the_captured_structure(ca: CertificationAuthority) -> None:
    request = soap.read((CAPTURED / "capture-certreq-ws2025-RST-issue-PKCS10.xml").read_bytes())
    answer = CertificateEnrollmentService(ca, URI).answer(request, GATEWAY_SERVICE)
    ours = etree.fromstring(soap.write(answer, request.message_id, secured_at=None))
    theirs = etree.fromstring(CAPTURED_ANSWER)
    assert [(e.tag, sorted(e.keys())) for e in ours.iter()] == [(e.tag, sorted(e.keys())) for e in theirs.iter()]
    leaf = x509.load_der_x509_certificate(Reply(ours).token(".//wst:RequestedSecurityToken"))
    captured_leaf = x509.load_der_x509_certificate(Reply(theirs).token(".//wst:RequestedSecurityToken"))
    assert leaf.public_key() == captured_leaf.public_key()


def test_elements_of_the_answer_are_valid_by_the_schema(ca: CertificationAuthority) -> None:
    reply = _answer(ca, an_issue(a_certification_request()))
    for name in ("DispositionMessage", "RequestID"):
        element = reply.find(f"{RSTR}/wstep:{name}")
        assert element is not None
        SCHEMA.assertValid(etree.fromstring(etree.tostring(element)))


# --- Issue ----------------------------------------------------------------------------------------------------------


def test_an_issued_certificate_comes_alone_and_inside_the_response(ca: CertificationAuthority) -> None:
    reply = _answer(ca, an_issue(a_certification_request()))
    certificate = ca.requests[10].certificate
    assert certificate is not None
    leaf = certificate.public_bytes(Encoding.DER)
    assert reply.token(f"{RSTR}/wst:RequestedSecurityToken") == leaf
    assert leaf in reply.token(RSTR)
    assert reply.text(f"{RSTR}/wstep:DispositionMessage") == "Issued"
    assert reply.text(f"{RSTR}/wstep:RequestID") == "10"
    assert reply.action == f"{WSTEP}/RSTRC/wstep"


@pytest.mark.parametrize("value_type", [f"{WSTEP}#PKCS10", f"{WSSE}#PKCS7"])
def test_a_renewal_comes_through_whatever_it_is_called(ca: CertificationAuthority, value_type: str) -> None:
    old_key = a_key("EC", "old")
    _answer(ca, an_issue(a_certification_request(template="PartnerDevice", key=old_key)))
    first = ca.requests[10].certificate
    assert first is not None
    old = Holder(first.public_bytes(Encoding.DER), old_key)
    attributes = [a_renewal_attribute(old.certificate)]
    request = a_certification_request(template="PartnerDevice", extra_attributes=attributes)
    reply = _answer(ca, an_issue(a_renewal(old, cmc=True, request=request), value_type=value_type))
    leaf = x509.load_der_x509_certificate(reply.token(f"{RSTR}/wst:RequestedSecurityToken"))
    assert leaf.subject == first.subject
    assert leaf.public_key() == a_key().public_key()


def test_the_key_exchange_token_is_the_ca_s_exchange_certificate(ca: CertificationAuthority) -> None:
    reply = _answer(ca, an_issue(None, request_type=f"{WST}/KET", more="<RequestKET/>"), action=KET)
    assert reply.action == f"{WST}/RSTR/KETFinal"
    assert reply.token(f"{RSTR}/wst:RequestedSecurityToken/wst:KeyExchangeToken") == (
        ca.exchange_certificate().public_bytes(Encoding.DER)
    )
    response = reply.find(RSTR)
    assert response is not None
    assert [etree.QName(child).localname for child in response] == ["TokenType", "RequestedSecurityToken"]
    assert ca.requests == {}


def test_a_renewal_only_service_asks_the_ca_on_behalf_of_who_has_the_key(ca: CertificationAuthority) -> None:
    service = CertificateEnrollmentService(ca, URI, renewal_only=True)
    with pytest.raises(SoapFault):
        service.answer(soap.read(an_envelope(an_issue(a_certification_request()), to=URI)), ALICE)
    assert ca.requests[10].status is HResult.CERTSRV_E_BAD_RENEWAL_CERT_ATTRIBUTE


def test_the_caller_is_the_requester(ca: CertificationAuthority) -> None:
    _answer(ca, an_issue(a_certification_request(template="User")))
    assert ca.requests[10].requester == ALICE


def test_additional_context_goes_to_the_ca(ca: CertificationAuthority) -> None:
    context = an_additional_context(("CertificateTemplate", "PartnerWebServer"), ("ccm", "host.example"))
    _answer(ca, an_issue(a_certification_request(template=None), context=context))
    assert ca.requests[10].template == "PartnerWebServer"
    assert ca.requests[10].attributes == "CertificateTemplate:PartnerWebServer\nccm:host.example"


def test_a_line_break_in_additional_context_makes_another_attribute(ca: CertificationAuthority) -> None:
    context = an_additional_context(("ccm", "host\nCertificateTemplate:User"))
    fault = _fault(ca, an_issue(a_certification_request(), context=context))
    assert fault.error_code == 0x80094802


@pytest.mark.parametrize(
    "more",
    [
        f'<RequestID xmlns="{WSTEP}" xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>',
        f'<RequestID xmlns="{WSTEP}">7</RequestID>',
        "<Renewing/>",
    ],
    ids=["nil RequestID", "RequestID", "unknown element"],
)
def test_what_an_issue_does_not_need_is_ignored(ca: CertificationAuthority, more: str) -> None:
    assert _answer(ca, an_issue(a_certification_request(), more=more)).text(f"{RSTR}/wstep:RequestID") == "10"


def test_a_request_may_be_labelled_pkcs7(ca: CertificationAuthority) -> None:
    assert _answer(ca, an_issue(a_certification_request(), value_type=f"{WSSE}#PKCS7")).token(RSTR)


def test_a_pending_answer_names_the_service_itself(ca: CertificationAuthority) -> None:
    reply = _answer(ca, an_issue(a_certification_request(template="PartnerPending")))
    reference = reply.find(f"{RSTR}/wst:RequestedSecurityToken/wsse:SecurityTokenReference/wsse:Reference")
    assert reference is not None
    assert reference.get("URI") == URI
    assert reply.text(f"{RSTR}/wstep:DispositionMessage") == "Taken Under Submission"
    assert reply.text(f"{RSTR}/wstep:RequestID") == "10"
    response = reply.find(RSTR)
    assert response is not None
    assert [etree.QName(child).localname for child in response] == [
        "TokenType",
        "DispositionMessage",
        "BinarySecurityToken",
        "RequestedSecurityToken",
        "RequestID",
    ]


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            an_issue(
                a_certification_request(),
                encoding_type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"
                "#Base64Binary",
            ),
            "The EncodingType is invalid.",
        ),
        (
            an_issue(a_certification_request(), encoding_type=f"{WSSE}#Base64Binary"),
            "The EncodingType is invalid.",
        ),
        (an_issue(a_certification_request(), token_type=f"{WSSE}#X509v3"), "The TokenType is invalid."),
        (an_issue(a_certification_request(), request_type=f"{WST}/Renew"), "The RequestType is invalid."),
        (an_issue(a_certification_request(), request_type=f" {WST}/Issue "), "The RequestType is invalid."),
        (an_issue(a_certification_request(), value_type=f"{WSSE}#X509v3"), "The ValueType is invalid."),
        (an_issue(None), "The BinarySecurityToken is invalid."),
        (an_issue(b"").replace("></Bin", ">?</Bin"), "The BinarySecurityToken is invalid."),
        (
            an_issue(a_certification_request(), more=f"<RequestType>{WST}/Issue</RequestType>"),
            "The RequestType is invalid.",
        ),
        (a_query(None), "The RequestID is invalid."),
        (a_query(""), "The RequestID is invalid."),
        (a_query("ten"), "The RequestID is invalid."),
        (a_query("-1"), "The RequestID is invalid."),
        (f'<Other xmlns="{WST}"/>', "The RequestSecurityToken is invalid."),
    ],
)
def test_an_invalid_argument_is_named(ca: CertificationAuthority, body: str, reason: str) -> None:
    fault = _fault(ca, body)
    assert (fault.code, fault.subcode, fault.reason) == ("s:Receiver", None, reason)
    assert fault.text(f"{DETAIL}/wstep:ErrorCode") == "-2147024809"
    assert fault.text(f"{DETAIL}/wstep:InvalidRequest") == "false"
    assert ca.requests == {}


def test_the_fault_about_the_encoding_type_is_the_reported_one(ca: CertificationAuthority) -> None:
    fault = _fault(ca, an_issue(a_certification_request(), encoding_type="other"))
    assert fault.action == f"{WSTEP}/RequestSecurityTokenCertificateEnrollmentWSDetailFault"
    detail = fault.find(DETAIL)
    assert detail is not None
    nil = "{http://www.w3.org/2001/XMLSchema-instance}nil"
    assert [(etree.QName(child).localname, child.get(nil)) for child in detail] == [
        ("BinaryResponse", "true"),
        ("ErrorCode", None),
        ("InvalidRequest", None),
        ("RequestID", "true"),
    ]
    SCHEMA.assertValid(etree.fromstring(etree.tostring(detail)))


@pytest.mark.parametrize("action", [f"{WST}/RST/Issue", f"{WSTEP}/RSTRC/wstep", "urn:any"])
def test_another_action_is_invalid(ca: CertificationAuthority, action: str) -> None:
    fault = _fault(ca, an_issue(a_certification_request()), action)
    assert (fault.reason, fault.error_code) == ("The action is invalid.", 0x80070057)


def test_a_key_exchange_token_is_asked_for_by_name(ca: CertificationAuthority) -> None:
    fault = _fault(ca, an_issue(None, request_type=f"{WST}/KET"), KET)
    assert (fault.code, fault.subcode) == ("s:Receiver", (DISPATCHER, "InternalServiceFault"))
    assert fault.action == f"{DISPATCHER}/fault"
    assert fault.find(".//s:Detail") is None


@pytest.mark.parametrize(
    ("request_type", "action"), [(f"{WST}/Issue", KET), (f"{WST}/KET", ACTION_RST)], ids=["Issue", "RST"]
)
def test_a_key_exchange_token_has_its_own_action(ca: CertificationAuthority, request_type: str, action: str) -> None:
    fault = _fault(ca, an_issue(None, request_type=request_type, more="<RequestKET/>"), action)
    assert fault.reason == "The RequestType is invalid."


def test_a_denial_tells_everything_the_ca_said(ca: CertificationAuthority) -> None:
    fault = _fault(ca, an_issue(a_certification_request(template="PartnerRefused")))
    assert (fault.code, fault.subcode) == ("s:Receiver", None)
    assert fault.reason == ca.requests[10].disposition_message
    assert fault.text(f"{DETAIL}/wstep:ErrorCode") == "-2146875374"
    assert fault.text(f"{DETAIL}/wstep:InvalidRequest") == "true"
    assert fault.text(f"{DETAIL}/wstep:RequestID") == "10"
    response = base64.b64decode(fault.text(f"{DETAIL}/wstep:BinaryResponse") or "")
    assert b"Denied by Policy Module  0x80094812, The EMail name is unavailable" in response
    detail = fault.find(DETAIL)
    assert detail is not None
    SCHEMA.assertValid(etree.fromstring(etree.tostring(detail)))


def test_a_request_that_the_ca_cannot_read_is_no_invalid_request(ca: CertificationAuthority) -> None:
    fault = _fault(ca, an_issue(b"0\x00"))
    assert fault.error_code == 0x8009310B
    assert fault.text(f"{DETAIL}/wstep:InvalidRequest") == "false"
    assert fault.text(f"{DETAIL}/wstep:RequestID") == "10"


# --- QueryTokenStatus -----------------------------------------------------------------------------------------------


def _pending(ca: CertificationAuthority) -> int:
    return ca.submit(a_certification_request(template="PartnerPending"), "", ALICE).request_id


def test_a_pending_request_is_still_pending(ca: CertificationAuthority) -> None:
    reply = _answer(ca, a_query(str(_pending(ca))))
    assert reply.text(f"{RSTR}/wstep:DispositionMessage") == "Taken Under Submission"


def test_a_released_request_is_issued(ca: CertificationAuthority) -> None:
    certificate = ca.resolve(_pending(ca)).certificate
    assert certificate is not None
    reply = _answer(ca, a_query("10"))
    assert reply.token(f"{RSTR}/wst:RequestedSecurityToken") == certificate.public_bytes(Encoding.DER)
    assert reply.text(f"{RSTR}/wstep:RequestID") == "10"


def test_a_request_that_was_denied_says_so(ca: CertificationAuthority) -> None:
    ca.resolve(_pending(ca), issue=False)
    fault = _fault(ca, a_query("10"))
    assert (fault.error_code, fault.reason) == (0x80094014, "Denied by Administrator")
    assert fault.text(f"{DETAIL}/wstep:InvalidRequest") == "true"
    assert fault.text(f"{DETAIL}/wstep:RequestID") == "10"


def test_a_request_that_the_policy_module_denied_is_later_denied_by_the_administrator(
    ca: CertificationAuthority,
) -> None:
    ca.submit(a_certification_request(template="PartnerRefused"), "", ALICE)
    assert _fault(ca, a_query("10")).error_code == 0x80094014


@pytest.mark.parametrize(("request_id", "error_code"), [("999", 0x80094002), ("0", 0x80094004)])
def test_an_unknown_request_is_a_fault(ca: CertificationAuthority, request_id: str, error_code: int) -> None:
    fault = _fault(ca, a_query(request_id))
    assert fault.error_code == error_code
    assert fault.text(f"{DETAIL}/wstep:InvalidRequest") == "false"
    assert fault.reason is not None
    assert f"0x{error_code:08x}" in fault.reason


def test_cepces_polls_with_an_empty_token(ca: CertificationAuthority) -> None:
    poll = soap.read((CAPTURED / "cepces-0.3.17-RST-QueryTokenStatus-poll.xml").read_bytes())
    with pytest.raises(SoapFault) as caught:
        CertificateEnrollmentService(ca, URI).answer(poll, ALICE)
    assert "CERTSRV_E_NO_REQUEST" in caught.value.reason  # its 42 does not exist here: the message was understood
