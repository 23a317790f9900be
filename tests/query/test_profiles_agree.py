"""A profile both ways: what a query over a source's raw log finds is what the same rule finds in its events.

For each profile that Kusto or ES|QL is told of, and each value that a field has in the profile's sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from reference.canonical import plan_of
from reference.proof import run_text
from reference.samples import PROFILES
from tollwatch.compile.model import Mode, Options, Query, Refused
from tollwatch.compile.registry import compile_node, language
from tollwatch.compile.source import RawColumn, Source, source_of
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import CANONICAL_NAME, NONE, Profile, builtin_names, load_profile
from tollwatch.logs.read import from_records
from tollwatch.logs.records import lookup
from tollwatch.logs.schema import FIELDS
from tollwatch.plan.nodes import Plan
from tollwatch.query.table import Table, Type, column

NOW = 1_772_400_000_000_000
TYPES = {
    "string": Type.STRING, "keyword": Type.STRING, "ip": Type.STRING, "long": Type.LONG, "int": Type.LONG,
    "real": Type.REAL, "double": Type.REAL, "bool": Type.BOOL, "boolean": Type.BOOL, "dynamic": Type.DYNAMIC,
    "datetime": Type.DATETIME, "date": Type.DATETIME,
}  # fmt: skip
PLACES = [
    (name, target)
    for name in builtin_names()
    if name not in (NONE, CANONICAL_NAME, "litellm")
    for target, _ in load_profile(name).targets
    if target in ("kql", "esql") and load_profile(name).records is None
]


def sample(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (PROFILES / name / "sample.jsonl").read_text("utf-8").splitlines()]


def raw_table(query: Query, source: Source, records: list[dict[str, Any]], times: list[int]) -> Table:
    """The columns that the query reads, as the source's own table has them."""
    paths = {raw.name: raw for raw in raw_columns(source)}
    parents = {raw.text_of: raw.path.removesuffix("." + raw.name) for raw in paths.values() if raw.text_of}
    found = {}
    for one in query.columns:
        kind = TYPES[one.type]
        if one.name == source.time:
            values: list[Any] = list(times)
        elif one.name in parents:
            values = [as_text(lookup(record, parents[one.name])) for record in records]
        elif kind is Type.DYNAMIC and one.name not in paths:
            values = [nested(record).get(one.name) for record in records]
        else:
            path = paths[one.name].path if one.name in paths else one.name
            values = [typed(found_at(record, path), kind) for record in records]
        found[one.name] = column(kind, values)
    return Table(found, len(records))


def raw_columns(source: Source) -> Iterator[RawColumn]:
    for carrier in source.profile.carriers:
        with suppress(Refused):  # a field that the language cannot reach is no column
            yield from source.carried(carrier.field).raw()
    for path, _ in source.profile.where:
        yield source._column(path, None)


def found_at(record: dict[str, Any], path: str) -> Any:
    """The value at a path, also inside a text of JSON."""
    parent, _, rest = path.partition(".")
    if rest and isinstance(record.get(parent), str) and record[parent].startswith("{"):
        return lookup(json.loads(record[parent]), rest)
    return lookup(record, path)


def nested(record: dict[str, Any]) -> dict[str, Any]:
    """Keys with dots as records in records, as Kusto takes them in."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        *parents, leaf = key.split(".")
        below = found
        for name in parents:
            below = below.setdefault(name, {})
        below[leaf] = value
    return found


def as_text(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)


def typed(value: Any, kind: Type) -> Any:
    """The value as a column of that type keeps it."""
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return None
    if kind is Type.STRING:
        return as_text(value)
    if kind is Type.REAL:
        return float(value)
    return int(value) if kind is Type.LONG else value


def questions(profile: Profile, name: str) -> Iterator[tuple[str, Any]]:
    """(field, value) of everything in the events of the sample."""
    events = [json.loads(line) for line in (PROFILES / name / "events.jsonl").read_text("utf-8").splitlines()]
    for field in (carrier.field for carrier in profile.carriers if carrier.field != "timestamp"):
        yield from ((field, value) for value in dict.fromkeys(event[field] for event in events if field in event))


@pytest.mark.parametrize(("name", "target"), PLACES)
def test_a_query_over_the_raw_log_finds_the_events(name: str, target: str) -> None:
    profile, records = load_profile(name), sample(name)
    events = from_records(records, profile)
    times = dict(zip(events.line.tolist(), events.time.tolist(), strict=True))
    wrong, asked = [], 0
    for field, value in questions(profile, name):
        category = "control_plane" if profile.sources == (("ai_api", None, "control_plane"),) else "gateway"
        rule = {
            "title": "one",
            "logsource": {"category": "ai_api", "service": category},
            "detection": {
                "selection": {f"{field}|cased" if isinstance(value, str) else field: value},
                "condition": "selection",
            },
        }
        (node,) = plan_of([rule]).detections
        query = compile_node(node, language(target), profile, Options(Mode.HUNT))
        if query.text is None:
            assert FIELDS[field]
            continue
        table = raw_table(
            query, source_of(profile, target), records, [times.get(n + 1, 0) for n in range(len(records))]
        )
        rows = run_text(target, query.text, {query.source or "": table}, NOW)
        found = sorted(rows.columns["triggered_at"].values.tolist())
        scale = 1000 if target == "esql" else 1
        alerts = run(Plan((node,)), [events]).alerts
        meant = sorted(alert.triggered_at for alert in alerts)
        asked += 1
        if [one // scale for one in found] != [one // scale for one in meant]:
            wrong.append((field, value, found, meant))
    assert wrong == []
    assert asked > 0
