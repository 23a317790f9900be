"""What documented cases cannot say of ES|QL's engine: the order of columns, limits of rows, parameters, coverage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tollwatch.query.engines import Request, TimeRange, check, execute
from tollwatch.query.errors import QueryError
from tollwatch.query.esql.conversions import ALIASES, CASTS
from tollwatch.query.esql.functions import ALL_AGGREGATES, FUNCTIONS
from tollwatch.query.esql.grok_patterns import PATTERNS
from tollwatch.query.table import Column, Table, Type, column

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "documented" / "esql").glob("*.yml"))
    for case in yaml.safe_load(path.read_text("utf-8"))
]
GIVEN = "\n".join(case["query"] for case in CASES if "rows" in case)
COMMANDS = (
    "FROM", "ROW", "WHERE", "EVAL", "STATS", "INLINE STATS", "INLINESTATS", "KEEP", "DROP", "RENAME", "SORT", "LIMIT",
    "MV_EXPAND", "DISSECT", "GROK", "LOOKUP JOIN",
)  # fmt: skip
SIGNS = {"negative": r"-\(|-x|-m", "in": r"\bIN\b", "like": r"\bLIKE\b", "rlike": r"\bRLIKE\b"}


def columns(query: str) -> list[str]:
    return list(execute("esql", Request(query, {}, TimeRange(0))).columns)


@pytest.mark.parametrize("name", [*FUNCTIONS, *ALL_AGGREGATES, *ALIASES, *COMMANDS])
def test_every_entry_has_a_documented_case(name: str) -> None:
    if name in SIGNS:
        found = re.search(SIGNS[name], GIVEN)
    elif name[0].isalpha() and name.isupper():
        found = re.search(rf"\b{name}\b", GIVEN, re.IGNORECASE)
    else:
        found = re.search(re.escape(name), GIVEN, re.IGNORECASE)
    assert found, name


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_grok_pattern_can_be_read(pattern: str) -> None:
    check("esql", f'ROW a = "x" | GROK a "%{{{pattern}:b}}"', {})


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("at 2001:db8::ff00:42:8329 now", "IPV6", "2001:db8::ff00:42:8329"),
        ("::ffff:192.0.2.128", "IP", "::ffff:192.0.2.128"),
        ("fe80::", "IPV6", "fe80::"),
        ("1:2:3:4:5:6:7:8", "IP", "1:2:3:4:5:6:7:8"),
        ("from 255.249.1.2,", "IPV4", "255.249.1.2"),
        ("00-1B-44-11-3A-B7", "MAC", "00-1B-44-11-3A-B7"),
        ("C:\\Temp\\a.exe", "WINPATH", "C:\\Temp\\a.exe"),
        ('say "a \\" b" now', "QS", '"a \\" b"'),
        ("-3.25e", "NUMBER", "-3.25"),
        ("2024-02-29T23:59:59,123+01:00", "TIMESTAMP_ISO8601", "2024-02-29T23:59:59,123+01:00"),
    ],
)
def test_grok_patterns_match(text: str, pattern: str, found: str) -> None:
    table = Table({"a": column(Type.STRING, [text])}, 1)
    rows = execute("esql", Request(f'FROM t | GROK a "%{{{pattern}:b}}"', {"t": table}, TimeRange(0)))
    assert rows.columns["b"].values.tolist() == [found]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("ROW a = 1, b = 2 | EVAL a = 3", ["b", "a"]),
        ("ROW a = 1, b = 2, c = 3 | RENAME b AS c", ["a", "c"]),
        ("ROW a = 1, b = 2, c = 3 | STATS x = MAX(a) BY b", ["x", "b"]),
        ("ROW a = 1, b = 2, c = 3 | INLINE STATS x = MAX(a) BY b", ["a", "c", "x", "b"]),
        ("ROW a = 1, b = 2 | STATS x = MAX(a), y = MAX(b), x = MIN(a)", ["y", "x"]),
        ("ROW h1 = 1, a = 2, h2 = 3 | KEEP h*, *", ["h1", "h2", "a"]),
        ("ROW first_name = 1, first_no = 2, last = 3 | KEEP first_name, last, first_na*", ["first_name", "last"]),
        ("ROW first_name = 1, last = 3 | KEEP first_name*, last, first_na*", ["last", "first_name"]),
        ("ROW a = 1, b = 2, c = 3 | KEEP *, b", ["a", "c", "b"]),
        ("ROW a = 1, b = 2, c = [1, 2] | MV_EXPAND c | KEEP b, a", ["b", "a"]),
        ("ROW a = 'x'", []),
    ],
)
def test_the_order_of_columns(query: str, order: list[str]) -> None:
    if not order:
        with pytest.raises(QueryError):
            columns(query)
        return
    assert columns(query) == order


def many(rows: int) -> dict[str, Table]:
    return {"t": Table({"x": Column(Type.LONG, np.arange(rows), np.ones(rows, np.bool_))}, rows)}


@pytest.mark.parametrize(
    ("query", "truncates", "rows"),
    [
        ("FROM t", True, 1_000),
        ("FROM t | LIMIT 2000", True, 2_000),
        ("FROM t | LIMIT 20000", True, 10_000),
        ("FROM t | LIMIT 20000 | STATS n = COUNT(*) BY x", True, 10_000),
        ("FROM t", False, 12_000),
        ("FROM t | LIMIT 11000", False, 11_000),
    ],
)
def test_elastic_returns_so_many_rows(query: str, truncates: bool, rows: int) -> None:
    assert execute("esql", Request(query, many(12_000), TimeRange(0), truncates=truncates)).rows == rows


def test_a_limit_of_the_result_does_not_touch_what_is_counted() -> None:
    found = execute("esql", Request("FROM t | STATS n = COUNT(*)", many(12_000), TimeRange(0)))
    assert found.columns["n"].values.tolist() == [12_000]


def test_parameters_by_name_and_number() -> None:
    request = Request(
        "ROW a = ?who, b = ?1 + 1, c = ?none", {}, TimeRange(0), parameters={"who": "x", "1": 41, "none": None}
    )
    found = execute("esql", request)
    assert [one.values.tolist()[0] for one in list(found.columns.values())[:2]] == ["x", 42]
    assert not found.columns["c"].valid[0]


@pytest.mark.parametrize("kind", CASTS)
def test_every_cast_is_a_function(kind: str) -> None:
    assert CASTS[kind] in FUNCTIONS


def test_a_table_is_called_as_a_pattern_is_written() -> None:
    tables = {"logs-*": many(2)["t"], "logs-a": many(3)["t"]}
    assert execute("esql", Request("FROM logs-*", tables, TimeRange(0))).rows == 2
    assert execute("esql", Request("FROM logs-a*", tables, TimeRange(0))).rows == 3


def test_a_row_of_several_values_is_a_list_and_of_one_is_plain() -> None:
    found = execute("esql", Request("ROW a = [1, 2] | EVAL b = MV_MIN(a), c = MV_SLICE(a, 0)", {}, TimeRange(0)))
    assert [found.columns[name].type for name in "abc"] == [Type.DYNAMIC, Type.INT, Type.INT]
    assert found.columns["a"].values.tolist() == [[1, 2]]
