"""Scans that only hand values on, computed over whole columns: what they give row by row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollwatch.query.kql import run as kql
from tollwatch.query.kql import syntax
from tollwatch.query.kql.carried import carried
from tollwatch.query.kql.parse import parse
from tollwatch.query.kql.scan import scanned
from tollwatch.query.kql.scopes import Scope
from tollwatch.query.table import Table, Type, column

HANDED_ON = [
    "declare (b: long) with (step s: true => b = iff(k == s.k, s.b, v);)",
    "declare (b: long = 7) with (step s: true => b = iff(k == s.k, coalesce(v, s.b), v);)",
    "declare (b: long) with (step s: v > 1 => b = iff(k == s.k, s.b, v);)",
    "declare (b: string) with (step s: true => b = iff(v > 1, s.b, k);)",
    "declare (b: long, u: long) with (step s: true => b = iff(k == s.k, s.u, long(null)), u = coalesce(v, s.u);)",
    "declare (b: long, c: long) with (step s: true => b = coalesce(v, s.b), c = b + 1;)",
    """declare (b: long) with (step s: true =>
    b = iff(s.v > v, iff(k == 'a', s.b, v), coalesce(iff(v > 2, v, long(null)), s.b));)""",
]
OTHERS = [
    "declare (b: long = 0) with (step s: true => b = v + s.b;)",
    "declare (b: long) with (step s: s.v != v => b = v;)",
    "declare (b: long, c: long) with (step s: true => b = c, c = coalesce(v, s.c);)",
]
rows = st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.none() | st.integers(0, 3)), max_size=8)


def both(text: str, data: list[tuple[str, int | None]]) -> tuple[Any, Any]:
    stage = parse(f"T | scan {text}").pipeline.stages[0]
    assert isinstance(stage, syntax.Scan)
    table = Table(
        {"k": column(Type.STRING, [one for one, _ in data]), "v": column(Type.LONG, [two for _, two in data])},
        len(data),
    )
    engine = kql.Engine({}, 0, Scope())
    first = {name: None if one is None else engine.scalar(one).value for name, _, one in stage.declared}
    first |= {name: "" for name, type_, one in stage.declared if type_ is Type.STRING and one is None}
    return shown(carried(engine, stage, table, first)), shown(scanned(stage, table, lambda _name: None, first))


def shown(table: Table | None) -> Any:
    if table is None:
        return None
    return {
        name: [value if known else None for value, known in zip(one.values.tolist(), one.valid.tolist(), strict=True)]
        for name, one in table.columns.items()
    }


@pytest.mark.parametrize("text", HANDED_ON)
@settings(deadline=None, derandomize=True, max_examples=80)
@given(rows)
def test_whole_columns_give_what_rows_do(text: str, data: list[tuple[str, int | None]]) -> None:
    whole, by_row = both(text, data)
    assert whole is not None
    assert whole == by_row


@pytest.mark.parametrize("text", OTHERS)
def test_other_scans_go_row_by_row(text: str) -> None:
    whole, by_row = both(text, [("a", 1), ("b", None)])
    assert whole is None
    assert by_row is not None
