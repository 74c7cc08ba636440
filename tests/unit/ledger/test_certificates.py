"""`gateway.ledger.certificates`: what the lines say of each other."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.ledger.certificates import Holding, Stage, holdings, soon_from
from gateway.ledger.hearing import key_of_account, key_of_certificate
from gateway.submission import Answered, Submission, UnderSubmission, Withheld
from tests.ledger import DAY, NOW, a_line, in_doubt, some_facts

WARN = 21 * DAY


def judged(*lines: Submission, heard: Mapping[str, datetime] | None = None) -> dict[str, Holding]:
    """By RequestID."""
    return {holding.submission.request_id: holding for holding in holdings(lines, heard or {}, NOW, WARN)}


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        (a_line(ends=22 * DAY), Stage.VALID),
        (a_line(ends=21 * DAY), Stage.ENDING),
        (a_line(ends=timedelta(0)), Stage.LAPSED),
        (a_line(**in_doubt(since=timedelta(seconds=29))), Stage.SENT),
        (a_line(**in_doubt(since=timedelta(seconds=30))), Stage.IN_DOUBT),
        (a_line(outcome=UnderSubmission("17")), Stage.PENDING),
        (a_line(outcome=UnderSubmission("17", is_denied=True)), Stage.DENIED),
        (a_line(outcome=Withheld("00" * 32)), Stage.WITHHELD),
    ],
    ids=str,
)
def test_each_line_is_at_a_stage(line: Submission, stage: Stage) -> None:
    assert judged(line)["1"].stage is stage


def test_a_short_life_ends_soon_in_its_last_tenth() -> None:
    assert soon_from(some_facts(ends=DAY, life=10 * DAY), WARN) == NOW
    assert soon_from(some_facts(ends=WARN, life=210 * DAY), WARN) == NOW
    assert soon_from(some_facts(ends=WARN, life=3650 * DAY), WARN) == NOW


def test_a_certificate_that_another_one_names_as_its_old_one_is_renewed() -> None:
    old = a_line("1", ends=5 * DAY)
    new = a_line("2", "another name", renews=some_facts(ends=5 * DAY).sha256, submitted_at=NOW, account="bob")

    assert [judged(old, new)[key].renewed_by for key in "12"] == ["2", None]
    assert judged(old, new)["1"].stage is Stage.RENEWED


def test_a_renewal_that_is_not_issued_yet_is_none() -> None:
    pending = a_line("2", renews=some_facts(ends=5 * DAY).sha256, outcome=UnderSubmission("18"))

    assert judged(a_line("1", ends=5 * DAY), pending)["1"].stage is Stage.ENDING


def test_a_later_certificate_for_the_same_names_that_ends_later_has_renewed_it() -> None:
    old, new = a_line("1", ends=5 * DAY), a_line("2", ends=300 * DAY, account="ALICE", template="webserver")

    assert judged(new, old)["1"].renewed_by == "2"


@pytest.mark.parametrize(
    "other",
    [
        a_line("2", ends=300 * DAY, account="bob"),
        a_line("2", ends=300 * DAY, template="Machine"),
        a_line("2", "web02", ends=300 * DAY),
        a_line("2", ends=5 * DAY, submitted_at=NOW),
        a_line("2", ends=4 * DAY, submitted_at=NOW),
        a_line("2", ends=300 * DAY, submitted_at=NOW - 1000 * DAY),
    ],
    ids=["another account", "another template", "another name", "the same end", "an earlier end", "sent before"],
)
def test_other_certificates_have_not_renewed_it(other: Submission) -> None:
    assert judged(a_line("1", ends=5 * DAY), other)["1"].renewed_by is None


def test_the_order_of_names_makes_no_other_certificate() -> None:
    def named(request_id: str, ends: timedelta, *names: str) -> Submission:
        facts = replace(some_facts(ends=ends), subject_alternative_name=names)
        return a_line(request_id, ends=ends, outcome=Answered("17", facts))

    old = named("1", 5 * DAY, "dNSName:a.example", "dNSName:b.example")
    new = named("2", 300 * DAY, "dNSName:b.example", "dNSName:a.example")

    assert judged(old, new)["1"].renewed_by == "2"


def test_each_is_renewed_by_the_next_one_that_outlives_it() -> None:
    ends = {"1": 10, "2": 8, "3": 8, "4": 9, "5": 100}
    lines = [a_line(key, ends=days * DAY, submitted_at=NOW - (9 - int(key)) * DAY) for key, days in ends.items()]

    found = judged(*lines)

    assert {key: holding.renewed_by for key, holding in found.items()} == {
        "1": "5",
        "2": "4",
        "3": "4",
        "4": "5",
        "5": None,
    }


def test_who_has_a_certificate_that_ends_soon_and_has_not_tried_since_is_silent() -> None:
    line = a_line(ends=5 * DAY)
    soon = NOW - 16 * DAY

    def is_silent(at: datetime | None, account: str = "Alice") -> bool:
        return judged(line, heard={key_of_account(account): at} if at else {})["1"].is_silent

    assert is_silent(None)
    assert is_silent(soon - timedelta(hours=2))
    assert not is_silent(soon + timedelta(seconds=1))
    assert is_silent(soon + timedelta(seconds=1), account="bob")


def test_what_was_tried_within_an_hour_after_it_was_noted_counts_too() -> None:
    at = NOW - 16 * DAY - timedelta(minutes=59)

    assert not judged(a_line(ends=5 * DAY), heard={key_of_account("alice"): at})["1"].is_silent


def test_who_has_shown_the_certificate_has_tried_whatever_its_account_is_called() -> None:
    sha256 = some_facts(ends=5 * DAY).sha256

    found = judged(a_line(ends=5 * DAY), heard={key_of_certificate(sha256): NOW})["1"]

    assert (found.is_silent, found.tried_at) == (False, NOW)


def test_what_was_sent_was_tried() -> None:
    pending = a_line("2", "web02", outcome=UnderSubmission("18"), submitted_at=NOW - DAY)

    found = judged(a_line(ends=5 * DAY), pending)["1"]

    assert (found.is_silent, found.tried_at) == (False, NOW - DAY)


@pytest.mark.parametrize("ends", [timedelta(days=30), timedelta(days=-1)], ids=["not soon", "over"])
def test_nobody_is_silent_before_it_is_soon_nor_when_it_is_over(ends: timedelta) -> None:
    assert not judged(a_line(ends=ends))["1"].is_silent


def test_a_certificate_that_stands_for_itself_belongs_to_the_partner_of_the_first_one() -> None:
    first, second, third = (some_facts(ends=days * DAY) for days in (1, 100, 200))
    lines = [
        a_line("1", ends=1 * DAY),
        a_line("2", ends=100 * DAY, renews=first.sha256, partner=None, account="CN=web01"),
        a_line("3", ends=200 * DAY, renews=second.sha256, partner=None, account="CN=web01"),
        a_line("4", renews=third.sha256, partner=None, outcome=UnderSubmission("18"), submitted_at=NOW),
        a_line("5", "web05", partner=None),
    ]

    assert [judged(*lines)[key].partner for key in "12345"] == [*["partner-a"] * 4, None]


def test_thousands_of_lines_of_one_holder_take_as_many_steps() -> None:
    """Every one outlives all before it but the first."""
    lines = [
        a_line(str(n), ends=days * DAY, life=4000 * DAY, submitted_at=NOW - 30 * DAY + n * timedelta(seconds=1))
        for n, days in enumerate((5_000, *range(1, 5_000)))
    ]

    found = judged(*lines)

    assert found["0"].renewed_by is None
    assert all(found[str(n)].renewed_by == str(n + 1) for n in range(1, 4_999))
