from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.enrollment import CertificateEnrollmentService
from gateway.errors import CredentialsRefusedInside, UpstreamMisbehaved
from gateway.pki.parse_request import parse_certificate_request
from gateway.policy.decision import Application, Approval, Policies, Policy, Rule, Template, approve
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import UpstreamRefused
from gateway.protocol.wstep import ContextItem, Issued, Pending
from gateway.upstream.ces import CesClient
from gateway.upstream.settings import UpstreamSettings
from gateway.upstream.soap_client import SoapClient
from tests.builders import Anybody, a_requester
from tests.certificates import an_authority
from tests.cmc import a_cmc_request, a_cms_request
from tests.fakes.internal import Act, FakeInternal, Received, replies
from tests.fakes.messages import ACTION_RSTRC, ENROLLMENT, a_fault, an_answer, issued, key_exchange_token, pending
from tests.issued import a_ca_certificate, a_cmc_response
from tests.requests import a_certification_request

ALICE = UsernameToken("CORP\\alice", Secret("password"))
REQUEST = a_certification_request(template="partnerwebserver")


POLICIES = Policies(
    (Policy("web", Template("PartnerWebServer"), (Rule("all", Anybody(), (), attributes={"ccm"}),), "digest"),)
)


def an_approval(*context: ContextItem, request: bytes = REQUEST) -> Approval:
    return approve(POLICIES, Application(a_requester(), parse_certificate_request(request), context))


@pytest.fixture
def script() -> tuple[Act, ...]:
    return (replies(issued(b"the certificate")),)


@pytest.fixture
async def fake(tmp_path: Path, script: tuple[Act, ...]) -> AsyncIterator[FakeInternal]:
    async with FakeInternal(an_authority(tmp_path), *script) as fake:
        yield fake


@pytest.fixture
async def ces(fake: FakeInternal) -> AsyncIterator[CesClient]:
    settings = UpstreamSettings(url=fake.url, trust=fake.trust, server_address=fake.address)
    async with SoapClient(settings, lambda: datetime(2026, 11, 23, tzinfo=UTC)) as client:
        yield CesClient(client)


def texts_of(received: Received) -> dict[str, str]:
    """Texts of the message by local element name."""
    message = etree.fromstring(received.body)
    return {etree.QName(element).localname: element.text or "" for element in message.iter("{*}*")}


def context_of(received: Received) -> list[tuple[str, str]]:
    """The ContextItems of the message."""
    items = etree.fromstring(received.body).iter("{http://schemas.xmlsoap.org/ws/2006/12/authorization}ContextItem")
    return [(item.get("Name", ""), item.findtext("{*}Value") or "") for item in items]


# --- submit ---------------------------------------------------------------------------------------------------------


async def test_the_request_reaches_the_ca_byte_for_byte(ces: CertificateEnrollmentService, fake: FakeInternal) -> None:
    await ces.submit(an_approval(), ALICE)

    texts = texts_of(fake.received[0])
    assert texts["Action"] == f"{ENROLLMENT}/RST/wstep"
    assert texts["RequestType"] == "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue"
    assert b64decode(texts["BinarySecurityToken"]) == REQUEST
    assert f'ValueType="{ENROLLMENT}#PKCS10"' in fake.received[0].body.decode()


@pytest.mark.parametrize("request_of", [a_cms_request, a_cmc_request])
async def test_other_formats_are_labelled_as_what_they_are(
    ces: CertificateEnrollmentService, fake: FakeInternal, request_of: Callable[[], bytes]
) -> None:
    await ces.submit(an_approval(request=request_of()), ALICE)

    (received,) = fake.received
    assert b64decode(texts_of(received)["BinarySecurityToken"]) == request_of()
    assert 'wssecurity-secext-1.0.xsd#PKCS7"' in received.body.decode()


async def test_the_certificate_is_returned(ces: CertificateEnrollmentService) -> None:
    response = await ces.submit(an_approval(), ALICE)

    cmc_response = a_cmc_response(b"the certificate", a_ca_certificate())
    assert response == Issued("Issued", "en-US", b"the certificate", cmc_response, "10")


@pytest.mark.parametrize("script", [(replies(pending("4711")),)])
async def test_a_request_under_submission_is_pending(ces: CertificateEnrollmentService) -> None:
    response = await ces.submit(an_approval(), ALICE)

    assert isinstance(response, Pending)
    assert response.request_id == "4711"


async def test_the_credential_goes_with_it(ces: CertificateEnrollmentService, fake: FakeInternal) -> None:
    await ces.submit(an_approval(), ALICE)

    assert texts_of(fake.received[0])["Username"] == "CORP\\alice"


# --- the words around the request -----------------------------------------------------------------------------------


