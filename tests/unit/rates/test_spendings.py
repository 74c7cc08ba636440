"""`gateway.rates.spendings`: what is taken of whose budget."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.rates.settings import Limit, RateLimitSettings
from gateway.rates.spendings import Spendings, limit_of
from gateway.state.state import MAX_KEY, Spending
from gateway.strict_yaml import parse
from tests.builders import a_requester

DEFAULTS = RateLimitSettings()
OVERRIDES = """
RequestsPerAddress:
  overrides:
    - {networks: [192.0.2.0/24, 2001:db8::/32], count: 1, period: 1h, burst: 1}
    - {networks: [192.0.2.128/25], count: 2, period: 1h, burst: 2}
    - {networks: [192.0.2.129], unlimited: true}
FailedAuthenticationsPerAccount: {overrides: [{accounts: [Héctor], unlimited: true}]}
CertificatesPerAccount: {overrides: [{accounts: [Alice], unlimited: true}]}
CertificatesPerPartner: {overrides: [{partners: [a], unlimited: true}]}
CertificatesPerTemplate: {overrides: [{templates: [Web], unlimited: true}]}
"""


def with_overrides() -> Spendings:
    return Spendings(parse(OVERRIDES, "limits.yaml").validate(RateLimitSettings))


def keys(spendings: tuple[Spending, ...]) -> list[str]:
    return [spending.key for spending in spendings]


def test_a_request_is_the_address_s() -> None:
    (spending,) = Spendings(DEFAULTS).request("2001:db8::1")

    assert spending.key == "RequestsPerAddress:2001:0db8:0000:0000"
    assert spending.budget == DEFAULTS.requests_per_address.budget
    assert limit_of(spending) is Limit.REQUESTS_PER_ADDRESS


def test_a_failure_is_the_address_s_and_the_account_s_that_was_named() -> None:
    spendings = Spendings(DEFAULTS)

    assert keys(spendings.failed_authentication("192.0.2.1", None)) == ["FailedAuthenticationsPerAddress:192.0.2.1"]
    assert keys(spendings.failed_authentication("192.0.2.1", "Alice")) == [
        "FailedAuthenticationsPerAddress:192.0.2.1",
        "FailedAuthenticationsPerAccount:alice",
    ]


def test_a_certificate_is_the_account_s_the_template_s_and_the_partner_s() -> None:
    spendings = Spendings(DEFAULTS)
    requester = a_requester("Alice@A.example")

    of_nobody = keys(spendings.certificate(requester, "Web"))
    of_partner = keys(spendings.certificate(replace(requester, partner="a"), "Web"))

    assert of_nobody == ["CertificatesPerAccount:alice@a.example", "CertificatesPerTemplate:web"]
    assert of_partner == [*of_nobody, "CertificatesPerPartner:a"]


def test_a_poll_is_the_request_s_at_its_service() -> None:
    spendings = Spendings(DEFAULTS)

    assert keys(spendings.poll("ca1", "17")) == ["PollsPerRequest:ca1:17"]
    assert keys(spendings.poll("ca1", "17")) != keys(spendings.poll("ca2", "17"))


def test_spellings_that_a_directory_takes_for_the_same_have_one_budget() -> None:
    spendings = Spendings(DEFAULTS)

    guesses = {
        spendings.failed_authentication("192.0.2.1", name)[1].key for name in ("jörg", "JÖRG", "jorg", "jo\u0308rg")
    }

    assert len(guesses) == 1


def test_the_smallest_network_decides() -> None:
    spendings = with_overrides()

    def count(peer: str) -> int | None:
        return next((spending.budget.count for spending in spendings.request(peer)), None)

    assert [count(peer) for peer in ("192.0.2.1", "192.0.2.130", "192.0.2.129", "2001:db8:1::1", "198.51.100.1")] == [
        1,
        2,
        None,
        1,
        DEFAULTS.requests_per_address.count,
    ]


def test_each_address_of_a_network_has_a_budget_of_its_own() -> None:
    spendings = with_overrides()

    assert keys(spendings.request("192.0.2.1")) != keys(spendings.request("192.0.2.2"))


def test_who_is_unlimited_spends_nothing_of_that_budget() -> None:
    spendings = with_overrides()
    requester = replace(a_requester("ALICE"), partner="a")

    assert keys(spendings.certificate(requester, "web")) == []
    assert keys(spendings.certificate(requester, "other")) == ["CertificatesPerTemplate:other"]
    assert keys(spendings.failed_authentication("192.0.2.1", "hector")) == ["FailedAuthenticationsPerAddress:192.0.2.1"]


@given(st.text(), st.text())
def test_keys_are_short_and_plain_and_no_two_names_have_the_same(one: str, other: str) -> None:
    poll = Spendings(DEFAULTS).poll
    first, second = (poll("ca", name)[0].key for name in (one, other))

    assert first.isascii()
    assert first.isprintable()
    assert len(first) <= MAX_KEY
    assert (first == second) is (one == other)


def test_nobody_can_be_called_like_another_s_digest() -> None:
    failed = Spendings(DEFAULTS).failed_authentication
    digest = failed("192.0.2.1", "я")[1].key.partition(":")[2]

    assert failed("192.0.2.1", digest)[1].key != failed("192.0.2.1", "я")[1].key
