import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import ActionNotSupported, EncodingTypeInvalid, MalformedMessage
from gateway.protocol import wstep
from gateway.protocol.namespaces import AUTH, WSSE, WST, WSTEP, XSI
from gateway.protocol.soap import Envelope, parse_envelope, render_envelope
from gateway.protocol.wstep import (
    ACTION_KET,
    ACTION_RST,
    ACTION_RSTRC,
    KET,
    ContextItem,
    Issue,
    Issued,
    Pending,
    QueryTokenStatus,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    RequestType,
    ValueType,
    parse_request,
    parse_response,
    render_request,
    render_response,
)
from gateway.protocol.xml import parse_document, to_bytes

deterministic = settings(deadline=None, max_examples=100, derandomize=True)

NAMESPACES = (
    f'xmlns="{WST}" xmlns:wsse="{WSSE}" xmlns:auth="{AUTH}" xmlns:wstep="{WSTEP}" xmlns:xsi="{XSI}" xml:space="default"'
)
TOKEN_TYPE = f"<TokenType>{ValueType.X509V3}</TokenType>"
BASE64 = f"{WSSE}#base64binary"


def a_token(
    content: str = "AAAA", value_type: str | None = ValueType.PKCS10, encoding_type: str | None = BASE64
) -> str:
    attributes = "".join(
        f' {name}="{value}"' for name, value in (("ValueType", value_type), ("EncodingType", encoding_type)) if value
    )
    return f"<wsse:BinarySecurityToken{attributes}>{content}</wsse:BinarySecurityToken>"


def a_request_type(request_type: str) -> str:
    return f"<RequestType>{request_type}</RequestType>"


ISSUE = TOKEN_TYPE + a_request_type(RequestType.ISSUE)
QUERY = TOKEN_TYPE + a_request_type(RequestType.QUERY_TOKEN_STATUS)


def an_envelope(body: str, action: str) -> Envelope:
    return Envelope(action, None, None, None, None, parse_document(body.encode()))


def a_request(content: str, action: str = ACTION_RST, attributes: str = "") -> RequestSecurityToken:
    body = f"<RequestSecurityToken {NAMESPACES} {attributes}>{content}</RequestSecurityToken>"
    return parse_request(an_envelope(body, action))


def the_items_of(context: str) -> tuple[ContextItem, ...]:
    token = a_request(ISSUE + a_token() + f"<auth:AdditionalContext>{context}</auth:AdditionalContext>")
    assert isinstance(token, Issue)
    return token.additional_context


# --- requests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value_type", [ValueType.PKCS10, ValueType.PKCS7])
def test_a_certificate_request_is_read(value_type: ValueType) -> None:
    assert a_request(ISSUE + a_token("AAEC", value_type)) == Issue(b"\0\1\2", value_type)


def test_uris_may_have_white_space_around_them() -> None:
    content = (
        f"<TokenType>\n{ValueType.X509V3}\n</TokenType><RequestType>\n{RequestType.ISSUE}\n</RequestType>"
        f"{a_token(value_type=f' {ValueType.PKCS10} ', encoding_type=f' {BASE64} ')}"
    )

    assert a_request(content) == Issue(b"\0\0\0", ValueType.PKCS10)


@pytest.mark.parametrize(
    "action", ["urn:x", "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue", f"{ACTION_RST}/", ACTION_RSTRC]
)
def test_another_action_is_not_supported(action: str) -> None:
    with pytest.raises(ActionNotSupported, match="the action"):
        a_request(ISSUE + a_token(), action)


@pytest.mark.parametrize(
    ("request_type", "action"),
    [
        ("http://docs.oasis-open.org/ws-sx/ws-trust/200512/Renew", ACTION_RST),
        (RequestType.KET, ACTION_RST),
        (RequestType.ISSUE, ACTION_KET),
        (RequestType.QUERY_TOKEN_STATUS, ACTION_KET),
        ("", ACTION_RST),
        (RequestType.ISSUE.lower(), ACTION_RST),
    ],
)
def test_another_request_type_is_not_supported(request_type: str, action: str) -> None:
    content = TOKEN_TYPE + a_request_type(request_type) + a_token() + "<RequestKET/>"

    with pytest.raises(ActionNotSupported, match="the RequestType"):
        a_request(content, action)


