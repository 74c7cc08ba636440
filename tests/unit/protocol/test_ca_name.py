import pytest

from gateway.protocol.ca_name import sanitized_name


@pytest.mark.parametrize(
    ("common_name", "sanitized"),
    [
        ("Fabrikam Issuing CA 1", "Fabrikam Issuing CA 1"),
        ("R&D (Test) CA", "R!0026D !0028Test!0029 CA"),
        ("A!B", "A!0021B"),
        ("Zürich CA", "Z!00fcrich CA"),
        ("CA \U0001f512", "CA !d83d!dd12"),
        ("a/b\\c?d#e%f", "a!002fb!005cc!003fd!0023e!0025f"),
        ("Under_score-Dot.At@Tilde~$", "Under_score-Dot.At@Tilde~$"),
    ],
)
def test_a_ca_s_name_is_sanitized_as_microsoft_does(common_name: str, sanitized: str) -> None:
    assert sanitized_name(common_name) == sanitized


def test_every_character_of_the_table_is_replaced() -> None:
    for character in "!\"#%&'()*+,/:;<=>?[\\]^`{|}\x00\x1f\x7f\xff":
        assert sanitized_name(character) == f"!{ord(character):04x}"
