"""Each check, with rules in which it finds something and rules in which it finds nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tollwatch.diagnostics import Diagnostic
from tollwatch.lint import lint
from tollwatch.lint.registry import CHECKS
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

# What every rule below has, unless the case is about it. The case's own part follows.
HEAD = """\
title: {title}
id: {id}
name: {name}
status: test
level: low
description: d
falsepositives: [Unknown]
tags: [attack.impact, attack.t1496]
"""
LINES = HEAD.count("\n")
"""The case's own part begins on the line after these."""


def head(number: int, name: str = "") -> str:
    return HEAD.format(
        title=f"Title {number}", id=f"00000000-0000-4000-8000-{number:012}", name=name or f"rule_{number}"
    )


def document(number: int, body: str, name: str = "") -> str:
    return head(number, name) + body


GATEWAY = "logsource: {category: test}\n"
BASE = GATEWAY + "detection:\n  selection: {code: 401}\n  condition: selection\n"


def correlation(text: str) -> str:
    return "correlation:\n" + "".join(f"  {line}\n" for line in text.splitlines())


def found(folder: Path, *documents: str, disable: tuple[str, ...] = ()) -> tuple[Diagnostic, ...]:
    (folder / "rules.yml").write_text("---\n".join(documents), encoding="utf-8")
    rules = load([folder])
    assert rules.diagnostics == ()
    plan, mistakes = lower(rules)
    assert mistakes == ()
    return lint(rules, plan, disable=disable)


def shown(diagnostics: tuple[Diagnostic, ...]) -> list[tuple[str, str, int, int, str]]:
    return [(one.code, str(one.severity), one.line, one.column, one.message) for one in diagnostics]


def without(key: str, text: str) -> str:
    return re.sub(rf"^{key}:.*\n", "", text, flags=re.MULTILINE)


def test_nothing_is_found_in_sound_rules(tmp_path: Path) -> None:
    counted = correlation("type: event_count\nrules: [rule_1]\ngroup-by: [user]\ntimespan: 10m\ncondition: {gte: 2}")
    assert found(tmp_path, document(1, BASE), document(2, counted)) == ()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["level"], "rule_1 alerts, but has no level"),
        (["id", "status", "description"], "rule_1 alerts, but has no id, status and no description"),
    ],
)
def test_lnt001_metadata(tmp_path: Path, missing: list[str], message: str) -> None:
    text = document(1, BASE)
    for key in missing:
        text = without(key, text)
    assert shown(found(tmp_path, text)) == [("LNT001", "warning", 1, 1, message)]


def test_lnt001_asks_nothing_of_rules_that_do_not_alert(tmp_path: Path) -> None:
    base = f"title: Base\nname: rule_1\n{BASE}"
    counted = correlation("type: event_count\nrules: [rule_1]\ngroup-by: [user]\ntimespan: 10m\ncondition: {gte: 2}")
    assert found(tmp_path, base, document(2, counted)) == ()


@pytest.mark.parametrize(
    ("line", "place"), [("", (1, 1)), ("falsepositives: []\n", (1, 1)), ("falsepositives: [None, ' ']\n", (7, 1))]
)
def test_lnt002_falsepositives(tmp_path: Path, line: str, place: tuple[int, int]) -> None:
    text = document(1, BASE).replace("falsepositives: [Unknown]\n", line)
    assert shown(found(tmp_path, text)) == [("LNT002", "warning", *place, "rule_1 says nothing of its false positives")]


@pytest.mark.parametrize(
    ("tags", "place"),
    [("", (1, 1)), ("tags: [cve.2021-44228]\n", (8, 1))],
)
def test_lnt003_techniques(tmp_path: Path, tags: str, place: tuple[int, int]) -> None:
    text = document(1, BASE).replace("tags: [attack.impact, attack.t1496]\n", tags)
    assert shown(found(tmp_path, text)) == [("LNT003", "warning", *place, "rule_1 has no tag of ATT&CK or ATLAS")]


