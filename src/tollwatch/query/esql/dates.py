"""ES|QL's functions of dates. Elastic's reference, "Date-time functions", "Grouping functions"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from tollwatch.query.columns import EPOCH, moment_of
from tollwatch.query.entries import STRINGS, Function, Here, Kinds, distinct_rows, each, single
from tollwatch.query.esql import formats, times
from tollwatch.query.esql.formats import DAYS, MONTHS
from tollwatch.query.esql.operators import finite, whole
from tollwatch.query.esql.syntax import Amount
from tollwatch.query.esql.values import NUMERIC, WHOLE_NUMBERS, named
from tollwatch.query.table import Column, Type, constant, nulls

DATES: Kinds = frozenset({Type.DATETIME})
SPANS: Kinds = frozenset({Type.TIMESPAN})


def spans(value: Amount, rows: int) -> Column:
    """A timespan in every row: a constant, which no table keeps."""
    return Column(Type.TIMESPAN, np.full(rows, value, object), np.ones(rows, np.bool_))


def _span(one: Column, here: Here) -> Amount | None:
    found: Amount | None = single(one, "a timespan", here)
    return found


# ---------------------------------------------------------------- buckets


def _truncated(date: Column, span: Column, here: Here) -> Column:
    by = _span(span, here)
    if by is None:
        return nulls(Type.DATETIME, here.rows)
    if by.micros < 0 or by.months < 0 or by == Amount(0, 0, by.period):
        raise here.failed("a bucket of no width or less is not known")
    if by.months and by.micros:
        raise here.failed("a bucket of months and days is not known")
    return Column(Type.DATETIME, times.truncated(date.values, by), date.valid)


def _date_trunc(columns: Sequence[Column], here: Here) -> Column:
    return _truncated(columns[1], columns[0], here)


def _bucket(columns: Sequence[Column], here: Here) -> Column:
    one, size, *ends = columns
    if one.type is Type.DATETIME:
        if size.type is Type.TIMESPAN and not ends:
            return _truncated(one, size, here)
        if size.type not in WHOLE_NUMBERS or len(ends) != 2 or {end.type for end in ends} != {Type.DATETIME}:
            raise here.failed("BUCKET wants a timespan, or a number of buckets and two dates")
        number, start, end = (single(part, "a part of BUCKET", here) for part in (size, *ends))
        if number is None or start is None or end is None:
            return nulls(Type.DATETIME, here.rows)
        return _truncated(one, spans(times.human(number, start, end), here.rows), here)
    if size.type not in NUMERIC or len(ends) not in (0, 2) or any(end.type not in NUMERIC for end in ends):
        raise here.failed(f"BUCKET is not known for {', '.join(named(part) for part in columns)}")
    width = single(size, "a part of BUCKET", here)
    if width is not None and ends:
        width = _human(width, *(single(end, "a part of BUCKET", here) for end in ends))
    if width is None:
        return nulls(Type.REAL, here.rows)
    with np.errstate(all="ignore"):
        return finite(np.floor(one.values / float(width)) * float(width), one.valid)


def _human(buckets: int, start: float | None, end: float | None) -> float | None:
    """The least of 1, 5 and 10 times a power of ten, and so on, with which the buckets reach."""
    if start is None or end is None:
        return None
    wanted = (end - start) / buckets
    tens = 10.0 ** math.ceil(math.log10(wanted))
    return tens / 2 if wanted < tens / 2 else tens


# ---------------------------------------------------------------- differences and parts

_FIXED = {"week": times.WEEK, "day": times.DAY, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000,
          "millisecond": 1_000, "microsecond": 1}  # fmt: skip
_MONTHS = {"year": 12, "quarter": 3, "month": 1}
DIFFERENCES: Mapping[str, str] = {
    alias: unit
    for unit, aliases in {
        "year": "years yyyy yy", "quarter": "quarters qq q", "month": "months mm m", "week": "weeks wk ww",
        "day": "dayofyear dy y days dd d weekday weekdays dw", "hour": "hours hh", "minute": "minutes mi n",
        "second": "seconds ss s", "millisecond": "milliseconds ms", "microsecond": "microseconds mcs",
        "nanosecond": "nanoseconds ns",
    }.items()
    for alias in (unit, *aliases.split())
}  # fmt: skip


def _date_diff(columns: Sequence[Column], here: Here) -> Column:
    """Whole units that have passed; null where 32 bits do not hold them."""
    unit, start, end = columns
    said = single(unit, "a unit", here)
    if said is None:
        return nulls(Type.INT, here.rows)
    if said.lower() not in DIFFERENCES:
        raise here.failed(f"the unit {said} is not known")
    name, apart = DIFFERENCES[said.lower()], end.values - start.values
    if name in _MONTHS:
        first, second = times.months_of(start.values), times.months_of(end.values)
        into = (start.values - times.month_start(first)) - (end.values - times.month_start(second))
        months = second - first - ((apart > 0) & (into > 0)) + ((apart < 0) & (into < 0))
        found = np.trunc(months / _MONTHS[name]).astype(np.int64)
    elif name == "nanosecond":
        found = np.where(np.abs(apart) < 2**40, apart, 2**40) * 1_000
    else:
        size = _FIXED[name]
        found = np.abs(apart) // size * np.sign(apart)
    return whole(Type.INT, found, start.valid & end.valid)


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "year_of_era": lambda at: at.year,
    "month_of_year": lambda at: at.month,
    "proleptic_month": lambda at: at.year * 12 + at.month - 1,
    "day_of_month": lambda at: at.day,
    "day_of_week": lambda at: at.isoweekday(),
    "day_of_year": lambda at: at.timetuple().tm_yday,
    "epoch_day": lambda at: (at - EPOCH).days,
    "aligned_week_of_month": lambda at: (at.day - 1) // 7 + 1,
    "aligned_week_of_year": lambda at: (at.timetuple().tm_yday - 1) // 7 + 1,
    "ampm_of_day": lambda at: at.hour // 12,
    "hour_of_ampm": lambda at: at.hour % 12,
    "clock_hour_of_ampm": lambda at: at.hour % 12 or 12,
    "clock_hour_of_day": lambda at: at.hour or 24,
    "hour_of_day": lambda at: at.hour,
    "minute_of_hour": lambda at: at.minute,
    "minute_of_day": lambda at: at.hour * 60 + at.minute,
    "second_of_minute": lambda at: at.second,
    "second_of_day": lambda at: at.hour * 3_600 + at.minute * 60 + at.second,
    "milli_of_second": lambda at: at.microsecond // 1_000,
    "nano_of_second": lambda at: at.microsecond * 1_000,
    "micro_of_second": lambda at: at.microsecond,
    "instant_seconds": lambda at: (at - EPOCH) // timedelta(seconds=1),
}


def _date_extract(columns: Sequence[Column], here: Here) -> Column:
    part, date = columns
    said = single(part, "a part of a date", here)
    if said is None:
        return nulls(Type.LONG, here.rows)
    if said.lower() not in _PARTS:
        raise here.failed(f"the part {said} of a date is not known")
    read = _PARTS[said.lower()]
    return distinct_rows(Type.LONG, lambda micros: read(moment_of(micros)), [date], here.rows)


# ---------------------------------------------------------------- names and formats


def _day_name(micros: int) -> str:
    return DAYS[moment_of(micros).weekday()]


def _month_name(micros: int) -> str:
    return MONTHS[moment_of(micros).month - 1]


def _date_format(columns: Sequence[Column], here: Here) -> Column:
    *said, date = columns
    if not said:
        return each(Type.STRING, times.iso)([date], here)
    pattern = single(said[0], "a format", here)
    if pattern is None:
        return nulls(Type.STRING, here.rows)
    write = formats.writer(pattern, here)
    return distinct_rows(Type.STRING, lambda micros: write(moment_of(micros)), [date], here.rows)


def _date_parse(columns: Sequence[Column], here: Here) -> Column:
    *said, text = columns
    if not said:
        return each(Type.DATETIME, times.moment)([text], here)
    pattern = single(said[0], "a format", here)
    if pattern is None:
        return nulls(Type.DATETIME, here.rows)
    return distinct_rows(Type.DATETIME, formats.reader(pattern, here), [text], here.rows)


def _now(_columns: Sequence[Column], here: Here) -> Column:
    return constant(Type.DATETIME, here.now // 1_000 * 1_000, here.rows)


DATE_FUNCTIONS: Mapping[str, Function] = {
    "NOW": Function(0, 0, _now),
    "DATE_TRUNC": Function(2, 2, _date_trunc, (SPANS, DATES)),
    "DATE_DIFF": Function(3, 3, _date_diff, (STRINGS, DATES, DATES)),
    "DATE_EXTRACT": Function(2, 2, _date_extract, (STRINGS, DATES)),
    "DATE_FORMAT": Function(1, 2, _date_format, (STRINGS | DATES, DATES)),
    "DATE_PARSE": Function(1, 2, _date_parse, (STRINGS,)),
    "DAY_NAME": Function(1, 1, each(Type.STRING, _day_name), (DATES,)),
    "MONTH_NAME": Function(1, 1, each(Type.STRING, _month_name), (DATES,)),
}
# A grouping function, which stands only after BY.
BUCKETS: Mapping[str, Function] = {
    "BUCKET": Function(2, 4, _bucket, (NUMERIC | DATES, NUMERIC | SPANS, NUMERIC | DATES, NUMERIC | DATES))
}
