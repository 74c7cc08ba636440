from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.protocol.namespaces import XCEP, XSI
from gateway.protocol.soap import parse_envelope, render_envelope
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
    PrivateKeyAttributes,
    RARequirements,
    RequestFilter,
    parse_get_policies,
    parse_get_policies_response,
    render_get_policies,
    render_get_policies_response,
)
from gateway.protocol.xml import to_bytes

deterministic = settings(deadline=None, max_examples=100, derandomize=True)


def test_a_request_is_written_as_in_the_specification() -> None:
    assert to_bytes(render_get_policies(GetPolicies(None, "en-US", RequestFilter(("1.2.3",), 0, None)))).decode() == (
        f'<GetPolicies xmlns="{XCEP}" xmlns:xsi="{XSI}"><client><lastUpdate xsi:nil="true"/>'
        "<preferredLanguage>en-US</preferredLanguage></client><requestFilter><policyOIDs><oid>1.2.3</oid></policyOIDs>"
        '<clientVersion>0</clientVersion><serverVersion xsi:nil="true"/></requestFilter></GetPolicies>'
    )


def test_without_a_filter_it_is_nil() -> None:
    assert b'<requestFilter xsi:nil="true"/>' in to_bytes(render_get_policies(GetPolicies(None, None, None)))


def test_empty_collections_are_nil() -> None:
    response = GetPoliciesResponse(
        "{1}", None, None, policies_not_changed=None, policies=(), cas=(CA((), b"\x30", True, 0),), oids=None
    )

    assert to_bytes(render_get_policies_response(response)).decode() == (
        f'<GetPoliciesResponse xmlns="{XCEP}" xmlns:xsi="{XSI}"><response><policyID>{{1}}</policyID>'
        '<policyFriendlyName xsi:nil="true"/><nextUpdateHours xsi:nil="true"/><policiesNotChanged xsi:nil="true"/>'
        '<policies xsi:nil="true"/></response><cAs><cA><uris xsi:nil="true"/><certificate>MA==</certificate>'
        "<enrollPermission>true</enrollPermission><cAReferenceID>0</cAReferenceID></cA></cAs>"
        '<oIDs xsi:nil="true"/></GetPoliciesResponse>'
    )


# --- properties -----------------------------------------------------------------------------------------------------

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(lambda c: c >= " ")
texts = st.text(characters | st.sampled_from("\t\r\n"), max_size=20)
tokens = st.from_regex(r"[!-~]{0,20}", fullmatch=True)
ints = st.integers(-(2**31), 2**31 - 1)
unsigned_ints = st.integers(0, 2**32 - 1)
unsigned_longs = st.integers(0, 2**64 - 1)
booleans = st.booleans()
nil = st.none()


def some(items: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return nil | st.lists(items, min_size=1, max_size=2).map(tuple)


requests = st.builds(
    GetPolicies,
    last_update=nil | tokens,
    preferred_language=nil | st.from_regex(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,2}", fullmatch=True),
    request_filter=nil
    | st.builds(RequestFilter, policy_oids=some(tokens), client_version=nil | ints, server_version=nil | ints),
)
private_key_attributes = st.builds(
    PrivateKeyAttributes,
    minimal_key_length=unsigned_ints,
    key_spec=nil | unsigned_ints,
    key_usage_property=nil | unsigned_ints,
    permissions=nil | texts,
    algorithm_oid_reference=nil | ints,
    crypto_providers=some(texts),
)
extensions = st.builds(Extension, oid_reference=ints, critical=nil | booleans, value=nil | st.binary(max_size=20))
attributes = st.builds(
    Attributes,
    common_name=texts,
    policy_schema=unsigned_ints,
    validity_period_seconds=unsigned_longs,
    renewal_period_seconds=unsigned_longs,
    enroll=booleans,
    auto_enroll=booleans,
    private_key_attributes=private_key_attributes,
    major_revision=unsigned_ints,
    minor_revision=unsigned_ints,
    superseded_policies=some(texts),
    private_key_flags=nil | unsigned_ints,
    subject_name_flags=nil | unsigned_ints,
    enrollment_flags=nil | unsigned_ints,
    general_flags=nil | unsigned_ints,
    hash_algorithm_oid_reference=nil | ints,
    ra_requirements=nil
    | st.builds(RARequirements, ra_signatures=unsigned_ints, ra_ekus=some(ints), ra_policies=some(ints)),
    key_archival_attributes=nil
    | st.builds(
        KeyArchivalAttributes,
        symmetric_algorithm_oid_reference=ints,
        symmetric_algorithm_key_length=unsigned_ints,
    ),
    extensions=some(extensions),
)
ca_uris = st.builds(
    CAURI,
    client_authentication=st.sampled_from(ClientAuthentication),
    uri=tokens,
    priority=nil | unsigned_ints,
    renewal_only=nil | booleans,
)
responses = st.builds(
    GetPoliciesResponse,
    policy_id=texts,
    policy_friendly_name=nil | texts,
    next_update_hours=nil | unsigned_ints,
    policies_not_changed=nil | booleans,
    policies=some(
        st.builds(
            CertificateEnrollmentPolicy, policy_oid_reference=ints, ca_references=some(ints), attributes=attributes
        )
    ),
    cas=some(
        st.builds(
            CA,
            uris=st.lists(ca_uris, max_size=2).map(tuple),
            certificate=st.binary(min_size=1, max_size=20),
            enroll_permission=booleans,
            ca_reference_id=ints,
        )
    ),
    oids=some(st.builds(OID, value=tokens, group=unsigned_ints, oid_reference_id=ints, default_name=nil | texts)),
)


@deterministic
@given(requests)
def test_a_request_that_was_written_is_read_as_the_same(request: GetPolicies) -> None:
    message = render_envelope(ACTION_GET_POLICIES, render_get_policies(request))

    assert parse_get_policies(parse_envelope(message)) == request


@deterministic
@given(responses)
def test_an_answer_that_was_written_is_read_as_the_same(response: GetPoliciesResponse) -> None:
    message = render_envelope(ACTION_GET_POLICIES_RESPONSE, render_get_policies_response(response))

    assert parse_get_policies_response(parse_envelope(message)) == response


@deterministic
@given(st.text(st.characters()))
def test_rendering_never_fails(content: str) -> None:
    response = GetPoliciesResponse(
        content, content, None, policies_not_changed=None, policies=None, cas=None, oids=(OID(content, 9, 0, content),)
    )

    for root in (
        render_get_policies(GetPolicies(content, content, RequestFilter((content,), None, None))),
        render_get_policies_response(response),
    ):
        assert etree.fromstring(to_bytes(root)).tag == root.tag
