from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field

from gateway.strict_yaml import Document, Mistake, Mistaken, Settings, parse


class Colour(StrEnum):
    RED = "red"


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


class Circle(Settings):
    kind: Literal["circle"]
    radius: int


class Square(Settings):
    kind: Literal["square"]
    side: int


class Sample(Settings):
    """One of everything that configurations and policies use."""

    number: int = 0
    even: Annotated[int, AfterValidator(_even)] = 0
    ratio: float = 0.0
    flag: bool = False
    text: str = ""
    colour: Colour = Colour.RED
    texts: tuple[str, ...] = ()
    shapes: tuple[Annotated[Circle | Square, Field(discriminator="kind")], ...] = ()
    by_name: dict[Annotated[str, Field(max_length=3)], int] | None = None


def mistakes(text: str) -> list[str]:
    """Each mistake as an operator reads it."""
    with pytest.raises(Mistaken) as mistaken:
        parse(text, "f.yaml").validate(Sample)
    return [str(mistake) for mistake in mistaken.value.mistakes]


# --- what is read ---------------------------------------------------------------------------------------------------


def test_a_file_becomes_a_value() -> None:
    sample = parse(
        """
        number: 3
        ratio: 0.5
        flag: true
        text: "3"
        colour: red
        texts: [a, "b"]
        shapes:
          - {kind: circle, radius: 1}
          - kind: square
            side: 2
        by_name: {a: 1, "2": 2}
        """,
        "f.yaml",
    ).validate(Sample)

    assert sample == Sample(
        number=3,
        ratio=0.5,
        flag=True,
        text="3",
        texts=("a", "b"),
        shapes=(Circle(kind="circle", radius=1), Square(kind="square", side=2)),
        by_name={"a": 1, "2": 2},
    )


def test_a_whole_number_will_do_for_a_fraction() -> None:
    assert parse("ratio: 2", "f.yaml").validate(Sample).ratio == 2


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: 1", {"a": 1}),
        ("a: 0x10", {"a": 16}),
        ("a: 1.3.6.1", {"a": "1.3.6.1"}),
        ("a: no", {"a": False}),
        ("a: ~", {"a": None}),
        ("a: {b: [c, {d: e}]}", {"a": {"b": ["c", {"d": "e"}]}}),
        ("no: 1", {"no": 1}),
        ("1: 2", {"1": 2}),
        ("a: |\n  b\n  c\n", {"a": "b\nc\n"}),
    ],
)
def test_yaml_is_read_by_the_safe_schema(text: str, content: object) -> None:
    assert parse(text, "f.yaml").content == content


def test_values_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse("number: 1", "f.yaml").validate(Sample).number = 2


# --- what is a mistake ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("numbr: 1", "f.yaml:1: numbr: unknown key"),
        ("number: '1'", "f.yaml:1: number: Input should be a valid integer"),
        ("number: 1.5", "f.yaml:1: number: Input should be a valid integer"),
        ("number: true", "f.yaml:1: number: Input should be a valid integer"),
        ("flag: 1", "f.yaml:1: flag: Input should be a valid boolean"),
        ("flag: 'true'", "f.yaml:1: flag: Input should be a valid boolean"),
        ("text: 1", "f.yaml:1: text: Input should be a valid string"),
        ("text: no", "f.yaml:1: text: Input should be a valid string"),
        ("text:", "f.yaml:1: text: Input should be a valid string"),
        ("texts: a", "f.yaml:1: texts: Input should be a valid array"),
        ("colour: blue", "f.yaml:1: colour: Input should be 'red'"),
        ("even: 3", "f.yaml:1: even: must be even"),
        ("shapes: [{kind: circle}]", "f.yaml:1: shapes.0.radius: missing"),
        ("shapes: [{kind: circle, radius: x}]", "f.yaml:1: shapes.0.radius: Input should be a valid integer"),
        ("shapes: [{kind: circle, radius: 1, side: 1}]", "f.yaml:1: shapes.0.side: unknown key"),
        ("by_name: {long: 1}", "f.yaml:1: by_name.long: String should have at most 3 characters"),
        ("[]", "f.yaml:1: Input should be an object"),
        ("text", "f.yaml:1: Input should be an object"),
    ],
)
def test_wrong_keys_and_types_are_mistakes(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "f.yaml: the file is empty"),
        ("# nothing but a comment\n", "f.yaml: the file is empty"),
        ("number: 1\nnumber: 2", "f.yaml:2: number: this key stands here twice"),
        ("shapes:\n  - kind: a\n    kind: b", "f.yaml:3: shapes.0.kind: this key stands here twice"),
        ("{text: &x a, texts: [*x]}", "f.yaml:1: texts.0: anchors and aliases are not allowed: write it out"),
        ("texts: &x [*x]", "f.yaml:1: texts.0: anchors and aliases are not allowed: write it out"),
        ("<<: {number: 1}", "f.yaml:1: keys must be plain text"),
        ("? [a]\n: 1", "f.yaml:1: keys must be plain text"),
        (
            "text: !!python/object/apply:os.system [id]",
            "f.yaml:1: text: neither tags nor dates: if it is text, put it in quotes",
        ),
        ("by_name: !!set {a}", "f.yaml:1: by_name: neither tags nor dates: if it is text, put it in quotes"),
        ("text: !secret a", "f.yaml:1: text: neither tags nor dates: if it is text, put it in quotes"),
        ("text: !!binary YQ==", "f.yaml:1: text: neither tags nor dates: if it is text, put it in quotes"),
        ("text: 2026-01-01", "f.yaml:1: text: neither tags nor dates: if it is text, put it in quotes"),
        ("number: !!int x", "f.yaml:1: number: cannot be read: invalid literal for int() with base 10: 'x'"),
        ("a: [", "f.yaml:2: not YAML: did not find expected node content"),
        ("a: b: c", "f.yaml:1: not YAML: mapping values are not allowed in this context"),
        ("number: 1\n---\nnumber: 2", "f.yaml:2: not YAML: but found another document"),
        ("[" * 5000, "f.yaml:1: not YAML: exceeded maximum nesting depth"),
        ("- " * 5000, "f.yaml: nested too deeply"),
    ],
)
def test_yaml_that_could_be_misread_is_a_mistake(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


def test_characters_that_yaml_forbids_are_a_mistake() -> None:
    (mistake,) = mistakes("text: a\x07")

    assert mistake.startswith("f.yaml: not YAML: unacceptable character #x0007")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('text: "\\uD800"', "f.yaml:1: not YAML: found invalid Unicode character escape code"),
        ("text: \ud800", "f.yaml: not YAML: 'utf-8' codec can't encode"),
    ],
)
def test_text_that_is_no_unicode_is_a_mistake(text: str, complaint: str) -> None:
    (mistake,) = mistakes(text)

    assert mistake.startswith(complaint)


