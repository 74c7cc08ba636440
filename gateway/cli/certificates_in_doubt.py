"""What to do about a submission of which nobody knows what the CA made: where to look, and what follows."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.errors import MalformedMessage
from gateway.ledger.ledger import REPEATED_WITHIN
from gateway.pki.certificate_request import CertificateRequest
from gateway.pki.parse_request import parse_certificate_request
from gateway.submission import InDoubt, Submission

_HOUR = timedelta(hours=1)
_COLUMNS = (
    "RequestID",
    "Request.RequesterName",
    "CertificateTemplate",
    "Request.SubmittedWhen",
    "Request.Disposition",
    "Request.CommonName",
    "SerialNumber",
)


def advice(submission: Submission, now: datetime) -> Iterator[str]:
    """Line by line."""
    yield f"look on the CA {submission.ca} for the template {submission.template}, asked for by {submission.account}:"
    yield f'certutil -view -restrict "{",".join(_restrictions(submission, now))}" -out "{",".join(_COLUMNS)}"'
    yield "disposition 20: there is a certificate; if its holder has not got it: certutil -revoke SERIALNUMBER 4"
    yield "disposition 9: it is pending; deny it if nobody waits for it: certutil -deny REQUESTID"
    yield "any other, or no line: there is no certificate"
    yield _what_the_client_can_do(submission, now)


def _what_the_client_can_do(submission: Submission, now: datetime) -> str:
    until = submission.submitted_at + REPEATED_WITHIN
    if until <= now:
        return "the client may ask anew at any time"
    match submission.outcome:
        case InDoubt(after=None):
            return f"the identical request is refused until {until:%Y-%m-%dT%H:%MZ}; a new one, with a new key, is not"
        case _:
            return f"let the client repeat the request until {until:%Y-%m-%dT%H:%MZ}: what the CA has, it gets"


def request_of(submission: Submission) -> CertificateRequest | None:
    """None where it is not kept, or was written by a version that read it otherwise."""
    if submission.request is None:
        return None
    try:
        return parse_certificate_request(submission.request)
    except MalformedMessage:
        return None


def _restrictions(submission: Submission, now: datetime) -> Iterator[str]:
    """As certutil takes them: relative times, since it reads absolute ones as the CA's own country writes them."""
    yield f"Request.SubmittedWhen>=now-{_days_and_hours(now - submission.submitted_at + 2 * _HOUR)}"
    ended = now - submission.submitted_at - 2 * _HOUR
    if ended > timedelta(0):
        yield f"Request.SubmittedWhen<=now-{_days_and_hours(ended)}"
    match submission.outcome:
        case InDoubt(after=str(after)):
            yield f"RequestID>{after}"


def _days_and_hours(time: timedelta) -> str:
    hours = time // _HOUR
    return f"{hours // 24}:{hours % 24:02}"
