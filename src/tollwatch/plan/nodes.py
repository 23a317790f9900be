"""The Plan: what a rule means, as frozen nodes. The only input of the evaluator and of every compiler.

Two closed unions: ``Predicate`` (over one event) and ``Node`` (over many). Take them apart with ``match``
and end in ``assert_never``. Times and spans are whole microseconds; numbers are Decimal, as written.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum

from tollwatch.sigma.model import Expression, Header, LogSource, Op, Threshold

# ---------------------------------------------------------------- predicates: one event


class Wildcard(Enum):
    """``*`` (any text, also none) and ``?`` (one character) in a text pattern."""

    ANY = "*"
    ONE = "?"


Pattern = tuple[str | Wildcard, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """Always true or always false."""

    value: bool


@dataclass(frozen=True, slots=True)
class And:
    """Every item holds."""

    items: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one item holds."""

    items: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The item does not hold; true for an event that lacks the item's field."""

    item: Predicate


@dataclass(frozen=True, slots=True)
class Text:
    """The whole value matches the pattern; in a list, any element does. False on null.

    ``field`` None is a keyword: the pattern (already wrapped in ``*``) matches any text field.
    A number in the log is compared by its shortest decimal text, a boolean as true or false.
    """

    field: str | None
    pattern: Pattern
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """The value equals the number, also where the log carries it as text."""

    field: str
    value: Decimal


@dataclass(frozen=True, slots=True)
class Boolean:
    """The value is this boolean, also as text ("true", "False")."""

    field: str
    value: bool


@dataclass(frozen=True, slots=True)
class Null:
    """The field is missing or null."""

    field: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The value is a number (or text that reads as one) and ``value op number`` holds. ``op`` is lt, lte, gt or gte."""

    field: str
    op: Op
    value: Decimal


@dataclass(frozen=True, slots=True)
class Regex:
    """The pattern is found somewhere in the value (case-sensitive unless ``ignore_case``)."""

    field: str | None
    pattern: str
    ignore_case: bool = False
    multiline: bool = False
    dotall: bool = False


@dataclass(frozen=True, slots=True)
class Cidr:
    """The value is an IP address of that family inside the network (``10.0.0.0/8``, ``2001:db8::/32``)."""

    field: str
    network: str


class Relation(StrEnum):
    """How a field's text stands to another field's text."""

    EQUALS = "equals"
    STARTS_WITH = "startswith"
    ENDS_WITH = "endswith"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """The text of ``field`` equals, starts with, ends with or contains that of ``other``; false if either is null."""

    field: str
    other: str
    relation: Relation = Relation.EQUALS
    cased: bool = False


class TimeUnit(StrEnum):
    """A part of a timestamp in UTC; ``week`` is the ISO week."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class TimePart:
    """That part of the field, read as a time in UTC, stands to the number as ``op`` says (eq, lt, lte, gt, gte)."""

    field: str
    unit: TimeUnit
    value: int
    op: Op = Op.EQ


Predicate = Constant | And | Or | Not | Text | Number | Boolean | Null | Compare | Regex | Cidr | FieldMatch | TimePart


# ---------------------------------------------------------------- nodes: many events


@dataclass(frozen=True, slots=True)
class Column:
    """A value read off the event that a hit carries."""

    field: str


@dataclass(frozen=True, slots=True)
class GroupValue:
    """A value read off a child correlation's group: the child's group-by value at this index."""

    index: int


Reading = Column | GroupValue


@dataclass(frozen=True, slots=True)
class Search:
    """The events that match one rule; each is a hit at its own time, without a group."""

    header: Header
    predicate: Predicate
    logsource: LogSource


@dataclass(frozen=True, slots=True)
class Input:
    """How a correlation reads one of its referenced rules.

    ``keys`` has one reading for each group-by name of the parent, ``values`` one for each measured field.
    """

    node: Node
    keys: tuple[Reading, ...]
    values: tuple[Reading, ...] = ()


class Window(StrEnum):
    """SLIDING: [t − W, t] at each hit. CALENDAR: [k·W, (k+1)·W) of the epoch in UTC, judged when complete."""

    SLIDING = "sliding"
    CALENDAR = "calendar"


class Measure(StrEnum):
    """What is measured over the hits in a window."""

    EVENTS = "events"  # distinct events
    DISTINCT = "distinct"  # distinct values (tuples without a null)
    SUM = "sum"  # over distinct events; nulls add nothing, nulls alone meet no condition
    AVERAGE = "average"
    MEDIAN = "median"  # the mean of the middle two
    PERCENTILE = "percentile"  # nearest rank: element ⌈p·n/100⌉ in order
    RULES = "rules"  # referenced rules with a hit in the window (temporal)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Seven of the eight correlation types: a measure over a window of each group's hits, and a condition on it.

    ``condition`` is an Expression only where ``measure`` is RULES; its Present.index counts ``inputs``.
    ``timespan`` is in microseconds.
    """

    header: Header
    inputs: tuple[Input, ...]
    group_by: tuple[str, ...]
    timespan: int
    measure: Measure
    condition: Threshold | Expression
    window: Window
    percentile: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """temporal_ordered: a hit of each input in order, each strictly later, first to last at most ``timespan`` µs."""

    header: Header
    inputs: tuple[Input, ...]
    group_by: tuple[str, ...]
    timespan: int


Node = Search | Aggregate | Sequence


@dataclass(frozen=True, slots=True)
class Plan:
    """The nodes that alert by themselves, in rule order. Equal sub-nodes compare equal, so that work can be shared."""

    detections: tuple[Node, ...]
