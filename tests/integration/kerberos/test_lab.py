"""The lab's Kerberos services, called by a client that is not the gateway."""

import base64
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import pytest
import spnego
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes

from gateway.lab.accounts import UPN_OID
from gateway.lab.clients import issue_clients
from gateway.lab.domain import Domain
from gateway.lab.kerberos_client import Initiation, KerberosClient
from gateway.lab.negotiate import KerberosArrivals
from gateway.lab.server import CA_1, Lab, ServiceKind, on_loopback
from gateway.lab.world import World, create_world
from tests.requests import SECURITY_IDENTIFIER, a_certification_request
from tests.unit.lab.messages import ACTION_GET_POLICIES, a_get_policies, a_reply, an_envelope, an_issue

KERBEROS = ServiceKind.KERBEROS
CES = "HTTP/ces.corp.fabrikam.example"
CEP = "HTTP/cep.corp.fabrikam.example"


@dataclass(frozen=True)
class Answer:
    status: int
    www_authenticate: str | None
    body: bytes

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(a_reply(self.body).token(".//wst:RequestedSecurityToken"))

    @property
    def reply_token(self) -> bytes:
        return base64.b64decode((self.www_authenticate or "").removeprefix("Negotiate "))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return create_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
async def lab(world: World, domain: Domain) -> AsyncIterator[Lab]:
    async with Lab(world, KerberosArrivals(domain, world)) as lab:
        yield lab


@pytest.fixture(scope="module")
def bindings(world: World) -> bytes:
    certificate = x509.load_pem_x509_certificate(world.internal_services.certificate.read_bytes())
    return b"tls-server-end-point:" + certificate.fingerprint(hashes.SHA256())


@dataclass(frozen=True)
class Clients:
    """Clients of the domain that know the lab's TLS certificate."""

    domain: Domain
    kerberos: KerberosClient
    bindings: bytes

    def initiate(self, name: str, spn: str = CES, *, password_of: str | None = None) -> Initiation:
        """With channel bindings."""
        password = self.domain.password(password_of or name)
        return self.kerberos.initiate(name, password, spn, channel_bindings=self.bindings)


@pytest.fixture
def clients(domain: Domain, kerberos_client: KerberosClient, bindings: bytes) -> Clients:
    return Clients(domain, kerberos_client, bindings)


async def post(lab: Lab, uri: str, body: bytes, *, authorization: str | None = None) -> Answer:
    tls = ssl.create_default_context(cafile=lab.world.internal_ca)
    headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
    if authorization is not None:
        headers["Authorization"] = authorization
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.post(on_loopback(uri), data=body, headers=headers) as response,
    ):
        return Answer(response.status, response.headers.get("WWW-Authenticate"), await response.read())


def negotiate(token: bytes) -> str:
    return f"Negotiate {base64.b64encode(token).decode()}"


async def issue(lab: Lab, authorization: str | None, template: str = "CorpUser") -> Answer:
    uri = lab.ces_uri(KERBEROS, CA_1)
    request = a_certification_request("CN=somebody", dns=(), template=template)
    return await post(lab, uri, an_envelope(an_issue(request), to=uri), authorization=authorization)


async def issue_by(lab: Lab, initiation: Initiation, template: str = "CorpUser") -> Answer:
    return await issue(lab, negotiate(initiation.token), template)


def refusal(lab: Lab) -> str | None:
    """Why the last client was not recognised."""
    arrival = lab.received[-1].arrival
    assert arrival is not None
    return arrival.refusal


def upn(certificate: x509.Certificate) -> str:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (name,) = (name for name in names.get_values_for_type(x509.OtherName) if name.type_id == UPN_OID)
    return asn1.decode_der(str, name.value)


def holds_sid(certificate: x509.Certificate, domain: Domain, account: str) -> bool:
    (sid,) = domain.ldb().attributes(account, "objectSid")["objectSid"]
    extension = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(SECURITY_IDENTIFIER))
    return extension.value.public_bytes().endswith(sid.encode())


