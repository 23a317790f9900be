from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest
from sigma.rule import SigmaRule
from sigma_inputs import FAILURE, SUCCESS, keys, load_text

from tollwatch.sigma.load import load
from tollwatch.sigma.model import (
    AllOf,
    AnyOf,
    CorrelationRule,
    CorrelationType,
    EventRule,
    Extras,
    Header,
    LogSource,
    NoneOf,
    Op,
    Present,
    Rule,
    Threshold,
    Timespan,
)

ID = "5638f7c0-ac70-491d-8465-2a65075e0d86"

FULL = f"""\
# a comment before the first document
title: Many failures from one address
id: {ID.upper()}
name: many
status: Test
level: HIGH
description: |
  Two lines
  of text
author: Somebody
date: 2026/3/1
modified: 2026-03-02 10:00:00
references: [https://example.org/a]
tags: [attack.credential-access, attack.t1110.004]
falsepositives: [A load balancer]
tollwatch:
  response: docs/response.md
  schedule: {{interval: 5m, lookback: 90}}
  entities: {{source_ip: address}}
correlation:
  type: value_count
  rules: failure
  group-by: source_ip
  timespan: 10m
  condition: {{gt: 5.25, lte: 12.75, field: [user_id, model_id]}}
  generate: true
"""


def header(key: str, title: str, path: Path, line: int = 1) -> Header:
    return Header(key=key, title=title, path=str(path), line=line, column=1, name=key)


def event(key: str, title: str, path: Path, code: int, line: int = 1) -> EventRule:
    """The rule of FAILURE or SUCCESS."""
    rule = {
        "title": title,
        "name": key,
        "logsource": {"category": "ai_api", "service": "gateway"},
        "detection": {"selection": {"response_code": code}, "condition": "selection"},
    }
    logsource = LogSource(category="ai_api", service="gateway")
    return EventRule(header(key, title, path, line), logsource, SigmaRule.from_dict(rule))


def correlation(folder: Path, text: str) -> Rule:
    """The correlation ``c`` of this section over the rules failure and success."""
    body = "".join(f"  {line}\n" for line in text.splitlines())
    found = load_text(folder, f"title: C\nname: c\ncorrelation:\n{body}---\n{FAILURE}---\n{SUCCESS}")
    assert found.diagnostics == ()
    rule = found.get("c")
    assert rule is not None
    return rule


def test_everything_that_a_correlation_can_say(tmp_path: Path) -> None:
    found = load_text(tmp_path, FULL, FAILURE)
    expected = CorrelationRule(
        header=Header(
            key="many",
            title="Many failures from one address",
            path=str(tmp_path / "a.yml"),
            line=2,
            column=1,
            name="many",
            id=ID,
            level="high",
            status="test",
            description="Two lines\nof text\n",
            author="Somebody",
            date="2026-03-01",
            references=("https://example.org/a",),
            tags=("attack.credential-access", "attack.t1110.004"),
            falsepositives=("A load balancer",),
            extras=Extras("docs/response.md", (("interval", "5m"), ("lookback", "90")), (("source_ip", "address"),)),
        ),
        type=CorrelationType.VALUE_COUNT,
        rules=("failure",),
        timespan=Timespan("10m", 600_000_000),
        condition=Threshold(((Op.GT, Decimal("5.25")), (Op.LTE, Decimal("12.75")))),
        group_by=("source_ip",),
        value_fields=("user_id", "model_id"),
        generate=True,
    )
    assert found.diagnostics == ()
    assert found.rules == (expected, event("failure", "A failed request", tmp_path / "b.yml", 401))


