"""Microsoft's own binder on the queries that our Kusto engine executes: it accepts them, and tells the same columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from test_documented import CASES, NOW, microseconds, table
from test_judged import KNOWN, TABLES, own

from tollwatch.query.engines import Request, TimeRange, execute
from tollwatch.query.errors import QueryError
from vendors import kusto

pytestmark = pytest.mark.vendor

# Kusto's types that the engine holds as another.
HELD = {"int": "long", "decimal": "real", "guid": "string"}
OWN = [
    {"query": query, "tables": TABLES["kql"]}
    for section in ("printed", "expressions", "wide")
    for language, query in own(section)
    if language == "kql"
]
DOCUMENTED = [(case, name) for language, case, name in CASES if language == "kql" and "error" not in case]


@pytest.mark.parametrize(
    "case",
    [*OWN, *(case for case, _ in DOCUMENTED)],
    ids=[*(case["query"] for case in OWN), *(name for _, name in DOCUMENTED)],
)
def test_kusto_tells_the_same_columns(case: Mapping[str, Any]) -> None:
    tables = {name: table(said) for name, said in case.get("tables", {}).items()}
    schema = {name: {column: one.type.value for column, one in found.columns.items()} for name, found in tables.items()}
    analysis = kusto.analyse(case["query"], schema)
    try:
        found = execute("kql", Request(case["query"], tables, TimeRange(microseconds(case.get("now", NOW)))))
    except QueryError as refused:
        pytest.skip(f"ours refuses: {refused.message[:160]}")
    mistakes = [one for one in analysis.findings if one.severity == "error"]
    theirs = [(name, HELD.get(type_, type_)) for name, type_ in analysis.columns or ()]
    ours = [(name, HELD.get(one.type.value, one.type.value)) for name, one in found.columns.items()]
    if mistakes or ours != theirs:
        for known in KNOWN["columns"]:
            if known["part"] in case["query"]:
                pytest.xfail(f"{known['part']}: {known['why']}")
    assert mistakes == []
    assert ours == theirs
