"""Which rows feed which correlation, in hopping windows: parts, their columns, and what hits must carry.

See ``hopping`` for what the parts mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tollwatch.compile.draft import MICRO, Draft
from tollwatch.compile.hopping import (
    MILLI,
    Amount,
    Part,
    hops,
)
from tollwatch.compile.model import Refused
from tollwatch.compile.outline import Correlation, correlations, exclusive, is_calendar, type_of
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.plan.nodes import Aggregate, Column, GroupValue, Input, Measure, Search, Sequence

LAST, FIRST, EVENTS = "latest", "earliest", "events"
_RESERVED = (
    "t", "part", "slide", "window", "waiting", "node", "row", "start", LAST, FIRST, EVENTS,
    "fresh_after", "triggered", "ended", "begins", "before", "window_start", "window_end",
    "first_seen", "triggered_at", "last_seen", "hits", "peak",
)  # fmt: skip
_COUNTED = (Measure.EVENTS, Measure.SUM, Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE)
SUMMED = (Measure.SUM, Measure.AVERAGE, Measure.MEDIAN, Measure.PERCENTILE)


@dataclass(slots=True)
class Feeds:
    """What feeds each correlation below ``root``. ``wanted``: a hop, µs. ``columns``: the names of what rows carry."""

    root: Correlation
    wanted: int | None
    draft: Draft = field(init=False)
    parts: list[Part] = field(default_factory=list)
    amounts: list[Amount] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    hop: dict[Correlation, int] = field(default_factory=dict)
    needs: dict[Correlation, tuple[str, ...]] = field(default_factory=dict)
    feeds: dict[Correlation, dict[str, tuple[int, ...]]] = field(default_factory=dict)
    waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draft = Draft(self.root, scheduled=False)
        order = correlations(self.root)
        for name in dict.fromkeys(name for node in order for name in node.group_by if name in _RESERVED):
            self.columns[name] = self.draft.names.give(f"{name}_key")
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
        keys = [(self.column(name), field_of(r)) for name, r in zip(node.group_by, part.keys, strict=True)]
        found = dict(keys)
        read = [field_of(reading) for reading in part.values]
        carried = self.needs[node] if isinstance(node, Sequence) and last else ()
        for name in (*read, *carried):
            found[self.value(node, name)] = name
        return tuple(found.items())

    def value(self, node: Correlation, name: str) -> str:
        """The column of a field that is measured or carried; a group-by of that name may be another field."""
        summed = isinstance(node, Aggregate) and node.measure in SUMMED
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


def field_of(reading: Column | GroupValue) -> str:
    """The field of a single event. Raises Refused for a group value, which it has not."""
    if isinstance(reading, GroupValue):
        raise Refused("a group value of a rule that groups nothing", "it has none")
    return reading.field


def _search(part: Input) -> Search:
    if not isinstance(part.node, Search):
        raise Refused("another correlation's hits", "they are no events")
    return part.node
