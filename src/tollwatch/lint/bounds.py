"""What thresholds allow, as intervals: shared by the checks LNT008 and LNT009."""

from __future__ import annotations

from decimal import Decimal

from tollwatch.sigma.model import CorrelationRule, CorrelationType, Op, Threshold

_COUNTS = frozenset({CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT, CorrelationType.TEMPORAL})


def least(rule: CorrelationRule) -> int:
    """The least that can be measured where anything is looked at: a hit counts itself; sums may be 0."""
    return 1 if rule.type in {CorrelationType.EVENT_COUNT, CorrelationType.TEMPORAL} else 0


def most(rule: CorrelationRule) -> int | None:
    """The most that can be measured; None where there is no limit."""
    return len(rule.rules) if rule.type is CorrelationType.TEMPORAL else None


def counts(rule: CorrelationRule) -> bool:
    """Whether only whole numbers are measured."""
    return rule.type in _COUNTS


def never(rule: CorrelationRule, threshold: Threshold) -> bool:
    """Whether no measured value meets the threshold."""
    low, high = interval(threshold)
    at_least, at_most = Decimal(least(rule)), most(rule)
    if low is not None and at_most is not None and _beyond(low, Decimal(at_most)):
        return True
    if high is not None and _below(high, at_least):
        return True
    wanted = [bound for op, bound in threshold.bounds if op is Op.EQ]
    if any(bound < at_least or (counts(rule) and bound != bound.to_integral_value()) for bound in wanted):
        return True
    return low is not None and high is not None and _empty(low, high)


def always(rule: CorrelationRule, threshold: Threshold) -> bool:
    """Whether every measured value meets the threshold."""
    low, high = interval(threshold)
    if high is not None or low is None or any(op in (Op.EQ, Op.NEQ) for op, _ in threshold.bounds):
        return False
    bound, included = low
    return bound <= least(rule) if included else bound < least(rule)


Bound = tuple[Decimal, bool]
"""A number, and whether it is allowed itself."""


def interval(threshold: Threshold) -> tuple[Bound | None, Bound | None]:
    """The lower and the upper end of what lt, lte, gt and gte allow together."""
    lower = [(bound, op is Op.GTE) for op, bound in threshold.bounds if op in (Op.GT, Op.GTE)]
    upper = [(bound, op is Op.LTE) for op, bound in threshold.bounds if op in (Op.LT, Op.LTE)]
    low = max(lower, key=lambda end: (end[0], not end[1]), default=None)
    high = min(upper, key=lambda end: (end[0], end[1]), default=None)
    return low, high


def _beyond(low: Bound, value: Decimal) -> bool:
    return low[0] > value or (low[0] == value and not low[1])


def _below(high: Bound, value: Decimal) -> bool:
    return high[0] < value or (high[0] == value and not high[1])


def _empty(low: Bound, high: Bound) -> bool:
    return low[0] > high[0] or (low[0] == high[0] and not (low[1] and high[1]))
