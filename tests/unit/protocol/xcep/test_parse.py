from collections.abc import Callable
from copy import deepcopy

import pytest
from lxml import etree

from gateway.errors import ActionNotSupported, MalformedMessage
from gateway.protocol.namespaces import XCEP, XSI
from gateway.protocol.soap import Envelope
from gateway.protocol.xcep import (
    ACTION_GET_POLICIES,
    ACTION_GET_POLICIES_RESPONSE,
    CA,
    CAURI,
    OID,
    Attributes,
    CertificateEnrollmentPolicy,
    ClientAuthentication,
    Extension,
    GetPolicies,
    GetPoliciesResponse,
    KeyArchivalAttributes,
    OIDGroup,
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
    parse_get_policies,
    parse_get_policies_response,
)
from gateway.protocol.xml import parse_document

# --- requests -------------------------------------------------------------------------------------------------------

CLIENT = "<client><lastUpdate>0001-01-01T00:00:00</lastUpdate><preferredLanguage>de-DE</preferredLanguage></client>"
NO_FILTER = '<requestFilter xsi:nil="true"/>'


def a_request(content: str, action: str = ACTION_GET_POLICIES) -> GetPolicies:
    body = f'<GetPolicies xmlns="{XCEP}" xmlns:xsi="{XSI}">{content}</GetPolicies>'
    return parse_get_policies(Envelope(action, None, None, None, None, parse_document(body.encode())))


def test_the_time_of_the_last_update_stays_text() -> None:
    assert a_request(CLIENT + NO_FILTER) == GetPolicies("0001-01-01T00:00:00", "de-DE", None)


def test_what_the_client_does_not_say_is_none() -> None:
    client = '<client><lastUpdate xsi:nil="true"/><preferredLanguage xsi:nil="true"/></client>'

    assert a_request(client + NO_FILTER) == GetPolicies(None, None, None)


def test_elements_of_vendors_are_ignored() -> None:
    client = "<client><lastUpdate>x</lastUpdate><vendor xmlns='urn:x'>y</vendor></client>"

    assert a_request(client + NO_FILTER) == GetPolicies("x", None, None)


def test_a_language_that_is_none_is_not_preferred() -> None:
    client = "<client><preferredLanguage>what ever</preferredLanguage></client>"

    assert a_request(client + NO_FILTER).preferred_language is None


@pytest.mark.parametrize("client", ["", "<client/>", "<client> </client>", '<client xsi:nil="true"/>', CLIENT * 2])
def test_a_request_without_its_client_is_malformed(client: str) -> None:
    with pytest.raises(MalformedMessage, match="client"):
        a_request(client + NO_FILTER)


@pytest.mark.parametrize("request_filter", ["", NO_FILTER, "<requestFilter/>"])
def test_an_empty_filter_filters_nothing(request_filter: str) -> None:
    assert a_request(CLIENT + request_filter).request_filter is None


@pytest.mark.parametrize(
    ("content", "request_filter"),
    [
        (
            '<policyOIDs xsi:nil="true"/><clientVersion>0</clientVersion><serverVersion>0</serverVersion>',
            RequestFilter(None, 0, 0),
        ),
        ("<policyOIDs><oid>1.2.3</oid><oid> 1.2.4 </oid></policyOIDs>", RequestFilter(("1.2.3", "1.2.4"), None, None)),
        (
            '<policyOIDs/><clientVersion xsi:nil="true"/><serverVersion>-1</serverVersion>',
            RequestFilter(None, None, -1),
        ),
    ],
)
def test_a_filter_is_read(content: str, request_filter: RequestFilter) -> None:
    assert a_request(f"{CLIENT}<requestFilter>{content}</requestFilter>").request_filter == request_filter


def test_a_version_that_is_no_number_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="clientVersion is no integer"):
        a_request(f"{CLIENT}<requestFilter><clientVersion>six</clientVersion></requestFilter>")


def test_another_action_is_not_supported() -> None:
    with pytest.raises(ActionNotSupported, match="'urn:x'"):
        a_request(CLIENT + NO_FILTER, "urn:x")


