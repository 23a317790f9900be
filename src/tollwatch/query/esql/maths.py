"""ES|QL's functions of numbers. Elastic's reference, "Math functions". What is infinite or no number is null."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tollwatch.query.entries import Function, Here, Run, each
from tollwatch.query.esql.operators import finite, whole
from tollwatch.query.esql.values import NUMERIC, ORDERED, WHOLE_NUMBERS, alike, choice
from tollwatch.query.table import Column, Type, codes, constant


def _real(function: Callable[..., Any]) -> Run:
    """A function of doubles."""

    def run(columns: Sequence[Column], _here: Here) -> Column:
        valid = np.logical_and.reduce([one.valid for one in columns])
        with np.errstate(all="ignore"):
            return finite(np.asarray(function(*(one.values.astype(np.float64) for one in columns))), valid)

    return run


def _kept(function: Callable[[Any], Any]) -> Run:
    """A function under which a whole number stays what it is."""

    def run(columns: Sequence[Column], _here: Here) -> Column:
        (one,) = columns
        return one if one.type in WHOLE_NUMBERS else finite(function(one.values), one.valid)

    return run


def _abs(columns: Sequence[Column], _here: Here) -> Column:
    (one,) = columns
    found = np.abs(one.values)
    return finite(found, one.valid) if one.type is Type.REAL else whole(one.type, found, one.valid & (found >= 0))


def _fixed(value: float) -> Run:
    return lambda _columns, here: constant(Type.REAL, value, here.rows)


def _round(columns: Sequence[Column], here: Here) -> Column:
    """Halves away from zero; a whole number stays one."""
    one = columns[0]
    if len(columns) == 1 and one.type in WHOLE_NUMBERS:
        return one
    return each(one.type, _rounded)(columns, here)


def _rounded(value: float, digits: int = 0) -> float | int | None:
    if isinstance(value, int):
        if digits >= 0:
            return value
        if -digits >= len(str(abs(value))):
            return 0
        unit = 10**-digits
        found = (abs(value) + unit // 2) // unit * unit * (1 if value > 0 else -1)
        return found if abs(found) < 2**63 else None
    if abs(digits) > 300:
        return value if digits > 0 else 0.0
    scaled = abs(value * 10.0**digits)
    if not math.isfinite(scaled) or scaled >= 2**63:
        return value
    return math.copysign(math.floor(scaled + 0.5) / 10.0**digits, value)


def _log(columns: Sequence[Column], _here: Here) -> Column:
    """The natural logarithm, or that of the second to the base of the first; null for what has none."""
    values = [one.values.astype(np.float64) for one in columns]
    valid = np.logical_and.reduce([one.valid & (one.values > 0) for one in columns])
    with np.errstate(all="ignore"):
        found = np.log(values[-1]) if len(values) == 1 else np.log(values[1]) / np.log(values[0])
    return finite(found, valid)


def _best(*, largest: bool) -> Run:
    """The largest or least of the values; null where one is."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        same = alike(columns, here)
        valid = np.logical_and.reduce([one.valid for one in same])
        found = same[0]
        for other in same[1:]:
            both = Column(found.type, np.concatenate([found.values, other.values]), np.r_[found.valid, other.valid])
            ranks = codes(both)
            mine, theirs = ranks[: len(found)], ranks[len(found) :]
            found = choice(mine >= theirs if largest else mine <= theirs, found, other)
        return Column(found.type, found.values, valid)

    return run


def _signum(values: Any) -> Any:
    return np.sign(values)


def _hypot(one: Any, two: Any) -> Any:
    return np.hypot(one, two)


_ANGLES: Mapping[str, Any] = {
    "SIN": np.sin, "COS": np.cos, "TAN": np.tan, "SINH": np.sinh, "COSH": np.cosh, "TANH": np.tanh,
    "ASIN": np.arcsin, "ACOS": np.arccos, "ATAN": np.arctan, "EXP": np.exp, "SQRT": np.sqrt, "CBRT": np.cbrt,
    "LOG10": lambda values: np.where(values > 0, np.log10(values), np.nan), "SIGNUM": _signum,
}  # fmt: skip

MATHS: Mapping[str, Function] = {
    **{name: Function(1, 1, _real(function), (NUMERIC,)) for name, function in _ANGLES.items()},
    "ATAN2": Function(2, 2, _real(np.arctan2), (NUMERIC,)),
    "HYPOT": Function(2, 2, _real(_hypot), (NUMERIC,)),
    "POW": Function(2, 2, _real(np.power), (NUMERIC,)),
    "LOG": Function(1, 2, _log, (NUMERIC,)),
    "ABS": Function(1, 1, _abs, (NUMERIC,)),
    "CEIL": Function(1, 1, _kept(np.ceil), (NUMERIC,)),
    "FLOOR": Function(1, 1, _kept(np.floor), (NUMERIC,)),
    "ROUND": Function(1, 2, _round, (NUMERIC, WHOLE_NUMBERS)),
    "PI": Function(0, 0, _fixed(math.pi)),
    "E": Function(0, 0, _fixed(math.e)),
    "TAU": Function(0, 0, _fixed(math.tau)),
    "GREATEST": Function(1, None, _best(largest=True), (ORDERED,)),
    "LEAST": Function(1, None, _best(largest=False), (ORDERED,)),
}
