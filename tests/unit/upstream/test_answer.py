import pytest

from gateway.credential import Credential, OwnCertificate
from gateway.errors import (
    CredentialsRefusedInside,
    GatewayError,
    TicketRefusedInside,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.protocol.security import Secret, UsernameToken
from gateway.protocol.soap import UpstreamRefused
from gateway.upstream.answer import HttpAnswer, Question, expect_challenge, read_answer
from tests.fakes.internal import Received
from tests.fakes.messages import Answer, a_fault, an_answer
from tests.unit.transition.samples import a_kerberos_credential

URL = "https://ces.corp.fabrikam.example/CA_CES_UsernamePassword/service.svc/CES"
ACTION = "urn:example:answer"
MESSAGE_ID = "urn:uuid:6e3f1a0e-54b0-4b0e-a7c5-3d5f0f4c2b11"
ALICE = UsernameToken("CORP\\alice", Secret("correct horse"))
QUESTION = Received(1, "/", (), f"<a:MessageID>{MESSAGE_ID}</a:MessageID>".encode(), None, None)


def an_http_answer(
    body: bytes | Answer = b"",
    *,
    status: int = 200,
    content_type: str = "application/soap+xml",
    content_encoding: str = "",
) -> HttpAnswer:
    return HttpAnswer(status, content_type, content_encoding, body if isinstance(body, bytes) else body(QUESTION))


def read(answer: HttpAnswer, credential: Credential = ALICE) -> str:
    return read_answer(answer, Question(URL, MESSAGE_ID, ACTION, credential)).action


def error_of(answer: HttpAnswer, credential: Credential = ALICE) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        read(answer, credential)
    return caught.value


def test_the_answer_to_the_question_is_returned() -> None:
    assert read(an_http_answer(an_answer(ACTION, "<x/>"))) == ACTION


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_password_is_the_clients_affair(status: int) -> None:
    error = error_of(an_http_answer(b"Access denied", status=status, content_type="text/html"))

    assert type(error) is CredentialsRefusedInside
    assert "'CORP\\\\alice'" in str(error)
    assert "correct horse" not in str(error)


@pytest.mark.parametrize("subcode", ["FailedAuthentication", "InvalidSecurity", "InvalidSecurityToken"])
def test_a_security_fault_about_a_password_is_the_clients_affair(subcode: str) -> None:
    error = error_of(an_http_answer(a_fault("s:Sender", f"wsse:{subcode}", "Not validated."), status=500))

    assert type(error) is CredentialsRefusedInside
    assert f"{subcode}: Not validated." in str(error)


NOT_LET_IN = [
    an_http_answer(status=401, content_type="text/html"),
    an_http_answer(status=403, content_type="text/html"),
    an_http_answer(a_fault("s:Sender", "wsse:FailedAuthentication"), status=500),
]


@pytest.mark.parametrize("answer", NOT_LET_IN)
def test_a_refusal_of_the_gateways_own_certificate_is_the_operators_affair(answer: HttpAnswer) -> None:
    error = error_of(answer, OwnCertificate())

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert "D07" in str(error)
    assert "clientcertnegotiation=enable" in str(error)


@pytest.mark.parametrize("answer", NOT_LET_IN)
def test_a_refusal_of_a_ticket_is_the_operators_affair(answer: HttpAnswer) -> None:
    error = error_of(answer, a_kerberos_credential())

    assert type(error) is TicketRefusedInside
    assert error.sent
    assert "useAppPoolCredentials" in str(error)


def test_a_fault_is_the_services_refusal_with_its_hresult() -> None:
    error = error_of(an_http_answer(a_fault(reason="Denied by policy.", error_code=-2146877422), status=500))

    assert isinstance(error, UpstreamRefused)
    assert error.fault.reason == "Denied by policy."
    assert error.fault.detail is not None
    assert error.fault.detail.error_code == -2146877422


def test_a_security_subcode_under_receiver_is_no_verdict_on_the_password() -> None:
    error = error_of(an_http_answer(a_fault("s:Receiver", "wsse:FailedAuthentication"), status=500))

    assert isinstance(error, UpstreamRefused)


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [b"<html>Service Unavailable</html>", a_fault()])
def test_a_service_that_is_out_of_service_may_have_seen_the_request(status: int, body: bytes | Answer) -> None:
    error = error_of(an_http_answer(body, status=status))

    assert isinstance(error, UpstreamUnavailable)
    assert error.sent
    assert f"HTTP {status}" in str(error)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (an_http_answer(b"<html>IIS Windows Server</html>", content_type="text/html"), "<html>IIS Windows Server"),
        (an_http_answer(b"<html>Runtime Error</html>", status=500, content_type="text/html"), "HTTP 500, text/html"),
        (an_http_answer(status=404, content_type="text/html"), "is it the address of this service?"),
        (an_http_answer(status=302, content_type="text/html"), "HTTP 302"),
        (an_http_answer(an_answer(ACTION, "<x/>"), content_type="text/xml"), "text/xml"),
        (
            an_http_answer(an_answer(ACTION, "<x/>"), content_encoding="gzip"),
            "Content-Encoding that was not asked for: 'gzip'",
        ),
        (an_http_answer(b""), "bad message"),
        (an_http_answer(b"<s:Envelope"), "bad message"),
        (an_http_answer(an_answer(ACTION, "<x/>"), status=202), "HTTP 202"),
        (an_http_answer(an_answer("urn:example:other", "<x/>")), "'urn:example:other'"),
        (an_http_answer(an_answer(ACTION, "<x/>", relates_to="urn:uuid:another")), "another message"),
        (an_http_answer(a_fault(relates_to="urn:uuid:another"), status=500), "another message"),
    ],
)
def test_an_answer_that_is_none_is_misbehaviour_that_names_what_came(answer: HttpAnswer, named: str) -> None:
    error = error_of(answer)

    assert type(error) is UpstreamMisbehaved
    assert URL in str(error)
    assert named in str(error)