def test_a_request_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="'x', not GetPolicies"):
        parse_get_policies(Envelope(ACTION_GET_POLICIES, None, None, None, None, parse_document(b"<x/>")))


# --- answers --------------------------------------------------------------------------------------------------------

NOTHING = '<cAs xsi:nil="true"/><oIDs xsi:nil="true"/>'

POLICY = """
<policy>
  <policyOIDReference>9</policyOIDReference>
  <cAs><cAReference>0</cAReference><cAReference>1</cAReference></cAs>
  <attributes>
    <commonName>WebServer</commonName>
    <policySchema>2</policySchema>
    <certificateValidity>
      <validityPeriodSeconds>31536000</validityPeriodSeconds><renewalPeriodSeconds>3628800</renewalPeriodSeconds>
    </certificateValidity>
    <permission><enroll>true</enroll><autoEnroll>false</autoEnroll></permission>
    <privateKeyAttributes>
      <minimalKeyLength>2048</minimalKeyLength>
      <keySpec>1</keySpec>
      <keyUsageProperty>16777215</keyUsageProperty>
      <permissions>D:P(A;;FA;;;BA)</permissions>
      <algorithmOIDReference>3</algorithmOIDReference>
      <AttestationFailureBehavior>RetryOnError</AttestationFailureBehavior>
      <cryptoProviders><provider>One</provider><provider>Two</provider></cryptoProviders>
    </privateKeyAttributes>
    <revision><majorRevision>100</majorRevision><minorRevision>4</minorRevision></revision>
    <supersededPolicies><commonName>OldWebServer</commonName></supersededPolicies>
    <privateKeyFlags>16</privateKeyFlags>
    <subjectNameFlags>1</subjectNameFlags>
    <enrollmentFlags>0</enrollmentFlags>
    <generalFlags>4294967295</generalFlags>
    <hashAlgorithmOIDReference>4</hashAlgorithmOIDReference>
    <rARequirements>
      <rASignatures>1</rASignatures>
      <rAEKUs><oIDReference>5</oIDReference></rAEKUs>
      <rAPolicies><oIDReference>6</oIDReference><oIDReference>7</oIDReference></rAPolicies>
    </rARequirements>
    <keyArchivalAttributes>
      <symmetricAlgorithmOIDReference>8</symmetricAlgorithmOIDReference>
      <symmetricAlgorithmKeyLength>256</symmetricAlgorithmKeyLength>
    </keyArchivalAttributes>
    <extensions>
      <extension><oIDReference>5</oIDReference><critical>true</critical><value>AwIFoA==</value></extension>
      <extension><oIDReference>6</oIDReference><critical xsi:nil="true"/><value></value></extension>
      <extension><oIDReference>7</oIDReference><critical>false</critical><value xsi:nil="true"/></extension>
    </extensions>
    <attestation xmlns="urn:vendor"/>
  </attributes>
</policy>
"""
CAS = """
<cAs><cA>
  <uris>
    <cAURI>
      <clientAuthentication>4</clientAuthentication><uri> https://ces.corp.example/CES </uri>
      <priority>1</priority><renewalOnly>false</renewalOnly>
    </cAURI>
    <cAURI>
      <clientAuthentication>8</clientAuthentication><uri>https://ces.corp.example/CES2</uri>
      <priority xsi:nil="true"/><renewalOnly xsi:nil="true"/>
    </cAURI>
  </uris>
  <certificate>MAA=</certificate>
  <enrollPermission>true</enrollPermission>
  <cAReferenceID>0</cAReferenceID>
</cA></cAs>
"""
OIDS = """
<oIDs>
  <oID>
    <value> 1.3.6.1.4.1.311.21.8.1 </value><group>9</group><oIDReferenceID>9</oIDReferenceID>
    <defaultName>Web Server</defaultName>
  </oID>
  <oID><value>2.5.29.15</value><group>77</group><oIDReferenceID>5</oIDReferenceID><defaultName xsi:nil="true"/></oID>
</oIDs>
"""


