import json
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import pytest

from gateway.audit.chain import BEGINNING, Event, Link, parse_line, render_body, render_line
from tests.unit.audit.samples import NOW


def test_a_line_begins_with_its_place_in_the_chain() -> None:
    line, link = render_line(NOW, BEGINNING, render_body(Event.STARTED, {"version": "1"}))

    assert line == (
        b'{"time":"2026-03-01T12:00:00.000000Z","sequence":1,"previous":"' + 64 * b"0" + b'",'
        b'"event":"started","version":"1"}'
    )
    assert link == Link(1, sha256(line).hexdigest())


def test_the_next_line_hangs_on_it() -> None:
    _, first = render_line(NOW, BEGINNING, render_body(Event.STARTED, {}))
    line, second = render_line(NOW, first, render_body(Event.STOPPED, {}))

    assert json.loads(line)["previous"] == first.digest
    assert second.sequence == 2


def test_time_is_utc_with_microseconds() -> None:
    local = datetime(2026, 3, 1, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))

    line, _ = render_line(local, BEGINNING, render_body(Event.STARTED, {}))

    assert json.loads(line)["time"] == "2026-03-01T12:00:00.000005Z"


def test_a_line_is_one_line_of_ascii_whatever_it_tells() -> None:
    body = render_body(Event.REFUSED, {"detail": "a\nb\r\u2028\x85\x1b[31m\ud800é\u202e"})

    line, _ = render_line(NOW, BEGINNING, body)

    assert all(0x20 <= octet < 0x7F for octet in line)
    assert json.loads(line)["detail"] == "a\nb\r\u2028\x85\x1b[31m\ud800é\u202e"


def test_a_line_reads_back() -> None:
    line, link = render_line(NOW, Link(6, "ab" * 32), render_body(Event.LOST, {"lines": 3}))

    parsed = parse_line(line)

    assert parsed is not None
    assert (parsed.event, parsed.fields["lines"], parsed.previous, parsed.link) == ("lost", 3, "ab" * 32, link)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"\0\0\0",
        b"\xff",
        b"[" * 100_000,
        b'{"time":"x","sequence":"1","previous":"","event":"started"}',
        b'{"time":"x","sequence":true,"previous":"","event":"started"}',
        b'{"sequence":1,"previous":"","event":"started"}',
    ],
)
def test_anything_else_is_no_line(line: bytes) -> None:
    assert parse_line(line) is None
