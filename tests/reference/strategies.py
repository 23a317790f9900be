"""Random small logs and rule sets, dense in what goes wrong: ties, edges of windows, nulls, nesting."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

START = 1_772_359_200_000_000  # 2026-03-01T10:00:00Z in µs
SECOND = 1_000_000
TYPES = ("event_count", "value_count", "value_sum", "value_avg", "value_median", "value_percentile", "temporal")

times = st.builds(
    lambda second, micro: START + second * SECOND + micro, st.integers(0, 7), st.sampled_from([0, 0, 0, 1, -1])
)
names = st.sampled_from(["a", "b", "A", None])
events = st.fixed_dictionaries(
    {"timestamp": times, "code": st.sampled_from([200, 401, 403, None])},
    optional={
        "ip": names,
        "user": names,
        "tokens": st.sampled_from([0, 1, 2, 5, None]),
        "cost": st.sampled_from([0.1, 0.2, 0.25, 1.5, None]),
        "text": st.sampled_from(["abc", "ABC", "a*c", "", "401", "4.5", None]),
        "tags": st.sampled_from([["x"], ["x", "Y"], [], None]),
    },
)
logs = st.lists(events, max_size=14)

selections = st.sampled_from(
    [
        {"code": 401},
        {"code": [200, 401]},
        {"code|gte": 401},
        {"code": None},
        {"code|neq": 401},
        {"text|contains": "B"},
        {"text": "a?c"},
        {"text": "a\\*c"},
        {"text|cased": "abc"},
        {"text|re": "^a.c$"},
        {"text": ""},
        {"text": 401},
        {"text|exists": True},
        {"tags|contains|all": ["x", "y"]},
        {"ip|fieldref": "user"},
        {"user": "a"},
        {"code": 200, "ip": "a"},
        [{"code": 403}, {"ip": "b"}],
        ["abc"],
    ]
)
conditions = st.sampled_from(["one", "one or two", "one and not two", "not one", "1 of them", "all of them"])


@st.composite
def base_rules(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A rule over single events."""
    detection = {"one": draw(selections), "two": draw(selections), "condition": draw(conditions)}
    return {"title": name, "name": name, "logsource": {"category": "test"}, "detection": detection}


bounds = st.one_of(
    st.builds(lambda op, n: {op: n}, st.sampled_from(["gte", "gt"]), st.integers(0, 4)),
    st.builds(lambda op, n: {op: n}, st.sampled_from(["lt", "lte", "eq", "neq"]), st.integers(0, 4)),
    st.builds(lambda low, high: {"gt": low, "lte": high}, st.integers(0, 2), st.integers(2, 5)),
    st.sampled_from([{"gte": 0.3}, {"gt": 1.75}, {"lte": 0.25}, {"eq": 0.35}]),
)


@st.composite
def correlations(draw: st.DrawFn, name: str, below: tuple[str, ...]) -> dict[str, Any]:
    """A correlation over some of the rules below it."""
    kind = draw(st.sampled_from([*TYPES, "temporal", "temporal_ordered", "temporal_ordered", "event_count"]))
    rules = draw(st.lists(st.sampled_from(below), min_size=1, max_size=3, unique=True))
    by = draw(st.lists(st.sampled_from(["ip", "user", "who"]), max_size=2, unique=True))
    body: dict[str, Any] = {"type": kind, "rules": rules, "timespan": draw(st.sampled_from(["1s", "2s", "3s"]))}
    if "who" in by:
        body["aliases"] = {"who": {rule: draw(st.sampled_from(["ip", "user"])) for rule in rules}}
    if by:
        body["group-by"] = by
    if draw(st.booleans()):
        body["generate"] = True
    condition = draw(_condition(kind, rules))
    if condition is not None:
        body["condition"] = condition
    return {"title": name, "name": name, "correlation": body}


def _condition(kind: str, rules: list[str]) -> st.SearchStrategy[Any]:
    if kind == "temporal_ordered":
        return st.sampled_from([None, {"gte": len(rules)}, {"eq": len(rules)}])
    if kind == "temporal":
        joined = st.sampled_from([" and ", " or "]).map(lambda word: word.join(rules))
        negated = st.just(" and ".join(["not " + rules[-1], *rules[:-1]]))
        counted = st.builds(lambda op, n: {op: n}, st.sampled_from(["gte", "lt", "eq"]), st.integers(1, len(rules)))
        return st.one_of(st.none(), counted, joined, negated)
    extra: dict[str, Any] = {}
    if kind != "event_count":
        extra["field"] = "tokens"
        fields = st.sampled_from(["tokens", "cost", "text", "user"])
        if kind == "value_count":
            fields = st.sampled_from(["user", "tokens", ["user", "tokens"], "text"])
        percentile = st.sampled_from([50, 75, 99.5, 100]) if kind == "value_percentile" else st.none()
        return st.builds(_with_field, bounds, fields, percentile)
    return bounds


def _with_field(condition: dict[str, Any], field: Any, percentile: float | None) -> dict[str, Any]:
    extra = {"percentile": percentile} if percentile is not None else {}
    return {**condition, "field": field, **extra}


@st.composite
def rule_sets(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Two or three base rules and up to three correlations, each over any before it."""
    documents = [draw(base_rules(name)) for name in ("base_1", "base_2", "base_3")[: draw(st.integers(1, 3))]]
    for number in range(draw(st.integers(1, 3))):
        below = tuple(document["name"] for document in documents)
        documents.append(draw(correlations(f"top_{number}", below)))
    return documents