def a_response(policies: str, more: str = NOTHING, action: str = ACTION_GET_POLICIES_RESPONSE) -> GetPoliciesResponse:
    response = (
        "<response><policyID>{1}</policyID><policyFriendlyName>Corp</policyFriendlyName>"
        f"<nextUpdateHours>8</nextUpdateHours><policiesNotChanged>0</policiesNotChanged>{policies}</response>"
    )
    return an_answer(response + more, action)


def an_answer(content: str, action: str = ACTION_GET_POLICIES_RESPONSE) -> GetPoliciesResponse:
    body = f'<GetPoliciesResponse xmlns="{XCEP}" xmlns:xsi="{XSI}">{content}</GetPoliciesResponse>'
    return parse_get_policies_response(Envelope(action, None, None, None, None, parse_document(body.encode())))


def test_every_element_of_the_schema_is_read() -> None:
    assert a_response(f"<policies>{POLICY}</policies>", CAS + OIDS) == GetPoliciesResponse(
        policy_id="{1}",
        policy_friendly_name="Corp",
        next_update_hours=8,
        policies_not_changed=False,
        policies=(
            CertificateEnrollmentPolicy(
                policy_oid_reference=9,
                ca_references=(0, 1),
                attributes=Attributes(
                    common_name="WebServer",
                    policy_schema=2,
                    validity_period_seconds=31536000,
                    renewal_period_seconds=3628800,
                    enroll=True,
                    auto_enroll=False,
                    private_key_attributes=PrivateKeyAttributes(
                        minimal_key_length=2048,
                        key_spec=1,
                        key_usage_property=16777215,
                        permissions="D:P(A;;FA;;;BA)",
                        algorithm_oid_reference=3,
                        crypto_providers=("One", "Two"),
                    ),
                    major_revision=100,
                    minor_revision=4,
                    superseded_policies=("OldWebServer",),
                    private_key_flags=16,
                    subject_name_flags=1,
                    enrollment_flags=0,
                    general_flags=4294967295,
                    hash_algorithm_oid_reference=4,
                    ra_requirements=RARequirements(1, (5,), (6, 7)),
                    key_archival_attributes=KeyArchivalAttributes(8, 256),
                    extensions=(
                        Extension(5, critical=True, value=b"\x03\x02\x05\xa0"),
                        Extension(6, critical=None, value=b""),
                        Extension(7, critical=False, value=None),
                    ),
                ),
            ),
        ),
        cas=(
            CA(
                uris=(
                    CAURI(
                        ClientAuthentication.USERNAME_PASSWORD, "https://ces.corp.example/CES", 1, renewal_only=False
                    ),
                    CAURI(ClientAuthentication.CERTIFICATE, "https://ces.corp.example/CES2", None, renewal_only=None),
                ),
                certificate=b"\x30\x00",
                enroll_permission=True,
                ca_reference_id=0,
            ),
        ),
        oids=(
            OID("1.3.6.1.4.1.311.21.8.1", OIDGroup.ENROLLMENT_OBJECT, 9, "Web Server"),
            OID("2.5.29.15", 77, 5, None),
        ),
    )


@pytest.mark.parametrize("nothing", ['<{} xsi:nil="true"/>', "<{}/>", "<{0}></{0}>", ""])
def test_collections_may_be_nil_or_empty_or_absent(nothing: str) -> None:
    """The schema has nil; some servers send an empty element (cepces issue 68)."""
    response = a_response(nothing.format("policies"), nothing.format("cAs") + nothing.format("oIDs"))

    assert (response.policies, response.cas, response.oids) == (None, None, None)


def test_a_nil_collection_holds_nothing_whatever_is_in_it() -> None:
    assert a_response(f'<policies xsi:nil="true">{POLICY}</policies>').policies is None


def test_a_ca_may_have_no_uri() -> None:
    cas = CAS.replace(CAS[CAS.index("<cAURI>") : CAS.rindex("</uris>")], "")

    assert a_response("", cas).cas == (CA((), b"\x30\x00", enroll_permission=True, ca_reference_id=0),)


COMPLETE = f"<response><policyID>1</policyID><policies>{POLICY}</policies></response>{CAS}{OIDS}"

