from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.xcep import moment_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T12:00:00", NOON),
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T14:00:00+02:00", NOON),
        ("2026-11-22T12:00:00.5", NOON.replace(microsecond=500000)),
        ("2026-11-22T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("0001-01-01T00:00:00", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_it_is_gmt_with_or_without_saying_so(text: str, moment: datetime) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "2026-11-22",
        "2026-13-22T12:00:00Z",
        "2026-11-22T12:00:60Z",
        "-0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-22T12:00:00+99:99",
        "\u0662\u0660\u0662\u0666-11-22T12:00:00Z",
    ],
)
def test_who_says_nothing_that_can_be_read_says_nothing(text: str | None) -> None:
    assert moment_of(text) is None


@settings(derandomize=True, deadline=None)
@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})?"))
def test_nothing_makes_it_raise(text: str) -> None:
    moment = moment_of(text)

    assert moment is None or moment.tzinfo is UTC
