"""Canonical events as a table, and a query's rows beside the evaluator's alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reference.programs import key_text
from tollwatch.compile.model import Query
from tollwatch.evaluate.alerts import Alert
from tollwatch.logs.model import Events
from tollwatch.logs.schema import CANONICAL, FieldType
from tollwatch.logs.values import native
from tollwatch.query.engines import Request, TimeRange, execute
from tollwatch.query.table import Column, Table, Type, column

TYPES = {
    FieldType.TEXT: Type.STRING,
    FieldType.IP: Type.STRING,
    FieldType.INTEGER: Type.LONG,
    FieldType.NUMBER: Type.REAL,
    FieldType.MONEY: Type.REAL,
    FieldType.BOOLEAN: Type.BOOL,
}


def table_of(events: Events) -> Table:
    """Every canonical field, null where the log has none; money in dollars."""
    found: dict[str, Column] = {
        "timestamp": Column(Type.DATETIME, events.time.copy(), np.ones(len(events), np.bool_)),
    }
    for field in CANONICAL:
        if field.name == "timestamp":
            continue
        values = native(events.frame[field.name]).to_pylist() if field.name in events.frame else [None] * len(events)
        if field.type is FieldType.MONEY:
            values = [None if value is None else value / 1_000_000 for value in values]
        found[field.name] = column(TYPES[field.type], values)
    return Table(found, len(events))


def told(alert: Alert, gives: Sequence[str]) -> dict[str, Any]:
    """What an alert and a row are compared by."""
    return {
        "entity": dict(alert.entity),
        "triggered_at": alert.triggered_at,
        **{name: getattr(alert, name) for name in gives if name != "peak"},
        "peak": None if alert.peak is None or "peak" not in gives else f"{float(alert.peak):.9g}",
    }


def shown(table: Table, entity: Sequence[str], gives: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a query's result, in the same form."""
    rows = []
    for at in range(table.rows):
        row: dict[str, Any] = {name: _value(one, at) for name, one in table.columns.items()}
        peak = row["peak"] if "peak" in gives else None
        rows.append(
            {
                "entity": {name: key_text(row[name]) for name in entity},
                "triggered_at": int(row["triggered_at"]),
                **{name: int(row[name]) for name in gives if name != "peak"},
                "peak": None if peak is None else f"{float(peak):.9g}",
            }
        )
    return rows


def _value(one: Column, at: int) -> Any:
    """A value of Python's own, None where there is none."""
    value = one.values[at]
    return None if not one.valid[at] else value.item() if isinstance(value, np.generic) else value


def in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By time and entity."""
    return sorted(rows, key=lambda row: (row["triggered_at"], str(row["entity"])))


TIMES = ("first_seen", "triggered_at", "last_seen")


def as_splunk(table: Table) -> Table:
    """As Splunk has the events: numbers are doubles, a JSON boolean is a text, ``_time`` is in seconds."""
    found = {}
    for name, one in table.columns.items():
        if name == "timestamp":
            found["_time"] = Column(Type.REAL, one.values / 1_000_000, one.valid)
        elif one.type in (Type.LONG, Type.REAL):
            found[name] = Column(Type.REAL, one.values.astype(np.float64), one.valid)
        elif one.type is Type.BOOL:
            texts = np.array([str(bool(value)).lower() for value in one.values], object)
            found[name] = Column(Type.STRING, np.where(one.valid, texts, ""), one.valid)
        else:
            found[name] = one
    return Table(found, table.rows)


def in_microseconds(table: Table) -> Table:
    """The result with whole microseconds and counts."""
    found = dict(table.columns)
    for name in (*TIMES, "hits"):
        scale = 1_000_000 if name in TIMES else 1
        one = found[name]
        found[name] = Column(Type.LONG, np.rint(one.values * scale).astype(np.int64), one.valid)
    return Table(found, table.rows)


def milliseconds(table: Table) -> Table:
    """As Elastic keeps it: a date has milliseconds."""
    time = table.columns["timestamp"]
    return table.with_columns({"timestamp": replace(time, values=time.values // 1000 * 1000)})


def executed(query: Query, table: Table, now: int) -> Table:
    """The rows of a query over canonical events, in its own engine."""
    match query.target:
        case "kql":
            return run_text("kql", query.text or "", {"events": table}, now)
        case "spl":
            return in_microseconds(run_text("spl", query.text or "", {"events": as_splunk(table)}, now))
        case _:
            return run_text("esql", query.text or "", {"events": milliseconds(table)}, now)


def run_text(language: str, text: str, tables: Mapping[str, Table], now: int) -> Table:
    """The rows of a query at a time, whatever the time range."""
    return execute(language, Request(text, tables, TimeRange(now)))
