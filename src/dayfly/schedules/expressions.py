"""Schedule expressions of EventBridge: `rate(5 minutes)`, `cron(0 12 ? * MON-FRI *)`, `at(2026-01-31T12:00:00)`.

Pure functions. Cron has AWS's six fields, with `L`, `W`, `#`, `?`, names, lists, ranges and steps; of day-of-month and
day-of-week exactly one must be `?`. Days of the week run from 1 (SUN) to 7 (SAT).

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from dayfly.errors import Error

FIRST_YEAR, LAST_YEAR = 1970, 2199

_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_MONTHS = {
    "JAN": 1,
    "FEB": 2,
    "MAR": 3,
    "APR": 4,
    "MAY": 5,
    "JUN": 6,
    "JUL": 7,
    "AUG": 8,
    "SEP": 9,
    "OCT": 10,
    "NOV": 11,
    "DEC": 12,
}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}


class InvalidExpression(Error):
    """Parameter ScheduleExpression is not valid."""


class Rate(msgspec.Struct, frozen=True):
    every_ms: int


class At(msgspec.Struct, frozen=True):
    """Once, at a wall-clock time."""

    moment: datetime


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """Which days of a month: plain numbers, and the marks that depend on the month."""

    numbers: frozenset[int] = frozenset()
    last: tuple[int, ...] = ()
    """`L` is 0, `L-3` is 3: so many days before the last of the month."""
    near: tuple[int, ...] = ()
    """`15W`: the weekday nearest to the 15th. `LW` is 0: the last weekday of the month."""
    nth: tuple[tuple[int, int], ...] = ()
    """`3#2`: (day of the week, which one of the month)."""
    last_of: tuple[int, ...] = ()
    """`6L`: the last such day of the week in the month."""


class Cron(msgspec.Struct, frozen=True, kw_only=True):
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: Days | None
    """None for `?`."""
    months: frozenset[int]
    week_days: Days | None
    years: frozenset[int]


Expression = Rate | At | Cron


@lru_cache(maxsize=1024)
def parse(text: str, *, any_number: bool = False) -> Expression:
    """Raises InvalidExpression with the reason.

    Rules want `rate(1 minute)` and `rate(5 minutes)`; `any_number`, for EventBridge Scheduler, takes either for both.
    """
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if found is None:
        raise InvalidExpression
    kind, inside = found[1], found[2].strip()
    if kind == "rate":
        return _rate(inside, any_number)
    return _at(inside) if kind == "at" else _cron(inside)


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """Raises InvalidExpression."""
    try:
        return ZoneInfo(name) if name and name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidExpression("Invalid ScheduleExpressionTimezone.") from None


def next_after(expression: Expression, after_ms: int, *, start_ms: int = 0, zone: tzinfo = UTC) -> int | None:
    """The first occurrence strictly after this moment, or None where there is none left.

    `start_ms` is when the expression began to hold: rates count from there. A local time that a change to summer time
    skips does not occur; one that comes twice in autumn occurs the first time.
    """
    if isinstance(expression, Rate):
        passed = max(0, after_ms - start_ms) // expression.every_ms + 1
        return start_ms + passed * expression.every_ms
    if isinstance(expression, At):
        at_ms = _epoch_ms(expression.moment.replace(tzinfo=zone))
        return at_ms if at_ms > after_ms else None
    return _next_cron(expression, after_ms, zone)


def period_ms(expression: Expression) -> int | None:
    """How long a rate's period is; None for the others."""
    return expression.every_ms if isinstance(expression, Rate) else None


def _next_cron(cron: Cron, after_ms: int, zone: tzinfo) -> int | None:
    local = datetime.fromtimestamp(after_ms / 1000, UTC).astimezone(zone)
    # One day early: around a change of the clocks, the local day of an earlier moment can still hold a later one.
    day = local.date() - timedelta(days=1)
    while day.year <= LAST_YEAR:
        if day.year not in cron.years:
            later = [year for year in cron.years if year > day.year]
            if not later:
                return None
            day = date(min(later), 1, 1)
        elif day.month not in cron.months:
            day = _first_of_next_month(day)
        elif day.day not in _days_of(cron, day.year, day.month):
            day += timedelta(days=1)
        else:
            found = _first_on(cron, day, after_ms, zone)
            if found is not None:
                return found
            day += timedelta(days=1)
    return None


def _first_on(cron: Cron, day: date, after_ms: int, zone: tzinfo) -> int | None:
    for hour in cron.hours:
        last = datetime(day.year, day.month, day.day, hour, 59, tzinfo=zone)
        if _epoch_ms(last) + 7_200_000 <= after_ms:
            continue
        for minute in cron.minutes:
            moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            at_ms = _epoch_ms(moment)
            exists = moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment.replace(tzinfo=None)
            if at_ms > after_ms and exists:
                return at_ms
    return None


def _first_of_next_month(day: date) -> date:
    return date(day.year + 1, 1, 1) if day.month == 12 else date(day.year, day.month + 1, 1)