@pytest.mark.parametrize(
    ("content", "objection"),
    [
        (a_request_type(RequestType.ISSUE) + a_token(), "no TokenType"),
        (TOKEN_TYPE * 2 + a_request_type(RequestType.ISSUE) + a_token(), "2 TokenType"),
        ("<TokenType>urn:x</TokenType>" + a_request_type(RequestType.ISSUE) + a_token(), "'urn:x' is not X509v3"),
        (TOKEN_TYPE + a_token(), "no RequestType"),
        (ISSUE + a_request_type(RequestType.ISSUE) + a_token(), "2 RequestType"),
        (ISSUE, "no BinarySecurityToken"),
        (ISSUE + a_token() + a_token(), "2 BinarySecurityToken"),
        (ISSUE + a_token(""), "BinarySecurityToken is empty"),
        (ISSUE + a_token(" &#13;\n "), "BinarySecurityToken is empty"),
        (ISSUE + a_token(value_type=None), "ValueType '' is neither"),
        (ISSUE + a_token(value_type=ValueType.X509V3), "is neither PKCS10 nor PKCS7"),
        (ISSUE + a_token() + "<auth:AdditionalContext/>" * 2, "2 AdditionalContext"),
    ],
)
def test_a_request_that_is_not_as_it_must_be_is_malformed(content: str, objection: str) -> None:
    with pytest.raises(MalformedMessage, match=objection) as refusal:
        a_request(content)

    assert type(refusal.value) is MalformedMessage


@pytest.mark.parametrize(
    "token",
    [
        a_token(encoding_type=None),
        a_token(encoding_type=f"{WSSE}#Base64Binary"),
        a_token(
            encoding_type="http://docs.oasis-open.org/wss/2004/01/"
            "oasis-200401-wss-soap-message-security-1.0#Base64Binary"
        ),
        a_token("not base64!"),
        a_token("AAA"),
        a_token("AAAA<x/>"),
    ],
)
def test_only_ad_cs_own_base64_is_taken(token: str) -> None:
    with pytest.raises(EncodingTypeInvalid):
        a_request(ISSUE + token)


def test_a_request_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="'x', not a RequestSecurityToken"):
        parse_request(an_envelope("<x/>", ACTION_RST))


def test_elements_that_are_not_of_the_protocol_are_ignored() -> None:
    """[MS-WSTEP] 3.1.4.1.3.3. Among them what looks like a second token, one level down."""
    more = f"<x>{a_token('AAEC')}</x><Lifetime/><wstep:RequestID>1</wstep:RequestID><wstep:RequestID/>"

    assert a_request(ISSUE + a_token() + more) == Issue(b"\0\0\0", ValueType.PKCS10)


def test_the_preferred_language_is_read() -> None:
    assert a_request(ISSUE + a_token(), attributes='PreferredLanguage="en-US"').preferred_language == "en-US"


@pytest.mark.parametrize("language", ["", "english, please", "en-US&#13;&#10;SAN:dns=evil.example"])
def test_what_is_no_language_is_not_preferred(language: str) -> None:
    assert a_request(ISSUE + a_token(), attributes=f'PreferredLanguage="{language}"').preferred_language is None


def test_a_pending_request_is_asked_for_by_its_id() -> None:
    assert a_request(QUERY + "<wstep:RequestID>\n65 </wstep:RequestID>") == QueryTokenStatus("65")


def test_cepces_sends_an_empty_token_with_its_question() -> None:
    content = QUERY + "<wsse:BinarySecurityToken/><wstep:RequestID>42</wstep:RequestID>"

    assert a_request(content) == QueryTokenStatus("42")


@pytest.mark.parametrize(
    ("request_id", "objection"),
    [
        ("", "no RequestID"),
        ("<wstep:RequestID/>", "no RequestID"),
        ('<wstep:RequestID xsi:nil="true"/>', "no RequestID"),
        ("<wstep:RequestID> </wstep:RequestID>", "no RequestID"),
        ("<wstep:RequestID>1</wstep:RequestID>" * 2, "2 RequestID"),
        (f"<wstep:RequestID>{'1' * 129}</wstep:RequestID>", "longer than 128"),
        ("<wstep:RequestID>1&#10;2</wstep:RequestID>", "control character"),
    ],
)
def test_a_question_without_a_usable_id_is_malformed(request_id: str, objection: str) -> None:
    with pytest.raises(MalformedMessage, match=objection):
        a_request(QUERY + request_id)


def test_a_key_exchange_token_is_asked_for_under_its_own_action() -> None:
    assert a_request(TOKEN_TYPE + a_request_type(RequestType.KET) + "<RequestKET/>", ACTION_KET) == KET()


def test_a_key_exchange_token_must_be_asked_for() -> None:
    with pytest.raises(MalformedMessage, match="no RequestKET"):
        a_request(TOKEN_TYPE + a_request_type(RequestType.KET), ACTION_KET)


