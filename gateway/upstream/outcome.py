"""What one attempt at an internal server came to, and what that says about the server."""

from enum import StrEnum

from gateway.errors import (
    GatewayError,
    ImpersonationRefused,
    KerberosFailed,
    NotAuthenticated,
    OutcomeUnknown,
    TransitionFailed,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.protocol.hresult import HResult
from gateway.protocol.soap import Fault, UpstreamRefused
from gateway.upstream.breaker import Verdict

_CA_NOT_THERE = frozenset(
    {
        HResult.RPC_S_SERVER_UNAVAILABLE.signed,
        HResult.RPC_S_CALL_FAILED.signed,
        HResult.EPT_S_NOT_REGISTERED.signed,
    }
)
"""CES is there, and does not reach its CA by DCOM ([MS-ERREF] 2.1.1): the service is stopped, or a firewall drops."""


class Outcome(StrEnum):
    """Of one attempt at one server."""

    ANSWERED = "answered"
    """By the service, whatever it said."""
    NOT_REACHED = "not_reached"
    """It is certain that it has not seen the request."""
    NO_ANSWER = "no_answer"
    """The request was sent, and no answer came, or one that says that the service is not there."""
    FAULT = "fault"
    """A fault of the server and not of the CA: WCF's own, or that the CA is not there."""
    MISBEHAVED = "misbehaved"
    """The answer was none to this question."""
    NO_CREDENTIAL = "no_credential"
    """There was none for this server, or none that it accepts: the requester's matter, or the gateway's."""
    GIVEN_UP = "given_up"
    """The gateway ended meanwhile, has a mistake, or could not write down what it does."""

    @property
    def verdict(self) -> Verdict:
        """What the breaker is told."""
        match self:
            case Outcome.ANSWERED:
                return Verdict.GOOD
            case Outcome.NO_CREDENTIAL | Outcome.GIVEN_UP:
                # Neither: whoever guesses passwords must not make a bad server look good, nor the other way round.
                return Verdict.NONE
            case _:
                return Verdict.BAD


def outcome_of(error: GatewayError) -> Outcome:
    """What an error says of the server that was tried."""
    match error:
        case UpstreamUnavailable(sent=was_sent):
            return Outcome.NO_ANSWER if was_sent else Outcome.NOT_REACHED
        case UpstreamMisbehaved():
            return Outcome.MISBEHAVED
        case OutcomeUnknown():
            # It has answered every question, if not with what was looked for.
            return Outcome.ANSWERED
        case UpstreamRefused(fault=fault):
            return Outcome.ANSWERED if _is_of_the_ca(fault) else Outcome.FAULT
        case NotAuthenticated() | TransitionFailed() | ImpersonationRefused() | KerberosFailed():
            return Outcome.NO_CREDENTIAL
        case _:
            return Outcome.GIVEN_UP


def _is_of_the_ca(fault: Fault) -> bool:
    """CES says with a CertificateEnrollmentWSDetail what its CA has said ([MS-WSTEP] 3.1.4.1.3.7)."""
    return fault.detail is not None and fault.detail.error_code not in _CA_NOT_THERE
