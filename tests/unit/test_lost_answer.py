from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from gateway.errors import UpstreamUnavailable
from gateway.lost_answer import Trace, look_for
from gateway.pki.certificate import parse_certificate
from gateway.protocol.hresult import HResult
from gateway.protocol.namespaces import SOAP
from gateway.protocol.soap import CertificateEnrollmentWSDetail, Fault, UpstreamRefused
from gateway.protocol.wstep import Issued, Pending, RequestSecurityTokenResponse
from tests.issued import a_signed_certificate, web_server_parts
from tests.requests import a_key


def issued(key: str) -> Issued:
    return Issued("Issued", "en-US", a_signed_certificate(web_server_parts(key=a_key(name=key))), None, "1")


OURS, ANOTHER = issued("ours"), issued("another's")
PENDING = Pending("Taken Under Submission", "en-US", "https://ces.corp.example/CES", None, "1")
KEY = parse_certificate(OURS.certificate).public_key.subject_public_key_info


def refused(hresult: int) -> UpstreamRefused:
    detail = CertificateEnrollmentWSDetail(None, hresult - 2**32, invalid_request=False, request_id=None)
    return UpstreamRefused(Fault((SOAP, "Receiver"), None, "no", "en-US", detail))


DENIED = refused(HResult.CERTSRV_E_TEMPLATE_DENIED)


Rows = Mapping[int, RequestSecurityTokenResponse | UpstreamRefused]


@dataclass
class CA:
    """What it has under which number."""

    rows: Rows
    asked: list[int] = field(default_factory=list)

    async def query(self, ca_request_id: str) -> RequestSecurityTokenResponse:
        number = int(ca_request_id)
        self.asked.append(number)
        row = self.rows.get(number, refused(HResult.CERTSRV_E_NO_REQUEST))
        if isinstance(row, UpstreamRefused):
            raise row
        return row


def a_ca_with(last: int, row: Callable[[int], RequestSecurityTokenResponse] = lambda _: ANOTHER, first: int = 1) -> CA:
    return CA({number: row(number) for number in range(first, last + 1)})


# --- behind the highest number that was known -----------------------------------------------------------------------


async def test_the_certificate_with_the_key_is_found_among_those_of_others() -> None:
    ca = CA({17: ANOTHER, 18: DENIED, 19: PENDING, 20: OURS, 21: ANOTHER})

    assert await look_for(KEY, ca.query, after="16", latest=None) == OURS
    assert ca.asked == [17, 18, 19, 20]


@pytest.mark.parametrize(
    ("rows", "trace"),
    [
        ({}, Trace.NONE),
        ({17: ANOTHER, 18: DENIED}, Trace.NONE),
        ({17: PENDING, 18: ANOTHER}, Trace.PERHAPS_PENDING),
        (dict.fromkeys(range(17, 37), ANOTHER), Trace.LOST),
        (dict.fromkeys(range(17, 37), ANOTHER) | {36: PENDING}, Trace.PERHAPS_PENDING),
        (dict.fromkeys(range(17, 37), ANOTHER) | {37: OURS}, Trace.LOST),
    ],
)
async def test_without_it_there_is_a_trace(rows: Rows, trace: Trace) -> None:
    assert await look_for(KEY, CA(rows).query, after="16", latest=None) is trace


async def test_a_certificate_that_cannot_be_read_is_none_of_ours() -> None:
    assert (
        await look_for(KEY, CA({17: Issued("", "en-US", b"no certificate", None, "17")}).query, after="16", latest=None)
        is Trace.NONE
    )


async def test_a_ca_that_cannot_be_asked_is_no_trace() -> None:
    async def nobody(_ca_request_id: str) -> RequestSecurityTokenResponse:
        raise UpstreamUnavailable("no connection", sent=False)

    for after in ("16", None):
        with pytest.raises(UpstreamUnavailable):
            await look_for(KEY, nobody, after=after, latest=None)


# --- without any number to begin with -------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [1, 2, 3, 64, 1000, 2**20 + 12345])
@pytest.mark.parametrize("place", [0, 1, 19])
async def test_the_last_of_the_ca_is_looked_for_and_what_came_shortly_before_it(last: int, place: int) -> None:
    number = max(last - place, 1)
    # Of a CA in use for long, the old rows are deleted, but for this one at the power of two.
    power = 1 << (last.bit_length() - 1)
    ca = CA(dict.fromkeys([power, *range(max(1, last - 13_000), last + 1)], ANOTHER) | {number: OURS})

    assert await look_for(KEY, ca.query, after=None, latest=None) == OURS
    assert len(ca.asked) <= 31 + 20


async def test_without_a_number_it_is_never_certain_that_there_is_nothing() -> None:
    assert await look_for(KEY, CA({}).query, after=None, latest=None) is Trace.LOST
    assert await look_for(KEY, a_ca_with(100).query, after=None, latest=None) is Trace.LOST
    assert (
        await look_for(KEY, a_ca_with(100, lambda n: OURS if n == 80 else ANOTHER).query, after=None, latest=None)
        is Trace.LOST
    )
    assert await look_for(
        KEY, a_ca_with(3, lambda n: PENDING if n == 2 else ANOTHER).query, after=None, latest=None
    ) is (Trace.PERHAPS_PENDING)


async def test_what_others_were_given_since_is_a_number_to_begin_with() -> None:
    """Of a CA whose old rows are deleted, without any at a power of two."""
    ca = CA({1001: ANOTHER, 1002: OURS, 1003: ANOTHER})

    assert await look_for(KEY, ca.query, after=None, latest=None) is Trace.LOST
    assert await look_for(KEY, ca.query, after=None, latest="1003") == OURS