# --- request attributes ---------------------------------------------------------------------------------------------


def an_item(name: str, value: str) -> str:
    return f'<auth:ContextItem Name="{name}"><auth:Value>{value}</auth:Value></auth:ContextItem>'


def test_the_items_are_read_as_they_came() -> None:
    assert the_items_of(an_item("CertificateTemplate", "User") + "<x/>" + an_item("S-A N ", " a:b ")) == (
        ContextItem("CertificateTemplate", "User"),
        ContextItem("S-A N ", " a:b "),
    )
    assert the_items_of("") == ()
    assert the_items_of(an_item("x", "")) == (ContextItem("x", ""),)


@pytest.mark.parametrize("character", ["&#10;", "&#13;", "&#9;", "\x7f", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("item", ["a{}SAN", "{}", "a{}"])
def test_a_line_break_in_an_item_would_add_an_attribute(item: str, character: str) -> None:
    content = item.format(character)

    for items in (an_item(content, "x"), an_item("ccm", content)):
        with pytest.raises(MalformedMessage, match="control character"):
            the_items_of(items)


def test_a_colon_in_a_name_would_add_an_attribute() -> None:
    with pytest.raises(MalformedMessage, match="colon"):
        the_items_of(an_item("ccm:x", "y"))


@pytest.mark.parametrize(
    ("context", "objection"),
    [
        ("<auth:ContextItem><auth:Value>x</auth:Value></auth:ContextItem>", "Name '' is empty"),
        (an_item("", "x"), "Name '' is empty"),
        (an_item("n" * 129, "x"), "longer than 128"),
        (an_item("n", "x" * 4097), "longer than 4096"),
        (an_item("n", "a<x/>b"), "only text"),
        ('<auth:ContextItem Name="n"/>', "no Value"),
        ('<auth:ContextItem Name="n"><auth:Value/><auth:Value/></auth:ContextItem>', "2 Value"),
        (an_item("n", "x") * 65, "65 items"),
    ],
)
def test_an_item_that_is_not_as_it_must_be_is_malformed(context: str, objection: str) -> None:
    with pytest.raises(MalformedMessage, match=objection):
        the_items_of(context)


def test_the_longest_items_are_taken() -> None:
    assert len(the_items_of(an_item("n" * 128, "x" * 4096) * 64)) == 64


# --- answers --------------------------------------------------------------------------------------------------------

DISPOSITION = '<wstep:DispositionMessage xml:lang="en-US">Issued</wstep:DispositionMessage>'
CMC = a_token("AQID", ValueType.PKCS7)
REQUEST_ID = "<wstep:RequestID>10</wstep:RequestID>"
LEAF = a_token("BAUG", ValueType.X509V3)
REFERENCE = (
    '<wsse:SecurityTokenReference><wsse:Reference URI="https://ces.corp.example/CES"/></wsse:SecurityTokenReference>'
)


def requested(content: str) -> str:
    return f"<RequestedSecurityToken>{content}</RequestedSecurityToken>"


def an_answer(content: str, action: str = ACTION_RSTRC) -> RequestSecurityTokenResponse:
    body = (
        f"<RequestSecurityTokenResponseCollection {NAMESPACES}><RequestSecurityTokenResponse>{content}"
        "</RequestSecurityTokenResponse></RequestSecurityTokenResponseCollection>"
    )
    return parse_response(an_envelope(body, action))


def test_a_certificate_in_the_requested_token_is_issued() -> None:
    assert an_answer(TOKEN_TYPE + DISPOSITION + CMC + requested(LEAF) + REQUEST_ID) == Issued(
        "Issued", "en-US", b"\4\5\6", b"\1\2\3", "10"
    )


def test_a_reference_in_the_requested_token_is_pending_whatever_the_text_says() -> None:
    assert an_answer(TOKEN_TYPE + DISPOSITION + CMC + requested(REFERENCE) + REQUEST_ID) == Pending(
        "Issued", "en-US", "https://ces.corp.example/CES", b"\1\2\3", "10"
    )


def test_an_answer_may_lack_cmc_language_and_id() -> None:
    disposition = '<wstep:DispositionMessage xsi:nil="true"/>'

    assert an_answer(TOKEN_TYPE + disposition + requested(LEAF)) == Issued("", "", b"\4\5\6", None, None)


def test_servers_spell_the_encoding_in_their_own_ways() -> None:
    leaf = a_token("BAUG", ValueType.X509V3, encoding_type=None)

    assert isinstance(an_answer(TOKEN_TYPE + DISPOSITION + requested(leaf)), Issued)


@pytest.mark.parametrize(
    ("content", "objection"),
    [
        (DISPOSITION + requested(LEAF), "no TokenType"),
        ("<TokenType>x</TokenType>" + DISPOSITION + requested(LEAF), "'x' is not X509v3"),
        (TOKEN_TYPE + requested(LEAF), "no DispositionMessage"),
        (TOKEN_TYPE + DISPOSITION + CMC, "no RequestedSecurityToken"),
        (TOKEN_TYPE + DISPOSITION + requested(LEAF) * 2, "2 RequestedSecurityToken"),
        (TOKEN_TYPE + DISPOSITION + CMC + requested(""), "neither a certificate nor a reference"),
        (TOKEN_TYPE + DISPOSITION + requested(LEAF + REFERENCE) + REQUEST_ID, "or it holds both"),
        (TOKEN_TYPE + DISPOSITION + requested(LEAF + LEAF), "2 BinarySecurityToken"),
        (TOKEN_TYPE + DISPOSITION + CMC + CMC + requested(LEAF), "2 BinarySecurityToken"),
        (TOKEN_TYPE + DISPOSITION + LEAF + requested(LEAF), "#X509v3', not .*#PKCS7"),
        (TOKEN_TYPE + DISPOSITION + requested(CMC), "#PKCS7', not .*#X509v3"),
        (TOKEN_TYPE + DISPOSITION + requested(a_token("", ValueType.X509V3)), "BinarySecurityToken is empty"),
        (TOKEN_TYPE + DISPOSITION + requested(a_token("AAA", ValueType.X509V3)), "base64"),
        (TOKEN_TYPE + DISPOSITION + requested(REFERENCE), "no RequestID"),
        (TOKEN_TYPE + DISPOSITION + requested("<wsse:SecurityTokenReference/>") + REQUEST_ID, "no Reference"),
        (
            TOKEN_TYPE
            + DISPOSITION
            + requested('<wsse:SecurityTokenReference><wsse:Reference URI=" "/></wsse:SecurityTokenReference>')
            + REQUEST_ID,
            "no URI",
        ),
    ],
)
def test_an_answer_that_is_not_as_it_must_be_is_malformed(content: str, objection: str) -> None:
    with pytest.raises(MalformedMessage, match=objection):
        an_answer(content)


def test_an_answer_to_another_action_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="the action 'urn:x'"):
        an_answer(TOKEN_TYPE + DISPOSITION + requested(LEAF), "urn:x")


def test_an_answer_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="'x', not a RequestSecurityTokenResponseCollection"):
        parse_response(an_envelope("<x/>", ACTION_RSTRC))


