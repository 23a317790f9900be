"""The comparisons in a correlation's condition: numbers as written, and whether any value can meet them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from math import ceil, floor

from tollwatch.diagnostics import Severity
from tollwatch.sigma.model import CorrelationType, Op, Threshold
from tollwatch.sigma.places import Path
from tollwatch.sigma.report import Report

_KEYS = (*Op, "field", "percentile")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")
_COUNTS = frozenset(
    {CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT, CorrelationType.TEMPORAL}
)  # measured in whole numbers
_NEVER_ZERO = frozenset({CorrelationType.EVENT_COUNT, CorrelationType.TEMPORAL})  # judged only where there is a hit

_DIGITS = 30  # before or after the point; no count, sum or price comes near

Bounds = tuple[tuple[Op, Decimal], ...]


def read_threshold(
    report: Report, condition: Mapping[str, object], path: Path, type_: CorrelationType | None, rules: int
) -> Threshold | None:
    """The comparisons of a condition, in the order written; None with its mistakes told.

    A mapping of several is a conjunction ("To define a range", specification, "Condition").
    """
    bounds: list[tuple[Op, Decimal]] = []
    sound = True
    for key, value in condition.items():
        at = (*path, key)
        if key not in _KEYS:
            report.unknown("SIG013", f"unknown key {key!r} under `condition`", at, key, _KEYS, key=True)
            sound = False
        elif key in tuple(Op):
            number = _number(value)
            if number is None:
                report.error("SIG045", f"{_shown(value)} is no number", at)
                sound = False
            else:
                bounds.append((Op(key), number))
    if not bounds:
        if sound:
            report.error("SIG045", "the condition compares nothing", path, key=True, hint=f"one of {', '.join(Op)}")
        return None
    if sound and type_ is not None:
        _judge(report, tuple(bounds), path, type_, rules)
    return Threshold(tuple(bounds))


def read_percentile(
    report: Report, condition: Mapping[str, object], path: Path, type_: CorrelationType | None
) -> Decimal | None:
    """``percentile``, which only value_percentile has, and must have: above 0, at most 100."""
    at, value = (*path, "percentile"), condition.get("percentile")
    if type_ is not CorrelationType.VALUE_PERCENTILE:
        if value is not None and type_ is not None:
            hint = "the type is `value_percentile`"
            report.error("SIG044", f"`percentile` has no meaning in `{type_}`", at, key=True, hint=hint)
        return None
    if value is None:
        hint = "add `percentile: 95`, or use `value_median` for 50"
        report.error("SIG044", "`value_percentile` needs a `percentile`", path, key=True, hint=hint)
        return None
    number = _number(value)
    if number is None or not 0 < number <= 100:
        report.error("SIG044", f"{_shown(value)} is no percentile", at, hint="a number above 0, at most 100")
        return None
    return number


def _number(value: object) -> Decimal | None:
    """The number, with all its decimals; a text that reads as one is one (pySigma has it so)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | str):
        text = str(value)
        value = Decimal(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else None
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    return value if abs(value.adjusted()) <= _DIGITS else None


def _judge(report: Report, bounds: Bounds, path: Path, type_: CorrelationType, rules: int) -> None:
    if type_ is CorrelationType.TEMPORAL_ORDERED:
        if rules and bounds not in {((Op.GTE, Decimal(rules)),), ((Op.EQ, Decimal(rules)),)}:
            message = f"`temporal_ordered` holds only with all of its {rules} rules"
            report.error("SIG045", message, path, key=True, hint=f"leave the condition out, or write `gte: {rules}`")
    elif type_ is CorrelationType.TEMPORAL and rules and not _possible(bounds, type_, Decimal(rules)):
        message = f"the condition can never hold: there {'is 1 rule' if rules == 1 else f'are {rules} rules'}"
        report.note("SIG045", message, path, Severity.WARNING, key=True)
    elif not _possible(bounds, type_, None):
        hint = "several comparisons must all hold"
        if type_ in _NEVER_ZERO:
            hint += ", and at least one event is always there"
        # A warning: such a rule is of no use, but its meaning is clear, and a threshold may be swept through it.
        report.note("SIG045", "the condition can never hold", path, Severity.WARNING, hint, key=True)


def _possible(bounds: Bounds, type_: CorrelationType, most: Decimal | None) -> bool:
    """Whether some value meets all bounds."""
    low, open_low = (Decimal(1 if type_ in _NEVER_ZERO else 0) if type_ in _COUNTS else None), False
    high, open_high = most, False
    for op, number in bounds:
        if op in {Op.GT, Op.GTE, Op.EQ} and (low is None or (number, op is Op.GT) > (low, open_low)):
            low, open_low = number, op is Op.GT
        if op in {Op.LT, Op.LTE, Op.EQ} and (high is None or (number, op is not Op.LT) < (high, not open_high)):
            high, open_high = number, op is Op.LT
    if low is None or high is None:
        return True
    excluded = {number for op, number in bounds if op is Op.NEQ}
    if type_ not in _COUNTS:
        return low < high or (low == high and not open_low and not open_high and low not in excluded)
    first = floor(low) + 1 if open_low else ceil(low)
    last = ceil(high) - 1 if open_high else floor(high)
    whole = {int(number) for number in excluded if number == number.to_integral_value() and first <= number <= last}
    return last - first + 1 > len(whole)


def _shown(value: object) -> str:
    """As it may have been written in YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, dict | list):
        return "null" if value is None else "a mapping" if isinstance(value, dict) else "a list"
    return repr(value) if isinstance(value, str) else str(value)
