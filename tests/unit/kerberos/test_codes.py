import krb5
import pytest
from gssapi.raw import GSSError

from gateway import errors
from gateway.errors import GatewayError
from gateway.faults import FAULTS
from gateway.kerberos.codes import TABLE, Step, error_for, translated
from gateway.kerberos.relay import KdcOutcome, KdcTrouble

NAME_EXP = -1765328383
C_PRINCIPAL_UNKNOWN = -1765328378
S_PRINCIPAL_UNKNOWN = -1765328377
POLICY = -1765328372
BADOPTION = -1765328371
CLIENT_REVOKED = -1765328366
SERVICE_REVOKED = -1765328365
KEY_EXP = -1765328361
PREAUTH_FAILED = -1765328360
BAD_INTEGRITY = -1765328353
NOT_US = -1765328349
SKEW = -1765328347
KDCREP_SKEW = -1765328236
REALM_UNKNOWN = -1765328230
KDC_UNREACH = -1765328228
"""As krb5.h has them."""


def the_error(step: Step, code: int, *, trouble: KdcTrouble | None = None) -> GatewayError:
    return error_for(step, code, "the library's text", subject="alice@CORP.EXAMPLE", trouble=trouble)


@pytest.mark.parametrize(
    ("step", "code", "error"),
    [
        (Step.OWN_AS, PREAUTH_FAILED, errors.OwnKeytabRefused),
        (Step.OWN_AS, BAD_INTEGRITY, errors.OwnKeytabRefused),
        (Step.OWN_AS, CLIENT_REVOKED, errors.OwnAccountUnusable),
        (Step.OWN_AS, C_PRINCIPAL_UNKNOWN, errors.OwnAccountUnusable),
        (Step.OWN_AS, KEY_EXP, errors.OwnAccountUnusable),
        (Step.USER_AS, PREAUTH_FAILED, errors.WrongPassword),
        (Step.USER_AS, BAD_INTEGRITY, errors.WrongPassword),
        (Step.USER_AS, CLIENT_REVOKED, errors.AccountLocked),
        (Step.USER_AS, C_PRINCIPAL_UNKNOWN, errors.UnknownUser),
        (Step.USER_AS, KEY_EXP, errors.PasswordExpired),
        (Step.USER_AS, NAME_EXP, errors.AccountExpired),
        (Step.PROOF_TGS, S_PRINCIPAL_UNKNOWN, errors.OwnAccountUnusable),
        (Step.PROOF, BAD_INTEGRITY, errors.OwnKeytabRefused),
        (Step.PROOF, NOT_US, errors.OwnKeytabUnusable),
        (Step.S4U2SELF, C_PRINCIPAL_UNKNOWN, errors.UnknownUser),
        (Step.S4U2SELF, POLICY, errors.AccountDisabled),
        (Step.S4U2SELF, CLIENT_REVOKED, errors.AccountLocked),
        (Step.S4U2SELF, NAME_EXP, errors.AccountExpired),
        (Step.S4U2SELF, SERVICE_REVOKED, errors.OwnAccountUnusable),
        (Step.S4U2SELF, S_PRINCIPAL_UNKNOWN, errors.OwnAccountUnusable),
        (Step.S4U2SELF, BAD_INTEGRITY, errors.OwnAccountUnusable),
        (Step.S4U2PROXY, BADOPTION, errors.DelegationNotListed),
        (Step.S4U2PROXY, S_PRINCIPAL_UNKNOWN, errors.ServicePrincipalUnknown),
        (Step.S4U2PROXY, REALM_UNKNOWN, errors.ServicePrincipalUnknown),
        (Step.S4U2PROXY, KEY_EXP, errors.PasswordExpired),
        (Step.S4U2PROXY, POLICY, errors.TransitionFailed),
        (Step.S4U2PROXY, BAD_INTEGRITY, errors.KerberosFailed),
        (Step.EVIDENCE_S4U2PROXY, BADOPTION, errors.DelegationNotListed),
        (Step.EVIDENCE_S4U2PROXY, BAD_INTEGRITY, errors.TicketNotAccepted),
        (Step.USER_TGS, S_PRINCIPAL_UNKNOWN, errors.ServicePrincipalUnknown),
        (Step.USER_TGS, CLIENT_REVOKED, errors.AccountLocked),
        (Step.OWN_TGS, S_PRINCIPAL_UNKNOWN, errors.ServicePrincipalUnknown),
        (Step.OWN_TGS, CLIENT_REVOKED, errors.OwnAccountUnusable),
    ],
)
def test_a_code_means_somebody_else_at_each_step(step: Step, code: int, error: type[GatewayError]) -> None:
    assert type(the_error(step, code)) is error


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("code", [SKEW, KDCREP_SKEW])
def test_a_wrong_clock_is_a_wrong_clock_at_every_step(step: Step, code: int) -> None:
    assert type(the_error(step, code)) is errors.ClockSkewed


