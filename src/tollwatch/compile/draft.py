"""A program while it is made: the rows' columns, their names, and what is known of the rows."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.model import Refused
from tollwatch.compile.outline import (
    Correlation,
    Names,
    Way,
    branches,
    correlations,
    exclusive,
    is_calendar,
)
from tollwatch.compile.steps import (
    All,
    Any,
    BaseColumn,
    Binary,
    Branch,
    Choose,
    Constant,
    Extend,
    HasRole,
    HasValue,
    InBranch,
    Int,
    IsSet,
    Keep,
    Kind,
    Named,
    Operation,
    Ref,
    Scalar,
    Step,
    Take,
    Unless,
)
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.plan.nodes import Aggregate, And, FieldMatch, Measure, Or, Predicate, Relation, Search, Sequence
from tollwatch.sigma.model import AllOf, AnyOf, Expression, NoneOf, Op, Present, Threshold

NOW = "now"
EXPIRY = "expiry"
MICRO = 1_000_000
TIME, EVENTS = "t", "events"
# Columns of one correlation alone, whose names the next one takes over.
AT, LEAVING, CHANGE, SIGHTS = "at", "leaving", "change", "sights"
# Columns that a language may need for a step, and drops at once.
BEST, CARRIED = "best", "carried"
ZERO, ONE = Int(0), Int(1)
_RESERVED = (TIME, EVENTS, AT, LEAVING, CHANGE, SIGHTS, BEST, CARRIED, "role", "branch")
_RESULTS = ("first_seen", "triggered_at", "last_seen", "hits", "peak")
_EPISODES = ("episode", "next_hit", "previous_hit", "starts_episode", "begins")

BOUNDS = {
    Op.GTE: ("at_least", Binary.GTE),
    Op.GT: ("above", Binary.GT),
    Op.LTE: ("at_most", Binary.LTE),
    Op.LT: ("below", Binary.LT),
    Op.EQ: ("exactly", Binary.EQ),
    Op.NEQ: ("other_than", Binary.NEQ),
}


@dataclass(slots=True)
class Draft:
    """What is decided so far of a program for ``root``. The steps of one correlation stand after its children's."""

    root: Correlation
    scheduled: bool
    steps: list[Step] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    columns: list[BaseColumn] = field(default_factory=list)
    repeating: list[Correlation] = field(default_factory=list)
    called: dict[Correlation | Search, str] = field(default_factory=dict)
    groups: tuple[tuple[Way, ...], ...] = ()
    names: Names = field(init=False)

    def __post_init__(self) -> None:
        self.names = Names((*_RESERVED, *_RESULTS, *_EPISODES, *self.root.group_by))
        self.groups = branches(self.root)
        parts = (*self.searches(), *correlations(self.root))
        common = _common_words([part.header.name or part.header.key for part in parts])
        for part in parts:
            self.called[part] = self.names.give((part.header.name or part.header.key)[len(common) :])

    # ------------------------------------------------------------ names

    def searches(self) -> tuple[Search, ...]:
        """The searches below the root, each once."""
        return tuple(dict.fromkeys(way.search for group in self.groups for way in group))

    def swept(self) -> list[Correlation]:
        """The correlations that are swept, children first: each has copies of rows that leave its window."""
        return [node for node in correlations(self.root) if sweeps(node)]

    def role(self, node: Correlation) -> str:
        """The role of those copies."""
        return f"{self.called[node]}_{EXPIRY}" if len(self.swept()) > 1 else EXPIRY

    def flag(self, node: Correlation | Search) -> str:
        """The column that says whether a row is a hit of the node."""
        return f"is_{self.called[node]}" if isinstance(node, Search) else f"{self.called[node]}_hit"

    def measured(self, node: Correlation) -> str:
        """The column of what the node measures."""
        return self.called[node]

    def column(self, node: Correlation, suffix: str) -> str:
        """A column of the node's own."""
        return f"{self.called[node]}_{suffix}"

    # ------------------------------------------------------------ base columns

    def keys(self, node: Correlation) -> tuple[str, ...]:
        """The columns of the node's group-by values."""
        return tuple(
            self._take(Take.KEY, name, [_key_field(group, node, number) for group in self.groups])
            for number, name in enumerate(node.group_by)
        )

    def values(self, node: Aggregate, take: Take, unit: int = 1) -> tuple[str, ...]:
        """The columns of what the node measures."""
        found = []
        for number in range(len(node.inputs[0].values)):
            fields = [_value_field(group, node, number) for group in self.groups]
            name = next(name for name in fields if name is not None)
            found.append(self._take(take, name, fields, unit))
        return tuple(found)

    def _take(self, take: Take, name: str, fields: Seq[str | None], unit: int = 1) -> str:
        """The base column of these fields; branches without need of it share the column of those that have one."""
        for position, known in enumerate(self.columns):
            pairs = list(zip(known.fields, fields, strict=True))
            fits = all(one == two or None in (one, two) for one, two in pairs)
            if known.take is take and known.unit == unit and fits and any(a is not None and a == b for a, b in pairs):
                merged = tuple(one if one is not None else two for one, two in pairs)
                self.columns[position] = BaseColumn(known.name, take, merged, unit)
                return known.name
        given = self._column_name(take, name, {text for text in fields if text is not None})
        self.columns.append(BaseColumn(given, take, tuple(fields), unit))
        return given

    def _column_name(self, take: Take, name: str, fields: set[str]) -> str:
        wanted = next(iter(fields)) if len(fields) == 1 else name
        free = wanted in self.root.group_by and wanted.isidentifier()
        if take is Take.KEY and free and all(column.name != wanted for column in self.columns):
            return wanted
        return self.names.give(wanted if take is Take.KEY else f"{wanted}_{take}")

    def unit(self, node: Aggregate) -> int:
        """Fractions are counted in millionths, so that a running sum of them does not drift."""
        fields = {name for way in self.ways(node) for name in way.values(node)}
        kinds = {FIELDS[name].type if name in FIELDS else FieldType.NUMBER for name in fields}
        if kinds <= {FieldType.INTEGER}:
            return 1
        text = f"{', '.join(sorted(fields))} is summed to six decimals"
        if text not in self.limits:
            self.limits.append(text)
        return MICRO

    def branch(self, group: Seq[Way]) -> Branch:
        """The branch of these ways."""
        flags = {self.flag(way.search): way.search.predicate for way in group}
        swept = [node for node in self.swept() if any(way.takes(node) for way in group)]
        repeats = ((self.column(node, "repeat"), self._repeated(group, node)) for node in self.repeating)
        told = tuple((name, predicate) for name, predicate in repeats if predicate != Or(()))
        return Branch(tuple(flags.items()), told, (NOW, *(self.role(node) for node in swept)))

    def _repeated(self, group: Seq[Way], node: Correlation) -> Or:
        """The events that an earlier branch brings into the same group of the node."""
        keys = next((way.keys(node) for way in group if way.takes(node)), None)
        if keys is None:
            return Or(())
        found: list[Predicate] = []
        for other in self.groups[: self.groups.index(tuple(group))]:
            mine = [way for way in other if way.takes(node)]
            if mine:
                matched = Or(tuple(dict.fromkeys(way.search.predicate for way in mine)))
                pairs = zip(keys, mine[0].keys(node), strict=True)
                same = (FieldMatch(one, two, Relation.EQUALS, cased=True) for one, two in pairs if one != two)
                found.append(And((matched, *same)))
        return Or(tuple(found))

    # ------------------------------------------------------------ what a row is

    def ways(self, node: Correlation) -> list[Way]:
        """The ways that lead through the node."""
        return [way for group in self.groups for way in group if way.takes(node)]

    def within(self, node: Correlation, number: int | None = None) -> tuple[Scalar, ...]:
        """A condition where only some branches feed the node (by this input); else none."""
        mine = tuple(n for n, group in enumerate(self.groups) if any(way.takes(node, number) for way in group))
        return () if len(mine) == len(self.groups) else (InBranch(mine),)

    def fed_by(self, node: Correlation, number: int) -> Scalar:
        """Whether the row is a hit of that input and has a group."""
        return every(*self.within(node, number), IsSet(self.flag(node.inputs[number].node)), *self.grouped(node))

    def grouped(self, node: Correlation) -> tuple[Scalar, ...]:
        """Whether the row has a group of the node; no condition where every row has one."""
        return () if self.same_keys() else tuple(HasValue(key) for key in self.keys(node))

    def live(self, node: Correlation) -> tuple[Scalar, ...]:
        """Whether the row is a hit of some input and has a group; no condition where every row is."""
        if len(self.groups) == 1 and len(self.searches()) == 1 and isinstance(node.inputs[0].node, Search):
            return self.grouped(node)
        fed = [
            every(*self.within(node, number), IsSet(self.flag(part.node))) for number, part in enumerate(node.inputs)
        ]
        return (Any(tuple(fed)) if len(fed) > 1 else fed[0], *self.grouped(node))

    def same_keys(self) -> bool:
        """Whether every correlation groups by the same columns; rows without a group are then dropped at once."""
        return len({frozenset(self.keys(node)) for node in correlations(self.root)}) == 1

    def single(self, node: Correlation) -> bool:
        """Whether there is at most one row for each group, time and role."""
        grain = {column.name for column in self.columns if column.take in (Take.KEY, Take.AMOUNT)}
        alone = len(correlations(self.root)) == 1 and not is_calendar(node)
        return alone and len(self.groups) == 1 and len(self.searches()) == 1 and grain <= set(self.keys(node))

    def looked_on(self, node: Correlation) -> bool:
        """Whether copies for other correlations are still among the rows when the node is computed."""
        order = correlations(self.root)
        return any(order.index(other) > order.index(node) for other in self.swept())

    # ------------------------------------------------------------ events that stand in two rows

    def count_once(self, node: Aggregate) -> None:
        """Distinct events are counted by rows; an event that stands in two rows of one group counts in the first.

        Raises:
            Refused: which of its rows are hits is not known from the event alone.
        """
        if node.measure is Measure.DISTINCT or not self.twice(node):
            return
        if any(not isinstance(part.node, Search) for part in node.inputs):
            raise Refused(
                f"{node.header.key}: {node.measure} over correlations with different fields as one group-by",
                "an event that is a hit of two of them would count twice",
                "group the rules by the same field, or use temporal",
            )
        self.mark_repeats(node)

    def mark_repeats(self, node: Correlation) -> None:
        """Ask for the flag of events that an earlier branch has brought already."""
        if node not in self.repeating:
            self.repeating.append(node)

    def twice(self, node: Correlation, number: int | None = None) -> bool:
        """Whether an event may be a hit of the node's inputs (of this one) in two rows of one group."""
        found = [
            [way.search.predicate for way in group if way.takes(node, number) and way.carries(node)]
            for group in self.groups
        ]
        known = [predicates for predicates in found if predicates]
        return any(not exclusive(one, other) for at, one in enumerate(known) for other in known[at + 1 :])

    def once(self, node: Correlation, amount: Scalar) -> Scalar:
        """The amount, or nothing for an event that counted already."""
        return Choose(IsSet(self.column(node, "repeat")), ZERO, amount) if node in self.repeating else amount

    # ------------------------------------------------------------ constants and conditions

    def constant(self, name: str, kind: Kind, value: Decimal) -> Named:
        """A named constant, declared once."""
        constant = Constant(name, kind, value)
        if constant not in self.constants:
            self.constants.append(constant)
        return Named(name)

    def span(self, node: Correlation) -> Named:
        """The node's timespan."""
        return self.constant(self.column(node, "timespan"), Kind.SPAN, Decimal(node.timespan))

    def meets(self, node: Aggregate, value: Scalar, unit: int, times: str | None = None) -> Scalar:
        """Whether the value, counted in ``unit``-ths, is within every bound; with ``times``, its quotient by it."""
        bounds = node.condition.bounds if isinstance(node.condition, Threshold) else ()
        conditions: list[Scalar] = []
        for op, bound in bounds:
            suffix, operator = BOUNDS[op]
            exact, left = bound * unit, value
            if times is not None:
                # A fraction times a count could be rounded: both sides are made whole first.
                denominator = exact.as_integer_ratio()[1]
                exact *= denominator
                left = Operation(Binary.TIMES, Int(denominator), value) if denominator > 1 else value
            kind = Kind.WHOLE if exact == exact.to_integral_value() else Kind.NUMBER
            limit: Scalar = self.constant(self.column(node, suffix), kind, exact)
            limit = Operation(Binary.TIMES, limit, Ref(times)) if times is not None else limit
            conditions.append(Operation(operator, left, limit))
        return every(*conditions)

    def hit(self, node: Correlation, conditions: Seq[Scalar]) -> None:
        """Set the node's flag where all of these hold."""
        self.steps.append(Extend(((self.flag(node), as_flag(every(*conditions)), Kind.WHOLE),)))

    def keep(self, *conditions: Scalar) -> None:
        """Keep the rows where all of these hold."""
        if conditions:
            self.steps.append(Keep(every(*conditions)))

    # ------------------------------------------------------------ the earliest contributing event

    def first_exact(self, node: Correlation) -> bool:
        """Whether ``first`` can be told of every hit of the node."""
        inner = [part.node for part in node.inputs if not isinstance(part.node, Search)]
        if not all(self.first_exact(child) for child in inner):
            return False
        alike = all(set(self.keys(child)) == set(self.keys(node)) for child in inner)
        if isinstance(node, Sequence):
            return alike and not any(not isinstance(part.node, Search) for part in node.inputs[1:-1])
        if is_calendar(node) or node == self.root:
            return True
        return node.measure is not Measure.RULES and (not inner or (alike and len(node.inputs) == 1))

    def tells_first(self) -> bool:
        """Whether first_seen of the result is exact; only then is anything computed for it."""
        return self.first_exact(self.root)

    def first(self, node: Correlation | Search) -> Ref:
        """The column with the time of the earliest event that contributes to a hit of the node."""
        if isinstance(node, Search) or not self.tells_first():
            return Ref(TIME)
        return Ref(self.column(node, "first"))

    def row_first(self, node: Correlation) -> Ref:
        """The earliest event that a row stands for, whichever input it is a hit of."""
        inner = [part.node for part in node.inputs if not isinstance(part.node, Search)]
        if not inner or not self.tells_first():
            return Ref(TIME)
        if len(node.inputs) == 1:
            return self.first(inner[0])
        self.steps.append(Extend((("begins", Ref(TIME), Kind.TIME),)))
        for child in inner:
            first = self.first(child)
            earlier = every(IsSet(self.flag(child)), Operation(Binary.LT, first, Ref("begins")))
            self.steps.append(Extend((("begins", Choose(earlier, first, Ref("begins")), Kind.TIME),)))
        return Ref("begins")