@pytest.mark.parametrize("tag", ["attack.impact", "attack.t1059", "atlas.aml.t0034"])
def test_lnt003_any_of_the_three_will_do(tmp_path: Path, tag: str) -> None:
    assert found(tmp_path, document(1, BASE).replace("attack.impact, attack.t1496", tag)) == ()


OURS = "logsource: {category: ai_api, service: gateway}\ndetection:\n  s: {response_code: 401}\n  condition: s\n"


@pytest.mark.parametrize(
    ("level", "body", "messages"),
    [
        ("medium", OURS, ["rule_1 is of level medium and has no response note"]),
        ("critical", OURS, ["rule_1 is of level critical and has no response note"]),
        ("low", OURS, []),
        ("high", BASE, []),  # another category
        ("high", OURS + "tollwatch:\n  response: Ask first.\n", []),
    ],
)
def test_lnt004_response(tmp_path: Path, level: str, body: str, messages: list[str]) -> None:
    text = document(1, body).replace("level: low", f"level: {level}")
    assert shown(found(tmp_path, text)) == [("LNT004", "warning", 1, 1, message) for message in messages]


@pytest.mark.parametrize(
    "field",
    ["prompt", "Prompt_Text", "messages", "properties.completion", "response_text", "inputText", "chat_history"],
)
def test_lnt005_content_in_a_selection(tmp_path: Path, field: str) -> None:
    text = document(1, BASE.replace("code: 401", f"{field}: x"))
    message = f"rule_1 reads {field}, which holds what was said"
    assert shown(found(tmp_path, text)) == [("LNT005", "error", 1, 1, message)]


def test_lnt005_content_in_a_correlation(tmp_path: Path) -> None:
    counted = "type: value_count\nrules: [rule_1]\ngroup-by: [user]\ntimespan: 10m\ncondition: {field: prompt, gte: 2}"
    line = document(1, BASE).count("\n") + 2
    assert shown(found(tmp_path, document(1, BASE), document(2, correlation(counted)))) == [
        ("LNT005", "error", line, 1, "rule_2 reads prompt, which holds what was said")
    ]


@pytest.mark.parametrize(
    "field",
    ["prompt_tokens", "prompt_length", "prompt_hash", "completion_tokens", "Message", "CommandLine", "response_code"],
)
def test_lnt005_what_is_derived_from_content_is_fine(tmp_path: Path, field: str) -> None:
    assert found(tmp_path, document(1, BASE.replace("code: 401", f"{field}: x"))) == ()


@pytest.mark.parametrize(
    ("pattern", "messages"),
    [
        ("a(?=b)", ["rule_1: the regular expression a(?=b) is not RE2"]),
        (r"(a)\1", [r"rule_1: the regular expression (a)\1 is not RE2"]),
        ("(?=" + "a" * 70 + ")", ["rule_1: the regular expression (?=" + "a" * 56 + "… is not RE2"]),
        ("^a+b?$", []),
    ],
)
def test_lnt006_regex(tmp_path: Path, pattern: str, messages: list[str]) -> None:
    text = document(1, BASE.replace("code: 401", f"code|re: '{pattern}'"))
    assert shown(found(tmp_path, text)) == [("LNT006", "warning", LINES + 2, 1, message) for message in messages]


def counting(body: str) -> tuple[str, str, int]:
    """A base rule, a correlation over it, and the line on which ``correlation:`` stands."""
    base = document(1, BASE)
    return base, document(2, correlation(body)), base.count("\n") + 1 + LINES + 1


def test_lnt007_ungrouped(tmp_path: Path) -> None:
    base, counted, line = counting("type: event_count\nrules: [rule_1]\ntimespan: 10m\ncondition: {gte: 2}")
    message = "rule_2 counts over everyone together"
    assert shown(found(tmp_path, base, counted)) == [("LNT007", "info", line, 1, message)]


