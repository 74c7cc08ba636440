import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import MalformedMessage, SecurityHeaderInvalid
from gateway.protocol.hresult import HResult
from gateway.protocol.namespaces import DISPATCHER, SOAP, WSA, WSSE, WST, WSTEP, XSI
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import (
    CertificateEnrollmentWSDetail,
    Envelope,
    Fault,
    UpstreamRefused,
    parse_envelope,
    parse_fault,
    render_body,
    render_envelope,
    render_fault,
)
from gateway.protocol.xml import new, to_bytes

ANONYMOUS = f"{WSA}/anonymous"
ACTION = "<a:Action>urn:action</a:Action>"
BODY = f'<s:Body><TokenType xmlns="{WST}">x</TokenType></s:Body>'

deterministic = settings(deadline=None, max_examples=100, derandomize=True)


def a_message(headers: str = ACTION, body: str = BODY) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>{headers}</s:Header>{body}</s:Envelope>'.encode()


def the_refusal_of(message: bytes) -> str:
    with pytest.raises(MalformedMessage) as refusal:
        parse_envelope(message)
    return str(refusal.value)


# --- envelopes ------------------------------------------------------------------------------------------------------


def test_the_headers_and_the_body_are_read() -> None:
    envelope = parse_envelope(
        a_message(
            f"{ACTION}<a:MessageID>urn:uuid:1</a:MessageID><a:RelatesTo>urn:uuid:2</a:RelatesTo>"
            "<a:To>https://ces.corp.example/</a:To>"
        )
    )

    assert envelope == Envelope(
        "urn:action", "urn:uuid:1", "urn:uuid:2", "https://ces.corp.example/", None, envelope.body
    )
    assert envelope.body.tag == f"{{{WST}}}TokenType"


def test_only_the_action_must_be_there() -> None:
    envelope = parse_envelope(a_message())

    assert (envelope.message_id, envelope.relates_to, envelope.to, envelope.security) == (None, None, None, None)


def test_white_space_around_a_header_is_none_of_it() -> None:
    envelope = parse_envelope(a_message("<a:Action>\r\n urn:action\t</a:Action><a:MessageID> \n</a:MessageID>"))

    assert (envelope.action, envelope.message_id) == ("urn:action", None)


@pytest.mark.parametrize("headers", ["", "<a:Action/>", "<a:Action> </a:Action>"])
def test_a_message_without_an_action_is_refused(headers: str) -> None:
    assert "no WS-Addressing Action" in the_refusal_of(a_message(headers))


def test_a_message_without_a_header_is_refused() -> None:
    assert "no WS-Addressing Action" in the_refusal_of(f'<s:Envelope xmlns:s="{SOAP}">{BODY}</s:Envelope>'.encode())


@pytest.mark.parametrize("name", ["Action", "MessageID", "RelatesTo", "To", "ReplyTo"])
def test_no_header_stands_twice(name: str) -> None:
    block = (
        f"<a:{name}><a:Address>{ANONYMOUS}</a:Address></a:{name}>" if name == "ReplyTo" else f"<a:{name}>x</a:{name}>"
    )
    others = "" if name == "Action" else ACTION

    assert f"the header {name} stands twice" in the_refusal_of(a_message(others + block * 2))


def test_of_two_security_headers_neither_is_taken() -> None:
    assert "Security stands twice" in the_refusal_of(a_message(ACTION + f'<Security xmlns="{WSSE}"/>' * 2))


def test_soap_1_1_is_refused_by_its_name() -> None:
    message = a_message().replace(SOAP.encode(), b"http://schemas.xmlsoap.org/soap/envelope/")

    assert "SOAP 1.1" in the_refusal_of(message)


def test_another_document_is_refused() -> None:
    assert "'html'" in the_refusal_of(b"<html/>")


@pytest.mark.parametrize(
    "parts",
    [
        "",
        f"<s:Header>{ACTION}</s:Header>",
        f"<s:Header>{ACTION}</s:Header>{BODY}{BODY}",
        f"<s:Header>{ACTION}</s:Header><s:Header>{ACTION}</s:Header>{BODY}",
        f"{BODY}<s:Header>{ACTION}</s:Header>",
        f"<s:Header>{ACTION}</s:Header>{BODY}<s:Trailer/>",
        f"<s:Header>{ACTION}</s:Header><Body/>",
    ],
    ids=["nothing", "no body", "two bodies", "two headers", "body first", "trailer", "another body"],
)
def test_an_envelope_has_at_most_one_header_and_exactly_one_body(parts: str) -> None:
    message = f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}">{parts}</s:Envelope>'

    assert "at most one Header" in the_refusal_of(message.encode())


