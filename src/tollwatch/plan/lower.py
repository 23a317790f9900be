"""From rules to the Plan. Here, and in the modules lower_*, stands what a modifier or a correlation means.

Codes: PLN001 condition, PLN002 selection, PLN003 kind of value, PLN004 placeholder, PLN005 value that cannot be held,
PLN006 regular expression, PLN007 needs a rule that was left out, PLN008 temporal_ordered, PLN009 measured field,
PLN010 unknown rule.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import assert_never

from tollwatch.diagnostics import Diagnostic, closest, in_order
from tollwatch.plan.faults import Faults
from tollwatch.plan.lower_correlation import lower_correlation
from tollwatch.plan.nodes import Node, Plan, Search
from tollwatch.sigma.model import CorrelationRule, EventRule, Rule, RuleSet


def lower(rules: RuleSet, *, select: Collection[str] | None = None) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """The plan of every rule that alerts by itself, in rule order, and every mistake found in lowering them.

    ``select``: exactly the rules with these keys, names or ids, also those that others refer to. A rule that
    cannot be lowered, and any correlation that needs it, is left out with a diagnostic; no other is lost.
    """
    lowering = _Lowering(rules)
    chosen, unknown = (_alerting(rules), []) if select is None else _selected(rules, select)
    found = [lowering.node(rule) for rule in rules if rule.header.key in chosen]
    plan = Plan(tuple(node for node in found if node is not None))
    return plan, in_order([*unknown, *lowering.diagnostics])


def _alerting(rules: RuleSet) -> set[str]:
    """The keys of rules that no correlation refers to, or one with ``generate: true`` does."""
    referring = [rule for rule in rules if isinstance(rule, CorrelationRule)]
    referred = {key for rule in referring for key in rule.rules}
    generated = {key for rule in referring if rule.generate for key in rule.rules}
    return {rule.header.key for rule in rules} - (referred - generated)


def _selected(rules: RuleSet, select: Collection[str]) -> tuple[set[str], list[Diagnostic]]:
    chosen: set[str] = set()
    unknown: list[Diagnostic] = []
    for name in sorted(set(select)):
        rule = rules.get(name)
        if rule is not None:
            chosen.add(rule.header.key)
        else:
            hint = closest(name, (known.header.key for known in rules))
            unknown.append(Diagnostic("PLN010", f"there is no rule {name}", name, hint=hint))
    return chosen, unknown


@dataclass(slots=True)
class _Lowering:
    """Lowers each rule once; ``None`` stands for one that cannot be."""

    rules: RuleSet
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _done: dict[str, Node | None] = field(default_factory=dict)

    def node(self, rule: Rule) -> Node | None:
        key = rule.header.key
        if key not in self._done:
            faults = Faults(rule.header)
            node = self._lower(rule, faults)
            self._done[key] = None if faults.found else node
            self.diagnostics += faults.found
        return self._done[key]

    def _lower(self, rule: Rule, faults: Faults) -> Node | None:
        match rule:
            case EventRule():
                from tollwatch.plan.lower_detection import lower_detection

                return Search(rule.header, lower_detection(rule, faults), rule.logsource)
            case CorrelationRule():
                return self._correlation(rule, faults)
            case _:
                assert_never(rule)

    def _correlation(self, rule: CorrelationRule, faults: Faults) -> Node | None:
        children = []
        for key in rule.rules:
            child = self._child(key)
            if child is None:
                faults.add("PLN007", f"refers to {key}, which was left out")
            else:
                children.append(child)
        return None if faults.found else lower_correlation(rule, children, faults)

    def _child(self, key: str) -> Node | None:
        rule = self.rules.get(key)
        return None if rule is None else self.node(rule)
