import pytest

from gateway.authn.account_name import MAX_LENGTH, objection_to


@pytest.mark.parametrize(
    "name", ["alice", "CORP\\alice", "web01.partner.example", "jürgen@partner.example", "Jane Doe"]
)
def test_names_as_directories_have_them_are_taken(name: str) -> None:
    assert objection_to(name) is None


@pytest.mark.parametrize(
    ("name", "objection"),
    [
        ("", "is empty"),
        (" alice", "blank"),
        ("alice\t", "blank"),
        ("ali\0ce", "invisible"),
        ("ali\nce", "invisible"),
        ("ali\u202ece", "invisible"),
        ("ali\u200bce", "invisible"),
        ("ali\u2028ce", "invisible"),
    ],
)
def test_what_cannot_be_seen_is_no_name(name: str, objection: str) -> None:
    assert objection in (objection_to(name) or "")


def test_the_length_is_bounded() -> None:
    assert objection_to("a" * MAX_LENGTH) is None
    assert "257 characters" in (objection_to("a" * (MAX_LENGTH + 1)) or "")
