"""What does not go together with renewals only, each with its place and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.strict_yaml import Mistaken
from tests.unit.config.samples import HOST, a_configuration_with_a_realm, load

CA = "Corp Issuing CA 1"


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A renewal-only CES with the gateway's own account, and CEP for it with the gateway's own certificate."""
    content = a_configuration_with_a_realm(tmp_path)
    policy, *_, renewal = content["services"]
    policy["key_based_renewal"] = True
    renewal["renewal_only"] = True
    content["services"] = [policy, renewal]
    del content["realms"][0]["impersonation"]
    del content["mapping"]
    # What is read of it does not matter here.
    trust = content["listeners"][0]["client_trust"]
    content["certification_authorities"] = [{"name": CA, "certificates": trust}]
    return content


def mistakes(directory: Path, content: dict[str, Any]) -> list[tuple[str, str]]:
    """(path, message) of each."""
    with pytest.raises(Mistaken) as mistaken:
        load(directory, content)
    return [(mistake.path, mistake.message) for mistake in mistaken.value.mistakes]


def test_a_renewal_only_service_and_its_policy_service_need_no_mapping(tmp_path: Path, content: dict[str, Any]) -> None:
    policy, renewal = load(tmp_path, content).configuration.services

    assert policy.path == "/KeyBasedRenewal_ADPolicyProvider_CEP_Certificate/service.svc/CEP"
    assert renewal.path == "/renewal_CES_Certificate/service.svc/CES"
    assert (policy.by_own_certificate, renewal.by_own_certificate) == (True, True)


def test_nobody_stands_for_itself_unless_the_configuration_says_so(tmp_path: Path) -> None:
    services = load(tmp_path, a_configuration_with_a_realm(tmp_path)).configuration.services

    assert not any(service.by_own_certificate for service in services)


def without_certificates(content: dict[str, Any]) -> None:
    del content["listeners"][0]["client_certificates"], content["listeners"][0]["client_trust"]


def without_own_certificate(content: dict[str, Any]) -> None:
    for setting in ("certificate", "key"):
        del content["services"][0]["upstream"][setting]


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            lambda content: content["services"][1].update(authentication="Kerberos"),
            "services.1.authentication",
            "renewal_only needs authentication Certificate",
        ),
        (
            lambda content: content["services"][0].update(authentication="UsernamePassword", verifier="password_file"),
            "services.0.authentication",
            "key_based_renewal needs authentication Certificate",
        ),
        (
            lambda content: content["services"][1].update(authentication="Anonymous"),
            "services.1.authentication",
            "'UsernamePassword', 'Certificate' or 'Kerberos'",
        ),
        (
            lambda content: content["services"][1].update(transition="protocol_transition"),
            "services.1.transition",
            "renewal_only goes with own_account or own_certificate",
        ),
        (
            lambda content: content["services"][0].update(transition="protocol_transition", realm="CORP.EXAMPLE"),
            "services.0.transition",
            "key_based_renewal goes with own_account or own_certificate",
        ),
        (
            lambda content: content["services"][1].pop("realm"),
            "services.1.realm",
            "for the transition own_account",
        ),
        (without_own_certificate, "services.0.upstream", "the transition is own_certificate"),
        (
            lambda content: content.pop("certification_authorities"),
            "services.1.renewal_only",
            "needs `certification_authorities`",
        ),
        (
            lambda content: content.pop("certification_authorities"),
            "services.0.key_based_renewal",
            "needs `certification_authorities`",
        ),
        (without_certificates, "services.1", f"needs a listener, or a server name {HOST}"),
        (
            lambda content: content["services"].pop(),
            "services.0.key_based_renewal",
            "there is no CES service with authentication Certificate",
        ),
    ],
)
def test_what_contradicts_itself_is_a_mistake_in_its_place(
    tmp_path: Path, content: dict[str, Any], change: Callable[[dict[str, Any]], object], path: str, message: str
) -> None:
    change(content)

    assert any(place == path and message in text for place, text in mistakes(tmp_path, content))