async def test_what_was_approved_goes_with_it_and_nothing_else(
    ces: CertificateEnrollmentService, fake: FakeInternal
) -> None:
    context = [
        ContextItem("certificate-template", "PARTNERWEBSERVER"),
        ContextItem("CCM", "web01"),
        ContextItem("SAN", "upn=administrator"),
    ]

    await ces.submit(an_approval(*context), ALICE)

    assert context_of(fake.received[0]) == [("CertificateTemplate", "PartnerWebServer"), ("ccm", "web01")]


async def test_where_the_client_said_nothing_nothing_is_said(
    ces: CertificateEnrollmentService, fake: FakeInternal
) -> None:
    await ces.submit(an_approval(), ALICE)

    assert context_of(fake.received[0]) == []


# --- query ----------------------------------------------------------------------------------------------------------


async def test_the_ca_is_asked_after_the_number_it_gave(ces: CertificateEnrollmentService, fake: FakeInternal) -> None:
    response = await ces.query("4711", ALICE)

    texts = texts_of(fake.received[0])
    assert texts["RequestType"] == f"{ENROLLMENT}/QueryTokenStatus"
    assert texts["RequestID"] == "4711"
    assert texts["Username"] == "CORP\\alice"
    assert isinstance(response, Issued)


# --- key exchange ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [(replies(key_exchange_token(b"the exchange certificate")),)])
async def test_the_ca_is_asked_for_its_exchange_certificate(
    ces: CertificateEnrollmentService, fake: FakeInternal
) -> None:
    token = await ces.exchange_key(ALICE)

    texts = texts_of(fake.received[0])
    assert token.certificate == b"the exchange certificate"
    assert texts["Action"] == "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/KET"
    assert texts["RequestType"] == "http://docs.oasis-open.org/ws-sx/ws-trust/200512/KET"
    assert "RequestKET" in texts
    assert texts["Username"] == "CORP\\alice"


@pytest.mark.parametrize("script", [(replies(key_exchange_token(b"")),)])
async def test_an_exchange_certificate_that_is_not_there_is_misbehaviour(ces: CertificateEnrollmentService) -> None:
    with pytest.raises(UpstreamMisbehaved, match="KeyExchangeToken that cannot be read"):
        await ces.exchange_key(ALICE)


# --- what the CES may answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [(replies(a_fault(error_code=-2146877422), status=500),)])
async def test_the_cas_refusal_keeps_its_code(ces: CertificateEnrollmentService) -> None:
    with pytest.raises(UpstreamRefused) as caught:
        await ces.submit(an_approval(), ALICE)

    assert caught.value.fault.detail is not None
    assert caught.value.fault.detail.error_code == -2146877422


@pytest.mark.parametrize("script", [(replies(a_fault("s:Sender", "wsse:FailedAuthentication"), status=500),)])
async def test_a_wrong_password_is_told_apart_from_a_refusal(ces: CertificateEnrollmentService) -> None:
    with pytest.raises(CredentialsRefusedInside):
        await ces.submit(an_approval(), ALICE)


@pytest.mark.parametrize("script", [(replies(an_answer(ACTION_RSTRC, "<x/>")),)])
async def test_an_answer_with_another_body_is_misbehaviour(ces: CertificateEnrollmentService) -> None:
    with pytest.raises(UpstreamMisbehaved, match="cannot be read"):
        await ces.submit(an_approval(), ALICE)


# --- health probes --------------------------------------------------------------------------------------------------

RPC_S_SERVER_UNAVAILABLE = -2147023174
CERTSRV_E_PROPERTY_EMPTY = -2146877436


@pytest.mark.parametrize(
    "script",
    [(replies(a_fault(error_code=CERTSRV_E_PROPERTY_EMPTY), status=500),), (replies(issued(b"whoever's")),)],
    ids=["no such request", "such a request after all"],
)
async def test_a_probe_asks_after_a_request_that_there_is_not(ces: CesClient, fake: FakeInternal) -> None:
    await ces.probe(ALICE)

    texts = texts_of(fake.received[0])
    assert texts["RequestType"] == f"{ENROLLMENT}/QueryTokenStatus"
    assert texts["RequestID"] == "2147483647"
    assert "BinarySecurityToken" not in texts, "there is nothing that a CA could make a row of"


@pytest.mark.parametrize(
    "script",
    [
        (replies(a_fault(error_code=RPC_S_SERVER_UNAVAILABLE), status=500),),
        (replies(a_fault("s:Receiver"), status=500),),
    ],
    ids=["the CA is not there", "WCF's own"],
)
async def test_a_ces_that_does_not_reach_its_ca_fails_its_probe(ces: CesClient) -> None:
    with pytest.raises(UpstreamRefused):
        await ces.probe(ALICE)


@pytest.mark.parametrize("script", [(replies(a_fault("s:Sender", "wsse:InvalidSecurity"), status=500),)])
async def test_a_probe_without_identity_shows_no_credential(ces: CesClient, fake: FakeInternal) -> None:
    await ces.knock()

    assert "Security" not in texts_of(fake.received[0])
    assert texts_of(fake.received[0])["RequestID"] == "2147483647"
