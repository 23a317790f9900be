"""Java's patterns of dates, as far as DATE_FORMAT and DATE_PARSE are used with them. In English and UTC.

Java's class DateTimeFormatter; Elasticsearch fills what a pattern leaves out: the first month and day, midnight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from tollwatch.query.columns import EPOCH
from tollwatch.query.entries import Here

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_PIECES = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|(.)", re.DOTALL)
_WRITE: Mapping[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04d}", "uuuu": lambda at: f"{at.year:04d}", "yy": lambda at: f"{at.year % 100:02d}",
    "y": lambda at: str(at.year), "u": lambda at: str(at.year), "MMMM": lambda at: MONTHS[at.month - 1],
    "MMM": lambda at: MONTHS[at.month - 1][:3], "MM": lambda at: f"{at.month:02d}", "M": lambda at: str(at.month),
    "dd": lambda at: f"{at.day:02d}", "d": lambda at: str(at.day), "DDD": lambda at: f"{at.timetuple().tm_yday:03d}",
    "EEEE": lambda at: DAYS[at.weekday()], "EEE": lambda at: DAYS[at.weekday()][:3],
    "E": lambda at: DAYS[at.weekday()][:3], "HH": lambda at: f"{at.hour:02d}", "H": lambda at: str(at.hour),
    "hh": lambda at: f"{at.hour % 12 or 12:02d}", "h": lambda at: str(at.hour % 12 or 12),
    "a": lambda at: "AM" if at.hour < 12 else "PM", "mm": lambda at: f"{at.minute:02d}",
    "m": lambda at: str(at.minute), "ss": lambda at: f"{at.second:02d}", "s": lambda at: str(at.second),
    "SSS": lambda at: f"{at.microsecond // 1_000:03d}", "X": lambda _at: "Z", "XXX": lambda _at: "Z",
    "Z": lambda _at: "+0000",
}  # fmt: skip
_NAMES = "|".join(MONTHS)
_SHORT = "|".join(one[:3] for one in MONTHS)
_DAY_NAMES = "|".join((*DAYS, *(one[:3] for one in DAYS)))
_ZONE = r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)"
_READ: Mapping[str, str] = {
    "yyyy": r"(?P<year>\d{4})", "uuuu": r"(?P<year>\d{4})", "yy": r"(?P<short>\d{2})", "y": r"(?P<year>\d{1,4})",
    "MM": r"(?P<month>\d{2})", "M": r"(?P<month>\d{1,2})", "MMM": f"(?P<named>{_SHORT})",
    "MMMM": f"(?P<named>{_NAMES})",
    "dd": r"(?P<day>\d{2})", "d": r"(?P<day>\d{1,2})", "EEE": f"(?:{_DAY_NAMES})", "EEEE": f"(?:{_DAY_NAMES})",
    "E": f"(?:{_DAY_NAMES})", "HH": r"(?P<hour>\d{2})", "H": r"(?P<hour>\d{1,2})", "hh": r"(?P<half>\d{2})",
    "h": r"(?P<half>\d{1,2})", "a": "(?P<noon>AM|PM)", "mm": r"(?P<minute>\d{2})", "m": r"(?P<minute>\d{1,2})",
    "ss": r"(?P<second>\d{2})", "s": r"(?P<second>\d{1,2})", "SSS": r"(?P<milli>\d{3})", "X": _ZONE, "XXX": _ZONE,
    "Z": _ZONE,
}  # fmt: skip


def _pieces(pattern: str, known: Mapping[str, object], here: Here) -> Iterator[tuple[str, bool]]:
    """(letters or text, whether it is text)."""
    for quoted, letters, _, other in _PIECES.findall(pattern):
        if letters:
            if letters not in known:
                raise here.failed(f"the letters {letters} in a format are not known")
            yield letters, False
        elif other:
            yield other, True
        else:
            yield quoted.replace("''", "'") or "'", True


def writer(pattern: str, here: Here) -> Callable[[datetime], str]:
    """What writes a time by the pattern."""
    pieces = list(_pieces(pattern, _WRITE, here))
    return lambda at: "".join(one if text else _WRITE[one](at) for one, text in pieces)


def reader(pattern: str, here: Here) -> Callable[[str], int | None]:
    """What reads a time by the pattern as µs; None for what is none."""
    try:
        regex = re.compile(
            "".join(re.escape(one) if text else _READ[one] for one, text in _pieces(pattern, _READ, here))
        )
    except re.error:
        raise here.failed(f"the format {pattern} says something twice") from None
    return lambda text: _read(regex.fullmatch(text))


def _read(found: re.Match[str] | None) -> int | None:
    if found is None:
        return None
    said = found.groupdict()
    year = int(said.get("year") or (2000 + int(said["short"]) if said.get("short") else 1970))
    month = next((at for at, name in enumerate(MONTHS, 1) if name[:3] == (said.get("named") or "")[:3]), 0)
    hour = int(said["half"]) % 12 + 12 * (said.get("noon") == "PM") if said.get("half") else int(said.get("hour") or 0)
    try:
        at = datetime(
            year, month or int(said.get("month") or 1), int(said.get("day") or 1), hour, int(said.get("minute") or 0),
            int(said.get("second") or 0), int(said.get("milli") or 0) * 1_000, tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        return None
    return (at - EPOCH - _offset(said.get("zone"))) // timedelta(microseconds=1)


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z") or zone is None:
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    found = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return found if zone[0] == "+" else -found
