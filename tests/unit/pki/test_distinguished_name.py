import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pki.distinguished_name import in_any_case, is_below, parse_distinguished_name
from gateway.pki.names import AttributeTypeAndValue, Name


def test_rdns_keep_their_order() -> None:
    assert parse_distinguished_name("CN=Issuing CA,O=Partner,C=DE") == (
        frozenset({("cn", "Issuing CA")}),
        frozenset({("o", "Partner")}),
        frozenset({("c", "DE")}),
    )


@pytest.mark.parametrize(
    "text",
    [
        "cn=Partner CA, O=Partner",
        "CN = Partner CA ,  O = Partner ",
        r"CN=Partner\20CA,O=\50artner",
        r"CN=Partner\ CA,O=Partner",
    ],
)
def test_spelling_does_not_matter(text: str) -> None:
    assert parse_distinguished_name(text) == parse_distinguished_name("CN=Partner CA,O=Partner")


@pytest.mark.parametrize(
    "text",
    [
        "CN=partner CA,O=Partner",
        "O=Partner,CN=Partner CA",
        "CN=Partner CA",
        "CN=Partner CA+O=Partner",
        r"CN=Partner CA\,O=Partner",
        r"CN=Partner CA\ ,O=Partner",
        "CN=Partner  CA,O=Partner",
    ],
)
def test_another_name_is_another_name(text: str) -> None:
    assert parse_distinguished_name(text) != parse_distinguished_name("CN=Partner CA,O=Partner")


def test_the_members_of_one_rdn_have_no_order() -> None:
    assert parse_distinguished_name("CN=A+UID=b,O=C") == parse_distinguished_name("UID=b+CN=A,O=C")


def test_separators_may_be_escaped() -> None:
    assert parse_distinguished_name(r"CN=Jürgen \"J\" \+ S\C3\B6hne\, Ltd\\,O=\#1") == (
        frozenset({("cn", 'Jürgen "J" + Söhne, Ltd\\')}),
        frozenset({("o", "#1")}),
    )


def test_types_may_be_object_identifiers() -> None:
    assert parse_distinguished_name("OID.2.5.4.97=VATDE-1") == parse_distinguished_name("2.5.4.97=VATDE-1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Partner CA",
        "CN=A,",
        "CN=A,,O=B",
        "CN=A+",
        "=A",
        "1=A",
        'CN="A"',
        "CN=A;O=B",
        "CN=<A>",
        "CN=A\\",
        "CN=A\\x",
        "CN=\\FF",
        "CN=#0C0141",
        "CN=A\0",
        "CN=A+CN=A",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- which text says so is not the point
        parse_distinguished_name(text)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1), min_size=1))
def test_it_reads_what_the_gateway_prints(values: list[list[str]]) -> None:
    rdns = [[(f"OID.1.{n}", value) for n, value in enumerate(rdn)] for rdn in values]
    name = Name(tuple(tuple(AttributeTypeAndValue(*member) for member in rdn) for rdn in rdns))

    assert parse_distinguished_name(str(name)) == tuple(
        frozenset((kind.removeprefix("OID."), value) for kind, value in rdn) for rdn in reversed(rdns)
    )


@pytest.mark.parametrize(
    ("name", "container", "expected"),
    [
        ("CN=a,OU=b,DC=c", "OU=b,DC=c", True),
        ("CN=a,OU=b,DC=c", "ou=B,dc=C", True),
        ("CN=a,OU=b,DC=c", "DC=c", True),
        ("CN=a,OU=b,DC=c", "CN=a,OU=b,DC=c", False),
        ("CN=a,OU=b,DC=c", "OU=b", False),
        ("CN=a,OU=xb,DC=c", "OU=b,DC=c", False),
        (r"CN=a\,OU=b,DC=c", "OU=b,DC=c", False),
        ("DC=c", "OU=b,DC=c", False),
    ],
)
def test_a_name_is_below_another_by_whole_rdns(name: str, container: str, expected: bool) -> None:
    assert is_below(parse_distinguished_name(name), parse_distinguished_name(container)) is expected


def test_names_compare_in_any_case_where_a_directory_does() -> None:
    name, other = (in_any_case(parse_distinguished_name(text)) for text in ("CN=A,OU=b", "cn=a,ou=B"))

    assert name == other