@pytest.mark.parametrize(
    ("kind", "condition", "shown_as"),
    [
        ("event_count", "{gte: 1}", "gte 1"),
        ("event_count", "{gte: 0}", "gte 0"),
        ("event_count", "{gt: 0}", "gt 0"),
        ("value_count", "{field: f, gte: 0}", "gte 0"),
        ("temporal", "{gte: 1}", "gte 1"),
    ],
)
def test_lnt008_always_holds(tmp_path: Path, kind: str, condition: str, shown_as: str) -> None:
    base, counted, line = counting(
        f"type: {kind}\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 10m\ncondition: {condition}"
    )
    message = f"rule_2: the condition {shown_as} holds at every hit"
    assert shown(found(tmp_path, base, counted)) == [("LNT008", "warning", line + 5, 3, message)]


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("event_count", "{gte: 2}"),
        ("event_count", "{lt: 2}"),
        ("event_count", "{eq: 1}"),
        ("event_count", "{neq: 0}"),
        ("event_count", "{gte: 5, lte: 5}"),
        ("event_count", "{gte: 1, lt: 5}"),
        ("value_count", "{field: f, gte: 1}"),
        ("value_sum", "{field: f, gte: 0}"),  # a sum of nulls meets no condition
        ("value_avg", "{field: f, eq: 2.5}"),
    ],
)
def test_lnt008_lets_other_conditions_be(tmp_path: Path, kind: str, condition: str) -> None:
    base, counted, _ = counting(f"type: {kind}\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 10m\ncondition: {condition}")
    assert found(tmp_path, base, counted) == ()


def test_lnt009_a_lookback_of_more_than_a_month(tmp_path: Path) -> None:
    inner = document(
        2, correlation("type: event_count\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 20d\ncondition: {gte: 2}")
    )
    outer = document(
        3, correlation("type: event_count\nrules: [rule_2]\ngroup-by: [u]\ntimespan: 11d\ncondition: {gte: 2}")
    )
    base = document(1, BASE)
    line = base.count("\n") + 1 + inner.count("\n") + 1 + LINES + 5
    assert shown(found(tmp_path, base, inner, outer)) == [
        ("LNT009", "warning", line, 3, "rule_3 needs 31 days of log at every run")
    ]
    assert found(tmp_path, base, inner, outer.replace("11d", "10d")) == ()


def test_lnt009_less_than_one_calendar_window(tmp_path: Path) -> None:
    inner = document(
        2, correlation("type: event_count\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 1h\ncondition: {lt: 5}")
    )
    outer = document(
        3, correlation("type: event_count\nrules: [rule_2]\ngroup-by: [u]\ntimespan: 59m\ncondition: {gte: 2}")
    )
    base = document(1, BASE)
    line = base.count("\n") + 1 + inner.count("\n") + 1 + LINES + 5
    assert shown(found(tmp_path, base, inner, outer)) == [
        ("LNT009", "warning", line, 3, "rule_3 looks over less than one window of rule_2")
    ]
    assert found(tmp_path, base, inner, outer.replace("59m", "1h")) == ()


def test_lnt010_unused(tmp_path: Path) -> None:
    base, counted, _ = counting("type: event_count\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 10m\ncondition: {gte: 2}")
    stray = document(3, BASE.replace("401", "403"))
    line = base.count("\n") + 1 + counted.count("\n") + 2
    message = "rule_3 alerts for each event: no correlation beside it refers to it"
    assert shown(found(tmp_path, base, counted, stray)) == [("LNT010", "warning", line, 1, message)]


def test_lnt010_a_rule_that_is_generated_is_used(tmp_path: Path) -> None:
    base, counted, _ = counting(
        "type: event_count\nrules: [rule_1]\ngroup-by: [u]\ntimespan: 10m\ncondition: {gte: 2}\ngenerate: true"
    )
    assert found(tmp_path, base, counted) == ()


def test_lnt011_names(tmp_path: Path) -> None:
    counted = correlation("type: event_count\nrules: [failed]\ngroup-by: [u]\ntimespan: 10m\ncondition: {gte: 2}")
    assert shown(found(tmp_path, document(1, BASE, "failed"), document(2, counted, "alerting"))) == [
        ("LNT011", "info", 3, 1, "the name failed is likely to be wanted by another file")
    ]