@pytest.mark.parametrize("step", Step)
def test_a_kdc_that_gave_no_answer_is_the_relays_to_explain(step: Step) -> None:
    refused = the_error(
        step, KDC_UNREACH, trouble=KdcTrouble(KdcOutcome.UNREACHABLE, "10.0.0.1 refused the connection")
    )
    silent = the_error(step, KDC_UNREACH, trouble=KdcTrouble(KdcOutcome.SILENT, "10.0.0.1 did not answer"))

    assert type(refused) is errors.KdcUnreachable
    assert "10.0.0.1 refused the connection" in str(refused)
    assert type(silent) is errors.KdcSilent
    assert "10.0.0.1 did not answer" in str(silent)


def test_a_request_without_an_answer_among_others_with_one_was_met_with_silence() -> None:
    assert type(the_error(Step.OWN_AS, KDC_UNREACH, trouble=None)) is errors.KdcSilent


def test_an_unknown_code_is_told_with_all_that_is_known_of_it() -> None:
    error = the_error(Step.S4U2SELF, -1765328384 + 60)

    assert type(error) is errors.KerberosFailed
    assert str(error) == ("S4U2self for alice@CORP.EXAMPLE failed (Kerberos error 60, -1765328324: the library's text)")


def test_a_code_of_the_library_itself_has_its_number() -> None:
    assert "(code -1765328189: the library's text)" in str(the_error(Step.S4U2SELF, -1765328189))


def test_a_known_code_has_its_name_and_number_and_what_the_library_says() -> None:
    text = str(the_error(Step.USER_AS, PREAUTH_FAILED))

    assert "for alice@CORP.EXAMPLE: the password is wrong" in text
    assert "(KDC_ERR_PREAUTH_FAILED -1765328360: the library's text)" in text


def test_every_step_has_its_meanings_and_every_meaning_its_fault() -> None:
    assert set(TABLE) == set(Step)
    assert {meaning.error for meanings in TABLE.values() for meaning in meanings.values()} <= set(FAULTS)


def test_the_minor_status_of_gss_api_is_the_librarys_code_without_its_sign() -> None:
    with (
        pytest.raises(errors.DelegationNotListed, match="KDC_ERR_BADOPTION -1765328371"),
        translated(Step.S4U2PROXY, "alice", lambda: None),
    ):
        raise GSSError(0xD0000, BADOPTION + 2**32)


def test_a_major_status_alone_is_told_by_its_text() -> None:
    with (
        pytest.raises(errors.KerberosFailed, match="No credentials were supplied"),
        translated(Step.S4U2PROXY, "alice", lambda: None),
    ):
        raise GSSError(0x70000, 0)


def test_an_error_of_the_library_says_its_code_once() -> None:
    with pytest.raises(errors.WrongPassword) as raised, translated(Step.USER_AS, "alice", lambda: None):
        raise krb5.Krb5Error(krb5.init_context(), PREAUTH_FAILED)

    assert str(raised.value).count(str(PREAUTH_FAILED)) == 1


def test_the_relay_is_asked_only_after_the_failure() -> None:
    troubles: list[KdcTrouble | None] = [None]

    def fail() -> None:
        troubles.append(KdcTrouble(KdcOutcome.UNREACHABLE, "10.0.0.1 refused the connection"))
        raise krb5.Krb5Error(krb5.init_context(), KDC_UNREACH)

    with pytest.raises(errors.KdcUnreachable), translated(Step.USER_AS, "alice", lambda: troubles[-1]):
        fail()
