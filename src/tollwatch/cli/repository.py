"""What commands load first: the settings, the rules, and a plan that fits a profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tollwatch.cases.rules import load_rules
from tollwatch.cli import render
from tollwatch.config import Settings, load_settings
from tollwatch.diagnostics import Diagnostic, Severity, closest
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node, Plan
    from tollwatch.sigma.model import RuleSet


def settings_and_rules(paths: Sequence[Path] | None) -> tuple[Settings, RuleSet]:
    """The nearest rules.toml's settings, and the rules of ``paths`` or of the settings.

    Raises:
        UsageError: there are no rules at all.
    """
    settings = load_settings()
    if not paths:
        missing = [path for path in settings.rules if not path.exists()]
        if missing:
            hint = "start a detection repository with: rules init" if settings.file is None else f"see {settings.file}"
            raise UsageError(f"{missing[0]}: no such file or folder of rules", f"name rules with --rules, or {hint}")
    rules = load_rules(settings, list(paths) if paths else None)
    if not rules.rules and not rules.diagnostics:
        raise UsageError("there are no rules here", "name some with --rules, or write one with: rules new NAME")
    return settings, rules


def errors(found: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Those that make a rule unusable."""
    return tuple(diagnostic for diagnostic in found if diagnostic.severity is Severity.ERROR)


def chosen_plan(rules: RuleSet, names: Sequence[str] | None) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """The plan of the named rules (key, name or id), or of all that alert by themselves.

    Raises:
        UsageError: a name that is no rule's.
    """
    from tollwatch.plan.lower import lower

    for name in names or ():
        if rules.get(name) is None:
            known = [rule.header.key for rule in rules]
            broken = " that can be read" if rules.diagnostics else ""
            raise UsageError(f"there is no rule {name!r}{broken}", closest(name, known) or "see: rules list")
    return lower(rules, select=names or None)


def fitting(plan: Plan, profiles: Sequence[Profile]) -> tuple[tuple[Node, ...], tuple[Diagnostic, ...]]:
    """The nodes that the profiles can serve together, and why the others cannot be.

    With several profiles, every search must be served by one of them.
    """
    from tollwatch.plan.fit import unfit
    from tollwatch.plan.walk import searches

    fit: list[Node] = []
    refused: list[Diagnostic] = []
    for node in plan.detections:
        whole = [unfit(node, profile) for profile in profiles]
        apart = len(profiles) > 1 and all(
            any(not unfit(search, profile) for profile in profiles) for search in searches(node)
        )
        if apart or not all(whole):
            fit.append(node)
        else:
            refused.extend(_fewest(whole))
    return tuple(fit), tuple(refused)


def _fewest(reasons: Sequence[tuple[Diagnostic, ...]]) -> tuple[Diagnostic, ...]:
    """Why the profile that comes nearest cannot serve a rule."""
    return reasons[min(range(len(reasons)), key=lambda n: len(reasons[n]))]


def needed_fields(nodes: Sequence[Node]) -> tuple[str, ...] | None:
    """The fields that the nodes read; None, which is all, where one has keywords."""
    from tollwatch.plan.walk import fields, has_keyword, searches

    if any(has_keyword(search.predicate) for node in nodes for search in searches(node)):
        return None
    return tuple(dict.fromkeys(name for node in nodes for name in fields(node)))


def report_rules(found: Sequence[Diagnostic], quiet: bool) -> bool:
    """Show what is wrong with rules; whether some cannot be used."""
    serious = errors(found)
    render.diagnostics(serious if quiet else found)
    return bool(serious)
