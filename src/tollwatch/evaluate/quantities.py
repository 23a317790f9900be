"""Numbers in a column's values, compared exactly with a rule's number.

A text is a number where it is written like one: an optional sign, digits with at most one point, an optional exponent
of up to four digits; no spaces, no hexadecimal, no thousands. Whole numbers and texts compare exactly, beyond 2⁵³ too;
a double compares with the double nearest to the rule's number, so that 0.1 equals 0.1.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Column, to_mask
from tollwatch.evaluate.numbers import Array, Mask
from tollwatch.sigma.model import Op

NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_INTEGER = r"^-?[0-9]{1,18}$"  # fits int64 whatever its digits are
_MICRO = 1_000_000

_COMPARISONS: dict[Op, Callable[[Any, Any], Any]] = {
    Op.LT: operator.lt,
    Op.LTE: operator.le,
    Op.GT: operator.gt,
    Op.GTE: operator.ge,
    Op.EQ: operator.eq,
    Op.NEQ: operator.ne,
}


@dataclass(frozen=True, slots=True, eq=False)
class Quantities:
    """The numbers among m values: integers, and others (float64 or Decimals), each with its position."""

    size: int
    integer_at: npt.NDArray[np.int64]
    integers: Array
    other_at: npt.NDArray[np.int64]
    others: Array

    def where(self, op: Op, wanted: Decimal, scale: int) -> Mask:
        """bool[m]: the values that are a number which stands to ``wanted`` as ``op`` says.

        The integers are ``scale`` times what they mean.
        """
        out = np.zeros(self.size, np.bool_)
        out[self.integer_at] = _compare_integers(self.integers, op, wanted, scale)
        bound = float(wanted) if self.others.dtype == np.float64 else wanted
        out[self.other_at] = np.asarray(_COMPARISONS[op](self.others, bound), np.bool_)
        return out


def match_number(column: Column, quantities: Quantities, op: Op, wanted: Decimal) -> Mask:
    """bool[m]: the column's values that stand to the number as ``op`` says; money is compared in dollars."""
    in_micro = column.money and pa.types.is_integer(column.type)
    return quantities.where(op, wanted, _MICRO if in_micro else 1)


def read_quantities(column: Column) -> Quantities:
    """The numbers among a column's values; booleans and times are none."""
    type_ = column.type
    size = len(column.values)
    none = np.zeros(0, np.int64)
    if pa.types.is_integer(type_):
        at, numbers = _valid(column.values)
        return Quantities(size, at, numbers, none, none)
    if pa.types.is_floating(type_):
        at, numbers = _valid(column.values.cast(pa.float64()))
        return Quantities(size, none, none, at, numbers)
    if pa.types.is_decimal(type_):
        at = np.flatnonzero(to_mask(pc.is_valid(column.values)))
        return Quantities(size, none, none, at, _objects(column.values.drop_null().to_pylist()))
    if column.is_text:
        return _read_texts(column)
    return Quantities(size, none, none, none, none)


def _read_texts(column: Column) -> Quantities:
    integer = to_mask(pc.match_substring_regex(column.texts, _INTEGER))
    numeric = to_mask(pc.match_substring_regex(column.texts, NUMBER))
    integer_at, other_at = np.flatnonzero(integer), np.flatnonzero(numeric & ~integer)
    integers = column.texts.take(pa.array(integer_at)).cast(pa.int64()).to_numpy()
    others = [Decimal(text) for text in column.texts.take(pa.array(other_at)).to_pylist()]
    return Quantities(len(column.values), integer_at, integers, other_at, _objects(others))


def _valid(values: pa.Array | pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], Array]:
    """The positions and values that are not null."""
    at = np.flatnonzero(to_mask(pc.is_valid(values)))
    return at, values.drop_null().to_numpy()


def _objects(values: list[Decimal]) -> Array:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _compare_integers(values: Array, op: Op, wanted: Decimal, scale: int) -> Mask:
    """Exact: the number is rounded to the integer that gives the same answer."""
    top, bottom = wanted.as_integer_ratio()
    floor, remainder = divmod(top * scale, bottom)
    match op:
        case Op.EQ:
            found = values == floor if not remainder else np.zeros(len(values), np.bool_)
        case Op.NEQ:
            found = values != floor if not remainder else np.ones(len(values), np.bool_)
        case Op.LTE | Op.GT:
            found = _COMPARISONS[op](values, floor)
        case Op.LT | Op.GTE:
            found = _COMPARISONS[op](values, floor + bool(remainder))
        case _:
            assert_never(op)
    return np.asarray(found, np.bool_)
