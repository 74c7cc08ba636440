"""`gateway.rates.settings`: what can be written, and that the defaults are what their reasons say."""

from datetime import timedelta

import pytest

from gateway.authn.password_attempts import THRESHOLD_WITHOUT_LOCKOUT
from gateway.rates.settings import Limit, RateLimitSettings
from gateway.state.gcra import Budget
from gateway.strict_yaml import Mistaken, parse
from gateway.web.limits import LimitSettings


def read(text: str) -> RateLimitSettings:
    return parse(text, "limits.yaml").validate(RateLimitSettings)


def test_every_limit_has_a_default_and_is_written_by_its_name() -> None:
    fields = {field.alias for field in RateLimitSettings.model_fields.values()}

    assert fields == set(Limit)
    assert read("{}") == RateLimitSettings()


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("3h", timedelta(hours=3)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_budget_is_read(text: str, period: timedelta) -> None:
    settings = read(f"CertificatesPerAccount: {{count: 5, period: {text}, burst: 2}}")

    assert settings.certificates_per_account.budget == Budget(5, period, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PollsPerRequest: {count: 5}", "count, period and burst go together"),
        ("PollsPerRequest: {count: 0, period: 1h, burst: 1}", "greater than or equal to 1"),
        ("PollsPerRequest: {count: 1, period: 1w, burst: 1}", "30s, 10m, 3h or 7d"),
        ("PollsPerRequest: {count: 1, period: 3600, burst: 1}", "30s, 10m, 3h or 7d"),
        ("PollsPerRequest: {count: 1, period: 0h, burst: 1}", "30s, 10m, 3h or 7d"),
        ("PollsPerRequest: {count: 1, period: 32d, burst: 1}", "31d at the most"),
        ("PollsPerRequest: {count: 1, period: 31d, burst: 12}", "within 366 days"),
        ("PollsPerRequest: {overrides: []}", "unknown key"),
        ("polls_per_request: {}", "unknown key"),
        ("CertificatesPerAccount: {overrides: [{accounts: [a]}]}", "or else unlimited"),
        ("CertificatesPerAccount: {overrides: [{accounts: [a], unlimited: false}]}", "should be True"),
        ("CertificatesPerAccount: {overrides: [{accounts: [a], unlimited: true, count: 1}]}", "or else unlimited"),
        ("CertificatesPerAccount: {overrides: [{accounts: [a], count: 1, burst: 1}]}", "or else unlimited"),
        ("CertificatesPerAccount: {overrides: [{accounts: [a], count: 1, period: 31d, burst: 12}]}", "366 days"),
        ("CertificatesPerAccount: {overrides: [{accounts: [], unlimited: true}]}", "must not be empty"),
        ("CertificatesPerAccount: {overrides: [{accounts: [' a'], unlimited: true}]}", "without blanks"),
        ("CertificatesPerAccount: {overrides: [{partners: [a], unlimited: true}]}", "unknown key"),
        ("RequestsPerAddress: {overrides: [{networks: [192.0.2.1/24], unlimited: true}]}", "host bits"),
        ("RequestsPerAddress: {overrides: [{networks: [somewhere], unlimited: true}]}", "somewhere"),
        ("RequestsPerAddress: {overrides: [{networks: [3221225985], unlimited: true}]}", "must be an address"),
        ("RequestsPerAddress: {overrides: [{networks: ['2001:db8::1'], unlimited: true}]}", "/64"),
    ],
)
def test_what_means_nothing_is_a_mistake(text: str, message: str) -> None:
    with pytest.raises(Mistaken, match=message):
        read(text)


def test_an_address_has_room_for_as_many_guesses_as_it_may_have_connections() -> None:
    burst = RateLimitSettings().failed_authentications_per_address.burst

    assert burst > LimitSettings().max_connections_per_address


def test_guesses_from_outside_lock_no_account_inside() -> None:
    budget = RateLimitSettings().failed_authentications_per_account.budget
    window = timedelta(minutes=10)

    most = budget.burst + window // (budget.period / budget.count)

    assert most < THRESHOLD_WITHOUT_LOCKOUT
