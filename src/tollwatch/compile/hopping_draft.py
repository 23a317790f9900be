"""Stages of hopping windows while they are made: which rows feed which correlation, and what each must keep.

See ``hopping`` for what the stages mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.draft import MICRO, Draft, every, expression
from tollwatch.compile.hopping import (
    MILLI,
    Amount,
    Assign,
    Copy,
    Follow,
    Function,
    Hopping,
    Judge,
    Measured,
    Note,
    Part,
    Passing,
    Present,
    Slide,
    Stage,
    hops,
)
from tollwatch.compile.model import Refused
from tollwatch.compile.outline import Correlation, correlations, exclusive, is_calendar, looks_down, type_of
from tollwatch.compile.sliding import added
from tollwatch.compile.steps import All, Binary, Int, Operation, Ref, Scalar, Unless
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.plan.nodes import Aggregate, Column, GroupValue, Input, Measure, Search, Sequence
from tollwatch.sigma.model import Op, Threshold

LAST, FIRST, EVENTS = "latest", "earliest", "events"
_RESERVED = (
    "t", "part", "slide", "window", "waiting", "node", "row", "start", LAST, FIRST, EVENTS,
    "fresh_after", "triggered", "ended", "begins", "before", "window_start", "window_end",
    "first_seen", "triggered_at", "last_seen", "hits", "peak",
)  # fmt: skip
_COUNTED = (Measure.EVENTS, Measure.SUM, Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE)
_SUMMED = (Measure.SUM, Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE)


def hopping(root: Correlation, wanted: int | None) -> Hopping:
    """The stages whose last rows, of the root's part, are its windows that hold. ``wanted``: a hop, µs.

    Raises:
        Refused: what windows cannot say: counts of another correlation's hits, and what is read off them.
    """
    made = _Stages(root, wanted)
    for node in correlations(root):
        made.correlation(node)
    entity = tuple((name, made.column(name)) for name in root.group_by)
    return Hopping(
        tuple(made.parts), tuple(made.amounts), tuple(made.stages), entity, made.peak(), looks_down(root),
        made.grid(), made.missed(root), is_calendar(root), (*made.draft.limits, *made.limits),
    )  # fmt: skip


@dataclass(slots=True)
class _Stages:
    root: Correlation
    wanted: int | None
    draft: Draft = field(init=False)
    parts: list[Part] = field(default_factory=list)
    amounts: list[Amount] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    hop: dict[Correlation, int] = field(default_factory=dict)
    needs: dict[Correlation, tuple[str, ...]] = field(default_factory=dict)
    feeds: dict[Correlation, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    weighed: bool = False

    def __post_init__(self) -> None:
        self.draft = Draft(self.root, scheduled=False)
        for name in _RESERVED:
            if name in self.root.group_by:
                self.columns[name] = self.draft.names.give(f"{name}_key")
        order = correlations(self.root)
        for node in reversed(order):
            self._need(node)
        spans = {node: node.timespan // MILLI for node in order if not is_calendar(node)}
        completing = {node: span for node, span in spans.items() if not self.keeps_rows(node)}
        self.hop = hops(completing, None if self.wanted is None else self.wanted // MILLI)
        for node, span in spans.items():
            if node not in self.hop:
                self.hop |= hops({node: span}, None if self.wanted is None else self.wanted // MILLI)
        for node in order:
            self._feed(node)

    # ------------------------------------------------------------ what is asked for

    def column(self, name: str) -> str:
        """The column of a group-by name or a field."""
        return self.columns.get(name, name)

    def _need(self, node: Correlation) -> None:
        """Which fields are read off the events that the hits of each input carry."""
        own = self.needs.setdefault(node, ())
        if own and not (isinstance(node, Sequence) and len(node.inputs) > 1):
            raise Refused(
                f"{node.header.key}: {', '.join(own)} of the events that its hits carry",
                "windows of ES|QL keep no single hits", "add the field to its group-by, or target spl or kql",
            )  # fmt: skip
        for number, part in enumerate(node.inputs):
            if isinstance(part.node, Search):
                continue
            read = [reading.field for reading in (*part.keys, *part.values) if isinstance(reading, Column)]
            inherited = own if isinstance(node, Sequence) and number == len(node.inputs) - 1 else ()
            self.needs[part.node] = tuple(dict.fromkeys((*self.needs.get(part.node, ()), *read, *inherited)))

    def keeps_rows(self, node: Correlation) -> bool:
        """Whether each hit stays a row: of an order, where its event is read, or where it is a correlation's."""
        if not isinstance(node, Sequence) or len(node.inputs) == 1:
            return False
        return bool(self.needs[node]) or not isinstance(node.inputs[-1].node, Search)

    def _feed(self, node: Correlation) -> None:
        """Give each way into the node a part of its own; inputs of a count that are read alike share one."""
        together = isinstance(node, Aggregate) and node.measure is not Measure.RULES
        shared: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for number, part in enumerate(node.inputs):
            if isinstance(part.node, Search):
                columns = self._columns(node, part, last=number == len(node.inputs) - 1)
                shared.setdefault(columns if together else ((str(number), ""), *columns), []).append(number)
        self._refuse_twice(node, together, list(shared.values()))
        for columns, numbers in shared.items():
            searches = tuple(dict.fromkeys(_search(node.inputs[number]) for number in numbers))
            wanted = self.draft.called[node if together else searches[0]]
            self._part(node, wanted, searches, columns if together else columns[1:], tuple(numbers))
        for number, part in enumerate(node.inputs):
            if not isinstance(part.node, Search):
                name = self._hits_name(node, part.node)
                self.feeds.setdefault(node, {})[name] = (number,)

    def _part(
        self, node: Correlation, wanted: str, searches: tuple[Search, ...],
        columns: tuple[tuple[str, str], ...], numbers: tuple[int, ...],
    ) -> None:  # fmt: skip
        taken = {part.name for part in self.parts}
        name = wanted if wanted not in taken else self.draft.names.give(f"{wanted}_for_{self.draft.called[node]}")
        keys = tuple(self.column(name) for name in node.group_by)
        flag = self.draft.flag(searches[0]) if len(searches) == 1 else f"is_{name}"
        self.parts.append(Part(name, flag, searches, columns, keys))
        self.feeds.setdefault(node, {})[name] = numbers
        self.waiting[name] = tuple(dict.fromkeys(column for column, _ in columns))

    def _hits_name(self, node: Correlation, child: Correlation) -> str:
        """The part of the child's hits: its name, or one of several copies."""
        users = [
            (other, number) for other in correlations(self.root) for number, part in enumerate(other.inputs)
            if part.node == child
        ]  # fmt: skip
        if len(users) == 1:
            return self.draft.called[child]
        return self.draft.names.give(f"{self.draft.called[child]}_for_{self.draft.called[node]}")

    def _columns(self, node: Correlation, part: Input, *, last: bool) -> tuple[tuple[str, str], ...]:
        keys = [(self.column(name), _field(r)) for name, r in zip(node.group_by, part.keys, strict=True)]
        found = dict(keys)
        read = [_field(reading) for reading in part.values]
        carried = self.needs[node] if isinstance(node, Sequence) and last else ()
        for name in (*read, *carried):
            found[self._value(node, name)] = name
        return tuple(found.items())

    def _value(self, node: Correlation, name: str) -> str:
        """The column of a field that is measured or carried; a group-by of that name may be another field."""
        summed = isinstance(node, Aggregate) and node.measure in _SUMMED
        known = f"{'sum' if summed else 'value'}:{name}"
        if known not in self.columns:
            clash = summed or name in _RESERVED or self._aliased(name)
            self.columns[known] = (
                self.draft.names.give(f"event_{name}" if clash and not summed else name) if clash else name
            )
            if summed:
                self.amounts.append(Amount(self.columns[known], self._unit(name)))
        return self.columns[known]

    def _aliased(self, name: str) -> bool:
        """Whether some correlation groups by this name, but reads another field for it."""
        for node in correlations(self.root):
            for part in node.inputs:
                for group, reading in zip(node.group_by, part.keys, strict=True):
                    if group == name and not (isinstance(reading, Column) and reading.field == name):
                        return True
        return False

    def _unit(self, name: str) -> int:
        whole = name in FIELDS and FIELDS[name].type is FieldType.INTEGER
        if not whole:
            self.limits.append(f"{name} is summed to six decimals")
        return 1 if whole else MICRO

    def _refuse_twice(self, node: Correlation, together: bool, ways: list[list[int]]) -> None:
        """An event must not count twice, nor hits of another correlation at all."""
        if not together or not isinstance(node, Aggregate) or node.measure is Measure.DISTINCT:
            return
        if any(not isinstance(part.node, Search) for part in node.inputs):
            raise Refused(
                f"{node.header.key}: {type_of(node)} of another correlation's hits",
                "windows of ES|QL keep no single hits", "target spl or kql",
            )  # fmt: skip
        predicates = [[_search(node.inputs[number]).predicate for number in way] for way in ways]
        for at, one in enumerate(predicates):
            if any(not exclusive(one, other) for other in predicates[at + 1 :]):
                raise Refused(
                    f"{node.header.key}: rules with different fields as one group-by",
                    "an event that matches two of them would count twice", "target spl or kql",
                )  # fmt: skip

    # ------------------------------------------------------------ stages

    def correlation(self, node: Correlation) -> None:
        """The stages of one correlation, after those of its inputs."""
        self.stages.append(Note(f"{self.draft.called[node]}: {node.header.title}"))
        parts = tuple(self.feeds[node])
        by = tuple(self.column(name) for name in node.group_by)
        for name, numbers in self.feeds[node].items():
            self._assign(node, name, node.inputs[numbers[0]])
        if is_calendar(node):
            self.stages.append(Slide(parts, node.timespan // MILLI, 1))
        else:
            self.stages.append(Slide(parts, self.hop[node], node.timespan // MILLI // self.hop[node]))
        for name in parts:
            self.waiting.pop(name, None)
        if isinstance(node, Sequence):
            self._order(node, by)
        else:
            self._judge(node, parts, by)
        self._hits(node)

    def _assign(self, node: Correlation, name: str, part: Input) -> None:
        """Bring the group-by values of a child's hits, or what its event carries, under the parent's names."""
        child = part.node
        if isinstance(child, Search):
            return
        wanted = [(self.column(group), reading) for group, reading in zip(node.group_by, part.keys, strict=True)]
        moved = []
        for column, reading in wanted:
            source = self._source(child, reading)
            if source != column:
                moved.append((column, source))
        if {column for column, _ in moved} & {source for _, source in moved}:
            raise Refused(
                f"{node.header.key}: group-by names that change places", "ES|QL would mix them up", "rename one"
            )
        if moved:
            self.stages.append(Assign(name, tuple(moved)))
        read = tuple(column for column, reading in wanted if isinstance(reading, Column))
        if read:
            self.stages.append(Present(name, read))

    def _source(self, child: Correlation, reading: Column | GroupValue) -> str:
        match reading:
            case GroupValue():
                return self.column(child.group_by[reading.index])
            case Column():
                return self._value(child, reading.field)
            case _:
                assert_never(reading)

    def _hits(self, node: Correlation) -> None:
        """The node's hits wait for those that refer to it."""
        for user in correlations(self.root):
            for name, numbers in self.feeds[user].items():
                part = user.inputs[numbers[0]]
                if part.node == node:
                    read = (self._source(node, reading) for reading in (*part.keys, *part.values))
                    carried = (self._value(node, name) for name in self.needs[node])
                    self.waiting[name] = tuple(dict.fromkeys((*read, *carried)))
        names = tuple(
            name for user in correlations(self.root) for name, numbers in self.feeds[user].items()
            if user.inputs[numbers[0]].node == node
        )  # fmt: skip
        if len(names) > 1:
            self.stages.append(Copy(self.draft.called[node], names))

    def _passing(self, by: tuple[str, ...]) -> Passing | None:
        """What rows that wait must keep."""
        if not self.waiting:
            return None
        columns = tuple(dict.fromkeys(name for needed in self.waiting.values() for name in needed if name not in by))
        counting = (node for node in self.feeds if set(self.feeds[node]) & set(self.waiting))
        weighs = any(isinstance(node, Aggregate) and node.measure in _COUNTED for node in counting)
        passing = Passing(columns, weighs)
        self.weighed = self.weighed or weighs
        return passing

    # ------------------------------------------------------------ rules in order

    def _order(self, node: Sequence, by: tuple[str, ...]) -> None:
        """Step by step, the rows later than the first row of the step before."""
        names = {number: name for name, numbers in self.feeds[node].items() for number in numbers}
        parts = tuple(names[number] for number in range(len(node.inputs)))
        into = self.draft.called[node]
        carried = tuple(self._value(node, name) for name in self.needs[node])
        if len(parts) == 1:
            measured = (Measured(FIRST, Function.MIN, (FIRST,)), Measured(LAST, Function.MAX, ("t",)))
            self.stages.append(Judge(into, parts, by, measured, (), (), All(()), None, self._passing(by)))
        # Rows of a correlation's hits keep its group-by values; what nobody reads goes.
        for at in range(len(parts) - 1):
            final = at == len(parts) - 2
            if final and not self.keeps_rows(node):
                self._first_and_last(parts[at:], by, into)
            else:
                passing, unique = self._passing(by), final and node != self.root
                self.stages.append(Follow(parts[at:], by, carried, into if final else None, unique, passing))

    def _first_and_last(self, parts: tuple[str, ...], by: tuple[str, ...], into: str) -> None:
        """Of the last two steps the earliest and the latest row tell whether one follows the other."""
        first, last = parts
        measured = (
            Measured("start", Function.MIN, ("t",), first),
            Measured(LAST, Function.MAX, ("t",), last),
            Measured(FIRST, Function.MIN, (FIRST,)),
        )
        condition = Operation(Binary.LT, Ref("start"), Ref(LAST))
        self.stages.append(Judge(into, parts, by, measured, (), (), condition, None, self._passing(by)))

    # ------------------------------------------------------------ measures

    def _judge(self, node: Aggregate, parts: tuple[str, ...], by: tuple[str, ...]) -> None:
        before = len(self.draft.constants)
        measured, condition = self._measure(node)
        constants = tuple(self.draft.constants[before:])
        always = (Measured(FIRST, Function.MIN, (FIRST,)), Measured(LAST, Function.MAX, ("t",)))
        span = node.timespan // MILLI if is_calendar(node) else None
        summed: tuple[tuple[str, Scalar], ...] = ()
        if node.measure is Measure.RULES:
            flags: list[Scalar] = [Ref(one.name) for one in measured]
            summed = ((self.draft.measured(node), added(flags)),)
        self.stages.append(
            Judge(
                self.draft.called[node], parts, by, (*measured, *always), summed, constants, condition, span,
                self._passing(by),
            )
        )  # fmt: skip

    def _measure(self, node: Aggregate) -> tuple[tuple[Measured, ...], Scalar]:
        name = self.draft.measured(node)
        match node.measure:
            case Measure.RULES:
                return self._rules(node)
            case Measure.EVENTS:
                return (Measured(name, Function.COUNT),), self.draft.meets(node, Ref(name), 1)
            case Measure.DISTINCT:
                return (Measured(name, Function.DISTINCT, self._values(node)),), self.draft.meets(node, Ref(name), 1)
            case Measure.SUM | Measure.AVERAGE:
                return self._sum(node)
            case Measure.MEDIAN:
                (column,) = self._values(node)
                if self.weighed:
                    raise Refused(
                        f"{node.header.key}: a median beside other correlations",
                        "rows were put together",
                        "target spl or kql",
                    )
                self.limits.append("a median is Elastic's estimate (t-digest)")
                measured = Measured(name, Function.MEDIAN, (column,))
                return (measured,), self.draft.meets(node, Ref(name), self._unit_of(column))
            case Measure.PERCENTILE:
                return self._percentile(node)
            case _:
                assert_never(node.measure)

    def _values(self, node: Aggregate) -> tuple[str, ...]:
        """The columns that are measured."""
        found: dict[tuple[str, ...], None] = {}
        for part in node.inputs:
            child = part.node
            if isinstance(child, Search):
                found[tuple(self._value(node, _field(reading)) for reading in part.values)] = None
            else:
                found[tuple(self._source(child, reading) for reading in part.values)] = None
        if len(found) > 1:
            raise Refused(
                f"{node.header.key}: values that are read under different names", "ES|QL counts one column",
                "name them alike, or target spl or kql",
            )  # fmt: skip
        return next(iter(found))

    def _unit_of(self, column: str) -> int:
        return next(amount.unit for amount in self.amounts if amount.name == column)

    def _rules(self, node: Aggregate) -> tuple[tuple[Measured, ...], Scalar]:
        names = {number: name for name, numbers in self.feeds[node].items() for number in numbers}
        seen = [self.draft.column(node, f"has_{number + 1}") for number in range(len(node.inputs))]
        measured = tuple(
            Measured(flag, Function.SEEN, (), names[number] if len(seen) > 1 else None)
            for number, flag in enumerate(seen)
        )
        if isinstance(node.condition, Threshold):
            return measured, self.draft.meets(node, Ref(self.draft.measured(node)), 1)
        return measured, expression(node.condition, seen)

    def _sum(self, node: Aggregate) -> tuple[tuple[Measured, ...], Scalar]:
        (column,), name = self._values(node), self.draft.measured(node)
        unit = self._unit_of(column)
        total = Measured(name, Function.SUM, (column,))
        if node.measure is Measure.SUM:
            return (total,), self.draft.meets(node, Ref(name), unit)
        known = self.draft.column(node, "known")
        counted = Measured(known, Function.COUNT, (column,))
        return (total, counted), self.draft.meets(node, Ref(name), unit, known)

    def _percentile(self, node: Aggregate) -> tuple[tuple[Measured, ...], Scalar]:
        """The nearest rank is told by counts: the p-th is at least x where fewer than p·n/100 are below x."""
        (column,), name = self._values(node), self.draft.measured(node)
        unit, known = self._unit_of(column), self.draft.column(node, "known")
        share = node.percentile if node.percentile is not None else Decimal(50)
        measured = [
            Measured(name, Function.PERCENTILE, (column,), None, format(share, "f")),
            Measured(known, Function.COUNT, (column,)),
        ]
        conditions: list[Scalar] = []
        bounds = node.condition.bounds if isinstance(node.condition, Threshold) else ()
        for number, (op, bound) in enumerate(bounds):
            below, up_to = (f"{self.draft.column(node, word)}_{number + 1}" for word in ("below", "up_to"))
            limit = format((bound * unit).normalize(), "f")
            measured += [
                Measured(below, Function.BELOW, (column,), None, limit),
                Measured(up_to, Function.UP_TO, (column,), None, limit),
            ]
            conditions.append(_ranked(op, Ref(below), Ref(up_to), Ref(known), share))
        self.limits.append("the peak of a percentile is Elastic's estimate")
        some = Operation(Binary.GT, Ref(known), Int(0))
        return tuple(measured), every(some, *conditions)

    # ------------------------------------------------------------ the whole

    def peak(self) -> tuple[str, int] | None:
        node = self.root
        if isinstance(node, Sequence):
            return None
        if node.measure in _SUMMED:
            (column,) = self._values(node)
            return self.draft.measured(node), self._unit_of(column)
        return self.draft.measured(node), 1

    def grid(self) -> int:
        """What every hop of windows that must be complete divides."""
        return max((hop for node, hop in self.hop.items() if not self.keeps_rows(node)), default=1)

    def missed(self, node: Correlation) -> int:
        """The hops on the longest way down, ms."""
        below = (self.missed(part.node) for part in node.inputs if not isinstance(part.node, Search))
        return self.hop.get(node, 0) + max(below, default=0)


def _field(reading: Column | GroupValue) -> str:
    if isinstance(reading, GroupValue):
        raise Refused("a group value of a rule that groups nothing", "it has none")
    return reading.field


def _search(part: Input) -> Search:
    if not isinstance(part.node, Search):
        raise Refused("another correlation's hits", "they are no events")
    return part.node


def _ranked(op: Op, below: Scalar, up_to: Scalar, known: Scalar, percentile: Decimal) -> Scalar:
    """The value of rank ⌈p·n/100⌉ (at least 1) stands to the bound as ``op`` says."""
    top, bottom = (percentile / 100).as_integer_ratio()
    wanted = Operation(Binary.TIMES, Int(top), known) if top else Int(1)

    def short(count: Scalar) -> Scalar:
        return Operation(Binary.LT, Operation(Binary.TIMES, Int(bottom), count) if top else count, wanted)

    match op:
        case Op.GTE:
            return short(below)
        case Op.GT:
            return short(up_to)
        case Op.LT:
            return Unless(short(below))
        case Op.LTE:
            return Unless(short(up_to))
        case Op.EQ:
            return every(short(below), Unless(short(up_to)))
        case Op.NEQ:
            return Unless(every(short(below), Unless(short(up_to))))
        case _:
            assert_never(op)