@pytest.mark.parametrize(("content", "number"), [("", 0), ("<x/><y/>", 2), (f'<TokenType xmlns="{WST}"/><x/>', 2)])
def test_a_body_holds_exactly_one_element(content: str, number: int) -> None:
    """A broken release of cepces sends an empty one."""
    assert f"the Body holds {number} elements" in the_refusal_of(a_message(body=f"<s:Body>{content}</s:Body>"))


@pytest.mark.parametrize("claim", ["true", "1", " 1 ", "yes", ""])
def test_a_header_that_must_be_understood_and_is_not_refuses_the_message(claim: str) -> None:
    header = f'<Transaction xmlns="urn:x" s:mustUnderstand="{claim}"/>'

    assert "'Transaction' of namespace 'urn:x' must be understood" in the_refusal_of(a_message(ACTION + header))


@pytest.mark.parametrize("claim", ["", 's:mustUnderstand="0"', 's:mustUnderstand="false"', 'mustUnderstand="1"'])
def test_other_headers_are_ignored(claim: str) -> None:
    headers = f'{ACTION}<ActivityId xmlns="urn:x" {claim}>1</ActivityId>' + "<ActivityId xmlns='urn:x'/>" * 2

    assert parse_envelope(a_message(headers)).action == "urn:action"


def test_an_anonymous_reply_is_what_the_client_gets() -> None:
    reply_to = f"<a:ReplyTo><a:Address>\n{ANONYMOUS}\n</a:Address></a:ReplyTo>"

    assert parse_envelope(a_message(ACTION + reply_to)).action == "urn:action"


@pytest.mark.parametrize(
    "reply_to",
    [
        "<a:ReplyTo><a:Address>https://victim.example/</a:Address></a:ReplyTo>",
        f"<a:ReplyTo><a:Address>{WSA}/none</a:Address></a:ReplyTo>",
        "<a:ReplyTo/>",
        f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address><a:Address>https://victim.example/</a:Address></a:ReplyTo>",
    ],
)
def test_a_reply_to_elsewhere_is_refused(reply_to: str) -> None:
    assert re.search("ReplyTo", the_refusal_of(a_message(ACTION + reply_to)))


def test_a_bad_security_header_is_an_authentication_matter() -> None:
    header = f'<Security xmlns="{WSSE}"><BinarySecurityToken/></Security>'

    with pytest.raises(SecurityHeaderInvalid, match="BinarySecurityToken"):
        parse_envelope(a_message(ACTION + header))


# --- rendering ------------------------------------------------------------------------------------------------------


def test_a_request_is_written_as_windows_writes_it() -> None:
    body = new(f"{{{WST}}}TokenType", {None: WST})

    message = render_envelope("urn:action", body, message_id="urn:uuid:1", to="https://ces.corp.example/")

    assert message.decode() == (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header><a:Action s:mustUnderstand="1">urn:action</a:Action>'
        '<a:MessageID>urn:uuid:1</a:MessageID><a:To s:mustUnderstand="1">https://ces.corp.example/</a:To></s:Header>'
        f'<s:Body><TokenType xmlns="{WST}"/></s:Body></s:Envelope>'
    )


def test_an_answer_is_written_as_wcf_writes_it() -> None:
    message = render_envelope("urn:action", new(f"{{{WST}}}TokenType", {None: WST}), relates_to="urn:uuid:1")

    assert message.decode() == (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header><a:Action s:mustUnderstand="1">urn:action</a:Action>'
        f'<a:RelatesTo>urn:uuid:1</a:RelatesTo></s:Header><s:Body><TokenType xmlns="{WST}"/></s:Body></s:Envelope>'
    )


@pytest.mark.parametrize("username_token", [None, UsernameToken("alice@corp.example", Secret("s3cret<&>"))])
@pytest.mark.parametrize("created", [None, datetime(2026, 11, 22, 12, tzinfo=UTC)])
def test_what_was_given_is_in_the_security_header(
    username_token: UsernameToken | None, created: datetime | None
) -> None:
    message = render_envelope(
        "urn:action",
        new(f"{{{WST}}}TokenType", {None: WST}),
        username_token=username_token,
        timestamp_created=created,
    )

    security = parse_envelope(message).security
    assert (security and security.username_token) == username_token
    assert (security and security.timestamp and security.timestamp.created) == created


# --- faults ---------------------------------------------------------------------------------------------------------

