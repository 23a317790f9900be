"""Elastic's parser and type checker for ES|QL (PyPI ``detection-rules-esql-py``)."""

from __future__ import annotations

from collections.abc import Mapping

from vendors.finding import Finding
from vendors.tools import python_parser

VERSIONS = ("8.19", "9.3", "9.4", "9.5")


def check(query: str, version: str, columns: Mapping[str, str]) -> tuple[Finding, ...]:
    """The first mistake in ``query`` for that version of the stack, if any: the parser stops at one.

    Args:
        query: the text.
        version: one of VERSIONS; the parser would take the nearest grammar for any other.
        columns: the index's fields, full names with dots, and their types in Elasticsearch's names.

    Raises:
        ValueError: no grammar for that version.
        AttributeError: an aggregate without a name (``STATS COUNT(*)``), which the type checker cannot take.
    """
    if version not in VERSIONS:
        raise ValueError(f"no ES|QL grammar {version}: {', '.join(VERSIONS)}")
    parser = python_parser("esql")
    # The form of a mapping: in a flat table the parser would take the names "type" and "properties" for its keys.
    schema = parser.Schema({"properties": {name: {"type": type_} for name, type_ in columns.items()}})
    try:
        with parser.ParserConfig(min_stack_version=version), schema:
            parser.parse_query(query)
    except (parser.EsqlSyntaxError, parser.EsqlSemanticError) as error:
        return (Finding(error.line + 1, error.column + 1, "error", error.error_msg),)
    return ()
