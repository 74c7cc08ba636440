"""`gateway.doubt`: what must never be sent again, and what may."""

import pytest

from gateway.doubt import is_denied, is_past_the_last, leaves_doubt
from gateway.errors import (
    CredentialsRefusedInside,
    GatewayError,
    TicketRefusedInside,
    UpstreamMisbehaved,
    UpstreamUnavailable,
)
from gateway.protocol.namespaces import SOAP, WSA
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, UpstreamRefused


def refused(
    hresult: int | None = None, *, denied: bool = False, code: str = "Receiver", detail: bool = True
) -> UpstreamRefused:
    signed = None if hresult is None else hresult - 2**32
    told = CertificateEnrollmentWSDetail(None, signed, denied, None) if detail else None
    return UpstreamRefused(Fault((SOAP, code), None, "no", "en-US", told))


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailable("no connection", sent=False),
        TicketRefusedInside("401", sent=True),
        CredentialsRefusedInside("401"),
        refused(0x80094012, denied=True),
        refused(0x800706BE, denied=True),
        refused(0x80094800),
        refused(0x800B0109),
        refused(0x80070005),
        refused(0x800706BA),
        refused(code="Sender", detail=False),
    ],
    ids=[
        "not sent", "no ticket", "no password", "denied", "denied, whatever the code", "no such template", "no trust",
        "no access", "the CA was not reached", "the message was bad",
    ],
)  # fmt: skip
def test_after_these_there_is_no_certificate(error: GatewayError) -> None:
    assert not leaves_doubt(error)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailable("broken off", sent=True),
        UpstreamMisbehaved("no XML"),
        refused(0x800706BE),
        refused(0x800706BF),
        refused(0x8000FFFF),
        refused(),
        refused(detail=False),
    ],
    ids=["sent", "unreadable", "the call failed", "the call failed unexecuted?", "unexpected", "no code", "no detail"],
)
def test_after_these_there_may_be_a_certificate(error: GatewayError) -> None:
    assert leaves_doubt(error)


@pytest.mark.parametrize(("hresult", "expected"), [(0x80094002, True), (0x80094004, True), (0x80094014, False)])
def test_a_ca_tells_which_number_it_has_not_given_yet(hresult: int, *, expected: bool) -> None:
    detail = CertificateEnrollmentWSDetail(None, hresult - 2**32, False, None)

    assert is_past_the_last(Fault((SOAP, "Receiver"), None, "no", "en-US", detail)) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [(refused(0x80094014, denied=True), True), (refused(0x800706BA), False), (refused(detail=False), False)],
)
def test_what_the_ca_does_not_issue_is_told_apart_from_what_broke(error: UpstreamRefused, *, expected: bool) -> None:
    assert is_denied(error.fault) is expected


def test_a_fault_that_tells_no_code_tells_nothing_about_numbers() -> None:
    assert not is_past_the_last(Fault((SOAP, "Sender"), (WSA, "ActionNotSupported"), "no", "en-US", None))
