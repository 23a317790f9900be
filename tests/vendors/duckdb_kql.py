"""KQL on DuckDB (PyPI ``duckdb-kql``, MIT): not Microsoft's, but written against Microsoft's emulator of Kusto."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from vendors.judge import Answer, Refused, Said, moment, written
from vendors.tools import python_parser

_TYPES = {
    "bool": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "string": "VARCHAR",
    "datetime": "TIMESTAMP",
    "timespan": "INTERVAL",
    "dynamic": "JSON",
}


def run(query: str, tables: Mapping[str, Said], now: str) -> Answer:
    """What duckdb-kql answers; a string is never null, as in Kusto.

    Args:
        query: the text.
        tables: the tables by name.
        now: what now() gives.

    Raises:
        Refused: a construct that it does not know, and what DuckDB cannot do with its translation.
    """
    judge, duckdb = python_parser("duckdb_kql"), python_parser("duckdb")
    with judge.connect() as connection:
        for name, said in tables.items():
            _fill(connection, name, said)
        try:
            found = judge.kql(connection, query, query_now=moment(now).replace(tzinfo=None))
            rows = found.fetchall()
        except (judge.KqlError, duckdb.Error) as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
        columns = [(name, str(type_)) for name, type_ in zip(found.columns, found.types, strict=True)]
    return Answer(
        columns, [[_shown(value, type_) for value, (_, type_) in zip(row, columns, strict=True)] for row in rows]
    )


def _fill(connection: Any, name: str, said: Said) -> None:
    types = list(said["columns"].values())
    columns = ", ".join(f'"{column}" {_TYPES[type_]}' for column, type_ in said["columns"].items())
    connection.execute(f'create table "{name}" ({columns})')
    if said["rows"]:
        places = ", ".join("?" * len(types))
        rows = [[_kept(value, type_) for value, type_ in zip(row, types, strict=True)] for row in said["rows"]]
        connection.executemany(f'insert into "{name}" values ({places})', rows)  # noqa: S608 - the case's own names


def _kept(value: Any, type_: str) -> Any:
    if value is None:
        return "" if type_ == "string" else None
    match type_:
        case "datetime":
            return moment(value).replace(tzinfo=None)
        case "timespan":
            return timedelta(seconds=value)
        case "dynamic":
            return json.dumps(value)
        case _:
            return value


def _shown(value: Any, type_: str) -> Any:
    if value is None:
        return "" if type_ == "VARCHAR" else None
    if type_ == "JSON":
        return json.loads(value)
    match value:
        case datetime():
            return written(value)
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value)
        case list() | tuple():
            return [_shown(one, type_.removesuffix("[]")) for one in value]
        case _:
            return value
