"""What a query's rows and the evaluator's alerts are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tollwatch.compile.model import Query
from tollwatch.errors import TollwatchError
from tollwatch.evaluate.alerts import Alert
from tollwatch.plan.nodes import Node, Search
from tollwatch.prove.report import TIMES, Finding
from tollwatch.query.table import Column, Table

_SECOND = 1_000_000
RESOLUTION = {"esql": 1_000}
"""µs: what a language keeps of a time, where it is not all."""


def from_rows(query: Query, node: Node, rows: Table) -> list[Finding]:
    """The rows of the query's result.

    Raises:
        TollwatchError: a column that a compiled query must give is not there.
    """
    entity = () if isinstance(node, Search) else node.group_by
    names = [*entity, *dict.fromkeys(("triggered_at", "last_seen", *query.gives))]
    lacking = [name for name in names if name not in rows.columns]
    if lacking:
        raise TollwatchError(f"the query's result has no column {', '.join(lacking)}")
    unit = _SECOND if query.target == "spl" else 1
    columns = {name: values(rows.columns[name]) for name in names}
    return [_finding(query, entity, {name: columns[name][at] for name in names}, unit) for at in range(rows.rows)]


def _finding(query: Query, entity: Sequence[str], row: dict[str, Any], unit: int) -> Finding:
    keys = tuple((name, key_text(row[name])) for name in entity)
    times = {name: round(row[name] * unit) for name in TIMES if name in row and row[name] is not None}
    given = tuple((name, times.get(name) if name in TIMES else plain(name, row[name])) for name in query.gives)
    return Finding(keys, times.get("triggered_at", 0), times.get("last_seen", 0), given)


def from_alert(query: Query, alert: Alert) -> Finding:
    """What a query with these columns must tell of the alert."""
    cut = RESOLUTION.get(query.target, 1)
    times = {name: getattr(alert, name) // cut * cut for name in TIMES}
    given = tuple((name, times[name] if name in TIMES else plain(name, getattr(alert, name))) for name in query.gives)
    return Finding(tuple(alert.entity), times["triggered_at"], times["last_seen"], given)


def plain(name: str, value: Any) -> object:
    """A measure as it is compared: a peak to nine digits, hits as a whole number."""
    if value is None:
        return None
    return f"{float(value):.9g}" if name == "peak" else int(value)


def values(column: Column) -> list[Any]:
    """Python's own values, None where there is none."""
    cells = column.values.tolist() if isinstance(column.values, np.ndarray) else list(column.values)
    return [value if known else None for value, known in zip(cells, column.valid.tolist(), strict=True)]


def key_text(value: Any) -> str:
    """A group-by value as an alert shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
