"""Kusto's text as a syntax tree (grammar.lark): statements, sources of rows, stages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lark import Token, v_args
from lark.exceptions import VisitError
from lark.tree import Meta

from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.check import check_query
from tollwatch.query.kql.expression_trees import name_of, place_of
from tollwatch.query.kql.literals import type_named
from tollwatch.query.kql.stage_trees import Stages
from tollwatch.query.reading import read


def parse(text: str, _macros: Mapping[str, str] | None = None) -> syntax.Query:
    """The query. Kusto has no macros.

    Raises:
        QueryError: what is no Kusto, or a construct, a function or an aggregate that the engine lacks.
    """
    return _parsed(text)


@lru_cache(256)
def _parsed(text: str) -> syntax.Query:
    """A scheduled query is run again and again: it is read once."""
    try:
        result: syntax.Query = _Statements().transform(read("kql", text))
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        raise
    check_query(result)
    return result


@v_args(meta=True)
class _Statements(Stages):
    """The rules of statements and sources."""

    def union_source(self, meta: Meta, children: list[Any]) -> syntax.Union:
        return self.union(meta, children[1:])

    def print(self, _meta: Meta, children: list[Any]) -> syntax.Print:
        return syntax.Print(children[0] or ())

    def datatable(self, meta: Meta, children: list[Any]) -> syntax.Datatable:
        _, *typed, cells = children
        if len(cells or ()) % len(typed):
            raise QueryError("datatable: the last row is not full", *place_of(meta))
        return syntax.Datatable(tuple(typed), cells or (), place_of(meta))

    def externaldata(self, meta: Meta, _children: list[Any]) -> Any:
        raise QueryError("externaldata is not known: give its rows as a table", *place_of(meta))

    def search(self, meta: Meta, children: list[Any]) -> Any:
        raise QueryError(f"{children[0]} is not known", *place_of(meta))

    def range(self, meta: Meta, children: list[Any]) -> syntax.Range:
        _, name, start, stop, step = children
        return syntax.Range(str(name), start, stop, step, place_of(meta))

    def cells(self, _meta: Meta, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    def typed(self, meta: Meta, children: list[Any]) -> tuple[str, Any]:
        return name_of(children[0]), type_named(str(children[1]), place_of(meta))

    # ------------------------------------------------------------ tables in a list

    def table(self, meta: Meta, children: list[Any]) -> syntax.Pattern:
        return syntax.Pattern(name_of(children[0]), place_of(meta), str(children[0]).startswith("["))

    def wild(self, meta: Meta, children: list[Any]) -> syntax.Pattern:
        return syntax.Pattern(str(children[0]), place_of(meta))

    def table_call(self, meta: Meta, children: list[Any]) -> syntax.Pipeline:
        return syntax.Pipeline(self.call(meta, children), (), place_of(meta))

    def datatable_item(self, meta: Meta, children: list[Any]) -> syntax.Pipeline:
        return syntax.Pipeline(self.datatable(meta, children), (), place_of(meta))

    # ------------------------------------------------------------ the whole

    def pipeline(self, meta: Meta, children: list[Any]) -> syntax.Pipeline:
        source, *stages = children
        return syntax.Pipeline(source, tuple(stages), place_of(meta))

    def scalar_parameter(self, meta: Meta, children: list[Any]) -> tuple[str, Any, Any]:
        return str(children[0]), type_named(str(children[1]), place_of(meta)), children[2]

    def table_parameter(self, _meta: Meta, children: list[Any]) -> tuple[str, None, None]:
        return str(children[0]), None, None

    def lambda_(self, meta: Meta, children: list[Any]) -> syntax.Lambda:
        parameters = tuple(one for one in children if isinstance(one, tuple))
        lets = tuple(one for one in children if isinstance(one, syntax.Let))
        body = next(one for one in children if isinstance(one, syntax.Pipeline))
        return syntax.Lambda(parameters, lets, body, place_of(meta), isinstance(children[0], Token))

    def let(self, _meta: Meta, children: list[Any]) -> syntax.Let:
        return syntax.Let(name_of(children[0]), children[1])

    def query(self, meta: Meta, children: list[Any]) -> syntax.Query:
        lets = tuple(one for one in children if isinstance(one, syntax.Let))
        pipelines = [one for one in children if isinstance(one, syntax.Pipeline)]
        if len(pipelines) != 1:
            place = pipelines[1].place if pipelines else place_of(meta)
            raise QueryError("a query has one statement that gives rows", *place)
        return syntax.Query(lets, pipelines[0])
