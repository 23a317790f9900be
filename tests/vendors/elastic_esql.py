"""Elastic's own engine for ES|QL in process, without a cluster (Maven ``x-pack-esql``, Elastic-2.0: a tool of tests).

Its parser, analyser, optimisers and operators run as in Elasticsearch; the rows stand where an index would be read, so
nothing is pushed down to Lucene.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vendors.judge import Answer, Refused, Said, iso, milliseconds
from vendors.tools import java_engine

VERSION = (8, 19)
_TYPES = {
    "bool": "boolean",
    "int": "integer",
    "long": "long",
    "real": "double",
    "string": "keyword",
    "datetime": "datetime",
    "ip": "ip",
}
_MILLION = 1_000_000


def run(query: str, tables: Mapping[str, Said], now: str) -> Answer:
    """What Elasticsearch 8.19 answers.

    Args:
        query: the text, from FROM or ROW.
        tables: the indices by name, with types of ours or of Elastic's; a list in a row is a field of several values.
        now: what NOW() gives.

    Raises:
        Refused: what Elastic's parser or analyser refuses, and what this version does not have.
    """
    question = {
        "query": query,
        "now": milliseconds(now),
        "tables": {name: _index(said) for name, said in tables.items()},
    }
    try:
        answer = java_engine("EsqlJudge.java", "elastic-esql").ask(question)
    except ValueError as error:
        raise Refused(str(error)) from error
    columns = [(name, type_) for name, type_ in answer["columns"]]
    return Answer(
        columns,
        [[_shown(value, type_) for value, (_, type_) in zip(row, columns, strict=True)] for row in answer["rows"]],
    )


def _index(said: Said) -> dict[str, Any]:
    columns = [
        (name, type_, [row[number] for row in said["rows"]])
        for number, (name, type_) in enumerate(said["columns"].items())
    ]
    kept = [[_kept(value, type_) for value in values] for _, type_, values in columns]
    return {
        "columns": [
            (name, _inner(values) if type_ == "dynamic" else _TYPES.get(type_, type_))
            for name, type_, values in columns
        ],
        "rows": [list(row) for row in zip(*kept, strict=True)],
    }


def _inner(values: list[Any]) -> str:
    """The type of fields of several values, which a case does not say."""
    single = [one for value in values if value is not None for one in (value if isinstance(value, list) else [value])]
    for type_, name in ((bool, "boolean"), (str, "keyword"), (float, "double")):
        if any(isinstance(one, type_) for one in single):
            return name
    return "long"


def _kept(value: Any, type_: str) -> Any:
    if type_ in ("datetime", "date") and value is not None:
        return [milliseconds(one) for one in value] if isinstance(value, list) else milliseconds(value)
    return value


def _shown(value: Any, type_: str) -> Any:
    if isinstance(value, list):
        return [_shown(one, type_) for one in value]
    if value is None:
        return None
    if type_ == "date_nanos":
        return iso(value // _MILLION)
    return iso(value) if type_ in ("datetime", "date") else value
