"""The RuleSet: what was read from Sigma YAML, immutable, with every rule's place in its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from tollwatch.diagnostics import Diagnostic

if TYPE_CHECKING:  # pySigma takes a third of a second to import; the model itself does not need it
    from sigma.rule import SigmaRule


@dataclass(frozen=True, slots=True)
class LogSource:
    """The ``logsource`` of a rule (Sigma rules specification 2.1.0, "Log source")."""

    category: str | None = None
    product: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Extras:
    """What a rule says to this toolkit alone, under its ``tollwatch:`` key."""

    response: str | None = None
    schedule: tuple[tuple[str, str], ...] = ()
    entities: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What every rule carries. ``key`` is the name, else the id, else the file's stem.

    ``path``, ``line`` and ``column`` (1-based) are where the rule's document starts.
    """

    key: str
    title: str
    path: str
    line: int
    column: int
    name: str | None = None
    id: str | None = None
    level: str | None = None
    status: str | None = None
    description: str | None = None
    author: str | None = None
    date: str | None = None
    references: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    extras: Extras = field(default_factory=Extras)


class CorrelationType(StrEnum):
    """The eight correlation types (Sigma correlation rules specification 2.1.0, "type")."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_MEDIAN = "value_median"
    VALUE_PERCENTILE = "value_percentile"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


class Op(StrEnum):
    """A comparison of a measured value with a number."""

    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    EQ = "eq"
    NEQ = "neq"


@dataclass(frozen=True, slots=True)
class Threshold:
    """All ``bounds`` must hold: one, or a range such as gt and lte. Numbers keep the YAML's decimals."""

    bounds: tuple[tuple[Op, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Present:
    """Leaf of an extended condition: the rule of this index in ``Correlation.rules`` has a hit."""

    index: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """``a and b`` in an extended condition."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``a or b`` in an extended condition."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """``not a`` in an extended condition."""

    item: Expression


Expression = Present | AllOf | AnyOf | NoneOf


@dataclass(frozen=True, slots=True)
class Timespan:
    """A window's length: the text as written (``10m``) and whole microseconds."""

    text: str
    microseconds: int


@dataclass(frozen=True, slots=True)
class EventRule:
    """A rule over single events. ``sigma`` is pySigma's rule with all filters applied; nobody writes on it.

    ``filters`` are the keys of the Sigma filters that were applied to it.
    """

    header: Header
    logsource: LogSource
    sigma: SigmaRule
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorrelationRule:
    """A correlation, with its references resolved to keys of rules in the same RuleSet.

    ``aliases`` maps alias → (rule key → field); ``value_fields`` is the condition's ``field``, always a tuple.
    ``condition`` of a temporal type without one is ``gte <number of rules>``.
    """

    header: Header
    type: CorrelationType
    rules: tuple[str, ...]
    timespan: Timespan
    condition: Threshold | Expression
    group_by: tuple[str, ...] = ()
    aliases: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    value_fields: tuple[str, ...] = ()
    percentile: Decimal | None = None
    generate: bool = False


Rule = EventRule | CorrelationRule


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that could be read, in file order, and every mistake found while reading them.

    ``rules`` holds only rules that can be used: a rule with an error, and any correlation that needs it,
    is left out and told of in ``diagnostics``; no other rule is lost.
    """

    rules: tuple[Rule, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    _index: dict[str, Rule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[str, Rule] = {}
        for rule in self.rules:
            for reference in (rule.header.key, rule.header.name, rule.header.id):
                if reference:
                    index.setdefault(reference, rule)
            if rule.header.id:
                index.setdefault(_bare(rule.header.id), rule)
        object.__setattr__(self, "_index", index)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def get(self, reference: str) -> Rule | None:
        """The rule with this key, name or id (in any case, with hyphens or without); None where there is none."""
        return self._index.get(reference) or self._index.get(_bare(reference))


def _bare(identifier: str) -> str:
    """An id in the one way in which it is looked up. Names keep their case: they are told apart by it."""
    return f"id:{identifier.replace('-', '').lower()}"
