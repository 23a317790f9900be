"""Random small logs and rule sets, dense in what goes wrong: ties, edges of windows, nulls, nesting, odd text."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]
Event = dict[str, Any]

START = 1_772_359_200_000_000  # 2026-03-01T10:00:00Z in µs: the edge of a calendar window of 1, 2, 3 and 4 seconds
SECOND = 1_000_000
PLACEHOLDERS = {"who": ("a", "b"), "none": ("zz",), "letter": ("a", "c")}

# ------------------------------------------------------------ logs

# Whole seconds make ties and events exactly W apart; a microsecond more or less makes their neighbours.
times = st.builds(
    lambda second, micro: START + second * SECOND + micro, st.integers(0, 8), st.sampled_from([0, 0, 0, 0, 1, -1])
)
short_texts = st.text("abA*?\\", max_size=4)
texts = st.one_of(
    short_texts,
    st.sampled_from(
        ["abc", "ABC", "a\nc", "401", "4.5", "1e1", "true", "False", "\u0130", "K", "ΑΣ", "ß", "é", "-a /b"]
    ),
    st.sampled_from(["ab", "xab", "xyab", "abz"]).map(lambda text: base64.b64encode(text.encode()).decode()),
)
names = st.sampled_from(["a", "b", "A", None])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "ip": names,
    "user": st.sampled_from(["a", "b", "", None]),
    "tenant": st.sampled_from([1, 2, None]),
    "flag": st.sampled_from([True, False, None]),
    "ratio": st.sampled_from([0.1, 0.2, 0.5, 1.0, 2.0, None]),
    "code": st.sampled_from([200, 401, 403, None]),
    "tokens": st.sampled_from([0, 1, 2, 5, None]),
    "size": st.sampled_from(["1", "2", "2.0", "+5", "x", " 1", "", None]),
    "cost": st.sampled_from([Decimal("0.1"), Decimal("0.25"), Decimal("0.000001"), Decimal(2), None]),
    "text": st.one_of(texts, st.none()),
    "tags": st.one_of(st.lists(short_texts, max_size=3), st.none()),
    "ports": st.one_of(st.lists(st.integers(0, 3), max_size=3), st.none()),
    "address": st.sampled_from(
        ["10.0.0.1", "10.1.0.1", "11.0.0.0", "2001:db8::1", "::ffff:10.0.0.1", "10.0.0.1:80", "10.0.0.01", "x", None]
    ),
    "when": st.sampled_from(
        ["2026-03-01T10:00:00Z", "2026-01-01T00:30:00+01:00", "2027-01-01T00:00:00", "2026-03-01", "10", "x", None]
    ),
    "meta": st.fixed_dictionaries({"name": names}),
}
GROUPABLE = ("ip", "user", "tenant", "flag", "meta.name", "ratio", "size")
COUNTABLE = ("ip", "user", "tenant", "flag", "ratio", "tokens", "size", "cost", "text", "meta.name")
SUMMABLE = ("tokens", "ratio", "cost", "size", "text", "tenant")
events = st.fixed_dictionaries({"timestamp": times}, optional=FIELDS)
odd_logs = st.lists(events, max_size=8)

_mostly = st.sampled_from(["a", "a", "a", "b", "b", "A", None])
_calls = st.fixed_dictionaries(
    {
        "timestamp": times,
        "code": st.sampled_from([401, 401, 401, 200, 200, 403, None]),
        "ip": _mostly,
        "user": _mostly,
        "tokens": st.sampled_from([1, 1, 2, 5, 0, None]),
    },
    optional={name: FIELDS[name] for name in ("tenant", "flag", "ratio", "size", "cost", "text", "meta")},
)
_bursts = st.lists(st.tuples(_calls, st.lists(times, min_size=1, max_size=5)), max_size=4).map(
    lambda drawn: [{**event, "timestamp": time} for event, at in drawn for time in at]
)
"""The same request at several times."""
dense_logs = st.builds(lambda some, more: some + more, st.lists(_calls, min_size=4, max_size=10), _bursts)
"""Logs in which windows fill and groups meet."""
logs = st.one_of(dense_logs, dense_logs, dense_logs, odd_logs)

# ------------------------------------------------------------ rules over single events


def _key(field: str, *modifiers: str) -> str:
    return "|".join([field, *(modifier for modifier in modifiers if modifier)])


def _item(key: str, value: Any) -> Document:
    return {key: value}


def one_or_more(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


_text_fields = st.sampled_from(["text", "ip", "tags", "code", "ratio", "flag", "size", "meta.name", "cost", "absent"])
_places = st.sampled_from(["", "contains", "startswith", "endswith"])
_cased = st.sampled_from(["", "", "cased"])
_neq = st.sampled_from(["", "", "neq"])
_numbers = st.sampled_from([0, 1, 2, 5, 10, 401, 0.1, 0.25, 0.5, 2.0, 4.5, 0.000001])
_number_fields = st.sampled_from(
    ["code", "tokens", "ratio", "size", "cost", "text", "ports", "tenant", "flag", "absent", "ip"]
)
_patterns = st.one_of(short_texts, texts.filter(lambda text: "\n" not in text))
# A single value with ``all`` is an error of the specification's.
_many = st.lists(_patterns, min_size=2, max_size=3, unique=True)
_regexes = st.sampled_from(["^a", "b$", "a.c", "^(a|b)+$", "A", r"\d+", "[*?]", "", "^$", r"\\", "c\\$", "é|ß"])
_flags = st.sampled_from(["", "i", "m", "s", "i|s"])
_networks = st.sampled_from(["10.0.0.0/8", "10.0.0.0/16", "2001:db8::/32", "0.0.0.0/0", "::/0", "10.0.0.1/32"])

text_items = st.one_of(
    st.builds(
        lambda field, place, cased, neq, value: _item(_key(field, place, cased, neq), value),
        _text_fields, _places, _cased, _neq, one_or_more(_patterns),
    ),
    st.builds(
        lambda field, place, neq, value: _item(_key(field, place, "all", neq), value),
        _text_fields, _places, _neq, _many,
    ),
    st.builds(
        lambda field, flags, neq, value: _item(_key(field, "re", flags, neq), value),
        _text_fields, _flags, _neq, one_or_more(_regexes),
    ),
)  # fmt: skip
number_items = st.one_of(
    st.builds(lambda field, neq, value: _item(_key(field, neq), value), _number_fields, _neq, one_or_more(_numbers)),
    st.builds(
        lambda field, op, value: _item(_key(field, op), value),
        _number_fields, st.sampled_from(["lt", "lte", "gt", "gte"]), _numbers,
    ),
    st.builds(_item, st.sampled_from(["flag", "text", "code"]), st.booleans()),
)  # fmt: skip
other_items = st.one_of(
    st.builds(
        lambda field, neq: _item(_key(field, neq), None),
        st.sampled_from(["ip", "user", "tags", "meta.name", "absent"]), _neq,
    ),
    st.builds(
        lambda field, found: _item(_key(field, "exists"), found),
        st.sampled_from(["ip", "user", "tags", "meta.name", "absent"]), st.booleans(),
    ),
    st.builds(
        lambda value, neq: _item(_key("address", "cidr", neq), value), one_or_more(_networks), _neq
    ),
    st.builds(
        lambda field, place, neq, other: _item(_key(field, "fieldref", place, neq), other),
        _text_fields, _places, _neq, _text_fields,
    ),
    st.builds(
        lambda field, part, op, value: _item(_key(field, part, op), value),
        st.sampled_from(["when", "timestamp"]), st.sampled_from(["minute", "hour", "day", "week", "month", "year"]),
        _neq, st.sampled_from([0, 1, 3, 9, 10, 30, 53, 2026]),
    ),
    st.builds(
        lambda place, value: _item(_key("text", "expand", place), value),
        _places, one_or_more(st.sampled_from(["%who%", "x%none%", "%who%%letter%", "a*%letter%"])),
    ),
    st.sampled_from([
        {"text|base64": "ab"}, {"text|base64offset|contains": "ab"}, {"text|base64offset|contains": ["b", "xab"]},
        {"text|wide|base64offset|contains": "a"}, {"text|utf16le|base64": "ab"}, {"text|windash|contains": " /b"},
        {"text|windash": "/a -b"}, {"text|windash|startswith": ["-", "x"]}, {"ip": ["a", None]}, {"user": ""},
        {"user": ["", None]}, {"text|utf16be": "a"},
    ]),
)  # fmt: skip
items = st.one_of(text_items, number_items, other_items)
mappings = st.lists(items, min_size=1, max_size=2).map(lambda parts: {k: v for part in parts for k, v in part.items()})
_words = st.sampled_from(["a", "b", "ab", "a*c", "a?c", "\\*", "abc", "401", "K"])
keywords = st.one_of(
    st.lists(_words, min_size=1, max_size=3),
    st.lists(_words, min_size=2, max_size=3, unique=True).map(lambda words: {"|all": words}),
    _regexes.map(lambda pattern: {"|re": pattern}),
)
plain = st.sampled_from(
    [{"code": 401}, {"code": 200}, {"code": [200, 401]}, {"code|gte": 401}, {"ip": "a"}, {"code|exists": True}]
)
selections = st.one_of(plain, plain, mappings, st.lists(mappings, min_size=1, max_size=2), keywords)
conditions = st.recursive(
    st.sampled_from(
        ["one", "two", "one_b", "1 of them", "all of them", "1 of one*", "all of one*", "1 of *e", "any of t*"]
    ),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.builds(lambda a, word, b: f"{a} {word} {b}", inner, st.sampled_from(["and", "or"]), inner),
        st.builds(lambda a, word, b: f"({a} {word} {b})", inner, st.sampled_from(["and", "or", "and not"]), inner),
    ),
    max_leaves=3,
)


@st.composite
def base_rules(draw: st.DrawFn, name: str, *, odd: bool = False) -> Document:
    """A rule over single events; unless odd ones are wanted, most are plain, so that correlations have hits."""
    if draw(st.integers(0, 5)) and not odd:
        detection: Document = {"one": draw(plain), "condition": "one"}
    else:
        detection = {"one": draw(selections), "two": draw(selections), "one_b": draw(selections)}
        condition = draw(conditions)
        detection["condition"] = [condition, draw(conditions)] if draw(st.integers(0, 9)) == 0 else condition
        _drop_unused(detection)
    return {"title": name, "name": name, "logsource": {"category": "test"}, "detection": detection}


def _drop_unused(detection: Document) -> None:
    """A selection that no condition names is no fault; left out half the time, to keep examples small."""
    text = str(detection["condition"])
    if " of " not in text:
        for name in ("one_b", "two"):
            if name not in text:
                del detection[name]


# ------------------------------------------------------------ correlations

SLIDING = st.builds(lambda op, n: {op: n}, st.sampled_from(["gte", "gt"]), st.sampled_from([1, 2, 2, 3, 4, 0]))
CALENDAR = st.one_of(
    st.builds(lambda op, n: {op: n}, st.sampled_from(["lt", "lte", "eq", "neq"]), st.integers(0, 4)),
    st.builds(
        lambda low, n, high, m: {low: n, high: m},
        st.sampled_from(["gt", "gte"]), st.integers(0, 2), st.sampled_from(["lt", "lte"]), st.integers(2, 5),
    ),
)  # fmt: skip
FRACTIONAL = st.sampled_from([{"gte": 0.3}, {"gt": 1.75}, {"gt": 0.1}, {"lte": 0.25}, {"eq": 0.35}, {"neq": 1.5}])
bounds = st.one_of(SLIDING, SLIDING, CALENDAR, FRACTIONAL)


_group_bys = st.one_of(
    st.sampled_from([["ip"], ["ip"], [], ["user"], ["who"]]),
    st.lists(st.sampled_from(["who", *GROUPABLE]), max_size=2, unique=True),
)


@st.composite
def correlations(draw: st.DrawFn, name: str, below: tuple[str, ...]) -> Document:
    """A correlation over some of the rules below it, with aliases now and then."""
    kind = draw(st.sampled_from(["event_count", "value_count", "value_sum", "temporal", "temporal_ordered"] * 2
                                + ["value_avg", "value_median", "value_percentile"]))  # fmt: skip
    fewest = min(2, len(below)) if kind.startswith("temporal") else 1
    rules = draw(st.lists(st.sampled_from(below), min_size=fewest, max_size=3, unique=True))
    if below[-1].startswith("top") and below[-1] not in rules and draw(st.booleans()):
        rules[0] = below[-1]
    if kind == "temporal_ordered" and draw(st.integers(0, 4)) == 0:
        rules.append(rules[0])
    by = draw(_group_bys)
    body: Document = {"type": kind, "rules": rules, "timespan": draw(st.sampled_from(["1s", "2s", "3s", "4s", "1m"]))}
    if "who" in by:
        aliased = draw(st.sampled_from([["ip", "user"], ["ip", "user", "meta.name"], ["tenant", "flag"]]))
        body["aliases"] = {"who": {rule: draw(st.sampled_from(aliased)) for rule in rules}}
    if by:
        body["group-by"] = by
    condition = draw(_condition(kind, rules, by))
    if condition is not None:
        body["condition"] = condition
    if draw(st.integers(0, 4)) == 0:
        body["generate"] = True
    return {"title": name, "name": name, "correlation": body}


def _condition(kind: str, rules: list[str], by: list[str]) -> st.SearchStrategy[Any]:
    match kind:
        case "event_count":
            return st.one_of(SLIDING, SLIDING, CALENDAR)
        case "temporal_ordered":
            return st.sampled_from([None, None, {"gte": len(rules)}, {"eq": len(rules)}])
        case "temporal":
            return _presence(rules)
        case "value_count":
            field = st.sampled_from([*COUNTABLE, *by])
            fields = st.one_of(field, st.lists(field, min_size=2, max_size=2, unique=True))
            return st.builds(_measured, st.one_of(SLIDING, CALENDAR), fields, st.none())
        case "value_percentile":
            return st.builds(_measured, bounds, st.sampled_from(SUMMABLE), st.sampled_from([1, 50, 75, 99.5, 100]))
        case _:
            return st.builds(_measured, bounds, st.sampled_from(SUMMABLE), st.none())


def _measured(condition: Document, field: Any, percentile: float | None) -> Document:
    return {**condition, "field": field, **({} if percentile is None else {"percentile": percentile})}


def _presence(rules: list[str]) -> st.SearchStrategy[Any]:
    """None, a number of rules, or a boolean expression that names every rule."""
    counted = st.builds(
        lambda op, n: {op: n}, st.sampled_from(["gte", "gt", "lt", "lte", "eq", "neq"]), st.integers(0, len(rules))
    )
    return st.one_of(st.none(), st.none(), counted, expressions(tuple(rules)))


@st.composite
def expressions(draw: st.DrawFn, rules: tuple[str, ...]) -> str:
    """``a and not (b or c)``: every rule once, in any shape."""
    if len(rules) == 1:
        return draw(st.sampled_from(["", "", "not "])) + rules[0]
    cut = draw(st.integers(1, len(rules) - 1))
    joined = draw(st.sampled_from([" and ", " or ", " and not "])).join(
        f"({part})" if " " in part else part
        for part in (draw(expressions(rules[:cut])), draw(expressions(rules[cut:])))
    )
    return draw(st.sampled_from(["{}", "{}", "{}", "not ({})"])).format(joined)


@st.composite
def filters(draw: st.DrawFn, named: str) -> Document:
    """A Sigma filter over one rule, or over all base rules of a correlation."""
    condition = draw(st.sampled_from(["not one", "one", "not 1 of them", "not (one and two)"]))
    body = {"rules": [named], "one": draw(plain), "two": draw(plain), "condition": condition}
    return {"title": "filter", "logsource": {"category": "test"}, "filter": body}


@st.composite
def rule_sets(draw: st.DrawFn) -> list[Document]:
    """One to three base rules, and up to three correlations, each over any rules before it; at times a filter."""
    documents = [draw(base_rules(f"base_{number}")) for number in range(draw(st.sampled_from([2, 3, 1])))]
    for number in range(draw(st.sampled_from([2, 3, 1]))):
        documents.append(draw(correlations(f"top_{number}", tuple(document["name"] for document in documents))))
    if draw(st.integers(0, 9)) == 0:
        documents.append(draw(filters(draw(st.sampled_from([document["name"] for document in documents])))))
    return documents


single_rules = base_rules("base", odd=True).map(lambda rule: [rule])
"""Rule sets of one rule without correlation: many more predicates an example."""
