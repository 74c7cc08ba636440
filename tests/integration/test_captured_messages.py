"""What real clients sent, byte for byte, to the gateway: certreq of Windows Server 2025 and cepces 0.3.17."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.lab.world import World
from tests.stand import ALICE, CEP_PASSWORD, CES_CERTIFICATE, CES_PASSWORD, Stand, a_stand

SOAP = Path(__file__).parent.parent / "vectors" / "soap"
CERTREQ = (SOAP / "capture-certreq-ws2025-RST-issue-PKCS10.xml").read_bytes()
CEPCES_POLICIES = (SOAP / "cepces-0.3.17-GetPolicies-UsernamePassword.xml").read_bytes()
CEPCES_ISSUE = (SOAP / "cepces-0.3.17-RST-issue-PKCS10-UsernamePassword.xml").read_bytes()
CEPCES_POLL = (SOAP / "cepces-0.3.17-RST-QueryTokenStatus-poll.xml").read_bytes()


def as_alice(message: bytes, world: World) -> bytes:
    """With a user and a password that exist here; every other byte is the capture's."""
    username = message.partition(b"Username>")[2].partition(b"<")[0]
    password = message.partition(b'PasswordText">')[2].partition(b"<")[0]
    assert username
    assert password
    return message.replace(username, ALICE.encode(), 1).replace(password, world.passwords[ALICE].encode(), 1)


async def test_certreq_gets_the_certificate_of_the_account_that_reached_ces(stand: Stand) -> None:
    """It came by Kerberos, which needs no header; here it comes by password."""
    message = CERTREQ.replace(b"</s:Header>", stand.username_token().encode() + b"</s:Header>")

    answer = await stand.post(message, CES_PASSWORD)

    assert answer.status == 200
    subject = x509.load_der_x509_certificate(answer.certificate).subject.rfc4514_string()
    assert "CN=alice" in subject, "an online template: the CA builds the subject from the directory"
    assert b"CertificateTemplate" in stand.lab.received[-1].body
    assert b"dc01.pkinitlab.internal" in stand.lab.received[-1].body, "ccm, which AD CS records"


async def test_certreq_gets_no_certificate_of_the_gateway_s_own_account(stand: Stand) -> None:
    """With a client certificate it would be the gateway's account that reaches CES: the policy knows."""
    answer = await stand.post(CERTREQ, CES_CERTIFICATE, client=stand.world.partner_a)

    assert (answer.status, answer.fault.hresult) == (500, 0x80094012)


async def test_cepces_gets_its_policies(stand: Stand) -> None:
    answer = await stand.post(as_alice(CEPCES_POLICIES, stand.world), CEP_PASSWORD)

    assert answer.status == 200
    assert b"PartnerWebServer" in answer.body
    assert b"Security" not in answer.body.partition(b"Body")[0], "it sent no Timestamp and would not understand one"


async def test_cepces_without_a_template_learns_what_is_missing(stand: Stand) -> None:
    answer = await stand.post(as_alice(CEPCES_ISSUE, stand.world), CES_PASSWORD)

    assert (answer.status, answer.fault.hresult) == (500, 0x80094801)
    assert (await stand.refusal_of(answer))["reason"] == "template_missing"


async def test_cepces_polling_a_request_that_is_not_its_own_learns_nothing(stand: Stand) -> None:
    answer = await stand.post(as_alice(CEPCES_POLL, stand.world), CES_PASSWORD)

    assert (answer.status, answer.fault.hresult) == (500, 0x80094002)


async def test_a_client_with_a_timestamp_gets_one_back(world: World, tmp_path: Path) -> None:
    async with a_stand(world, tmp_path) as stand:
        timestamp = (
            '<u:Timestamp xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">'
            "<u:Created>{:%Y-%m-%dT%H:%M:%SZ}</u:Created><u:Expires>{:%Y-%m-%dT%H:%M:%SZ}</u:Expires></u:Timestamp>"
        )
        now = datetime.now(UTC)
        security = stand.username_token().replace(
            "<o:UsernameToken>", timestamp.format(now, now + timedelta(minutes=5)) + "<o:UsernameToken>"
        )

        answer = await stand.post(stand.get_policies(security=security), CEP_PASSWORD)

    assert answer.status == 200
    assert b"Timestamp" in answer.body.partition(b"Body")[0]