def test_a_fault_may_leave_open_which_message_it_is_about() -> None:
    without = a_fault()(QUESTION).replace(f"<a:RelatesTo>{MESSAGE_ID}</a:RelatesTo>".encode(), b"")

    assert isinstance(error_of(an_http_answer(without, status=500)), UpstreamRefused)


def test_an_answer_must_say_which_message_it_is_about() -> None:
    without = an_answer(ACTION, "<x/>")(QUESTION).replace(f"<a:RelatesTo>{MESSAGE_ID}</a:RelatesTo>".encode(), b"")

    assert type(error_of(an_http_answer(without))) is UpstreamMisbehaved


def test_a_bad_security_header_of_the_inside_is_not_the_clients_fault() -> None:
    header = b'<o:Security xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    token = b"<o:BinarySecurityToken>AA==</o:BinarySecurityToken></o:Security></s:Header>"
    message = an_answer(ACTION, "<x/>")(QUESTION).replace(b"</s:Header>", header + token)

    assert type(error_of(an_http_answer(message))) is UpstreamMisbehaved


@pytest.mark.parametrize("content_type", ["text/html", "application/soap+xml"])
def test_no_text_quotes_more_than_a_line_of_the_answer(content_type: str) -> None:
    error = error_of(an_http_answer(b"<html>" + b"secret " * 1000, content_type=content_type))

    assert len(str(error)) < 500


# --- the answer to a message without a credential -------------------------------------------------------------------

INVALID_SECURITY = an_http_answer(a_fault("s:Sender", "wsse:InvalidSecurity"), status=500)


def a_challenge(*schemes: str, status: int = 401) -> HttpAnswer:
    return HttpAnswer(status, "text/html", "", b"<html>", schemes)


@pytest.mark.parametrize("schemes", [("Negotiate",), ("NTLM", "negotiate")])
def test_a_service_with_tickets_asks_for_them_by_http(schemes: tuple[str, ...]) -> None:
    expect_challenge(a_challenge(*schemes), URL, by_negotiate=True)


def test_a_service_with_passwords_asks_for_them_by_a_fault() -> None:
    expect_challenge(INVALID_SECURITY, URL, by_negotiate=False)


@pytest.mark.parametrize(
    "answer",
    [
        a_challenge(),
        a_challenge("NTLM"),
        a_challenge("Negotiate", status=200),
        INVALID_SECURITY,
        an_http_answer(b"<html>", content_type="text/html"),
    ],
)
def test_what_asks_for_no_ticket_is_not_such_a_service(answer: HttpAnswer) -> None:
    with pytest.raises(UpstreamMisbehaved, match="does not ask for Negotiate"):
        expect_challenge(answer, URL, by_negotiate=True)


@pytest.mark.parametrize(
    "answer",
    [
        a_challenge("Negotiate"),
        an_http_answer(an_answer(ACTION, "<x/>")),
        an_http_answer(b"<html>", content_type="text/html"),
        an_http_answer(b"no XML"),
    ],
)
def test_what_asks_for_no_user_name_is_not_such_a_service(answer: HttpAnswer) -> None:
    with pytest.raises(UpstreamMisbehaved, match="does not ask for a user name"):
        expect_challenge(answer, URL, by_negotiate=False)


@pytest.mark.parametrize("by_negotiate", [True, False])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_service_that_is_stopped_asks_for_nothing(status: int, by_negotiate: bool) -> None:
    with pytest.raises(UpstreamUnavailable, match="not in service"):
        expect_challenge(an_http_answer(status=status), URL, by_negotiate=by_negotiate)
