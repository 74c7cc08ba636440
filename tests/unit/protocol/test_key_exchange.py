"""The answer to a KET, [MS-WSTEP] 3.1.4.2.2.1; `tests/conformance` has the document's own."""

from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import MalformedMessage
from gateway.protocol.key_exchange import (
    ACTION_KET_FINAL,
    KeyExchangeToken,
    parse_key_exchange_token,
    render_key_exchange_token,
)
from gateway.protocol.soap import Envelope
from gateway.protocol.wstep import ACTION_RSTRC
from gateway.protocol.xml import to_bytes

TOKEN = KeyExchangeToken(b"\0\1\2")
RENDERED = to_bytes(render_key_exchange_token(TOKEN)).decode()
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "vectors" / "xsd" / "ms-wstep.xsd"))


def parse(body: str, action: str = ACTION_KET_FINAL) -> KeyExchangeToken:
    return parse_key_exchange_token(Envelope(action, None, None, None, None, etree.fromstring(body)))


def test_a_token_is_read_as_it_is_written() -> None:
    assert parse(RENDERED) == TOKEN


def test_it_is_written_as_the_document_has_it() -> None:
    response = etree.fromstring(RENDERED)[0]
    path = [etree.QName(element).localname for element in response.iter("{*}*")]

    assert path == [
        "RequestSecurityTokenResponse",
        "TokenType",
        "RequestedSecurityToken",
        "KeyExchangeToken",
        "BinarySecurityToken",
    ]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("KeyExchangeToken>", "Other>", "no KeyExchangeToken"),
        ("<KeyExchangeToken>", "<KeyExchangeToken/><KeyExchangeToken>", "2 KeyExchangeToken"),
        ("#X509v3</TokenType>", "#PKCS7</TokenType>", "TokenType"),
        ('#X509v3"', '#PKCS7"', "of ValueType"),
        ("AAEC", "", "empty"),
        ("AAEC", "?", "base64"),
        ("RequestedSecurityToken>", "Other>", "no RequestedSecurityToken"),
        ("RequestSecurityTokenResponseCollection", "Other", "holds"),
    ],
)
def test_another_answer_is_malformed(old: str, new: str, error: str) -> None:
    assert old in RENDERED

    with pytest.raises(MalformedMessage, match=error):
        parse(RENDERED.replace(old, new))


def test_an_answer_to_something_else_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="the answer has the action"):
        parse(RENDERED, ACTION_RSTRC)
