"""Records as each platform takes them in."""

from __future__ import annotations

from typing import Any

import pytest

from tollwatch.query.ingest import table_of
from tollwatch.query.output import cells
from tollwatch.query.table import Type

RECORDS: list[dict[str, Any]] = [
    {"a": 1, "b": {"c": "x", "d": [1, 2]}, "at": "2026-03-01T10:00:00.123456Z", "on": True, "e": None},
    {"a": 2.5, "b": {"c": None}, "at": "2026-03-01T10:00:01Z", "on": False, "f.g": "y"},
]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("kql", {
            "a": ("real", [1, 2.5]), "b": ("dynamic", [{"c": "x", "d": [1, 2]}, {"c": None}]),
            "at": ("datetime", ["2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:01Z"]),
            "on": ("bool", [True, False]), "e": ("string", [None, None]), "f": ("dynamic", [None, {"g": "y"}]),
        }),
        ("esql", {
            "a": ("real", [1, 2.5]), "b.c": ("string", ["x", None]), "b.d": ("dynamic", [[1, 2], None]),
            "at": ("datetime", ["2026-03-01T10:00:00.123000Z", "2026-03-01T10:00:01Z"]),
            "on": ("bool", [True, False]), "f.g": ("string", [None, "y"]),
        }),
        ("spl", {
            "a": ("real", [1, 2.5]), "b.c": ("string", ["x", "null"]), "b.d{}": ("dynamic", [[1, 2], None]),
            "at": ("string", ["2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:01Z"]),
            "on": ("string", ["true", "false"]), "e": ("string", ["null", None]), "f.g": ("string", [None, "y"]),
        }),
    ],
)  # fmt: skip
def test_a_table_of_records(language: str, expected: dict[str, Any]) -> None:
    found = table_of(language, RECORDS)
    assert {name: (str(one.type), cells(one)) for name, one in found.columns.items()} == expected


def test_a_schema_converts_and_adds() -> None:
    types = {"a": Type.STRING, "b": Type.STRING, "late": Type.LONG, "ip": Type.IP}
    records: list[dict[str, Any]] = [{"a": 1.0, "b": {"c": 1}, "ip": "2001:DB8::1"}, {"ip": "nowhere"}]
    found = table_of("kql", records, types)
    assert {name: cells(one) for name, one in found.columns.items()} == {
        "a": ["1", None], "b": ['{"c": 1}', None], "late": [None, None], "ip": ["2001:db8::1", None],
    }  # fmt: skip
