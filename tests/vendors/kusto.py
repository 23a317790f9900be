"""Microsoft's parser and binder for Kusto (npm ``@kusto/language-service-next``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vendors.finding import Finding
from vendors.tools import node_parser

Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the binder says of a query; ``columns`` are the result's names and types, None where it has no result."""

    findings: tuple[Finding, ...]
    columns: tuple[tuple[str, str], ...] | None


def analyse(query: str, tables: Tables) -> Analysis:
    """Parse and bind ``query`` in a workspace of ``tables``: ``{table: {column: type}}``, with Kusto's type names.

    Raises:
        ValueError: ``tables`` has a type that Kusto has not.
    """
    plain = {name: dict(columns) for name, columns in tables.items()}
    parser = node_parser("kusto.cjs", "@kusto/language-service-next")
    answer = parser.ask({"query": query, "tables": plain})
    columns = answer["columns"]
    return Analysis(
        tuple(Finding(**finding) for finding in answer["findings"]),
        None if columns is None else tuple((name, type_) for name, type_ in columns),
    )


def check(query: str, tables: Tables) -> tuple[Finding, ...]:
    """The findings of ``analyse``: none for a query that Kusto accepts."""
    return analyse(query, tables).findings
