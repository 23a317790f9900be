"""A program: the meaning of a correlation as steps over a table of rows, which SPL and KQL can both say.

``sweep`` makes programs from nodes, ``spl`` and ``kql`` print them, and a slow interpreter in tests/ runs them, so
that the algorithm is held against the evaluator apart from any language. Two closed unions: ``Scalar`` and ``Step``.

Types: a *time* is a moment, a *span* a length of time, a *flag* 0 or 1; all others are whole numbers or texts.
``Missing`` is the absence of a value: a comparison with it does not hold, and functions over rows pass over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import assert_never

from tollwatch.plan.nodes import Predicate

# ---------------------------------------------------------------- scalars


@dataclass(frozen=True, slots=True)
class Ref:
    """A column of the row."""

    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """A threshold or a timespan, by its name in ``Program.constants``."""

    name: str


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number."""

    value: int


@dataclass(frozen=True, slots=True)
class Missing:
    """No value, of the kind of a time or of a number."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Never:
    """The epoch: a time before all others."""


class Kind(StrEnum):
    """What a column holds."""

    TIME = "time"
    SPAN = "span"
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"


class Binary(StrEnum):
    """An operator between two scalars."""

    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    OVER = "/"
    LT = "<"
    LTE = "<="
    GT = ">"
    GTE = ">="
    EQ = "=="
    NEQ = "!="


@dataclass(frozen=True, slots=True)
class Operation:
    """Arithmetic (a time and a span give a time, two times a span; OVER keeps the fraction) or a comparison."""

    operator: Binary
    left: Scalar
    right: Scalar


@dataclass(frozen=True, slots=True)
class All:
    """Every condition holds."""

    items: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Some condition holds."""

    items: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Unless:
    """The condition does not hold."""

    item: Scalar


@dataclass(frozen=True, slots=True)
class IsSet:
    """The flag is 1."""

    name: str


@dataclass(frozen=True, slots=True)
class HasRole:
    """The row is a copy of that role (see Base)."""

    role: str


@dataclass(frozen=True, slots=True)
class InBranch:
    """The row is of one of these branches (see Base)."""

    branches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HasValue:
    """The base column (a key or a counted value) is not null."""

    name: str


@dataclass(frozen=True, slots=True)
class Choose:
    """One of two values."""

    condition: Scalar
    then: Scalar
    otherwise: Scalar


@dataclass(frozen=True, slots=True)
class OrElse:
    """The first value, or where it is missing the second."""

    first: Scalar
    second: Scalar


class Edge(StrEnum):
    """The times of a scheduled run.

    START: the first time that is looked at. END: the run less the ingest delay; later events are ignored. FRESH: END
    less the interval; an episode is reported where its first hit is later than this.
    """

    START = "start"
    END = "end"
    FRESH = "fresh"


@dataclass(frozen=True, slots=True)
class Bound:
    """One of the times of a scheduled run."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class WindowStart:
    """The start of the calendar window of the epoch, ``span`` µs long, that the time lies in."""

    time: Scalar
    span: int


Scalar = (
    Ref
    | Named
    | Int
    | Missing
    | Never
    | Operation
    | All
    | Any
    | Unless
    | IsSet
    | HasRole
    | InBranch
    | HasValue
    | Choose
    | OrElse
    | Bound
    | WindowStart
)


# ---------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Extend:
    """New columns, one after another."""

    columns: tuple[tuple[str, Scalar, Kind], ...]


@dataclass(frozen=True, slots=True)
class Keep:
    """Only the rows where the condition holds."""

    condition: Scalar


class Function(StrEnum):
    """A function over rows. LATEST is the last value that is not missing, in the order of rows."""

    SUM = "sum"
    MAX = "max"
    MIN = "min"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Order:
    """A column to sort by."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """For each row, the function over the rows up to it, of its group ``by``, in this order.

    ``of``: the value of a row. ``current`` false leaves the row itself out: then a sum before any row is 0 and a
    latest one missing. A LATEST value rises along rising times, and falls along falling ones. ``dense``: no row's
    value is missing.
    """

    name: str
    function: Function
    of: Scalar
    by: tuple[str, ...]
    order: tuple[Order, ...]
    kind: Kind
    current: bool = True
    dense: bool = False


@dataclass(frozen=True, slots=True)
class Ties:
    """For each row, the function (not LATEST) over all rows that equal it in ``by``; ``name`` may exist already."""

    name: str
    function: Function
    of: Scalar
    by: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Collapse:
    """One row for each combination of ``by``, with aggregates (name, function, of); other columns go."""

    by: tuple[str, ...]
    aggregates: tuple[tuple[str, Function, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence on the steps after it, for whoever reads the query."""

    text: str


