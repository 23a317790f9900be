"""Random ES|QL expressions and groups over awkward values: Elastic's engine and ours give the same rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from test_documented import NOW, result
from test_judged import TABLES, alike

from tollwatch.query.errors import QueryError
from vendors import elastic_esql
from vendors.judge import Refused

pytestmark = pytest.mark.vendor

EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or "300"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
LEAVES = {
    "long": ["n", "m", "id", "7", "-3", "0", "null::long", "1000000"],
    "real": ["r", "2.5", "-0.5", "null::double", "0.0"],
    "text": ["s", "u", '"Hello"', '""', '"l"', "null::string"],
    "bool": ["b", "true", "false", "null::boolean"],
    "date": ["@timestamp", '"2026-03-01T10:00:00Z"::datetime', "NOW()"],
}
# An aggregate of a constant is no aggregate to Elastic, which computes it without rows: there stand columns only.
COLUMNS = {"long": ["n", "m", "id"], "real": ["r"], "text": ["s", "u"], "bool": ["b"], "date": ["@timestamp"]}
# What is made of what: {0}, {1} … are values of the types named.
FORMS = {
    "long": [
        ("({0} + {1})", "long", "long"), ("({0} - {1})", "long", "long"), ("({0} / {1})", "long", "long"),
        ("({0} % {1})", "long", "long"), ("-({0})", "long"), ("ABS({0})", "long"), ("LENGTH({0})", "text"),
        ("CASE({0}, {1}, {2})", "bool", "long", "long"), ("COALESCE({0}, {1})", "long", "long"),
        ("GREATEST({0}, {1})", "long", "long"), ("LEAST({0}, {1})", "long", "long"), ("TO_LONG({0})", "real"),
        ("TO_LONG({0})", "text"), ("TO_LONG({0})", "bool"), ("LOCATE({0}, {1})", "text", "text"),
        ('DATE_EXTRACT("hour_of_day", {0})', "date"), ('DATE_DIFF("hours", {0}, {1})', "date", "date"),
        ("MV_MAX(many)",), ("MV_COUNT(words)",), ("MV_SUM(many)",), ("BYTE_LENGTH({0})", "text"),
    ],
    "real": [
        ("({0} + {1})", "real", "long"), ("({0} * {1})", "real", "real"), ("({0} / {1})", "real", "real"),
        ("ROUND({0}, 1)", "real"), ("FLOOR({0})", "real"), ("CEIL({0})", "real"), ("TO_DOUBLE({0})", "long"),
        ("TO_DOUBLE({0})", "text"), ("SQRT({0})", "long"), ("LOG10({0})", "long"), ("MV_AVG(many)",),
        ("CASE({0}, {1}, {2})", "bool", "real", "real"), ("COALESCE({0}, {1})", "real", "real"),
    ],
    "text": [
        ("CONCAT({0}, {1})", "text", "text"), ("TO_LOWER({0})", "text"), ("TO_UPPER({0})", "text"),
        ("SUBSTRING({0}, 2, 3)", "text"), ("LEFT({0}, 2)", "text"), ("RIGHT({0}, 2)", "text"), ("TRIM({0})", "text"),
        ("TO_STRING({0})", "long"), ("TO_STRING({0})", "bool"), ("TO_STRING({0})", "date"),
        ('REPLACE({0}, "l+", "L")', "text"), ("CASE({0}, {1}, {2})", "bool", "text", "text"),
        ("COALESCE({0}, {1})", "text", "text"), ('MV_CONCAT(words, "-")',), ("MV_MIN(words)",),
        ("TO_BASE64({0})", "text"), ("GREATEST({0}, {1})", "text", "text"), ("MV_FIRST(words)",),
        ("REVERSE({0})", "text"),
    ],
    "bool": [
        ("({0} AND {1})", "bool", "bool"), ("({0} OR {1})", "bool", "bool"), ("NOT ({0})", "bool"),
        ("({0} < {1})", "long", "long"), ("({0} == {1})", "long", "real"), ("({0} >= {1})", "text", "text"),
        ("({0} != {1})", "text", "text"), ("({0} == {1})", "bool", "bool"), ("({0} IS NULL)", "text"),
        ("({0} IS NOT NULL)", "long"), ("({0} IN ({1}, {2}))", "long", "long", "long"),
        ("({0} IN ({1}, {2}))", "text", "text", "text"),
        ('({0} LIKE "*l?*")', "text"), ('({0} RLIKE ".*l+.*")', "text"),
        ("STARTS_WITH({0}, {1})", "text", "text"), ("ENDS_WITH({0}, {1})", "text", "text"), ("(many > 1)",),
        ('(words == "a")',), ("({0} <= {1})", "date", "date"), ("TO_BOOLEAN({0})", "text"), ("TO_BOOLEAN({0})", "long"),
    ],
    "date": [
        ("DATE_TRUNC(1 hour, {0})", "date"), ("DATE_TRUNC(1 month, {0})", "date"), ("({0} + 1 day)", "date"),
        ("({0} - 3 hours)", "date"), ("CASE({0}, {1}, {2})", "bool", "date", "date"),
        ("GREATEST({0}, {1})", "date", "date"),
        ("DATE_TRUNC(1 week, {0})", "date"), ("({0} + 1 month)", "date"),
        ("COALESCE({0}, {1})", "date", "date"),
    ],
}  # fmt: skip
AGGREGATES = [
    ("COUNT(*)",), ("COUNT({0})", "text"), ("COUNT({0})", "long"), ("SUM({0})", "long"), ("MIN({0})", "long"),
    ("MAX({0})", "real"), ("AVG({0})", "real"), ("MIN({0})", "text"), ("MAX({0})", "date"),
    ("COUNT_DISTINCT({0})", "text"),
    ("COUNT_DISTINCT({0})", "long"), ("MEDIAN({0})", "real"), ("MV_SORT(VALUES({0}))", "text"), ("MAX({0})", "bool"),
    ("PERCENTILE({0}, 90)", "long"), ("MV_SORT(VALUES({0}))", "long"), ("COUNT(many)",), ("SUM(many)",),
    ("MAX(words)",),
    ("STD_DEV({0})", "real"), ('TOP({0}, 2, "desc")', "long"),
]  # fmt: skip

KEYS = [
    "", *(f" BY {key}" for key in ("b", "s", "many", "words, b", "k = n % 3", "k = TO_LOWER(s)")),
    " BY k = DATE_TRUNC(1 day, @timestamp)",
]  # fmt: skip
Leaves = Mapping[str, Sequence[str]]


def expressions(type_: str, depth: int, leaves: Leaves) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(leaves[type_])
    if depth == 0:
        return leaf
    return leaf | st.sampled_from(FORMS[type_]).flatmap(lambda form: filled(form, depth - 1, leaves))


def filled(form: tuple[str, ...], depth: int, leaves: Leaves) -> st.SearchStrategy[str]:
    text, *types = form
    return st.tuples(*(expressions(one, depth, leaves) for one in types)).map(lambda parts: text.format(*parts))


@st.composite
def queries(draw: st.DrawFn) -> str:
    return draw(values() if draw(st.booleans()) else groups())


def values() -> st.SearchStrategy[str]:
    value = st.sampled_from(sorted(FORMS)).flatmap(lambda type_: expressions(type_, 3, LEAVES))
    return st.tuples(expressions("bool", 2, LEAVES), value, value).map(
        lambda parts: "FROM t | WHERE {} | EVAL x = {}, y = {} | KEEP id, x, y".format(*parts)
    )


def groups() -> st.SearchStrategy[str]:
    found = st.sampled_from(AGGREGATES).flatmap(lambda form: filled(form, 1, COLUMNS))
    only = expressions("bool", 1, COLUMNS)
    return st.tuples(expressions("bool", 2, COLUMNS), found, only, found, st.sampled_from(KEYS)).map(
        lambda parts: "FROM t | WHERE {} | STATS a = {} WHERE {}, c = {}{}".format(*parts)
    )


@SETTINGS
@given(queries())
def test_random_queries_give_the_same_rows(query: str) -> None:
    case: dict[str, Any] = {"query": query, "tables": TABLES["esql"]}
    try:
        theirs = elastic_esql.run(query, case["tables"], NOW).records()
    except Refused as refused:
        event(f"the judge refuses: {str(refused)[:60]}")
        return
    try:
        ours = result("esql", case)
    except QueryError as refused:
        event(f"ours refuses: {refused.message[:60]}")
        return
    event("rows" if theirs else "no rows")
    assert sorted((alike(row, set()) for row in ours), key=repr) == sorted(
        (alike(row, set()) for row in theirs), key=repr
    )
