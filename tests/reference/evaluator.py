"""Correlations and alerts (semantics, "Correlations", "Alerts"), hit by hit, quadratic and worse on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reference.matching import Event, matches, number, text_of

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
STATISTICS = {"value_avg", "value_median", "value_percentile"}
MEASURED = {*STATISTICS, "value_sum", "value_count"}


@dataclass(frozen=True)
class Hit:
    """One hit: its time (µs), the event that it carries, its group, what was measured, and which events contribute."""

    time: int
    event: int
    keys: tuple[tuple[str, str], ...] = ()
    value: Fraction | None = None
    contributing: frozenset[int] = frozenset()

    @property
    def group(self) -> dict[str, str]:
        return dict(self.keys)


class Reference:
    """Evaluates parsed YAML documents over events (dicts whose ``timestamp`` is µs)."""

    def __init__(self, documents: Sequence[Mapping[str, Any]], events: Sequence[Event]) -> None:
        self.rules = {document["name"]: document for document in documents}
        self.events = events

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts, sorted by triggered_at, rule and entity."""
        referred: dict[str, bool] = {}
        for rule in self.rules.values():
            for name in self.references(rule):
                referred[name] = referred.get(name, False) or bool(rule["correlation"].get("generate"))
        # The page: A rule that a correlation refers to alerts by itself only under generate: true.
        alone = [name for name in self.rules if referred.get(name, True)]
        found = [alert for name in alone for alert in self.of_rule(name)]
        return sorted(found, key=lambda alert: (alert["triggered_at"], alert["rule"], sorted(alert["entity"].items())))

    def references(self, rule: Mapping[str, Any]) -> list[str]:
        return list(rule["correlation"]["rules"]) if "correlation" in rule else []

    def of_rule(self, name: str) -> list[dict[str, Any]]:
        hits = sorted(self.hits(name), key=lambda hit: (hit.time, hit.event))
        if "correlation" not in self.rules[name]:
            return [self.alert(name, [hit]) for hit in hits]
        # The page: Hits of one group that follow each other by no more than W are one episode, and one alert.
        span = timespan(self.rules[name])
        episodes: list[list[Hit]] = []
        for keys in {hit.keys for hit in hits}:
            previous: Hit | None = None
            for hit in (hit for hit in hits if hit.keys == keys):
                if previous is None or hit.time - previous.time > span:
                    episodes.append([])
                episodes[-1].append(hit)
                previous = hit
        return [self.alert(name, episode) for episode in episodes]

    def alert(self, name: str, episode: list[Hit]) -> dict[str, Any]:
        events = frozenset().union(*(hit.contributing for hit in episode))
        values = [hit.value for hit in episode if hit.value is not None]
        condition = self.rules[name].get("correlation", {}).get("condition")
        # The page: Peak: the largest value measured (for lt and lte the smallest; …)
        down = isinstance(condition, Mapping) and {*condition} - {"field", "percentile"} <= {"lt", "lte"}
        return {
            "rule": name,
            "entity": episode[0].group,
            "first_seen": min(self.events[event]["timestamp"] for event in events),
            "triggered_at": episode[0].time,
            "last_seen": episode[-1].time,
            "hits": len(episode),
            "peak": (min(values) if down else max(values)) if values else None,
            "events": events,
        }

    def hits(self, name: str) -> list[Hit]:
        rule = self.rules[name]
        if "correlation" in rule:
            return self.correlate(rule)
        return [
            Hit(event["timestamp"], number_, contributing=frozenset({number_}))
            for number_, event in enumerate(self.events)
            if matches(rule["detection"], event)
        ]

    # ------------------------------------------------------------ one correlation

    def correlate(self, rule: Mapping[str, Any]) -> list[Hit]:
        body = rule["correlation"]
        inputs = [
            (position, name, hit, keys)
            for position, name in enumerate(body["rules"])
            for hit in self.hits(name)
            # The page: An event whose group-by field is null belongs to no group.
            if (keys := self.keys(body, name, hit)) is not None
        ]
        found: set[Hit] = set()
        for keys in {row[3] for row in inputs}:
            group = [(position, name, hit) for position, name, hit, of in inputs if of == keys]
            found |= set(self.group_hits(rule, group, keys))
        return list(distinct(found))

    def keys(self, body: Mapping[str, Any], name: str, hit: Hit) -> tuple[tuple[str, str], ...] | None:
        by = body.get("group-by") or []
        values = [self.read(body, field, name, hit) for field in ([by] if isinstance(by, str) else by)]
        if any(value is None for value in values):
            return None
        return tuple(zip([by] if isinstance(by, str) else by, map(text_of, values), strict=True))

    def read(self, body: Mapping[str, Any], field: str, name: str, hit: Hit) -> Any:
        """First by its alias for that child, then by the child's group-by names, then off the carried event."""
        wanted = body.get("aliases", {}).get(field, {}).get(name, field)
        return hit.group[wanted] if wanted in hit.group else self.events[hit.event].get(wanted)

    def group_hits(
        self, rule: Mapping[str, Any], group: list[tuple[int, str, Hit]], keys: tuple[tuple[str, str], ...]
    ) -> Iterable[Hit]:
        body, span = rule["correlation"], timespan(rule)
        if body["type"] == "temporal_ordered":
            yield from self.ordered(body, span, group, keys)
        elif slides(body):
            for _, _, hit in group:
                window = [row for row in group if hit.time - span <= row[2].time <= hit.time]
                value = self.measure(body, window)
                if holds(body, value, window):
                    yield Hit(hit.time, hit.event, keys, value, contributions(window))
        else:
            for k in {hit.time // span for _, _, hit in group}:
                window = [row for row in group if row[2].time // span == k]
                value = self.measure(body, window)
                last = max(row[2].time for row in window)
                for row in window if holds(body, value, window) else ():
                    # The page: Such a hit has the time of the window end, and every event at the last time carries it.
                    if row[2].time == last:
                        yield Hit((k + 1) * span, row[2].event, keys, value, contributions(window))

    def ordered(
        self, body: Mapping[str, Any], span: int, group: list[tuple[int, str, Hit]], keys: tuple[tuple[str, str], ...]
    ) -> Iterable[Hit]:
        steps = [[hit for at, _, hit in group if at == position] for position in range(len(body["rules"]))]
        for last in steps[-1]:
            chains = [[*chain, last] for chain in rising(steps[:-1], last.time)]
            chains = [chain for chain in chains if last.time - chain[0].time <= span]
            if chains:
                latest = max(chain[0].time for chain in chains)
                witnesses = [hit for chain in chains if chain[0].time == latest for hit in chain]
                events = frozenset().union(*(hit.contributing for hit in witnesses))
                yield Hit(last.time, last.event, keys, None, events)

    def measure(self, body: Mapping[str, Any], window: list[tuple[int, str, Hit]]) -> Fraction | None:
        kind, condition = body["type"], body.get("condition") or {}
        if kind == "event_count":
            return Fraction(len({hit.event for _, _, hit in window}))
        if kind == "temporal":
            return Fraction(len({position for position, _, _ in window}))
        field = condition["field"]
        fields = [field] if isinstance(field, str) else field
        rows = {hit.event: [self.read(body, f, name, hit) for f in fields] for _, name, hit in window}
        if kind == "value_count":
            found = {tuple(self.read(body, f, name, hit) for f in fields) for _, name, hit in window}
            return Fraction(len({tuple(map(text_of, row)) for row in found if None not in row}))
        values = sorted(value for row in rows.values() if (value := number(row[0])) is not None)
        if not values:
            return None
        return statistic(kind, values, condition)


def statistic(kind: str, values: list[Fraction], condition: Mapping[str, Any]) -> Fraction:
    """Of sorted values: the sum, the average, the mean of the middle two, or element ⌈p·n/100⌉ in order."""
    count = len(values)
    match kind:
        case "value_sum":
            return sum(values, Fraction(0))
        case "value_avg":
            return sum(values, Fraction(0)) / count
        case "value_median":
            return (values[(count - 1) // 2] + values[count // 2]) / 2
        case _:
            rank = -(-Fraction(str(condition["percentile"])) * count // 100)
            return values[max(int(rank), 1) - 1]


def rising(steps: list[list[Hit]], before: int) -> list[list[Hit]]:
    """Every chain with one hit of each step, each strictly later than the one before, all before a time."""
    if not steps:
        return [[]]
    return [[*chain, hit] for hit in steps[-1] if hit.time < before for chain in rising(steps[:-1], hit.time)]


def contributions(window: list[tuple[int, str, Hit]]) -> frozenset[int]:
    return frozenset().union(*(hit.contributing for _, _, hit in window))


def distinct(hits: Iterable[Hit]) -> Iterable[Hit]:
    """One for each group, event and time."""
    found: dict[object, Hit] = {}
    for hit in hits:
        key = (hit.keys, hit.event, hit.time)
        other = found.get(key)
        merged = hit.contributing | other.contributing if other else hit.contributing
        found[key] = Hit(hit.time, hit.event, hit.keys, hit.value, merged)
    return found.values()


def timespan(rule: Mapping[str, Any]) -> int:
    text = rule["correlation"]["timespan"]
    return int(text[:-1]) * UNITS[text[-1]] * 1_000_000


def slides(body: Mapping[str, Any]) -> bool:
    """ "Conditions gt and gte slide"; what more events can make false again is judged over calendar windows."""
    condition = body.get("condition")
    if body["type"] in STATISTICS:
        return False
    if isinstance(condition, str):
        return not re.search(r"\bnot\b", condition)
    return condition is None or {*condition} - {"field", "percentile"} <= {"gt", "gte"}


def holds(body: Mapping[str, Any], value: Fraction | None, window: list[tuple[int, str, Hit]]) -> bool:
    condition = body.get("condition")
    if isinstance(condition, str):
        present = dict.fromkeys(body["rules"], False)
        for _, name, _ in window:
            present[name] = True
        words = re.findall(r"[()]|\w+", condition)
        return bool(_truth(words, present))
    if condition is None:
        condition = {"gte": len(body["rules"])}
    if value is None:
        return False
    bounds = {op: Fraction(str(bound)) for op, bound in condition.items() if op not in {"field", "percentile"}}
    tests = {
        "lt": lambda b: value < b,
        "lte": lambda b: value <= b,
        "gt": lambda b: value > b,
        "gte": lambda b: value >= b,
        "eq": lambda b: value == b,
        "neq": lambda b: value != b,
    }
    return all(tests[op](bound) for op, bound in bounds.items())


def _truth(words: list[str], present: Mapping[str, bool]) -> bool:
    found = _all(words, present)
    while words and words[0] == "or":
        words.pop(0)
        found = _all(words, present) or found
    return found


def _all(words: list[str], present: Mapping[str, bool]) -> bool:
    found = _leaf(words, present)
    while words and words[0] == "and":
        words.pop(0)
        found = _leaf(words, present) and found
    return found


def _leaf(words: list[str], present: Mapping[str, bool]) -> bool:
    word = words.pop(0)
    if word == "not":
        return not _leaf(words, present)
    if word == "(":
        found = _truth(words, present)
        words.pop(0)
        return found
    return present[word]
