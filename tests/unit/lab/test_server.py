"""The lab over TLS: listeners, addresses, and what it remembers."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.lab.accounts import ALICE, GATEWAY_SERVICE
from gateway.lab.arrivals import Arrival
from gateway.lab.credentials import Issuer, KeyPair
from gateway.lab.server import CA_1, CA_2, Lab, ServiceKind, on_loopback
from gateway.lab.world import World
from tests.requests import a_certification_request
from tests.unit.lab.messages import (
    ACTION_GET_POLICIES,
    Reply,
    a_get_policies,
    a_query,
    a_reply,
    a_security_header,
    an_envelope,
    an_issue,
)

SOAP = "application/soap+xml; charset=utf-8"
PASSWORD, CERTIFICATE = ServiceKind.USERNAME_PASSWORD, ServiceKind.CERTIFICATE


@pytest.fixture
async def lab(world: World) -> AsyncIterator[Lab]:
    async with Lab(world) as lab:
        yield lab


class _Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None: ...


async def _post(
    world: World,
    uri: str,
    body: bytes,
    *,
    client: KeyPair | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> tuple[int, bytes, Mapping[str, str]]:
    tls = ssl.create_default_context(cafile=world.internal_ca)
    if client is not None:
        tls.load_cert_chain(client.certificate, client.key)
    connector = aiohttp.TCPConnector(resolver=_Loopback(), ssl=tls)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(method, uri, data=body, headers={"Content-Type": SOAP} | dict(headers or {})) as response,
    ):
        return response.status, await response.read(), response.headers


async def _certificate_call(lab: Lab, uri: str, body: str, **envelope: str) -> Reply:
    message = an_envelope(body, to=uri, **envelope)
    return a_reply((await _post(lab.world, uri, message, client=lab.world.gateway_client))[1])


def _credentials(world: World) -> str:
    password = world.passwords[ALICE.user_principal_name]
    return a_security_header(ALICE.user_principal_name, password, created=datetime.now(UTC))


# --- enrollment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ca_name", [CA_1, CA_2])
async def test_the_gateways_certificate_enrolls_in_the_service_accounts_name(lab: Lab, ca_name: str) -> None:
    uri = lab.ces_uri(CERTIFICATE, ca_name)
    reply = await _certificate_call(lab, uri, an_issue(a_certification_request()))
    assert reply.token(".//wst:RequestedSecurityToken")
    (row,) = lab.issued
    assert (row.ca_name, row.requester) == (ca_name, GATEWAY_SERVICE)
    assert reply.text(".//wstep:RequestID") == str(row.request_id)


async def test_a_user_name_and_password_enroll_in_the_users_name(lab: Lab) -> None:
    uri = lab.ces_uri(PASSWORD, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri, headers=_credentials(lab.world))
    status, body, _ = await _post(lab.world, uri, message)
    assert status == 200
    assert a_reply(body).find("s:Header/wsse:Security/wsu:Timestamp") is not None
    assert [row.requester for row in lab.issued] == [ALICE]


async def test_a_service_answers_on_the_loopback_too(lab: Lab) -> None:
    uri = on_loopback(lab.ces_uri(CERTIFICATE, CA_1))
    assert urlsplit(uri).hostname == "127.0.0.1"
    assert (await _certificate_call(lab, uri, an_issue(a_certification_request()))).text(".//wstep:RequestID")


async def test_a_pending_request_is_released_by_the_labs_administrator(lab: Lab) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    pending = await _certificate_call(lab, uri, an_issue(a_certification_request(template="PartnerPending")))
    reference = pending.find(".//wsse:Reference")
    assert reference is not None
    assert reference.get("URI") == uri
    assert lab.issued == []
    request_id = pending.text(".//wstep:RequestID") or ""
    lab.authorities[CA_1].resolve(int(request_id))
    assert (await _certificate_call(lab, uri, a_query(request_id))).token(".//wst:RequestedSecurityToken")


async def test_the_policy_names_services_that_answer(lab: Lab) -> None:
    reply = await _certificate_call(lab, lab.cep_uri(CERTIFICATE), a_get_policies(), action=ACTION_GET_POLICIES)
    uris = reply.texts(".//xcep:cAURI/xcep:uri")
    assert uris == [lab.ces_uri(kind, name) for name in (CA_1, CA_2) for kind in (PASSWORD, CERTIFICATE)]
    assert (await _certificate_call(lab, uris[1], an_issue(a_certification_request()))).text(".//wstep:RequestID")


async def test_the_policy_is_told_to_users_as_well(lab: Lab) -> None:
    uri = lab.cep_uri(PASSWORD)
    message = an_envelope(a_get_policies(), to=uri, action=ACTION_GET_POLICIES, headers=_credentials(lab.world))
    status, body, _ = await _post(lab.world, uri, message)
    assert (status, a_reply(body).text(".//xcep:commonName")) == (200, "User")


# --- addresses ------------------------------------------------------------------------------------------------------


async def test_services_know_themselves_by_internal_names(lab: Lab) -> None:
    port = lab.port(CERTIFICATE)
    assert lab.cep_uri(CERTIFICATE) == (
        f"https://cep.corp.fabrikam.example:{port}/ADPolicyProvider_CEP_Certificate/service.svc/CEP"
    )
    assert lab.ces_uri(CERTIFICATE, CA_1) == (
        f"https://ces.corp.fabrikam.example:{port}/Fabrikam%20Issuing%20CA%201_CES_Certificate/service.svc/CES"
    )


async def test_another_name_is_published_when_told_so(world: World) -> None:
    async with Lab(world, published_host="localhost") as lab:
        uri = lab.cep_uri(CERTIFICATE)
        reply = await _certificate_call(lab, uri, a_get_policies(), action=ACTION_GET_POLICIES)
        assert {urlsplit(uri).hostname for uri in reply.texts(".//xcep:uri")} == {"localhost"}


async def test_ports_can_be_given(lab: Lab, world: World) -> None:
    async with Lab(world) as first:
        ports = {kind: first.port(kind) for kind in first.kinds}
    async with Lab(world, ports=ports) as second:
        assert {kind: second.port(kind) for kind in second.kinds} == ports


@pytest.mark.parametrize(
    ("old", "new"),
    [("Fabrikam", "fABRIKAM"), ("_CES_", "_ces_"), ("/CES", "/ces"), ("/service.svc", "/%73ervice.svc")],
)
async def test_paths_are_decoded_once_and_compared_without_regard_to_case(lab: Lab, old: str, new: str) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    status, _, _ = await _post(lab.world, uri.replace(old, new), message, client=lab.world.gateway_client)
    assert status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/Fabrikam%2520Issuing%2520CA%25201_CES_Certificate/service.svc/CES",
        "/Fabrikam%20Issuing%20CA%201_CES_UsernamePassword/service.svc/CES",
        "/Fabrikam%20Issuing%20CA%201_CES_Kerberos/service.svc/CES",
        "/",
    ],
    ids=["encoded twice", "of the other listener", "not installed", "root"],
)
async def test_other_paths_are_not_found(lab: Lab, path: str) -> None:
    assert await _status_of_raw_path(lab, path) == 404


async def _status_of_raw_path(lab: Lab, path: str) -> int:
    """Asked without a URL library's own idea of percent-encoding."""
    tls = ssl.create_default_context(cafile=lab.world.internal_ca)
    tls.load_cert_chain(lab.world.gateway_client.certificate, lab.world.gateway_client.key)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", lab.port(CERTIFICATE), ssl=tls, server_hostname="localhost"
    )
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {SOAP}\r\nConnection: close\r\n\r\n".encode())
    status_line = await reader.readline()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(status_line.split()[1])


