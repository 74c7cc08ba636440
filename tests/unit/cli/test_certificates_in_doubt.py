from datetime import timedelta

import pytest

from gateway.cli.certificates_in_doubt import advice, request_of
from tests.ledger import DAY, NOW, a_line, in_doubt
from tests.requests import a_certification_request

HOUR = timedelta(hours=1)


def told(*, since: timedelta, after: str | None = "16") -> list[str]:
    return list(advice(a_line(**in_doubt(since=since, after=after)), NOW))


@pytest.mark.parametrize(
    ("since", "restrictions"),
    [
        (timedelta(minutes=1), "Request.SubmittedWhen>=now-0:02,RequestID>16"),
        (3 * HOUR, "Request.SubmittedWhen>=now-0:05,Request.SubmittedWhen<=now-0:01,RequestID>16"),
        (30 * DAY, "Request.SubmittedWhen>=now-30:02,Request.SubmittedWhen<=now-29:22,RequestID>16"),
    ],
)
def test_the_ca_is_asked_for_some_hours_around_the_time(since: timedelta, restrictions: str) -> None:
    assert told(since=since)[1].startswith(f'certutil -view -restrict "{restrictions}" -out "RequestID,')


def test_it_is_told_where_to_look_and_what_follows_from_what_is_found() -> None:
    columns = (
        "RequestID,Request.RequesterName,CertificateTemplate,Request.SubmittedWhen,Request.Disposition,"
        "Request.CommonName,SerialNumber"
    )

    assert told(since=HOUR)[:-1] == [
        "look on the CA Corp Issuing CA 1 for the template WebServer, asked for by alice:",
        f'certutil -view -restrict "Request.SubmittedWhen>=now-0:03,RequestID>16" -out "{columns}"',
        "disposition 20: there is a certificate; if its holder has not got it: certutil -revoke SERIALNUMBER 4",
        "disposition 9: it is pending; deny it if nobody waits for it: certutil -deny REQUESTID",
        "any other, or no line: there is no certificate",
    ]


def test_without_a_number_the_time_alone_counts() -> None:
    assert "RequestID>" not in told(since=HOUR, after=None)[1]


@pytest.mark.parametrize(
    ("since", "after", "last"),
    [
        (HOUR, "16", "let the client repeat the request until 2026-11-29T11:00Z: what the CA has, it gets"),
        (HOUR, None, "the identical request is refused until 2026-11-29T11:00Z; a new one, with a new key, is not"),
        (DAY, "16", "the client may ask anew at any time"),
        (DAY, None, "the client may ask anew at any time"),
    ],
)
def test_the_client_is_told_to_repeat_while_that_helps(since: timedelta, after: str | None, last: str) -> None:
    assert told(since=since, after=after)[-1] == last


def test_what_was_asked_for_is_read_from_the_request_as_long_as_it_is_kept() -> None:
    request = request_of(a_line(request=a_certification_request("CN=web01")))

    assert str(request and request.subject) == "CN=web01"
    assert request_of(a_line()) is None
    assert request_of(a_line(request=b"no DER")) is None
