import pytest

from gateway.policy.sections import Given, ObjectIdentifier, PlainText, Section, Some, is_object_identifier
from gateway.strict_yaml import Mistaken, parse

EMPTY = "must not be empty: leave it out, or say what is allowed"


class Sample(Section):
    """One of everything."""

    some_texts: Some[PlainText] = ()
    object_identifier: Given[ObjectIdentifier] = None


def read(text: str) -> Sample:
    return parse(text, "sample.yaml").validate(Sample)


def test_keys_are_in_camel_case() -> None:
    sample = read("{someTexts: [a, b], objectIdentifier: 1.2.3}")

    assert (sample.some_texts, sample.object_identifier) == (("a", "b"), "1.2.3")


def test_everything_can_be_left_out() -> None:
    assert read("{}") == Sample()


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("some_texts: [a]", "some_texts", "unknown key"),
        ("someTexts: []", "someTexts", EMPTY),
        ("someTexts:", "someTexts", "Input should be a valid array"),
        ("objectIdentifier:", "objectIdentifier", EMPTY),
        ("objectIdentifier: 1.2", "objectIdentifier", "Input should be a valid string"),
        ("objectIdentifier: one", "objectIdentifier", "not an object identifier in dotted numbers"),
        ("someTexts: [a, 3]", "someTexts.1", "Input should be a valid string"),
        ("someTexts: [a, yes]", "someTexts.1", "Input should be a valid string"),
        *(
            (
                f"someTexts: [a, {text}]",
                "someTexts.1",
                "must be printable text in Unicode form NFKC, without superfluous blanks, and not empty",
            )
            for text in ('""', '" a"', '"\\u200b"', '"\\uff41"')
        ),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, path: str, message: str) -> None:
    with pytest.raises(Mistaken) as mistaken:
        read(f"# a comment\n{text}")

    assert [(m.line, m.path, m.message) for m in mistaken.value.mistakes] == [(2, path, message)]


def test_one_wrong_item_does_not_make_the_list_empty() -> None:
    with pytest.raises(Mistaken) as mistaken:
        read("someTexts: [3]")

    assert [mistake.path for mistake in mistaken.value.mistakes] == ["someTexts.0"]


@pytest.mark.parametrize("text", ["1.2.3", "0.0", "0.9.2342.19200300.100.1.25", "2.5.29.37.0", "2.999", "1.39"])
def test_object_identifiers_have_one_spelling(text: str) -> None:
    assert is_object_identifier(text)


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "1..2", "3.1", "1.40", "1.2.03", "1.2.-3", "1.2.3 ", "1.2.3\n", "OID.1.2"]
)
def test_other_spellings_are_no_object_identifiers(text: str) -> None:
    assert not is_object_identifier(text)
