"""Which events feed which part of a detection.

A *way* leads from the root down to a search; a *branch* is the ways that one row can stand for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import assert_never

from tollwatch.compile.model import Refused
from tollwatch.plan.nodes import (
    Aggregate,
    And,
    Column,
    Constant,
    GroupValue,
    Input,
    Measure,
    Node,
    Number,
    Predicate,
    Reading,
    Search,
    Sequence,
    Window,
)
from tollwatch.sigma.model import Op, Threshold

Correlation = Aggregate | Sequence


@dataclass(frozen=True, slots=True)
class Way:
    """One way from the root down to a search: each correlation with the number of the input that the way takes."""

    steps: tuple[tuple[Correlation, int], ...]
    search: Search

    def takes(self, node: Correlation, number: int | None = None) -> bool:
        """Whether the way leads through the node (by this input)."""
        return any(part == node and number in (None, at) for part, at in self.steps)

    def carries(self, node: Correlation) -> bool:
        """Whether hits of the node's input may carry the way's events: of an ordered type, only its last rule's."""
        below = self.steps[self._position(node) + 1 :] if self.takes(node) else ()
        return self.takes(node) and all(at == len(part.inputs) - 1 for part, at in below if isinstance(part, Sequence))

    def keys(self, node: Correlation) -> tuple[str, ...]:
        """The event's fields that are the node's group-by values on this way."""
        return tuple(self._field(node, reading) for reading in self._input(node).keys)

    def values(self, node: Correlation) -> tuple[str, ...]:
        """The event's fields that the node measures on this way."""
        return tuple(self._field(node, reading) for reading in self._input(node).values)

    def calendars(self, node: Correlation) -> tuple[Correlation, ...]:
        """The calendar correlations below the node: each moves its hits to its window's end."""
        return tuple(part for part, _ in self.steps[self._position(node) + 1 :] if is_calendar(part))

    def _position(self, node: Correlation) -> int:
        return next(at for at, (part, _) in enumerate(self.steps) if part == node)

    def _input(self, node: Correlation) -> Input:
        part, number = self.steps[self._position(node)]
        return part.inputs[number]

    def _field(self, node: Correlation, reading: Reading) -> str:
        """A child's group-by value is a field of the very event that the child's hit carries."""
        match reading:
            case Column():
                return reading.field
            case GroupValue():
                child, _ = self.steps[self._position(node) + 1]
                return self.keys(child)[reading.index]
            case _:
                assert_never(reading)


def is_calendar(node: Correlation) -> bool:
    """Whether the node is judged over calendar windows."""
    return isinstance(node, Aggregate) and node.window is Window.CALENDAR


def ways(node: Node, above: tuple[tuple[Correlation, int], ...] = ()) -> Iterator[Way]:
    """Every way down from a node, in the order of the rule's references."""
    if isinstance(node, Search):
        yield Way(above, node)
        return
    for number, part in enumerate(node.inputs):
        yield from ways(part.node, (*above, (node, number)))


def branches(root: Correlation) -> tuple[tuple[Way, ...], ...]:
    """The ways, put together where one row can stand for an event on all of them.

    Their common correlations have the same fields as group-by and measured values, and the same moves in time.
    """
    found: list[list[Way]] = []
    for way in ways(root):
        home = next((group for group in found if all(_together(way, other) for other in group)), None)
        if home is None:
            found.append([way])
        else:
            home.append(way)
    return tuple(tuple(group) for group in found)


def _together(one: Way, other: Way) -> bool:
    common = [part for part, _ in one.steps if other.takes(part)]
    return all(
        one.keys(part) == other.keys(part)
        and one.values(part) == other.values(part)
        and one.calendars(part) == other.calendars(part)
        for part in common
    )


def correlations(root: Correlation) -> tuple[Correlation, ...]:
    """The distinct correlations of a detection, children first."""
    found: dict[Correlation, None] = {}
    for part in root.inputs:
        if not isinstance(part.node, Search):
            found.update(dict.fromkeys(correlations(part.node)))
    found[root] = None
    return tuple(found)


def exclusive(one: Iterable[Predicate], other: Iterable[Predicate]) -> bool:
    """Whether it is plain to see that no event matches a predicate of both: each pair demands two values of a field."""
    return all(_exclude(left, right) for left in one for right in other)


def _exclude(left: Predicate, right: Predicate) -> bool:
    return any(
        first[0] == second[0] and first[1] != second[1] for first in _demands(left) for second in _demands(right)
    )


def _demands(predicate: Predicate) -> Iterator[tuple[str, object]]:
    """(field, value) pairs that every match has. Lists may hold two values, but the fields told here hold one."""
    match predicate:
        case And():
            for item in predicate.items:
                yield from _demands(item)
        case Number():
            yield predicate.field, predicate.value
        case Constant(value=False):
            yield from (("", 0), ("", 1))
        case _:
            pass


def least_count(node: Correlation) -> int | None:
    """The least count that meets the node's one bound, gt or gte; None where it has other bounds."""
    bounds = node.condition.bounds if isinstance(node, Aggregate) and isinstance(node.condition, Threshold) else ()
    if len(bounds) != 1 or bounds[0][0] not in (Op.GT, Op.GTE):
        return None
    ((op, bound),) = bounds
    whole = math.ceil(bound)
    return whole + 1 if op is Op.GT and whole == bound else whole


def searches_of(node: Node) -> tuple[Search, ...]:
    """The searches whose events the node's hits may carry: of an ordered type, those of its last rule."""
    match node:
        case Search():
            return (node,)
        case Sequence():
            return searches_of(node.inputs[-1].node)
        case Aggregate():
            return tuple(search for part in node.inputs for search in searches_of(part.node))
        case _:
            assert_never(node)


_TYPES = {
    Measure.EVENTS: "event_count",
    Measure.DISTINCT: "value_count",
    Measure.SUM: "value_sum",
    Measure.AVERAGE: "value_avg",
    Measure.MEDIAN: "value_median",
    Measure.PERCENTILE: "value_percentile",
    Measure.RULES: "temporal",
}


def type_of(node: Correlation) -> str:
    """The correlation's type, as the rule names it."""
    return "temporal_ordered" if isinstance(node, Sequence) else _TYPES[node.measure]


def looks_down(node: Correlation) -> bool:
    """Whether every bound is lt or lte: the peak is then the smallest value."""
    if isinstance(node, Sequence) or not isinstance(node.condition, Threshold):
        return False
    return all(op in {Op.LT, Op.LTE} for op, _ in node.condition.bounds)


def in_turn(wanted: Mapping[str, tuple[str, AbstractSet[str]]]) -> Iterator[tuple[str, str]]:
    """(column, value) in an order in which no assignment overwrites a field that a later one reads.

    ``wanted``: for each column its value and the fields that it reads.

    Raises:
        Refused: two columns that change places.
    """
    left = dict(wanted)
    while left:
        read_by = {column: [other for other, (_, read) in left.items() if column in read] for column in left}
        free = next((column for column, others in read_by.items() if others in ([], [column])), None)
        if free is None:
            raise Refused("group-by names that change places", "one would overwrite the other", "rename one")
        yield free, left.pop(free)[0]


class Names:
    """Gives each thing a name of its own, made of its name in the rule: letters, digits and ``_``."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def give(self, wanted: str) -> str:
        """The wanted name as far as it can be had."""
        plain = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_").lower() or "rule"
        plain = plain if not plain[0].isdigit() else f"r_{plain}"
        name, number = plain, 2
        while name in self._taken:
            name, number = f"{plain}_{number}", number + 1
        self._taken.add(name)
        return name
