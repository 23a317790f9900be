"""LNT008: a threshold that nothing can meet."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.lint.bounds import never
from tollwatch.lint.check import Finding, Subject
from tollwatch.sigma.model import Threshold


def find(subject: Subject) -> Iterator[Finding]:
    """The condition of a correlation can never hold.

    Why: the rule looks like protection and is none. Found are a count below 1 (a window is judged only where it has a
    hit), a sum or statistic below 0, a range whose ends cross, more rules than there are, a count equal to a fraction.
    How: mend the number. To be told of silence is not what a correlation can do.
    """
    for rule in subject.correlations():
        if isinstance(rule.condition, Threshold) and never(rule, rule.condition):
            shown = " and ".join(f"{op} {bound}" for op, bound in rule.condition.bounds)
            message = f"{rule.header.key}: the condition {shown} can never hold"
            hint = "a window is judged only where it has a hit, and nothing measured is negative"
            yield Finding(rule.header, message, hint, ("correlation", "condition"))
