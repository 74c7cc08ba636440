from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from lxml import etree

from gateway.errors import MalformedMessage
from gateway.protocol import xsd
from gateway.protocol.namespaces import XCEP, XSI
from gateway.protocol.xml import new, parse_document, to_bytes

VALUE = f"{{{XCEP}}}value"


def an_element(content: str) -> etree._Element:
    return parse_document(f'<value xmlns="{XCEP}">{content}</value>'.encode())


@pytest.mark.parametrize(
    ("lexical", "value"), [("true", True), ("1", True), ("false", False), ("0", False), (" true\n", True)]
)
def test_booleans_have_four_spellings(lexical: str, value: bool) -> None:
    assert xsd.boolean(an_element(lexical)) is value


@pytest.mark.parametrize("lexical", ["", "True", "yes", "2", "\u0661"])
def test_other_words_are_no_booleans(lexical: str) -> None:
    with pytest.raises(MalformedMessage, match="value is no xs:boolean"):
        xsd.boolean(an_element(lexical))


@pytest.mark.parametrize(
    ("read", "least", "most"),
    [(xsd.int_, -(2**31), 2**31 - 1), (xsd.unsigned_int, 0, 2**32 - 1), (xsd.unsigned_long, 0, 2**64 - 1)],
)
def test_integers_are_as_wide_as_their_type(read: Callable[[etree._Element], int], least: int, most: int) -> None:
    assert read(an_element(str(least))) == least
    assert read(an_element(str(most))) == most
    for outside in (least - 1, most + 1):
        with pytest.raises(MalformedMessage, match="value is no integer from"):
            read(an_element(str(outside)))


@pytest.mark.parametrize(("lexical", "value"), [("+5", 5), (" 007 ", 7), ("-0", 0)])
def test_integers_may_have_signs_and_leading_zeros(lexical: str, value: int) -> None:
    assert xsd.int_(an_element(lexical)) == value


@pytest.mark.parametrize("lexical", ["", "1_0", "1.0", "0x10", "1 0", "\u0661", "9" * 100_000])
def test_other_words_are_no_integers(lexical: str) -> None:
    with pytest.raises(MalformedMessage, match="value is no integer"):
        xsd.int_(an_element(lexical))


def test_base64_may_be_wrapped_as_windows_wraps_it() -> None:
    assert xsd.base64_binary(an_element("\n YWJj&#xD;\nZGVm\t&#xD;\n")) == b"abcdef"


def test_empty_base64_is_no_bytes() -> None:
    assert xsd.base64_binary(an_element("")) == b""


@pytest.mark.parametrize(
    "lexical", ["YWJ", "YWJj=", "YWJj====", "YWJ=", "====", "YWI=YWI=", "YW-_", "=", "YW\u00e9j", "YW\u00a0j", "a"]
)
def test_sloppy_base64_is_refused(lexical: str) -> None:
    with pytest.raises(MalformedMessage, match="value is no xs:base64Binary"):
        xsd.base64_binary(an_element(lexical))


def test_base64_with_elements_in_it_is_refused() -> None:
    with pytest.raises(MalformedMessage, match="only text"):
        xsd.base64_binary(an_element("YWJj<x/>"))


@pytest.mark.parametrize(
    ("lexical", "value"),
    [
        ("2009-03-26T00:58:51.549Z", datetime(2009, 3, 26, 0, 58, 51, 549000, tzinfo=UTC)),
        ("2015-06-13T21:13:37Z", datetime(2015, 6, 13, 21, 13, 37, tzinfo=UTC)),
        ("2026-01-01T01:00:00.1234567+01:30", datetime(2025, 12, 31, 23, 30, 0, 123456, tzinfo=UTC)),
        (" 2026-01-01T00:00:00-00:00 ", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_dates_become_utc(lexical: str, value: datetime) -> None:
    assert xsd.date_time(an_element(lexical)) == value


@pytest.mark.parametrize(
    "lexical",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "20260101T000000Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01 00:00:00Z",
        "2026-W01-1T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\u0662026-01-01T00:00:00Z",
    ],
)
def test_what_is_no_date_with_a_time_zone_is_refused(lexical: str) -> None:
    with pytest.raises(MalformedMessage, match="value is no xs:dateTime"):
        xsd.date_time(an_element(lexical))


@pytest.mark.parametrize("tag", ["en", "en-US", "zh-Hans-CN", "x-klingon", "de-1996"])
def test_a_language_tag_is_kept(tag: str) -> None:
    assert xsd.language(tag) == tag


@pytest.mark.parametrize(
    "tag", [None, "", "en_US", "en-US\r\nSAN:dns=evil", "a" * 9, "-", "en-", "\u00e9", "en" + "-abcdefgh" * 9]
)
def test_what_is_no_language_tag_is_no_language(tag: str | None) -> None:
    assert xsd.language(tag) is None


@pytest.mark.parametrize(
    ("value", "written"), [(True, "true"), (False, "false"), (-5, "-5"), (b"abc", "YWJj"), ("a<b", "a&lt;b")]
)
def test_values_are_written_canonically(value: bool | int | bytes | str, written: str) -> None:
    root = new(VALUE, {None: XCEP})

    xsd.add_value(root, VALUE, value)

    assert to_bytes(root).decode() == f'<value xmlns="{XCEP}"><value>{written}</value></value>'


def test_none_is_written_as_nil() -> None:
    root = new(VALUE, {None: XCEP, "xsi": XSI})

    xsd.add_value(root, VALUE, None)

    assert b'<value xsi:nil="true"/>' in to_bytes(root)


def test_base64_is_written_in_one_line() -> None:
    assert "\n" not in xsd.to_base64(bytes(1000))
