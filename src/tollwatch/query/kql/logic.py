"""Kusto's logic, choices and comparisons. Microsoft's documentation, "Null values", "Scalar operators".

A string is never null. Equality of a null and a value is known; of two nulls nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from tollwatch.query.columns import COMPARE, both, choice, contrary, either, true_rows
from tollwatch.query.entries import ANY, BOOLS, NUMBERS, TIMES, Function, Here, Run
from tollwatch.query.kql.casts import NUMERIC, cast, same
from tollwatch.query.kql.values import distinct, never_null, truth
from tollwatch.query.table import Column, Type

SPACED = NUMBERS | TIMES


def negated(run: Run) -> Run:
    """The contrary; what is not known stays so."""
    return lambda columns, here: contrary(run(columns, here))


def _iff(columns: Sequence[Column], here: Here) -> Column:
    condition, then, otherwise = columns
    then, otherwise = same([then, otherwise], here, "a choice")
    return choice(true_rows(condition), then, otherwise)


def _case(columns: Sequence[Column], here: Here) -> Column:
    *pairs, otherwise = columns
    if len(pairs) % 2:
        raise here.failed("case takes pairs of a condition and a value, and one more value")
    if any(one.type is not Type.BOOL for one in pairs[::2]):
        raise here.failed("case: a condition is a bool")
    *thens, otherwise = same([*pairs[1::2], otherwise], here, "a choice")
    for then, condition in zip(thens[::-1], pairs[-2::-2], strict=True):
        otherwise = choice(true_rows(condition), then, otherwise)
    return otherwise


def _coalesce(columns: Sequence[Column], here: Here) -> Column:
    first, *others = same(columns, here, "a choice")
    for other in others:
        first = choice(~empty(first), first, other)
    return first


def empty(one: Column) -> Any:
    """Where isempty() holds: a null or the empty string; in a dynamic column also an empty string inside."""
    if one.type is Type.STRING:
        return np.asarray(never_null(one).values == "", np.bool_)
    if one.type is Type.DYNAMIC:
        return ~one.valid | np.asarray(one.values == "", np.bool_)
    return ~one.valid


def _is_null(columns: Sequence[Column], _here: Here) -> Column:
    (one,) = columns
    return truth(np.zeros(len(one), np.bool_) if one.type is Type.STRING else ~one.valid)


def _is_empty(columns: Sequence[Column], _here: Here) -> Column:
    return truth(empty(columns[0]))


# ---------------------------------------------------------------- comparison


def compared(sign: str) -> Run:
    """The operator over two columns of one type, or of numbers; a dynamic one is cast to the other's type."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        left, right = comparable(sign, columns, here)
        known = left.valid & right.valid
        if sign not in ("==", "!=") and left.type not in SPACED:
            raise here.failed(f"{sign} is not known for {left.type}")
        found = np.asarray(COMPARE[sign](left.values, right.values), np.bool_)
        if sign not in ("==", "!="):
            return truth(found & known, known)
        return truth(found & known if sign == "==" else found | ~known, left.valid | right.valid)

    return run


def comparable(sign: str, columns: Sequence[Column], here: Here) -> Sequence[Column]:
    """Both columns as one type.

    Raises:
        QueryError: Kusto does not compare them, or the documentation does not say how.
    """
    left, right = (never_null(one) for one in columns)
    types = {left.type, right.type}
    if Type.DYNAMIC in types:
        if len(types) == 1:
            raise here.failed(f"{sign} is not known for two dynamic values: cast them")
        (other,) = types - {Type.DYNAMIC}
        return [_alike(one, other, here) if one.type is Type.DYNAMIC else one for one in (left, right)]
    if len(types) == 1 or types <= set(NUMERIC):
        return left, right
    raise here.failed(f"{sign} is not known for {left.type}, {right.type}")


def _alike(one: Column, wanted: Type, here: Here) -> Column:
    """A dynamic column for a comparison with another type: a string in it is no number without a cast."""
    if wanted in (*NUMERIC, Type.BOOL) and any(isinstance(value, str) for value in distinct(one).values):
        raise here.failed(f"a dynamic string beside a {wanted} is not known: cast it")
    if wanted is Type.LONG:  # a fraction is not cut off
        real, whole = cast(one, Type.REAL, here), cast(one, Type.LONG, here)
        return (
            whole
            if np.array_equal(np.where(real.valid, real.values, 0), np.where(whole.valid, whole.values, 0))
            else real
        )
    return cast(one, wanted, here)


def _between(columns: Sequence[Column], here: Here) -> Column:
    one, low, high = columns
    if (one.type, low.type, high.type) == (Type.DATETIME, Type.DATETIME, Type.TIMESPAN):
        high = Column(Type.DATETIME, low.values + high.values, low.valid & high.valid)
    return both(compared(">=")([one, low], here), compared("<=")([one, high], here))


LOGIC: Mapping[str, Function] = {
    "not": Function(1, 1, lambda columns, _here: contrary(columns[0]), (BOOLS,)),
    "and": Function(2, None, lambda columns, _here: reduce(both, columns), (BOOLS,)),
    "or": Function(2, None, lambda columns, _here: reduce(either, columns), (BOOLS,)),
    **dict.fromkeys(("iff", "iif"), Function(3, 3, _iff, (BOOLS, ANY))),
    "case": Function(3, None, _case),
    "coalesce": Function(2, 64, _coalesce),
    "isnull": Function(1, 1, _is_null),
    "isnotnull": Function(1, 1, negated(_is_null)),
    "isempty": Function(1, 1, _is_empty),
    **dict.fromkeys(("isnotempty", "notempty"), Function(1, 1, negated(_is_empty))),
    **{sign: Function(2, 2, compared(sign)) for sign in COMPARE},
    "between": Function(3, 3, _between, (SPACED,)),
    "!between": Function(3, 3, negated(_between), (SPACED,)),
}
