"""Splunk's times, in seconds of the epoch and UTC: modifiers and formats.

"Search Reference", "Time modifiers", "Date and time format variables".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tollwatch.query.entries import Here

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
    **dict.fromkeys(("mon", "month", "months"), "mon"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "y"),
}
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"([+-])(\d*)([a-z]+)|@([a-z]+)(\d?)")
_ABSOLUTE = "%m/%d/%Y:%H:%M:%S"


def relative_time(now: float, text: str, here: Here) -> float:
    """The time that a modifier names: ``-1h@h``, ``now``, seconds of the epoch, ``10/27/2026:10:00:00``."""
    text = text.strip().strip('"')
    if text.lower() in ("now", "now()"):
        return now
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if "/" in text:
        try:
            return datetime.strptime(text, _ABSOLUTE).replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise here.failed(f"the time {text} is not known") from None
    at, read = datetime.fromtimestamp(now, UTC), 0
    for found in _PART.finditer(text.lower()):
        if found.start() != read:
            break
        read = found.end()
        at = _moved(at, found, here) if found[1] else _snapped(at, found[4], found[5], here)
    if read != len(text) or not text:
        raise here.failed(f"the time {text} is not known")
    return at.timestamp()


def _unit(name: str, here: Here) -> str:
    if name not in _UNITS:
        raise here.failed(f"the unit of time {name} is not known")
    return _UNITS[name]


def _moved(at: datetime, found: re.Match[str], here: Here) -> datetime:
    count = int(found[2] or 1) * (-1 if found[1] == "-" else 1)
    unit = _unit(found[3], here)
    if unit in SECONDS:
        return at + timedelta(seconds=count * SECONDS[unit])
    months = at.month - 1 + count * (12 if unit == "y" else 1)
    year, month = at.year + months // 12, months % 12 + 1
    last = (datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC) - timedelta(days=1)).day
    return at.replace(year=year, month=month, day=min(at.day, last))


def _snapped(at: datetime, name: str, day: str, here: Here) -> datetime:
    """Down to the beginning of the unit; a week begins on Sunday, ``@w1`` on Monday."""
    unit = _unit(name, here)
    whole = at.replace(microsecond=0)
    if unit == "w":
        back = (at.isoweekday() - int(day or 0)) % 7
        return whole.replace(hour=0, minute=0, second=0) - timedelta(days=back)
    if unit in SECONDS:
        return whole - timedelta(seconds=whole.timestamp() % SECONDS[unit])
    first = whole.replace(day=1, hour=0, minute=0, second=0)
    return first.replace(month=1) if unit == "y" else first


def span_seconds(text: str, here: Here) -> float:
    """A span as ``5m``, ``1h`` or ``0.5`` (of a number)."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]*)", text.lower())
    if found is None or (found[2] and _unit(found[2], here) not in SECONDS):
        raise here.failed(f"the span {text} is not known")
    return float(found[1]) * (SECONDS[_unit(found[2], here)] if found[2] else 1)


def formatted(seconds: float, form: str) -> str:
    """``strftime`` in UTC, with Splunk's own ``%Q`` and ``%3N`` for parts of a second."""
    at = datetime.fromtimestamp(seconds, UTC)
    fraction = f"{at.microsecond:06d}000"
    form = re.sub(r"%([369]?)[NQ]", lambda found: fraction[: int(found[1] or 3)], form)
    form = form.replace("%s", str(int(seconds))).replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d")
    return at.strftime(form)


def read_time(text: str, form: str) -> float | None:
    """``strptime``; a time without a zone is UTC."""
    form = re.sub(r"%[369]?[NQ]", "%f", form).replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d")
    form = form.replace("%:z", "%z")
    if form == "%s":
        return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None
    try:
        read = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is given below
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
