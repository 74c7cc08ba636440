"""[MS-XCEP] GetPolicies, held against Microsoft's schema."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from lxml import etree

from gateway.lab import soap
from gateway.lab.accounts import ALICE, GATEWAY_SERVICE, Account
from gateway.lab.authority import CertificationAuthority
from gateway.lab.cep import CertificateEnrollmentPolicyService, PublishedAuthority
from gateway.lab.cmc import Signer
from gateway.lab.hierarchy import CA_1, CA_2
from gateway.lab.soap import SoapFault
from gateway.lab.templates import PARTNER_WEB_SERVER, TEMPLATES
from gateway.lab.wcf import ServiceKind
from tests.unit.lab.messages import (
    ACTION_GET_POLICIES,
    CAPTURED,
    DISPATCHER,
    MESSAGE_ID,
    Reply,
    a_get_policies,
    a_reply,
    an_envelope,
)

LAST_UPDATE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TO = "https://cep.corp.fabrikam.example/ADPolicyProvider_CEP_Certificate/service.svc/CEP"
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "vectors" / "xsd" / "ms-xcep.xsd"))
VERSIONS = '<policyOIDs xsi:nil="true"/><clientVersion>{}</clientVersion><serverVersion>{}</serverVersion>'
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


@pytest.fixture
def cep(authorities: Mapping[str, CertificationAuthority]) -> CertificateEnrollmentPolicyService:
    published = [
        PublishedAuthority(
            authority, {kind: f"https://ces/{number}_CES_{kind.word}/service.svc/CES" for kind in ServiceKind}
        )
        for number, authority in enumerate(authorities.values())
    ]
    return CertificateEnrollmentPolicyService(published, LAST_UPDATE)


def _answer(
    cep: CertificateEnrollmentPolicyService,
    body: str | None = None,
    *,
    caller: Account = GATEWAY_SERVICE,
    action: str = ACTION_GET_POLICIES,
) -> Reply:
    message = soap.read(an_envelope(body or a_get_policies(), to=TO, action=action))
    return a_reply(soap.write(cep.answer(message, caller), MESSAGE_ID, secured_at=None))


def _body(reply: Reply) -> etree._Element:
    body = reply.find("s:Body/xcep:GetPoliciesResponse")
    assert body is not None
    return etree.fromstring(etree.tostring(body))


def _names(reply: Reply) -> list[str]:
    return reply.texts(".//xcep:attributes/xcep:commonName")


def _policy(reply: Reply, name: str) -> etree._Element:
    found = reply.envelope.xpath(
        "//x:policy[x:attributes/x:commonName=$name]",
        namespaces={"x": "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"},
        name=name,
    )
    assert isinstance(found, list)
    (policy,) = found
    assert isinstance(policy, etree._Element)
    return policy


def _value(policy: etree._Element, path: str) -> str | None:
    namespaces = {"x": "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy"}
    return policy.findtext("/".join(f"x:{step}" for step in path.split("/")), namespaces=namespaces)


# --- the whole answer -----------------------------------------------------------------------------------------------


def test_the_answer_is_valid_by_microsofts_schema(cep: CertificateEnrollmentPolicyService) -> None:
    reply = _answer(cep)
    SCHEMA.assertValid(_body(reply))
    assert reply.action == f"{ACTION_GET_POLICIES}Response"


def test_the_schema_objects_to_an_element_left_out(cep: CertificateEnrollmentPolicyService) -> None:
    body = _body(_answer(cep))
    rule = next(body.iter("{*}supersededPolicies"))
    parent = rule.getparent()
    assert parent is not None
    parent.remove(rule)
    assert not SCHEMA.validate(body)


def test_every_template_is_told_even_the_secret_one(cep: CertificateEnrollmentPolicyService) -> None:
    assert _names(_answer(cep, caller=ALICE)) == [template.common_name for template in TEMPLATES]


def test_the_friendly_name_is_an_internal_one(cep: CertificateEnrollmentPolicyService) -> None:
    reply = _answer(cep)
    assert reply.text(".//xcep:policyFriendlyName") == "Fabrikam internal enrollment"
    assert reply.text(".//xcep:nextUpdateHours") == "8"


def test_every_reference_resolves_and_every_number_is_unique(cep: CertificateEnrollmentPolicyService) -> None:
    reply = _answer(cep)
    oids = reply.texts(".//xcep:oID/xcep:oIDReferenceID")
    cas = reply.texts(".//xcep:cA/xcep:cAReferenceID")
    assert len(set(oids)) == len(oids)
    assert len(set(cas)) == len(cas) == 2
    assert {*reply.texts(".//xcep:policyOIDReference"), *reply.texts(".//xcep:oIDReference")} <= set(oids)
    assert set(reply.texts(".//xcep:cAReference")) == set(cas)


@pytest.mark.parametrize(
    ("value", "group", "name"),
    [
        (PARTNER_WEB_SERVER.oid.dotted_string, "9", "Partner Web Server"),
        ("1.3.6.1.5.5.7.3.1", "7", "Server Authentication"),
        ("2.5.29.37", "6", "Enhanced Key Usage"),
        ("1.3.6.1.4.1.311.20.2", "6", "Certificate Template Name"),
        ("1.3.6.1.4.1.311.21.7", "6", "Certificate Template Information"),
    ],
)
def test_object_identifiers_are_in_the_right_group(
    cep: CertificateEnrollmentPolicyService, value: str, group: str, name: str
) -> None:
    reply = _answer(cep)
    rows = zip(
        reply.texts(".//xcep:oID/xcep:value"),
        reply.texts(".//xcep:oID/xcep:group"),
        reply.texts(".//xcep:oID/xcep:defaultName"),
        strict=True,
    )
    assert [(g, n) for v, g, n in rows if v == value] == [(group, name)]


def test_each_ca_is_published_with_its_services_and_its_certificate(
    cep: CertificateEnrollmentPolicyService, authorities: Mapping[str, CertificationAuthority]
) -> None:
    reply = _answer(cep)
    assert reply.texts(".//xcep:cAURI/xcep:clientAuthentication") == ["2", "4", "8"] * 2
    assert reply.texts(".//xcep:cAURI/xcep:uri") == [
        f"https://ces/{number}_CES_{word}/service.svc/CES"
        for number in (0, 1)
        for word in ("Kerberos", "UsernamePassword", "Certificate")
    ]
    certificates = [x509.load_der_x509_certificate(base64.b64decode(c)) for c in reply.texts(".//xcep:certificate")]
    assert certificates == [authorities[name].signer.certificate for name in (CA_1, CA_2)]


# --- one template ---------------------------------------------------------------------------------------------------


def test_a_template_is_published_with_its_attributes(cep: CertificateEnrollmentPolicyService) -> None:
    policy = _policy(_answer(cep), "PartnerWebServer")
    assert _value(policy, "attributes/policySchema") == "2"
    assert _value(policy, "attributes/certificateValidity/validityPeriodSeconds") == "31536000"
    assert _value(policy, "attributes/certificateValidity/renewalPeriodSeconds") == "3628800"
    assert _value(policy, "attributes/privateKeyAttributes/minimalKeyLength") == "256"
    assert _value(policy, "attributes/revision/majorRevision") == "100"
    assert _value(policy, "attributes/subjectNameFlags") == "1"
    assert _value(policy, "attributes/enrollmentFlags") == "0"


def test_nil_is_written_out(cep: CertificateEnrollmentPolicyService) -> None:
    policy = _policy(_answer(cep), "PartnerWebServer")
    nils = [etree.QName(element).localname for element in policy.iter() if element.get(NIL) == "true"]
    assert nils == [
        "keyUsageProperty",
        "permissions",
        "algorithmOIDReference",
        "supersededPolicies",
        "hashAlgorithmOIDReference",
        "rARequirements",
        "keyArchivalAttributes",
    ]


def test_a_template_refers_to_the_cas_that_publish_it(cep: CertificateEnrollmentPolicyService) -> None:
    reply = _answer(cep)
    both, one = _policy(reply, "PartnerWebServer"), _policy(reply, "User")
    assert [reference.text for reference in both.iter("{*}cAReference")] == ["0", "1"]
    assert [reference.text for reference in one.iter("{*}cAReference")] == ["0"]


@pytest.mark.parametrize(
    ("caller", "name", "permission"),
    [
        (ALICE, "PartnerWebServer", ("true", "false")),
        (GATEWAY_SERVICE, "PartnerWebServer", ("true", "false")),
        (ALICE, "User", ("true", "true")),
        (ALICE, "Machine", ("false", "false")),
        (replace(ALICE, groups=frozenset()), "PartnerWebServer", ("false", "false")),
    ],
)
def test_permissions_are_those_of_the_caller(
    cep: CertificateEnrollmentPolicyService, caller: Account, name: str, permission: tuple[str, str]
) -> None:
    policy = _policy(_answer(cep, caller=caller), name)
    enroll, auto_enroll = (_value(policy, f"attributes/permission/{kind}") for kind in ("enroll", "autoEnroll"))
    assert (enroll, auto_enroll) == permission


# --- filters --------------------------------------------------------------------------------------------------------


def test_cepces_sees_every_template(cep: CertificateEnrollmentPolicyService) -> None:
    message = soap.read((CAPTURED / "cepces-0.3.17-GetPolicies-UsernamePassword.xml").read_bytes())
    reply = a_reply(soap.write(cep.answer(message, ALICE), MESSAGE_ID, secured_at=None))
    assert len(_names(reply)) == len(TEMPLATES)


@pytest.mark.parametrize(
    "versions",
    [
        '<clientVersion xsi:nil="true"/><serverVersion xsi:nil="true"/>',
        "",
        '<clientVersion>6</clientVersion><serverVersion xsi:nil="true"/>',
    ],
    ids=["nil", "left out", "one nil"],
)
def test_versions_that_are_nil_leave_nothing(cep: CertificateEnrollmentPolicyService, versions: str) -> None:
    request_filter = f'<requestFilter><policyOIDs xsi:nil="true"/>{versions}</requestFilter>'
    reply = _answer(cep, a_get_policies(request_filter=request_filter))
    assert [element.get(NIL) for element in _body(reply).iter("{*}policies", "{*}cAs", "{*}oIDs")] == ["true"] * 3
    SCHEMA.assertValid(_body(reply))


@pytest.mark.parametrize("request_filter", ['<requestFilter xsi:nil="true"/>', "<requestFilter/>", ""])
def test_without_a_filter_nothing_is_filtered(cep: CertificateEnrollmentPolicyService, request_filter: str) -> None:
    assert len(_names(_answer(cep, a_get_policies(request_filter=request_filter)))) == len(TEMPLATES)


def test_policy_oids_select_templates_their_cas_and_their_oids(cep: CertificateEnrollmentPolicyService) -> None:
    oids = f"<policyOIDs><oid>{TEMPLATES[0].oid.dotted_string}</oid></policyOIDs>"
    versions = "<clientVersion>0</clientVersion><serverVersion>0</serverVersion>"
    reply = _answer(cep, a_get_policies(request_filter=f"<requestFilter>{oids}{versions}</requestFilter>"))
    assert _names(reply) == ["User"]
    assert reply.texts(".//xcep:cAReferenceID") == ["0"]
    assert PARTNER_WEB_SERVER.oid.dotted_string not in reply.texts(".//xcep:oID/xcep:value")


@pytest.mark.parametrize(
    ("client", "server", "visible"), [(5, 4, True), (6, 15, True), (4, 4, False), (5, 3, False), (0, 0, False)]
)
def test_a_template_for_newer_systems_is_hidden_from_older_ones(
    signer: Signer, client: int, server: int, *, visible: bool
) -> None:
    newer = replace(PARTNER_WEB_SERVER, private_key_flags=0x05040010)
    published = PublishedAuthority(
        CertificationAuthority("CA", signer, [newer]), {ServiceKind.CERTIFICATE: "https://c"}
    )
    cep = CertificateEnrollmentPolicyService([published], LAST_UPDATE)
    request_filter = f"<requestFilter>{VERSIONS.format(client, server)}</requestFilter>"
    assert bool(_names(_answer(cep, a_get_policies(request_filter=request_filter)))) == visible


# --- lastUpdate -----------------------------------------------------------------------------------------------------


def _client(last_update: str) -> str:
    return f'<client><lastUpdate>{last_update}</lastUpdate><preferredLanguage xsi:nil="true"/></client>'


@pytest.mark.parametrize("last_update", ["2026-11-23T12:00:00Z", "2026-11-23T12:00:00", "2026-11-23T13:00:01+01:00"])
def test_a_client_that_knows_the_policy_is_told_so(cep: CertificateEnrollmentPolicyService, last_update: str) -> None:
    reply = _answer(cep, a_get_policies(client=_client(last_update)))
    assert reply.text(".//xcep:policiesNotChanged") == "true"
    assert _names(reply) == []
    SCHEMA.assertValid(_body(reply))


@pytest.mark.parametrize("last_update", ["0001-01-01T00:00:00", "2026-11-23T11:59:59Z"])
def test_a_client_that_knows_an_older_policy_gets_the_new_one(
    cep: CertificateEnrollmentPolicyService, last_update: str
) -> None:
    reply = _answer(cep, a_get_policies(client=_client(last_update)))
    assert reply.find(".//xcep:policiesNotChanged").get(NIL) == "true"  # type: ignore[union-attr]  # it is required
    assert _names(reply)


# --- refusals -------------------------------------------------------------------------------------------------------


def _fault(cep: CertificateEnrollmentPolicyService, body: str, action: str = ACTION_GET_POLICIES) -> SoapFault:
    with pytest.raises(SoapFault) as caught:
        _answer(cep, body, action=action)
    return caught.value


@pytest.mark.parametrize("client", ['<client xsi:nil="true"/>', "<client/>", "<other/>"])
def test_a_client_element_is_required(cep: CertificateEnrollmentPolicyService, client: str) -> None:
    fault = _fault(cep, a_get_policies(client=client))
    assert (fault.code, fault.subcode) == ("Receiver", (DISPATCHER, "InternalServiceFault"))


def test_another_body_is_refused(cep: CertificateEnrollmentPolicyService) -> None:
    fault = _fault(cep, a_get_policies().replace("GetPolicies", "GetPolicy"))
    assert fault.subcode == (DISPATCHER, "InternalServiceFault")


@pytest.mark.parametrize(
    "body",
    [
        a_get_policies(client=_client("yesterday")),
        a_get_policies(request_filter=f"<requestFilter>{VERSIONS.format('four', 0)}</requestFilter>"),
    ],
    ids=["no time", "no number"],
)
def test_values_of_another_type_are_refused(cep: CertificateEnrollmentPolicyService, body: str) -> None:
    assert _fault(cep, body).subcode == (DISPATCHER, "DeserializationFailed")


def test_another_action_is_not_supported(cep: CertificateEnrollmentPolicyService) -> None:
    fault = _fault(cep, a_get_policies(), "urn:any")
    assert (fault.code, fault.subcode) == ("Sender", ("http://www.w3.org/2005/08/addressing", "ActionNotSupported"))