def test_references_by_id_and_aliases(tmp_path: Path) -> None:
    text = f"""\
title: C
correlation:
  type: temporal
  rules: [{ID.upper()}, success]
  timespan: 2d
  group-by: [who]
  aliases:
    who: {{{ID}: user_id, success: source_ip}}
"""
    found = load_text(tmp_path, text, f"id: {ID}\n{FAILURE}", SUCCESS)
    assert found.diagnostics == ()
    assert found.rules[0] == CorrelationRule(
        header=Header(key="a", title="C", path=str(tmp_path / "a.yml"), line=1, column=1),
        type=CorrelationType.TEMPORAL,
        rules=("failure", "success"),
        timespan=Timespan("2d", 172_800_000_000),
        condition=Threshold(((Op.GTE, Decimal(2)),)),
        group_by=("who",),
        aliases=(("who", (("failure", "user_id"), ("success", "source_ip"))),),
    )
    assert found.get(ID) is found.get("failure") is found.rules[1]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{gte: 10}", ((Op.GTE, Decimal(10)),)),
        ("{gte: '10'}", ((Op.GTE, Decimal(10)),)),
        ("{gt: 1_000.50}", ((Op.GT, Decimal("1000.50")),)),
        (
            "{gt: 0.1, neq: 0.30000000000000000001}",
            ((Op.GT, Decimal("0.1")), (Op.NEQ, Decimal("0.30000000000000000001"))),
        ),
        ("{gt: 9007199254740993}", ((Op.GT, Decimal(9007199254740993)),)),
        ("{lt: 5}", ((Op.LT, Decimal(5)),)),
        ("{eq: 3}", ((Op.EQ, Decimal(3)),)),
        ("{gte: 3, gt: 2}", ((Op.GTE, Decimal(3)), (Op.GT, Decimal(2)))),
    ],
)
def test_thresholds_keep_their_digits(tmp_path: Path, condition: str, expected: tuple[tuple[Op, Decimal], ...]) -> None:
    rule = correlation(tmp_path, f"type: event_count\nrules: [failure]\ntimespan: 1h\ncondition: {condition}")
    assert isinstance(rule, CorrelationRule)
    assert rule.condition == Threshold(expected)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1s", 10**6),
        ("90m", 5_400 * 10**6),
        ("24h", 86_400 * 10**6),
        ("2w", 1_209_600 * 10**6),
        ("1M", 2_629_746 * 10**6),
    ],
)
def test_timespans(tmp_path: Path, text: str, microseconds: int) -> None:
    rule = correlation(tmp_path, f"type: event_count\nrules: [failure]\ntimespan: {text}\ncondition: {{gte: 2}}")
    assert isinstance(rule, CorrelationRule)
    assert rule.timespan == Timespan(text, microseconds)


@pytest.mark.parametrize(
    ("section", "rules", "condition"),
    [
        ("rules: [failure, success]", ("failure", "success"), Threshold(((Op.GTE, Decimal(2)),))),
        ("rules: failure", ("failure",), Threshold(((Op.GTE, Decimal(1)),))),
        ("rules: [failure, success]\ncondition: {gte: 1}", ("failure", "success"), Threshold(((Op.GTE, Decimal(1)),))),
        (
            "condition: success and not failure",
            ("success", "failure"),
            AllOf((Present(0), NoneOf(Present(1)))),
        ),
        (
            "rules: [failure, success]\ncondition: success or (failure and success)",
            ("failure", "success"),
            AnyOf((Present(1), AllOf((Present(0), Present(1))))),
        ),
    ],
)
def test_temporal_conditions(tmp_path: Path, section: str, rules: tuple[str, ...], condition: object) -> None:
    rule = correlation(tmp_path, f"type: temporal\ntimespan: 1h\n{section}")
    assert isinstance(rule, CorrelationRule)
    assert (rule.rules, rule.condition) == (rules, condition)


@pytest.mark.parametrize("condition", ["", "condition: {gte: 3}\n", "condition: {eq: 3}\n"])
def test_an_ordered_type_may_name_a_rule_twice(tmp_path: Path, condition: str) -> None:
    text = f"type: temporal_ordered\nrules: [failure, success, failure]\ntimespan: 1h\n{condition}"
    rule = correlation(tmp_path, text)
    assert isinstance(rule, CorrelationRule)
    assert rule.rules == ("failure", "success", "failure")


def test_a_parent_groups_by_what_its_child_groups_by(tmp_path: Path) -> None:
    child = "title: D\nname: d\ncorrelation:\n  type: temporal\n  rules: [failure]\n  timespan: 1h\n  group-by: who\n"
    alias = "  aliases: {who: {failure: user_id}}\n"
    parent = child.replace("D\nname: d", "E\nname: e").replace("[failure]", "[d]")
    found = load_text(tmp_path, parent, child + alias, FAILURE)
    assert found.diagnostics == ()
    assert keys(found) == ["e", "d", "failure"]