# --- who arrives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "principal_name"),
    [
        ("alice", "alice@corp.fabrikam.example"),
        ("bob", "robert@corp.fabrikam.example"),
        ("heidi", "heidi.jones@partner-a.example"),
    ],
)
async def test_a_user_gets_a_certificate_with_the_own_upn_and_sid(
    lab: Lab, clients: Clients, account: str, principal_name: str
) -> None:
    answer = await issue_by(lab, clients.initiate(account))

    assert answer.status == 200
    assert upn(answer.certificate) == principal_name
    assert holds_sid(answer.certificate, clients.domain, account)
    subject = f"CN={account},CN=Users,{clients.domain.base_dn}"
    assert answer.certificate.subject.rfc4514_string() == subject
    assert [row.requester.name for row in lab.issued] == [account]


async def test_a_computer_gets_a_certificate_with_the_own_host_name_and_sid(lab: Lab, clients: Clients) -> None:
    initiation = clients.initiate("PC1$")

    certificate = (await issue_by(lab, initiation, "CorpMachine")).certificate

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [*names] == [x509.DNSName("pc1.corp.fabrikam.example")]
    assert holds_sid(certificate, clients.domain, "PC1$")


async def test_who_arrives_is_told_by_the_sid_and_not_by_the_name_that_was_asked_for(
    lab: Lab, clients: Clients
) -> None:
    enterprise_name = "heidi.jones\\@partner-a.example"
    initiation = clients.initiate(enterprise_name, password_of="heidi")

    assert holds_sid((await issue_by(lab, initiation)).certificate, clients.domain, "heidi")


@pytest.mark.parametrize(
    ("account", "template"), [("PC1$", "CorpUser"), ("alice", "CorpMachine"), ("u01", "PartnerUser")]
)
async def test_who_is_in_no_group_that_may_enroll_is_denied(
    lab: Lab, clients: Clients, account: str, template: str
) -> None:
    initiation = clients.initiate(account)

    answer = await issue_by(lab, initiation, template)

    assert (answer.status, a_reply(answer.body).error_code) == (500, 0x80094012)
    assert initiation.verifies(answer.reply_token)


async def test_the_group_of_today_counts(lab: Lab, clients: Clients) -> None:
    domain = clients.domain
    before = domain.ldb().attributes("Domain Computers", "member")["member"]
    (alice,) = domain.ldb().attributes("alice", "distinguishedName")["distinguishedName"]
    domain.ldb().modify("Domain Computers", member=(*before, alice))
    try:
        initiation = clients.initiate("alice")
        answer = await issue_by(lab, initiation, "CorpMachine")
    finally:
        domain.ldb().modify("Domain Computers", member=before)

    # In the group now, but a user has no host name.
    assert a_reply(answer.body).error_code == 0x8009480F


async def test_the_policy_says_what_the_account_may_enroll(lab: Lab, clients: Clients) -> None:
    uri = lab.cep_uri(KERBEROS)
    initiation = clients.initiate("alice", CEP)

    message = an_envelope(a_get_policies(), to=uri, action=ACTION_GET_POLICIES)
    answer = await post(lab, uri, message, authorization=negotiate(initiation.token))

    policies = a_reply(answer.body)
    enroll = dict(zip(policies.texts(".//xcep:commonName"), policies.texts(".//xcep:enroll"), strict=True))
    assert (enroll["CorpUser"], enroll["CorpMachine"]) == ("true", "false")


# --- HTTP Negotiate -------------------------------------------------------------------------------------------------


async def test_the_service_proves_itself(lab: Lab, clients: Clients) -> None:
    initiation = clients.initiate("alice")

    answer = await issue_by(lab, initiation)

    assert initiation.verifies(answer.reply_token)


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "no Authorization header"),
        ("Basic YWxpY2U6c2VjcmV0", "the scheme Basic is not offered"),
        ("Negotiate !", "the token is not base64"),
        ("Negotiate YWxpY2U=", "token"),
    ],
)
async def test_who_brings_no_ticket_is_asked_for_one(lab: Lab, authorization: str | None, reason: str) -> None:
    answer = await issue(lab, authorization)

    assert (answer.status, answer.www_authenticate, answer.body) == (401, "Negotiate", b"")
    assert reason in (refusal(lab) or "")


