from ipaddress import ip_network

import pytest

from gateway.policy.patterns import Cidr, Exact, ExactName, NameRegex, NotAPattern, OfRequester, Pattern, Regex, Suffix
from tests.builders import a_requester

ANYBODY = a_requester()


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (Exact("Partner A"), "Partner A", True),
        (Exact("Partner A"), "partner a", False),
        (Exact("Partner A"), "Partner A ", False),
        (Exact("Partner A"), "Partner AB", False),
        (Exact("Partner A", ignore_case=True), "PARTNER A", True),
        (Exact("Müller", ignore_case=True), "MÜLLER", True),
        (Exact("strasse", ignore_case=True), "straße", False),
    ],
)
def test_exact_is_the_very_value(pattern: Exact, value: str, expected: bool) -> None:
    assert pattern.matches(value, ANYBODY) is expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (Regex("web[0-9]+"), "web01", True),
        (Regex("web[0-9]+"), "web01.evil.example", False),
        (Regex("web[0-9]+"), "my-web01", False),
        (Regex("web[0-9]+"), "WEB01", False),
        (Regex("(?i)web[0-9]+"), "WEB01", True),
        (Regex("a|b"), "ab", False),
        (Regex("^web$"), "web", True),
        (Regex("web.*"), "web\n01", False),
        (Regex(r"\w+"), "müller", False),
        (Regex(r"\p{L}+"), "müller", True),
        (Regex("WEB", ignore_case=True), "web", True),
        (Regex("web", ignore_case=True), "WEB", True),
        (Regex("(?-i:WEB)", ignore_case=True), "WEB", False),
        (Regex("^admin", anywhere=True), "admin01", True),
        (Regex("admin", anywhere=True), "my-admin01", True),
        (Regex("admin", anywhere=True), "ADMIN", False),
        (Regex("admin", ignore_case=True, anywhere=True), "my-ADMIN01", True),
    ],
)
def test_regular_expressions_match_the_whole_value_unless_they_deny(pattern: Regex, value: str, expected: bool) -> None:
    assert pattern.matches(value, ANYBODY) is expected


@pytest.mark.parametrize(
    "expression", ["(", "[a", "*", "a{1001}", "(?=a)", r"(a)\1", "(?<!a)b", r"\pX", "((a{100}){100}){100}"]
)
def test_what_re2_cannot_read_is_no_pattern(expression: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotAPattern, match=r"not a regular expression of RE2: [a-z]+ "):
        Regex(expression)

    assert capfd.readouterr() == ("", "")


def test_no_expression_can_stall_the_gateway() -> None:
    # With a backtracking engine, this would take longer than the universe has existed: the test's time limit objects.
    assert not Regex("(a|a)*(a+)+b").matches("a" * 5000, ANYBODY)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (Suffix(".partner-a.example"), "web01.partner-a.example", True),
        (Suffix(".partner-a.example"), "a.b.c.partner-a.example", True),
        (Suffix(".partner-a.example"), "WEB01.Partner-A.EXAMPLE", True),
        (Suffix(".PARTNER-a.example"), "web01.partner-A.example", True),
        (Suffix(".partner-a.example"), ".partner-a.example", False),
        (Suffix(".partner-a.example"), "partner-a.example", False),
        (Suffix(".partner-a.example"), "evilpartner-a.example", False),
        (Suffix(".partner-a.example"), "web01.partner-a.example.evil.example", False),
        (Suffix(".partner-a.example"), "web01.partner-a.example.", False),
        (Suffix(".partner-a.example"), "web01..partner-a.example", False),
        (Suffix(".partner-a.example"), "*.partner-a.example", False),
        (Suffix(".partner-a.example"), "https://evil.example/.partner-a.example", False),
        (Suffix(".partner-a.example"), "www.bank.example .partner-a.example", False),
        (Suffix(".partner-a.example"), f"{'a' * 64}.partner-a.example", False),
        (Suffix(".partner-a.example"), "alice@mail.partner-a.example", True),
        (Suffix("@partner-a.example"), "alice@partner-a.example", True),
        (Suffix("@partner-a.example"), "Alice@PARTNER-A.example", True),
        (Suffix("@partner-a.example"), "@partner-a.example", False),
        (Suffix("@partner-a.example"), "alice@evil.partner-a.example", False),
        (Suffix("@partner-a.example"), "alice@evil.example@partner-a.example", False),
        (Suffix("@partner-a.example"), "alice smith@partner-a.example", False),
        (Suffix(".partner-a.example", of_any_text=True), "x y/?*.partner-a.example", True),
        (Suffix(".partner-a.example", of_any_text=True), "*.PARTNER-a.example", True),
        (Suffix(".partner-a.example", of_any_text=True), ".partner-a.example", False),
    ],
)
def test_suffixes_match_names_below_a_domain(pattern: Suffix, value: str, expected: bool) -> None:
    assert pattern.matches(value, ANYBODY) is expected


