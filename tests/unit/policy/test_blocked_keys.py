import pytest

from gateway.policy.blocked_keys import parse_blocked_keys
from gateway.strict_yaml import Mistaken

ONE, OTHER = "0a" * 32, "ff" * 32


def mistakes(text: str) -> list[str]:
    with pytest.raises(Mistaken) as mistaken:
        parse_blocked_keys(text, "keys")
    return [str(mistake) for mistake in mistaken.value.mistakes]


def test_a_digest_a_line_is_read() -> None:
    text = f"# leaked in 2024\n{ONE}\n\n  {OTHER.upper()}  # RFC 9500\n"

    assert parse_blocked_keys(text, "keys") == {bytes.fromhex(ONE), bytes.fromhex(OTHER)}


@pytest.mark.parametrize("line", ["0a", f"{ONE}00", ONE.replace("0a", "0g"), f"{ONE} {OTHER}", f"SHA256:{ONE}"])
def test_everything_else_is_a_mistake_with_its_line(line: str) -> None:
    assert mistakes(f"{OTHER}\n{line}\n") == [
        "keys:2: not the SHA-256 of a SubjectPublicKeyInfo: 64 hex digits",
    ]


def test_every_mistake_is_told() -> None:
    no_digest = "not the SHA-256 of a SubjectPublicKeyInfo: 64 hex digits"

    assert mistakes(f"x\n{ONE}\ny\n{ONE.upper()}\n") == [
        f"keys:1: {no_digest}",
        f"keys:3: {no_digest}",
        "keys:4: this key stands here twice",
    ]
    assert mistakes("x\n") == [f"keys:1: {no_digest}"]


@pytest.mark.parametrize("text", ["", "\n# nothing\n"])
def test_a_list_without_keys_is_a_mistake(text: str) -> None:
    assert mistakes(text) == ["keys: no keys: leave blocked_keys out, or list some"]
