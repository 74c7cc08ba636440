from pathlib import Path
from typing import Any

from tests.authorities import TestAuthority, pem
from tests.unit.config.samples import load

USAGES = """
    keyUsage: {allow: [digitalSignature]}
    extendedKeyUsage: {allow: [serverAuth]}
"""
RULES = """
rules:
  - name: own-hosts
    requesters: [{account: partner-a, authentication: [Certificate]}]
    key: [{algorithm: EC, curves: [secp256r1]}]
"""
OFFLINE = "template: {name: PartnerWebServer}" + RULES
ONLINE = "template: {name: CorpUser, enrolleeSuppliesSubject: false}" + RULES + USAGES


def warnings(directory: Path, content: dict[str, Any], policy: str) -> tuple[str, ...]:
    (directory / "policies" / "web.yaml").write_text(policy)
    return load(directory, content).warnings


def test_a_rule_without_usages_would_withhold_every_certificate(tmp_path: Path, content: dict[str, Any]) -> None:
    (warning,) = warnings(tmp_path, content, OFFLINE)

    assert "policy web, rule own-hosts: without keyUsage and extendedKeyUsage" in warning


def test_a_rule_with_usages_is_nothing_to_look_at(tmp_path: Path, content: dict[str, Any]) -> None:
    assert warnings(tmp_path, content, OFFLINE + USAGES) == ()


def test_an_online_template_without_a_directory_needs_names(tmp_path: Path, content: dict[str, Any]) -> None:
    (warning,) = warnings(tmp_path, content, ONLINE)

    assert "policy web: the CA takes the names of CorpUser from the directory, and ca asks none" in warning


def test_names_under_issued_answer_that(tmp_path: Path, content: dict[str, Any]) -> None:
    issued = "issued: {subject: {commonName: {allow: [{regex: .*}]}}}\n"

    assert warnings(tmp_path, content, ONLINE + issued) == ()


def test_a_sid_alone_under_issued_is_no_name(tmp_path: Path, content: dict[str, Any]) -> None:
    assert len(warnings(tmp_path, content, ONLINE + "issued: {securityIdentifier: optional}\n")) == 1


def test_renewals_are_refused_where_no_authority_has_a_revocation_list(tmp_path: Path, content: dict[str, Any]) -> None:
    (warning,) = warnings(tmp_path, content, OFFLINE + USAGES + "    renewal: {owner: [names]}\n")

    assert "policy web: renewals and requests on behalf of others are always refused" in warning


def test_with_a_revocation_list_they_are_nothing_to_look_at(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "ca.pem").write_bytes(pem(TestAuthority().certificate))
    url = "http://crl.corp.example/ca.crl"
    content["certification_authorities"] = [{"name": "CA", "certificates": str(tmp_path / "ca.pem"), "crl": [url]}]
    found = warnings(tmp_path, content, OFFLINE + USAGES + "    renewal: {owner: [names]}\n")

    assert not [warning for warning in found if "renewals" in warning]