Step = Extend | Keep | Running | Ties | Collapse | Note


# ---------------------------------------------------------------- the base


class Take(StrEnum):
    """How a base column takes a field of the event.

    KEY: as it is, a key or a counted value. AMOUNT: as a whole number of ``unit``-ths. TOTAL: the sum of those over the
    events of one row, nulls as 0. KNOWN: how many of the events have one.
    """

    KEY = "key"
    AMOUNT = "amount"
    TOTAL = "total"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class BaseColumn:
    """A column of the base table. KEY and AMOUNT columns are part of what tells its rows apart."""

    name: str
    take: Take
    fields: tuple[str | None, ...]  # for each branch the field; None where the branch has no use for it
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """Events that enter in one way: those that match one of the flagged predicates, (column, predicate).

    ``repeats`` are flags of events that an earlier branch has brought into the same group already.
    """

    flags: tuple[tuple[str, Predicate], ...]
    repeats: tuple[tuple[str, Predicate], ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """The first table: one row for each time, role, branch and combination of flags, keys and values.

    Columns: ``t`` (time), ``role`` where there is more than one, ``branch`` where there is more than one, ``events``
    (how many), the flags, and ``columns``. Each event enters each branch that it matches, once for each of the
    branch's roles.
    """

    branches: tuple[Branch, ...]
    columns: tuple[BaseColumn, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role of some branch."""
        return tuple(dict.fromkeys(role for branch in self.branches for role in branch.roles))

    @property
    def flags(self) -> tuple[str, ...]:
        """Every flag of some branch, also of repeats; 0 in the others."""
        every = (name for branch in self.branches for name, _ in (*branch.flags, *branch.repeats))
        return tuple(dict.fromkeys(every))


@dataclass(frozen=True, slots=True)
class Constant:
    """A threshold (WHOLE or NUMBER; ``scale`` times what the rule says) or a timespan (SPAN, µs)."""

    name: str
    kind: Kind
    value: Decimal
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """The last columns: the entity's (name in the result, column), and of peak what one unit is.

    ``peak`` None: nothing is measured.
    """

    entity: tuple[tuple[str, str], ...]
    peak: str | None
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Program:
    """A whole query. ``gives`` and ``limits`` as in Query; ``timespan`` of the root, µs."""

    base: Base
    constants: tuple[Constant, ...]
    steps: tuple[Step, ...]
    result: Result
    timespan: int
    gives: tuple[str, ...]
    limits: tuple[str, ...]


# ---------------------------------------------------------------- walks


def referred(scalar: Scalar) -> set[str]:
    """The columns that a scalar reads."""
    match scalar:
        case Ref() | IsSet() | HasValue():
            return {scalar.name}
        case HasRole():
            return {"role"}
        case InBranch():
            return {"branch"}
        case Operation():
            return referred(scalar.left) | referred(scalar.right)
        case All() | Any():
            return {name for item in scalar.items for name in referred(item)}
        case Unless():
            return referred(scalar.item)
        case Choose():
            return referred(scalar.condition) | referred(scalar.then) | referred(scalar.otherwise)
        case OrElse():
            return referred(scalar.first) | referred(scalar.second)
        case WindowStart():
            return referred(scalar.time)
        case Named() | Int() | Missing() | Never() | Bound():
            return set()
        case _:
            assert_never(scalar)


def used(steps: tuple[Step, ...]) -> set[str]:
    """The columns that some step reads."""
    found: set[str] = set()
    for step in steps:
        match step:
            case Note():
                pass
            case Extend():
                found |= {name for _, value, _ in step.columns for name in referred(value)}
            case Keep():
                found |= referred(step.condition)
            case Running():
                found |= {*referred(step.of), *step.by, *(order.name for order in step.order)}
            case Ties():
                found |= {*referred(step.of), *step.by}
            case Collapse():
                found |= {*step.by, *(name for _, _, of in step.aggregates for name in referred(of))}
            case _:
                assert_never(step)
    return found


def bounded(steps: tuple[Step, ...]) -> bool:
    """Whether a flag rests on the times of a scheduled run: only those of calendar windows do."""
    return any(isinstance(step, Extend) and any(_has_bound(value) for _, value, _ in step.columns) for step in steps)


def _has_bound(scalar: Scalar) -> bool:
    match scalar:
        case Bound():
            return True
        case Operation():
            return _has_bound(scalar.left) or _has_bound(scalar.right)
        case All() | Any():
            return any(_has_bound(item) for item in scalar.items)
        case Choose():
            return _has_bound(scalar.condition)
        case _:
            return False
