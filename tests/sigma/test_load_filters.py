from __future__ import annotations

from pathlib import Path

import pytest
from sigma.rule import SigmaRule
from sigma_inputs import FAILURE, SUCCESS, keys, load_text, short

from tollwatch.sigma.model import EventRule, RuleSet

COUNT = "title: C\nname: count\ncorrelation: {type: event_count, rules: failure, timespan: 1h, condition: {gte: 2}}\n"
CHAIN = "title: D\nname: chain\ncorrelation: {type: temporal, rules: [count, success], timespan: 1h}\n"
RULES = f"{FAILURE}---\n{SUCCESS}---\n{COUNT}---\n{CHAIN}"


def filter_of(rules: str, detection: str = "{sel: {user_id: monitor}, condition: not sel}", name: str = "f") -> str:
    body = detection.removeprefix("{")
    return f"title: F\nname: {name}\nlogsource: {{category: ai_api}}\nfilter: {{rules: {rules}, {body}\n"


def applied(found: RuleSet) -> dict[str, tuple[str, ...]]:
    return {rule.header.key: rule.filters for rule in found if isinstance(rule, EventRule)}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("failure", {"failure": ("f",), "success": ()}),
        ("[success]", {"failure": (), "success": ("f",)}),
        ("any", {"failure": ("f",), "success": ("f",)}),
        ("count", {"failure": ("f",), "success": ()}),
        ("chain", {"failure": ("f",), "success": ("f",)}),
        ("[failure, chain]", {"failure": ("f",), "success": ("f",)}),
    ],
)
def test_a_filter_applies_to_the_base_rules_of_what_it_names(
    tmp_path: Path, rules: str, expected: dict[str, tuple[str, ...]]
) -> None:
    found = load_text(tmp_path, filter_of(rules), RULES)
    assert found.diagnostics == ()
    assert applied(found) == expected
    assert keys(found) == ["failure", "success", "count", "chain"]


def detection(found: RuleSet, key: str) -> object:
    rule = found.get(key)
    assert isinstance(rule, EventRule)
    return rule.sigma.detection.to_dict()


def test_filters_of_a_rule_stand_in_file_order_under_names_that_never_change(tmp_path: Path) -> None:
    first = filter_of("any", "{sel: {user_id: a}, _x: {user_id: b}, condition: not 1 of them}", "g")
    found = load_text(tmp_path, first, RULES, filter_of("failure"))
    assert found.diagnostics == ()
    assert applied(found) == {"failure": ("g", "f"), "success": ("g",)}
    assert detection(found, "failure") == {
        "selection": {"response_code": 401},
        "_filter_1_sel": {"user_id": "a"},
        "_filter_1__x": {"user_id": "b"},
        "_filter_2_sel": {"user_id": "monitor"},
        "condition": "(selection) and ((not (_filter_1_sel))) and ((not _filter_2_sel))",
    }


def test_patterns_of_rule_and_filter_do_not_see_each_other(tmp_path: Path) -> None:
    rule = """\
title: R
name: r
logsource: {category: ai_api}
detection:
  sel_a: {user_id: a}
  _filter_1_sel_x: {user_id: b}
  notes: {user_id: n}
  condition: [all of them, 1 of _* or not 1 of sel*]
"""
    both = "{sel_x: {user_id: c}, sel_y: {user_id: d}, condition: not (1 of sel_* and all of them)}"
    found = load_text(tmp_path, rule, filter_of("r", both))
    assert found.diagnostics == ()
    assert detection(found, "r") == {
        "sel_a": {"user_id": "a"},
        "_filter_1_sel_x": {"user_id": "b"},
        "s_notes": {"user_id": "n"},
        "_filter_1_sel_x_": {"user_id": "c"},
        "_filter_1_sel_y": {"user_id": "d"},
        "condition": "((sel_a and s_notes) or ((_filter_1_sel_x) or (not (sel_a))))"
        " and ((not ((_filter_1_sel_x_ or _filter_1_sel_y) and (_filter_1_sel_x_ and _filter_1_sel_y))))",
    }
    rule_of = found.get("r")
    assert isinstance(rule_of, EventRule)
    assert rule_of.sigma.detection.parsed_condition[0].parsed is not None