DENIED = CertificateEnrollmentWSDetail(
    None, HResult.CERTSRV_E_TEMPLATE_DENIED.signed, invalid_request=True, request_id=None
)
FAULT = Fault((SOAP, "Receiver"), None, "Denied.", "en-US", DENIED)


def through_the_wire(fault: Fault) -> Fault | None:
    return parse_fault(parse_envelope(render_envelope("urn:action", render_fault(fault))))


def a_fault(content: str) -> Fault | None:
    return parse_fault(parse_envelope(a_message(body=f"<s:Body><s:Fault>{content}</s:Fault></s:Body>")))


def a_detail(content: str) -> CertificateEnrollmentWSDetail | None:
    fault = a_fault(
        "<s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Detail>"
        f'<CertificateEnrollmentWSDetail xmlns="{WSTEP}" xmlns:xsi="{XSI}">{content}</CertificateEnrollmentWSDetail>'
        "</s:Detail>"
    )
    assert fault is not None
    return fault.detail


def test_a_message_that_is_no_fault_has_none() -> None:
    assert parse_fault(parse_envelope(a_message())) is None


def test_the_fault_of_ces_is_written_as_ces_writes_it() -> None:
    """Code without Subcode, and all four elements of the detail (cepces issue 81)."""
    assert to_bytes(render_fault(FAULT)).decode() == (
        f'<s:Fault xmlns:s="{SOAP}"><s:Code><s:Value>s:Receiver</s:Value></s:Code>'
        '<s:Reason><s:Text xml:lang="en-US">Denied.</s:Text></s:Reason><s:Detail>'
        f'<CertificateEnrollmentWSDetail xmlns="{WSTEP}" xmlns:xsi="{XSI}"><BinaryResponse xsi:nil="true"/>'
        '<ErrorCode>-2146877422</ErrorCode><InvalidRequest>true</InvalidRequest><RequestID xsi:nil="true"/>'
        "</CertificateEnrollmentWSDetail></s:Detail></s:Fault>"
    )


@pytest.mark.parametrize("namespace", [DISPATCHER, WSA, WSSE, SOAP])
def test_the_prefix_of_a_code_means_its_namespace_in_the_whole_message(namespace: str) -> None:
    """No serializer looks for prefixes in text. Read here by other code than ours."""
    fault = replace(FAULT, subcode=(namespace, "Name"))

    message = etree.fromstring(render_envelope("urn:action", render_fault(fault), timestamp_created=datetime.now(UTC)))

    for value, expected in zip(message.iter(f"{{{SOAP}}}Value"), (fault.code, fault.subcode), strict=True):
        prefix, _, local = (value.text or "").partition(":")
        assert (value.nsmap[prefix], local) == expected


def test_a_code_of_a_namespace_that_wcf_has_not_is_written_without_it() -> None:
    assert through_the_wire(replace(FAULT, code=("no URI", "Name"))) == replace(FAULT, code=("", "Name"))


def test_a_fault_may_say_no_more_than_its_code() -> None:
    assert a_fault("<s:Code><s:Value>s:Sender</s:Value></s:Code>") == Fault((SOAP, "Sender"), None, "", "", None)


def test_a_fault_may_have_a_reason_without_text_and_a_detail_of_another_kind() -> None:
    fault = a_fault("<s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason/><s:Detail><x/></s:Detail>")

    assert fault == Fault((SOAP, "Sender"), None, "", "", None)


def test_of_several_languages_the_first_is_taken() -> None:
    fault = a_fault(
        "<s:Code><s:Value>s:Sender</s:Value></s:Code>"
        '<s:Reason><s:Text xml:lang="de">Nein.</s:Text><s:Text xml:lang="en">No.</s:Text></s:Reason>'
    )

    assert fault is not None
    assert (fault.reason, fault.language) == ("Nein.", "de")


def test_the_namespace_of_a_subcode_is_where_it_is_declared() -> None:
    fault = a_fault(
        '<s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value xmlns:a="urn:inner">a:InternalServiceFault</s:Value>'
        "</s:Subcode></s:Code>"
    )

    assert fault is not None
    assert fault.subcode == ("urn:inner", "InternalServiceFault")


def test_a_prefix_that_nobody_declares_leaves_the_local_name() -> None:
    fault = a_fault("<s:Code><s:Value>env:Receiver</s:Value></s:Code>")

    assert fault is not None
    assert fault.code == ("", "Receiver")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<s:Code/>",
        "<s:Code><s:Value>s:Sender</s:Value><s:Subcode/></s:Code>",
        "<s:Code><s:Value><s:Value>s:Sender</s:Value></s:Value></s:Code>",
    ],
)
def test_a_fault_without_its_code_is_malformed(content: str) -> None:
    with pytest.raises(MalformedMessage):
        a_fault(content)


