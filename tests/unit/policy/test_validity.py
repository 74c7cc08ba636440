from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.policy.decision import Concern, Rule
from gateway.policy.load import load_policies
from gateway.policy.validity import ValidityCondition
from gateway.strict_yaml import Mistaken
from tests.builders import NOW, a_policy_file, a_request, a_requester, an_application

A_MONTH = ValidityCondition(timedelta(days=30))
TOO_LONG = "an end within 30 days"
UNREADABLE = "one of the forms of [MS-WCCE] 2.2.2.7.10"
# NOW is Mon, 01 Jun 2026 00:00:00 GMT.


def objections(condition: ValidityCondition, now: datetime = NOW, **attributes: str) -> list[tuple[str, str, str]]:
    """(field, value, wanted) of each violation, wherever the attributes stand."""
    requester = replace(a_requester(), authenticated_at=now)
    around = an_application(requester=requester, context=attributes)
    within = an_application(a_request(name_value_pairs=attributes), requester)
    found = condition.violations("a rule", around)
    assert condition.violations("a rule", within) == found
    assert all((violation.rule, violation.concern) == ("a rule", Concern.VALIDITY) for violation in found)
    return [(violation.field, violation.value, violation.wanted) for violation in found]


@pytest.mark.parametrize("name", ["ValidityPeriod", "Validity-Period Units", "EXPIRATIONDATE"])
def test_without_the_section_nothing_can_be_asked_for(name: str) -> None:
    (violation,) = ValidityCondition(None).violations("a rule", an_application(context={name: "3"}))

    assert (violation.value, violation.wanted) == ("3", "absent")


@pytest.mark.parametrize("condition", [ValidityCondition(None), A_MONTH])
def test_a_line_break_is_forbidden_with_the_section_and_without(condition: ValidityCondition) -> None:
    application = an_application(context={"ExpirationDate": "x\nSAN:upn=administrator@corp.example"})

    (violation,) = condition.violations("a rule", application)

    assert violation.is_forbidden


@pytest.mark.parametrize("condition", [ValidityCondition(None), A_MONTH])
def test_nothing_need_be_asked_for(condition: ValidityCondition) -> None:
    assert objections(condition) == []
    assert objections(condition, ccm="web01") == [], "other attributes are judged elsewhere"


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        *((str(30 * 86400), "Seconds"), (str(30 * 1440), "Minutes"), ("720", "Hours"), ("30", "Days"), ("4", "Weeks")),
        ("1", "Months"),  # June has 30 days
    ],
)
def test_a_period_within_the_bound_is_allowed(number: str, unit: str) -> None:
    assert objections(A_MONTH, ValidityPeriod=unit, ValidityPeriodUnits=number) == []


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        *((str(30 * 86400 + 1), "Seconds"), ("721", "Hours"), ("31", "Days"), ("5", "Weeks"), ("2", "Months")),
        *(("1", "Years"), ("999999999", "Seconds")),
    ],
)
def test_a_period_beyond_the_bound_is_refused(number: str, unit: str) -> None:
    shown = f"{number} {unit}"

    assert objections(A_MONTH, ValidityPeriod=unit, ValidityPeriodUnits=number) == [("validityperiod", shown, TOO_LONG)]


@pytest.mark.parametrize(
    ("number", "unit"),
    [
        *(("0", "Days"), ("-1", "Days"), ("+1", "Days"), ("1.5", "Days"), ("1e3", "Days"), ("0x1", "Days")),
        *((" 1", "Days"), ("1 ", "Days"), ("\u0661", "Days"), ("", "Days"), ("01", "Days"), ("1\n", "Days")),
        *(("1", "days"), ("1", "Day"), ("1", ""), ("1", "Days "), ("1", "Days\nSAN:upn=x"), ("1", "Fortnights")),
        *(
            ("1 Days", "Days"),
            ("9999999999", "Seconds"),
            ("999999999", "Weeks"),
            ("999999999", "Years"),
            ("8000", "Years"),
        ),
    ],
)
def test_what_cannot_be_read_is_refused(number: str, unit: str) -> None:
    found = A_MONTH.violations(
        "a rule", an_application(context={"ValidityPeriod": unit, "ValidityPeriodUnits": number})
    )

    assert [(violation.wanted, violation.is_forbidden) for violation in found] == [(UNREADABLE, True)]


def test_half_a_period_is_refused() -> None:
    assert objections(A_MONTH, ValidityPeriod="Days") == [("validityperiod", " Days", UNREADABLE)]
    assert objections(A_MONTH, ValidityPeriodUnits="3") == [("validityperiod", "3 ", UNREADABLE)]


