"""ES|QL's conversions, of every value in a row. Elastic's reference, "Type conversion functions".

What cannot be converted is null, and of several values it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tollwatch.query.entries import STRINGS, Function, Here, Kinds, Run, each, single
from tollwatch.query.esql import times
from tollwatch.query.esql.dates import spans
from tollwatch.query.esql.operators import INT_LEAST, INT_MOST, finite, whole
from tollwatch.query.esql.texts import address
from tollwatch.query.esql.values import NUMERIC
from tollwatch.query.table import Column, Type, nulls

MILLI = 1_000
_LONG_MOST, _LONG_LEAST = 2**63 - 1, -(2**63)


def java_double(value: float) -> str:
    """As Java prints a double: always with a fraction, and with an exponent outside of 10⁻³ to 10⁷."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    digits, exponent = _shortest(value)
    return f"{digits}E{exponent}"


def _shortest(value: float) -> tuple[str, str]:
    """The fewest digits that tell the double, and its exponent."""
    sign, rest = ("-" if value < 0 else ""), repr(abs(float(value)))
    mantissa, _, power = rest.partition("e")
    whole_part, _, fraction = mantissa.partition(".")
    digits = (whole_part + fraction).lstrip("0")
    shift = len(whole_part) - 1 if whole_part != "0" else -(len(fraction) - len(fraction.lstrip("0")) + 1)
    digits = digits.rstrip("0") or "0"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}", str(int(power or 0) + shift)


def _to_string(columns: Sequence[Column], here: Here) -> Column:
    (one,) = columns
    match one.type:
        case Type.STRING:
            return one
        case Type.IP:
            return Column(Type.STRING, one.values, one.valid)
        case Type.BOOL:
            return Column(Type.STRING, np.where(one.values, "true", "false").astype(object), one.valid)
        case Type.REAL:
            return each(Type.STRING, java_double)(columns, here)
        case Type.DATETIME:
            return each(Type.STRING, times.iso)(columns, here)
        case _:
            return each(Type.STRING, str)(columns, here)


