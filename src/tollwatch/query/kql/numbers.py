"""Kusto's arithmetic. Microsoft's documentation, "Numerical operators", "Mathematical functions".

Whole numbers are longs, and their sums wrap as 64 bits do; a quotient of two is cut off toward zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tollwatch.query.columns import ARITHMETIC
from tollwatch.query.entries import NUMBERS, Function, Here, Run, single
from tollwatch.query.kql.casts import NUMERIC, cast
from tollwatch.query.kql.values import mapped, truth
from tollwatch.query.table import WHOLE, Column, Type

SPANS = frozenset({Type.TIMESPAN})
COUNTABLE = NUMBERS | SPANS
ALIGNED = COUNTABLE | {Type.DATETIME}
LONGS = frozenset({Type.LONG})
# Times and spans that Kusto adds and subtracts: left, right → result.
_SUMS = {
    ("+", Type.DATETIME, Type.TIMESPAN): Type.DATETIME, ("+", Type.TIMESPAN, Type.DATETIME): Type.DATETIME,
    ("+", Type.TIMESPAN, Type.TIMESPAN): Type.TIMESPAN, ("-", Type.TIMESPAN, Type.TIMESPAN): Type.TIMESPAN,
    ("-", Type.DATETIME, Type.DATETIME): Type.TIMESPAN, ("-", Type.DATETIME, Type.TIMESPAN): Type.DATETIME,
    ("*", Type.LONG, Type.TIMESPAN): Type.TIMESPAN, ("*", Type.TIMESPAN, Type.LONG): Type.TIMESPAN,
    ("*", Type.REAL, Type.TIMESPAN): Type.TIMESPAN, ("*", Type.TIMESPAN, Type.REAL): Type.TIMESPAN,
}  # fmt: skip
TICKS_FROM_YEAR_1 = -62_135_596_800_000_000


def _arithmetic(sign: str) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        left, right = columns
        wanted = _SUMS.get((sign, left.type, right.type))
        if left.type in NUMERIC and right.type in NUMERIC:
            wanted = Type.LONG if left.type is right.type is Type.LONG else Type.REAL
        if wanted is None:
            raise here.failed(f"{sign} is not known for {left.type}, {right.type}: cast what is dynamic")
        with np.errstate(over="ignore", invalid="ignore"):
            values = ARITHMETIC[sign](left.values, right.values)
        valid = left.valid & right.valid
        if wanted is Type.TIMESPAN and values.dtype == np.float64:
            values = np.trunc(np.where(valid, values, 0)).astype(np.int64)
        return Column(wanted, values, valid)

    return run


def _over(columns: Sequence[Column], here: Here) -> Column:
    left, right = columns
    valid = left.valid & right.valid
    if left.type is Type.LONG and right.type is Type.LONG:
        valid = valid & (right.values != 0)
        divisor = np.where(right.values == 0, 1, right.values)
        quotient = np.abs(left.values) // np.abs(divisor)
        return Column(Type.LONG, quotient * np.sign(left.values) * np.sign(divisor), valid)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = left.values / right.values
    if left.type is Type.TIMESPAN and right.type in NUMERIC:
        valid = valid & (right.values != 0)
        return Column(Type.TIMESPAN, np.trunc(np.where(valid, quotient, 0)).astype(np.int64), valid)
    if left.type is not Type.TIMESPAN and right.type is Type.TIMESPAN:
        raise here.failed(f"/ is not known for {left.type}, {right.type}")
    if left.type is Type.TIMESPAN:
        valid = valid & (right.values != 0)
    return Column(Type.REAL, np.where(valid, quotient, 0), valid)


def _modulo(columns: Sequence[Column], here: Here) -> Column:
    """Never negative, as the documentation says."""
    left, right = columns
    types = {left.type, right.type}
    if types - {Type.LONG} and types != {Type.TIMESPAN}:
        raise here.failed(f"% is not known for {left.type}, {right.type}")
    valid = left.valid & right.valid & (right.values != 0)
    return Column(left.type, left.values % np.abs(np.where(right.values == 0, 1, right.values)), valid)


def _round(columns: Sequence[Column], here: Here) -> Column:
    digits = single(columns[1], "a number of digits", here) if len(columns) > 1 else 0
    if digits is None and here.rows:
        raise here.failed("round: the number of digits is null")
    values = columns[0].values.astype(np.float64)
    digits = digits or 0
    scale = 10.0 ** abs(digits)
    scaled = np.abs(values) * scale if digits >= 0 else np.abs(values) / scale
    whole = np.floor(scaled + 0.5) * np.sign(values)
    return Column(Type.REAL, whole / scale if digits >= 0 else whole * scale, columns[0].valid)


# ---------------------------------------------------------------- bins


def _bin(columns: Sequence[Column], here: Here) -> Column:
    """The multiple of the size below the value; of a time, counted from the year 1. Null for a size that is not > 0."""
    one, size = columns
    if one.type is Type.DATETIME and size.type is not Type.TIMESPAN:
        raise here.failed(f"bin is not known for {one.type}, {size.type}")
    if (one.type is Type.TIMESPAN) != (size.type is Type.TIMESPAN) and one.type is not Type.DATETIME:
        raise here.failed(f"bin is not known for {one.type}, {size.type}")
    if one.type is Type.LONG and size.type is Type.REAL:
        one = cast(one, Type.REAL, here)
    valid = one.valid & size.valid & (size.values > 0)
    width = np.where(size.values > 0, size.values, 1)
    offset = TICKS_FROM_YEAR_1 if one.type is Type.DATETIME else 0
    return Column(one.type, (one.values - offset) // width * width + offset, valid)


def _bin_at(columns: Sequence[Column], here: Here) -> Column:
    one, size, fixed = columns
    if one.type is not fixed.type and {one.type, fixed.type} - NUMBERS:
        raise here.failed(f"bin_at is not known for {one.type}, {fixed.type}")
    if one.type in WHOLE and one.type is not Type.LONG and size.type is not Type.TIMESPAN:
        raise here.failed(f"bin_at is not known for {one.type}, {size.type}")
    valid = one.valid & size.valid & fixed.valid & (size.values > 0)
    width = np.where(size.values > 0, size.values, 1)
    values = (one.values - fixed.values) // width * width + fixed.values
    return Column(one.type if values.dtype == one.values.dtype else Type.REAL, values, valid)


# ---------------------------------------------------------------- functions of one number


def _whole(operate: Callable[[Any], Any]) -> Run:
    """A long from a number."""

    def run(columns: Sequence[Column], _here: Here) -> Column:
        one = columns[0]
        if one.type is Type.LONG:
            return Column(Type.LONG, np.asarray(operate(one.values), np.int64), one.valid)
        known = one.valid & np.isfinite(one.values)
        return Column(Type.LONG, operate(np.where(known, one.values, 0)).astype(np.int64), known)

    return run


def _real(function: Callable[..., float]) -> Run:
    """A real from numbers; outside the function's range, what the documentation does not give is refused."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        def safe(*values: float) -> float:
            try:
                return float(function(*values))
            except (ValueError, OverflowError, ZeroDivisionError):
                raise here.failed(f"no value is documented for {', '.join(map(str, values))}") from None

        return mapped(Type.REAL, safe, columns, here.rows)

    return run


