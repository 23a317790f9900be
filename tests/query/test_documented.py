"""What the vendors' documentation says that a function or a stage gives: tests/query/documented/<language>/*.yml.

A case is ``page`` (which page says so), ``query``, the ``rows`` that it gives (or ``error``, a part of the message),
and where it reads tables, ``tables``: name → {columns: {name: type}, rows: [[…]]}. ``macros`` are SPL's; ``now`` is a
time. ``only`` names the columns that the page speaks of; ``unordered: true`` compares rows without their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tollwatch.query.engines import Request, TimeRange, execute
from tollwatch.query.errors import QueryError
from tollwatch.query.table import Column, Table, Type, column

FOLDER = Path(__file__).parent / "documented"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = "2026-03-01T12:00:00Z"
CASES = [
    (path.parent.name, case, f"{path.parent.name}/{path.stem}:{number}")
    for path in sorted(FOLDER.glob("*/*.yml"))
    for number, case in enumerate(yaml.safe_load(path.read_text("utf-8")), 1)
]


def microseconds(text: str | datetime) -> int:
    moment = datetime.fromisoformat(text) if isinstance(text, str) else text
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - EPOCH) // timedelta(microseconds=1)


def table(said: Mapping[str, Any]) -> Table:
    columns = {}
    for number, (name, type_) in enumerate(said["columns"].items()):
        values = [row[number] for row in said["rows"]]
        if type_ == "datetime":
            values = [None if value is None else microseconds(value) for value in values]
        columns[name] = column(Type(type_), values)
    return Table(columns, len(said["rows"]))


def plain(one: Column, at: int) -> Any:
    """A value as a case writes it: a time in ISO 8601, a span in seconds, a whole double as a whole number."""
    if not one.valid[at]:
        return None
    value = one.values[at].item() if hasattr(one.values[at], "item") else one.values[at]
    if one.type is Type.DATETIME:
        return (EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
    if one.type is Type.TIMESPAN:
        value = value / 1_000_000
    return rounded(value)


def rounded(value: Any) -> Any:
    """Doubles to twelve figures; what a page prints with fewer is written so in the case."""
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, float) and not isinstance(value, bool):
        short = float(f"{value:.12g}")
        return int(short) if short.is_integer() and abs(short) < 1e15 else short
    return value


def result(language: str, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    tables = {name: table(said) for name, said in case.get("tables", {}).items()}
    range_ = TimeRange(microseconds(case.get("now", NOW)))
    rows = execute(language, Request(case["query"], tables, range_, case.get("macros", {})))
    names = case.get("only", list(rows.columns))
    return [{name: plain(rows.columns[name], at) for name in names} for at in range(rows.rows)]


@pytest.mark.parametrize(("language", "case"), [one[:2] for one in CASES], ids=[one[2] for one in CASES])
def test_as_the_documentation_says(language: str, case: Mapping[str, Any]) -> None:
    assert case["page"]
    if "error" in case:
        with pytest.raises(QueryError) as raised:
            result(language, case)
        assert case["error"] in str(raised.value)
        return
    found, expected = (
        result(language, case),
        [{name: rounded(one) for name, one in row.items()} for row in case["rows"]],
    )
    if case.get("unordered"):
        found, expected = sorted(found, key=repr), sorted(expected, key=repr)
    assert found == expected