def sweeps(node: Correlation) -> bool:
    """Whether the node is computed by a sweep line."""
    return isinstance(node, Aggregate) and not is_calendar(node) and node.measure is not Measure.RULES


def _key_field(group: Seq[Way], node: Correlation, number: int) -> str | None:
    return next((way.keys(node)[number] for way in group if way.takes(node)), None)


def _value_field(group: Seq[Way], node: Correlation, number: int) -> str | None:
    return next((way.values(node)[number] for way in group if way.takes(node)), None)


def _common_words(names: Seq[str]) -> str:
    """The beginning that all names share, up to a ``_``: it tells nothing inside one query."""
    low, high = min(names), max(names)
    same = next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    return low[: low[:same].rfind("_") + 1] if len(names) > 1 else ""


def every(*conditions: Scalar) -> Scalar:
    """All conditions, without nesting; one alone is itself."""
    flat: list[Scalar] = []
    for condition in conditions:
        flat += condition.items if isinstance(condition, All) else (condition,)
    flat = list(dict.fromkeys(flat))
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def as_flag(condition: Scalar) -> Scalar:
    """1 where the condition holds, else 0."""
    return ONE if condition == All(()) else Choose(condition, ONE, ZERO)


def where(condition: Scalar, value: Scalar) -> Scalar:
    """The value where the condition holds, else 0."""
    return value if condition == All(()) else Choose(condition, value, ZERO)


def equals(name: str, value: int) -> Scalar:
    """Whether the column is that number."""
    return Operation(Binary.EQ, Ref(name), Int(value))


def leaves() -> Scalar:
    """Whether the row is the copy that leaves the window that is swept now."""
    return IsSet(LEAVING)


def weighs() -> Scalar:
    """Whether the row has its weight, and is no copy that only looks on."""
    return HasRole(NOW)


def expression(condition: Expression | Threshold, flags: Seq[str]) -> Scalar:
    """A boolean expression over which rules are present."""
    match condition:
        case Present():
            return IsSet(flags[condition.index])
        case AllOf():
            return All(tuple(expression(item, flags) for item in condition.items))
        case AnyOf():
            return Any(tuple(expression(item, flags) for item in condition.items))
        case NoneOf():
            return Unless(expression(condition.item, flags))
        case Threshold():
            return All(())
        case _:
            assert_never(condition)
