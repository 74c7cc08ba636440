"""The condition on how long a certificate is asked for: the attributes in which a request can say it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.pki.certificate_request import EnrollmentNameValuePair
from gateway.policy.decision import Application, Concern, Violation
from gateway.policy.violations import first_of, violation
from gateway.policy.vocabulary import VALIDITY_ATTRIBUTES

_UNITS = {
    "Seconds": timedelta(seconds=1),
    "Minutes": timedelta(minutes=1),
    "Hours": timedelta(hours=1),
    "Days": timedelta(days=1),
    "Weeks": timedelta(weeks=1),
}
_MONTHS = {"Months": 1, "Years": 12}
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC1123_DATE = re.compile(
    r"([A-Z][a-z]{2}), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


@dataclass(frozen=True, slots=True)
class ValidityCondition:
    """`validity`: a request may ask for an end within so much time from now ([MS-WCCE] 2.2.2.7.10). A CA with
    EDITF_ATTRIBUTEENDDATE does as it is told."""

    maximum: timedelta | None
    """None: it may not ask."""

    def violations(self, rule: str, application: Application) -> tuple[Violation, ...]:
        pairs = tuple(pair for pair in application.request_attributes if pair.normalised in VALIDITY_ATTRIBUTES)
        return first_of(self._violations(rule, pairs, application.requester.authenticated_at))

    def _violations(self, rule: str, pairs: tuple[EnrollmentNameValuePair, ...], now: datetime) -> Iterator[Violation]:
        if self.maximum is None:
            for pair in pairs:
                # A line break would be another pair to a CA.
                is_forbidden = not pair.value.isprintable()
                yield violation(
                    rule, Concern.VALIDITY, pair.normalised, pair.value, "absent", is_forbidden=is_forbidden
                )
            return
        for name, times in Counter(pair.normalised for pair in pairs).items():
            if times > 1:
                yield violation(rule, Concern.VALIDITY, name, f"{times} occurrences", "at most 1")
        values = {pair.normalised: pair.value for pair in pairs}
        if "expirationdate" in values:
            yield from self._outside(rule, "expirationdate", values["expirationdate"], _date, now)
        if {"validityperiod", "validityperiodunits"}.intersection(values):
            shown = f"{values.get('validityperiodunits', '')} {values.get('validityperiod', '')}"
            yield from self._outside(rule, "validityperiod", shown, lambda period: _end(period, now), now)

    def _outside(
        self, rule: str, name: str, value: str, read: Callable[[str], datetime | None], now: datetime
    ) -> Iterator[Violation]:
        assert self.maximum is not None
        end = read(value)
        if end is None:
            wanted = "one of the forms of [MS-WCCE] 2.2.2.7.10"
            yield violation(rule, Concern.VALIDITY, name, value, wanted, is_forbidden=True)
        elif not now < end <= now + self.maximum:
            yield violation(rule, Concern.VALIDITY, name, value, f"an end within {self.maximum.days} days")


def _date(text: str) -> datetime | None:
    """RFC 2616 3.3.1, of its three forms the one that is to be written."""
    match = _RFC1123_DATE.fullmatch(text)
    if match is None:
        return None
    weekday, day, month, year, *time = match.groups()
    hour, minute, second = map(int, time)
    try:
        date = datetime(int(year), _MONTH_NAMES.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return date if _WEEKDAYS[date.weekday()] == weekday else None


def _end(period: str, now: datetime) -> datetime | None:
    """So many of a unit from now; the later day where a month is too short. None for what is none, or never."""
    number, _, unit = period.partition(" ")
    if not _NUMBER.fullmatch(number):
        return None
    try:
        if unit in _UNITS:
            return now + int(number) * _UNITS[unit]
        if unit in _MONTHS:
            return _months_later(now, int(number) * _MONTHS[unit])
    except (OverflowError, ValueError):
        return None
    return None


def _months_later(now: datetime, months: int) -> datetime:
    years, month = divmod(now.month - 1 + months, 12)
    return now.replace(year=now.year + years, month=month + 1, day=1) + timedelta(days=now.day - 1)
