import pytest

from gateway import errors
from gateway.errors import GatewayError
from gateway.faults import FAULTS, INTERNAL, REASONS, fault_for, hresult_of, message_for
from gateway.policy.decision import Concern, NotPermitted, Violation
from gateway.protocol import soap, wstep
from gateway.protocol.hresult import HResult
from gateway.protocol.namespaces import SOAP
from gateway.redaction import redactor

CALL_ID = "6f1c1f6e-0000-4000-8000-000000000001"
CANARY = "canary-4711.corp.fabrikam.example"


def _descendants(cls: type[GatewayError]) -> set[type[GatewayError]]:
    return {cls}.union(*(_descendants(child) for child in cls.__subclasses__()))


FORESEEN = sorted(_descendants(GatewayError) - {GatewayError}, key=lambda cls: cls.__name__)


def _an_error(cls: type[GatewayError], text: str) -> GatewayError:
    """One of each class, with the text wherever text can be put."""
    if issubclass(cls, NotPermitted):
        return cls(text, (Violation(text, Concern.KEY, text, text, text),))
    if issubclass(cls, errors.RateLimited):
        return cls(text, limit=text, retry_after=3)
    if issubclass(cls, errors.Overloaded):
        return cls(text, retry_after=3)
    if issubclass(cls, errors.UpstreamUnavailable):
        return cls(text, sent=False)
    if issubclass(cls, soap.UpstreamRefused):
        return cls(soap.Fault((SOAP, "Receiver"), None, text, "en-US", None))
    return cls(text)


def _nothing_redacted(text: str) -> str:
    return text


def _ca_refusal(text: str, error_code: int | None = -2146875374) -> soap.UpstreamRefused:
    detail = soap.CertificateEnrollmentWSDetail(b"cmc", error_code, invalid_request=True, request_id="17")
    return soap.UpstreamRefused(soap.Fault((SOAP, "Receiver"), None, text, "de-DE", detail))


@pytest.mark.parametrize("cls", FORESEEN, ids=lambda cls: cls.__name__)
def test_every_error_has_a_row_of_its_own(cls: type[GatewayError]) -> None:
    assert cls in FAULTS


@pytest.mark.parametrize("wsdetail", [True, False])
@pytest.mark.parametrize("cls", FORESEEN, ids=lambda cls: cls.__name__)
def test_nothing_of_an_errors_own_words_reaches_the_client(cls: type[GatewayError], wsdetail: bool) -> None:
    message = message_for(_an_error(cls, CANARY), CALL_ID, wsdetail=wsdetail, redact=_nothing_redacted)

    assert CANARY not in repr(message)


@pytest.mark.parametrize("cls", FORESEEN, ids=lambda cls: cls.__name__)
def test_every_fault_carries_the_call_id(cls: type[GatewayError]) -> None:
    message = message_for(_an_error(cls, CANARY), CALL_ID, wsdetail=True, redact=_nothing_redacted)

    assert CALL_ID in message.fault.reason


def test_an_unforeseen_error_tells_nothing() -> None:
    assert fault_for(KeyError(CANARY)) is INTERNAL
    assert CANARY not in repr(message_for(KeyError(CANARY), CALL_ID, wsdetail=True, redact=_nothing_redacted))


def test_a_wrong_password_and_an_unknown_user_look_the_same_to_the_client() -> None:
    wrong, unknown = (
        message_for(cls(""), CALL_ID, wsdetail=True, redact=_nothing_redacted)
        for cls in (errors.WrongPassword, errors.UnknownUser)
    )

    assert wrong == unknown
    assert fault_for(errors.WrongPassword("")).reason != fault_for(errors.UnknownUser("")).reason


@pytest.mark.parametrize(
    "cls",
    [
        errors.AccountAmbiguous,
        errors.AccountDisabled,
        errors.AccountLocked,
        errors.AccountExpired,
        errors.PasswordExpired,
        errors.PasswordNotTried,
        errors.CertificateNotMapped,
        errors.CredentialsRefusedInside,
    ],
)
def test_what_is_the_matter_with_an_account_is_for_the_operator_only(cls: type[GatewayError]) -> None:
    told, wrong_password = (
        message_for(each(""), CALL_ID, wsdetail=True, redact=_nothing_redacted) for each in (cls, errors.WrongPassword)
    )

    assert told == wrong_password
    assert fault_for(cls("")).reason != fault_for(errors.WrongPassword("")).reason


@pytest.mark.parametrize("cls", FORESEEN, ids=lambda cls: cls.__name__)
def test_only_a_refused_negotiate_token_is_a_401(cls: type[GatewayError]) -> None:
    assert FAULTS[cls].status == (401 if issubclass(cls, errors.NegotiateRefused) else 500)


