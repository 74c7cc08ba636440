"""What each kind of bad input gets: HTTP status, fault code, HRESULT, audit reason; and the next client is served."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.lab.world import KeyPair, World
from tests.cmc import a_cmc_request, a_pki_data, a_tagged_request
from tests.requests import a_certification_request, a_key, a_public_key_info, a_signed_request
from tests.stand import ACTION_RST, ALICE, CES_CERTIFICATE, CES_PASSWORD, ISSUE, TRUST, WSSE, Answer, Stand

WEB = "www.partner-a.example"
TWO_REQUESTS = (a_tagged_request(), a_tagged_request(body_part=2))
GOOD = a_certification_request(f"CN={WEB}", dns=(WEB,))
S = "{http://www.w3.org/2003/05/soap-envelope}"
A = "{http://www.w3.org/2005/08/addressing}"
DISPATCHER = "{http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher}"
DESERIALIZATION_FAILED = f"{DISPATCHER}DeserializationFailed"


@dataclass(frozen=True)
class Case:
    """A message, and the exact answer to it."""

    message: Callable[[Stand], bytes]
    code: str
    subcode: str | None
    hresult: int | None
    """On the wire: None where the fault has no CertificateEnrollmentWSDetail."""
    reason: str
    text: str

    @property
    def recorded_hresult(self) -> str:
        """In the audit record, which always has one."""
        by_reason = {"malformed": 0x8007000D, "action_not_supported": 0x80070057}
        return f"0x{self.hresult or by_reason.get(self.reason, 0x80070005):08X}"


def _malformed(message: Callable[[Stand], bytes]) -> Case:
    return Case(message, f"{S}Sender", DESERIALIZATION_FAILED, None, "malformed", "The message is malformed.")


def _unauthenticated(message: Callable[[Stand], bytes], reason: str) -> Case:
    text = "At least one security token in the message could not be validated."
    return Case(message, f"{S}Sender", f"{{{WSSE}}}FailedAuthentication", None, reason, text)


def _of_ces(message: Callable[[Stand], bytes], hresult: int, reason: str, text: str) -> Case:
    return Case(message, f"{S}Receiver", None, hresult, reason, text)


def _replaced(old: bytes, new: bytes) -> Callable[[Stand], bytes]:
    """The good message with something else in one place."""

    def message(stand: Stand) -> bytes:
        good = stand.issue(GOOD)
        assert old in good
        return good.replace(old, new, 1)

    return message


def _bomb(stand: Stand) -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{"&e" + str(n - 1) + ";" if n else "ha"}{"&e0;" * 9}">' for n in range(1, 9))
    doctype = f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>'
    return doctype.encode() + stand.issue(GOOD).replace(b"<s:Body>", b"<s:Body>&e8;")


TOKEN = base64.b64encode(GOOD)
MALFORMED_REQUEST = "The certificate request is malformed."

CASES = {
    "no XML": _malformed(lambda _: b"enroll me, please"),
    "truncated": _malformed(lambda stand: stand.issue(GOOD)[:-40]),
    "DTD": _malformed(lambda stand: b"<!DOCTYPE s:Envelope>" + stand.issue(GOOD)),
    "external entity": _malformed(
        lambda stand: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + stand.issue(GOOD)
    ),
    "entity bomb": _malformed(_bomb),
    "deep nesting": _malformed(_replaced(b"<s:Body>", b"<s:Body>" + b"<x>" * 500 + b"</x>" * 500)),
    "empty body": _malformed(lambda stand: stand.envelope(ACTION_RST, "")),
    "two body children": _malformed(
        lambda stand: stand.envelope(ACTION_RST, stand.issue_body(GOOD) + stand.issue_body(GOOD))
    ),
    "SOAP 1.1": _malformed(
        lambda stand: stand.issue(GOOD).replace(
            b"http://www.w3.org/2003/05/soap-envelope", b"http://schemas.xmlsoap.org/soap/envelope/"
        )
    ),
    "missing BinarySecurityToken": _malformed(
        lambda stand: stand.envelope(
            ACTION_RST,
            f'<RequestSecurityToken xmlns="{TRUST}"><TokenType>http://docs.oasis-open.org/wss/2004/01/'
            f"oasis-200401-wss-x509-token-profile-1.0#X509v3</TokenType><RequestType>{ISSUE}</RequestType>"
            "</RequestSecurityToken>",
        )
    ),
    "double BinarySecurityToken": _malformed(
        _replaced(
            b"</BinarySecurityToken>", b"</BinarySecurityToken><BinarySecurityToken xmlns='" + WSSE.encode() + b"'/>"
        )
    ),
    "line break in a context item's name": _malformed(
        lambda stand: stand.issue(GOOD, template="PartnerWebServer").replace(
            b'Name="CertificateTemplate"', b'Name="ccm&#10;SAN"'
        )
    ),
    "unknown action": Case(
        lambda stand: stand.envelope(f"{TRUST}/RST/Issue", stand.issue_body(GOOD)),
        f"{S}Sender",
        f"{A}ActionNotSupported",
        None,
        "action_not_supported",
        "The action is invalid.",
    ),
    "unknown RequestType (Renew)": Case(
        lambda stand: stand.envelope(ACTION_RST, stand.issue_body(GOOD, request_type=f"{TRUST}/Renew")),
        f"{S}Sender",
        f"{A}ActionNotSupported",
        None,
        "action_not_supported",
        "The action is invalid.",
    ),
    "KET": _of_ces(
        lambda stand: stand.envelope(
            "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/KET",
            stand.issue_body(GOOD, request_type=f"{TRUST}/KET").replace("<BinarySec", "<RequestKET/><BinarySec"),
        ),
        0x80094810,
        "key_archival_not_permitted",
        "Key archival is not permitted by policy.",
    ),
    "bad base64": _of_ces(
        lambda stand: stand.issue("%%%not base64%%%"),
        0x80070057,
        "encoding_type_invalid",
        "The EncodingType is invalid.",
    ),
    "another EncodingType": _of_ces(
        _replaced(b"#base64binary", b"#Base64Binary"),
        0x80070057,
        "encoding_type_invalid",
        "The EncodingType is invalid.",
    ),
    "trailing bytes after the DER": _of_ces(
        lambda stand: stand.issue(GOOD + b"\0"), 0x80093103, "malformed_request", MALFORMED_REQUEST
    ),
    "no certificate request": _of_ces(
        lambda stand: stand.issue(b"0123456789"), 0x80093103, "malformed_request", MALFORMED_REQUEST
    ),
    "a CMC request for two certificates": _of_ces(
        lambda stand: stand.issue(a_cmc_request(pki_data=a_pki_data(requests=TWO_REQUESTS))),
        0x80070032,
        "request_format_not_supported",
        "The format of the certificate request is not supported.",
    ),
    "bad proof of possession": _of_ces(
        lambda stand: stand.issue(
            a_signed_request(f"CN={WEB}", subject_public_key_info=a_public_key_info(a_key(name="another")))
        ),
        0x80090006,
        "proof_of_possession_failed",
        "The signature of the certificate request is invalid.",
    ),
    "wrong password": _unauthenticated(
        lambda stand: stand.issue(GOOD, security=stand.username_token(ALICE, "wrong")), "wrong_password"
    ),
    "unknown user": _unauthenticated(
        lambda stand: stand.issue(GOOD, security=stand.username_token("mallory@partner-a.example", "wrong")),
        "unknown_user",
    ),
    "no credentials": Case(
        lambda stand: stand.issue(GOOD, security=""),
        f"{S}Sender",
        f"{{{WSSE}}}InvalidSecurity",
        None,
        "credentials_missing",
        "An error occurred when verifying security for the message.",
    ),
    "a digest of the password": Case(
        lambda stand: stand.issue(
            GOOD,
            security=stand.username_token().replace(
                "<o:Password>",
                '<o:Password Type="http://docs.oasis-open.org/wss/2004/01/'
                'oasis-200401-wss-username-token-profile-1.0#PasswordDigest">',
            ),
        ),
        f"{S}Sender",
        f"{{{WSSE}}}InvalidSecurity",
        None,
        "security_header_invalid",
        "An error occurred when verifying security for the message.",
    ),
    "no template": _of_ces(
        lambda stand: stand.issue(a_certification_request(f"CN={WEB}", dns=(WEB,), template=None)),
        0x80094801,
        "template_missing",
        "The request contains no certificate template information.",
    ),
    "unknown template": _of_ces(
        lambda stand: stand.issue(a_certification_request(f"CN={WEB}", dns=(WEB,), template="DomainController")),
        0x80094800,
        "unmatched",
        "The requested certificate template is not supported.",
    ),
    "key too small": _of_ces(
        lambda stand: stand.issue(a_certification_request(f"CN={WEB}", dns=(WEB,), key=a_key("RSA-1024"))),
        0x80094811,
        "not_permitted",
        "The request is not permitted by policy.",
    ),
    "name outside of the policy": _of_ces(
        lambda stand: stand.issue(a_certification_request("CN=www.victim.example", dns=("www.victim.example",))),
        0x800B0114,
        "not_permitted",
        "The request is not permitted by policy.",
    ),
}


async def _next_client_is_served(stand: Stand) -> None:
    assert (await stand.post(stand.issue(GOOD))).status == 200


@pytest.mark.parametrize("name", CASES)
async def test_a_bad_message_gets_its_own_fault(stand: Stand, name: str) -> None:
    case = CASES[name]

    answer = await stand.post(case.message(stand))

    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    call_id = answer.headers["X-Call-Id"]
    assert answer.fault.code == case.code
    assert answer.fault.subcode == case.subcode
    assert answer.fault.hresult == case.hresult
    assert answer.fault.text == f"{case.text} (call {call_id})"
    line = await stand.refusal_of(answer)
    assert (line["reason"], line["outcome"]) == (case.reason, "refused")
    assert line["hresult"] == case.recorded_hresult
    assert stand.lab.received == []
    _assert_nothing_slips_out(answer)
    await _next_client_is_served(stand)


def _assert_nothing_slips_out(answer: Answer) -> None:
    for canary in (
        b"Traceback",
        b"gateway.",
        b"lxml",
        b"expat",
        b"corp.fabrikam",
        WEB.encode(),
        b"mallory",
        TOKEN[:40],
    ):
        assert canary not in answer.body


HTTP_CASES: dict[str, tuple[Callable[[Stand], bytes], int, str]] = {
    "not HTTP": (lambda _: b"\x16\x03 hello\r\n\r\n", 400, "bad_request"),
    "wrong method": (lambda _: _http("PUT", CES_PASSWORD, b"x"), 405, "method_not_allowed"),
    "wrong content type": (lambda _: _http("POST", CES_PASSWORD, b"x", "text/xml"), 415, "unsupported_media_type"),
    "no body": (lambda _: _http("POST", CES_PASSWORD, b""), 400, "body_missing"),
    "oversized body": (lambda _: _http("POST", CES_PASSWORD, b" " * 262_145), 413, "body_too_large"),
    "unknown path": (lambda _: _http("POST", "/certsrv/certfnsh.asp", b"x"), 404, "unknown_path"),
    "metadata": (lambda _: _http("GET", "/ADPolicyProvider_CEP_Kerberos/service.svc?wsdl", b""), 404, "unknown_path"),
    "encoded slash": (
        lambda _: _http("POST", CES_PASSWORD.replace("/service", "%2Fservice"), b"x"),
        404,
        "unknown_path",
    ),
}


def _http(method: str, path: str, body: bytes, content_type: str = "application/soap+xml; charset=utf-8") -> bytes:
    return (
        f"{method} {path.replace(' ', '%20')} HTTP/1.1\r\nHost: enroll.fabrikam.example\r\nConnection: close\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@pytest.mark.parametrize("name", HTTP_CASES)
async def test_what_is_no_message_at_all_gets_a_status_and_no_body(stand: Stand, name: str) -> None:
    raw, status, reason = HTTP_CASES[name]

    received = await stand.send(raw(stand))

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode()
    assert body == b""
    line = await stand.next_audit("http_refused")
    assert (line["reason"], line["status"]) == (reason, status)
    assert f"X-Call-Id: {line['call_id']}".encode() in head
    await _next_client_is_served(stand)


async def test_a_body_that_stops_short_is_not_acted_upon(stand: Stand) -> None:
    whole = _http("POST", CES_PASSWORD, stand.issue(GOOD))
    context = ssl.create_default_context(cafile=str(stand.world.public_ca))
    _, writer = await asyncio.open_connection(
        "127.0.0.1", stand.ports.https, ssl=context, server_hostname="enroll.fabrikam.example"
    )
    writer.write(whole[:-100])
    writer.close()
    await writer.wait_closed()

    await _next_client_is_served(stand)
    assert len(stand.lab.received) == 1


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (lambda world: world.stranger, "client_certificate_untrusted"),
        (lambda world: world.partner_a_expired, "client_certificate_expired"),
        (lambda _: None, "client_certificate_missing"),
    ],
    ids=["untrusted", "expired", "none"],
)
async def test_a_client_certificate_that_does_not_verify_ends_the_handshake(
    stand: Stand, pair: Callable[[World], KeyPair | None], reason: str
) -> None:
    message = _http("POST", CES_CERTIFICATE, stand.issue(GOOD, security=""))

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await stand.send(message, port=stand.ports.https_certificate, client=pair(stand.world))

    line = await stand.next_audit("handshake_failed")
    assert line["reason"] == reason
    assert stand.lab.received == []
    await _next_client_is_served(stand)


async def test_a_certificate_service_without_a_client_certificate_refuses(stand: Stand) -> None:
    answer = await stand.post(stand.issue(GOOD, security=""), CES_CERTIFICATE)

    assert (answer.status, answer.fault.subcode) == (500, f"{{{WSSE}}}InvalidSecurity")
    assert (await stand.refusal_of(answer))["reason"] == "credentials_missing"
    await _next_client_is_served(stand)