@pytest.mark.parametrize(
    "text", ["", ".", "@", "partner-a.example", ".partner-a.example.", "..example", "@a@b", ".a b"]
)
def test_a_suffix_starts_at_a_boundary(text: str) -> None:
    with pytest.raises(NotAPattern, match="full stop or an at-sign"):
        Suffix(text)


@pytest.mark.parametrize(
    ("network", "value", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.1", True),
        ("192.0.2.0/24", "192.0.3.1", False),
        ("192.0.2.0/24", "2001:db8::1", False),
        ("192.0.2.0/24", "::ffff:192.0.2.1", False),
        ("192.0.2.0/24", "192.0.2.0/24", False),
        ("192.0.2.0/24", "192.0.2", False),
        ("192.0.2.0/24", "", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:0DB8:0::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("::/0", "::ffff:10.0.0.1", False),
    ],
)
def test_networks_contain_addresses(network: str, value: str, expected: bool) -> None:
    assert Cidr.parse(network).matches(value, ANYBODY) is expected


@pytest.mark.parametrize("text", ["", "192.0.2.1/24", "192.0.2.0/33", "partner-a.example", "192.0.2.0-192.0.2.9"])
def test_other_texts_are_no_networks(text: str) -> None:
    with pytest.raises(NotAPattern, match="not a network"):
        Cidr.parse(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (Exact("Partner A"), "exact 'Partner A'"),
        (Exact("Partner A", ignore_case=True), "exactIgnoreCase 'Partner A'"),
        (Regex("a.*"), "regex 'a.*'"),
        (Suffix(".example"), "suffix '.example'"),
        (Cidr(ip_network("192.0.2.0/24")), "cidr 192.0.2.0/24"),
        (OfRequester("mail"), "requester mail"),
        (ExactName("CN=a"), "exact 'CN=a'"),
        (ExactName("CN=a", ignore_case=True), "exactIgnoreCase 'CN=a'"),
        (NameRegex(Regex("CN=.*")), "regex 'CN=.*'"),
    ],
)
def test_patterns_print_in_the_words_of_the_policy_file(pattern: object, text: str) -> None:
    assert str(pattern) == text


def test_patterns_of_the_same_text_are_equal() -> None:
    assert Regex("a.*") == Regex("a.*") != Regex("a.*", ignore_case=True)


def test_patterns_of_the_same_text_are_equal_however_many_others_there_are() -> None:
    # The library remembers the latest, and would compare by identity.
    first, *_ = (Regex(f"a{n}") for n in range(1000))

    assert Regex("a0") == first


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (ExactName("CN=Partner CA, O=Partner"), "CN=Partner CA,O=Partner", True),
        (ExactName("cn=Partner CA,o=Partner"), "CN=Partner CA,O=Partner", True),
        (ExactName("CN=Partner CA,O=Partner"), "CN=partner ca,O=Partner", False),
        (ExactName("CN=Partner CA,O=Partner", ignore_case=True), "CN=partner ca,O=PARTNER", True),
        (ExactName("CN=Partner CA,O=Partner", ignore_case=True), "CN=partner ca", False),
        (ExactName("CN=Partner CA"), "Partner CA", False),
        (ExactName("CN=Partner CA,O=Partner"), r"CN=Partner CA\,O\=Partner", False),
        (NameRegex(Regex("CN=.*,O=Partner")), "CN=alice,O=Partner", True),
        (NameRegex(Regex("CN=.*,O=Partner")), r"CN=alice\,O=Partner", False),
        (NameRegex(Regex("CN=.*,O=Partner")), "CN=alice,O=Other", False),
    ],
)
def test_distinguished_names_are_compared_by_their_structure(pattern: Pattern, value: str, expected: bool) -> None:
    assert pattern.matches(value, ANYBODY) is expected


def test_what_is_no_distinguished_name_is_no_pattern_of_one() -> None:
    with pytest.raises(NotAPattern, match="RFC 4514"):
        ExactName("Partner CA")


def test_a_pattern_may_be_what_the_requester_is() -> None:
    assert OfRequester("account").matches("PARTNER-A", a_requester("partner-a"))
    assert not OfRequester("account").matches("partner-b", a_requester("partner-a"))
