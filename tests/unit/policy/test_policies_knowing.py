"""What the template catalogue adds to the look-up of policies."""

from dataclasses import replace

import pytest

from gateway.errors import TemplateConflict, Unmatched
from gateway.pki.authorities import TrustedCertificate
from gateway.pki.certificate_request import CertificateRequest
from gateway.policy.decision import Approval, NotPermitted, Policies, Policy, decide, select
from gateway.policy.expected import expected_of
from gateway.policy.load import load_policies
from tests.builders import NOW, a_certificate, a_policy_file, a_request, an_application, general_names
from tests.templates import USER, USER_OID, WEB, WEB_OID

SUBJECT = "subject: {commonName: {allow: [{exact: web01}]}}"

NAMES = {WEB_OID: WEB, USER_OID: USER}


def policies(*templates: str) -> Policies:
    return load_policies((f"{n}.yaml", a_policy_file(template=text)) for n, text in enumerate(templates))


def selected(known: Policies, request: CertificateRequest) -> Policy:
    return select(known, an_application(request))


def by_oid(oid: str) -> CertificateRequest:
    return a_request(template=None, template_oid=oid)


def test_a_policy_without_an_oid_is_found_by_that_of_its_template() -> None:
    known = policies(f"{{name: {WEB.upper()}}}").knowing(NAMES)

    assert selected(known, by_oid(WEB_OID)) is known.policies[0]


def test_without_the_catalogue_it_is_not() -> None:
    with pytest.raises(Unmatched):
        selected(policies(f"{{name: {WEB}}}"), by_oid(WEB_OID))


def test_a_policy_with_an_oid_is_for_that_template_alone() -> None:
    known = policies(f"{{name: {WEB}, oid: 1.2.3}}").knowing(NAMES)

    with pytest.raises(Unmatched):
        selected(known, by_oid(WEB_OID))
    assert selected(known, by_oid("1.2.3")) is known.policies[0]


@pytest.mark.parametrize("order", [1, -1])
def test_an_oid_that_is_written_counts_more_than_what_the_catalogue_says_of_another_template(order: int) -> None:
    templates = (f"{{name: {WEB}}}", f"{{name: {USER}, oid: {WEB_OID}}}")
    known = policies(*templates[::order]).knowing(NAMES)

    assert selected(known, by_oid(WEB_OID)).template.name == USER


def test_a_newer_catalogue_takes_the_place_of_the_older() -> None:
    known = policies(f"{{name: {WEB}}}").knowing(NAMES).knowing({"1.2.3": WEB})

    assert selected(known, by_oid("1.2.3")) is known.policies[0]
    with pytest.raises(Unmatched):
        selected(known, by_oid(WEB_OID))


def test_name_and_object_identifier_of_one_template_lead_to_one_policy() -> None:
    known = policies(f"{{name: {WEB}}}").knowing(NAMES)

    assert selected(known, a_request(template=WEB, template_oid=WEB_OID)) is known.policies[0]


@pytest.mark.parametrize("of_policies", [(WEB,), (USER,), (WEB, USER), ()])
def test_name_and_object_identifier_of_two_templates_conflict(of_policies: tuple[str, ...]) -> None:
    known = policies(*(f"{{name: {name}}}" for name in of_policies)).knowing(NAMES)

    with pytest.raises(TemplateConflict):
        selected(known, a_request(template=WEB, template_oid=USER_OID))


def test_a_template_without_a_policy_is_told_by_its_name() -> None:
    with pytest.raises(Unmatched, match=rf"asked for: {USER}, {USER_OID} \("):
        selected(policies(f"{{name: {WEB}}}").knowing(NAMES), by_oid(USER_OID))


def test_name_and_object_identifier_of_one_template_without_a_policy_do_not_conflict() -> None:
    known = policies(f"{{name: {WEB}}}").knowing(NAMES)

    with pytest.raises(Unmatched, match=USER):
        selected(known, a_request(template=USER.lower(), template_oid=USER_OID))


def renewal(template_oid: str) -> CertificateRequest:
    """Of partner-a's own certificate, which a template of this number was the one for."""
    old = replace(a_certificate(("commonName", "web01")), template_oid=template_oid)
    request = a_request(template=WEB, san=general_names())
    return replace(request, signers=(old,), renewal_certificate=old)


def test_the_catalogues_number_of_the_template_is_good_for_renewals_too() -> None:
    own = "renewal: {owner: [names]}"
    known = load_policies([("P.yaml", a_policy_file(own, SUBJECT, template=f"{{name: {WEB}}}"))]).knowing(NAMES)

    def refused(template_oid: str) -> list[str]:
        request = renewal(template_oid)
        signers = tuple(TrustedCertificate(each, "a CA") for each in request.signers)
        decision = decide(known, replace(an_application(request), signers=signers))
        if decision.approval is not None:
            return []
        assert isinstance(decision.error, NotPermitted)
        return [found.field for found in decision.error.violations]

    assert refused(WEB_OID) == []
    assert refused(USER_OID) == ["renewalCertificate template"]


def test_the_catalogues_number_of_the_template_is_good_for_certificates_too() -> None:
    (policy,) = policies(f"{{name: {WEB}}}").knowing(NAMES).policies
    approval = Approval(an_application(), policy, policy.rules[0])

    assert expected_of(approval, NOW).template.oids == {WEB_OID}