async def test_ntlm_is_refused(lab: Lab) -> None:
    token = spnego.client("alice", "secret", protocol="ntlm").step()
    assert token is not None
    assert token.startswith(b"NTLMSSP")

    assert (await issue(lab, negotiate(token))).status == 401
    assert refusal(lab) == "NTLM"


async def test_ntlm_inside_spnego_is_refused(lab: Lab) -> None:
    client = spnego.client(
        "alice", "secret", hostname="localhost", protocol="negotiate", options=spnego.NegotiateOptions.use_negotiate
    )
    token = client.step()
    assert token is not None
    assert b"NTLMSSP" in token

    assert (await issue(lab, negotiate(token))).status == 401


async def test_a_token_is_good_once(lab: Lab, clients: Clients) -> None:
    initiation = clients.initiate("alice")
    assert (await issue_by(lab, initiation)).status == 200

    assert (await issue_by(lab, initiation)).status == 401
    assert "replay" in (refusal(lab) or "")


async def test_a_ticket_for_another_service_is_refused(lab: Lab, clients: Clients) -> None:
    other = "HTTP/enroll.fabrikam.example"
    initiation = clients.initiate("alice", other)

    assert (await issue_by(lab, initiation)).status == 401


# --- extended protection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "reason"),
    [(None, "not bound"), (b"tls-server-end-point:" + bytes(32), "channel bindings")],
    ids=["none", "those of another certificate"],
)
async def test_a_ticket_that_is_not_bound_to_this_connection_is_refused(
    lab: Lab, domain: Domain, kerberos_client: KerberosClient, shown: bytes | None, reason: str
) -> None:
    initiation = kerberos_client.initiate("alice", domain.password("alice"), CES, channel_bindings=shown)

    assert (await issue_by(lab, initiation)).status == 401
    assert reason in (refusal(lab) or "")


@pytest.mark.parametrize("shown", [None, b"tls-server-end-point:" + bytes(32)])
async def test_without_extended_protection_bindings_do_not_count(
    world: World, domain: Domain, kerberos_client: KerberosClient, shown: bytes | None
) -> None:
    initiation = kerberos_client.initiate("alice", domain.password("alice"), CES, channel_bindings=shown)

    async with Lab(world, KerberosArrivals(domain, world, extended_protection=False)) as lab:
        assert (await issue_by(lab, initiation)).status == 200


# --- addresses ------------------------------------------------------------------------------------------------------


async def test_kerberos_services_stand_beside_the_others(lab: Lab) -> None:
    path = urlsplit(lab.ces_uri(KERBEROS, CA_1)).path

    assert path == "/Fabrikam%20Issuing%20CA%201_CES_Kerberos/service.svc/CES"
    assert lab.kinds == tuple(ServiceKind)
    assert len({lab.port(kind) for kind in lab.kinds}) == 3


# --- client certificates --------------------------------------------------------------------------------------------


def test_every_account_has_a_certificate_of_the_partner_ca_with_its_principal_name(
    world: World, domain: Domain
) -> None:
    certificates = {
        name: x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        for name, pair in issue_clients(world, domain).items()
    }

    assert upn(certificates["alice"]) == "alice@corp.fabrikam.example"
    assert upn(certificates["bob"]) == "robert@corp.fabrikam.example"
    assert upn(certificates["heidi"]) == "heidi.jones@partner-a.example"
    assert upn(certificates["PC1$"]) == "PC1$@corp.fabrikam.example"
    assert certificates.keys() == {account.name for account in domain.spec.accounts}
    partner_ca = x509.load_pem_x509_certificate(world.partner_ca.read_bytes())
    for certificate in certificates.values():
        certificate.verify_directly_issued_by(partner_ca)
