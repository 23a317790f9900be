"""Elastic's parser and engine for EQL (PyPI ``eql``, AGPL-3.0: a tool of these tests, never a part of the package).

Not named eql_something: the engine imports every ``eql_*.py`` that it finds in the working folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from vendors.finding import Finding
from vendors.tools import python_parser

Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_A_SECOND = 1_000_000
_ROW = ""  # where an event carries its row: no field has this name
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
# Elasticsearch's types in the words of EQL's type checker; any other type is "mixed", which it does not check.
_TYPES = {
    **dict.fromkeys(("keyword", "text", "wildcard", "constant_keyword", "ip", "match_only_text"), "string"),
    **dict.fromkeys(("byte", "short", "integer", "long", "unsigned_long", "float", "double", "half_float"), "number"),
    "boolean": "boolean",
}


def check(query: str, columns: Mapping[str, str]) -> tuple[Finding, ...]:
    """The first mistake in ``query``, if any: the parser stops at one.

    Args:
        query: the text, in Elasticsearch's syntax.
        columns: the index's fields, full names with dots, and their types in Elasticsearch's names. The type checker
            knows no field that EQL writes between backticks (``@timestamp``): a query that names one is refused.
    """
    eql = python_parser("eql")
    dialect = _dialect(eql, allow_runs=True, allow_sample=True, allow_negation=True)
    try:
        with dialect:
            categories = _categories(eql, eql.parse_query(query))
            with eql.Schema(dict.fromkeys(categories, _schema(columns))):
                eql.parse_query(query)
    except eql.EqlParseError as error:
        return (Finding(error.line + 1, error.column + 1, "error", error.error_msg),)
    return ()


def run(query: str, events: Sequence[Row]) -> list[tuple[Row, ...]]:
    """The sequences that ``query`` finds, each a tuple of the rows given; of one row, where it asks for one event.

    Args:
        query: a query that ``check`` accepts, without ``sample`` and ``![…]``, which the engine computes wrongly.
        events: rows of full names, each with a ``datetime`` with zone under ``@timestamp``, in any order; rows of equal
            time keep the order given. What a query names before ``where`` stands in ``event.category``.

    Raises:
        ValueError: a maxspan with a fraction of a second, which the engine would drop.
        eql.EqlParseError: the query is not one that the engine can run.
    """
    eql = python_parser("eql")
    with _dialect(eql, allow_runs=True):
        parsed = eql.parse_query(query)
    span = getattr(parsed.first, "max_span", None)
    if span is not None and span.as_milliseconds() % 1000:
        raise ValueError(f"the engine counts a maxspan in whole seconds: {span.render()}")
    engine, found = eql.PythonEngine({"time_unit": _UNITS_A_SECOND}), []
    engine.add_query(parsed)
    engine.add_output_hook(lambda output: found.append(tuple(event.data[_ROW] for event in output.events)))
    engine.stream_events([_event(eql, row) for row in sorted(events, key=itemgetter("@timestamp"))])
    return found


def _dialect(eql: Any, **allowed: bool) -> Any:
    """Elasticsearch's syntax: with ``:`` and ``like~``, and without comparisons of two fields."""
    return eql.ParserConfig(elasticsearch_syntax=True, reject_field_comparisons=True, **allowed)


def _categories(eql: Any, parsed: Any) -> set[str]:
    """The categories for a schema to list: those that the query names, since Elasticsearch takes any.

    ``any`` stands for all that are listed: it is none of them (the parser would look it up in itself without end), and
    there must be one.
    """
    named = {node.event_type for node in parsed if isinstance(node, eql.ast.EventQuery)}
    return (named - {"any"}) or {"event"}


def _schema(columns: Mapping[str, str]) -> dict[str, Any]:
    known = {name: _TYPES.get(type_, "mixed") for name, type_ in columns.items() if _PLAIN.fullmatch(name)}
    return _nested(known)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``{"source.ip": x}`` as ``{"source": {"ip": x}}``."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree


def _event(eql: Any, row: Row) -> Any:
    units = (row["@timestamp"] - _EPOCH) // (timedelta(seconds=1) / _UNITS_A_SECOND)
    return eql.Event(row.get("event.category", "any"), units, {**_nested(row), _ROW: row})
