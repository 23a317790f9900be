"""ES|QL's operators over columns of single values. Elastic's reference, "ES|QL operators"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from tollwatch.query.columns import COMPARE, both, contrary, either
from tollwatch.query.entries import BOOLS, STRINGS, Function, Here, Kinds, Run, single
from tollwatch.query.esql import patterns, times
from tollwatch.query.esql.syntax import Amount
from tollwatch.query.esql.values import NUMERIC, ORDERED, WHOLE_NUMBERS, alike, kind, named
from tollwatch.query.table import TEXTS, Array, Column, Mask, Type, codes, nulls

TEMPORAL: Kinds = frozenset({Type.DATETIME, Type.TIMESPAN})
INT_MOST, INT_LEAST = 2**31 - 1, -(2**31)
LONG_LEAST = np.int64(-(2**63))

# ---------------------------------------------------------------- arithmetic


def finite(values: Array, valid: Mask) -> Column:
    """Doubles; what is infinite or no number is null."""
    good = np.isfinite(values)
    return Column(Type.REAL, np.where(good, values, 0.0), valid & good)


def whole(type_: Type, values: Array, valid: Mask) -> Column:
    """Integers; those of 32 bits that do not fit are null."""
    if type_ is Type.INT:
        valid = valid & (values <= INT_MOST) & (values >= INT_LEAST)
    return Column(type_, values, valid)


def _arithmetic(sign: str) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        if any(one.type in TEMPORAL for one in columns):
            return _shifted(sign, columns, here)
        left, right = alike(columns, here)
        valid = left.valid & right.valid
        with np.errstate(all="ignore"):
            if left.type is Type.REAL:
                return finite(_REAL[sign](left.values, right.values), valid)
            values, good = _WHOLE[sign](left.values, right.values)
        return whole(left.type, values, valid & good)

    return run


def _shifted(sign: str, columns: Sequence[Column], here: Here) -> Column:
    """A date and a timespan, or two timespans of one sort."""
    left, right = columns
    if sign == "+" and right.type is Type.DATETIME:
        left, right = right, left
    if left.type not in TEMPORAL or right.type is not Type.TIMESPAN:
        raise here.failed(f"{named(columns[0])} {sign} {named(columns[1])} is not known")
    by: Amount | None = single(right, "a timespan", here)
    if by is None:
        return nulls(left.type, here.rows)
    way = 1 if sign == "+" else -1
    if left.type is Type.DATETIME:
        return Column(Type.DATETIME, times.shifted(left.values, by, way), left.valid)
    of: Amount = single(left, "a timespan", here) or Amount(0, 0, by.period)
    if of.period is not by.period:
        raise here.failed("a date_period and a time_duration have no sum")
    both = Amount(of.months + way * by.months, of.micros + way * by.micros, of.period)
    return Column(Type.TIMESPAN, np.full(here.rows, both, object), left.valid & right.valid)


def _plus(left: Array, right: Array) -> tuple[Array, Mask]:
    found = left + right
    return found, ((left ^ found) & (right ^ found)) >= 0


def _minus(left: Array, right: Array) -> tuple[Array, Mask]:
    found = left - right
    return found, ((left ^ right) & (left ^ found)) >= 0


def _times(left: Array, right: Array) -> tuple[Array, Mask]:
    found = left * right
    divisor = np.where(right == 0, 1, right)
    least = (right == -1) & (left == LONG_LEAST)
    return found, ((right == 0) | (found // divisor == left)) & ~least


def _over(left: Array, right: Array) -> tuple[Array, Mask]:
    """The quotient, cut toward zero."""
    divisor = np.where(right == 0, 1, right)
    found = left // divisor
    cut = found + ((found < 0) & (found * divisor != left))
    return cut, (right != 0) & ~((right == -1) & (left == LONG_LEAST))


def _rest(left: Array, right: Array) -> tuple[Array, Mask]:
    return np.fmod(left, np.where((right == 0) | (right == -1), 1, right)), right != 0


_WHOLE = {"+": _plus, "-": _minus, "*": _times, "/": _over, "%": _rest}
_REAL = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "%": np.fmod}


def negated(columns: Sequence[Column], _here: Here) -> Column:
    """Minus the number."""
    (one,) = columns
    good = one.values != (LONG_LEAST if one.type in WHOLE_NUMBERS else np.nan)
    return whole(one.type, -one.values, one.valid & good)


# ---------------------------------------------------------------- comparison


def _compared(sign: str) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        left, right = columns
        numbers = left.type in NUMERIC and right.type in NUMERIC
        if not numbers and kind(left) is not kind(right):
            raise here.failed(f"{named(left)} {sign} {named(right)} is not known")
        if sign not in ("==", "!=") and left.type is Type.BOOL:
            raise here.failed(f"boolean {sign} boolean is not known")
        if left.type is Type.IP and sign not in ("==", "!="):
            ranks = codes(Column(Type.IP, np.r_[left.values, right.values], np.r_[left.valid, right.valid]))
            left = Column(Type.LONG, ranks[: len(left)], left.valid)
            right = Column(Type.LONG, ranks[len(right) :], right.valid)
        found = np.asarray(COMPARE[sign](left.values, right.values), np.bool_)
        return Column(Type.BOOL, found, left.valid & right.valid)

    return run


def within(columns: Sequence[Column], here: Here) -> Column:
    """IN: equal to one of the others; unknown where none is equal and one is null."""
    first, *others = columns
    same = _compared("==")
    if first.type in TEXTS and len(others) > 3:
        return _among(first, others, here)
    return reduce(either, [same([first, other], here) for other in others])


def _among(first: Column, others: Sequence[Column], here: Here) -> Column:
    """The same for many texts: constants are looked up, at once."""
    wrong = next((one for one in others if one.type is not first.type), None)
    if wrong is not None:
        raise here.failed(f"{named(first)} == {named(wrong)} is not known")
    constants = [one for one in others if len(one) and one.valid.all() and (one.values == one.values[0]).all()]
    texts = {one.values[0] for one in constants}
    found = Column(
        Type.BOOL, np.fromiter((value in texts for value in first.values), np.bool_, len(first)), first.valid
    )
    rest = [one for one in others if not any(one is two for two in constants)]
    return reduce(either, [found, *(_compared("==")([first, one], here) for one in rest)])


# ---------------------------------------------------------------- patterns


def _matches(translate: patterns.Translate) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        first, *others = columns
        found = [patterns.matched(first, translate(single(one, "a pattern", here) or "", here), here) for one in others]
        return reduce(either, found)

    return run


def _and(columns: Sequence[Column], _here: Here) -> Column:
    return reduce(both, columns)


def _or(columns: Sequence[Column], _here: Here) -> Column:
    return reduce(either, columns)


def _not(columns: Sequence[Column], _here: Here) -> Column:
    return contrary(columns[0])


OPERATORS: Mapping[str, Function] = {
    **{sign: Function(2, 2, _arithmetic(sign), (NUMERIC | TEMPORAL,)) for sign in "+-"},
    **{sign: Function(2, 2, _arithmetic(sign), (NUMERIC,)) for sign in "*/%"},
    **{sign: Function(2, 2, _compared(sign), (ORDERED,)) for sign in COMPARE},
    "negative": Function(1, 1, negated, (NUMERIC,)),
    "and": Function(2, None, _and, (BOOLS,)),
    "or": Function(2, None, _or, (BOOLS,)),
    "not": Function(1, 1, _not, (BOOLS,)),
    "in": Function(2, None, within, (ORDERED,)),
    "like": Function(2, None, _matches(patterns.like), (STRINGS,)),
    "rlike": Function(2, None, _matches(patterns.lucene), (STRINGS,)),
}
