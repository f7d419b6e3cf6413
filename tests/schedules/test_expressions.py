"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayfly.schedules.expressions import At, Cron, InvalidExpression, Rate, next_after, parse, zone_of


def ms(text, zone=UTC):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def times(expression, after, count, zone=UTC):
    found, at = [], ms(after, zone)
    for _ in range(count):
        at = next_after(parse(expression), at, zone=zone)
        if at is None:
            break
        found.append(f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 12 * * ? *)", "2026-01-31T12:00", ["2026-02-01 12:00", "2026-02-02 12:00"]),
        ("cron(0/15 8-9 ? * MON-FRI *)", "2026-01-30T09:40", ["2026-01-30 09:45", "2026-02-02 08:00"]),
        ("cron(0 0 L * ? *)", "2026-02-01T00:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 0 L-2 * ? *)", "2026-02-01T00:00", ["2026-02-26 00:00"]),
        ("cron(0 0 LW * ? *)", "2026-01-01T00:00", ["2026-01-30 00:00", "2026-02-27 00:00"]),
        ("cron(0 0 15W * ? *)", "2026-02-01T00:00", ["2026-02-16 00:00", "2026-03-16 00:00"]),
        ("cron(0 0 1W 8 ? *)", "2026-01-01T00:00", ["2026-08-03 00:00"]),
        ("cron(0 0 ? * 3#2 *)", "2026-01-01T00:00", ["2026-01-13 00:00", "2026-02-10 00:00"]),
        ("cron(0 0 ? * 6L *)", "2026-01-01T00:00", ["2026-01-30 00:00", "2026-02-27 00:00"]),
        ("cron(0 0 ? * FRI-MON *)", "2026-01-28T00:00", ["2026-01-30 00:00", "2026-01-31 00:00", "2026-02-01 00:00"]),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2027)", "2026-01-01T00:00", ["2027-01-01 00:00"]),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-01-01T00:00", ["2026-07-01 00:00"]),
    ],
)
def test_cron_occurs_when_aws_says(expression, after, expected):
    assert times(expression, after, len(expected)) == expected


def test_a_year_that_has_passed_never_comes():
    assert next_after(parse("cron(0 0 1 1 ? 2020)"), ms("2026-01-01")) is None


def test_a_time_that_summer_time_skips_does_not_occur_and_one_that_comes_twice_occurs_once():
    berlin = ZoneInfo("Europe/Berlin")
    assert times("cron(30 2 * * ? *)", "2026-03-28T12:00", 1, berlin) == ["2026-03-30 02:30"]
    assert times("cron(30 2 * * ? *)", "2026-10-24T12:00", 2, berlin) == ["2026-10-25 02:30", "2026-10-26 02:30"]


def test_rates_count_from_their_start():
    rate = parse("rate(5 minutes)")
    assert next_after(rate, 1000, start_ms=1000) == 301_000
    assert next_after(rate, 301_000, start_ms=1000) == 601_000
    assert next_after(rate, 2_000_000, start_ms=1000) == 2_101_000


def test_at_occurs_once_in_its_zone():
    at = parse("at(2026-07-01T12:00:00)")
    assert isinstance(at, At)
    noon = ms("2026-07-01T12:00", ZoneInfo("Europe/Berlin"))
    assert next_after(at, noon - 1, zone=zone_of("Europe/Berlin")) == noon
    assert next_after(at, noon, zone=zone_of("Europe/Berlin")) is None


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(5 seconds)", "cron(* * * * *)",
        "cron(* * * * * *)", "cron(60 * * * ? *)", "cron(0 0 ? * ? *)", "cron(0 0 ? * MON#6 *)", "cron(a 0 * * ? *)",
        "at(2026-02-30T00:00:00)", "at(tomorrow)", "every day", "", "cron(0/0 * * * ? *)",
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused(text):
    with pytest.raises(InvalidExpression):
        parse(text)


def test_the_scheduler_takes_singular_and_plural_units_alike():
    # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html: minute | minutes | …
    assert parse("rate(5 minute)", any_number=True) == parse("rate(5 minutes)")
    assert parse("rate(1 hours)", any_number=True) == parse("rate(1 hour)")


def fields(least, most):
    number = st.integers(least, most).map(str)
    span = st.tuples(st.integers(least, most), st.integers(least, most)).map(lambda s: f"{min(s)}-{max(s)}")
    step = st.tuples(st.integers(least, most), st.integers(1, most)).map(lambda s: f"{s[0]}/{s[1]}")
    return st.one_of(st.just("*"), number, span, step, st.lists(number, min_size=1, max_size=3).map(",".join))


crons = st.builds(
    lambda minute, hour, day, month, by_week: (
        f"cron({minute} {hour} ? {month} {day} *)" if by_week else f"cron({minute} {hour} {day} {month} ? *)"
    ),
    fields(0, 59),
    fields(0, 23),
    fields(1, 7),
    fields(1, 12),
    st.booleans(),
)


@given(crons, st.integers(ms("2024-01-01"), ms("2030-01-01")), st.sampled_from(["UTC", "America/New_York"]))
def test_the_next_occurrence_is_later_and_fits_every_field(text, after, zone_name):
    cron, zone = parse(text), zone_of(zone_name)
    assert isinstance(cron, Cron)
    found = next_after(cron, after, zone=zone)
    assert found is not None
    assert found > after
    local = datetime.fromtimestamp(found / 1000, zone)
    assert (local.second, local.microsecond) == (0, 0)
    assert local.minute in cron.minutes
    assert local.hour in cron.hours
    assert local.month in cron.months
    if cron.month_days:
        assert local.day in cron.month_days.numbers
    else:
        assert (local.weekday() + 1) % 7 + 1 in cron.week_days.numbers


@given(crons, st.integers(ms("2024-01-01"), ms("2030-01-01")))
def test_no_occurrence_lies_between_two_that_follow_each_other(text, after):
    cron = parse(text)
    first = next_after(cron, after)
    between = after + (first - after) // 2
    assert next_after(cron, between) == first


@given(st.integers(1, 500), st.sampled_from(["minute", "hour", "day"]), st.integers(0, 10**13))
def test_rates_are_evenly_spaced(value, unit, after):
    rate = parse(f"rate({value} {unit}{'s' if value > 1 else ''})")
    assert isinstance(rate, Rate)
    found = [after]
    for _ in range(3):
        found.append(next_after(rate, found[-1]))
    assert {b - a for a, b in pairwise(found[1:])} == {rate.every_ms}
    assert after < found[1] <= after + rate.every_ms