@pytest.mark.parametrize(
    ("concerns", "hresult"),
    [
        ({Concern.KEY}, HResult.CERTSRV_E_KEY_LENGTH),
        ({Concern.SUBJECT}, HResult.CERT_E_INVALID_NAME),
        ({Concern.SUBJECT, Concern.SUBJECT_ALTERNATIVE_NAME}, HResult.CERT_E_INVALID_NAME),
        ({Concern.SUBJECT, Concern.KEY}, HResult.CERTSRV_E_TEMPLATE_DENIED),
        ({Concern.REQUESTERS}, HResult.CERTSRV_E_TEMPLATE_DENIED),
        ({Concern.EXTENSIONS}, HResult.CERTSRV_E_TEMPLATE_DENIED),
        ({Concern.RENEWAL}, HResult.CERTSRV_E_BAD_RENEWAL_SUBJECT),
        ({Concern.ON_BEHALF_OF}, HResult.CERTSRV_E_SIGNATURE_POLICY_REQUIRED),
        ({Concern.KEY_ARCHIVAL}, HResult.CERTSRV_E_ARCHIVED_KEY_UNEXPECTED),
        ({Concern.RENEWAL, Concern.ON_BEHALF_OF}, HResult.CERTSRV_E_TEMPLATE_DENIED),
        (set(), HResult.CERTSRV_E_TEMPLATE_DENIED),
    ],
)
def test_a_refusal_by_policy_has_the_hresult_that_administrators_know(concerns: set[Concern], hresult: HResult) -> None:
    error = NotPermitted("policy", tuple(Violation("rule", concern, "f", "v", "w") for concern in concerns))

    message = message_for(error, CALL_ID, wsdetail=True, redact=_nothing_redacted)

    assert message.fault.detail is not None
    assert message.fault.detail.error_code == hresult.signed
    assert message.fault.detail.invalid_request
    assert hresult_of(error) == str(hresult)


@pytest.mark.parametrize(
    ("fields", "hresult"),
    [
        (("extendedKeyUsage", "applicationPolicies", "certificatePolicies"), HResult.CERT_E_INVALID_POLICY),
        (("extendedKeyUsage", "keyUsage"), HResult.CERTSRV_E_TEMPLATE_DENIED),
        (("basicConstraints",), HResult.CERTSRV_E_TEMPLATE_DENIED),
    ],
)
def test_a_refused_usage_has_the_hresult_of_an_invalid_policy(fields: tuple[str, ...], hresult: HResult) -> None:
    error = NotPermitted("policy", tuple(Violation("rule", Concern.EXTENSIONS, field, "v", "w") for field in fields))

    assert hresult_of(error) == str(hresult)


def test_the_ca_s_refusal_keeps_its_hresult_text_language_and_response() -> None:
    error = _ca_refusal("Die E-Mail fehlt.")

    message = message_for(error, CALL_ID, wsdetail=True, redact=_nothing_redacted)

    assert message.action == wstep.ACTION_FAULT
    assert message.fault.reason == f"Die E-Mail fehlt. (call {CALL_ID})"
    assert message.fault.language == "de-DE"
    assert message.fault.detail == error.fault.detail
    assert hresult_of(error) == "0x80094812"


def test_the_ca_s_text_is_cleaned_of_internal_names() -> None:
    redact = redactor(["ces.corp.fabrikam.example"])

    message = message_for(_ca_refusal(f"No answer of {CANARY}."), CALL_ID, wsdetail=True, redact=redact)

    assert message.fault.reason == f"No answer of (internal). (call {CALL_ID})"


def test_a_refusal_without_an_error_code_is_recorded_with_the_table_s() -> None:
    assert hresult_of(_ca_refusal("no", error_code=None)) == str(HResult.RPC_S_SERVER_UNAVAILABLE)


def test_a_fault_of_the_inside_that_is_not_the_ca_s_is_replaced() -> None:
    fault = soap.Fault((SOAP, "Sender"), None, CANARY, "en-US", None)

    message = message_for(soap.UpstreamRefused(fault), CALL_ID, wsdetail=True, redact=_nothing_redacted)

    assert message.fault.reason == f"The certification authority did not answer. (call {CALL_ID})"


def test_a_policy_service_has_no_certificate_enrollment_detail() -> None:
    for cls in FORESEEN:
        message = message_for(_an_error(cls, ""), CALL_ID, wsdetail=False, redact=_nothing_redacted)

        assert message.fault.detail is None
        assert message.action != wstep.ACTION_FAULT


def test_reasons_are_a_closed_set_of_words() -> None:
    assert "not_permitted" in REASONS
    assert all(reason.replace("_", "").isalpha() for reason in REASONS)
