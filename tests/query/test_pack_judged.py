"""What is compiled, executed by other engines: Elastic's own for ES|QL, and duckdb-kql for what it knows of Kusto."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from test_pack_proof import CASES, name, whole

from reference.canonical import canonical_rule_sets, plan_of
from reference.proof import executed, milliseconds, table_of
from reference.random_events import canonical_record
from reference.strategies import logs
from tollwatch.cases.judge import Prepared
from tollwatch.compile.model import Mode, Options, Query
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import from_records
from tollwatch.query.table import Column, Table, Type
from vendors import duckdb_kql, elastic_esql
from vendors.judge import Answer, Refused, iso

pytestmark = pytest.mark.vendor

CANONICAL = load_profile("canonical")
JUDGES: Mapping[str, Callable[[str, Mapping[str, Any], str], Answer]] = {
    "kql": duckdb_kql.run,
    "esql": elastic_esql.run,
}
MINUTE = 60_000_000
EXAMPLES = os.environ.get("TOLLWATCH_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or "150"), derandomize=EXAMPLES is None, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def said(table: Table, query: Query) -> dict[str, Any]:
    """The table as a judge takes it, with the types that the query is compiled for."""
    types = {one.name: one.type for one in query.columns}
    return {
        "columns": {name: types.get(name, one.type.value) for name, one in table.columns.items()},
        "rows": [list(row) for row in zip(*(values(one) for one in table.columns.values()), strict=True)],
    }


def values(one: Column) -> list[Any]:
    """A column's values as a case writes them."""
    found = [iso(value // 1000) for value in one.values.tolist()] if one.type is Type.DATETIME else one.values.tolist()
    return [value if known else None for value, known in zip(found, one.valid.tolist(), strict=True)]


def rows(names: list[str], columns: list[list[Any]]) -> list[str]:
    """Each row, its numbers to nine figures, in the order of their texts."""
    return sorted(
        str({name: f"{value:.9g}" if isinstance(value, float | int) else value or "" for name, value in one})
        for one in (list(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    )


def both(query: Query, table: Table, now: int) -> tuple[list[str], list[str]]:
    """The rows of our engine and of the judge."""
    answer = JUDGES[query.target](query.text or "", {"events": said(table, query)}, iso(now // 1000))
    ours = executed(query, table, now)
    names = list(ours.columns)
    theirs = [[row[name] for row in answer.records()] for name in names]
    return rows(names, [values(one) for one in ours.columns.values()]), rows(names, theirs)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("prepared", CASES, ids=name)
def test_the_pack_finds_the_same_rows(prepared: Prepared, mode: Mode) -> None:
    """In ES|QL: duckdb-kql has no ``scan``, which each of the pack's Kusto queries needs."""
    query = compile_node(
        prepared.node, language("esql"), CANONICAL, Options(mode, elastic_version=elastic_esql.VERSION)
    )
    table = milliseconds(whole(prepared))
    ours, theirs = both(query, table, int(table.columns["timestamp"].values.max(initial=0)) + 6 * MINUTE)
    assert ours == theirs


@pytest.mark.parametrize("target", JUDGES)
@SETTINGS
@given(canonical_rule_sets(), logs)
def test_random_rules_find_the_same_rows(
    target: str, documents: list[dict[str, Any]], log: list[dict[str, Any]]
) -> None:
    table = milliseconds(table_of(from_records([canonical_record(one) for one in log], CANONICAL)))
    options = Options(Mode.HUNT, elastic_version=elastic_esql.VERSION)
    for node in plan_of(documents).detections:
        query = compile_node(node, language(target), CANONICAL, options)
        if query.text is None:
            event(f"not compiled: {query.refused[0].reason}")
            continue
        try:
            ours, theirs = both(query, table, now=1_772_400_000_000_000)
        except Refused as refused:
            if target == "esql":
                raise
            event(f"the judge refuses: {str(refused)[:80]}")
            continue
        event("rows" if theirs else "no rows")
        assert ours == theirs, query.text
