"""XML as WCF's writer writes it."""

from gateway.lab.markup import boolean, element, nil, text


def test_attributes_keep_their_order() -> None:
    assert (
        element("a", text("x"), attributes={"z": "1", "b": "2", "xmlns": "urn:n"})
        == '<a z="1" b="2" xmlns="urn:n">x</a>'
    )


def test_an_element_without_content_is_closed_at_once() -> None:
    assert element("s:Header") == "<s:Header/>"


def test_a_nil_element_says_so() -> None:
    assert nil("keySpec") == '<keySpec xsi:nil="true"/>'


def test_text_is_escaped_and_carriage_returns_survive() -> None:
    assert text("a&b<c>d\r\n") == "a&amp;b&lt;c&gt;d&#xD;\n"


def test_attribute_values_are_escaped() -> None:
    assert element("a", attributes={"b": '"<&>\r\n'}) == '<a b="&quot;&lt;&amp;&gt;&#xD;&#xA;"/>'


def test_booleans_are_lower_case() -> None:
    assert (boolean(value=True), boolean(value=False)) == ("true", "false")
