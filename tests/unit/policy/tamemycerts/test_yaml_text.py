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


def test_a_place_to_fill_in_has_no_value_and_says_what_belongs_there() -> None:
    text = render({"key": ToFillIn("key: of the\ntemplate")}, [])

    assert text == "key: # of the template\n"
    assert yaml.safe_load(text) == {"key": None}


def test_a_comment_is_one_line_whatever_is_in_it() -> None:
    assert comment_line("a\nb: c\u2028d") == "# a b: c d"
