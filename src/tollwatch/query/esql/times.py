"""Moments and timespans of ES|QL: reading, writing, truncating. All in UTC, in whole milliseconds.

Elastic's reference, "Time spans", "Date-time functions"; for what a bucket begins with, Elasticsearch's Rounding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from tollwatch.query.columns import EPOCH
from tollwatch.query.esql.syntax import Amount
from tollwatch.query.table import Index

SECOND = 1_000_000
DAY = 86_400 * SECOND
WEEK = 7 * DAY
MONDAY = -3 * DAY  # the Monday before 1970 began
UNITS: Mapping[str, Amount] = {
    name: amount
    for names, amount in {
        "ms millisecond milliseconds": Amount(0, 1_000, False),
        "s sec second seconds": Amount(0, SECOND, False),
        "m min minute minutes": Amount(0, 60 * SECOND, False),
        "h hour hours": Amount(0, 3_600 * SECOND, False),
        "d day days": Amount(0, DAY, True),
        "w week weeks": Amount(0, WEEK, True),
        "mo month months": Amount(1, 0, True),
        "q quarter quarters": Amount(3, 0, True),
        "y yr year years": Amount(12, 0, True),
    }.items()
    for name in names.split()
}
_ISO = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(?:(\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?)?"
    r"(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?"
)


def amount(text: str) -> Amount | None:
    """A timespan like ``5 minutes``; None for what is none."""
    found = re.fullmatch(r"\s*([+-]?\d+)\s*([a-zA-Z]+)\s*", text)
    unit = UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        return None
    return Amount(int(found[1]) * unit.months, int(found[1]) * unit.micros, unit.period)


def moment(text: str) -> int | None:
    """µs of a time in ISO 8601, as strict_date_optional_time has it; None for what is none."""
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        at = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    micros = (at - EPOCH) // timedelta(microseconds=1) + int((fraction or "0").ljust(9, "0")[:3]) * 1_000
    if zone not in (None, "Z"):
        digits = zone[1:].replace(":", "").ljust(4, "0")
        shift = (int(digits[:2]) * 3_600 + int(digits[2:]) * 60) * SECOND
        micros += -shift if zone[0] == "+" else shift
    return micros


def iso(micros: int) -> str:
    """The time as Elastic prints it."""
    at = EPOCH + timedelta(microseconds=int(micros))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03d}Z".rjust(24, "0")


def months_of(micros: Index) -> Index:
    """Whole months since January 1970."""
    return np.asarray(micros.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64), np.int64)


def month_start(months: Index) -> Index:
    """µs at which a month begins."""
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64), np.int64)


def shifted(micros: Index, by: Amount, sign: int) -> Index:
    """The times a timespan later or earlier; a day that the month lacks is its last."""
    if by.months:
        months = months_of(micros) + sign * by.months
        first, last = month_start(months), month_start(months + 1) - DAY
        within = micros - month_start(months_of(micros))
        day = np.minimum(first + within // DAY * DAY, last)
        micros = day + within % DAY
    return micros + sign * by.micros


def truncated(micros: Index, by: Amount) -> Index:
    """The start of the bucket that each time is in.

    Weeks begin on Mondays, several months and years are counted from the year 1, and all else from 1970.
    """
    if by.months:
        since = months_of(micros) + 1969 * 12
        return month_start(since // by.months * by.months - 1969 * 12)
    if by.period and by.micros == WEEK:
        return (micros - MONDAY) // WEEK * WEEK + MONDAY
    return micros // by.micros * by.micros


# From the widest to the narrowest: what BUCKET with a number of buckets chooses from.
HUMAN: tuple[Amount, ...] = (
    Amount(12, 0, True), Amount(1, 0, True), Amount(0, WEEK, True), Amount(0, DAY, True),
    *(Amount(0, micros, False) for micros in (
        12 * 3_600 * SECOND, 3 * 3_600 * SECOND, 3_600 * SECOND, 30 * 60 * SECOND, 10 * 60 * SECOND, 5 * 60 * SECOND,
        60 * SECOND, 30 * SECOND, 10 * SECOND, 5 * SECOND, SECOND, 100_000, 50_000, 10_000, 1_000,
    )),
)  # fmt: skip


def human(buckets: int, start: int, end: int) -> Amount:
    """The narrowest of the widths with which so many buckets reach from the start to the end."""
    best = HUMAN[0]
    for one in HUMAN[1:]:
        at = truncated(np.array([start], np.int64), one)
        for _ in range(buckets):
            at = shifted(at, one, 1)
            if at[0] >= end:
                break
        if at[0] < end:
            return best
        best = one
    return best
