"""Every sample in tests/vectors/soap says what it is, as far as it is well-formed."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import (
    ActionNotSupported,
    EncodingTypeInvalid,
    GatewayError,
    MalformedMessage,
    SecurityHeaderInvalid,
)
from gateway.protocol.key_exchange import parse_key_exchange_token
from gateway.protocol.namespaces import DISPATCHER, SOAP
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Envelope, Fault, parse_envelope, parse_fault
from gateway.protocol.wstep import (
    KET,
    ContextItem,
    Issue,
    Issued,
    QueryTokenStatus,
    ValueType,
    parse_request,
    parse_response,
)
from gateway.protocol.xcep import (
    GetPolicies,
    GetPoliciesResponse,
    RequestFilter,
    parse_get_policies,
    parse_get_policies_response,
)

SAMPLES = Path(__file__).parents[1] / "vectors" / "soap"

Parser = Callable[[Envelope], object]

PARSED: dict[str, tuple[Parser, object]] = {
    "cepces-0.3.17-GetPolicies-UsernamePassword.xml": (
        parse_get_policies,
        GetPolicies(None, None, RequestFilter(None, 0, 0)),
    ),
    "cepces-0.3.17-RST-QueryTokenStatus-poll.xml": (parse_request, QueryTokenStatus("42")),
    "spec-wstep-4.1.2.1-RST-KET.xml": (parse_request, KET()),
    "spec-wstep-4.1.3.1-RST-QueryTokenStatus.xml": (parse_request, QueryTokenStatus("65")),
    "spec-xcep-4.1.1.1-GetPolicies-usernametoken.xml": (
        parse_get_policies,
        GetPolicies("0001-01-01T00:00:00", None, None),
    ),
    "spec-xcep-4.1.2.1-GetPolicies-lastUpdate.xml": (
        parse_get_policies,
        GetPolicies("20090-03-15-T09:38:46", None, None),
    ),
    "spec-mde2-03-GetPolicies-UT.xml": (parse_get_policies, GetPolicies(None, None, None)),
}

LOOKED_INTO: dict[str, Parser] = {
    "capture-certreq-ws2025-RST-issue-PKCS10.xml": parse_request,
    "capture-adcs-RSTRC-issued.xml": parse_response,
    "cepces-0.3.17-RST-issue-PKCS10-UsernamePassword.xml": parse_request,
    "spec-mde2-04-GetPoliciesResponse-x.xml": parse_get_policies_response,
}
"""Each has a test of its own below."""

REFUSED: dict[str, tuple[Parser, type[GatewayError], str]] = {
    "spec-wstep-4.1.1.1-RST-issue.xml": (parse_request, EncodingTypeInvalid, "wss/2004/01/ '"),
    "spec-wstep-4.1.1.2-RSTRC-issued.xml": (parse_response, MalformedMessage, r"TokenType 'http://docs.*/\\n'"),
    "spec-wstep-4.1.2.2-RSTRC-KETFinal.xml": (
        parse_key_exchange_token,
        MalformedMessage,
        r"TokenType 'http://docs.*/\\n'",
    ),
    "spec-wstep-4.1.4.2-Fault-InternalServiceFault.xml": (parse_fault, MalformedMessage, "line 23, column 10"),
    "spec-wstep-4.1.5.1-RST-renewal-PKCS7.xml": (parse_request, ActionNotSupported, r"pki/2009/\\n01"),
    "spec-wstep-4.1.5.2-RSTRC-renewal.xml": (parse_response, MalformedMessage, r"TokenType 'http://docs.*/\\n'"),
    "spec-xcep-4.1.1.2-GetPoliciesResponse.xml": (parse_get_policies_response, MalformedMessage, "line 40, column 29"),
    "spec-xcep-4.1.2.2-GetPoliciesResponse-notChanged.xml": (
        parse_get_policies_response,
        MalformedMessage,
        "mismatched tag: line 23",
    ),
    "spec-mde2-01-GetPolicies-x.xml": (parse_get_policies, SecurityHeaderInvalid, "holds BinarySecurityToken"),
    "spec-mde2-02-GetPolicies-TSSIG.xml": (parse_get_policies, SecurityHeaderInvalid, "holds BinarySecurityToken"),
    "spec-mde2-05-GetPoliciesResponse--x.xml": (parse_get_policies_response, MalformedMessage, "line 2, column 0"),
    "spec-mde2-06-wstep-x.xml": (parse_request, SecurityHeaderInvalid, "holds BinarySecurityToken"),
    "spec-mde2-07-wstep--x.xml": (parse_request, MalformedMessage, "line 2, column 0"),
    "spec-mde2-08-wstep-TSSIG.xml": (parse_request, SecurityHeaderInvalid, "holds BinarySecurityToken"),
    "spec-mde2-09-wstep-UT.xml": (parse_request, MalformedMessage, "DeviceEnrollmentToken' is not X509v3"),
    "spec-mde2-10-wstep-TS.xml": (parse_response, MalformedMessage, "SOAP 1.1"),
}

ALICE = UsernameToken("alice@corp.example", Secret("S3cret<&>pw"))
CREDENTIALS = {
    "cepces-0.3.17-GetPolicies-UsernamePassword.xml": ALICE,
    "cepces-0.3.17-RST-QueryTokenStatus-poll.xml": ALICE,
    "cepces-0.3.17-RST-issue-PKCS10-UsernamePassword.xml": ALICE,
    "spec-xcep-4.1.1.1-GetPolicies-usernametoken.xml": UsernameToken("\n\n", Secret("\n\n")),
    "spec-xcep-4.1.2.1-GetPolicies-lastUpdate.xml": UsernameToken("\n\n", Secret("\n\n")),
    "spec-mde2-03-GetPolicies-UT.xml": UsernameToken("user@contoso.com", Secret("mypassword")),
    "spec-mde2-09-wstep-UT.xml": UsernameToken("user@contoso.com", Secret("mypassword\n")),
}
"""The samples of [MS-XCEP] have comments where name and password were: what is left is white space."""


def the_sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def mended(name: str) -> bytes:
    """The sample with the URIs put together that the document breaks across lines, and what it failed to escape."""
    text = the_sample(name).decode()
    broken = re.compile(r"(https?://[^\s\"<]*/)\n")
    while broken.search(text):
        text = broken.sub(r"\1", text)
    return text.replace("<<serviceDebug>>", "&lt;serviceDebug&gt;").encode()


def test_no_sample_is_left_out() -> None:
    assert sorted([*PARSED, *LOOKED_INTO, *REFUSED]) == sorted(path.name for path in SAMPLES.glob("*.xml"))


def test_the_origin_of_every_sample_is_told() -> None:
    readme = the_sample("README.md").decode()
    for path in SAMPLES.iterdir():
        name = path.name.replace(".http.txt", ".xml")
        assert name == "README.md" or name in readme or name.startswith("spec-mde2-")


@pytest.mark.parametrize("name", PARSED)
def test_a_sample_parses_wholly(name: str) -> None:
    parse, value = PARSED[name]

    assert parse(parse_envelope(the_sample(name))) == value


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_is_refused_with_its_reason(name: str) -> None:
    parse, error, text = REFUSED[name]

    with pytest.raises(error, match=text) as refusal:
        parse(parse_envelope(the_sample(name)))

    assert type(refusal.value) is error


@pytest.mark.parametrize("name", CREDENTIALS)
def test_the_credentials_of_a_sample_are_read(name: str) -> None:
    security = parse_envelope(the_sample(name)).security

    assert security is not None
    assert security.username_token == CREDENTIALS[name]
    assert security.username_token.password.reveal() == CREDENTIALS[name].password.reveal()


def test_the_request_of_certreq_parses_wholly() -> None:
    envelope = parse_envelope(the_sample("capture-certreq-ws2025-RST-issue-PKCS10.xml"))
    token = parse_request(envelope)

    assert envelope.message_id == "urn:uuid:0c6196cd-5b25-4af5-9672-05dcf4f8c3cd"
    assert envelope.to == "https://recorder.pkinitlab.internal:8443/service.svc/CES"
    assert envelope.security is None
    assert isinstance(token, Issue)
    assert token.value_type is ValueType.PKCS10
    assert token.additional_context == (
        ContextItem("CertificateTemplate", "User"),
        ContextItem("ccm", "dc01.pkinitlab.internal"),
    )
    assert token.preferred_language == "en-US"
    assert x509.load_der_x509_csr(token.certificate_request).is_signature_valid


def test_the_request_of_cepces_parses_wholly() -> None:
    envelope = parse_envelope(the_sample("cepces-0.3.17-RST-issue-PKCS10-UsernamePassword.xml"))
    token = parse_request(envelope)

    assert envelope.to == "https://localhost:18544/CA%20One_CES_X/service.svc/CES"
    assert isinstance(token, Issue)
    assert (token.value_type, token.additional_context, token.preferred_language) == (ValueType.PKCS10, (), None)
    assert x509.load_der_x509_csr(token.certificate_request).subject.rfc4514_string() == "CN=h.example"


def test_the_answer_of_ad_cs_is_issued() -> None:
    envelope = parse_envelope(the_sample("capture-adcs-RSTRC-issued.xml"))
    response = parse_response(envelope)

    assert envelope.relates_to == "urn:uuid:22222222-3333-4444-5555-666666666666"
    assert parse_fault(envelope) is None
    assert isinstance(response, Issued)
    assert response.disposition_message.startswith("Issued  0x80094004, The Enrollee (CN=labadm,")
    assert response.disposition_message.endswith("will not be included in the certificate.\r\n")
    assert (response.language, response.request_id) == ("en-US", "10")
    leaf = x509.load_der_x509_certificate(response.certificate)
    request = parse_request(parse_envelope(the_sample("capture-certreq-ws2025-RST-issue-PKCS10.xml")))
    assert isinstance(request, Issue)
    assert leaf.public_key() == x509.load_der_x509_csr(request.certificate_request).public_key()
    assert response.cmc_response is not None
    assert response.certificate in response.cmc_response


def test_the_policies_of_the_mdm_server_parse_wholly() -> None:
    response = parse_get_policies_response(parse_envelope(the_sample("spec-mde2-04-GetPoliciesResponse-x.xml")))

    assert isinstance(response, GetPoliciesResponse)
    assert (response.policy_id, response.policy_friendly_name, response.cas) == ("", None, None)
    assert response.policies is not None
    assert response.oids is not None
    (policy,) = response.policies
    assert policy.attributes.common_name == "CEPUnitTest"
    assert policy.attributes.private_key_attributes.crypto_providers == (
        "Microsoft Platform Crypto Provider",
        "Microsoft Software Key Storage Provider",
    )
    assert policy.attributes.hash_algorithm_oid_reference == response.oids[0].oid_reference_id


# --- what the documents break ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("spec-wstep-4.1.1.2-RSTRC-issued.xml", "61"),
        ("spec-wstep-4.1.5.2-RSTRC-renewal.xml", "63"),
    ],
)
def test_the_mended_answers_are_issued(name: str, issuer: str) -> None:
    response = parse_response(parse_envelope(mended(name)))

    assert isinstance(response, Issued)
    assert response.request_id == issuer
    assert response.disposition_message.strip() == "Issued"
    assert x509.load_der_x509_certificate(response.certificate).version is x509.Version.v3
    assert response.cmc_response


def test_the_mended_key_exchange_token_is_a_certificate_for_exchange() -> None:
    """Of 2009, signed with SHA-1: it would not be passed on any more."""
    token = parse_key_exchange_token(parse_envelope(mended("spec-wstep-4.1.2.2-RSTRC-KETFinal.xml")))

    certificate = x509.load_der_x509_certificate(token.certificate)
    assert certificate.subject.rfc4514_string() == "CN=FB_EntSubCA-Xchg,OU=Microsoft PKI Team"
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [usage.dotted_string for usage in usages] == ["1.3.6.1.4.1.311.21.5"]


def test_the_mended_request_is_a_pkcs10_that_is_called_pkcs7() -> None:
    """[MS-WSTEP] 4.1.1.1: why the ValueType is a label only."""
    token = parse_request(parse_envelope(mended("spec-wstep-4.1.1.1-RST-issue.xml")))

    assert isinstance(token, Issue)
    assert token.value_type is ValueType.PKCS7
    assert x509.load_der_x509_csr(token.certificate_request).subject == x509.Name([])


def test_the_mended_renewal_parses_wholly() -> None:
    token = parse_request(parse_envelope(mended("spec-wstep-4.1.5.1-RST-renewal-PKCS7.xml")))

    assert isinstance(token, Issue)
    assert token.value_type is ValueType.PKCS7


def test_the_mended_fault_is_that_of_wcf() -> None:
    fault = parse_fault(parse_envelope(mended("spec-wstep-4.1.4.2-Fault-InternalServiceFault.xml")))

    assert fault is not None
    assert fault.code == (SOAP, "Receiver")
    assert fault.subcode == (DISPATCHER, "InternalServiceFault")
    assert fault.detail is None


def test_the_completed_fault_of_ad_cs_has_its_error_code() -> None:
    """Quoted in cepces issue 81 without its end, and without the declaration of the prefix in s:Value."""
    quoted = the_sample("adcs-fault-EncodingType-cepces-issue81.partial.txt").decode()
    head = "".join(line for line in quoted.splitlines(keepends=True) if not line.startswith("#")).partition("<   [")[0]
    message = (
        f'{head}</ns3:ErrorCode><ns3:InvalidRequest>false</ns3:InvalidRequest><ns3:RequestID xsi:nil="true"/>'
        "</ns3:CertificateEnrollmentWSDetail></ns0:Detail></ns0:Fault></ns0:Body></ns0:Envelope>"
    )

    assert parse_fault(parse_envelope(message.encode())) == Fault(
        code=("", "Receiver"),
        subcode=None,
        reason="The EncodingType is invalid.",
        language="en-US",
        detail=CertificateEnrollmentWSDetail(None, -2147024809, invalid_request=False, request_id=None),
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.http.txt")), ids=lambda path: path.name)
def test_a_message_is_the_body_of_its_http_request(path: Path) -> None:
    head, _, body = path.read_bytes().partition(b"\n\n# tls-client-cert: False\n\n")

    assert body == the_sample(path.name.replace(".http.txt", ".xml"))
    assert f"Content-Length: {len(body)}" in head.decode().splitlines()


# --- and what nobody sent -------------------------------------------------------------------------------------------

PARSERS: tuple[Callable[[Envelope], Any], ...] = (
    parse_fault,
    parse_request,
    parse_response,
    parse_key_exchange_token,
    parse_get_policies,
    parse_get_policies_response,
)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.data())
def test_a_mutated_sample_is_a_message_or_refused(data: st.DataObject) -> None:
    message = bytearray(mended(data.draw(st.sampled_from(sorted([*PARSED, *LOOKED_INTO, *REFUSED])))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(message)))
        end = data.draw(st.integers(start, min(len(message), start + 60)))
        other = data.draw(st.integers(0, len(message)))
        message[start:end] = data.draw(
            st.binary(max_size=4)
            | st.sampled_from([b"<", b">", b"&", b"<x/>", b"<!--", b"-->", b"&#13;", b"]]>", b"xmlns='", b"\xc3"])
            | st.just(bytes(message[other : other + 60]))
        )

    for parse in PARSERS:
        with suppress(MalformedMessage, SecurityHeaderInvalid):
            parse(parse_envelope(bytes(message)))