def test_lnt012_titles(tmp_path: Path) -> None:
    second = document(2, BASE).replace("Title 2", "TITLE  1")
    line = document(1, BASE).count("\n") + 2
    assert shown(found(tmp_path, document(1, BASE), second)) == [
        ("LNT012", "warning", line, 1, "rule_2 has the title of rule_1: TITLE  1")
    ]


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("'*'", ["rule_1: code may be any text"]),
        ("'**'", ["rule_1: code may be any text"]),
        ("'?*'", []),
        (r"'\*'", []),
    ],
)
def test_lnt013_wildcards(tmp_path: Path, value: str, messages: list[str]) -> None:
    text = document(1, BASE.replace("401", value))
    assert shown(found(tmp_path, text)) == [("LNT013", "warning", LINES + 2, 1, message) for message in messages]


@pytest.mark.parametrize(
    ("condition", "messages"),
    [
        ("not a", ["rule_1 matches every event that is not excluded"]),
        ("not a and not b", ["rule_1 matches every event that is not excluded"]),
        ("b or not a", ["rule_1 matches every event that is not excluded"]),
        ("b and not a", []),
        ("not (not b)", []),
        ("gone", []),
    ],
)
def test_lnt014_everything(tmp_path: Path, condition: str, messages: list[str]) -> None:
    detection = "detection:\n  a: {x: 1}\n  b: {y: 1}\n  gone: {z: null}\n"
    text = document(1, f"{GATEWAY}{detection}  condition: {condition}\n")
    assert shown(found(tmp_path, text)) == [("LNT014", "warning", LINES + 6, 3, message) for message in messages]


def test_att001_unknown_tags(tmp_path: Path) -> None:
    text = document(1, BASE).replace("[attack.impact, attack.t1496]", "[attack.impact, attack.t1496, atlas.aml.t0035]")
    diagnostics = found(tmp_path, text)
    message = "the tag atlas.aml.t0035 names no ATLAS technique that is known here"
    assert shown(diagnostics) == [("ATT001", "error", 8, 37, message)]
    assert diagnostics[0].hint is not None
    assert diagnostics[0].hint.startswith("did you mean atlas.aml.t0")
    assert diagnostics[0].source_line == "tags: [attack.impact, attack.t1496, atlas.aml.t0035]"


def test_att002_tactics(tmp_path: Path) -> None:
    text = document(1, BASE).replace("[attack.impact, attack.t1496]", "[attack.discovery, attack.t1496]")
    assert shown(found(tmp_path, text)) == [
        ("ATT002", "warning", 8, 26, "T1496 (Resource Hijacking) is tagged with another tactic")
    ]


def test_att003_renamed(tmp_path: Path) -> None:
    text = document(1, BASE).replace("[attack.impact, attack.t1496]", "[attack.defense-impairment, attack.t1562.008]")
    assert shown(found(tmp_path, text)) == [("ATT003", "warning", 8, 35, "ATT&CK v19 has withdrawn T1562.008")]


def test_a_disabled_check_is_not_run(tmp_path: Path) -> None:
    text = without("level", document(1, BASE.replace("401", "'*'")))
    assert [one.code for one in found(tmp_path, text)] == ["LNT001", "LNT013"]
    assert [one.code for one in found(tmp_path, text, disable=("LNT001",))] == ["LNT013"]


def test_rules_whose_file_is_gone_are_told_of_at_their_start(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(document(1, BASE.replace("401", "'*'")), encoding="utf-8")
    rules = load([file])
    plan, _ = lower(rules)
    file.unlink()
    diagnostics = lint(rules, plan)
    assert shown(diagnostics) == [("LNT013", "warning", 1, 1, "rule_1: code may be any text")]
    assert diagnostics[0].source_line is None


def test_every_check_is_documented_and_has_a_code_of_its_own() -> None:
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes)
    for check in CHECKS:
        assert re.match(rf"{check.code}: .+\.$", (module_docstring(check.find.__module__))), check.code
        assert re.search(r"\nWhy: .*\nHow: ", re.sub(r"\n +", "\n", check.documentation), re.DOTALL), check.code


def module_docstring(name: str) -> str:
    import sys

    return sys.modules[name].__doc__ or ""
