"""LNT008: a threshold that every hit meets."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tollwatch.lint.check import Finding, Subject
from tollwatch.sigma.model import CorrelationType, Op, Threshold

_LEAST = {CorrelationType.EVENT_COUNT: 1, CorrelationType.VALUE_COUNT: 0, CorrelationType.TEMPORAL: 1}
"""The least that is counted where a window is looked at: a hit counts itself, a value may be null."""


def find(subject: Subject) -> Iterator[Finding]:
    """The condition of a counting correlation holds at every hit, such as ``gte: 1``.

    Why: the correlation then fires wherever its rules do, and says "many" where there was one. (That a condition can
    never hold is told when the rule is read.)
    How: raise the number. A ``temporal`` of a hit of any rule is written with ``or`` in its condition.
    """
    for rule in subject.correlations():
        if rule.type in _LEAST and isinstance(rule.condition, Threshold) and _always(rule.type, rule.condition):
            shown = " and ".join(f"{op} {bound}" for op, bound in rule.condition.bounds)
            message = f"{rule.header.key}: the condition {shown} holds at every hit"
            yield Finding(rule.header, message, "raise the number", ("correlation", "condition"))


def _always(type_: CorrelationType, threshold: Threshold) -> bool:
    least = Decimal(_LEAST[type_])
    return all((op is Op.GTE and bound <= least) or (op is Op.GT and bound < least) for op, bound in threshold.bounds)