@pytest.mark.parametrize(
    ("now", "number", "unit", "end"),
    [
        (datetime(2027, 1, 31, tzinfo=UTC), 1, "Months", datetime(2027, 3, 3, tzinfo=UTC)),
        (datetime(2028, 2, 29, tzinfo=UTC), 1, "Years", datetime(2029, 3, 1, tzinfo=UTC)),
        (datetime(2026, 12, 15, tzinfo=UTC), 1, "Months", datetime(2027, 1, 15, tzinfo=UTC)),
        (datetime(2026, 12, 15, tzinfo=UTC), 24, "Months", datetime(2028, 12, 15, tzinfo=UTC)),
    ],
)
def test_months_and_years_are_those_of_the_calendar(now: datetime, number: int, unit: str, end: datetime) -> None:
    exactly, less = ValidityCondition(end - now), ValidityCondition(end - now - timedelta(seconds=1))

    assert objections(exactly, now, ValidityPeriod=unit, ValidityPeriodUnits=str(number)) == []
    assert objections(less, now, ValidityPeriod=unit, ValidityPeriodUnits=str(number)) != []


def test_a_date_within_the_bound_is_allowed() -> None:
    assert objections(A_MONTH, ExpirationDate="Wed, 01 Jul 2026 00:00:00 GMT") == []


def test_every_day_of_a_year_can_be_written() -> None:
    two_years = ValidityCondition(timedelta(days=730))

    for day in range(1, 366):
        date = format_datetime(NOW + timedelta(days=day), usegmt=True)
        assert objections(two_years, ExpirationDate=date) == []


@pytest.mark.parametrize(
    "date", ["Wed, 01 Jul 2026 00:00:01 GMT", "Mon, 01 Jun 2026 00:00:00 GMT", "Sun, 31 May 2026 23:59:59 GMT"]
)
def test_a_date_beyond_the_bound_or_in_the_past_is_refused(date: str) -> None:
    assert objections(A_MONTH, ExpirationDate=date) == [("expirationdate", date, TOO_LONG)]


@pytest.mark.parametrize(
    "date",
    [
        "",
        "2026-06-02",
        "Thu, 02 Jun 2026 00:00:00 GMT",  # a Tuesday
        "Tue, 2 Jun 2026 00:00:00 GMT",
        "Tue, 02 June 2026 00:00:00 GMT",
        "Tue, 02 Xyz 2026 00:00:00 GMT",
        "Tue, 02 Jun 2026 00:00:00 UTC",
        "Tue, 02 Jun 2026 00:00:00 GMT\n",
        "Tue, 31 Jun 2026 00:00:00 GMT",
        "Tue, 02 Jun 2026 24:00:00 GMT",
        "Tue, 02 Jun 0000 00:00:00 GMT",
        "Tuesday, 02-Jun-26 00:00:00 GMT",
        "Tue Jun  2 00:00:00 2026",
    ],
)
def test_a_date_that_cannot_be_read_is_refused(date: str) -> None:
    assert objections(A_MONTH, ExpirationDate=date) == [("expirationdate", date, UNREADABLE)]


def test_both_forms_are_judged() -> None:
    found = objections(
        A_MONTH, ExpirationDate="Fri, 01 Jan 2027 00:00:00 GMT", ValidityPeriod="Years", ValidityPeriodUnits="1"
    )

    assert [field for field, _, _ in found] == ["expirationdate", "validityperiod"]


def test_a_form_that_stands_twice_is_refused() -> None:
    days = {"ValidityPeriod": "Days", "ValidityPeriodUnits": "1"}
    found = A_MONTH.violations("a rule", an_application(a_request(name_value_pairs=days), context=days))

    assert [(v.field, v.value, v.wanted) for v in found] == [
        ("validityperiod", "2 occurrences", "at most 1"),
        ("validityperiodunits", "2 occurrences", "at most 1"),
    ]


def rule_of(section: str) -> Rule:
    (policy,) = load_policies([("P.yaml", a_policy_file(section))]).policies
    return policy.rules[0]


def test_the_section_bounds_the_request_and_the_certificate() -> None:
    rule = rule_of("validity: {maximumDays: 30}")

    assert A_MONTH in rule.conditions
    assert rule.maximum_validity == timedelta(days=30)
    assert {"validityperiod", "validityperiodunits", "expirationdate"} <= rule.attributes


@pytest.mark.parametrize("section", ["{}", "{maximumDays: 0}", "{maximumDays: 36526}", "{maximumDays: '30'}", "1y"])
def test_a_section_that_cannot_be_meant_is_a_mistake(section: str) -> None:
    with pytest.raises(Mistaken):
        rule_of(f"validity: {section}")