def _ceiling(columns: Sequence[Column], _here: Here) -> Column:
    one = columns[0]
    return one if one.type is Type.LONG else Column(Type.REAL, np.ceil(one.values), one.valid)


def _max_of(operate: Any) -> Run:
    """The largest or least of the arguments that are not null."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        types = {one.type for one in columns}
        if len(types) > 1 and not types <= set(NUMERIC):
            raise here.failed(f"max_of and min_of want one type, not {', '.join(one.type for one in columns)}")
        first, *others = [cast(one, Type.REAL, here) for one in columns] if len(types) > 1 else columns
        for other in others:
            better = other.valid & (~first.valid | np.asarray(operate(other.values, first.values), np.bool_))
            values = np.where(better, other.values, first.values)
            first = Column(first.type, values, first.valid | other.valid)
        return first

    return run


def _of(least: int, most: int, run: Run) -> Function:
    return Function(least, most, run, (NUMBERS,))


def _tohex(columns: Sequence[Column], here: Here) -> Column:
    """In small letters; a negative number has other digits as an int than as a long, which are one here."""
    if (columns[0].values[columns[0].valid] < 0).any():
        raise here.failed("tohex of a negative number is not known")
    return mapped(Type.STRING, lambda value: f"{value:x}", columns, here.rows)


def _bits(operate: Callable[[Any, Any], Any]) -> Function:
    def run(columns: Sequence[Column], _here: Here) -> Column:
        left, right = columns
        return Column(Type.LONG, operate(left.values, right.values), left.valid & right.valid)

    return Function(2, 2, run, (LONGS,))


NUMBER_FUNCTIONS: Mapping[str, Function] = {
    **{sign: Function(2, 2, _arithmetic(sign)) for sign in ("+", "-", "*")},
    "/": Function(2, 2, _over, (COUNTABLE,)),
    "%": Function(2, 2, _modulo, (COUNTABLE,)),
    "negate": Function(1, 1, lambda c, _here: Column(c[0].type, -c[0].values, c[0].valid), (COUNTABLE,)),
    "round": Function(1, 2, _round, (NUMBERS, LONGS)),
    **dict.fromkeys(("bin", "floor"), Function(2, 2, _bin, (ALIGNED, COUNTABLE))),
    "bin_at": Function(3, 3, _bin_at, (ALIGNED, COUNTABLE, ALIGNED)),
    "abs": Function(1, 1, lambda c, _here: Column(c[0].type, np.abs(c[0].values), c[0].valid), (COUNTABLE,)),
    "sign": _of(1, 1, _whole(np.sign)),
    "ceiling": _of(1, 1, _ceiling),
    "sqrt": _of(1, 1, _real(math.sqrt)),
    "exp": _of(1, 1, _real(math.exp)),
    "log": _of(1, 1, _real(math.log)),
    "log2": _of(1, 1, _real(math.log2)),
    "log10": _of(1, 1, _real(math.log10)),
    "pow": _of(2, 2, _real(math.pow)),
    "tohex": Function(1, 1, _tohex, (LONGS,)),
    "binary_and": _bits(np.bitwise_and),
    "binary_or": _bits(np.bitwise_or),
    "binary_xor": _bits(np.bitwise_xor),
    "isnan": _of(1, 1, lambda c, _here: truth(np.isnan(c[0].values.astype(np.float64)), c[0].valid)),
    "isinf": _of(1, 1, lambda c, _here: truth(np.isinf(c[0].values.astype(np.float64)), c[0].valid)),
    "isfinite": _of(1, 1, lambda c, _here: truth(np.isfinite(c[0].values.astype(np.float64)), c[0].valid)),
    "max_of": Function(2, 64, _max_of(np.greater), (ALIGNED,)),
    "min_of": Function(2, 64, _max_of(np.less), (ALIGNED,)),
}
