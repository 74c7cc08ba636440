from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.policies_in_force import PoliciesInForce
from gateway.policy.catalogue import Catalogue, CatalogueTemplate
from gateway.telemetry import Metrics
from tests.unit.config.samples import POLICY, a_configuration, load

OID = "1.3.6.1.4.1.311.21.8.1.2.3"


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "user.yaml").write_text(POLICY.replace("PartnerWebServer", "PartnerUser"))
    return a_configuration(tmp_path) | {"shadow_policies": "shadow"}


def templates(policies: Any) -> list[str]:
    return [policy.template.name for policy in policies.policies]


def test_a_reload_takes_both_sets_anew(tmp_path: Path, content: dict[str, Any]) -> None:
    in_force = PoliciesInForce(load(tmp_path, content), metrics := Metrics())
    before = in_force.policies()
    for directory in ("policies", "shadow"):
        (tmp_path / directory / "more.yaml").write_text(POLICY.replace("PartnerWebServer", "PartnerMail"))

    in_force.reload()

    assert templates(before) == ["PartnerWebServer"], "whoever judges by a snapshot goes on with it"
    assert sorted(templates(in_force.policies())) == ["PartnerMail", "PartnerWebServer"]
    assert sorted(templates(in_force.shadow())) == ["PartnerMail", "PartnerUser"]
    rendered = metrics.render().decode()
    assert 'ces_gateway_policy_decisions_total{outcome="allowed",policy="more"} 0.0' in rendered
    assert 'ces_gateway_shadow_differences_total{difference="would_allow",policy="user"} 0.0' in rendered


def test_what_has_mistakes_is_not_taken_and_does_not_keep_the_other_back(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    in_force = PoliciesInForce(load(tmp_path, content), Metrics())
    (tmp_path / "policies" / "web.yaml").write_text("template: {}")
    (tmp_path / "shadow" / "user.yaml").write_text(POLICY.replace("PartnerWebServer", "PartnerMail"))

    with capture_logs() as logs:
        in_force.reload()

    assert templates(in_force.policies()) == ["PartnerWebServer"]
    assert templates(in_force.shadow()) == ["PartnerMail"]
    assert [line["event"] for line in logs] == [
        "policies not reloaded, the last good set stays in force",
        "shadow policies reloaded",
    ]


def test_a_candidate_with_mistakes_at_the_start_is_told_and_may_come_later(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    file = tmp_path / "shadow" / "user.yaml"
    right = file.read_text()
    file.write_text("template: {}")
    with capture_logs() as logs:
        in_force = PoliciesInForce(load(tmp_path, content), Metrics())
    assert in_force.shadow() is None
    assert [line["event"] for line in logs] == ["shadow policies not loaded"]

    file.write_text(right)
    in_force.reload()

    assert templates(in_force.shadow()) == ["PartnerUser"]


def test_the_catalogue_leads_to_both_sets_also_after_a_reload(tmp_path: Path, content: dict[str, Any]) -> None:
    in_force = PoliciesInForce(load(tmp_path, content), Metrics())
    catalogue = Catalogue(
        (
            CatalogueTemplate(common_name="PartnerWebServer", oid=OID),
            CatalogueTemplate(common_name="PartnerUser", oid=f"{OID}.1"),
        )
    )

    in_force.use(catalogue)
    for _ in range(2):
        (policy,) = in_force.policies().policies
        assert policy.template.known_oids == {OID}
        shadow = in_force.shadow()
        assert shadow is not None
        assert shadow.policies[0].template.known_oids == {f"{OID}.1"}
        in_force.reload()


def test_each_objection_of_the_catalogue_is_told_once_as_long_as_it_lasts(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    in_force = PoliciesInForce(load(tmp_path, content), Metrics())
    contradicting = Catalogue((CatalogueTemplate(common_name="PartnerWebServer", oid=OID, minimal_key_length=2048),))
    agreeing = Catalogue((CatalogueTemplate(common_name="PartnerWebServer", oid=OID),))
    told = []
    for catalogue in (contradicting, contradicting, agreeing, contradicting):
        with capture_logs() as logs:
            in_force.use(catalogue)
        told.append([line["event"] for line in logs])

    assert told == [["a policy contradicts its template"], [], [], ["a policy contradicts its template"]]
