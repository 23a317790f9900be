"""Runs the stages of hopping windows one row at a time, so that they can be held against the evaluator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from statistics import median
from typing import Any, assert_never

from reference.programs import Machine
from reference.values import number
from tollwatch.compile import hopping
from tollwatch.compile.hopping import Function, Hopping, Measured, Passing
from tollwatch.plan.nodes import Predicate

Row = dict[str, Any]
Matches = Callable[[Predicate, int], bool]


def run(made: Hopping, log: Sequence[Mapping[str, Any]], matches: Matches) -> list[Row]:
    """The windows of the root that hold: its columns, with ``t`` (ms). ``log`` has times in µs."""
    rows = [row for at, event in enumerate(log) for row in _base(made, event, at, matches)]
    for stage in made.stages:
        rows = list(_stage(stage, rows))
    return rows


def _base(made: Hopping, event: Mapping[str, Any], at: int, matches: Matches) -> Iterator[Row]:
    units = {amount.name: amount.unit for amount in made.amounts}
    every = dict.fromkeys(column for part in made.parts for column, _ in part.columns)
    for part in made.parts:
        if not any(matches(search.predicate, at) for search in part.searches):
            continue
        t = event["timestamp"] // 1000
        row: Row = {"part": part.name, "t": t, "earliest": t, "events": 1, **every}
        for column, field in part.columns:
            value = event.get(field)
            if column in units:
                value = None if number(value) is None else number(value) * units[column]  # type: ignore[operator]  # not None here
            row[column] = value
        if all(row[key] is not None for key in part.keys):
            yield row


def _stage(stage: hopping.Stage, rows: list[Row]) -> Iterator[Row]:
    match stage:
        case hopping.Note():
            yield from rows
        case hopping.Copy():
            for row in rows:
                names = stage.names if row["part"] == stage.part else (row["part"],)
                yield from ({**row, "part": name} for name in names)
        case hopping.Assign():
            for row in rows:
                moved = {to: row[of] for to, of in stage.columns} if row["part"] == stage.part else {}
                yield {**row, **moved}
        case hopping.Present():
            yield from (r for r in rows if r["part"] != stage.part or all(r[c] is not None for c in stage.columns))
        case hopping.Slide():
            for row in rows:
                mine = row["part"] in stage.parts
                for step in range(stage.count if mine else 1):
                    yield {**row, "window": row["t"] // stage.hop + step if mine else None}
        case hopping.Judge():
            yield from _passed(stage.passing, stage.parts, stage.by, rows)
            for group in _groups(stage.parts, stage.by, rows):
                yield from _judged(stage, group)
        case hopping.Follow():
            yield from _passed(stage.passing, stage.parts, stage.by, rows)
            yield from _followed(stage, rows)
        case _:
            assert_never(stage)


def _key(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple((type(row.get(name)), row.get(name)) for name in columns)


def _groups(parts: Sequence[str], by: Sequence[str], rows: list[Row]) -> list[list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        if row["part"] in parts:
            found.setdefault((row["window"], _key(row, by)), []).append(row)
    return list(found.values())


def _passed(passing: Passing | None, parts: Sequence[str], by: Sequence[str], rows: list[Row]) -> Iterator[Row]:
    others = [row for row in rows if row["part"] not in parts]
    assert passing is not None or not others
    if passing is None:
        return
    kept = (*by, *passing.columns)
    found: dict[Any, Row] = {}
    for row in others:
        one = {"part": row["part"], "t": row["t"], "window": None, **{name: row.get(name) for name in kept}}
        same = found.setdefault(
            _key(one, list(one)), {**one, "earliest": row["earliest"], **({"events": 0} if passing.weighs else {})}
        )
        same["earliest"] = min(same["earliest"], row["earliest"])
        if passing.weighs:
            same["events"] += row["events"]
    yield from found.values()


def _judged(stage: hopping.Judge, group: list[Row]) -> Iterator[Row]:
    row: Row = {"part": stage.into, **{name: group[0][name] for name in stage.by}}
    row |= {one.name: _measured(one, group) for one in stage.measured}
    machine = Machine({c.name: Fraction(c.value) for c in stage.constants}, {})
    for name, value in stage.computed:
        row[name] = machine.value(value, row)
    if machine.holds(stage.condition, row):
        end = None if stage.span is None else (group[0]["window"] + 1) * stage.span
        yield {**row, "t": row["latest"] if end is None else end, "events": 1}


def _measured(one: Measured, group: list[Row]) -> Any:
    rows = [row for row in group if one.part in (None, row["part"])]
    values = [tuple(row[name] for name in one.columns) for row in rows]
    weights = [row.get("events", 1) for row in rows]
    known = [(v[0], w) for v, w in zip(values, weights, strict=True) if v and None not in v]
    match one.function:
        case Function.COUNT:
            return sum(w for _, w in known) if one.columns else sum(weights)
        case Function.SUM:
            known = [(v, w) for v, w in known if v >= 0]
            return sum(v * w for v, w in known) if known else None
        case Function.DISTINCT:
            return len({tuple((type(x), x) for x in v) for v in values if None not in v})
        case Function.MIN:
            return min((v for v, _ in known), default=None)
        case Function.MAX:
            return max((v for v, _ in known), default=None)
        case Function.MEDIAN:
            return median(Fraction(v) for v, _ in known) if known else None
        case Function.PERCENTILE:
            return None
        case Function.BELOW | Function.UP_TO:
            bound = Fraction(one.than or "0")
            less = one.function is Function.BELOW
            return sum(w for v, w in known if v < bound or (v == bound and not less))
        case Function.SEEN:
            return int(bool(rows))
        case _:
            assert_never(one.function)


def _followed(stage: hopping.Follow, rows: list[Row]) -> Iterator[Row]:
    first, *rest = stage.parts
    found: list[Row] = []
    for group in _groups(stage.parts, stage.by, rows):
        starts = [row["t"] for row in group if row["part"] == first]
        begins = min(row["earliest"] for row in group)
        for row in group:
            if row["part"] in rest and starts and row["t"] > min(starts):
                kept = {name: row.get(name) for name in (*stage.by, *stage.carried)}
                part = row["part"] if stage.into is None else stage.into
                found.append(
                    {**kept, "part": part, "t": row["t"], "earliest": begins, "window": row["window"], "events": 1}
                )
    if not stage.unique:
        yield from found
        return
    seen: Counter[Any] = Counter()
    for row in found:
        key = _key(row, ("t", *stage.by, *stage.carried))
        seen[key] += 1
        if seen[key] == 1:
            yield row
