"""Checks over rules that can be read: what a detection engineer would want to be told before a rule is merged."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tollwatch.diagnostics import Diagnostic
    from tollwatch.plan.nodes import Plan
    from tollwatch.sigma.model import RuleSet


def lint(rules: RuleSet, plan: Plan, *, disable: Collection[str] = ()) -> tuple[Diagnostic, ...]:
    """What the checks find in the rules, in file and line order. ``plan`` is that of the rules which alert.

    ``disable``: codes of checks that are not to be run.
    """
    from tollwatch.diagnostics import in_order
    from tollwatch.lint.check import Subject
    from tollwatch.lint.places import Places
    from tollwatch.lint.registry import CHECKS

    subject, places = Subject(rules, plan), Places()
    return in_order(
        places.diagnostic(check.code, check.severity, finding)
        for check in CHECKS
        if check.code not in disable
        for finding in check.find(subject)
    )
