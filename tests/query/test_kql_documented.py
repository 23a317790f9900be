"""Every function, aggregate and stage of the Kusto engine stands in a documented case that gives rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
import yaml

from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.aggregates import AGGREGATES, SEVERAL
from tollwatch.query.kql.functions import FUNCTIONS, SPECIAL
from tollwatch.query.kql.parse import parse
from tollwatch.query.kql.stage_trees import JOINS

FOLDER = Path(__file__).parent / "documented" / "kql"
QUERIES = [
    case["query"]
    for path in sorted(FOLDER.glob("*.yml"))
    for case in yaml.safe_load(path.read_text("utf-8"))
    if "rows" in case
]


def nodes(node: Any) -> Iterator[Any]:
    """The node and everything in it."""
    yield node
    parts = node if isinstance(node, tuple) else [getattr(node, one.name) for one in fields(node)]
    for part in parts:
        if isinstance(part, tuple) or is_dataclass(part):
            yield from nodes(part)


NODES = [one for query in QUERIES for one in nodes(parse(query))]
NAMED = {one.name for one in NODES if isinstance(one, syntax.Call)}
STAGES: UnionType = syntax.Stage
SOURCES = (syntax.Union, syntax.Datatable, syntax.Print, syntax.Range)


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *SPECIAL}))
def test_every_function_has_a_case(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("name", sorted({*AGGREGATES, *SEVERAL}))
def test_every_aggregate_has_a_case(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("stage", [*get_args(STAGES), *SOURCES], ids=lambda stage: stage.__name__)
def test_every_stage_has_a_case(stage: type) -> None:
    assert any(isinstance(one, stage) for one in NODES)


@pytest.mark.parametrize("kind", sorted(JOINS))
def test_every_kind_of_join_has_a_case(kind: str) -> None:
    assert any(isinstance(one, syntax.Join) and one.kind == kind for one in NODES)


REFUSED = [
    ("T | where a == b == c |", "1:"),
    ("T | summarize x = cuont()", "1:19: the function cuont is not known (near it: count"),
    ("T | extend a = strlne(b)", "1:16: the function strlne is not known (near it: strlen"),
    ("T | extend a = strlen(b, c)", "1:16: strlen takes 1 arguments, not 2"),
    ("T\n| summarize sum()", "2:13: sum takes 1 arguments, not 0"),
    ("T | extend a = sum(b)", "1:16: the aggregate sum stands in summarize only"),
    ("let f = (x: long) { nothing(x) }; T", "1:21: the function nothing is not known"),
    ("T | where x in ((U | extend y = nothing(1)))", "1:33: the function nothing is not known"),
    ("T | top-nested 3 of x by count()", "1:5: the command top-nested is not known"),
    ("T | join kind=inner (U | nothing) on a", "1:26: the command nothing is not known"),
    ("T | where * has 'x'", "1:11: a comparison of every column (* has) is not known"),
    ("T | extend d = decimal(1.5)", "1:16: the type decimal is not known"),
    ("search 'x'", "1:1: search is not known"),
    ("workspace('x').T | take 1", "1:1: the function workspace is not known"),
    ("T; U", "1:4: a query has one statement that gives rows"),
    ("T | mv-expand kind=tree a", "1:5: mv-expand: the kind tree is not known"),
    ("T | union withsource=s (U | take 1)", "1:5: union: what withsource says"),
    ("T | scan declare (a: long) with (step s: rand(1) > 0 => a = 1;)", "1:42: scan does not know rand"),
]


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_what_is_lacking_is_refused_when_it_is_read(query: str, message: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    assert str(raised.value).startswith(message)