# --- HTTP and TLS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media_type", ["text/xml; charset=utf-8", "application/xml", "application/soap+xml; charset=x"]
)
async def test_another_media_type_is_not_supported(lab: Lab, media_type: str) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    headers = {"Content-Type": media_type}
    status, body, _ = await _post(lab.world, uri, message, client=lab.world.gateway_client, headers=headers)
    assert (status, body, lab.issued) == (415, b"", [])


async def test_an_action_parameter_and_no_charset_are_supported(lab: Lab) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    headers = {"Content-Type": 'application/soap+xml; action="urn:any"'}
    status, _, _ = await _post(lab.world, uri, message, client=lab.world.gateway_client, headers=headers)
    assert status == 200


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_only_post_is_allowed(lab: Lab, method: str) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    status, _, _ = await _post(lab.world, uri, b"", client=lab.world.gateway_client, method=method)
    assert status == 405


async def test_answers_are_soap_from_something_like_iis(lab: Lab) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    _, _, headers = await _post(lab.world, uri, message, client=lab.world.gateway_client)
    assert headers["Content-Type"] == SOAP
    assert headers["Server"] == "Microsoft-IIS/10.0"


async def test_faults_go_with_status_500(lab: Lab) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request(template="PartnerRefused")), to=uri)
    status, body, _ = await _post(lab.world, uri, message, client=lab.world.gateway_client)
    assert (status, a_reply(body).error_code) == (500, 0x80094812)


@pytest.mark.parametrize("client", ["none", "partner_a", "stranger"])
async def test_a_certificate_listener_lets_only_internal_certificates_in(lab: Lab, client: str) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    pair: KeyPair | None = None if client == "none" else getattr(lab.world, client)
    with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)):
        await _post(lab.world, uri, an_envelope(an_issue(a_certification_request()), to=uri), client=pair)
    assert lab.received == []


