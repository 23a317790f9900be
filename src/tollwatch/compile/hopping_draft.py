"""Stages of hopping windows while they are made: what each correlation does with the rows that feed it.

See ``hopping`` for what the stages mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.draft import every, expression
from tollwatch.compile.hopping import (
    MILLI,
    Assign,
    Copy,
    Follow,
    Function,
    Hopping,
    Judge,
    Measured,
    Note,
    Passing,
    Present,
    Slide,
    Stage,
)
from tollwatch.compile.hopping_feeds import FIRST, LAST, SUMMED, Feeds, field_of
from tollwatch.compile.model import Refused
from tollwatch.compile.outline import Correlation, correlations, is_calendar, looks_down
from tollwatch.compile.sliding import added
from tollwatch.compile.steps import All, Binary, Int, Operation, Ref, Scalar, Unless
from tollwatch.plan.nodes import Aggregate, Column, GroupValue, Input, Measure, Search, Sequence
from tollwatch.sigma.model import Op, Threshold

_COUNTED = (Measure.EVENTS, Measure.SUM, Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE)


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
class _Stages(Feeds):
    stages: list[Stage] = field(default_factory=list)
    weighed: bool = False

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
                return self.value(child, reading.field)
            case _:
                assert_never(reading)

    def _hits(self, node: Correlation) -> None:
        """The node's hits wait for those that refer to it."""
        for user in correlations(self.root):
            for name, numbers in self.feeds[user].items():
                part = user.inputs[numbers[0]]
                if part.node == node:
                    read = (self._source(node, reading) for reading in (*part.keys, *part.values))
                    carried = (self.value(node, name) for name in self.needs[node])
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
        carried = tuple(self.value(node, name) for name in self.needs[node])
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
                found[tuple(self.value(node, field_of(reading)) for reading in part.values)] = None
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
        if node.measure in SUMMED:
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
