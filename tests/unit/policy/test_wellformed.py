import pytest

from gateway.pki.names import GeneralNameType
from gateway.policy.wellformed import WELL_FORMED, folded, is_dns_name, is_mailbox, is_plain, parse_ip_address


@pytest.mark.parametrize("value", ["", "Partner A", "Müller & Söhne", "株式会社", "a/b?c", "x" * 5000])
def test_printable_text_is_plain(value: str) -> None:
    assert is_plain(value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a\x00b", id="NUL"),
        pytest.param("a\nb", id="line feed"),
        pytest.param("a\u2028b", id="line separator"),
        pytest.param("a\u200bb", id="zero-width space"),
        pytest.param("a\u00adb", id="soft hyphen"),
        pytest.param("a\u202eb", id="bidirectional override"),
        pytest.param("a\u00a0b", id="no-break space"),
        pytest.param("a\ue000b", id="private use"),
        pytest.param("a\ud800b", id="lone surrogate"),
        pytest.param("Mu\u0308ller", id="decomposed umlaut"),
        pytest.param("\uff41dmin", id="full-width letter"),
        pytest.param("of\ufb01ce", id="ligature"),
        pytest.param("\u212aelvin", id="Kelvin sign"),
        pytest.param("u\u017fer", id="long s"),
        pytest.param(" a", id="leading blank"),
        pytest.param("a ", id="trailing blank"),
        pytest.param("a  b", id="two blanks"),
    ],
)
def test_what_looks_like_other_text_is_not_plain(value: str) -> None:
    assert not is_plain(value)


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "web01",
        "web01.partner-a.example",
        "xn--mller-kva.example",
        "1.example",
        f"{'a' * 63}.example",
        "a" + ".a" * 126,
    ],
)
def test_letters_digits_and_hyphens_make_a_dns_name(value: str) -> None:
    assert is_dns_name(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "a b",
        "*",
        "*.a",
        "müller.example",
        "a\n",
        "a@b",
        f"{'a' * 64}.example",
        "aa" + ".a" * 126,
        "a" + ".a" * 127,
    ],
)
def test_nothing_else_is_a_dns_name(value: str) -> None:
    assert not is_dns_name(value)


@pytest.mark.parametrize("value", ["alice@partner-a.example", "müller@partner-a.example", "a+b=c@d"])
def test_an_account_at_a_dns_name_is_a_mailbox(value: str) -> None:
    assert is_mailbox(value)


@pytest.mark.parametrize("value", ["", "@", "alice", "@b.example", "alice@", "a@b@c", "a b@c", "a@b.", "a@*.b", "a@.b"])
def test_nothing_else_is_a_mailbox(value: str) -> None:
    assert not is_mailbox(value)


@pytest.mark.parametrize("value", ["192.0.2.1", "2001:db8::1", "::"])
def test_addresses_are_read(value: str) -> None:
    assert str(parse_ip_address(value)) == value


@pytest.mark.parametrize("value", ["", "192.0.2", "192.0.2.1/24", "192.0.2.01", "::ffff:192.0.2.1", "fe80::1%eth0"])
def test_what_is_not_one_address_of_its_own_family_is_not_read(value: str) -> None:
    assert parse_ip_address(value) is None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (GeneralNameType.DNS_NAME, "web01.partner-a.example", True),
        (GeneralNameType.DNS_NAME, "*.partner-a.example", True),
        (GeneralNameType.DNS_NAME, "*.*.partner-a.example", False),
        (GeneralNameType.DNS_NAME, "www.*.partner-a.example", False),
        (GeneralNameType.DNS_NAME, "w*.partner-a.example", False),
        (GeneralNameType.DNS_NAME, "*", False),
        (GeneralNameType.DNS_NAME, "*.", False),
        (GeneralNameType.IP_ADDRESS, "192.0.2.1", True),
        (GeneralNameType.IP_ADDRESS, "192.0.2.1/32", False),
        (GeneralNameType.RFC822_NAME, "alice.smith+tag@partner-a.example", True),
        (GeneralNameType.RFC822_NAME, '"alice smith"@partner-a.example', False),
        (GeneralNameType.RFC822_NAME, "alice..smith@partner-a.example", False),
        (GeneralNameType.RFC822_NAME, "müller@partner-a.example", False),
        (GeneralNameType.RFC822_NAME, "alice", False),
        (GeneralNameType.RFC822_NAME, "alice@partner_a.example", False),
        (GeneralNameType.RFC822_NAME, "alice@*.partner-a.example", False),
        (GeneralNameType.USER_PRINCIPAL_NAME, "müller@partner-a.example", True),
        (GeneralNameType.USER_PRINCIPAL_NAME, "PARTNER\\alice", False),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "https://partner-a.example/path?x=y#z", True),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "urn:uuid:1", True),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "//partner-a.example", False),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "https://partner-a.example/a b", False),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "https://müller.example/", False),
        (GeneralNameType.UNIFORM_RESOURCE_IDENTIFIER, "https:", False),
        (GeneralNameType.REGISTERED_ID, "1.2.3", True),
        (GeneralNameType.REGISTERED_ID, "1", False),
        (GeneralNameType.DIRECTORY_NAME, "CN=Alice", True),
        (GeneralNameType.DIRECTORY_NAME, "Alice", False),
    ],
)
def test_each_type_of_general_name_has_its_form(kind: GeneralNameType, value: str, expected: bool) -> None:
    assert WELL_FORMED[kind](value) is expected


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("Alice", "Alice"),
        ("Müller", "muller"),
        ("Straße", "strasse"),
        ("Øre Łódź", "ore lodz"),
        ("Æ Œ Ð Đ Ħ Ŧ Þ \u0131", "ae oe d d h t th i"),
        ("a\ufe00d\u115fm", "adm"),
        ("a\u20ddd\u0488m", "adm"),
        ("\uff21\uff44\uff4d\uff49\uff4e", "admin"),
        ("Админ", "админ"),
    ],
)
def test_a_value_is_folded_as_a_directory_compares_it(value: str, plain: str) -> None:
    assert folded(value) == plain