async def test_an_internal_certificate_of_no_account_is_forbidden(lab: Lab, tmp_path: Path) -> None:
    issuer = Issuer.open(lab.world.internal_root)
    nobody = KeyPair(tmp_path / "nobody.pem", tmp_path / "nobody.key.pem")
    issuer.issue_client(replace(ALICE, user_principal_name="nobody@corp.fabrikam.example"), "Fabrikam").write(nobody)
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    status, body, _ = await _post(lab.world, uri, message, client=nobody)
    assert (status, body, lab.issued) == (403, b"", [])


async def test_a_stale_timestamp_is_refused(lab: Lab) -> None:
    uri = lab.ces_uri(PASSWORD, CA_1)
    password = lab.world.passwords[ALICE.user_principal_name]
    stale = a_security_header(
        ALICE.user_principal_name, password, created=datetime.now(UTC) - timedelta(hours=1), validity=timedelta(days=1)
    )
    message = an_envelope(an_issue(a_certification_request()), to=uri, headers=stale)
    status, body, _ = await _post(lab.world, uri, message)
    assert (status, lab.issued) == (500, [])
    assert (a_reply(body).subcode or ("", ""))[1] == "InvalidSecurity"


# --- Kerberos -------------------------------------------------------------------------------------------------------


class _Arrivals:
    """Recognises whoever says who he is."""

    async def arrive(self, authorization: str | None) -> Arrival:
        if authorization == "Negotiate alice":
            return Arrival(ALICE, "Negotiate welcome", None)
        return Arrival(None, "Negotiate", "a stranger")


async def test_a_lab_without_a_domain_has_no_kerberos_services(lab: Lab) -> None:
    assert lab.kinds == (PASSWORD, CERTIFICATE)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_who_is_not_recognised_is_challenged_and_hears_nothing_else(world: World, method: str) -> None:
    async with Lab(world, _Arrivals()) as lab:
        uri = lab.ces_uri(ServiceKind.KERBEROS, CA_1)
        message = an_envelope(an_issue(a_certification_request()), to=uri)
        status, body, headers = await _post(world, uri, message, method=method)
        (received,) = lab.received
    assert (status, body, headers["WWW-Authenticate"], lab.issued) == (401, b"", "Negotiate", [])
    assert received.arrival is not None
    assert received.arrival.refusal == "a stranger"


@pytest.mark.parametrize(("template", "status"), [("PartnerWebServer", 200), ("PartnerRefused", 500)])
async def test_who_is_recognised_gets_the_reply_token_with_answer_and_fault(
    world: World, template: str, status: int
) -> None:
    async with Lab(world, _Arrivals()) as lab:
        uri = lab.ces_uri(ServiceKind.KERBEROS, CA_1)
        message = an_envelope(an_issue(a_certification_request(template=template)), to=uri)
        answer = await _post(world, uri, message, headers={"Authorization": "Negotiate alice"})
        requesters = [row.requester for row in lab.authorities[CA_1].requests.values()]
    assert (answer[0], answer[2]["WWW-Authenticate"], requesters) == (status, "Negotiate welcome", [ALICE])


async def test_kerberos_services_are_published_where_there_are_some(world: World) -> None:
    async with Lab(world, _Arrivals()) as lab:
        uri = lab.cep_uri(ServiceKind.KERBEROS)
        message = an_envelope(a_get_policies(), to=uri, action=ACTION_GET_POLICIES)
        _, body, _ = await _post(world, uri, message, headers={"Authorization": "Negotiate alice"})
        assert lab.ces_uri(ServiceKind.KERBEROS, CA_1) in a_reply(body).texts(".//xcep:cAURI/xcep:uri")


# --- memory ---------------------------------------------------------------------------------------------------------


async def test_every_request_is_remembered_with_all_its_headers(lab: Lab) -> None:
    uri = lab.ces_uri(CERTIFICATE, CA_1)
    message = an_envelope(an_issue(a_certification_request()), to=uri)
    await _post(lab.world, uri, message, client=lab.world.gateway_client, headers={"X-Forwarded-For": "192.0.2.1"})
    (received,) = lab.received
    assert (received.kind, received.method, received.body, received.status) == (CERTIFICATE, "POST", message, 200)
    assert received.raw_path == urlsplit(uri).path
    assert ("X-Forwarded-For", "192.0.2.1") in received.headers
    assert received.client_certificate is not None


async def test_a_refused_request_is_remembered_too(lab: Lab) -> None:
    uri = lab.ces_uri(PASSWORD, CA_1)
    await _post(lab.world, uri, b"<html/>", headers={"Content-Type": "text/html"})
    assert [(received.status, received.client_certificate) for received in lab.received] == [(415, None)]


async def test_a_lab_that_was_left_does_not_answer(world: World) -> None:
    async with Lab(world) as lab:
        uri = lab.ces_uri(PASSWORD, CA_1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await _post(world, uri, b"")
