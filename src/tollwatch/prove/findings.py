"""What a query's rows and the evaluator's alerts are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollwatch.compile.model import Query
from tollwatch.errors import TollwatchError
from tollwatch.evaluate.alerts import Alert, format_time
from tollwatch.plan.nodes import Node, Search
from tollwatch.query.table import Column, Table

Entity = tuple[tuple[str, str], ...]
_SECOND = 1_000_000
_TIMES = ("first_seen", "triggered_at", "last_seen")
RESOLUTION = {"esql": 1_000}
"""µs: what a language keeps of a time, where it is not all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One episode, as a query or the evaluator tells it. Times in µs.

    ``given``: those of first_seen, last_seen, hits and peak that the query gives, as (name, value).
    """

    entity: Entity
    triggered_at: int
    last_seen: int
    given: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        """In a line."""
        who = ", ".join(f"{name}={value}" for name, value in self.entity) or "no entity"
        more = "".join(f", {name} {format_time(int(str(v))) if name in _TIMES else v}" for name, v in self.given)
        return f"{who} at {format_time(self.triggered_at)}{more}"


def to_record(finding: Finding) -> dict[str, object]:
    """The finding as the JSON object of ``rules test --format json``."""
    given = {name: format_time(int(str(value))) if name in _TIMES else value for name, value in finding.given}
    return {"entity": dict(finding.entity), "triggered_at": format_time(finding.triggered_at), **given}


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
    times = {name: round(row[name] * unit) for name in _TIMES if name in row and row[name] is not None}
    given = tuple((name, times.get(name) if name in _TIMES else plain(name, row[name])) for name in query.gives)
    return Finding(keys, times.get("triggered_at", 0), times.get("last_seen", 0), given)


def from_alert(query: Query, alert: Alert) -> Finding:
    """What a query with these columns must tell of the alert."""
    cut = RESOLUTION.get(query.target, 1)
    times = {name: getattr(alert, name) // cut * cut for name in _TIMES}
    given = tuple((name, times[name] if name in _TIMES else plain(name, getattr(alert, name))) for name in query.gives)
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
