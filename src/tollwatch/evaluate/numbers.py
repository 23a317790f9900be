"""Exact arithmetic over columns: measured values as integer ratios, held against thresholds without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from tollwatch.sigma.model import Op, Threshold

# Elements are int64 where nothing can overflow, Python integers (dtype object) where something could, and
# float64 where a column holds doubles that no small power of ten makes whole.
Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_SAFE = 2**62
_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Ratio:
    """n measured values, ``numerator / denominator`` element by element; undefined where ``defined`` is false."""

    numerator: Array
    denominator: Array
    defined: Mask

    def __len__(self) -> int:
        return len(self.numerator)

    def take(self, index: Array) -> Ratio:
        """The values at these positions."""
        return Ratio(self.numerator[index], self.denominator[index], self.defined[index])

    def plain(self, position: int) -> int | float | None:
        """One value as a Python number: an int where it is whole, None where it is undefined."""
        if not self.defined[position]:
            return None
        numerator, denominator = self.numerator[position], self.denominator[position]
        if isinstance(numerator, float | np.floating):
            value = float(numerator) / float(denominator)
            return int(value) if value.is_integer() else value
        exact = Fraction(int(numerator), int(denominator))
        return exact.numerator if exact.denominator == 1 else float(exact)

    def as_float(self) -> npt.NDArray[np.float64]:
        """Nearest doubles, for ordering and display; undefined values are NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = self.numerator.astype(np.float64) / self.denominator.astype(np.float64)
        return np.where(self.defined, values, np.nan)


def whole(values: Array) -> Ratio:
    """Counts: every value defined, over one."""
    return Ratio(values, np.ones(len(values), np.int64), np.ones(len(values), np.bool_))


def meets(value: Ratio, threshold: Threshold) -> Mask:
    """Where every bound holds; never where the value is undefined."""
    result = value.defined.copy()
    for op, bound in threshold.bounds:
        result &= _compare(value, op, bound)
    return result


def _compare(value: Ratio, op: Op, bound: Decimal) -> Mask:
    left, right = _cross_multiply(value, bound)
    match op:
        case Op.LT:
            return np.asarray(left < right, np.bool_)
        case Op.LTE:
            return np.asarray(left <= right, np.bool_)
        case Op.GT:
            return np.asarray(left > right, np.bool_)
        case Op.GTE:
            return np.asarray(left >= right, np.bool_)
        case Op.EQ:
            return np.asarray(left == right, np.bool_)
        case Op.NEQ:
            return np.asarray(left != right, np.bool_)
        case _:
            assert_never(op)


def _cross_multiply(value: Ratio, bound: Decimal) -> tuple[Array, Array]:
    """``numerator · q`` and ``p · denominator`` for the bound p/q: comparing them compares the values exactly."""
    if value.numerator.dtype == np.float64:
        return value.numerator / value.denominator, np.full(len(value), float(bound))
    top, bottom = bound.as_integer_ratio()
    largest = max(_magnitude(value.numerator) * bottom, _magnitude(value.denominator) * abs(top))
    if largest < _SAFE and max(bottom, abs(top)) < _SAFE:
        return value.numerator * np.int64(bottom), value.denominator * np.int64(top)
    return value.numerator.astype(object) * bottom, value.denominator.astype(object) * top


def _magnitude(values: Array) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if len(values) else 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """A numeric column: n values, whole once multiplied by ``scale`` (1 where the values are float64)."""

    values: Array
    valid: Mask
    scale: int


def exact_numbers(values: Array, valid: Mask, scale: int = 1) -> Numbers:
    """Make sums exact: doubles become integers over a power of ten where each is such a decimal.

    ``values`` are already ``scale`` times what they mean (micro-dollars: 1,000,000); nulls become 0.
    """
    filled = np.where(valid, values, 0)
    if filled.dtype != np.float64:
        return Numbers(filled, valid, scale)
    largest = float(np.abs(filled).max(initial=0.0))
    for decimals in range(_DECIMALS + 1):
        power = 10**decimals
        if not largest * power < 2**53:
            break
        scaled = np.rint(filled * power)
        if np.array_equal(scaled / power, filled):
            return Numbers(scaled.astype(np.int64), valid, scale * power)
    return Numbers(filled, valid, scale)


def widened(values: Array, count: int) -> Array:
    """Python integers where the sum of ``count`` of the values could leave int64."""
    narrow = values.dtype != np.int64 or _magnitude(values) * max(count, 1) < _SAFE
    return values if narrow else values.astype(object)


def running(values: Array) -> Array:
    """Prefix sums with a leading zero: the sum of [i, j) is ``out[j] - out[i]``."""
    out = np.zeros(len(values) + 1, values.dtype if values.dtype != np.bool_ else np.int64)
    np.cumsum(values, out=out[1:], dtype=out.dtype)
    return out
