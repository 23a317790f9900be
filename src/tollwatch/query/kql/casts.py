"""Conversions between Kusto's types. Microsoft's documentation, "Conversion functions" and "Scalar data types".

A time in a format that the engine does not know, and a text with a fraction as a whole number, are refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tollwatch.query.columns import EPOCH, moment_of, number_text
from tollwatch.query.entries import Function, Here, Run
from tollwatch.query.kql.literals import moment_or_none, span_of_clock
from tollwatch.query.kql.values import MICROSECOND, boxed, mapped, never_null
from tollwatch.query.table import Column, Type

NUMERIC = (Type.LONG, Type.REAL)
INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?(\s*[AaPp][Mm])?")
_DATE_WORDS = ("%a, %d %b %y %H:%M:%S", "%d %b %y %H:%M:%S", "%a, %d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S")


def cast(one: Column, wanted: Type, here: Here) -> Column:
    """The column as that type; what cannot be converted is null (as a string: empty)."""
    if one.type is wanted:
        return never_null(one)
    if wanted is Type.DYNAMIC:
        return boxed(one)
    if one.type is Type.LONG and wanted is Type.REAL:
        return Column(Type.REAL, one.values.astype(np.float64), one.valid)
    if one.type is Type.BOOL and wanted in NUMERIC:
        return Column(wanted, one.values.astype(np.int64 if wanted is Type.LONG else np.float64), one.valid)
    if one.type is Type.REAL and wanted is Type.LONG:
        known = one.valid & (np.abs(np.where(one.valid, one.values, np.nan)) < 2.0**63)
        return Column(Type.LONG, np.trunc(np.where(known, one.values, 0)).astype(np.int64), known)
    convert = _CONVERT.get(wanted)
    if convert is None or (one.type, wanted) in _IMPOSSIBLE:
        raise here.failed(f"a conversion of {one.type} to {wanted} is not known")
    found = mapped(wanted, lambda value: convert(value, one.type, here), [one], len(one))
    return never_null(found)


def text_of_value(value: Any, type_: Type, _here: Here) -> str:
    """What tostring() gives."""
    match type_:
        case Type.BOOL:
            return "True" if value else "False"
        case Type.DATETIME:
            return _moment_text(moment_of(value))
        case Type.TIMESPAN:
            return span_text(value)
        case Type.REAL:
            return _real_text(value)
        case Type.DYNAMIC:
            return dynamic_text(value)
        case _:
            return str(value)


def _moment_text(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}0Z"


def span_text(value: int) -> str:
    """``[-][days.]hh:mm:ss[.fffffff]``."""
    size, part = divmod(abs(value), 1_000_000)
    minutes, seconds = divmod(size, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{days}." if days else ""
    text += f"{hours:02}:{minutes:02}:{seconds:02}" + (f".{part:06}0" if part else "")
    return f"-{text}" if value < 0 else text


def _real_text(value: float) -> str:
    """The shortest text that is the number, a whole one without a fraction.

    The documentation gives no text of a whole real or of one with an exponent: these are what the compilers count on.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return number_text(value)


