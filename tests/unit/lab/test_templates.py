"""The lab's templates: what tests and documents rely on."""

import pytest

from gateway.lab.accounts import ALICE, GATEWAY_SERVICE
from gateway.lab.hresult import HResult
from gateway.lab.templates import TEMPLATES, CertificateTemplate

BY_NAME = {template.common_name: template for template in TEMPLATES}
OFFLINE = {"PartnerWebServer", "PartnerUser", "PartnerPending", "PartnerRefused", "PartnerDevice", "CorpSecretTemplate"}
ONLINE_VERSION_2 = {"CorpUser", "CorpMachine"}


def test_names_and_object_identifiers_are_unique() -> None:
    assert len(BY_NAME) == len({template.oid for template in TEMPLATES}) == len(TEMPLATES)


def test_the_enrollee_supplies_the_subject_of_some_version_2_templates() -> None:
    assert {template.common_name for template in TEMPLATES if template.supplies_subject} == OFFLINE
    assert {template.common_name for template in TEMPLATES if template.policy_schema == 2} == OFFLINE | ONLINE_VERSION_2


def test_flags_are_as_windows_has_them() -> None:
    assert BY_NAME["User"].subject_name_flags == 0xA6000000
    assert BY_NAME["User"].enrollment_flags == 0x29
    assert BY_NAME["Machine"].subject_name_flags == 0x18000000
    assert BY_NAME["PartnerWebServer"].subject_name_flags == 0x1
    assert BY_NAME["PartnerPending"].enrollment_flags == 0x2
    assert BY_NAME["PartnerDevice"].enrollment_flags == 0x10040


def test_one_template_pends_and_one_refuses() -> None:
    assert [template.common_name for template in TEMPLATES if template.pends_requests] == ["PartnerPending"]
    refusals = {template.common_name: template.refusal for template in TEMPLATES if template.refusal is not None}
    assert refusals == {"PartnerRefused": HResult.CERTSRV_E_SUBJECT_EMAIL_REQUIRED}


def test_one_template_is_renewed_by_key() -> None:
    assert [template.common_name for template in TEMPLATES if template.renews_by_key] == ["PartnerDevice"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.common_name)
def test_all_but_the_templates_for_machines_are_open_to_partners_and_gateway(template: CertificateTemplate) -> None:
    for account in (ALICE, GATEWAY_SERVICE):
        assert template.may_enroll(account.groups) == (template.common_name not in {"Machine", "CorpMachine"})
