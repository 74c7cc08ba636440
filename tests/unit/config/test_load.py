"""A configuration is used whole or refused with every mistake."""

import re
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_configuration
from gateway.policy.decision import decide
from gateway.strict_yaml import Mistaken
from tests.builders import a_public_key, a_request, an_application
from tests.certificates import a_server_certificate, an_authority
from tests.unit.config.samples import HOST, load

Change = Callable[[dict[str, Any]], object]


def test_a_right_configuration_is_taken_with_its_policies(tmp_path: Path, content: dict[str, Any]) -> None:
    checked = load(tmp_path, content)

    assert [policy.template.name for policy in checked.policies.policies] == ["PartnerWebServer"]
    assert checked.warnings == ()


def test_a_blocked_key_is_allowed_by_no_policy(tmp_path: Path, content: dict[str, Any]) -> None:
    key = a_public_key("EC", 256, "secp256r1")
    (tmp_path / "blocked-keys").write_text(f"{sha256(key.subject_public_key_info).hexdigest()}  # leaked\n")
    application = an_application(a_request(key=key))

    before = decide(load(tmp_path, content).policies, application)
    after = decide(load(tmp_path, content | {"blocked_keys": "blocked-keys"}).policies, application)

    assert before.approval is not None
    assert after.approval is None


def test_paths_are_taken_from_the_file_s_own_directory(tmp_path: Path, content: dict[str, Any]) -> None:
    configuration = load(tmp_path, content).configuration

    assert configuration.audit.file == tmp_path / "audit.jsonl"
    assert configuration.listeners[0].certificate.is_file()
    assert configuration.services[0].upstream[0].trust.is_file()


def test_one_internal_server_or_several_make_a_list(tmp_path: Path, content: dict[str, Any]) -> None:
    one = content["services"][1]["upstream"]
    other = {**one, "url": "https://ces2.corp.example/CES", "priority": 2, "weight": 3}
    assert [u.server for u in load(tmp_path, content).configuration.services[1].upstream] == ["ces.corp.example:443"]

    content["services"][1]["upstream"] = [one, other]
    several = load(tmp_path, content).configuration.services[1].upstream

    assert [(u.server, u.priority, u.weight) for u in several] == [
        ("ces.corp.example:443", 1, 1),
        ("ces2.corp.example:443", 2, 3),
    ]
    assert several[1].trust.is_absolute()


@pytest.mark.parametrize(
    ("upstream", "message"),
    [
        ([], "services.1.upstream: "),
        ({"url": "http://x/"}, "upstream.url: must"),
        ([{"url": 1}], "upstream.0.trust: m"),
    ],
)
def test_a_mistake_in_an_internal_server_is_at_its_place(
    tmp_path: Path, content: dict[str, Any], upstream: object, message: str
) -> None:
    content["services"][1]["upstream"] = upstream

    with pytest.raises(Mistaken, match=re.escape(message)):
        load(tmp_path, content)


def test_public_urls_are_encoded_and_may_differ_by_service(tmp_path: Path, content: dict[str, Any]) -> None:
    content["services"][1]["public_url"] = f"https://{HOST}:8444/"
    configuration = load(tmp_path, content).configuration

    policy, ca = configuration.services
    assert configuration.public_url_of(policy) == (f"https://{HOST}/ADPolicyProvider_CEP_Certificate/service.svc/CEP")
    assert configuration.public_url_of(ca) == (
        f"https://{HOST}:8444/Corp%20Issuing%20CA%201_CES_UsernamePassword/service.svc/CES"
    )


def test_a_ca_s_name_is_sanitized_in_its_path_and_not_in_itself(tmp_path: Path, content: dict[str, Any]) -> None:
    content["services"][1]["ca"] = "R&D CA"
    _, ca = load(tmp_path, content).configuration.services

    assert ca.path == "/R!0026D CA_CES_UsernamePassword/service.svc/CES"


def test_two_listeners_may_each_have_a_host_of_their_own(tmp_path: Path, content: dict[str, Any]) -> None:
    other = a_server_certificate(an_authority(tmp_path, "Another Root CA"), "cert.partner.example")
    own = {"certificate": other.certificate_path.name, "key": other.key_path.name}
    content["listeners"].append(content["listeners"][0] | {"port": 8444} | own)
    content["services"][0]["public_url"] = "https://cert.partner.example:8444"

    assert load(tmp_path, content).configuration.public_hosts() == {HOST, "cert.partner.example"}


