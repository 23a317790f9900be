"""Correlations and alerts (semantics, "Correlations", "Alerts"): one hit at a time, quadratic and worse on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reference.logic import true
from reference.matching import matches
from reference.values import Event, lookup, meets, number, text_of, typed

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
STATISTICS = {"value_avg", "value_median", "value_percentile"}
Rule = Mapping[str, Any]
Key = tuple[tuple[str, object], ...]


@dataclass(frozen=True, eq=False)
class Hit:
    """One hit: its time (µs), the event that it carries, its group, what was measured, and what it rests on.

    ``inputs`` are the contributing input hits with the position of their rule; none for an event of a base rule.
    """

    time: int
    event: int
    group: Mapping[str, Any]
    value: Fraction | None = None
    inputs: tuple[tuple[int, Hit], ...] = ()

    @property
    def key(self) -> Key:
        """Keys compare case-sensitively in the field's canonical type."""
        return tuple(typed(value) for value in self.group.values())


def base_events(hits: Iterable[Hit]) -> frozenset[int]:
    """Contributing events are recursive: through hits of correlations, down to events."""
    found: set[int] = set()
    seen: set[Hit] = set()
    waiting = list(hits)
    while waiting:
        hit = waiting.pop()
        if hit in seen:
            continue
        seen.add(hit)
        if not hit.inputs:
            found.add(hit.event)
        waiting += [below for _, below in hit.inputs]
    return frozenset(found)