@pytest.mark.parametrize(
    ("lexical", "code"),
    [
        ("-2147024809", -2147024809),
        ("\n-2147024809 ", -2147024809),
        ("2147942487", -2147024809),
        ("0x80070057", -2147024809),
        ("0X57", 0x57),
        ("0", 0),
        ("-2147483649", None),
        ("4294967296", None),
        ("0x180070057", None),
        ("E_INVALIDARG", None),
        ("", None),
    ],
)
def test_an_error_code_is_read_however_it_is_written(lexical: str, code: int | None) -> None:
    detail = a_detail(f"<ErrorCode>{lexical}</ErrorCode>")

    assert detail is not None
    assert detail.error_code == code


def test_a_detail_keeps_what_can_be_read_of_it() -> None:
    detail = a_detail(
        "<BinaryResponse>not base64</BinaryResponse><ErrorCode>-1</ErrorCode><InvalidRequest>perhaps</InvalidRequest>"
        "<RequestID>7</RequestID>"
    )

    assert detail == CertificateEnrollmentWSDetail(None, -1, invalid_request=False, request_id="7")


def test_a_detail_of_nothing_says_nothing() -> None:
    nothing = CertificateEnrollmentWSDetail(None, None, invalid_request=False, request_id=None)

    assert a_detail("") == nothing
    assert a_detail('<InvalidRequest xsi:nil="true"/><RequestID xsi:nil="true"/><BinaryResponse/>') == nothing


def test_a_nil_detail_is_none() -> None:
    fault = a_fault(
        "<s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Detail>"
        f'<CertificateEnrollmentWSDetail xmlns="{WSTEP}" xmlns:xsi="{XSI}" xsi:nil="true"/></s:Detail>'
    )

    assert fault is not None
    assert fault.detail is None


def test_a_refusal_of_the_inside_carries_its_fault() -> None:
    refused = UpstreamRefused(FAULT)

    assert refused.fault is FAULT
    assert str(refused) == "Denied."


# --- properties -----------------------------------------------------------------------------------------------------

any_text = st.text(st.characters())
xml_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(lambda c: c >= " ")
)
ids = st.text("0123456789abcdef-", min_size=1)
codes = st.tuples(st.sampled_from(["", SOAP, WSA, WSSE, DISPATCHER]), st.from_regex(r"[A-Za-z_]{1,20}", fullmatch=True))
details = st.builds(
    CertificateEnrollmentWSDetail,
    binary_response=st.none() | st.binary(min_size=1),
    error_code=st.none() | st.integers(-(2**31), 2**31 - 1),
    invalid_request=st.booleans(),
    request_id=st.none() | ids,
)
faults = st.builds(
    Fault, code=codes, subcode=st.none() | codes, reason=xml_text, language=xml_text, detail=st.none() | details
)


@deterministic
@given(faults)
def test_a_fault_that_was_written_is_read_as_the_same(fault: Fault) -> None:
    assert through_the_wire(fault) == fault


@deterministic
@given(
    st.builds(
        Fault,
        code=st.tuples(any_text, any_text),
        subcode=st.none(),
        reason=any_text,
        language=any_text,
        detail=st.builds(CertificateEnrollmentWSDetail, st.none(), st.none(), st.booleans(), any_text),
    ),
    any_text,
)
def test_rendering_never_fails(fault: Fault, content: str) -> None:
    token = UsernameToken(content, Secret(content))

    message = render_envelope(
        content, render_fault(fault), message_id=content, relates_to=content, to=content, username_token=token
    )

    assert etree.fromstring(message).tag == f"{{{SOAP}}}Envelope"


def test_a_rendered_body_makes_the_same_message_as_its_element() -> None:
    body = etree.fromstring(f'<x xmlns="urn:x" xmlns:xsi="{XSI}"><y xsi:nil="true"/>&lt;/s:Body&gt;</x>')
    headers: dict[str, Any] = {"relates_to": "</s:Envelope>", "timestamp_created": datetime(2026, 1, 1, tzinfo=UTC)}

    rendered = render_envelope("urn:a", render_body(body), **headers)

    assert etree.tostring(etree.fromstring(rendered), method="c14n") == etree.tostring(
        etree.fromstring(render_envelope("urn:a", body, **headers)), method="c14n"
    )


@deterministic
@given(st.binary())
def test_arbitrary_bytes_are_an_envelope_or_refused(message: bytes) -> None:
    with suppress(MalformedMessage, SecurityHeaderInvalid):
        parse_envelope(message)
