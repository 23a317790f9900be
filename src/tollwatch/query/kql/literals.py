"""Kusto's literals. Microsoft's documentation, "Scalar data types": string, datetime, timespan, long, real."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tollwatch.query.columns import EPOCH
from tollwatch.query.errors import QueryError
from tollwatch.query.syntax import Place
from tollwatch.query.table import Type

_SECOND = 1_000_000
_UNITS: Mapping[tuple[str, ...], int] = {
    ("micro", "micros", "microsec", "microsecond", "microseconds"): 1,
    ("ms", "milli", "millis", "millisec", "millisecond", "milliseconds"): 1_000,
    ("s", "sec", "second", "seconds"): _SECOND,
    ("m", "min", "minute", "minutes"): 60 * _SECOND,
    ("h", "hr", "hrs", "hour", "hours"): 3_600 * _SECOND,
    ("d", "day", "days"): 86_400 * _SECOND,
}
UNITS = {name: unit for names, unit in _UNITS.items() for name in names}
# A column's int is kept as a long.
TYPES: Mapping[str, Type] = {
    "bool": Type.BOOL, "boolean": Type.BOOL, "long": Type.LONG, "int": Type.LONG, "real": Type.REAL,
    "double": Type.REAL, "string": Type.STRING, "datetime": Type.DATETIME, "date": Type.DATETIME,
    "timespan": Type.TIMESPAN, "time": Type.TIMESPAN, "dynamic": Type.DYNAMIC,
}  # fmt: skip
_SPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?|(-)?(\d+)")
_TIME = re.compile(
    r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,7}))?)?)?"
    r"\s*(Z|[-+]\d{2}:?\d{2})?"
)


def type_named(name: str, place: Place) -> Type:
    """The type of that name.

    Raises:
        QueryError: the engine has none of that name.
    """
    if name.lower() not in TYPES:
        raise QueryError(f"the type {name} is not known", *place)
    return TYPES[name.lower()]


def text_of(token: str) -> str:
    """The text of a string literal; in one with @ or ``` the backslash is a character like any other."""
    if token[0] in "hH":
        token = token[1:]
    if token.startswith("@"):
        return token[2:-1].replace(token[1] * 2, token[1])
    if token.startswith(("```", "~~~")):
        return token[3:-3]
    body = token[1:-1] if token[0] == '"' else token[1:-1].replace('"', '\\"').replace("\\'", "'")
    body = body.replace('\\\\"', '\\\\\\"') if token[0] == "'" else body
    body = re.sub(r"\\U([0-9a-fA-F]{8})", lambda found: json.dumps(chr(int(found[1], 16)))[1:-1], body)
    try:
        return str(json.loads(f'"{body}"', strict=False))
    except json.JSONDecodeError:
        return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL)


def span_of_unit(text: str, place: Place) -> int:
    """µs of a number with a unit."""
    found = re.fullmatch(r"([\d.]+)\s*([a-z]+)", text)
    if found is None or found[2] not in UNITS:
        raise QueryError(f"the timespan {text} is not known (the least is a microsecond)", *place)
    return round(float(found[1]) * UNITS[found[2]])


def span_of_clock(text: str) -> int | None:
    """µs of ``[-][days.]hours:minutes[:seconds[.fraction]]`` or of whole days; None where it is neither."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    if found[8]:
        return (-1 if found[7] else 1) * int(found[8]) * UNITS["d"]
    hours, minutes, seconds = int(found[3]), int(found[4]), int(found[5] or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    whole = int(found[2] or 0) * UNITS["d"] + hours * UNITS["h"] + minutes * UNITS["m"] + seconds * _SECOND
    return (-1 if found[1] else 1) * (whole + int((found[6] or "").ljust(6, "0")[:6]))


def moment_or_none(text: str) -> int | None:
    """µs since the epoch of a time in ISO 8601, in UTC where it names no zone; None where it is none."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(one or 0) for one in found.groups()[:6])
    try:
        read = datetime(year, month, day if found[3] else 1, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    zone = found[8] or "Z"
    ahead = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    fraction = int((found[7] or "").ljust(6, "0")[:6])
    return (read - EPOCH) // timedelta(microseconds=1) + fraction - ahead * UNITS["m"]


def moment(text: str, place: Place) -> int:
    """µs since the epoch of a time in ISO 8601.

    Raises:
        QueryError: it is none.
    """
    found = moment_or_none(text)
    if found is None:
        raise QueryError(f"{text!r} is no time", *place)
    return found


def value_of(type_: Type, text: str, place: Place) -> Any:
    """What stands in ``long(…)``, ``datetime(…)`` and the like; None for null."""
    text = text.strip()
    if text == "null":
        return None
    if text[:1] in ("'", '"'):
        text = text[1:-1]
    try:
        return _VALUES[type_](text, place)
    except (ValueError, KeyError):
        raise QueryError(f"a {type_} cannot be written as {text}", *place) from None


def whole(text: str, _place: Place = (1, 1)) -> int:
    """A whole number, decimal or hexadecimal."""
    return int(text, 16) if "x" in text.lower() else int(text)


def _span(text: str, place: Place) -> int:
    sign, plain = (-1, text[1:].strip()) if text.startswith("-") else (1, text)
    if re.fullmatch(r"[\d.]+\s*[a-z]+", plain):
        return sign * span_of_unit(plain, place)
    found = span_of_clock(text)
    if found is None:
        raise ValueError
    return found


_VALUES = {
    Type.LONG: whole,
    Type.REAL: lambda text, _place: float(text),
    Type.BOOL: lambda text, _place: {"true": True, "false": False, "1": True, "0": False}[text.lower()],
    Type.DATETIME: moment,
    Type.TIMESPAN: _span,
}