@lru_cache(maxsize=4096)
def _days_of(cron: Cron, year: int, month: int) -> frozenset[int]:
    length = calendar.monthrange(year, month)[1]
    if cron.month_days is not None:
        return frozenset(_by_number(cron.month_days, year, month, length))
    assert cron.week_days is not None
    return frozenset(_by_week_day(cron.week_days, year, month, length))


def _by_number(days: Days, year: int, month: int, length: int) -> set[int]:
    found = {day for day in days.numbers if day <= length}
    found |= {length - before for before in days.last if length - before >= 1}
    for wanted in days.near:
        if wanted <= length:
            found.add(_nearest_weekday(year, month, wanted or length, length))
    return found


def _by_week_day(days: Days, year: int, month: int, length: int) -> set[int]:
    by_day: dict[int, list[int]] = {}
    for day in range(1, length + 1):
        by_day.setdefault(_week_day(year, month, day), []).append(day)
    found = {day for number in days.numbers for day in by_day[number]}
    found |= {by_day[number][which - 1] for number, which in days.nth if which <= len(by_day[number])}
    found |= {by_day[number][-1] for number in days.last_of}
    return found


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    week_day = _week_day(year, month, day)
    if week_day == 7:  # Saturday: the day before, unless that leaves the month
        return day - 1 if day > 1 else day + 2
    if week_day == 1:  # Sunday: the day after, unless that leaves the month
        return day + 1 if day < length else day - 2
    return day


def _week_day(year: int, month: int, day: int) -> int:
    return (date(year, month, day).weekday() + 1) % 7 + 1


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


# Reading


def _rate(text: str, any_number: bool) -> Rate:
    found = re.fullmatch(r"(\d+)\s+(minute|hour|day)(s?)", text)
    if found is None or int(found[1]) < 1:
        raise InvalidExpression
    value = int(found[1])
    if not any_number and (value == 1) == bool(found[3]):
        raise InvalidExpression
    return Rate(value * _UNITS_MS[found[2]])


def _at(text: str) -> At:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        raise InvalidExpression
    try:
        return At(datetime.fromisoformat(text))
    except ValueError:
        raise InvalidExpression from None


def _cron(text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != 6:
        raise InvalidExpression
    minutes, hours, month_days, months, week_days, years = fields
    if (month_days == "?") == (week_days == "?"):
        raise InvalidExpression
    return Cron(
        minutes=tuple(sorted(_numbers(minutes, 0, 59))),
        hours=tuple(sorted(_numbers(hours, 0, 23))),
        month_days=None if month_days == "?" else _month_days(month_days),
        months=frozenset(_numbers(months, 1, 12, _MONTHS)),
        week_days=None if week_days == "?" else _week_days(week_days),
        years=frozenset(_numbers(years, FIRST_YEAR, LAST_YEAR)),
    )


def _month_days(text: str) -> Days:
    numbers: set[int] = set()
    last: list[int] = []
    near: list[int] = []
    for part in text.split(","):
        if part in {"LW", "WL"}:
            near.append(0)
        elif found := re.fullmatch(r"L(?:-(\d+))?", part):
            last.append(int(found[1] or 0))
        elif found := re.fullmatch(r"(\d+)W", part):
            near.append(_bounded(found[1], 1, 31))
        else:
            numbers |= _numbers(part, 1, 31)
    return Days(numbers=frozenset(numbers), last=tuple(last), near=tuple(near))


def _week_days(text: str) -> Days:
    numbers: set[int] = set()
    nth: list[tuple[int, int]] = []
    last_of: list[int] = []
    for part in text.split(","):
        if found := re.fullmatch(r"(\w+)#(\d)", part):
            nth.append((_value(found[1], 1, 7, _DAYS), _bounded(found[2], 1, 5)))
        elif part == "L":
            numbers.add(7)
        elif part not in _DAYS and (found := re.fullmatch(r"(\w+)L", part)):
            last_of.append(_value(found[1], 1, 7, _DAYS))
        else:
            numbers |= _numbers(part, 1, 7, _DAYS)
    return Days(numbers=frozenset(numbers), nth=tuple(nth), last_of=tuple(last_of))


def _numbers(text: str, least: int, most: int, names: dict[str, int] | None = None) -> set[int]:
    """One field's plain values: `*`, `5`, `1-5`, `*/15`, `10/5`, `1-20/3`, lists of them."""
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _bounded(step_text, 1, most) if slash else 1
        if span == "*":
            first, last = least, most
        elif "-" in span:
            low, _, high = span.partition("-")
            first, last = _value(low, least, most, names), _value(high, least, most, names)
        else:
            first = _value(span, least, most, names)
            last = most if slash else first
        if first <= last:
            found.update(range(first, last + 1, step))
        else:  # FRI-MON runs over the end
            whole = [*range(first, most + 1), *range(least, last + 1)]
            found.update(whole[::step])
    return found


def _value(text: str, least: int, most: int, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else _bounded(text, least, most)


def _bounded(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise InvalidExpression
    return int(text)
