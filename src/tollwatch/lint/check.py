"""What a check is: a function from all rules to findings, with a code, a severity and its own documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tollwatch.diagnostics import Severity
from tollwatch.plan.nodes import Node, Plan, Search
from tollwatch.plan.walk import nodes
from tollwatch.sigma.model import CorrelationRule, EventRule, Header, Rule, RuleSet

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What checks look at: the rules, and the plan of those that alert by themselves."""

    rules: RuleSet
    plan: Plan

    def alerting(self) -> Iterator[Rule]:
        """The rules that alert by themselves, in file order."""
        keys = {node.header.key for node in self.plan.detections}
        return (rule for rule in self.rules if rule.header.key in keys)

    def correlations(self) -> Iterator[CorrelationRule]:
        """The correlations, also those that others refer to."""
        return (rule for rule in self.rules if isinstance(rule, CorrelationRule))

    def event_rules(self) -> Iterator[EventRule]:
        """The rules over single events."""
        return (rule for rule in self.rules if isinstance(rule, EventRule))

    def planned(self) -> Iterator[Node]:
        """Every node of the plan once, those that others refer to as well."""
        # By key: to compare nodes is to compare whole trees.
        return iter({below.header.key: below for node in self.plan.detections for below in nodes(node)}.values())

    def searches(self) -> Iterator[Search]:
        """The plan's rules over single events, each once."""
        return (node for node in self.planned() if isinstance(node, Search))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in one rule. ``path`` are the keys that lead to its place in the YAML; () is the rule's start."""

    header: Header
    message: str
    hint: str | None = None
    path: KeyPath = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A check. ``find`` stands in a module of its own, whose docstring says what is found, why, and how to mend it."""

    code: str
    severity: Severity
    find: Callable[[Subject], Iterator[Finding]]

    @property
    def documentation(self) -> str:
        """The docstring of ``find``: what, why, how."""
        return (self.find.__doc__ or "").strip()