def test_the_rule_without_filter_is_as_pysigma_reads_it(tmp_path: Path) -> None:
    found = load_text(tmp_path, FAILURE)
    rule = found.get("failure")
    assert isinstance(rule, EventRule)
    assert rule.sigma == SigmaRule.from_yaml(FAILURE)


MISTAKES: dict[str, tuple[str, list[tuple[str, int, int, str, str | None]]]] = {
    "another log source": (
        filter_of("[failure, success]").replace("{category: ai_api}", "{product: windows}"),
        [
            (
                "SIG050",
                4,
                column,
                (
                    f"the filter does not apply to '{name}': its log source (product: windows) is not that of"
                    f" '{name}' (category: ai_api, service: gateway)"
                ),
                "so the filter applies to nothing",
            )
            for column, name in ((18, "failure"), (27, "success"))
        ],
    ),
    "a log source of no rule": (
        filter_of("any").replace("{category: ai_api}", "{category: ai_api, service: control_plane}"),
        [
            (
                "SIG050",
                3,
                1,
                (
                    "the filter applies to nothing: no rule is of its log source"
                    " (category: ai_api, service: control_plane)"
                ),
                None,
            )
        ],
    ),
    "no such rule, and itself": (
        filter_of("[failed, f]"),
        [
            ("SIG040", 4, 18, "there is no rule 'failed'", "did you mean failure?"),
            ("SIG040", 4, 26, "'f' is a filter, not a rule", None),
        ],
    ),
    "no rules": (
        filter_of("[]"),
        [("SIG048", 4, 10, "`rules` is empty", "name rules, or write `rules: any`")],
    ),
    "rules that are no names": (
        filter_of("[5]"),
        [("SIG048", 4, 18, "a rule is referred to by its name or id", None)],
    ),
    "several conditions": (
        filter_of("any", "{sel: {user_id: a}, condition: [sel]}"),
        [("SIG030", 4, 52, "a filter has one condition", None)],
    ),
    "mistakes in selections": (
        filter_of("any", "{sel: {user: a, user_id|cidr: x}, condition: sell}"),
        [
            ("SIG022", 4, 28, "unknown field 'user'", "did you mean user_id?"),
            (
                "SIG021",
                4,
                51,
                "`cidr`: Invalid CIDR expression: 'x' does not appear to be an IPv4 or IPv6 network",
                None,
            ),
            ("SIG031", 4, 66, "the condition names the selection 'sell', which does not exist", "did you mean sel?"),
        ],
    ),
    "no mapping": (
        "title: F\nlogsource: {category: ai_api}\nfilter: x\n",
        [("SIG011", 3, 1, "`filter` must be a mapping", None)],
    ),
    "nothing": (
        "title: F\nlogsource: {category: ai_api}\nfilter: {}\n",
        [
            ("SIG010", 3, 1, "the filter has no `condition`", None),
            ("SIG010", 3, 1, "the filter has no `rules`", None),
            ("SIG023", 3, 1, "the filter has no selection", None),
        ],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_filter(tmp_path: Path, case: str) -> None:
    text, expected = MISTAKES[case]
    found = load_text(tmp_path, text, RULES)
    assert short(found) == expected
    assert applied(found) == {"failure": (), "success": ()}


def test_a_filter_that_misses_one_of_its_rules_is_warned_of(tmp_path: Path) -> None:
    other = SUCCESS.replace("category: ai_api, service: gateway", "product: windows")
    found = load_text(tmp_path, filter_of("[failure, success]"), FAILURE, other)
    assert [(d.severity.value, d.code, d.line, d.column) for d in found.diagnostics] == [("warning", "SIG050", 4, 27)]
    assert applied(found) == {"failure": ("f",), "success": ()}


def test_a_filter_of_a_rule_with_errors_is_not_told_to_apply_to_nothing(tmp_path: Path) -> None:
    found = load_text(tmp_path, filter_of("failure"), FAILURE.replace("401", "[]"))
    assert [mistake[0] for mistake in short(found)] == ["SIG021"]


def test_a_correlation_cannot_refer_to_a_filter(tmp_path: Path) -> None:
    found = load_text(tmp_path, filter_of("failure"), FAILURE, COUNT.replace("rules: failure", "rules: f"))
    assert short(found) == [("SIG040", 3, 41, "'f' is a filter, not a rule", None)]
