from __future__ import annotations

from pathlib import Path

import pytest
from sigma_inputs import FAILURE, SUCCESS, keys, load_text, short

Mistake = tuple[str, int, int, str, str | None]

RULES = f"{FAILURE}---\n{SUCCESS}"  # in a file of its own
HEAD = "title: A correlation\nname: c\ncorrelation:\n"  # 3 lines
COUNT = "  type: event_count\n  rules: failure\n  timespan: 10m\n"  # lines 4 to 6
BOTH = "  type: temporal\n  rules: [failure, success]\n  timespan: 10m\n"  # the same
ORDERED = "  type: temporal_ordered\n  rules: [failure, success]\n  timespan: 10m\n"
NEVER = "several comparisons must all hold"
NEVER_ZERO = "several comparisons must all hold, and at least one event is always there"
ALIASES_HINT = "`a: {rule: field, …}`"
UNITS = "a whole number and a unit: s, m, h, d, w, M (month) or y, such as 10m"

CASES: dict[str, tuple[str, list[Mistake]]] = {
    "nothing": (
        "  {}\n",
        [
            ("SIG010", 3, 1, "the correlation has no `rules`", None),
            ("SIG010", 3, 1, "the correlation has no `timespan`", None),
            ("SIG010", 3, 1, "the correlation has no `type`", None),
        ],
    ),
    "unknown type": (
        "  type: event_cout\n  rules: failure\n  timespan: 10m\n  condition: {gte: 2}\n",
        [("SIG043", 4, 9, "'event_cout' is no type of correlation", "did you mean event_count or value_count?")],
    ),
    "unknown keys": (
        f"{COUNT}  groupby: user_id\n  condition: {{gte: 2, fields: user_id}}\n",
        [
            ("SIG013", 7, 3, "unknown key 'groupby' under `correlation`", "did you mean group-by?"),
            ("SIG013", 8, 23, "unknown key 'fields' under `condition`", "did you mean field?"),
        ],
    ),
    "no such rule": (
        "  type: event_count\n  rules:\n    - success\n    - failures\n  timespan: 10m\n  condition: {gte: 2}\n",
        [("SIG040", 7, 7, "there is no rule 'failures'", "did you mean failure?")],
    ),
    "rules that are no names": (
        "  type: event_count\n  rules: [failure, 5, failure]\n  timespan: 10m\n  condition: {gte: 2}\n",
        [
            ("SIG048", 5, 20, "a rule is referred to by its name or id", None),
            ("SIG048", 5, 23, "the rule 'failure' is listed twice", None),
        ],
    ),
    "no rules": (
        "  type: event_count\n  rules: []\n  timespan: 10m\n  condition: {gte: 2}\n",
        [("SIG048", 5, 3, "`rules` is empty", "name the rules to correlate")],
    ),
    "itself": (
        "  type: event_count\n  rules: c\n  timespan: 10m\n  condition: {gte: 2}\n",
        [
            (
                "SIG041",
                5,
                10,
                "the correlations refer to each other in a cycle: c → c",
                "a correlation cannot need its own result",
            )
        ],
    ),
    "no condition": (COUNT, [("SIG010", 3, 1, "the correlation has no `condition`", None)]),
    "a condition that compares nothing": (
        f"{COUNT}  condition: {{}}\n",
        [("SIG045", 7, 3, "the condition compares nothing", "one of lt, lte, gt, gte, eq, neq")],
    ),
    "a condition that is a number": (
        f"{COUNT}  condition: 5\n",
        [("SIG045", 7, 14, "`condition` must be a mapping of comparisons", "such as `gte: 10`")],
    ),
    "thresholds that are no numbers": (
        f"{COUNT}  condition: {{gte: true, gt: .nan, lt: .inf, lte: many, eq: [1], neq: }}\n",
        [
            ("SIG045", 7, 20, "true is no number", None),
            ("SIG045", 7, 30, "NaN is no number", None),
            ("SIG045", 7, 40, "Infinity is no number", None),
            ("SIG045", 7, 51, "'many' is no number", None),
            ("SIG045", 7, 61, "a list is no number", None),
            ("SIG045", 7, 71, "null is no number", None),
        ],
    ),
    "a number out of this world": (
        f"{COUNT}  condition: {{gte: 1.0e+999999999}}\n",
        [("SIG045", 7, 20, "1.0E+999999999 is no number", None)],
    ),
    "an aggregate without field": (
        "  type: value_sum\n  rules: failure\n  timespan: 10m\n  condition: {gte: 5, felid: tokens_used}\n",
        [
            ("SIG044", 7, 3, "`value_sum` needs a `field`", "did you mean felid?"),
            ("SIG013", 7, 23, "unknown key 'felid' under `condition`", "did you mean field?"),
        ],
    ),
    "a sum of two fields": (
        "  type: value_sum\n  rules: failure\n  timespan: 10m\n  condition: {gte: 5, field: [tokens_used, model_id]}\n",
        [("SIG044", 7, 30, "`value_sum` is of one field", None)],
    ),
    "a count of a field": (
        f"{COUNT}  condition: {{gte: 5, field: user_id, percentile: 5}}\n",
        [
            ("SIG044", 7, 23, "`field` has no meaning in `event_count`", None),
            (
                "SIG044",
                7,
                39,
                "`percentile` has no meaning in `event_count`",
                "the type is `value_percentile`",
            ),
        ],
    ),
    "a percentile without its number": (
        "  type: value_percentile\n  rules: failure\n  timespan: 10m\n  condition: {gte: 5, field: tokens_used}\n",
        [
            (
                "SIG044",
                7,
                3,
                "`value_percentile` needs a `percentile`",
                "add `percentile: 95`, or use `value_median` for 50",
            )
        ],
    ),
    "a percentile of more than all": (
        (
            "  type: value_percentile\n  rules: failure\n  timespan: 10m\n"
            "  condition: {gte: 5, field: tokens_used, percentile: 100.5}\n"
        ),
        [("SIG044", 7, 55, "100.5 is no percentile", "a number above 0, at most 100")],
    ),
    "timespan of none": (
        "  type: event_count\n  rules: failure\n  timespan: 0m\n  condition: {gte: 2}\n",
        [("SIG042", 6, 13, "a timespan must be longer than zero", UNITS)],
    ),
    "timespan without unit": (
        "  type: event_count\n  rules: failure\n  timespan: 600\n  condition: {gte: 2}\n",
        [("SIG042", 6, 13, "600 is no timespan", "a unit is missing: 600s, 600m, …")],
    ),
    "timespan in words": (
        "  type: event_count\n  rules: failure\n  timespan: 10 minutes\n  condition: {gte: 2}\n",
        [("SIG042", 6, 13, "'10 minutes' is no timespan", "did you mean 10m?")],
    ),
    "timespan of two units": (
        "  type: event_count\n  rules: failure\n  timespan: 1h30m\n  condition: {gte: 2}\n",
        [("SIG042", 6, 13, "'1h30m' is no timespan", f"write {UNITS}")],
    ),
    "timespan of a millennium": (
        "  type: event_count\n  rules: failure\n  timespan: 1000y\n  condition: {gte: 2}\n",
        [("SIG042", 6, 13, "a timespan can be at most 100y", UNITS)],
    ),
    "unknown fields": (
        (
            "  type: value_count\n  rules: failure\n  timespan: 10m\n  group-by:\n    - user_id\n    - source\n"
            "  condition: {gte: 2, field: model}\n"
        ),
        [
            ("SIG022", 9, 7, "unknown field 'source' in events of 'failure'", "did you mean source_ip?"),
            ("SIG022", 10, 30, "unknown field 'model' in events of 'failure'", "did you mean model_id?"),
        ],
    ),
    "unknown fields behind aliases": (
        f"{BOTH}  group-by: who\n  aliases:\n    who:\n      failure: user\n      succes: user_id\n",
        [
            (
                "SIG022",
                7,
                13,
                "the alias 'who' says nothing of 'success', whose events have no field of that name",
                "add `success: <field>` to the alias",
            ),
            ("SIG022", 10, 16, "unknown field 'user' in events of 'failure'", "did you mean user_id?"),
            ("SIG047", 11, 7, "the correlation does not refer to 'succes'", "did you mean success?"),
        ],
    ),
    "aliases of the wrong shape": (
        f"{BOTH}  group-by: a\n  aliases: {{a: user_id}}\n",
        [
            ("SIG047", 8, 16, "an alias must be a mapping of rules to fields", ALIASES_HINT),
        ],
    ),
    "group-by of the wrong shape": (
        f"{BOTH}  group-by: [user_id, {{a: b}}, user_id]\n  generate: maybe\n",
        [
            ("SIG011", 7, 23, "`group-by` must be a field or a list of fields", None),
            ("SIG011", 7, 31, "the field 'user_id' is listed twice", None),
            ("SIG011", 8, 13, "`generate` must be true or false", None),
        ],
    ),
    "an expression of a rule that is not listed": (
        f"{BOTH}  condition: failure and not sucess\n",
        [
            ("SIG046", 5, 20, "the rule 'success' does not occur in the condition", None),
            ("SIG046", 7, 30, "the condition names 'sucess', which is not in `rules`", "did you mean success?"),
        ],
    ),
    "an expression that does not parse": (
        f"{BOTH}  condition: failure and 1 of success\n",
        [("SIG030", 7, 28, "`of` is not expected here", None)],
    ),
    "an expression without rules, of one that does not exist": (
        "  type: temporal\n  timespan: 10m\n  condition: failure or not sucess\n",
        [("SIG040", 6, 29, "there is no rule 'sucess'", "did you mean success?")],
    ),
    "an expression of an ordered type": (
        f"{ORDERED}  condition: failure and success\n",
        [
            (
                "SIG046",
                7,
                14,
                "`temporal_ordered` takes no boolean expression: the order of `rules` is its condition",
                "use `temporal`, or leave the condition out",
            )
        ],
    ),
    "an expression of a count": (
        f"{COUNT}  condition: failure\n",
        [
            (
                "SIG046",
                7,
                14,
                "`event_count` needs a comparison, not a text",
                "such as `gte: 10`; only `temporal` takes an expression",
            )
        ],
    ),
    "an ordered type of fewer than all": (
        f"{ORDERED}  condition: {{gte: 1}}\n",
        [
            (
                "SIG045",
                7,
                3,
                "`temporal_ordered` holds only with all of its 2 rules",
                "leave the condition out, or write `gte: 2`",
            )
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_in_a_correlation(tmp_path: Path, case: str) -> None:
    text, expected = CASES[case]
    found = load_text(tmp_path, HEAD + text, RULES)
    assert short(found) == expected
    assert keys(found) == ["failure", "success"]


NEVER_HOLDS = {
    "bounds that exclude each other": (f"{COUNT}  condition: {{gt: 5, lt: 6}}\n", NEVER_ZERO),
    "a count of no events": (f"{COUNT}  condition: {{lt: 1}}\n", NEVER_ZERO),
    "a sum that is and is not": (
        "  type: value_sum\n  rules: failure\n  timespan: 10m\n  condition: {eq: 5.5, neq: 5.50, field: tokens_used}\n",
        NEVER,
    ),
}


@pytest.mark.parametrize("case", NEVER_HOLDS)
def test_a_condition_that_never_holds_is_warned_of_and_kept(tmp_path: Path, case: str) -> None:
    text, hint = NEVER_HOLDS[case]
    found = load_text(tmp_path, HEAD + text, RULES)
    assert short(found) == [("SIG045", 7, 3, "the condition can never hold", hint)]
    assert [d.severity.value for d in found.diagnostics] == ["warning"]
    assert len(keys(found)) == 3


def test_more_rules_than_there_are_is_warned_of(tmp_path: Path) -> None:
    found = load_text(tmp_path, HEAD + f"{BOTH}  condition: {{gt: 2}}\n", RULES)
    assert short(found) == [("SIG045", 7, 3, "the condition can never hold: there are 2 rules", None)]
    assert len(keys(found)) == 3


def count(name: str, of: str) -> str:
    return (
        f"title: {name}\nname: {name}\ncorrelation:\n  type: event_count\n  rules: {of}\n  timespan: 1h\n"
        "  condition: {gte: 2}\n"
    )


def test_a_cycle_is_told_once_and_what_needs_it_is_left_out(tmp_path: Path) -> None:
    chain = "---\n".join((count("d", "a"), count("c", "a"), count("a", "b"), count("b", "c")))
    found = load_text(tmp_path, chain, RULES)
    assert short(found) == [
        ("SIG060", 5, 10, "left out: it needs 'a', which is left out", None),
        (
            "SIG041",
            13,
            10,
            "the correlations refer to each other in a cycle: c → a → b → c",
            "a correlation cannot need its own result",
        ),
        ("SIG060", 21, 10, "left out: it needs 'b', which is left out", None),
        ("SIG060", 29, 10, "left out: it needs 'c', which has errors", None),
    ]
    assert [d.severity.value for d in found.diagnostics] == ["info", "error", "info", "info"]
    assert keys(found) == ["failure", "success"]


def test_what_needs_a_broken_rule_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    broken = FAILURE.replace("name: failure", "name: broken").replace("401", "[]")
    found = load_text(
        tmp_path, "---\n".join((count("a", "b"), count("b", "broken"), count("x", "failure"))), RULES, broken
    )
    assert short(found) == [
        ("SIG060", 5, 10, "left out: it needs 'b', which is left out", None),
        ("SIG060", 13, 10, "left out: it needs 'broken', which has errors", None),
        ("SIG021", 5, 15, "the list of values is empty", "`null` matches no value"),
    ]
    assert keys(found) == ["x", "failure", "success"]


def test_a_hundred_levels_of_correlations_are_too_many(tmp_path: Path) -> None:
    chain = "---\n".join(count(f"c{level}", f"c{level + 1}" if level < 99 else "failure") for level in range(100))
    found = load_text(tmp_path, chain, RULES)
    errors = [mistake for mistake in short(found) if mistake[0] != "SIG060"]
    assert errors == [("SIG041", 555, 1, "correlations are nested more than 30 levels deep", None)]
    assert keys(found) == [*(f"c{level}" for level in range(70, 100)), "failure", "success"]
