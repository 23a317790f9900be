"""LNT009: a threshold that every hit meets."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.bounds import always
from tollwatch.lint.check import Finding, Subject
from tollwatch.sigma.model import CorrelationType, Threshold


def find(subject: Subject) -> Iterator[Finding]:
    """The condition of a correlation holds at every hit, such as ``gte: 1`` of a count.

    Why: the correlation then fires wherever its rules do, and says "many" where there was one.
    How: raise the number. A ``temporal`` of one hit of any rule is written with ``or`` in its condition.
    """
    for rule in subject.correlations():
        if rule.type is CorrelationType.TEMPORAL_ORDERED or not isinstance(rule.condition, Threshold):
            continue
        if always(rule, rule.condition):
            shown = " and ".join(f"{op} {bound}" for op, bound in rule.condition.bounds)
            message = f"{rule.header.key}: the condition {shown} holds at every hit"
            yield Finding(rule.header, message, "raise the number", ("correlation", "condition"))
