import os
from pathlib import Path

import pytest

from gateway.audit import tail
from gateway.audit.chain import BEGINNING, Event, Link, render_body, render_line
from gateway.audit.tail import AuditFileUnusable, Tail, read_tail
from tests.unit.audit.samples import NOW


def a_line(after: Link = BEGINNING, detail: str = "") -> tuple[bytes, Link]:
    line, link = render_line(NOW, after, render_body(Event.REFUSED, {"detail": detail}))
    return line + b"\n", link


FIRST, FIRST_LINK = a_line()
SECOND, SECOND_LINK = a_line(FIRST_LINK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def tail_of(path: Path, content: bytes) -> Tail:
    path.write_bytes(content)
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_tail(fd)
    finally:
        os.close(fd)


def test_a_whole_file_ends_with_its_last_line(path: Path) -> None:
    assert tail_of(path, FIRST + SECOND) == Tail(SECOND_LINK, len(FIRST + SECOND), b"")


def test_an_empty_file_has_no_end_yet(path: Path) -> None:
    assert tail_of(path, b"") == Tail(None, 0, b"")


@pytest.mark.parametrize("torn", [b"{", SECOND[:-1], b"\0" * 100, b"garbage\n", b"{\n\0\0", b"\n"])
def test_what_follows_the_last_whole_line_is_torn(path: Path, torn: bytes) -> None:
    assert tail_of(path, FIRST + torn) == Tail(FIRST_LINK, len(FIRST), torn)


@pytest.mark.parametrize("torn", [b"{", b'{"time":"2026', FIRST[:-1], b"\0" * 100])
def test_a_first_line_can_be_torn_too(path: Path, torn: bytes) -> None:
    assert tail_of(path, torn) == Tail(None, 0, torn)


@pytest.mark.parametrize("content", [b"root:x:0:0\n", b"root:x:0:0\nbin:x:1:1\n", b"{}\n", b"text", b"\n"])
def test_a_file_of_something_else_is_left_alone(path: Path, content: bytes) -> None:
    with pytest.raises(AuditFileUnusable, match="not an audit record"):
        tail_of(path, content)

    assert path.read_bytes() == content


def test_it_looks_back_as_far_as_needed(path: Path) -> None:
    long, link = a_line(detail="x" * 200_000)

    assert tail_of(path, FIRST + long + b"torn") == Tail(link, len(FIRST + long), b"torn")


def test_it_looks_back_no_further_than_two_lines_can_be_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "_LAST_WINDOW", 128 * 1024)

    with pytest.raises(AuditFileUnusable):
        tail_of(path, FIRST + b"x" * 200_000)


def test_a_line_cut_by_the_window_is_not_taken_for_a_whole_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "_FIRST_WINDOW", len(SECOND) + 1)

    assert tail_of(path, FIRST + SECOND + b"torn!") == Tail(SECOND_LINK, len(FIRST + SECOND), b"torn!")
