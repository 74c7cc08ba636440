"""What an error code of Kerberos means, by the step at which it came: the one table, for all that is asked of a KDC.

The same code means other people in other steps: who is "revoked" in an AS-REQ with a password is the user, in S4U2self
the user or the gateway. Tried against Samba; what is known of Windows' KDC only from [MS-KILE] and [MS-SFU] says so.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import krb5
from gssapi.raw import GSSError

from gateway import errors
from gateway.errors import GatewayError
from gateway.kerberos.relay import KdcOutcome, KdcTrouble

_RFC_4120 = -1765328384
"""The library's code of error 0 of RFC 4120 7.5.9; the others follow."""


class Code(IntEnum):
    """Of krb5.h, by the names of RFC 4120 7.5.9 where it has them."""

    KDC_ERR_NAME_EXP = _RFC_4120 + 1
    KDC_ERR_SERVICE_EXP = _RFC_4120 + 2
    KDC_ERR_C_PRINCIPAL_UNKNOWN = _RFC_4120 + 6
    KDC_ERR_S_PRINCIPAL_UNKNOWN = _RFC_4120 + 7
    KDC_ERR_PRINCIPAL_NOT_UNIQUE = _RFC_4120 + 8
    KDC_ERR_NEVER_VALID = _RFC_4120 + 11
    KDC_ERR_POLICY = _RFC_4120 + 12
    KDC_ERR_BADOPTION = _RFC_4120 + 13
    KDC_ERR_ETYPE_NOSUPP = _RFC_4120 + 14
    KDC_ERR_CLIENT_REVOKED = _RFC_4120 + 18
    KDC_ERR_SERVICE_REVOKED = _RFC_4120 + 19
    KDC_ERR_TGT_REVOKED = _RFC_4120 + 20
    KDC_ERR_KEY_EXPIRED = _RFC_4120 + 23
    KDC_ERR_PREAUTH_FAILED = _RFC_4120 + 24
    KDC_ERR_MUST_USE_USER2USER = _RFC_4120 + 27
    KRB_AP_ERR_BAD_INTEGRITY = _RFC_4120 + 31
    KRB_AP_ERR_TKT_EXPIRED = _RFC_4120 + 32
    KRB_AP_ERR_TKT_NYV = _RFC_4120 + 33
    KRB_AP_ERR_NOT_US = _RFC_4120 + 35
    KRB_AP_ERR_SKEW = _RFC_4120 + 37
    KRB_AP_ERR_MODIFIED = _RFC_4120 + 41
    KRB_AP_ERR_BADKEYVER = _RFC_4120 + 44
    KRB_AP_ERR_NOKEY = _RFC_4120 + 45
    KRB5_KDCREP_SKEW = -1765328236
    """The library's own objection to an answer's time."""
    KRB5_REALM_UNKNOWN = -1765328230
    KRB5_KDC_UNREACH = -1765328228
    KRB5_KT_NOTFOUND = -1765328203


_NAMES = {code.value: code.name for code in Code}


