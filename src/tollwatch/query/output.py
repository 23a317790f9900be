"""A query's result as plain values, for people and programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from tollwatch.query.columns import moment_of
from tollwatch.query.table import Column, Table, Type

_SECOND = 1_000_000


def records(table: Table) -> list[dict[str, Any]]:
    """Each row as a record of what JSON has: times in ISO 8601, timespans as Kusto writes them, null as None."""
    columns = {name: cells(one) for name, one in table.columns.items()}
    return [{name: values[at] for name, values in columns.items()} for at in range(table.rows)]


def cells(column: Column) -> list[Any]:
    """A column's values, None where there is none."""
    shown = {Type.DATETIME: time_text, Type.TIMESPAN: span_text}.get(column.type, _plain)
    return [
        shown(value) if known else None
        for value, known in zip(column.values.tolist(), column.valid.tolist(), strict=True)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def time_text(microseconds: int) -> str:
    """``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``."""
    return moment_of(microseconds).isoformat().replace("+00:00", "Z")


def span_text(microseconds: int) -> str:
    """``[-][d.]hh:mm:ss[.ffffff]``."""
    sign, span = ("-" if microseconds < 0 else ""), timedelta(microseconds=abs(microseconds))
    hours, seconds = divmod(span.seconds, 3600)
    fraction = f".{span.microseconds:06d}" if span.microseconds else ""
    return f"{sign}{f'{span.days}.' if span.days else ''}{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}{fraction}"
