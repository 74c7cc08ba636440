import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.patterns import Regex
from gateway.policy.tamemycerts.regex import NotExpressible, is_anchored, to_re2
from tests.builders import a_requester


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r"^[-_a-z]*\.partner\.example$", r"^[\-_a-z]*\.partner\.example$"),
        (r"partner", r".*(?:partner).*"),
        (r"^partner", r"(?:^partner).*"),
        (r"partner$", r".*(?:partner$)"),
        (r"^a|b$", r".*(?:^a|b$).*"),
        (r"^(a|b)$", r"^(?:a|b)$"),
        (r"^(a)|b$", r".*(?:^(?:a)|b$).*"),
        (r"^(?i:a|b)$", r"^(?i:a|b)$"),
        (r"^a.X$", r"^a.X$"),
        (r"^[A-X]$", r"^[A-X]$"),
        (r"\Aa\Z", r"\Aa\z"),
        (r"\Aa\z", r"\Aa\z"),
        (r"^*", r".*(?:^*).*"),
        (r"^*a$", r".*(?:^*a$)"),
        (r"^(?<host>a)(?'n'b)(?:c)$", r"^(?:a)(?:b)(?:c)$"),
        (r"^(?i:a)(?s)b$", r"^(?i:a)(?s)b$"),
        (r"^a{2}b{2,}?c{2,3}d*?e+f?$", r"^a{2}b{2,}?c{2,3}d*?e+f?$"),
        (r"^{a}]$", r"^\{a\}\]$"),
        (r"^\d\D$", r"^[\p{Nd}][^\p{Nd}]$"),
        (r"^\w\W$", r"^[\p{L}\p{Mn}\p{Nd}\p{Pc}][^\p{L}\p{Mn}\p{Nd}\p{Pc}]$"),
        (r"^\s\S$", r"^[\t-\r\x{85}\p{Z}][^\t-\r\x{85}\p{Z}]$"),
        (r"^[\d\D\w\s.]$", r"^[\p{Nd}\P{Nd}\p{L}\p{Mn}\p{Nd}\p{Pc}\t-\r\x{85}\p{Z}\.]$"),
        (r"^\p{Lu}\P{L}[\p{Nd}]$", r"^\p{Lu}\P{L}[\p{Nd}]$"),
        (r"^\x41\u0042[\x41-\u0042]\t$", r"^\x{41}\x{0042}[\x{41}-\x{0042}]\t$"),
        (r"^\@\/\ \#$", r"^@/ #$"),
        (r"^[]a]$", r"^[\]a]$"),
        (r"^[^]a]$", r"^[^\]a]$"),
        (r"^[a-zA-Z0-9-_]$", r"^[a-zA-Z0-9\-_]$"),
        (r"^[a[b]$", r"^[a\[b]$"),
        (r"^[a^-]$", r"^[a\^\-]$"),
    ],
)
def test_what_means_the_same_is_taken_over(expression: str, expected: str) -> None:
    assert to_re2(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        r"^(?!admin).*$",
        r"^(?=a)b$",
        r"(?<=a)b",
        r"(?<!a)b",
        r"(?>a)b",
        r"(?#comment)a",
        r"(?n)a",
        r"(?x) a",
        r"(?-i)a",
        r"(?(1)a|b)",
        r"(a)\1",
        r"\k<n>",
        r"\bpartner\b",
        r"\Ba",
        r"\Ga",
        r"\ea",
        r"\cA",
        r"\0",
        r"\X",
        r"\_",
        r"\x4",
        r"\p{IsGreek}",
        "a\\",
        r"[a-z-[aeiou]]",
        r"[\b]",
        r"[\W]",
        r"[\S]",
        r"[\d-z]",
        r"[\w-.]",
        r"[a-\d]",
        r"[a-\p{L}]",
        r"[a",
        r"[",
        r"(a",
        r"a)",
        r"a{2000}",
        r"a++",
        r"*a",
        "a  b",
        "a\u200b",
    ],
)
def test_what_does_not_is_not_expressible(expression: str) -> None:
    with pytest.raises(NotExpressible):
        to_re2(expression)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("(?!a)b", "the construct '(?!a'"),
        (r"a\b", r"the escape '\\b'"),
        (r"a\X", r"the escape '\\X'"),
        (r"[a-\d]", "a range from or to a class of characters"),
        (r"[\s-z]", "a range from or to a class of characters"),
        (r"[a-\p{L}]", "a range from or to a class of characters"),
        (r"[a-\P{L}]", "a range from or to a class of characters"),
        ("[a", "a class of characters without an end"),
        ("[a-z-[b]]", "a class of characters that is subtracted from another"),
        ("a  b", "characters that no value can have, or blanks side by side"),
        ("a{2000}", "not a regular expression of RE2"),
    ],
)
def test_what_cannot_be_expressed_is_told(expression: str, reason: str) -> None:
    with pytest.raises(NotExpressible, match=f"^{re.escape(reason)}"):
        to_re2(expression)


def test_case_is_disregarded_where_it_was() -> None:
    assert to_re2("^partner$", ignore_case=True) == "(?i)^partner$"


def test_what_is_searched_for_anywhere_stays_as_it_is() -> None:
    assert to_re2("porn|gambling", anywhere=True) == "porn|gambling"


def test_an_expression_about_a_part_of_the_value_is_told_from_one_about_the_whole() -> None:
    assert is_anchored("^a$")
    assert not is_anchored("^a")
    assert not is_anchored("")


ATOMS = st.sampled_from(["a", "b", ".", r"\.", "[ab]", "[^a]", r"\d", "[a-c1]", r"\w", "-", "(?:a|b)", "é", r"[\d-]"])
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
    ),
    max_leaves=6,
)


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(["", "^"]),
    EXPRESSIONS,
    st.sampled_from(["", "$", "|b$"]),
    st.text("abc1.-é", max_size=6),
)
def test_it_matches_just_where_the_original_is_found(begin: str, middle: str, end: str, value: str) -> None:
    """Python's engine reads this subset as .NET's does."""
    expression = begin + middle + end
    found = re.search(expression, value) is not None

    assert Regex(to_re2(expression)).matches(value, a_requester()) == found
    assert Regex(to_re2(expression, anywhere=True), anywhere=True).matches(value, a_requester()) == found
