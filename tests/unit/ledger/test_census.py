import re
from pathlib import Path

from gateway.ledger.census import OF_CERTIFICATES, OF_SUBMISSIONS, census
from gateway.ledger.certificates import Stage, holdings
from gateway.submission import UnderSubmission
from tests.ledger import DAY, NOW, a_line, in_doubt

WARN = 21 * DAY


def test_certificates_are_counted_by_partner_and_stage() -> None:
    lines = [
        a_line("1", "a", ends=5 * DAY),
        a_line("2", "b", ends=50 * DAY),
        a_line("3", "c", ends=500 * DAY, life=600 * DAY),
        a_line("4", "d", **in_doubt()),
        a_line("5", "e", partner="partner-b", account="bob", ends=90 * DAY),
    ]

    found = census(holdings(lines, {}, NOW, WARN), ["partner-a", "partner-b", "partner-c"])

    assert found["partner-a"].stages == {Stage.ENDING: 1, Stage.VALID: 2, Stage.IN_DOUBT: 1}
    assert found["partner-b"].stages == {Stage.VALID: 1}
    assert found["partner-c"].stages == {}


def test_the_next_end_is_that_of_a_valid_certificate_that_is_not_renewed() -> None:
    lines = [
        a_line("1", "over", ends=-1 * DAY),
        a_line("2", "renewed", ends=5 * DAY),
        a_line("3", "renewed", ends=300 * DAY),
        a_line("4", "pending", outcome=UnderSubmission("17")),
        a_line("5", "ending", ends=7 * DAY),
        a_line("6", "valid", ends=70 * DAY),
    ]

    found = census(holdings(lines, {}, NOW, WARN), ["partner-a"])

    assert found["partner-a"].next_end == NOW + 7 * DAY
    assert found[""].next_end is None


def test_the_silent_are_counted() -> None:
    lines = [a_line("1", "a", ends=5 * DAY), a_line("2", "b", ends=50 * DAY)]

    assert census(holdings(lines, {}, NOW, WARN), ["partner-a"])["partner-a"].silent == 1


def test_whoever_belongs_to_no_partner_that_there_is_counts_under_the_empty_name() -> None:
    lines = [a_line("1", "a", partner=None), a_line("2", "b", partner="gone")]

    found = census(holdings(lines, {}, NOW, WARN), ["partner-a"])

    assert {partner: each.stages.total() for partner, each in found.items()} == {"partner-a": 0, "": 2}


def test_every_stage_is_shown() -> None:
    assert sorted((*OF_CERTIFICATES, *OF_SUBMISSIONS)) == sorted(Stage)


def test_every_stage_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "certificates.md").read_text(encoding="utf-8")

    told = dict(re.findall(r"^\| `(\w+)` \| a (submission|certificate) \|", page, re.MULTILINE))

    assert told == dict.fromkeys(OF_SUBMISSIONS, "submission") | dict.fromkeys(OF_CERTIFICATES, "certificate")