@pytest.mark.parametrize("number", [0, 2])
def test_an_answer_is_one_response(number: int) -> None:
    """[MS-WSTEP] 3.1.4.1.3.5."""
    response = "<RequestSecurityTokenResponse/>" * number
    body = f'<RequestSecurityTokenResponseCollection xmlns="{WST}">{response}</RequestSecurityTokenResponseCollection>'

    with pytest.raises(MalformedMessage, match="RequestSecurityTokenResponseCollection holds"):
        parse_response(an_envelope(body, ACTION_RSTRC))


# --- rendering ------------------------------------------------------------------------------------------------------


def test_a_certificate_request_is_written_as_certreq_writes_it() -> None:
    token = Issue(b"\0\1\2", ValueType.PKCS10, (ContextItem("CertificateTemplate", "User"),), "en-US")

    assert to_bytes(render_request(token)).decode() == (
        f'<RequestSecurityToken xmlns="{WST}" xmlns:xsi="{XSI}" PreferredLanguage="en-US">'
        f"<TokenType>{ValueType.X509V3}</TokenType><RequestType>{RequestType.ISSUE}</RequestType>"
        f'<BinarySecurityToken xmlns="{WSSE}" ValueType="{ValueType.PKCS10}" EncodingType="{BASE64}">AAEC'
        f'</BinarySecurityToken><AdditionalContext xmlns="{AUTH}"><ContextItem Name="CertificateTemplate">'
        "<Value>User</Value></ContextItem></AdditionalContext></RequestSecurityToken>"
    )


def test_a_question_is_written_as_in_the_specification() -> None:
    """[MS-WSTEP] 4.1.3.1."""
    assert to_bytes(render_request(QueryTokenStatus("65"))).decode() == (
        f'<RequestSecurityToken xmlns="{WST}" xmlns:xsi="{XSI}"><TokenType>{ValueType.X509V3}</TokenType>'
        f'<RequestType>{RequestType.QUERY_TOKEN_STATUS}</RequestType><RequestID xmlns="{WSTEP}">65</RequestID>'
        "</RequestSecurityToken>"
    )