REQUIRED = [
    ("response", "policyID"),
    ("policy", "policyOIDReference"),
    ("policy", "attributes"),
    ("attributes", "commonName"),
    ("attributes", "policySchema"),
    ("attributes", "certificateValidity"),
    ("certificateValidity", "validityPeriodSeconds"),
    ("certificateValidity", "renewalPeriodSeconds"),
    ("attributes", "permission"),
    ("permission", "enroll"),
    ("permission", "autoEnroll"),
    ("attributes", "privateKeyAttributes"),
    ("privateKeyAttributes", "minimalKeyLength"),
    ("attributes", "revision"),
    ("revision", "majorRevision"),
    ("revision", "minorRevision"),
    ("rARequirements", "rASignatures"),
    ("keyArchivalAttributes", "symmetricAlgorithmOIDReference"),
    ("keyArchivalAttributes", "symmetricAlgorithmKeyLength"),
    ("extension", "oIDReference"),
    ("cA", "certificate"),
    ("cA", "enrollPermission"),
    ("cA", "cAReferenceID"),
    ("cAURI", "clientAuthentication"),
    ("cAURI", "uri"),
    ("oID", "value"),
    ("oID", "group"),
    ("oID", "oIDReferenceID"),
]


def take_out(element: etree._Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def double(element: etree._Element) -> None:
    element.addnext(deepcopy(element))


def make_nil(element: etree._Element) -> None:
    element.set(f"{{{XSI}}}nil", "true")


def spoiled(parent: str, name: str, spoil: Callable[[etree._Element], None]) -> Envelope:
    body = parse_document(
        f'<GetPoliciesResponse xmlns="{XCEP}" xmlns:xsi="{XSI}">{COMPLETE}</GetPoliciesResponse>'.encode()
    )
    element = body.find(f".//{{{XCEP}}}{parent}/{{{XCEP}}}{name}")
    assert element is not None
    spoil(element)
    return Envelope(ACTION_GET_POLICIES_RESPONSE, None, None, None, None, body)


@pytest.mark.parametrize(("spoil", "objection"), [(take_out, "holds no"), (double, "holds 2")])
@pytest.mark.parametrize(("parent", "name"), REQUIRED)
def test_a_required_element_stands_exactly_once(
    parent: str, name: str, spoil: Callable[[etree._Element], None], objection: str
) -> None:
    with pytest.raises(MalformedMessage, match=f"{parent} {objection} {name}"):
        parse_get_policies_response(spoiled(parent, name, spoil))


@pytest.mark.parametrize(("parent", "name"), REQUIRED)
def test_a_required_element_is_not_nil(parent: str, name: str) -> None:
    with pytest.raises(MalformedMessage, match=f"{name} in {parent} is nil"):
        parse_get_policies_response(spoiled(parent, name, make_nil))


@pytest.mark.parametrize("response", ["", "<response/>", '<response xsi:nil="true"/>'])
def test_an_answer_without_a_response_is_malformed(response: str) -> None:
    with pytest.raises(MalformedMessage):
        an_answer(response + NOTHING)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<enroll>true", "<enroll>yes"),
        ("<policySchema>2", "<policySchema>-1"),
        ("<generalFlags>4294967295", "<generalFlags>4294967296"),
        ("<value>AwIFoA==", "<value>AwIFoA"),
        ("<privateKeyFlags>16", "<privateKeyFlags>"),
        ("<clientAuthentication>4", "<clientAuthentication>3"),
        ("<certificate>MAA=", "<certificate>"),
        ("<cAReferenceID>0", "<cAReferenceID>zero"),
        ("<policyOIDReference>9", "<policyOIDReference><x/>"),
    ],
)
def test_a_value_of_another_type_is_malformed(old: str, new: str) -> None:
    assert old in COMPLETE

    with pytest.raises(MalformedMessage):
        an_answer(COMPLETE.replace(old, new, 1))


def test_an_answer_to_another_action_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="not GetPoliciesResponse"):
        a_response("", action="urn:x")


def test_an_answer_of_another_kind_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="'x', not GetPoliciesResponse"):
        parse_get_policies_response(
            Envelope(ACTION_GET_POLICIES_RESPONSE, None, None, None, None, parse_document(b"<x/>"))
        )
