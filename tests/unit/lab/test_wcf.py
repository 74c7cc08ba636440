"""What WCF decides before a service sees a message."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.lab.accounts import ALICE, GATEWAY_SERVICE, Account, Directory
from gateway.lab.markup import element
from gateway.lab.soap import Answer, Message
from gateway.lab.wcf import Endpoint, Host, HttpAnswer, ServiceKind
from tests.unit.lab.messages import WSSE, Reply, a_reply, a_security_header, an_envelope

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
URI = "https://ces.corp.fabrikam.example:8443/Fabrikam%20Issuing%20CA%201_CES_Certificate/service.svc/CES"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
PASSWORDS = {"alice@partner-a.example": "secret"}
HEADER = a_security_header("alice@partner-a.example", "secret", created=NOW)


class _Recorder:
    """A service that remembers who called."""

    def __init__(self) -> None:
        self.callers: list[Account] = []

    def answer(self, message: Message, caller: Account) -> Answer:
        assert message.body.tag == "x"
        self.callers.append(caller)
        return Answer("urn:done", element("y"))


def _ask(message: bytes, kind: ServiceKind = ServiceKind.CERTIFICATE, service: _Recorder | None = None) -> HttpAnswer:
    endpoint = Endpoint(URI, kind, service or _Recorder())
    client = None if kind is ServiceKind.USERNAME_PASSWORD else GATEWAY_SERVICE
    return Host(Directory(PASSWORDS), lambda: NOW).answer(endpoint, message, client)


def _fault(answer: HttpAnswer) -> Reply:
    assert answer.status == 500
    return a_reply(answer.body)


@pytest.mark.parametrize("kind", [ServiceKind.CERTIFICATE, ServiceKind.KERBEROS])
def test_a_service_of_these_kinds_is_called_by_the_account_that_the_listener_recognised(kind: ServiceKind) -> None:
    service = _Recorder()
    assert _ask(an_envelope("<x/>", to=URI), kind, service).status == 200
    assert service.callers == [GATEWAY_SERVICE]


def test_a_password_service_is_called_by_the_user() -> None:
    service = _Recorder()
    answer = _ask(an_envelope("<x/>", to=URI, headers=HEADER), ServiceKind.USERNAME_PASSWORD, service)
    assert answer.status == 200
    assert service.callers == [ALICE]


def test_the_answer_of_a_password_service_is_secured() -> None:
    answer = _ask(an_envelope("<x/>", to=URI, headers=HEADER), ServiceKind.USERNAME_PASSWORD)
    created = a_reply(answer.body).text("s:Header/wsse:Security/wsu:Timestamp/wsu:Created")
    assert created == "2026-11-23T12:00:00.000Z"


def test_the_answer_of_a_certificate_service_is_not() -> None:
    assert a_reply(_ask(an_envelope("<x/>", to=URI)).body).find("s:Header/wsse:Security") is None


def test_what_is_no_envelope_gets_a_bare_400() -> None:
    assert _ask(b"<html/>") == HttpAnswer(400)


@pytest.mark.parametrize(
    "to",
    [
        URI,
        URI.replace("ces.corp.fabrikam.example", "127.0.0.1"),
        URI.replace("ces.corp.fabrikam.example", "any.host.example"),
        URI.upper().replace("HTTPS", "https"),
        URI.replace("%20", " "),
    ],
    ids=["own", "loopback", "other host", "other case", "not encoded"],
)
def test_the_host_in_the_address_does_not_count(to: str) -> None:
    assert _ask(an_envelope("<x/>", to=to)).status == 200


@pytest.mark.parametrize(
    "to",
    [
        URI.replace(":8443", ":9443"),
        URI.replace(":8443", ""),
        URI.replace("https:", "http:"),
        URI.replace("/CES", ""),
        URI.replace("_CES_Certificate", "_CES_UsernamePassword"),
        f"{ADDRESSING}/anonymous",
        "https://[",
        "",
    ],
    ids=["port", "default port", "scheme", "shorter path", "other service", "anonymous", "no URI", "empty"],
)
def test_another_address_is_a_mismatch(to: str) -> None:
    service = _Recorder()
    fault = _fault(_ask(an_envelope("<x/>", to=to), service=service))
    assert (fault.code, fault.subcode) == ("s:Sender", (ADDRESSING, "DestinationUnreachable"))
    assert fault.action == f"{ADDRESSING}/soap/fault"
    assert fault.reason is not None
    assert fault.reason.startswith(
        f"The message with To '{to}' cannot be processed at the receiver, due to an AddressF"
    )
    assert service.callers == []


def test_a_message_without_an_address_is_a_mismatch() -> None:
    message = an_envelope("<x/>", to=URI).replace(b"a:To", b"a:From")
    assert _fault(_ask(message)).subcode == (ADDRESSING, "DestinationUnreachable")


def test_a_message_id_is_required() -> None:
    fault = _fault(_ask(an_envelope("<x/>", to=URI, message_id=None)))
    assert fault.subcode == (ADDRESSING, "MessageAddressingHeaderRequired")


@pytest.mark.parametrize("kind", ServiceKind)
def test_a_header_that_must_be_understood_and_is_not_is_a_fault(kind: ServiceKind) -> None:
    service = _Recorder()
    unknown = f'{HEADER if kind is ServiceKind.USERNAME_PASSWORD else ""}<q:R s:mustUnderstand="1" xmlns:q="urn:q"/>'
    fault = _fault(_ask(an_envelope("<x/>", to=URI, headers=unknown), kind, service))
    assert (fault.code, fault.subcode) == ("s:MustUnderstand", None)
    not_understood = fault.find("s:Header/s:NotUnderstood")
    assert not_understood is not None
    prefix, _, name = (not_understood.get("qname") or "").partition(":")
    assert (not_understood.nsmap[prefix], name) == ("urn:q", "R")
    assert service.callers == []


def test_a_security_header_must_not_come_to_a_certificate_service() -> None:
    fault = _fault(_ask(an_envelope("<x/>", to=URI, headers=HEADER)))
    assert fault.code == "s:MustUnderstand"
    assert fault.reason is not None
    assert fault.reason.startswith(f"The header 'Security' from the namespace '{WSSE}' was not understood")


def test_an_unknown_header_that_need_not_be_understood_is_passed_over() -> None:
    assert _ask(an_envelope("<x/>", to=URI, headers='<q:R xmlns:q="urn:q"/>')).status == 200


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", "InvalidSecurity"),
        (HEADER.replace("secret", "guess"), "FailedAuthentication"),
        (
            a_security_header("alice@partner-a.example", "secret", created=NOW - timedelta(minutes=6)),
            "InvalidSecurity",
        ),
    ],
    ids=["none", "wrong password", "stale"],
)
def test_who_is_not_authenticated_reaches_no_service(header: str, name: str) -> None:
    service = _Recorder()
    message = an_envelope("<x/>", to=URI, headers=header)
    fault = _fault(_ask(message, ServiceKind.USERNAME_PASSWORD, service))
    assert (fault.code, fault.subcode) == ("s:Sender", (WSSE, name))
    assert fault.find("s:Header/wsse:Security") is None
    assert service.callers == []


def test_credentials_are_looked_at_before_the_address() -> None:
    message = an_envelope("<x/>", to="https://elsewhere.example/", headers=HEADER.replace("secret", "guess"))
    assert _fault(_ask(message, ServiceKind.USERNAME_PASSWORD)).subcode == (WSSE, "FailedAuthentication")


def test_a_doubled_addressing_header_is_a_fault_that_relates_to_nothing() -> None:
    fault = _fault(_ask(an_envelope("<x/>", to=URI, headers="<a:To>again</a:To>")))
    assert fault.subcode == (ADDRESSING, "InvalidAddressingHeader")
    assert fault.find("s:Header/a:RelatesTo") is None