def dynamic_text(value: Any) -> str:
    """A dynamic value as text: a string as it is, a list or a bag as JSON without blanks."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain)
    if isinstance(value, datetime):
        return _moment_text(value)
    if isinstance(value, timedelta):
        return span_text(value // MICROSECOND)
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, float) else str(value)


def _plain(value: Any) -> str:
    return _moment_text(value) if isinstance(value, datetime) else span_text(value // MICROSECOND)


# ---------------------------------------------------------------- from values


def _to_number(value: Any, wanted: Type, limits: tuple[int, int] = LONG) -> Any:
    if isinstance(value, str):
        value = _number_in(value)
    if value is None or isinstance(value, list | dict | datetime | timedelta):
        return None
    if wanted is Type.REAL:
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(value) if limits[0] <= int(value) <= limits[1] else None


def _number_in(text: str) -> int | float | None:
    text = text.strip()
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    return float(text) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text) else None


def _whole(value: Any, _type: Type, here: Here, limits: tuple[int, int] = LONG) -> int | None:
    """A text with a fraction is no whole number of which the documentation says what it becomes."""
    if isinstance(value, str) and isinstance(_number_in(value), float):
        raise here.failed(f"what {value!r} becomes as a whole number is not documented")
    found: int | None = _to_number(value, Type.LONG, limits)
    return found


def _to_bool(value: Any, _type: Type, _here: Here) -> bool | None:
    if isinstance(value, int | float):
        return bool(value)
    text = str(value).strip().lower()
    number = _number_in(text)
    return {"true": True, "false": False}.get(text, None if number is None else bool(number))


def _to_time(value: Any, _type: Type, here: Here) -> int | None:
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if not isinstance(value, str):
        raise here.failed(f"what {value!r} becomes as a datetime is not documented")
    found = moment_or_none(value)
    found = _american(value) if found is None else found
    found = _with_words(value) if found is None else found
    if found is None and re.search(r"\d", value):
        raise here.failed(f"the time {value!r} is in no format that is known")
    return found


def _american(text: str) -> int | None:
    """A time like 02/17/2016 08:40:00, the month first: the page of the parse operator has them."""
    found = _AMERICAN.fullmatch(text.strip())
    if found is None:
        return None
    month, day, year, hour, minute, second = (int(one or 0) for one in found.groups()[:6])
    half = (found[7] or "").strip().lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return (datetime(year, month, day, hour, minute, second, tzinfo=UTC) - EPOCH) // MICROSECOND
    except ValueError:
        return None


def _with_words(text: str) -> int | None:
    for form in _DATE_WORDS:
        try:
            return (datetime.strptime(text.removesuffix(" GMT"), form).replace(tzinfo=UTC) - EPOCH) // MICROSECOND
        except ValueError:
            continue
    return None


def _to_span(value: Any, _type: Type, here: Here) -> int | None:
    if isinstance(value, timedelta):
        return value // MICROSECOND
    if not isinstance(value, str):
        raise here.failed(f"what {value!r} becomes as a timespan is not documented")
    return span_of_clock(value)


_CONVERT: Mapping[Type, Callable[[Any, Type, Here], Any]] = {
    Type.STRING: text_of_value,
    Type.LONG: _whole,
    Type.REAL: lambda value, _type, _here: _to_number(value, Type.REAL),
    Type.BOOL: _to_bool,
    Type.DATETIME: _to_time,
    Type.TIMESPAN: _to_span,
}
_IMPOSSIBLE = {
    (Type.TIMESPAN, Type.DATETIME), (Type.DATETIME, Type.TIMESPAN), (Type.LONG, Type.DATETIME),
    (Type.REAL, Type.DATETIME), (Type.LONG, Type.TIMESPAN), (Type.REAL, Type.TIMESPAN), (Type.BOOL, Type.DATETIME),
    (Type.BOOL, Type.TIMESPAN), (Type.DATETIME, Type.REAL), (Type.TIMESPAN, Type.REAL), (Type.DATETIME, Type.BOOL),
    (Type.TIMESPAN, Type.BOOL), (Type.DATETIME, Type.LONG), (Type.TIMESPAN, Type.LONG),
}  # fmt: skip


def _to(wanted: Type) -> Run:
    return lambda columns, here: cast(columns[0], wanted, here)


def _to_int(columns: Sequence[Column], here: Here) -> Column:
    """A long with the limits of Kusto's int."""
    found = cast(columns[0], Type.LONG, here)
    return Column(Type.LONG, found.values, found.valid & (found.values >= INT[0]) & (found.values <= INT[1]))


# ---------------------------------------------------------------- JSON


def loaded(text: str) -> Any:
    """What parse_json() makes of a text: what is no JSON stays a string."""
    if not text:
        return None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(_name: str) -> Any:
    raise ValueError


def _parse_json(columns: Sequence[Column], here: Here) -> Column:
    one = columns[0]
    if one.type is Type.STRING:
        return mapped(Type.DYNAMIC, loaded, [one], here.rows)
    return boxed(one)


def as_texts(columns: Sequence[Column], here: Here) -> list[Column]:
    """The columns as strings, as a function of texts takes dynamic ones."""
    return [cast(one, Type.STRING, here) for one in columns]


def same(columns: Sequence[Column], here: Here, what: str) -> list[Column]:
    """The columns as one type: numbers as reals, and dynamic where one is.

    Raises:
        QueryError: they have types that Kusto does not mix.
    """
    types = {one.type for one in columns}
    if len(types) == 1:
        return [never_null(one) for one in columns]
    if types <= set(NUMERIC):
        return [cast(one, Type.REAL, here) for one in columns]
    if Type.DYNAMIC in types:
        return [boxed(one) for one in columns]
    raise here.failed(f"{what} is not known for {', '.join(one.type for one in columns)}")


CASTS: Mapping[str, Function] = {
    "tostring": Function(1, 1, _to(Type.STRING)),
    "tolong": Function(1, 1, _to(Type.LONG)),
    "toint": Function(1, 1, _to_int),
    **dict.fromkeys(("todouble", "toreal"), Function(1, 1, _to(Type.REAL))),
    **dict.fromkeys(("tobool", "toboolean"), Function(1, 1, _to(Type.BOOL))),
    "todatetime": Function(1, 1, _to(Type.DATETIME)),
    **dict.fromkeys(("totimespan", "totime"), Function(1, 1, _to(Type.TIMESPAN))),
    **dict.fromkeys(("parse_json", "todynamic", "parsejson", "toobject"), Function(1, 1, _parse_json)),
}