def test_a_listener_that_is_nobody_s_host_is_a_mistake(tmp_path: Path, content: dict[str, Any]) -> None:
    other = a_server_certificate(an_authority(tmp_path, "Another Root CA"), "cert.partner.example")
    own = {"certificate": other.certificate_path.name, "key": other.key_path.name}
    content["listeners"].append(content["listeners"][0] | {"port": 8444} | own)

    with pytest.raises(Mistaken, match=r"listeners\.1\.certificate: is for none of the public hosts"):
        load(tmp_path, content)


def _service(n: int, **changes: Any) -> Change:
    return lambda content: content["services"][n].update(changes)


def _without(n: int, key: str) -> Change:
    return lambda content: content["services"][n].pop(key)


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "no https": (lambda c: c.update(public_url="http://x"), "public_url: must be https://host"),
    "a path in the public url": (lambda c: c.update(public_url="https://x/y"), "public_url: must be https://host"),
    "a service's public url": (_service(0, public_url="x"), "services.0.public_url: must be https://host"),
    "two services of one name": (_service(1, name="policy"), "policy is the name of another service too"),
    "two services of one path": (
        lambda c: c["services"].append(deepcopy(c["services"][1]) | {"name": "again", "ca": "CORP ISSUING CA 1"}),
        "another service has the path",
    ),
    "two friendly names of one view": (
        lambda c: c["services"].append(
            deepcopy(c["services"][0])
            | {
                "name": "again",
                "friendly_name": "Other",
                "authentication": "UsernamePassword",
                "verifier": "password_file",
            }
        ),
        "services.2.friendly_name: policy of the same view is called 'Certificate enrollment'",
    ),
    "no password to pass on for the KDC's": (
        _service(1, verifier="kerberos"),
        "services.1.transition: does not go with verifier kerberos",
    ),
    "an SPN without tickets": (
        lambda c: c["services"][1]["upstream"].update(service_principal_name="HTTP/ces.corp.example"),
        "services.1.upstream.service_principal_name: is not used with the transition pass_on_username_token",
    ),
    "a verifier for certificates": (_service(0, verifier="password_file"), "services.0.verifier: is for Username"),
    "certificates without mapping": (lambda c: c.pop("mapping"), "services.0: needs `mapping` rules"),
    "certificates that nobody asks for": (
        lambda c: [c["listeners"][0].pop(key) for key in ("client_certificates", "client_trust")],
        f"services.0: needs a listener, or a server name {HOST}, with client_certificates",
    ),
    "passwords without a verifier": (_without(1, "verifier"), "services.1.verifier: is missing"),
    "no password file": (lambda c: c.pop("password_file"), "services.1.verifier: needs the general setting"),
    "no password to pass on": (_service(0, transition="pass_on_username_token"), "there is no password to pass on"),
    "a certificate that is not used": (
        lambda c: c["services"][1]["upstream"].update(
            {key: c["services"][0]["upstream"][key] for key in ("certificate", "key")}
        ),
        "services.1.upstream.certificate: is not used",
    ),
    "a server that stands in a list twice": (
        lambda c: c["services"][1].update(upstream=[dict(c["services"][1]["upstream"]) for _ in range(2)]),
        "services.1.upstream.1: ces.corp.example:443 stands in this list already",
    ),
    "an SPN without tickets, in a list": (
        lambda c: c["services"][1].update(
            upstream=[c["services"][1]["upstream"] | {"service_principal_name": "HTTP/ces.corp.example"}]
        ),
        "services.1.upstream.0.service_principal_name: is not used with the transition pass_on_username_token",
    ),
    "no certificate of its own": (_service(1, transition="own_certificate"), "services.1.upstream: needs certificate"),
    "a password that nobody checks": (
        _service(1, transition="own_certificate", verifier="internal_ces"),
        "services.1.verifier: internal_ces goes with pass_on_username_token only",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_a_mistake_at_its_place(tmp_path: Path, content: dict[str, Any], name: str) -> None:
    change, message = CONTRADICTIONS[name]
    change(content)

    with pytest.raises(Mistaken) as caught:
        load(tmp_path, content)

    assert any(message in str(mistake) for mistake in caught.value.mistakes), caught.value


FILES: dict[str, tuple[Callable[[Path, dict[str, Any]], object], str]] = {
    "a certificate that is not there": (
        lambda _, c: c["listeners"][0].update(certificate="nowhere.pem"),
        "listeners.0.certificate: ",
    ),
    "a directory for the audit record that is not there": (
        lambda _, c: c["audit"].update(file="nowhere/audit.jsonl"),
        "audit.file: the directory",
    ),
    "no policies": (lambda d, _: (d / "policies" / "web.yaml").unlink(), "policies: no policy files"),
    "policies that are not there": (lambda _, c: c.update(policies="nowhere"), "policies: "),
    "a mistake in a policy": (
        lambda d, _: (d / "policies" / "web.yaml").write_text("template: {name: A}\nruls: []\n"),
        "web.yaml:2: ruls: unknown key",
    ),
    "a mistake in the list of blocked keys": (
        lambda _, c: c.update(blocked_keys="passwords"),
        "passwords:1: not the SHA-256 of a SubjectPublicKeyInfo",
    ),
    "a list of blocked keys that is not there": (lambda _, c: c.update(blocked_keys="nowhere"), "blocked_keys: "),
    "a mistake in the password file": (lambda d, _: (d / "passwords").write_text("alice:secret\n"), "passwords:1: "),
    "a password file that is not there": (
        lambda d, _: (d / "passwords").rename(d / "kept"),
        "password_file: ",
    ),
    "a key that is not the certificate's": (
        lambda _, c: c["listeners"][0].update(key=c["services"][0]["upstream"]["key"]),
        "listeners.0: ",
    ),
    "a certificate for another name": (lambda c_, c: c.update(public_url="https://other.example"), "other.example"),
    "an upstream trust without certificates": (
        lambda _, c: c["services"][0]["upstream"].update(trust="passwords"),
        "no PEM certificates to trust",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_used_is_a_mistake(tmp_path: Path, content: dict[str, Any], name: str) -> None:
    change, message = FILES[name]
    change(tmp_path, content)

    with pytest.raises(Mistaken) as caught:
        load(tmp_path, content)

    assert any(message in str(mistake) for mistake in caught.value.mistakes), caught.value


def test_mistakes_of_all_kinds_are_reported_at_once(tmp_path: Path, content: dict[str, Any]) -> None:
    content["public_url"] = "http://x"
    content["services"][1]["name"] = "policy"
    (tmp_path / "policies" / "web.yaml").write_text("template: {name: A}\nruls: []\n")
    (tmp_path / "passwords").write_text("alice:secret\n")

    with pytest.raises(Mistaken) as caught:
        load(tmp_path, content)

    assert {Path(mistake.file).name for mistake in caught.value.mistakes} == {"gateway.yaml", "web.yaml", "passwords"}


def test_an_unreadable_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(Mistaken, match="cannot be read"):
        load_configuration(tmp_path / "nowhere.yaml", datetime.now(UTC))


def test_shadow_policies_are_read_beside_the_others(tmp_path: Path, content: dict[str, Any]) -> None:
    content["shadow_policies"] = "policies"
    checked = load(tmp_path, content)

    assert checked.shadow_policies is not None
    assert [policy.name for policy in checked.shadow_policies.policies] == [p.name for p in checked.policies.policies]
    assert checked.shadow_mistakes == ()


def test_mistakes_of_shadow_policies_are_told_and_do_not_stop_the_others(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content["shadow_policies"] = "nowhere"
    missing = load(tmp_path, content)
    candidate = tmp_path / "nowhere"
    candidate.mkdir()
    (candidate / "web.yaml").write_text("rules: []")
    mistaken = load(tmp_path, content)

    assert missing.policies.policies
    assert missing.shadow_policies is mistaken.shadow_policies is None
    (mistake,) = missing.shadow_mistakes
    assert "shadow_policies: cannot be read" in str(mistake)
    assert {each.path for each in mistaken.shadow_mistakes} == {"rules", "template"}
