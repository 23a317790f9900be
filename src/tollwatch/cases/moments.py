"""Durations and times as cases write them. All results are whole microseconds; None is not one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

DAY = datetime(2026, 3, 1, tzinfo=UTC)
"""The day that a time of day alone falls on."""

_UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{1,6})?(?:us|ms|s|m|h|d|w))+")
_PART = re.compile(r"([0-9.]+)([a-z]+)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromtimestamp(0, UTC)


def parse_duration(text: str) -> int | None:
    """``40s``, ``1.5h``, ``1m30s``; the units are us, ms, s, m, h, d and w."""
    if not _DURATION.fullmatch(text):
        return None
    return int(sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def parse_moment(text: str) -> int | None:
    """µs since the epoch of a time of day (``10:00``, ``10:00:00.5``) on 2026-03-01, or of an ISO 8601 time.

    A time without an offset is UTC.
    """
    clock = _CLOCK.fullmatch(text)
    if not clock and not _TIMESTAMP.fullmatch(text):
        return None
    try:
        if clock:
            hour, minute, second, fraction = clock.groups()
            at = time(int(hour), int(minute), int(second or 0), int((fraction or "").ljust(6, "0")))
            moment = datetime.combine(DAY, at, UTC)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