def test_a_key_exchange_token_is_asked_for_as_in_the_specification() -> None:
    """[MS-WSTEP] 4.1.2.1."""
    assert to_bytes(render_request(KET())).decode() == (
        f'<RequestSecurityToken xmlns="{WST}" xmlns:xsi="{XSI}"><TokenType>{ValueType.X509V3}</TokenType>'
        f'<RequestType>{RequestType.KET}</RequestType><RequestKET/><RequestID xmlns="{WSTEP}" xsi:nil="true"/>'
        "</RequestSecurityToken>"
    )


def test_a_pending_answer_says_where_to_ask_again() -> None:
    response = Pending("Taken Under Submission", "en-US", "https://gateway.example/CES", b"\1\2\3", "10")

    assert to_bytes(render_response(response)).decode() == (
        f'<RequestSecurityTokenResponseCollection xmlns="{WST}" xmlns:xsi="{XSI}"><RequestSecurityTokenResponse>'
        f'<TokenType>{ValueType.X509V3}</TokenType><DispositionMessage xmlns="{WSTEP}" xml:lang="en-US">'
        "Taken Under Submission</DispositionMessage>"
        f'<BinarySecurityToken xmlns="{WSSE}" ValueType="{ValueType.PKCS7}" EncodingType="{BASE64}">AQID'
        f'</BinarySecurityToken><RequestedSecurityToken><SecurityTokenReference xmlns="{WSSE}">'
        '<Reference URI="https://gateway.example/CES"/></SecurityTokenReference></RequestedSecurityToken>'
        f'<RequestID xmlns="{WSTEP}">10</RequestID></RequestSecurityTokenResponse>'
        "</RequestSecurityTokenResponseCollection>"
    )


# --- properties -----------------------------------------------------------------------------------------------------

ders = st.binary(min_size=1, max_size=200)
printable = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
languages = st.none() | st.from_regex(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,2}", fullmatch=True)
ids = st.text("0123456789abcdef-", min_size=1, max_size=128)
messages = st.text(st.one_of(printable, st.sampled_from("\t\r\n")))
items = st.builds(
    ContextItem,
    name=st.text(printable.filter(lambda c: c != ":"), min_size=1, max_size=20),
    value=st.text(printable, max_size=50),
)
requests = st.one_of(
    st.builds(
        Issue,
        certificate_request=ders,
        value_type=st.sampled_from([ValueType.PKCS10, ValueType.PKCS7]),
        additional_context=st.lists(items, max_size=5).map(tuple),
        preferred_language=languages,
    ),
    st.builds(QueryTokenStatus, request_id=ids, preferred_language=languages),
    st.builds(KET, preferred_language=languages),
)
responses = st.one_of(
    st.builds(
        Issued,
        disposition_message=messages,
        language=messages,
        certificate=ders,
        cmc_response=st.none() | ders,
        request_id=st.none() | ids,
    ),
    st.builds(
        Pending,
        disposition_message=messages,
        language=messages,
        reference_uri=st.from_regex(r"https://[a-z.]{1,30}/[A-Za-z0-9%&]{0,30}", fullmatch=True),
        cmc_response=st.none() | ders,
        request_id=ids,
    ),
)
any_text = st.text(st.characters())


@deterministic
@given(requests)
def test_a_request_that_was_written_is_read_as_the_same(token: RequestSecurityToken) -> None:
    action = ACTION_KET if isinstance(token, KET) else ACTION_RST

    assert parse_request(parse_envelope(render_envelope(action, render_request(token)))) == token


@deterministic
@given(responses)
def test_an_answer_that_was_written_is_read_as_the_same(response: RequestSecurityTokenResponse) -> None:
    assert parse_response(parse_envelope(render_envelope(ACTION_RSTRC, render_response(response)))) == response


@deterministic
@given(any_text)
def test_rendering_never_fails(content: str) -> None:
    rendered = [
        render_request(Issue(b"", ValueType.PKCS10, (ContextItem(content, content),), content)),
        render_request(QueryTokenStatus(content, content)),
        render_response(Issued(content, content, b"", None, content)),
        render_response(Pending(content, content, content, b"", content)),
    ]

    for root in rendered:
        assert etree.fromstring(to_bytes(root)).tag == root.tag


def test_the_bounds_are_those_of_the_module() -> None:
    assert (wstep.MAX_REQUEST_ID, wstep.MAX_CONTEXT_ITEMS) == (128, 64)
    assert (wstep.MAX_CONTEXT_NAME, wstep.MAX_CONTEXT_VALUE) == (128, 4096)
