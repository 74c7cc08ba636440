import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.tamemycerts.yaml_text import Node, ToFillIn, comment_line, render

WORDS = st.sampled_from(
    ["a", "on", "NO", "null", "1", "1e3", "0x1", "~", "it's", "- a", "a: b", "#", "", "ä", "y", "\n"]
)
NODES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(WORDS, st.text(max_size=8), st.integers(0, 9), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, min_size=1), st.dictionaries(st.sampled_from("abcd"), inner, min_size=1)),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), NODES, min_size=1), st.lists(st.text()))
def test_what_is_written_is_read_again(content: dict[str, Node], comments: list[str]) -> None:
    assert yaml.safe_load(render(content, comments)) == content


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("web", "key: web"),
        ("web1", "key: 'web1'"),
        ("wéb", "key: 'wéb'"),
        ("it's", "key: 'it''s'"),
        ("a\n", 'key: "\\U00000061\\U0000000a"'),
        (2048, "key: 2048"),
        (True, "key: true"),
        (False, "key: false"),
        ({"exact": "web"}, "key: {exact: web}"),
        ({"exact": ["web"]}, "key:\n  exact: [web]"),
        ({"exact": "web", "regex": "a"}, "key:\n  exact: web\n  regex: a"),
        (["web", "it"], "key: [web, it]"),
        (["web", "it's"], "key:\n  - web\n  - 'it''s'"),
        ([{"exact": "web"}, {"a": "b", "c": "d"}], "key:\n  - {exact: web}\n  - a: b\n    c: d"),
        ([["a b"], "c"], "key:\n  - - 'a b'\n  - c"),
    ],
)
def test_what_is_short_is_on_one_line(value: Node, written: str) -> None:
    assert render({"key": value}, []) == f"{written}\n"
    assert yaml.safe_load(written) == {"key": value}


@pytest.mark.parametrize("word", ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "Yes", "NULL"])
def test_words_that_yaml_takes_for_something_else_are_quoted(word: str) -> None:
    assert render({"key": word}, []) == f"key: '{word}'\n"


def test_a_place_to_fill_in_has_no_value_and_says_what_belongs_there() -> None:
    text = render({"key": ToFillIn("key: of the\ntemplate")}, [])

    assert text == "key: # of the template\n"
    assert yaml.safe_load(text) == {"key": None}


def test_a_comment_is_one_line_whatever_is_in_it() -> None:
    assert comment_line("a\nb: c\u2028d") == "# a b: c d"
