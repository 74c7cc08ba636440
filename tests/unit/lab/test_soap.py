"""Envelopes in and out."""

from datetime import UTC, datetime

import pytest

from gateway.lab import soap
from gateway.lab.markup import element, text
from gateway.lab.soap import Answer, NotSoap, SoapFault
from tests.unit.lab.messages import ACTION_RST, CAPTURED, MESSAGE_ID, WSSE, a_reply, an_envelope

TO = "https://ces.corp.fabrikam.example/service.svc/CES"


def test_the_message_of_certreq_is_read() -> None:
    message = soap.read((CAPTURED / "capture-certreq-ws2025-RST-issue-PKCS10.xml").read_bytes())
    assert (message.action, message.message_id, message.to) == (
        ACTION_RST,
        "urn:uuid:0c6196cd-5b25-4af5-9672-05dcf4f8c3cd",
        "https://recorder.pkinitlab.internal:8443/service.svc/CES",
    )
    assert (message.security, message.mandatory) == (None, ())
    assert message.body.tag.endswith("}RequestSecurityToken")


def test_the_message_of_cepces_is_read() -> None:
    message = soap.read((CAPTURED / "cepces-0.3.17-GetPolicies-UsernamePassword.xml").read_bytes())
    assert message.security is not None
    assert message.mandatory == (f"{{{WSSE}}}Security",)


def test_header_texts_are_trimmed() -> None:
    message = soap.read(an_envelope("<x/>", to=f"\n {TO} ", action=f"\n{ACTION_RST}\n"))
    assert (message.action, message.to) == (ACTION_RST, TO)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"<html>",
        b"<x/>",
        b'<!DOCTYPE s:Envelope [<!ENTITY e "x">]>' + an_envelope("<x/>", to=TO),
        an_envelope("<x/>", to=TO).replace(b"2003/05/soap-envelope", b"2001/12/soap-envelope"),
        an_envelope("", to=TO),
        an_envelope("<x/><y/>", to=TO),
    ],
    ids=["empty", "cut short", "other root", "DTD", "other SOAP", "empty body", "two in the body"],
)
def test_what_is_no_envelope_is_not_read(message: bytes) -> None:
    with pytest.raises(NotSoap):
        soap.read(message)


@pytest.mark.parametrize("name", ["Action", "To", "MessageID"])
def test_an_addressing_header_comes_once(name: str) -> None:
    message = an_envelope("<x/>", to=TO, headers=f"<a:{name}>again</a:{name}>")
    with pytest.raises(SoapFault) as caught:
        soap.read(message)
    assert caught.value.subcode == ("http://www.w3.org/2005/08/addressing", "InvalidAddressingHeader")


def test_an_action_is_required() -> None:
    message = an_envelope("<x/>", to=TO).replace(b"a:Action", b"a:From")
    with pytest.raises(SoapFault) as caught:
        soap.read(message)
    assert caught.value.subcode == ("http://www.w3.org/2005/08/addressing", "MessageAddressingHeaderRequired")


def test_a_secured_answer_carries_a_timestamp_of_five_minutes() -> None:
    now = datetime(2026, 11, 23, 8, 7, 6, 549_999, tzinfo=UTC)
    reply = a_reply(soap.write(Answer("urn:done", element("x")), MESSAGE_ID, secured_at=now))
    security = reply.find("s:Header/wsse:Security")
    assert security is not None
    assert security.get("{http://www.w3.org/2003/05/soap-envelope}mustUnderstand") == "1"
    assert reply.text("s:Header/wsse:Security/wsu:Timestamp/wsu:Created") == "2026-11-23T08:07:06.549Z"
    assert reply.text("s:Header/wsse:Security/wsu:Timestamp/wsu:Expires") == "2026-11-23T08:12:06.549Z"


def test_an_unsecured_answer_carries_none() -> None:
    answer = soap.write(Answer("urn:done", element("x")), MESSAGE_ID, secured_at=None)
    assert WSSE.encode() not in answer


def test_an_answer_relates_to_its_request_and_has_an_activity() -> None:
    reply = a_reply(soap.write(Answer("urn:done", element("x")), MESSAGE_ID, secured_at=None))
    assert (reply.action, reply.text("s:Header/a:RelatesTo")) == ("urn:done", MESSAGE_ID)
    activity = reply.find("s:Header/d:ActivityId")
    assert activity is not None
    assert activity.text == "00000000-0000-0000-0000-000000000000"
    assert len(activity.get("CorrelationId") or "") == 36


def test_a_fault_of_wcf_has_a_subcode_whose_prefix_resolves() -> None:
    fault = SoapFault("Sender", ("urn:other", "Wrong"), "because <it> is")
    reply = a_reply(soap.write_fault(fault, MESSAGE_ID, secured_at=None))
    assert (reply.code, reply.subcode, reply.reason) == ("s:Sender", ("urn:other", "Wrong"), "because <it> is")
    assert reply.action == "http://www.w3.org/2005/08/addressing/soap/fault"


def test_a_fault_of_a_service_has_a_detail_and_its_own_action() -> None:
    fault = SoapFault("Receiver", None, "no", action="urn:fault", detail=element("why", text("so")))
    reply = a_reply(soap.write_fault(fault, MESSAGE_ID, secured_at=None))
    assert (reply.action, reply.subcode, reply.text(".//s:Detail/why")) == ("urn:fault", None, "so")