class Reference:
    """Evaluates parsed YAML documents over events: dicts whose ``timestamp`` is µs since the epoch."""

    def __init__(
        self,
        documents: Sequence[Rule],
        events: Sequence[Event],
        placeholders: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.rules = {reference_of(rule): rule for rule in documents if "filter" not in rule}
        self.aka = {str(rule[key]): name for name, rule in self.rules.items() for key in ("id", "name") if key in rule}
        self.filters = [rule["filter"] for rule in documents if "filter" in rule]
        self.events = events
        self.placeholders = dict(placeholders or {})
        self._hits: dict[str, list[Hit]] = {}

    # ------------------------------------------------------------ alerts

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts, sorted by triggered_at, rule and entity."""
        found = [alert for name in self.alone() for alert in self.of_rule(name)]
        return sorted(found, key=lambda alert: (alert["triggered_at"], alert["rule"], [*alert["entity"].items()]))

    def alone(self) -> list[str]:
        """A rule that a correlation refers to alerts by itself only under ``generate: true``."""
        referred: dict[str, bool] = {}
        for rule in self.rules.values():
            for below in self.below(rule):
                # The page has no ``generate`` of a single event rule: the key is the correlation's, which gives it
                # to all that it refers to; one correlation that says so is enough.
                referred[below] = referred.get(below, False) or generates(rule)
        return [name for name in self.rules if referred.get(name, True)]

    def below(self, rule: Rule) -> list[str]:
        """The rules that a correlation refers to, by name or id."""
        return [self.aka[str(name)] for name in rule["correlation"]["rules"]] if "correlation" in rule else []

    def of_rule(self, name: str) -> list[dict[str, Any]]:
        """One alert an episode."""
        rule, hits = self.rules[name], self.hits(name)
        if "correlation" not in rule:
            # A rule without correlation alerts once for each event.
            return [self.alert(name, [hit]) for hit in hits]
        found: list[list[Hit]] = []
        for key in dict.fromkeys(hit.key for hit in hits):
            found += episodes([hit for hit in hits if hit.key == key], timespan(rule))
        return [self.alert(name, episode) for episode in found]

    def alert(self, name: str, episode: list[Hit]) -> dict[str, Any]:
        """Rule, entity (the group-by values), and what is told of the alert and of each step of its chain."""
        entity = {field: text_of(value) for field, value in episode[0].group.items()}
        return {"entity": entity, **self.summary(name, episode)}

    def summary(self, name: str, hits: list[Hit]) -> dict[str, Any]:
        """``first_seen`` (the earliest contributing event), ``triggered_at`` (the first hit), the last hit, …"""
        rule, events = self.rules[name], base_events(hits)
        return {
            "rule": name,
            "first_seen": min(self.events[event]["timestamp"] for event in events),
            "triggered_at": min(hit.time for hit in hits),
            "last_seen": max(hit.time for hit in hits),
            "hits": len(hits),
            "peak": peak(rule, hits),
            "event_count": len(events),
            "events": events,
            "steps": self.steps(rule, hits),
        }

    def steps(self, rule: Rule, hits: list[Hit]) -> list[dict[str, Any]]:
        """The same for each step of a chain: of each referenced rule, the hits that contribute."""
        found = []
        for position, name in enumerate(self.below(rule)):
            below = dict.fromkeys(input_ for hit in hits for at, input_ in hit.inputs if at == position)
            if below:
                found.append(self.summary(name, list(below)))
        return found

    # ------------------------------------------------------------ hits

    def hits(self, name: str) -> list[Hit]:
        """A rule's hits: matching events, or the moments at which a correlation holds."""
        if name not in self._hits:
            rule = self.rules[name]
            self._hits[name] = self.correlate(rule) if "correlation" in rule else self.search(name)
        return self._hits[name]

    def search(self, name: str) -> list[Hit]:
        """The matching events, each at its own time and without a group; a filter is joined by ``and``."""
        detections = [
            self.rules[name]["detection"],
            *(filter_ for filter_ in self.filters if self.applies(filter_, name)),
        ]
        return [
            Hit(event["timestamp"], index, {})
            for index, event in enumerate(self.events)
            if all(matches(_searches(detection), event, self.placeholders) for detection in detections)
        ]

    def applies(self, filter_: Mapping[str, Any], name: str) -> bool:
        """Sigma filters: one that names a correlation applies to all its base rules."""
        named = [self.aka[str(rule)] for rule in filter_["rules"]]
        return any(name in self.family(rule) for rule in named)

    def family(self, name: str) -> set[str]:
        """The rule and all below it."""
        return {name}.union(*(self.family(below) for below in self.below(self.rules[name])))

    # ------------------------------------------------------------ one correlation

    def correlate(self, rule: Rule) -> list[Hit]:
        """Each group by itself; what a group's hits give is in time order."""
        rows = [
            Row(position, name, hit, group)
            for position, name in enumerate(self.below(rule))
            for hit in self.hits(name)
            # An event whose group-by field is null belongs to no group. Without group-by there is one group.
            if None not in (group := self.group(rule, name, hit)).values()
        ]
        found: list[Hit] = []
        for key in dict.fromkeys(row.key for row in rows):
            found += self.of_group(rule, [row for row in rows if row.key == key])
        return sorted(found, key=lambda hit: (hit.time, hit.event))

    def group(self, rule: Rule, name: str, hit: Hit) -> dict[str, Any]:
        """The group values under their group-by or alias names."""
        return {field: self.read(rule, field, name, hit) for field in listed(rule["correlation"].get("group-by"))}

    def read(self, rule: Rule, field: str, name: str, hit: Hit) -> Any:
        """First by its alias for that child, then by the child's group-by names, then off the carried event."""
        aliases = rule["correlation"].get("aliases", {}).get(field, {})
        wanted = next((aliased for child, aliased in aliases.items() if self.aka[str(child)] == name), field)
        return hit.group[wanted] if wanted in hit.group else lookup(self.events[hit.event], wanted)

    def of_group(self, rule: Rule, rows: list[Row]) -> list[Hit]:
        """The hits that one group's input hits give; they are distinct for each event and time."""
        if rule["correlation"]["type"] == "temporal_ordered":
            return self.ordered(rule, rows)
        return self.sliding(rule, rows) if slides(rule) else self.calendar(rule, rows)

    def sliding(self, rule: Rule, rows: list[Row]) -> list[Hit]:
        """A hit at time t looks at [t - W, t], both ends included; every hit is looked at."""
        found = []
        for time, event in distinct(rows):
            window = [row for row in rows if time - timespan(rule) <= row.hit.time <= time]
            value = self.measure(rule, window)
            if self.holds(rule, value, window):
                found.append(Hit(time, event, rows[0].group, value, contributing(window)))
        return found

    def calendar(self, rule: Rule, rows: list[Row]) -> list[Hit]:
        """Calendar windows [k·W, (k+1)·W) of the epoch, for groups with at least one hit in them."""
        found, span = [], timespan(rule)
        for k in sorted({row.hit.time // span for row in rows}):
            window = [row for row in rows if k * span <= row.hit.time < (k + 1) * span]
            value = self.measure(rule, window)
            if self.holds(rule, value, window):
                # Such a hit's time is the window's end, and it is carried by every event at the window's last time.
                last = max(row.hit.time for row in window)
                found += [
                    Hit((k + 1) * span, event, rows[0].group, value, contributing(window))
                    for time, event in distinct(window)
                    if time == last
                ]
        return found

    def ordered(self, rule: Rule, rows: list[Row]) -> list[Hit]:
        """A hit of the last rule, with hits of the rules in order before it, each strictly later than the one before.

        From first to last at most W. What contributes are all hits on a chain with the latest start.
        """
        count = len(self.below(rule))
        found = []
        for time, event in distinct([row for row in rows if row.position == count - 1]):
            ends = [row for row in rows if row.position == count - 1 and (row.hit.time, row.hit.event) == (time, event)]
            chains = [[*chain, end] for end in ends for chain in rising(rows, count - 1, time)]
            within = [chain for chain in chains if time - chain[0].hit.time <= timespan(rule)]
            if within:
                start = max(chain[0].hit.time for chain in within)
                witnesses = [row for chain in within if chain[0].hit.time == start for row in chain]
                found.append(Hit(time, event, rows[0].group, None, contributing(witnesses)))
        return found

    # ------------------------------------------------------------ measures and conditions

    def measure(self, rule: Rule, window: list[Row]) -> Fraction | None:
        """What the condition is about; None where there is nothing to measure."""
        match rule["correlation"]["type"]:
            case "event_count":
                # The number of distinct events among the hits.
                return Fraction(len({row.hit.event for row in window}))
            case "temporal":
                # The number of referenced rules that have a hit.
                return Fraction(len({row.position for row in window}))
            case "value_count":
                return Fraction(len(self.tuples(rule, window)))
            case _:
                return statistic(rule, self.numbers(rule, window))

    def tuples(self, rule: Rule, window: list[Row]) -> set[Key]:
        """Distinct non-null values; several fields count distinct tuples without a null."""
        fields = listed(rule["correlation"]["condition"]["field"])
        read = [[self.read(rule, field, row.name, row.hit) for field in fields] for row in window]
        return {tuple(typed(value) for value in values) for values in read if None not in values}

    def numbers(self, rule: Rule, window: list[Row]) -> list[Fraction]:
        """The field's numbers in order, of each distinct event once; nulls (and what is no number) add nothing."""
        field = rule["correlation"]["condition"]["field"]
        found: dict[int, Fraction] = {}
        for row in window:
            value = number(self.read(rule, field, row.name, row.hit))
            if value is not None:
                found.setdefault(row.hit.event, value)
        return sorted(found.values())

    def holds(self, rule: Rule, value: Fraction | None, window: list[Row]) -> bool:
        """Whether the condition holds for what was measured over the window."""
        condition = rule["correlation"].get("condition")
        if isinstance(condition, str):
            present = {row.name for row in window}
            return true(condition, lambda word, _: self.aka[word] in present)
        if condition is None:
            # A ``temporal`` without a condition asks for every referenced rule.
            return value == len(self.below(rule))
        # A sum of nulls alone meets no condition. A range asks for both its bounds.
        return value is not None and all(meets(value, op, Fraction(str(n))) for op, n in bounds(condition).items())


@dataclass(frozen=True, eq=False)
class Row:
    """One input hit of a correlation: of which of its rules (position, name), and in which group."""

    position: int
    name: str
    hit: Hit
    group: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return tuple(typed(value) for value in self.group.values())


def distinct(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """The times and events of hits, each once: an event that two referenced rules match is one output hit."""
    return sorted({(row.hit.time, row.hit.event) for row in rows})


def contributing(rows: Iterable[Row]) -> tuple[tuple[int, Hit], ...]:
    return tuple({(row.position, row.hit): None for row in rows})


def rising(rows: list[Row], count: int, before: int) -> list[list[Row]]:
    """Every chain of one hit of each of the first ``count`` rules, each strictly later than the last, before a time."""
    if count == 0:
        return [[]]
    return [
        [*chain, row]
        for row in rows
        if row.position == count - 1 and row.hit.time < before
        for chain in rising(rows, count - 1, row.hit.time)
    ]


def statistic(rule: Rule, values: list[Fraction]) -> Fraction | None:
    """Of numbers in order. Nearest rank: element ⌈p·n/100⌉. The median is the mean of the middle two."""
    count = len(values)
    if not count:
        return None
    match rule["correlation"]["type"]:
        case "value_sum":
            return sum(values, Fraction(0))
        case "value_avg":
            return sum(values, Fraction(0)) / count
        case "value_median":
            return (values[(count - 1) // 2] + values[count // 2]) / 2
        case _:
            rank = -(-Fraction(str(rule["correlation"]["condition"]["percentile"])) * count // 100)
            return values[max(int(rank), 1) - 1]


def episodes(hits: list[Hit], span: int) -> list[list[Hit]]:
    """Hits of one group, in time order, that follow each other by no more than W are one episode."""
    found: list[list[Hit]] = []
    for hit in hits:
        if not found or hit.time - found[-1][-1].time > span:
            found.append([])
        found[-1].append(hit)
    return found


def peak(rule: Rule, hits: list[Hit]) -> Fraction | None:
    """The largest value measured (for lt and lte the smallest; for temporal the rules present; ordered: none)."""
    values = [hit.value for hit in hits if hit.value is not None]
    if not values:
        return None
    condition = rule["correlation"].get("condition")
    down = isinstance(condition, Mapping) and {*bounds(condition)} <= {"lt", "lte"}
    return min(values) if down else max(values)


def slides(rule: Rule) -> bool:
    """Conditions gt and gte slide; what more events can make false again, and the statistics, have calendar windows."""
    condition = rule["correlation"].get("condition")
    if rule["correlation"]["type"] in STATISTICS:
        return False
    if isinstance(condition, str):
        return "not" not in re.findall(r"[^\s()]+", condition)
    return condition is None or {*bounds(condition)} <= {"gt", "gte"}


def bounds(condition: Mapping[str, Any]) -> dict[str, Any]:
    return {op: bound for op, bound in condition.items() if op not in {"field", "percentile"}}


def timespan(rule: Rule) -> int:
    text = rule["correlation"]["timespan"]
    return int(text[:-1]) * SECONDS[text[-1]] * 1_000_000


def generates(rule: Rule) -> bool:
    """``generate`` is an attribute of the correlation document; pySigma has it under ``correlation``."""
    return bool(rule.get("generate") or rule["correlation"].get("generate"))


def reference_of(rule: Rule) -> str:
    """What a rule is called in alerts: its name, else its id."""
    return str(rule.get("name") or rule["id"])


def listed(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _searches(detection: Mapping[str, Any]) -> dict[str, Any]:
    """A filter's selections stand beside the list of rules that it applies to."""
    return {name: body for name, body in detection.items() if name != "rules"}
