"""From a correlation to a Program: sliding windows by the sweep line, orders by running maxima, calendar windows by
their totals (semantics, "How exact sliding windows are reached").

A sweep sees each event twice, as it enters its window and as it leaves it one timespan later. The second sight is a
copy of the row with a *role*; below the correlation that it is for, a copy only looks on, with no weight.
"""

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
    searches_of,
)
from tollwatch.compile.steps import (
    All,
    Any,
    Base,
    BaseColumn,
    Binary,
    Bound,
    Branch,
    Choose,
    Collapse,
    Constant,
    Edge,
    Extend,
    Function,
    HasRole,
    HasValue,
    InBranch,
    Int,
    IsSet,
    Keep,
    Kind,
    Missing,
    Named,
    Never,
    Note,
    Operation,
    Order,
    OrElse,
    Program,
    Ref,
    Result,
    Running,
    Scalar,
    Step,
    Take,
    Ties,
    Unless,
    WindowStart,
)
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.plan.nodes import Aggregate, And, FieldMatch, Measure, Or, Predicate, Relation, Search, Sequence
from tollwatch.sigma.model import AllOf, AnyOf, Expression, NoneOf, Op, Present, Threshold

NOW = "now"
MICRO = 1_000_000
TIME, EVENTS = "t", "events"
RESERVED = (TIME, "role", "branch", EVENTS, "episode", "next_hit", "previous_hit", "starts_episode")
RESULTS = ("first_seen", "triggered_at", "last_seen", "hits", "peak")

_ZERO, _ONE = Int(0), Int(1)


def program(root: Correlation, *, scheduled: bool) -> Program:
    """The program whose result is one row an episode: the entity, first_seen, triggered_at, last_seen, hits, peak.

    Raises:
        Refused: an event that would count twice, where group-by fields differ between the rules.
    """
    return _Builder(root, scheduled).program()


