"""What other engines answer to the queries that ours executes: Elastic's own for ES|QL, duckdb-kql for Kusto.

The queries are those in tests/query/judged/<language>, one a line, and every documented case. ``printed.txt`` is what
the compilers print, which neither may refuse; ``wide.txt`` is what else detections have; ``expressions.txt`` are values
to be put into WHOLE. A query that a judge refuses is skipped, and one that differs as KNOWN says is an expected
failure: pytest counts both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_documented import CASES, NOW, result

from tollwatch.query.errors import QueryError
from vendors import duckdb_kql, elastic_esql
from vendors.judge import Answer, Refused

pytestmark = pytest.mark.vendor

FOLDER = Path(__file__).parent / "judged"
JUDGES: Mapping[str, Callable[[str, Mapping[str, Any], str], Answer]] = {
    "kql": duckdb_kql.run,
    "esql": elastic_esql.run,
}
WHOLE = {"kql": "T | project id, x = {}", "esql": "FROM t | EVAL x = {} | KEEP id, x"}
TABLES = {language: yaml.safe_load((FOLDER / language / "tables.yml").read_text("utf-8")) for language in JUDGES}
KNOWN: Mapping[str, list[dict[str, str]]] = yaml.safe_load((FOLDER / "known.yml").read_text("utf-8"))
# Without one of these a query's rows come in any order.
ORDERED = re.compile(r"\b(sort|order|top|serialize)\b", re.IGNORECASE)

Rows = Sequence[Mapping[str, Any]]


def own(section: str) -> list[tuple[str, str]]:
    return [
        (language, WHOLE[language].format(text) if section == "expressions" else text)
        for language in JUDGES
        for text in (FOLDER / language / f"{section}.txt").read_text("utf-8").splitlines()
    ]


def judged(language: str, case: Mapping[str, Any]) -> tuple[Answer, Rows]:
    """The judge's answer, and its rows with the columns that the case speaks of."""
    try:
        answer = JUDGES[language](case["query"], case.get("tables", {}), case.get("now", NOW))
    except Refused as refused:
        pytest.skip(f"{language}: the judge refuses: {' '.join(str(refused).split())[:200]}")
    names = case.get("only") or [name for name, _ in answer.columns]
    return answer, [{name: row[name] for name in names if name in row} for row in answer.records()]


def compare(language: str, case: Mapping[str, Any], ours: Rows) -> None:
    answer, theirs = judged(language, case)
    texts = {name for name, type_ in answer.columns if language == "kql" and type_ == "VARCHAR"}
    found, expected = ([alike(row, texts) for row in rows] for rows in (ours, theirs))
    if case.get("unordered") or not ORDERED.search(case["query"]):
        found, expected = sorted(found, key=repr), sorted(expected, key=repr)
    if found != expected:
        for known in KNOWN[language]:
            if known["part"] in case["query"]:
                pytest.xfail(f"{language}: {known['part']}: {known['why']}")
    assert found == expected


def alike(row: Mapping[str, Any], texts: set[str]) -> dict[str, Any]:
    """A row to compare: Kusto's strings are never null; sums of doubles may differ in the last digits, and in -0."""
    return {name: "" if value is None and name in texts else short(value) for name, value in sorted(row.items())}


def short(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return f"{float(value) + 0.0:.9g}" if math.isfinite(value) else None
        case list():
            return [short(one) for one in value]
        case dict():
            return {name: short(one) for name, one in value.items()}
        case _:
            return str(value)


@pytest.mark.parametrize(("language", "query"), own("printed"))
def test_what_the_compilers_print(language: str, query: str) -> None:
    case = {"query": query, "tables": TABLES[language]}
    try:
        JUDGES[language](query, case["tables"], NOW)
    except Refused as refused:
        pytest.fail(f"the judge refuses: {refused}", pytrace=False)
    compare(language, case, result(language, case))


@pytest.mark.parametrize(("language", "query"), [*own("expressions"), *own("wide")])
def test_what_queries_of_detections_have(language: str, query: str) -> None:
    case = {"query": query, "tables": TABLES[language]}
    try:
        ours = result(language, case)
    except QueryError as refused:
        pytest.skip(f"{language}: ours refuses: {refused.message[:160]}")
    compare(language, case, ours)


@pytest.mark.parametrize(
    ("language", "case"),
    [one[:2] for one in CASES if one[0] in JUDGES and "error" not in one[1]],
    ids=[one[2] for one in CASES if one[0] in JUDGES and "error" not in one[1]],
)
def test_the_documented_cases(language: str, case: Mapping[str, Any]) -> None:
    compare(language, case, case["rows"])