def _number(text: str) -> float | None:
    """A double as Java reads one."""
    try:
        found = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(type_: Type, least: int, most: int) -> Run:
    """A whole number: a double is rounded with halves up, a text is read as one where it is no whole number."""

    def of_text(text: str) -> int | None:
        try:
            found = int(text) if text.strip() == text and "_" not in text else None
        except ValueError:
            found = None
        if found is None:
            number = _number(text)
            # A double beyond the bounds (themselves as doubles) is none, before it is rounded.
            fits = number is not None and float(least) <= number <= float(most)
            found = min(math.floor((number or 0.0) + 0.5), most) if fits else None
        return found if found is not None and least <= found <= most else None

    def run(columns: Sequence[Column], here: Here) -> Column:
        (one,) = columns
        match one.type:
            case Type.STRING:
                return each(type_, of_text)(columns, here)
            case Type.REAL:
                found = np.floor(one.values + 0.5)
                good = one.valid & (one.values >= float(least)) & (one.values <= float(most)) & (found < 2.0**63)
                return Column(type_, np.where(good, found, 0.0).astype(np.int64), good)
            case Type.DATETIME:
                return whole(type_, one.values // MILLI, one.valid)
            case _:
                return whole(type_, one.values.astype(np.int64), one.valid)

    return run


def _to_double(columns: Sequence[Column], here: Here) -> Column:
    (one,) = columns
    if one.type is Type.STRING:
        return each(Type.REAL, _number)(columns, here)
    values = one.values // MILLI if one.type is Type.DATETIME else one.values
    return finite(values.astype(np.float64), one.valid)


def _to_datetime(columns: Sequence[Column], here: Here) -> Column:
    (one,) = columns
    if one.type is Type.DATETIME:
        return one
    if one.type is Type.STRING:
        return each(Type.DATETIME, times.moment)(columns, here)
    millis = _whole(Type.LONG, _LONG_LEAST, _LONG_MOST)(columns, here)
    fits = np.abs(millis.values) < 2**63 // MILLI
    return Column(Type.DATETIME, np.where(fits, millis.values, 0) * MILLI, millis.valid & fits)


def _to_boolean(columns: Sequence[Column], _here: Here) -> Column:
    (one,) = columns
    if one.type is Type.STRING:
        found = np.fromiter((text.lower() == "true" for text in one.values), np.bool_, len(one))
        return Column(Type.BOOL, found, one.valid)
    return Column(Type.BOOL, one.values.astype(np.bool_), one.valid)


def _to_ip(columns: Sequence[Column], here: Here) -> Column:
    return each(Type.IP, address)(columns, here)


def _scaled(by: float) -> Run:
    return lambda columns, _here: finite(columns[0].values.astype(np.float64) * by, columns[0].valid)


def _to_span(*, period: bool) -> Run:
    """A timespan out of a constant text."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        if columns[0].type is Type.TIMESPAN:
            return columns[0]
        text = single(columns[0], "a timespan", here)
        if text is None:
            return nulls(Type.TIMESPAN, here.rows)
        found = times.amount(text)
        if found is None or found.period is not period:
            raise here.failed(f"{text!r} is no {'date_period' if period else 'time_duration'}")
        return spans(found, here.rows)

    return run


def _changed(case: Callable[[str], str]) -> Run:
    return each(Type.STRING, case)


_SIMPLE: Kinds = NUMERIC | {Type.STRING, Type.BOOL}
_SPANS: Kinds = frozenset({Type.STRING, Type.TIMESPAN})
CONVERSIONS: Mapping[str, Function] = {
    "TO_STRING": Function(1, 1, _to_string, (_SIMPLE | {Type.IP, Type.DATETIME},)),
    "TO_LONG": Function(1, 1, _whole(Type.LONG, _LONG_LEAST, _LONG_MOST), (_SIMPLE | {Type.DATETIME},)),
    "TO_INTEGER": Function(1, 1, _whole(Type.INT, INT_LEAST, INT_MOST), (_SIMPLE | {Type.DATETIME},)),
    "TO_DOUBLE": Function(1, 1, _to_double, (_SIMPLE | {Type.DATETIME},)),
    "TO_BOOLEAN": Function(1, 1, _to_boolean, (_SIMPLE,)),
    "TO_DATETIME": Function(1, 1, _to_datetime, (NUMERIC | {Type.STRING, Type.DATETIME},)),
    "TO_IP": Function(1, 1, _to_ip, (frozenset({Type.STRING, Type.IP}),)),
    "TO_DEGREES": Function(1, 1, _scaled(180 / math.pi), (NUMERIC,)),
    "TO_RADIANS": Function(1, 1, _scaled(math.pi / 180), (NUMERIC,)),
    "TO_DATEPERIOD": Function(1, 1, _to_span(period=True), (_SPANS,)),
    "TO_TIMEDURATION": Function(1, 1, _to_span(period=False), (_SPANS,)),
    "TO_LOWER": Function(1, 1, _changed(str.lower), (STRINGS,)),
    "TO_UPPER": Function(1, 1, _changed(str.upper), (STRINGS,)),
}
ALIASES: Mapping[str, str] = {
    "TO_STR": "TO_STRING", "TO_INT": "TO_INTEGER", "TO_DBL": "TO_DOUBLE", "TO_BOOL": "TO_BOOLEAN",
    "TO_DT": "TO_DATETIME",
}  # fmt: skip
CASTS: Mapping[str, str] = {
    "string": "TO_STRING", "keyword": "TO_STRING", "text": "TO_STRING", "long": "TO_LONG", "integer": "TO_INTEGER",
    "int": "TO_INTEGER", "double": "TO_DOUBLE", "boolean": "TO_BOOLEAN", "bool": "TO_BOOLEAN",
    "datetime": "TO_DATETIME", "date": "TO_DATETIME", "ip": "TO_IP", "date_period": "TO_DATEPERIOD",
    "time_duration": "TO_TIMEDURATION",
}  # fmt: skip
