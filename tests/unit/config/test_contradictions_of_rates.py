"""Overrides of rate limits that would be for nobody, or for somebody twice, each with its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.config.contradictions_of_rates import contradictions_of_rates
from gateway.rates.settings import RateLimitSettings
from gateway.strict_yaml import Mistaken
from tests.unit.config.samples import load

PARTNERS = [{"name": "a", "accounts": ["@a.example"]}]
BUDGET = {"count": 1, "period": "1h", "burst": 2}


def mistakes(directory: Path, content: dict[str, Any], limit: str, *overrides: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, message) of each."""
    with pytest.raises(Mistaken) as mistaken:
        load(directory, content | {"partners": PARTNERS, "rate_limits": {limit: {"overrides": list(overrides)}}})
    return [(mistake.path, mistake.message) for mistake in mistaken.value.mistakes]


def test_overrides_for_whom_there_is_are_taken(tmp_path: Path, content: dict[str, Any]) -> None:
    overrides = {
        "RequestsPerAddress": [
            {"networks": ["192.0.2.0/24", "2001:db8::/48"], **BUDGET},
            {"networks": ["192.0.2.1"], "unlimited": True},
        ],
        "CertificatesPerPartner": [{"partners": ["a"], "unlimited": True}],
        "CertificatesPerTemplate": [{"templates": ["partnerwebserver"], **BUDGET}],
    }
    limits = {limit: {"overrides": each} for limit, each in overrides.items()}

    checked = load(tmp_path, content | {"partners": PARTNERS, "rate_limits": limits})

    assert not any("rate_limits" in warning for warning in checked.warnings)


def test_a_partner_must_be_there(tmp_path: Path, content: dict[str, Any]) -> None:
    found = mistakes(tmp_path, content, "CertificatesPerPartner", {"partners": ["a", "b"], **BUDGET})

    assert found == [
        ("rate_limits.CertificatesPerPartner.overrides.0.partners.1", "b is not the name of one of `partners`")
    ]


@pytest.mark.parametrize(
    ("limit", "first", "second", "whom"),
    [
        ("RequestsPerAddress", {"networks": ["192.0.2.0/24"]}, {"networks": ["192.0.2.0/24"]}, "192.0.2.0/24"),
        (
            "FailedAuthenticationsPerAddress",
            {"networks": ["192.0.2.1"]},
            {"networks": ["192.0.2.1/32"]},
            "192.0.2.1/32",
        ),
        ("FailedAuthenticationsPerAccount", {"accounts": ["Alice"]}, {"accounts": ["alice"]}, "alice"),
        ("CertificatesPerAccount", {"accounts": ["x"]}, {"accounts": ["y", "x"]}, "x"),
        ("CertificatesPerPartner", {"partners": ["a"]}, {"partners": ["a"]}, "a"),
        ("CertificatesPerTemplate", {"templates": ["T"]}, {"templates": ["t"]}, "t"),
    ],
)
def test_nobody_has_two_budgets(limit: str, first: dict[str, Any], second: dict[str, Any], whom: str) -> None:
    overrides = [first | BUDGET, second | {"unlimited": True}]
    limits = RateLimitSettings.model_validate_json(json.dumps({limit: {"overrides": overrides}}))

    found = list(contradictions_of_rates(limits, partners=["a"]))

    message = f"{whom} stands here already, with another budget perhaps: name it once"
    assert found == [(("rate_limits", limit, "overrides", 1), message)]


def test_a_template_that_no_policy_is_for_is_a_warning(tmp_path: Path, content: dict[str, Any]) -> None:
    limits = {"CertificatesPerTemplate": {"overrides": [{"templates": ["Nobody's"], **BUDGET}]}}

    warnings = load(tmp_path, content | {"rate_limits": limits}).warnings

    assert "rate_limits: CertificatesPerTemplate: no policy is for the template Nobody's" in warnings


def test_a_network_with_host_bits_is_told_with_its_line(tmp_path: Path, content: dict[str, Any]) -> None:
    found = mistakes(tmp_path, content, "RequestsPerAddress", {"networks": ["192.0.2.1/24"], **BUDGET})

    assert found == [("rate_limits.RequestsPerAddress.overrides.0.networks.0", "192.0.2.1/24 has host bits set")]
