import pytest

from gateway.directory.search import Attribute, Entry, all_of, any_of, equal


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("alice", "(a=alice)"),
        ("*)(b=*", "(a=\\2a\\29\\28b=\\2a)"),
        ("back\\slash", "(a=back\\5cslash)"),
        ("nul\0", "(a=nul\\00)"),
        ("Zoë", "(a=Zoë)"),
        (b"\x01\xff(", "(a=\\01\\ff\\28)"),
    ],
)
def test_no_value_is_part_of_the_syntax(value: str | bytes, written: str) -> None:
    assert equal("a", value) == written


def test_filters_are_made_from_the_inside_out() -> None:
    assert all_of(equal("a", "1"), any_of(equal("b", "2"), equal("c", "3"))) == "(&(a=1)(|(b=2)(c=3)))"


def test_an_attribute_is_one_value_or_none() -> None:
    entry = Entry({Attribute.SAM_ACCOUNT_NAME: (b"007",), Attribute.ADMIN_COUNT: (b"1",)})

    assert entry.text(Attribute.SAM_ACCOUNT_NAME) == "007"
    assert entry.number(Attribute.ADMIN_COUNT) == 1
    assert entry.text(Attribute.USER_PRINCIPAL_NAME) is None
    assert entry.number(Attribute.BAD_PWD_COUNT) is None
    assert entry.values(Attribute.TOKEN_GROUPS) == ()


@pytest.mark.parametrize("values", [(b"1", b"2"), (b"\xff",), (b"one",)])
def test_what_is_not_one_number_is_none(values: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Entry({Attribute.ADMIN_COUNT: values}).number(Attribute.ADMIN_COUNT)