class Step(StrEnum):
    """What was asked of the KDC."""

    OWN_AS = "AS-REQ with the keytab"
    USER_AS = "AS-REQ with the password"
    PROOF_TGS = "TGS-REQ for the gateway's own account"
    """For a ticket that shows that the KDC is one, see `gateway.kerberos.logon`."""
    PROOF = "proof that the KDC is one"
    S4U2SELF = "S4U2self"
    S4U2SELF_OPENING = "opening of the S4U2self ticket"
    """With the keytab, see `gateway.kerberos.statement`; no KDC is asked."""
    S4U2PROXY = "S4U2proxy"
    EVIDENCE_S4U2PROXY = "S4U2proxy with the client's ticket"
    USER_TGS = "TGS-REQ with the user's ticket"
    OWN_TGS = "TGS-REQ with the gateway's ticket"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a code at a step."""

    error: type[GatewayError]
    text: str


_Meanings = dict[int, Meaning]

_ANYWHERE: _Meanings = {
    **dict.fromkeys(
        (Code.KRB_AP_ERR_SKEW, Code.KRB5_KDCREP_SKEW, Code.KRB_AP_ERR_TKT_NYV, Code.KDC_ERR_NEVER_VALID),
        Meaning(errors.ClockSkewed, "the clocks of gateway and KDC are too far apart: synchronise the gateway's"),
    ),
    Code.KDC_ERR_ETYPE_NOSUPP: Meaning(
        errors.KerberosFailed,
        "no encryption type in common: compare msDS-SupportedEncryptionTypes of the accounts; one that is older than"
        " AES in its domain needs a new password",
    ),
}

_USER: _Meanings = {
    # Windows: also outside the account's log-on hours. The directory was asked before, and knew of none of these: it
    # is a lock-out of the last moment, most likely.
    Code.KDC_ERR_CLIENT_REVOKED: Meaning(errors.AccountLocked, "the account is disabled, locked or expired"),
    Code.KDC_ERR_POLICY: Meaning(
        errors.AccountDisabled, "the KDC's policy does not admit the account: disabled, or an authentication policy"
    ),
    Code.KDC_ERR_NAME_EXP: Meaning(errors.AccountExpired, "the account has expired"),
    Code.KDC_ERR_KEY_EXPIRED: Meaning(errors.PasswordExpired, "the account's password has expired or must be changed"),
    Code.KDC_ERR_C_PRINCIPAL_UNKNOWN: Meaning(
        errors.UnknownUser, "the KDC does not know the account, although the directory does: replication?"
    ),
}

_OWN: _Meanings = {
    Code.KDC_ERR_CLIENT_REVOKED: Meaning(
        errors.OwnAccountUnusable, "the gateway's account is disabled, locked or expired"
    ),
    Code.KDC_ERR_POLICY: Meaning(
        errors.OwnAccountUnusable, "the KDC's policy does not admit the gateway's account: disabled, or restricted"
    ),
    Code.KDC_ERR_NAME_EXP: Meaning(errors.OwnAccountUnusable, "the gateway's account has expired"),
    Code.KDC_ERR_KEY_EXPIRED: Meaning(
        errors.OwnAccountUnusable,
        "the password of the gateway's account has expired: set one that does not, and export a new keytab",
    ),
    Code.KDC_ERR_C_PRINCIPAL_UNKNOWN: Meaning(
        errors.OwnAccountUnusable,
        "the KDC does not know the gateway's account: `account` is its sAMAccountName, with the $ of a computer",
    ),
}

_OWN_TICKET: _Meanings = dict.fromkeys(
    (
        Code.KDC_ERR_TGT_REVOKED,
        Code.KRB_AP_ERR_BAD_INTEGRITY,
        Code.KRB_AP_ERR_TKT_EXPIRED,
        Code.KRB_AP_ERR_MODIFIED,
        Code.KRB_AP_ERR_BADKEYVER,
        Code.KRB_AP_ERR_NOKEY,
    ),
    # After krbtgt's password was changed twice, for one.
    Meaning(errors.OwnAccountUnusable, "the KDC does not take the gateway's ticket any more: a new one is asked for"),
)

_OWN_AS_SERVICE: _Meanings = {
    **dict.fromkeys(
        (Code.KDC_ERR_SERVICE_REVOKED, Code.KDC_ERR_SERVICE_EXP),
        Meaning(errors.OwnAccountUnusable, "the gateway's account is disabled, locked or expired"),
    ),
    # [MS-KILE] 3.3.5.7: for accounts that are no service.
    **dict.fromkeys(
        (Code.KDC_ERR_S_PRINCIPAL_UNKNOWN, Code.KDC_ERR_MUST_USE_USER2USER),
        Meaning(
            errors.OwnAccountUnusable,
            "the gateway's account has no servicePrincipalName, so that no ticket is issued for it: `setspn -S`",
        ),
    ),
}

_SERVICE: _Meanings = {
    Code.KDC_ERR_S_PRINCIPAL_UNKNOWN: Meaning(
        errors.ServicePrincipalUnknown, "the KDC knows no account with this SPN: `setspn -Q`"
    ),
    Code.KDC_ERR_PRINCIPAL_NOT_UNIQUE: Meaning(
        errors.ServicePrincipalUnknown, "more than one account has this SPN: `setspn -X`"
    ),
    Code.KRB5_REALM_UNKNOWN: Meaning(
        errors.ServicePrincipalUnknown, "the KDC refers to another realm for this SPN, and the gateway follows nowhere"
    ),
    Code.KDC_ERR_POLICY: Meaning(
        errors.TransitionFailed, "the KDC's policy does not give the account a ticket for this service"
    ),
}

_S4U2PROXY: _Meanings = {
    **_USER,
    **_SERVICE,
    # Also for accounts that may not be delegated, and without protocol transition: Kerberos does not tell them apart.
    Code.KDC_ERR_BADOPTION: Meaning(
        errors.DelegationNotListed, "the gateway's account may not delegate this account to this SPN"
    ),
}

_KEYTAB_STALE = Meaning(
    errors.OwnKeytabRefused,
    "the KDC does not accept the keytab's key: the account's password was changed. Export a new keytab; this one is not"
    " tried again",
)
_NOT_PROVED = Meaning(
    errors.OwnKeytabRefused,
    "what the KDC issued for the gateway's account does not decrypt with its keytab: the file is stale, or whoever"
    " answered is not the KDC",
)
_EVIDENCE_STALE = Meaning(
    errors.TicketNotAccepted,
    "the KDC does not take the client's ticket: it has expired, or is from before the last password of the gateway's"
    " account",
)
_WRONG_PASSWORD = Meaning(errors.WrongPassword, "the password is wrong")

_OPENING: _Meanings = {
    Code.KRB_AP_ERR_BAD_INTEGRITY: _NOT_PROVED,
    Code.KRB_AP_ERR_BADKEYVER: _NOT_PROVED,
    **dict.fromkeys(
        (Code.KRB_AP_ERR_NOT_US, Code.KRB_AP_ERR_NOKEY, Code.KRB5_KT_NOTFOUND),
        Meaning(errors.OwnKeytabUnusable, "the keytab has no key of the gateway's account"),
    ),
}

TABLE: Mapping[Step, Mapping[int, Meaning]] = {
    Step.OWN_AS: {
        **_OWN,
        Code.KDC_ERR_PREAUTH_FAILED: _KEYTAB_STALE,
        # Without pre-authentication (DONT_REQ_PREAUTH), it is the answer that does not decrypt.
        Code.KRB_AP_ERR_BAD_INTEGRITY: _KEYTAB_STALE,
        Code.KDC_ERR_ETYPE_NOSUPP: Meaning(
            errors.OwnKeytabUnusable, "the KDC takes no key of the keytab's encryption types: export it with AES keys"
        ),
    },
    Step.USER_AS: {
        **_USER,
        Code.KDC_ERR_PREAUTH_FAILED: _WRONG_PASSWORD,
        Code.KRB_AP_ERR_BAD_INTEGRITY: _WRONG_PASSWORD,
    },
    Step.PROOF_TGS: {**_USER, **_OWN_AS_SERVICE},
    Step.PROOF: _OPENING,
    Step.S4U2SELF_OPENING: _OPENING,
    Step.S4U2SELF: {
        **_USER,
        **_OWN_AS_SERVICE,
        **_OWN_TICKET,
        Code.KDC_ERR_POLICY: Meaning(
            errors.AccountDisabled,
            "the KDC's policy does not admit the account (disabled, or an authentication policy), or it does not admit"
            " the gateway's",
        ),
    },
    Step.S4U2PROXY: _S4U2PROXY,
    Step.EVIDENCE_S4U2PROXY: {
        **_S4U2PROXY,
        Code.KRB_AP_ERR_BAD_INTEGRITY: _EVIDENCE_STALE,
        Code.KRB_AP_ERR_MODIFIED: _EVIDENCE_STALE,
        Code.KRB_AP_ERR_TKT_EXPIRED: _EVIDENCE_STALE,
    },
    Step.USER_TGS: {**_USER, **_SERVICE},
    Step.OWN_TGS: {**_OWN, **_OWN_TICKET, **_SERVICE},
}


@contextmanager
def translated(step: Step, subject: str, trouble: Callable[[], KdcTrouble | None]) -> Iterator[None]:
    """Raise the libraries' errors as ours. `subject` is what the step was for; `trouble` is the relay's."""
    try:
        yield
    except krb5.Krb5Error as error:
        text = str(error).removesuffix(f" {error.err_code}")
        raise error_for(step, error.err_code, text, subject=subject, trouble=trouble()) from error
    except GSSError as error:
        raise error_for(step, _signed(error.min_code), _text(error), subject=subject, trouble=trouble()) from error


def error_for(step: Step, code: int, text: str, *, subject: str, trouble: KdcTrouble | None) -> GatewayError:
    """The error of a code. `text` is the library's."""
    about = f"{step} for {subject}"
    if code == Code.KRB5_KDC_UNREACH:
        return _without_answer(about, trouble)
    meaning = TABLE[step].get(code) or _ANYWHERE.get(code)
    if meaning is None:
        return errors.KerberosFailed(f"{about} failed ({_name(code)}: {text})")
    return meaning.error(f"{about}: {meaning.text} ({_name(code)}: {text})")


def _without_answer(about: str, trouble: KdcTrouble | None) -> GatewayError:
    if trouble is None:
        return errors.KdcSilent(f"{about}: no KDC answered this request in time, while others were answered")
    kind = errors.KdcUnreachable if trouble.outcome is KdcOutcome.UNREACHABLE else errors.KdcSilent
    return kind(f"{about}: {trouble.detail}")


def _name(code: int) -> str:
    if code in _NAMES:
        return f"{_NAMES[code]} {code}"
    if _RFC_4120 < code < _RFC_4120 + 128:
        return f"Kerberos error {code - _RFC_4120}, {code}"
    return f"code {code}"


def _signed(minor: int) -> int:
    """A minor status as the library's error code, which is a signed 32-bit number."""
    return minor - 2**32 if minor >> 31 else minor


def _text(error: GSSError) -> str:
    """Of the minor status alone: the major one says that there is a minor one."""
    texts = error.get_all_statuses(error.min_code, is_maj=False) if error.min_code else [error.gen_message()]
    return "; ".join(map(str, texts))