def test_every_mistake_is_told_with_its_line() -> None:
    assert mistakes(
        """# a comment
number: x
shapes:
  - kind: circle
    radius: x

  - {kind: square}
foo: 1
"""
    ) == [
        "f.yaml:2: number: Input should be a valid integer",
        "f.yaml:5: shapes.0.radius: Input should be a valid integer",
        "f.yaml:7: shapes.1.side: missing",
        "f.yaml:8: foo: unknown key",
    ]


def test_every_misreadable_place_is_told() -> None:
    assert mistakes("number: 1\nnumber: 2\ntext: !x a\ntexts: [2026-01-01]") == [
        "f.yaml:2: number: this key stands here twice",
        "f.yaml:3: text: neither tags nor dates: if it is text, put it in quotes",
        "f.yaml:4: texts.0: neither tags nor dates: if it is text, put it in quotes",
    ]


def test_a_mistake_never_repeats_what_was_written() -> None:
    (mistake,) = mistakes("number: hunter2")

    assert "hunter2" not in mistake


def test_all_mistakes_print_line_by_line() -> None:
    found = (Mistake("a.yaml", 3, "x.0", "wrong"), Mistake("b.yaml", 0, "", "empty"))

    assert str(Mistaken(found)) == "a.yaml:3: x.0: wrong\nb.yaml: empty"
    assert Mistaken(found).mistakes == found


# --- a document -----------------------------------------------------------------------------------------------------


def test_later_checks_can_point_at_what_they_object_to() -> None:
    document = parse("# first line\nshapes:\n  - kind: circle\n    radius: 1\n", "f.yaml")

    assert document.mistake(("shapes", 0, "radius"), "too small") == Mistake(
        "f.yaml", 4, "shapes.0.radius", "too small"
    )
    assert document.mistake(("shapes", 0, "colour"), "wanted") == Mistake("f.yaml", 3, "shapes.0.colour", "wanted")
    assert document.mistake(("shapes", 7), "wanted") == Mistake("f.yaml", 2, "shapes.7", "wanted")
    assert document.mistake((), "as a whole") == Mistake("f.yaml", 2, "", "as a whole")


def test_a_document_without_lines_still_makes_mistakes() -> None:
    assert Document("f.yaml", {}, {}).mistake(("a",), "wrong") == Mistake("f.yaml", 0, "a", "wrong")


# --- whatever is written --------------------------------------------------------------------------------------------

_PLAIN = ["a", "number", "1", "~", "2026-01-01", "\\uD800", "\x00", "\ufeff"]
_PUNCTUATION = [": ", "\n", "  ", "- ", "[", "]", "{", "}", ", ", "'", '"', "|", "#", "? ", "%"]
_SPECIAL = ["&x ", "*x", "!!set ", "!x ", "<<"]
_FRAGMENTS = st.sampled_from(_PLAIN + _PUNCTUATION + _SPECIAL)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.one_of(st.text(), st.lists(_FRAGMENTS).map("".join)))
def test_any_text_is_read_or_mistaken_and_nothing_worse(text: str) -> None:
    with suppress(Mistaken):
        parse(text, "f.yaml").validate(Sample)


@pytest.mark.parametrize("depth", range(20, 400, 10))
def test_any_depth_is_read_or_mistaken_and_nothing_worse(depth: int) -> None:
    with pytest.raises(Mistaken):
        parse("texts: " + "[" * depth + "]" * depth, "f.yaml").validate(Sample)


def test_a_list_of_one_that_stands_there_by_itself_has_no_index() -> None:
    document = parse("circle:\n  radius: 1\n", "f.yaml")

    assert document.mistake(("circle", 0, "radius"), "too small") == Mistake("f.yaml", 2, "circle.radius", "too small")
    assert document.mistake(("circle", 0), "wanted") == Mistake("f.yaml", 1, "circle", "wanted")