def test_several_conditions_and_selections_that_look_like_negations(tmp_path: Path) -> None:
    text = """\
title: X
logsource: {product: p}
detection:
  notes: {a: 1}
  not_admin: [x, y]
  sel: {b|utf16le|base64offset|contains: cmd}
  condition:
    - notes and not not_admin
    - 1 of not*
"""
    found = load_text(tmp_path, text)
    assert found.diagnostics == ()
    (rule,) = found.rules
    assert isinstance(rule, EventRule)
    assert rule.sigma.detection.condition == ["(s_notes and (not s_not_admin))", "(s_notes or s_not_admin)"]
    assert list(rule.sigma.detection.detections) == ["s_notes", "s_not_admin", "sel"]
    for condition in rule.sigma.detection.parsed_condition:
        assert condition.parsed is not None


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("user|expand: '%admins%'", {"user": ["root", "ops"]}),
        ("user|expand|contains: ['x\\%%admins%y', z]", {"user|contains": ["x%rooty", "x%opsy", "z"]}),
        ("user|expand|all: ['%one%', '%one%-%one%']", {"user|all": ["1", "1-1"]}),
        ("ip|expand|cidr: '%nets%'", {"ip|cidr": ["10.0.0.0/8", "192.168.0.0/16"]}),
        ("{user|expand: '%one%', user: x}", {"user|expand": "1", "user": "x"}),
        ("code: 401", {"code": 401}),
        ("at: 10:00:00", {"at": "10:00:00"}),
        ("day: 2026-03-01", {"day": "2026-03-01"}),
        ("id: 9007199254740993", {"id": "9007199254740993"}),
        ("size: 0x1F", {"size": 31}),
        ("part: 12.5", {"part": 12.5}),
        ("flag: yes", {"flag": True}),
        ("on: x", {"on": "x"}),
        ("empty: null", {"empty": None}),
        ("a: &x [1, 2]\n    b: *x", {"a": [1, 2], "b": [1, 2]}),
    ],
)
def test_values_as_pysigma_is_given_them(tmp_path: Path, item: str, expected: dict[str, object]) -> None:
    file = tmp_path / "rule.yml"
    file.write_text(f"title: X\nlogsource: {{product: p}}\ndetection:\n  s:\n    {item}\n  condition: s\n", "utf-8")
    values = {"admins": ("root", "ops"), "one": ("1",), "nets": ("10.0.0.0/8", "192.168.0.0/16")}
    (rule,) = load([file], placeholders=values).rules
    assert isinstance(rule, EventRule)
    wanted = {"title": "X", "logsource": {"product": "p"}, "detection": {"s": expected, "condition": ["s"]}}
    assert rule.sigma == SigmaRule.from_dict(wanted)


def test_keys_of_rules_without_names(tmp_path: Path) -> None:
    bare = "title: X\nlogsource: {product: p}\ndetection: {s: {a: b}, condition: s}\n"
    (tmp_path / "deep").mkdir()
    texts = {
        "a.yml": f"{bare}---\n{bare}---\n{bare}name: a#2\n",
        "b.yml": f"{bare}id: {ID}\n",
        "deep/a.yml": bare,
        "c.yml": f"{bare}name: c\n---\n{bare}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    found = load([tmp_path])
    assert found.diagnostics == ()
    assert keys(found) == ["a", "a#3", "a#2", ID, "c", "c#2", "a#4"]


def test_the_order_of_paths_means_nothing(tmp_path: Path) -> None:
    load_text(tmp_path, FULL, FAILURE + "level: hgih\n", SUCCESS)
    paths = [tmp_path / "a.yml", tmp_path / "b.yml", tmp_path / "c.yml"]
    found = [load(order) for order in permutations(paths)]
    assert all(one == found[0] for one in found)
    assert [d.code for d in found[0].diagnostics] == ["SIG060", "SIG011"]
    assert load([tmp_path]) == load([tmp_path, *paths, tmp_path]) == found[0]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    assert load_text(tmp_path, FULL, FAILURE, SUCCESS) == load_text(tmp_path, FULL, FAILURE, SUCCESS)


def test_rules_of_other_log_sources_may_name_any_field(tmp_path: Path) -> None:
    rule = FAILURE.replace("category: ai_api", "category: process_creation").replace("response_code", "Image")
    group = (
        "title: C\ncorrelation: {type: event_count, rules: failure, timespan: 1h, group-by: X, condition: {gte: 2}}\n"
    )
    found = load_text(tmp_path, rule, group)
    assert found.diagnostics == ()
    assert keys(found) == ["failure", "b"]
