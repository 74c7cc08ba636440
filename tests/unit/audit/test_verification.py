from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit.chain import BEGINNING, Event, Link, digest, render_body, render_line
from gateway.audit.verification import Verification, verify
from tests.unit.audit.samples import NOW


def a_chain(count: int, after: Link = BEGINNING) -> list[bytes]:
    lines = []
    for n in range(count):
        line, after = render_line(NOW, after, render_body(Event.REFUSED, {"call_id": str(n)}))
        lines.append(line)
    return lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def verified(path: Path, lines: list[bytes]) -> Verification:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return verify(path)


def test_an_untouched_file_is_in_order(path: Path) -> None:
    lines = a_chain(5)

    assert verified(path, lines) == Verification(5, 1, 5, 64 * "0", digest(lines[-1]), 0, None, None)


def test_an_empty_file_is_in_order_and_says_that_it_is_empty(path: Path) -> None:
    verification = verified(path, [])

    assert verification.ok
    assert (verification.count, verification.first_sequence) == (0, None)


@pytest.mark.parametrize("position", range(4))
def test_a_change_shows_in_the_next_line(path: Path, position: int) -> None:
    lines = a_chain(5)
    lines[position] = lines[position].replace(b'"call_id":"', b'"call_id":"1')

    verification = verified(path, lines)

    assert not verification.ok
    assert verification.broken_line == position + 2
    assert "was changed" in (verification.reason or "")


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_deletion_shows(path: Path, position: int) -> None:
    lines = a_chain(5)
    del lines[position]

    verification = verified(path, lines)

    assert verification.broken_line == position + 1
    assert f"after {position}" in (verification.reason or "")


def test_an_insertion_shows(path: Path) -> None:
    lines = a_chain(5)
    forged, _ = render_line(NOW, Link(2, digest(lines[1])), render_body(Event.REFUSED, {"call_id": "forged"}))
    lines.insert(2, forged)

    assert verified(path, lines).broken_line == 4


def test_reordering_shows(path: Path) -> None:
    lines = a_chain(5)
    lines[2], lines[3] = lines[3], lines[2]

    assert verified(path, lines).broken_line == 3


def test_lines_taken_from_the_front_show_in_the_first_number(path: Path) -> None:
    lines = a_chain(5)

    verification = verified(path, lines[2:])

    assert verification.first_sequence == 3
    assert verification.previous == sha256(lines[1]).hexdigest()


def test_a_front_that_was_made_to_look_like_a_beginning_shows(path: Path) -> None:
    renumbered, _ = render_line(NOW, Link(2, BEGINNING.digest), render_body(Event.STARTED, {}))

    assert verified(path, [renumbered]).broken_line == 1


def test_a_file_after_a_rotation_hangs_on_the_one_before(path: Path) -> None:
    first = verified(path, a_chain(3))
    assert first.digest is not None
    second = verified(path, a_chain(2, Link(3, first.digest)))

    assert second.ok
    assert (second.previous, second.first_sequence) == (first.digest, 4)


@pytest.mark.parametrize("tail", [b"{", b"\0\0\0", b'{"time":"2026"', b"\n"])
def test_a_torn_end_shows(path: Path, tail: bytes) -> None:
    lines = a_chain(3)
    path.write_bytes(b"".join(line + b"\n" for line in lines) + tail)

    verification = verify(path)

    assert (verification.count, verification.broken_line) == (3, 4)


def test_a_last_line_without_its_newline_is_torn(path: Path) -> None:
    path.write_bytes(b"\n".join(a_chain(3)))

    assert verify(path).broken_line == 3


def a_restart(end: Link, torn: bytes, event: Event = Event.CHAIN_RESTARTED) -> bytes:
    return render_line(NOW, end, render_body(event, {"bytes": len(torn), "sha256": digest(torn)}))[0]


@pytest.mark.parametrize("torn", [b'{"time":"20', b"\0\0", b'{"time":"20\n{"time', b""])
def test_a_torn_line_that_the_next_one_explains_is_in_order(path: Path, torn: bytes) -> None:
    lines = a_chain(3)
    restart = a_restart(Link(3, digest(lines[-1])), torn)
    more = a_chain(2, Link(4, digest(restart)))

    verification = verified(path, [*lines, torn, restart, *more])

    assert verification.ok
    assert (verification.count, verification.last_sequence, verification.restarts) == (6, 6, 1)


def test_an_explanation_explains_nothing_else(path: Path) -> None:
    lines = a_chain(3)
    end = Link(3, digest(lines[-1]))

    assert verified(path, [*lines, b"torn", a_restart(end, b"other")]).broken_line == 4
    assert verified(path, [*lines, b"torn", a_restart(end, b"torn", Event.RECOVERED)]).broken_line == 4
    assert verified(path, [*lines, b"torn", a_restart(Link(4, end.digest), b"torn")]).broken_line == 4


def test_a_changed_line_is_not_explained_away_by_a_later_restart(path: Path) -> None:
    lines = a_chain(3)
    restart = a_restart(Link(3, digest(lines[-1])), b"torn")
    lines[1] = lines[1].replace(b"refused", b"approved")

    assert verified(path, [*lines, b"torn", restart]).broken_line == 3


def test_a_line_without_end_is_not_read_into_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.audit import verification

    monkeypatch.setattr(verification, "MAX_LINE_BYTES", 1000)
    path.write_bytes(b"".join(line + b"\n" for line in a_chain(2)) + b"x" * 5000 + b"\n")

    assert "longer than" in (verify(path).reason or "")
