"""Kusto's scalar functions and operators over columns: one small entry each.

Microsoft's documentation, "Scalar functions", "Scalar operators", "Null values". A string is never null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.query.columns import COMPARE, both, contrary, either, in_network, moment_of, number_text, true_rows
from tollwatch.query.errors import QueryError
from tollwatch.query.kql.parse import moment
from tollwatch.query.kql.syntax import Place
from tollwatch.query.table import WHOLE, Column, Mask, Type, column, nulls

Function = Callable[[Sequence[Column], Place], Column]
_NUMBERS = (Type.LONG, Type.REAL)
_TIMES = (Type.DATETIME, Type.TIMESPAN)


def truth(values: Mask, valid: Mask | None = None) -> Column:
    """A column of booleans."""
    return Column(Type.BOOL, values, np.ones(len(values), np.bool_) if valid is None else valid)


def _refuse(name: str, columns: Sequence[Column], place: Place) -> QueryError:
    types = ", ".join(one.type for one in columns)
    return QueryError(f"{name} is not known for {types}", *place)


# ---------------------------------------------------------------- logic


def _not(columns: Sequence[Column], place: Place) -> Column:
    return contrary(*_booleans("not", columns, place))


def _and(columns: Sequence[Column], place: Place) -> Column:
    return both(*_booleans("and", columns, place))


def _or(columns: Sequence[Column], place: Place) -> Column:
    return either(*_booleans("or", columns, place))


def _booleans(name: str, columns: Sequence[Column], place: Place) -> Sequence[Column]:
    if any(one.type is not Type.BOOL for one in columns):
        raise _refuse(name, columns, place)
    return columns


def _iff(columns: Sequence[Column], place: Place) -> Column:
    condition, then, otherwise = columns
    _booleans("iff", [condition], place)
    then, otherwise = alike([then, otherwise], place)
    chosen = true_rows(condition)
    return Column(
        then.type, np.where(chosen, then.values, otherwise.values), np.where(chosen, then.valid, otherwise.valid)
    )


def _case(columns: Sequence[Column], place: Place) -> Column:
    *pairs, otherwise = columns
    for then, condition in zip(pairs[-1::-2], pairs[-2::-2], strict=True):
        otherwise = _iff([condition, then, otherwise], place)
    return otherwise


def alike(columns: Sequence[Column], place: Place) -> list[Column]:
    """The columns as one type."""
    types = {one.type for one in columns}
    if len(types) == 1:
        return list(columns)
    if types <= set(_NUMBERS):
        return [_real(one) for one in columns]
    if Type.DYNAMIC in types:
        return [Column(Type.DYNAMIC, one.values.astype(object), one.valid) for one in columns]
    raise _refuse("a choice", columns, place)


def _real(one: Column) -> Column:
    return Column(Type.REAL, one.values.astype(np.float64), one.valid)


def _coalesce(columns: Sequence[Column], place: Place) -> Column:
    first, *others = alike(columns, place)
    for other in others:
        present = first.values != "" if first.type is Type.STRING else first.valid
        chosen = np.asarray(present, np.bool_)
        first = Column(
            first.type, np.where(chosen, first.values, other.values), np.where(chosen, first.valid, other.valid)
        )
    return first


def _is_null(columns: Sequence[Column], _place: Place) -> Column:
    (one,) = columns
    return truth(np.zeros(len(one), np.bool_) if one.type is Type.STRING else ~one.valid)


def _is_empty(columns: Sequence[Column], _place: Place) -> Column:
    (one,) = columns
    return truth(np.asarray(one.values == "", np.bool_) if one.type is Type.STRING else ~one.valid)


def _negated(function: Function) -> Function:
    return lambda columns, place: _not([function(columns, place)], place)


# ---------------------------------------------------------------- comparison


def _compared(sign: str) -> Function:
    def compare(columns: Sequence[Column], place: Place) -> Column:
        left, right = _comparable(sign, columns, place)
        # A string is never null.
        known = np.ones(len(left), np.bool_) if left.type is Type.STRING else left.valid & right.valid
        found = np.asarray(COMPARE[sign](left.values, right.values), np.bool_)
        if sign not in ("==", "!="):
            return truth(found, known)
        # One null differs from a value; of two nulls nobody can tell.
        return truth(found & known if sign == "==" else found | ~known, left.valid | right.valid | known)

    return compare


def _comparable(sign: str, columns: Sequence[Column], place: Place) -> Sequence[Column]:
    left, right = columns
    if Type.DYNAMIC in (left.type, right.type):
        other = right if left.type is Type.DYNAMIC else left
        if other.type is Type.DYNAMIC:
            raise _refuse(sign, columns, place)
        return [_cast(one, other.type, place) if one.type is Type.DYNAMIC else one for one in columns]
    if left.type is right.type or {left.type, right.type} <= set(_NUMBERS):
        return columns
    raise _refuse(sign, columns, place)


def _between(columns: Sequence[Column], place: Place) -> Column:
    one, low, high = columns
    return _and([_compared(">=")([one, low], place), _compared("<=")([one, high], place)], place)


# ---------------------------------------------------------------- text


def _texts(columns: Sequence[Column], place: Place) -> list[Column]:
    return [_cast(one, Type.STRING, place) if one.type is Type.DYNAMIC else one for one in columns]


def _text_test(test: Callable[[str, str], bool], *, cased: bool) -> Function:
    def run(columns: Sequence[Column], place: Place) -> Column:
        left, right = _texts(columns, place)
        if left.type is not Type.STRING or right.type is not Type.STRING:
            raise _refuse("a comparison of texts", columns, place)
        pairs = zip(left.values, right.values, strict=True)
        found = ((test(a, b) if cased else test(_lower(a), _lower(b))) for a, b in pairs)
        return truth(np.fromiter(found, np.bool_, len(left)))

    return run


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else str(pc.utf8_lower(pa.scalar(text)).as_py())


def _has(text: str, word: str) -> bool:
    """The word between characters that are no letters or digits."""
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def _in(*, cased: bool) -> Function:
    def run(columns: Sequence[Column], place: Place) -> Column:
        first, *items = columns
        same = _text_test(lambda a, b: a == b, cased=cased) if first.type is Type.STRING else _compared("==")
        found = truth(np.zeros(len(first), np.bool_))
        for item in items:
            found = _or([found, same([first, item], place)], place)
        return found

    return run


def _matches(columns: Sequence[Column], place: Place) -> Column:
    text, pattern = _texts(columns, place)
    if len(set(pattern.values)) > 1:
        raise QueryError("a pattern that differs between rows is not known", *place)
    found = np.zeros(len(text), np.bool_)
    if len(text):
        try:
            found = pc.match_substring_regex(pa.array(text.values, pa.string()), str(pattern.values[0])).to_numpy(False)
        except pa.ArrowInvalid as error:
            raise QueryError(f"the pattern cannot be read: {error}", *place) from None
    return truth(np.asarray(found, np.bool_))


def _extract(columns: Sequence[Column], place: Place) -> Column:
    pattern, group, text = columns
    if not len(text):
        return nulls(Type.STRING, 0)
    regex, number = re.compile(str(pattern.values[0])), int(group.values[0])
    (text,) = _texts([text], place)
    found = [match.group(number) if (match := regex.search(value)) else "" for value in text.values]
    return column(Type.STRING, [value or "" for value in found])


# ---------------------------------------------------------------- arithmetic


def _plus(columns: Sequence[Column], place: Place) -> Column:
    left, right = columns
    types = {left.type, right.type}
    valid = left.valid & right.valid
    if types <= set(_NUMBERS):
        wanted = Type.LONG if types == {Type.LONG} else Type.REAL
        return Column(wanted, left.values + right.values, valid)
    if types == {Type.DATETIME, Type.TIMESPAN}:
        return Column(Type.DATETIME, left.values + right.values, valid)
    if types == {Type.TIMESPAN}:
        return Column(Type.TIMESPAN, left.values + right.values, valid)
    raise _refuse("+", columns, place)


def _minus(columns: Sequence[Column], place: Place) -> Column:
    left, right = columns
    valid = left.valid & right.valid
    pair = (left.type, right.type)
    if set(pair) <= set(_NUMBERS):
        return Column(Type.LONG if set(pair) == {Type.LONG} else Type.REAL, left.values - right.values, valid)
    if pair in ((Type.DATETIME, Type.DATETIME), (Type.TIMESPAN, Type.TIMESPAN)):
        return Column(Type.TIMESPAN, left.values - right.values, valid)
    if pair == (Type.DATETIME, Type.TIMESPAN):
        return Column(Type.DATETIME, left.values - right.values, valid)
    raise _refuse("-", columns, place)


def _times(columns: Sequence[Column], place: Place) -> Column:
    left, right = columns
    valid = left.valid & right.valid
    types = {left.type, right.type}
    if types <= set(_NUMBERS):
        return Column(Type.LONG if types == {Type.LONG} else Type.REAL, left.values * right.values, valid)
    if types == {Type.LONG, Type.TIMESPAN}:
        return Column(Type.TIMESPAN, left.values * right.values, valid)
    raise _refuse("*", columns, place)


def _over(columns: Sequence[Column], place: Place) -> Column:
    """Of two whole numbers the quotient is whole, cut toward zero."""
    left, right = columns
    if not {left.type, right.type} <= {*_NUMBERS, Type.TIMESPAN}:
        raise _refuse("/", columns, place)
    valid = left.valid & right.valid & (right.values != 0)
    divisor = np.where(right.values == 0, 1, right.values)
    if left.type is Type.LONG and right.type is Type.LONG:
        quotient = np.abs(left.values) // np.abs(divisor)
        return Column(Type.LONG, quotient * np.sign(left.values) * np.sign(divisor), valid)
    if left.type is Type.TIMESPAN and right.type is Type.LONG:
        return Column(Type.TIMESPAN, left.values // divisor, valid)
    return Column(Type.REAL, left.values / divisor, valid)


def _modulo(columns: Sequence[Column], place: Place) -> Column:
    left, right = columns
    if (left.type, right.type) != (Type.LONG, Type.LONG):
        raise _refuse("%", columns, place)
    valid = left.valid & right.valid & (right.values != 0)
    return Column(Type.LONG, left.values % np.where(right.values == 0, 1, right.values), valid)


def _negate(columns: Sequence[Column], place: Place) -> Column:
    (one,) = columns
    if one.type not in (*_NUMBERS, Type.TIMESPAN):
        raise _refuse("-", columns, place)
    return Column(one.type, -one.values, one.valid)


def _round(columns: Sequence[Column], _place: Place) -> Column:
    one, *digits = columns
    scale = 10.0 ** int(digits[0].values[0]) if digits and len(one) else 1.0
    values = np.floor(np.abs(one.values) * scale + 0.5) / scale * np.sign(one.values)
    return Column(Type.REAL, values.astype(np.float64), one.valid)


def _bin(columns: Sequence[Column], place: Place) -> Column:
    one, size = columns
    if one.type not in (*WHOLE, Type.REAL):
        raise _refuse("bin", columns, place)
    # Years of the Gregorian calendar before 1970 begin the first bin; only weeks and the like see the difference.
    offset = -62_135_596_800_000_000 if one.type is Type.DATETIME else 0
    values = (one.values - offset) // size.values * size.values + offset
    return Column(one.type, values, one.valid & size.valid)


def _bin_at(columns: Sequence[Column], place: Place) -> Column:
    one, size, fixed = columns
    if one.type not in (*WHOLE, Type.REAL):
        raise _refuse("bin_at", columns, place)
    return Column(one.type, (one.values - fixed.values) // size.values * size.values + fixed.values, one.valid)


# ---------------------------------------------------------------- types


def _cast(one: Column, wanted: Type, place: Place) -> Column:
    if one.type is wanted:
        return one
    if one.type is Type.LONG and wanted is Type.REAL:
        return _real(one)
    if one.type is Type.BOOL and wanted in _NUMBERS:
        return Column(wanted, one.values.astype(np.int64 if wanted is Type.LONG else np.float64), one.valid)
    if one.type is Type.REAL and wanted is Type.LONG:
        safe = np.where(one.valid & np.isfinite(one.values), one.values, 0)
        return Column(Type.LONG, np.trunc(safe).astype(np.int64), one.valid)
    convert = _CONVERT[wanted]
    return column(
        wanted, [convert(v, one.type, place) if ok else None for v, ok in zip(one.values, one.valid, strict=True)]
    )


def _to_text(value: Any, type_: Type, _place: Place) -> str:
    match type_:
        case Type.BOOL:
            return "True" if value else "False"
        case Type.DATETIME:
            return f"{moment_of(value):%Y-%m-%dT%H:%M:%S.%f}0Z"
        case Type.REAL:
            return number_text(value)
        case Type.DYNAMIC if not isinstance(value, str):
            return "" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        case _:
            return str(value)


def _to_number(value: Any, wanted: Type) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return int(value) if wanted is Type.LONG else float(value)
    try:
        number = float(str(value).strip())
    except ValueError:
        return None
    if wanted is Type.REAL:
        return number
    return int(number) if number.is_integer() else None


def _to_bool(value: Any, _type: Type, _place: Place) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())


def _to_time(value: Any, _type: Type, place: Place) -> int | None:
    try:
        return moment(str(value), place)
    except QueryError:
        return None


_CONVERT: Mapping[Type, Callable[[Any, Type, Place], Any]] = {
    Type.STRING: _to_text,
    Type.LONG: lambda value, _type, _place: _to_number(value, Type.LONG),
    Type.REAL: lambda value, _type, _place: _to_number(value, Type.REAL),
    Type.BOOL: _to_bool,
    Type.DATETIME: _to_time,
}


def _to(wanted: Type) -> Function:
    def run(columns: Sequence[Column], place: Place) -> Column:
        (one,) = columns
        found = _cast(one, wanted, place)
        if wanted is Type.STRING and one.type is not Type.STRING:  # null becomes the empty text
            return Column(Type.STRING, np.where(one.valid, found.values, ""), np.ones(len(one), np.bool_))
        return found

    return run


def _parse_json(columns: Sequence[Column], _place: Place) -> Column:
    (one,) = columns
    return one if one.type is Type.DYNAMIC else column(Type.DYNAMIC, [_loaded(value) for value in one.values])


def _loaded(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return text


def _in_range(columns: Sequence[Column], place: Place) -> Column:
    address, network = _texts(columns, place)
    return column(Type.BOOL, [in_network(a, n) for a, n in zip(address.values, network.values, strict=True)])


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "week_of_year": lambda at: at.isocalendar().week,
}


def _datetime_part(columns: Sequence[Column], place: Place) -> Column:
    part, time = columns
    name = str(part.values[0]).lower() if len(part) else "year"
    if name not in _PARTS:
        raise QueryError(f"datetime_part: the part {name} is not known", *place)
    read = _PARTS[name]
    values = [read(moment_of(value)) if ok else None for value, ok in zip(time.values, time.valid, strict=True)]
    return column(Type.LONG, values)


FUNCTIONS: Mapping[str, Function] = {
    "not": _not, "and": _and, "or": _or, "iff": _iff, "iif": _iff, "case": _case, "coalesce": _coalesce,
    "isnull": _is_null, "isnotnull": _negated(_is_null), "isempty": _is_empty, "isnotempty": _negated(_is_empty),
    **{sign: _compared(sign) for sign in ("==", "!=", "<", "<=", ">", ">=")},
    "between": _between,
    "=~": _text_test(lambda a, b: a == b, cased=False),
    "!~": _negated(_text_test(lambda a, b: a == b, cased=False)),
    **{
        f"{mark}{name}{suffix}": (_negated if mark else lambda function: function)(_text_test(test, cased=bool(suffix)))
        for mark in ("", "!")
        for suffix in ("", "_cs")
        for name, test in (
            ("contains", lambda a, b: b in a),
            ("startswith", str.startswith),
            ("endswith", str.endswith),
            ("has", _has),
        )
    },
    "in": _in(cased=True), "in~": _in(cased=False), "!in": _negated(_in(cased=True)),
    "!in~": _negated(_in(cased=False)),
    "matches regex": _matches, "extract": _extract,
    "+": _plus, "-": _minus, "*": _times, "/": _over, "%": _modulo, "negate": _negate, "round": _round,
    "bin": _bin, "floor": _bin, "bin_at": _bin_at,
    "tostring": _to(Type.STRING), "tolong": _to(Type.LONG), "toint": _to(Type.LONG), "todouble": _to(Type.REAL),
    "toreal": _to(Type.REAL), "tobool": _to(Type.BOOL), "todatetime": _to(Type.DATETIME),
    "parse_json": _parse_json, "todynamic": _parse_json,
    "ipv4_is_in_range": _in_range, "ipv6_is_in_range": _in_range, "datetime_part": _datetime_part,
    "tolower": lambda columns, place: column(Type.STRING, [_lower(v) for v in _texts(columns, place)[0].values]),
    "strlen": lambda columns, place: column(Type.LONG, [len(v) for v in _texts(columns, place)[0].values]),
}  # fmt: skip