@dataclass(slots=True)
class _Builder:
    """Collects the steps, one correlation after another, children first."""

    root: Correlation
    scheduled: bool
    steps: list[Step] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    columns: list[BaseColumn] = field(default_factory=list)
    names: Names = field(init=False)
    called: dict[Correlation | Search, str] = field(default_factory=dict)
    groups: tuple[tuple[Way, ...], ...] = ()
    first_known: dict[Correlation, bool] = field(default_factory=dict)
    repeating: list[Correlation] = field(default_factory=list)
    uncounted: bool = False

    def __post_init__(self) -> None:
        self.names = Names((*RESERVED, *RESULTS, *self.root.group_by))
        self.groups = branches(self.root)
        for node in (*self.searches(), *correlations(self.root)):
            self.called[node] = self.names.give(node.header.name or node.header.key)

    # ------------------------------------------------------------ the whole

    def program(self) -> Program:
        self._drop_keyless()
        for node in correlations(self.root):
            self._correlation(node)
        self._finish()
        base = Base(tuple(self._branch(group) for group in self.groups), tuple(self.columns))
        entity = tuple(zip(self.root.group_by, self.keys(self.root), strict=True))
        peak, unit = self._peak()
        gives = ("first_seen", "last_seen", "hits", "peak")
        if self.uncounted:
            gives = ("first_seen", "last_seen", "peak")
            self.limits.append("hits may count an event twice that is a hit of two rules")
        if not self._first_exact(self.root):
            gives = gives[1:]
            self.limits.append("first_seen is that of the deciding hits; contributing events may be earlier")
        return Program(
            base, tuple(self.constants), tuple(self.steps), Result(entity, peak, unit), self.root.timespan, gives,
            tuple(self.limits),
        )  # fmt: skip

    def searches(self) -> tuple[Search, ...]:
        return tuple(dict.fromkeys(way.search for group in self.groups for way in group))

    def _branch(self, group: Seq[Way]) -> Branch:
        flags = {self.flag(way.search): way.search.predicate for way in group}
        swept = [node for node in correlations(self.root) if self.sweeps(node) and any(w.takes(node) for w in group)]
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

    def sweeps(self, node: Correlation) -> bool:
        return isinstance(node, Aggregate) and not is_calendar(node) and node.measure is not Measure.RULES

    # ------------------------------------------------------------ names

    def role(self, node: Correlation) -> str:
        return f"{self.called[node]}_expiry" if len(self._swept()) > 1 else "expiry"

    def _swept(self) -> list[Correlation]:
        return [node for node in correlations(self.root) if self.sweeps(node)]

    def flag(self, node: Correlation | Search) -> str:
        return f"is_{self.called[node]}" if isinstance(node, Search) else f"{self.called[node]}_hit"

    def measured(self, node: Correlation) -> str:
        return self.called[node]

    def column(self, node: Correlation, suffix: str) -> str:
        return f"{self.called[node]}_{suffix}"

    # ------------------------------------------------------------ base columns

    def keys(self, node: Correlation) -> tuple[str, ...]:
        """The columns of the node's group-by values."""
        return tuple(
            self._take(Take.KEY, name, [self._of(group, node, number) for group in self.groups])
            for number, name in enumerate(node.group_by)
        )

    def _of(self, group: Seq[Way], node: Correlation, number: int) -> str | None:
        return next((way.keys(node)[number] for way in group if way.takes(node)), None)

    def values(self, node: Aggregate, take: Take, unit: int = 1) -> tuple[str, ...]:
        """The columns of what the node measures."""
        found = []
        for number in range(len(node.inputs[0].values)):
            fields = [
                next((way.values(node)[number] for way in group if way.takes(node)), None) for group in self.groups
            ]
            name = next(name for name in fields if name is not None)
            found.append(self._take(take, name, fields, unit))
        return tuple(found)

    def _take(self, take: Take, name: str, fields: Seq[str | None], unit: int = 1) -> str:
        """The base column of these fields; branches without need of it share the column of those that have one."""
        for position, known in enumerate(self.columns):
            pairs = list(zip(known.fields, fields, strict=True))
            if known.take is take and known.unit == unit and all(a == b or None in (a, b) for a, b in pairs):
                if not any(a is not None and a == b for a, b in pairs):
                    continue
                merged = tuple(a if a is not None else b for a, b in pairs)
                self.columns[position] = BaseColumn(known.name, take, merged, unit)
                return known.name
        distinct = {text for text in fields if text is not None}
        wanted = next(iter(distinct)) if len(distinct) == 1 else name
        if take is Take.KEY and wanted in self.root.group_by and not any(c.name == wanted for c in self.columns):
            given = wanted if wanted.isidentifier() else self.names.give(wanted)
        else:
            given = self.names.give(wanted if take is Take.KEY else f"{wanted}_{take}")
        self.columns.append(BaseColumn(given, take, tuple(fields), unit))
        return given

    def unit(self, node: Aggregate) -> int:
        """Fractions are counted in millionths, so that a running sum of them does not drift."""
        fields = {name for way in self._ways(node) for name in way.values(node)}
        kinds = {FIELDS[name].type if name in FIELDS else FieldType.NUMBER for name in fields}
        if kinds <= {FieldType.INTEGER}:
            return 1
        self.limits.append(f"{', '.join(sorted(fields))} is summed to six decimals")
        return MICRO

    # ------------------------------------------------------------ conditions on rows

    def _ways(self, node: Correlation) -> list[Way]:
        return [way for group in self.groups for way in group if way.takes(node)]

    def _within(self, node: Correlation, number: int | None = None) -> tuple[Scalar, ...]:
        """A condition where only some branches feed the node (by this input)."""
        mine = tuple(n for n, group in enumerate(self.groups) if any(way.takes(node, number) for way in group))
        return () if len(mine) == len(self.groups) else (InBranch(mine),)

    def fed_by(self, node: Correlation, number: int) -> Scalar:
        """Whether the row is a hit of that input."""
        return _all(*self._within(node, number), IsSet(self.flag(node.inputs[number].node)))

    def live(self, node: Correlation) -> tuple[Scalar, ...]:
        """Whether the row is a hit of some input and has a group; () where every row is."""
        values: tuple[Scalar, ...] = () if self._same_keys() else tuple(HasValue(key) for key in self.keys(node))
        if len(self.groups) == 1 and len(self.searches()) == 1 and isinstance(node.inputs[0].node, Search):
            return values
        fed = [self.fed_by(node, number) for number in range(len(node.inputs))]
        return (Any(tuple(fed)) if len(fed) > 1 else fed[0], *values)

    def _same_keys(self) -> bool:
        """Whether every correlation groups by the same columns."""
        return len({frozenset(self.keys(node)) for node in correlations(self.root)}) == 1

    def _drop_keyless(self) -> None:
        keys = self.keys(self.root)
        if self._same_keys() and keys:
            self.steps.append(Keep(_all(*(HasValue(key) for key in keys))))

    def _single(self, node: Correlation) -> bool:
        """Whether there is at most one row for each group and time (and role)."""
        grain = {column.name for column in self.columns if column.take in (Take.KEY, Take.AMOUNT)}
        below = [part for part in correlations(self.root) if part != node and self.sweeps(part)]
        calendars = any(is_calendar(part) for part in correlations(self.root))
        one_kind = len(self.groups) == 1 and len(self.searches()) == 1
        return one_kind and grain <= set(self.keys(node)) and not below and not calendars

    # ------------------------------------------------------------ one correlation

    def _correlation(self, node: Correlation) -> None:
        # Columns are asked for first: which rows are alike depends on them.
        for part in correlations(self.root):
            self.keys(part)
            self._reserve(part)
        self.steps.append(Note(self._sentence(node)))
        self._constant(f"{self.called[node]}_timespan", Kind.SPAN, Decimal(node.timespan))
        match node:
            case Sequence():
                self._ordered(node)
            case Aggregate() if is_calendar(node):
                self._calendar(node)
            case Aggregate(measure=Measure.RULES):
                self._together(node)
            case Aggregate():
                self._sweep(node)
            case _:
                assert_never(node)

    def _reserve(self, node: Correlation) -> None:
        if isinstance(node, Sequence):
            return
        match node.measure:
            case Measure.DISTINCT:
                self.values(node, Take.KEY)
            case Measure.MEDIAN | Measure.PERCENTILE:
                self.values(node, Take.AMOUNT, MICRO)
            case _:
                pass

    def _sentence(self, node: Correlation) -> str:
        return f"{node.header.key}: {node.header.title}"

    def _constant(self, name: str, kind: Kind, value: Decimal) -> Named:
        constant = Constant(name, kind, value)
        if constant not in self.constants:
            self.constants.append(constant)
        return Named(name)

    def span(self, node: Correlation) -> Named:
        return Named(f"{self.called[node]}_timespan")

    # ------------------------------------------------------------ sliding counts, sums and distinct values

    def _sweep(self, node: Aggregate) -> None:
        self._count_once(node)
        at, leaving = self.column(node, "at"), self.column(node, "leaving")
        expiry = HasRole(self.role(node))
        moved = Operation(Binary.PLUS, Ref(TIME), self.span(node))
        self.steps.append(
            Extend(((at, Choose(expiry, moved, Ref(TIME)), Kind.TIME), (leaving, _flag(expiry), Kind.WHOLE)))
        )
        by, order = self.keys(node), (Order(at), Order(leaving))
        total = self.measured(node)
        known: Scalar | None = None
        match node.measure:
            case Measure.EVENTS:
                self._swept_sum(node, total, Ref(EVENTS), by, order)
            case Measure.SUM:
                unit = self.unit(node)
                (amount,) = self.values(node, Take.TOTAL, unit)
                self._swept_sum(node, total, Ref(amount), by, order)
                if _zero_meets(node.condition):
                    (count,) = self.values(node, Take.KNOWN, unit)
                    self._swept_sum(node, self.column(node, "known"), Ref(count), by, order)
                    known = Operation(Binary.GT, Ref(self.column(node, "known")), _ZERO)
            case _:
                self._swept_presence(node, total, by, order)
        if node != self.root:
            self._first_in_window(node, by, at, leaving)
        self.steps.append(Keep(Unless(expiry)))
        if not self._single(node):
            self.steps.append(Ties(total, Function.MAX, Ref(total), (*by, TIME), Kind.WHOLE))
            if known is not None:
                column = self.column(node, "known")
                self.steps.append(Ties(column, Function.MAX, Ref(column), (*by, TIME), Kind.WHOLE))
        condition = self._meets(node, Ref(total), self.unit(node) if node.measure is Measure.SUM else 1)
        self._hit(node, (*self.live(node), *((known,) if known is not None else ()), condition))

    def _count_once(self, node: Aggregate) -> None:
        """Distinct events are counted by rows; an event that stands in two rows of one group counts in the first."""
        if node.measure is Measure.DISTINCT or not self._twice(node, [way for way in self._ways(node) if way.carries(node)]):
            return
        if any(not isinstance(part.node, Search) for part in node.inputs):
            raise Refused(
                f"{node.header.key}: {node.measure} over correlations with different fields as one group-by",
                "an event that is a hit of two of them would count twice",
                "group the rules by the same field, or use temporal",
            )
        self._mark_repeats(node)

    def _mark_repeats(self, node: Correlation) -> None:
        if node not in self.repeating:
            self.repeating.append(node)

    def _twice(self, node: Correlation, fed: Seq[Way]) -> bool:
        """Whether an event may stand in two rows of one group of the node."""
        apart = [[way.search.predicate for way in group if way in fed] for group in self.groups]
        known = [predicates for predicates in apart if predicates]
        return any(not exclusive(one, other) for at, one in enumerate(known) for other in known[at + 1 :])

    def _once(self, node: Correlation, amount: Scalar) -> Scalar:
        return Choose(IsSet(self.column(node, "repeat")), _ZERO, amount) if node in self.repeating else amount

    def _weighed(self, node: Correlation, amount: Scalar) -> Scalar:
        """The amount as the row enters, less it as it leaves, nothing for a row that only looks on."""
        if amount != _ONE:  # which marks a value's presence, and may be seen twice
            amount = self._once(node, amount)
        negative = Operation(Binary.MINUS, _ZERO, amount)
        expiry = HasRole(self.role(node))
        entering: Scalar = amount
        if self._others(node):
            entering = Choose(HasRole(NOW), amount, _ZERO)
        weighed = Choose(expiry, negative, entering)
        live = self.live(node)
        return Choose(_all(*live), weighed, _ZERO) if live else weighed

    def _others(self, node: Correlation) -> bool:
        """Whether copies for correlations above the node are still among the rows."""
        swept = self._swept()
        return self.sweeps(node) and any(part != node for part in swept[swept.index(node) :]) or (
            not self.sweeps(node) and any(not self._is_below(part, node) for part in swept)
        )

    def _is_below(self, part: Correlation, node: Correlation) -> bool:
        order = correlations(self.root)
        return order.index(part) < order.index(node)

    def _swept_sum(
        self, node: Aggregate, name: str, amount: Scalar, by: tuple[str, ...], order: tuple[Order, ...]
    ) -> None:
        self.steps.append(Running(name, Function.SUM, self._weighed(node, amount), by, order, Kind.WHOLE))

    def _swept_presence(
        self, node: Aggregate, name: str, by: tuple[str, ...], order: tuple[Order, ...]
    ) -> None:
        """A value is there from its first sight until all sights of it have left; only those moments change n."""
        values = self.values(node, Take.KEY)
        valued = tuple(HasValue(value) for value in values)
        change, sights = self.column(node, "change"), self.column(node, "sights")
        weighed = Choose(_all(*valued), self._weighed(node, _ONE), _ZERO)
        self.steps += [
            Extend(((change, weighed, Kind.WHOLE),)),
            Running(sights, Function.SUM, Ref(change), tuple(dict.fromkeys((*by, *values))), order, Kind.WHOLE),
            Running(
                name,
                Function.SUM,
                Choose(
                    _all(_equals(change, 1), _equals(sights, 1)),
                    _ONE,
                    Choose(_all(_equals(change, -1), _equals(sights, 0)), Int(-1), _ZERO),
                ),
                by,
                order,
                Kind.WHOLE,
            ),
        ]

    def _first_in_window(self, node: Aggregate, by: tuple[str, ...], at: str, leaving: str) -> None:
        """The earliest row of a window is the next one to leave it."""
        first = self.column(node, "first")
        leaves = _all(HasRole(self.role(node)), *self.live(node))
        self._row_first(node)
        value = Choose(leaves, self._row_first_column(node), Missing(Kind.TIME))
        order = (Order(at, descending=True), Order(leaving, descending=True))
        self.steps.append(Running(first, Function.LATEST, value, by, order, Kind.TIME))

    # ------------------------------------------------------------ rules together

    def _together(self, node: Aggregate) -> None:
        by, order = self.keys(node), (Order(TIME),)
        present: list[Scalar] = []
        for number, part in enumerate(node.inputs):
            last = self.column(node, f"last_{self.called[_named(part.node)]}")
            seen = Choose(_all(self.fed_by(node, number), *self._valued(node)), Ref(TIME), Missing(Kind.TIME))
            self.steps.append(Running(last, Function.LATEST, seen, by, order, Kind.TIME))
            self.steps.append(Ties(last, Function.MAX, Ref(last), (*by, TIME), Kind.TIME))
            since = Operation(Binary.MINUS, Ref(TIME), Ref(last))
            present.append(Operation(Binary.LTE, since, self.span(node)))
        self._rules_hit(node, present)
        if node != self.root:
            self._own_first(node)

    def _valued(self, node: Correlation) -> tuple[Scalar, ...]:
        return () if self._same_keys() else tuple(HasValue(key) for key in self.keys(node))

    def _rules_hit(self, node: Aggregate, present: Seq[Scalar]) -> None:
        """How many rules are present, and whether the condition holds on them."""
        flags = [self.column(node, f"has_{self.called[_named(part.node)]}") for part in node.inputs]
        flags = [f"{name}_{number}" if flags.count(name) > 1 else name for number, name in enumerate(flags, 1)]
        columns = [(name, _flag(holds), Kind.WHOLE) for name, holds in zip(flags, present, strict=True)]
        total: Scalar = Ref(flags[0])
        for name in flags[1:]:
            total = Operation(Binary.PLUS, total, Ref(name))
        self.steps.append(Extend((*columns, (self.measured(node), total, Kind.WHOLE))))
        if isinstance(node.condition, Threshold):
            condition = self._meets(node, Ref(self.measured(node)), 1)
        else:
            condition = _expression(node.condition, flags)
        self._hit(node, (*self.live(node), condition))

    def _own_first(self, node: Correlation) -> None:
        self._row_first(node)
        self.steps.append(Extend(((self.column(node, "first"), self._row_first_column(node), Kind.TIME),)))

    # ------------------------------------------------------------ rules in order

    def _ordered(self, node: Sequence) -> None:
        """For each rule the latest start that a strictly earlier hit of the rule before it can be reached from."""
        by = self.keys(node)
        valued = self._valued(node)
        fed = [_all(self.fed_by(node, number), *valued) for number in range(len(node.inputs))]
        names = [self.column(node, f"start_{number}") for number in range(1, len(fed) + 1)]
        self._row_first(node)
        first, firsts = self._row_first_column(node), self.column(node, "first")
        start = Choose(fed[0], Ref(TIME), Missing(Kind.TIME))
        origin: Scalar = Choose(fed[0], first, Missing(Kind.TIME))
        self.steps.append(Extend(((names[0], start, Kind.TIME), (f"{firsts}_1", origin, Kind.TIME))))
        for number in range(1, len(fed)):
            reach, reach_first = self.column(node, f"reach_{number + 1}"), f"{firsts}_{number + 1}"
            self._carry(node, number, reach, names[number - 1], by)
            self._carry(node, number, reach_first, f"{firsts}_{number}", by)
            reached = _all(fed[number], Operation(Binary.GT, Ref(reach), Never()))
            self.steps.append(
                Extend((
                    (names[number], Choose(reached, Ref(reach), Missing(Kind.TIME)), Kind.TIME),
                    (reach_first, Choose(reached, Ref(reach_first), Missing(Kind.TIME)), Kind.TIME),
                ))
            )  # fmt: skip
        took = Operation(Binary.MINUS, Ref(TIME), Ref(names[-1]))
        self._hit(node, (Operation(Binary.LTE, took, self.span(node)),))
        earliest = f"{firsts}_{len(fed)}"
        least = Choose(Operation(Binary.LT, first, Ref(earliest)), first, Ref(earliest))
        self.steps.append(Extend(((firsts, least, Kind.TIME),)))

    def _carry(self, node: Sequence, number: int, name: str, of: str, by: tuple[str, ...]) -> None:
        """The last value of an earlier time: rows of one time do not see each other."""
        before, step = node.inputs[number - 1].node, node.inputs[number].node
        apart = exclusive(
            [search.predicate for search in searches_of(before)], [search.predicate for search in searches_of(step)]
        )
        # Of one time, those that are no hit of the rule before come first. Where no event is a hit of both rules,
        # these are all the hits of this rule, so that none sees another row of its time.
        order = (Order(TIME), Order(self.flag(before))) if apart else (Order(TIME),)
        self.steps.append(Running(name, Function.LATEST, Ref(of), by, order, Kind.TIME, current=False))
        if not apart:
            earlier = OrElse(Ref(name), Never())
            self.steps.append(Ties(name, Function.MIN, earlier, (*by, TIME), Kind.TIME))

    # ------------------------------------------------------------ calendar windows

    def _calendar(self, node: Aggregate) -> None:
        window = self.column(node, "window")
        by = (*self.keys(node), window)
        self.steps.append(Extend(((window, WindowStart(Ref(TIME), node.timespan), Kind.TIME),)))
        live = self.live(node)
        counted = _all(*live, HasRole(NOW)) if self._others(node) else _all(*live)
        last = self.column(node, "last")
        self.steps.append(
            Ties(last, Function.MAX, Choose(counted, Ref(TIME), Missing(Kind.TIME)), by, Kind.TIME)
        )
        condition = self._calendar_measure(node, by, counted)
        end = Operation(Binary.PLUS, Ref(window), self.span(node))
        whole: tuple[Scalar, ...] = ()
        if self.scheduled:
            whole = (
                Operation(Binary.GTE, Ref(window), Bound(Edge.START)),
                Operation(Binary.LTE, end, Bound(Edge.END)),
            )
        at_last = Operation(Binary.EQ, Ref(TIME), Ref(last))
        self._row_first(node)
        first = self.column(node, "first")
        own = Choose(counted, self._row_first_column(node), Missing(Kind.TIME))
        self.steps.append(Ties(first, Function.MIN, own, by, Kind.TIME))
        self._hit(node, (*live, at_last, *condition, *whole))
        moved = Choose(_all(*self._within(node)), end, Ref(TIME)) if self._within(node) else end
        self.steps.append(Extend(((TIME, moved, Kind.TIME),)))

    def _calendar_measure(self, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
        """Measures each window; the conditions on it."""
        name = self.measured(node)
        match node.measure:
            case Measure.RULES:
                return self._calendar_rules(node, by, counted)
            case Measure.EVENTS:
                self._count_once(node)
                self._total(name, _choose(counted, self._once(node, Ref(EVENTS))), by)
                return (self._meets(node, Ref(name), 1),)
            case Measure.DISTINCT:
                self._distinct_in_window(node, by, counted)
                return (self._meets(node, Ref(name), 1),)
            case Measure.SUM | Measure.AVERAGE:
                return self._calendar_sum(node, by, counted)
            case Measure.MEDIAN | Measure.PERCENTILE:
                return self._ranked(node, by, counted)
            case _:
                assert_never(node.measure)

    def _total(self, name: str, of: Scalar, by: tuple[str, ...]) -> None:
        self.steps.append(Ties(name, Function.SUM, of, by, Kind.WHOLE))

    def _calendar_rules(self, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
        present: list[Scalar] = []
        for number, part in enumerate(node.inputs):
            seen = self.column(node, f"saw_{self.called[_named(part.node)]}")
            fed = _all(counted, self.fed_by(node, number))
            self.steps.append(Ties(seen, Function.MAX, _flag(fed), by, Kind.WHOLE))
            present.append(IsSet(seen))
        total: Scalar = _flag(present[0])
        for holds in present[1:]:
            total = Operation(Binary.PLUS, total, _flag(holds))
        self.steps.append(Extend(((self.measured(node), total, Kind.WHOLE),)))
        if isinstance(node.condition, Threshold):
            return (self._meets(node, Ref(self.measured(node)), 1),)
        return (_expression(node.condition, [seen.name for seen in present if isinstance(seen, IsSet)]),)

    def _distinct_in_window(self, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> None:
        values = self.values(node, Take.KEY)
        sights = self.column(node, "sights")
        valued = _all(counted, *(HasValue(value) for value in values))
        pair = tuple(dict.fromkeys((*by, *values)))
        self.steps.append(Running(sights, Function.SUM, _flag(valued), pair, (Order(TIME),), Kind.WHOLE))
        first = _all(valued, _equals(sights, 1))
        self._total(self.measured(node), _flag(first), by)

    def _calendar_sum(self, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
        self._count_once(node)
        unit = self.unit(node)
        (amount,) = self.values(node, Take.TOTAL, unit)
        (count,) = self.values(node, Take.KNOWN, unit)
        total, known = self.measured(node), self.column(node, "known")
        self._total(total, _choose(counted, self._once(node, Ref(amount))), by)
        self._total(known, _choose(counted, self._once(node, Ref(count))), by)
        some = Operation(Binary.GT, Ref(known), _ZERO)
        if node.measure is Measure.SUM:
            return (some, self._meets(node, Ref(total), unit))
        return (some, self._meets(node, Ref(total), unit, times=known))

    def _ranked(self, node: Aggregate, by: tuple[str, ...], counted: Scalar) -> tuple[Scalar, ...]:
        """The value at a rank: the least one that so many values do not exceed."""
        self._count_once(node)
        (value,) = self.values(node, Take.AMOUNT, MICRO)
        upto, known = self.column(node, "rank"), self.column(node, "known")
        weight = _choose(_all(counted, HasValue(value)), self._once(node, Ref(EVENTS)))
        self._total(known, weight, by)
        self.steps.append(Running(upto, Function.SUM, weight, by, (Order(value),), Kind.WHOLE))
        lower, upper = self.column(node, "lower"), self.column(node, "upper")
        share = Decimal(50) if node.percentile is None else node.percentile
        for name, reached in zip((lower, upper), self._rank_reached(node, upto, known, share), strict=False):
            reaches = _all(counted, HasValue(value), reached)
            least = Choose(reaches, Ref(value), Missing(Kind.WHOLE))
            self.steps.append(Ties(name, Function.MIN, least, by, Kind.WHOLE))
        some = Operation(Binary.GT, Ref(known), _ZERO)
        total = Operation(Binary.PLUS, Ref(lower), Ref(upper if node.measure is Measure.MEDIAN else lower))
        self.steps.append(Extend(((self.measured(node), total, Kind.WHOLE),)))
        return (some, self._meets(node, Ref(self.measured(node)), 2 * MICRO))

    def _rank_reached(self, node: Aggregate, upto: str, known: str, share: Decimal) -> tuple[Scalar, ...]:
        """Whether the row's rank reaches ⌈p·n/100⌉; for the median, ⌈n/2⌉ and ⌊n/2⌋ + 1. All in whole numbers."""
        if node.measure is Measure.MEDIAN:
            double = Operation(Binary.TIMES, Int(2), Ref(upto))
            return (
                Operation(Binary.GTE, double, Ref(known)),
                Operation(Binary.GT, double, Ref(known)),
            )
        top, bottom = (share / 100).as_integer_ratio()
        reached = Operation(Binary.TIMES, Int(bottom), Ref(upto))
        wanted = Operation(Binary.TIMES, Int(top), Ref(known))
        # Rank 1 at least, as of percentile 0.
        return (_all(Operation(Binary.GTE, reached, wanted), Operation(Binary.GTE, Ref(upto), _ONE)),)

    # ------------------------------------------------------------ hits

    def _hit(self, node: Correlation, conditions: Seq[Scalar]) -> None:
        self.steps.append(Extend(((self.flag(node), _flag(_all(*conditions)), Kind.WHOLE),)))

    def _meets(self, node: Aggregate, value: Scalar, unit: int, times: str | None = None) -> Scalar:
        """Whether the value, counted in ``unit``-ths, is within every bound; with ``times``, its quotient by it."""
        bounds = node.condition.bounds if isinstance(node.condition, Threshold) else ()
        conditions: list[Scalar] = []
        for op, bound in bounds:
            suffix, operator = _BOUNDS[op]
            exact = bound * unit
            left: Scalar = value
            if times is not None:
                # A fraction times a count could be rounded: both sides are made whole first.
                denominator = exact.as_integer_ratio()[1]
                exact *= denominator
                left = Operation(Binary.TIMES, Int(denominator), value) if denominator > 1 else value
            kind = Kind.WHOLE if exact == exact.to_integral_value() else Kind.NUMBER
            limit: Scalar = self._constant(f"{self.called[node]}_{suffix}", kind, exact)
            limit = Operation(Binary.TIMES, limit, Ref(times)) if times is not None else limit
            conditions.append(Operation(operator, left, limit))
        return _all(*conditions)

    def _row_first(self, node: Correlation) -> None:
        """Put into a column the time of the earliest event that a row of the node stands for."""
        inner = [part.node for part in node.inputs if not isinstance(part.node, Search)]
        if not inner:
            return
        column = self.column(node, "begins")
        self.steps.append(Extend(((column, Ref(TIME), Kind.TIME),)))
        for child in inner:
            first = Ref(self.column(child, "first"))
            earlier = _all(IsSet(self.flag(child)), Operation(Binary.LT, first, Ref(column)))
            self.steps.append(Extend(((column, Choose(earlier, first, Ref(column)), Kind.TIME),)))

    def _row_first_column(self, node: Correlation) -> Ref:
        inner = any(not isinstance(part.node, Search) for part in node.inputs)
        return Ref(self.column(node, "begins")) if inner else Ref(TIME)

    def _first_exact(self, node: Correlation) -> bool:
        """Whether the column of the earliest contributing event is right for every hit of the node."""
        inner = [part.node for part in node.inputs if not isinstance(part.node, Search)]
        if not all(self._first_exact(child) for child in inner):
            return False
        alike = all(set(self.keys(child)) == set(self.keys(node)) for child in inner)
        match node:
            case Sequence():
                middle = any(not isinstance(part.node, Search) for part in node.inputs[1:-1])
                return alike and not middle
            case Aggregate() if is_calendar(node) or node == self.root:
                return True
            case Aggregate(measure=Measure.RULES):
                return False
            case Aggregate():
                return alike and len(node.inputs) == 1 if inner else True
            case _:
                assert_never(node)

    # ------------------------------------------------------------ episodes

    def _finish(self) -> None:
        """Hits of one group that follow each other by no more than the timespan are one episode."""
        node, by = self.root, self.keys(self.root)
        hit = self.flag(node)
        self._count_hits_once()
        moves = isinstance(node, Sequence) or is_calendar(node)
        self.steps.append(Note("episodes: hits of one group at most one timespan apart"))
        if moves:
            self.steps.append(Keep(IsSet(hit)))
            self.steps.append(Extend((("next_hit", Ref(TIME), Kind.TIME),)))
            first: Scalar = Ref(self.column(node, "first"))
        else:
            first = self._events_of_windows(node, by, hit)
        previous = Running(
            "previous_hit", Function.LATEST, Ref("next_hit"), by, (Order("next_hit"),), Kind.TIME, current=False
        )
        apart = Operation(Binary.MINUS, Ref("next_hit"), Ref("previous_hit"))
        near = Operation(Binary.LTE, apart, self.span(node))
        self.steps += [
            previous,
            Extend((("starts_episode", Choose(near, _ZERO, _ONE), Kind.WHOLE),)),
            Running("episode", Function.SUM, Ref("starts_episode"), by, (Order("next_hit"),), Kind.WHOLE),
            Collapse((*by, "episode"), self._aggregates(first, IsSet(hit))),
        ]
        if self.scheduled:
            fresh = Operation(Binary.GT, Ref("triggered_at"), Bound(Edge.FRESH))
            due = Operation(Binary.LTE, Ref("triggered_at"), Bound(Edge.END))
            self.steps.append(Keep(_all(fresh, due)))

    def _count_hits_once(self) -> None:
        node = self.root
        last = len(node.inputs) - 1 if isinstance(node, Sequence) else None
        carried = [way for way in self._ways(node) if way.takes(node, last) and way.carries(node)]
        if not self._twice(node, carried):
            return
        if all(isinstance(part.node, Search) for part in node.inputs) and last is None:
            self._mark_repeats(node)
        else:
            self.uncounted = True

    def _events_of_windows(self, node: Correlation, by: tuple[str, ...], hit: str) -> Scalar:
        """Keep the rows that stand in the window of some hit: those with a next hit within the timespan."""
        live = self.live(node)
        if live:
            self.steps.append(Keep(_all(*live)))
        self._row_first(node)
        is_hit = Choose(IsSet(hit), Ref(TIME), Missing(Kind.TIME))
        order = (Order(TIME, descending=True),)
        self.steps.append(Running("next_hit", Function.LATEST, is_hit, by, order, Kind.TIME))
        ahead = Operation(Binary.MINUS, Ref("next_hit"), Ref(TIME))
        self.steps.append(Keep(Operation(Binary.LTE, ahead, self.span(node))))
        return self._row_first_column(node)

    def _aggregates(self, first: Scalar, hit: Scalar) -> tuple[tuple[str, Function, Scalar], ...]:
        found = [
            ("first_seen", Function.MIN, first),
            ("triggered_at", Function.MIN, Ref("next_hit")),
            ("last_seen", Function.MAX, Ref("next_hit")),
            ("hits", Function.SUM, Choose(hit, self._once(self.root, Ref(EVENTS)), _ZERO)),
        ]
        node = self.root
        if isinstance(node, Aggregate):
            value: Scalar = Ref(self.measured(node))
            if node.measure is Measure.AVERAGE:
                value = Operation(Binary.OVER, value, Ref(self.column(node, "known")))
            down = isinstance(node.condition, Threshold) and all(
                op in {Op.LT, Op.LTE} for op, _ in node.condition.bounds
            )
            best = Choose(hit, value, Missing(Kind.WHOLE))
            found.append(("peak", Function.MIN if down else Function.MAX, best))
        return tuple(found)

    def _peak(self) -> tuple[str | None, int]:
        node = self.root
        if isinstance(node, Sequence):
            return None, 1
        match node.measure:
            case Measure.SUM | Measure.AVERAGE:
                unit = next((column.unit for column in self.columns if column.take is Take.TOTAL), 1)
                return "peak", unit
            case Measure.MEDIAN | Measure.PERCENTILE:
                return "peak", 2 * MICRO
            case _:
                return "peak", 1


_BOUNDS = {
    Op.GTE: ("at_least", Binary.GTE),
    Op.GT: ("above", Binary.GT),
    Op.LTE: ("at_most", Binary.LTE),
    Op.LT: ("below", Binary.LT),
    Op.EQ: ("exactly", Binary.EQ),
    Op.NEQ: ("other_than", Binary.NEQ),
}


def _named(node: Correlation | Search) -> Correlation | Search:
    return node


def _all(*conditions: Scalar) -> Scalar:
    """Every condition, without nesting."""
    flat: list[Scalar] = []
    for condition in conditions:
        flat += condition.items if isinstance(condition, All) else (condition,)
    return flat[0] if len(flat) == 1 else All(tuple(dict.fromkeys(flat)))


def _flag(condition: Scalar) -> Scalar:
    if condition == All(()):
        return _ONE
    return Choose(condition, _ONE, _ZERO)


def _choose(condition: Scalar, value: Scalar) -> Scalar:
    return value if condition == All(()) else Choose(condition, value, _ZERO)


def _equals(name: str, value: int) -> Scalar:
    return Operation(Binary.EQ, Ref(name), Int(value))


def _expression(condition: Expression | Threshold, flags: Seq[str]) -> Scalar:
    match condition:
        case Present():
            return IsSet(flags[condition.index])
        case AllOf():
            return All(tuple(_expression(item, flags) for item in condition.items))
        case AnyOf():
            return Any(tuple(_expression(item, flags) for item in condition.items))
        case NoneOf():
            return Unless(_expression(condition.item, flags))
        case Threshold():
            return All(())
        case _:
            assert_never(condition)


def _zero_meets(condition: Threshold | Expression) -> bool:
    """Whether a sum of 0 meets the condition, so that it must be told from a sum of nulls alone."""
    if not isinstance(condition, Threshold):
        return False
    zero = Decimal(0)
    tests = {Op.LT: zero.__lt__, Op.LTE: zero.__le__, Op.GT: zero.__gt__, Op.GTE: zero.__ge__}
    return all(tests[op](bound) if op in tests else True for op, bound in condition.bounds)
