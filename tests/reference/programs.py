"""Runs a Program one row at a time: slow and obvious, so that the algorithm can be held against the evaluator apart
from any query language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, assert_never

from reference.values import number
from tollwatch.compile import steps
from tollwatch.compile.steps import Binary, Function, Program, Scalar, Step, Take
from tollwatch.plan.nodes import Predicate

Row = dict[str, Any]
Event = Mapping[str, Any]
Matches = Callable[[Predicate, int], bool]


def run(program: Program, log: Sequence[Event], matches: Matches, bounds: Mapping[str, int] | None = None) -> list[Row]:
    """The rows of the result. ``matches`` tells whether the event of that number matches; times are µs."""
    rows = _base(program, log, matches)
    machine = Machine({c.name: Fraction(c.value) for c in program.constants}, dict(bounds or {}))
    for step in program.steps:
        rows = machine.step(step, rows)
    return [_shown(program, row) for row in rows]


def _shown(program: Program, row: Row) -> Row:
    result = program.result
    peak = None if result.peak is None else Fraction(row[result.peak]) / result.unit
    times = {name: row[name] for name in ("first_seen", "triggered_at", "last_seen", "hits")}
    return {"entity": {name: row[column] for name, column in result.entity}, **times, "peak": peak}


def _base(program: Program, log: Sequence[Event], matches: Matches) -> list[Row]:
    base = program.base
    found: dict[tuple[Any, ...], Row] = {}
    for at, event in enumerate(log):
        for branch, entering in enumerate(base.branches):
            flags = dict.fromkeys(base.flags, 0)
            flags |= {name: int(matches(predicate, at)) for name, predicate in entering.flags}
            if not any(flags.values()):
                continue
            flags |= {name: int(matches(predicate, at)) for name, predicate in entering.repeats}
            for role in entering.roles:
                row: Row = {"t": event["timestamp"], "role": role, "branch": branch, **flags}
                totals: Row = {"events": 1}
                for column in base.columns:
                    field = column.fields[branch]
                    _take(column, None if field is None else event.get(field), row, totals)
                grain = tuple((name, type(value), value) for name, value in row.items())
                kept = found.setdefault(grain, {**row, **dict.fromkeys(totals, 0)})
                for name, value in totals.items():
                    kept[name] += value
    return list(found.values())


def _take(column: steps.BaseColumn, value: Any, row: Row, totals: Row) -> None:
    amount = None if number(value) is None else number(value) * column.unit  # type: ignore[operator]  # not None here
    match column.take:
        case Take.KEY:
            row[column.name] = value
        case Take.AMOUNT:
            row[column.name] = amount
        case Take.TOTAL:
            totals[column.name] = amount or 0
        case Take.KNOWN:
            totals[column.name] = int(amount is not None)
        case _:
            assert_never(column.take)


class Machine:
    def __init__(self, constants: Mapping[str, Fraction], bounds: Mapping[str, int]) -> None:
        self.constants = constants
        self.bounds = bounds

    def step(self, step: Step, rows: list[Row]) -> list[Row]:
        match step:
            case steps.Note():
                return rows
            case steps.Extend():
                for row in rows:
                    for name, value, _ in step.columns:
                        row[name] = self.value(value, row)
                return rows
            case steps.Keep():
                return [row for row in rows if self.holds(step.condition, row)]
            case steps.Running():
                return self.running(step, rows)
            case steps.Ties():
                groups = _grouped(rows, step.by)
                totals = {key: _over(step.function, [self.value(step.of, r) for r in g]) for key, g in groups.items()}
                for row in rows:
                    row[step.name] = totals[_key(row, step.by)]
                return rows
            case steps.Collapse():
                return [self.collapsed(step, group) for group in _grouped(rows, step.by).values()]
            case _:
                assert_never(step)

    def running(self, step: steps.Running, rows: list[Row]) -> list[Row]:
        for order in reversed(step.order):
            # Where a missing value stands does not matter: such rows weigh nothing.
            rows = sorted(rows, key=lambda r: (r[order.name] is not None, r[order.name]), reverse=order.descending)
        seen: dict[tuple[Any, ...], Any] = {}
        for row in rows:
            key = _key(row, step.by)
            before = seen.get(key, 0 if step.function is Function.SUM else None)
            value = self.value(step.of, row)
            latest = before if value is None else value
            after = before + value if step.function is Function.SUM else latest
            seen[key] = after
            row[step.name] = after if step.current else before
        return rows

    def collapsed(self, step: steps.Collapse, group: list[Row]) -> Row:
        row = {name: group[0][name] for name in step.by}
        for name, function, of in step.aggregates:
            row[name] = _over(function, [self.value(of, one) for one in group])
        return row

    def holds(self, scalar: Scalar, row: Row) -> bool:
        return self.value(scalar, row) is True

    def value(self, scalar: Scalar, row: Row) -> Any:  # one branch for each member
        match scalar:
            case steps.Ref():
                return row[scalar.name]
            case steps.Named():
                return self.constants[scalar.name]
            case steps.Int():
                return scalar.value
            case steps.Missing():
                return None
            case steps.Never():
                return 0
            case steps.Operation():
                return _operate(scalar.operator, self.value(scalar.left, row), self.value(scalar.right, row))
            case steps.All():
                return all(self.holds(item, row) for item in scalar.items)
            case steps.Any():
                return any(self.holds(item, row) for item in scalar.items)
            case steps.Unless():
                return not self.holds(scalar.item, row)
            case steps.IsSet():
                return bool(row[scalar.name] == 1)
            case steps.HasRole():
                return bool(row["role"] == scalar.role)
            case steps.InBranch():
                return row["branch"] in scalar.branches
            case steps.HasValue():
                return row[scalar.name] is not None
            case steps.Choose():
                return self.value(scalar.then if self.holds(scalar.condition, row) else scalar.otherwise, row)
            case steps.OrElse():
                first = self.value(scalar.first, row)
                return self.value(scalar.second, row) if first is None else first
            case steps.Bound():
                return self.bounds[scalar.edge]
            case steps.WindowStart():
                return self.value(scalar.time, row) // scalar.span * scalar.span
            case _:
                assert_never(scalar)


def _operate(operator: Binary, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    return {
        Binary.PLUS: lambda: left + right,
        Binary.MINUS: lambda: left - right,
        Binary.TIMES: lambda: left * right,
        Binary.OVER: lambda: Fraction(left) / right,
        Binary.LT: lambda: left < right,
        Binary.LTE: lambda: left <= right,
        Binary.GT: lambda: left > right,
        Binary.GTE: lambda: left >= right,
        Binary.EQ: lambda: left == right,
        Binary.NEQ: lambda: left != right,
    }[operator]()


def _over(function: Function, values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    if function is Function.SUM:
        return sum(known)
    return (max if function is Function.MAX else min)(known, default=None)


def _grouped(rows: list[Row], by: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(_key(row, by), []).append(row)
    return groups


def _key(row: Row, by: Sequence[str]) -> tuple[Any, ...]:
    # True and 1 are equal in Python; texts of two types never meet here.
    return tuple((type(row[name]) is bool, row[name]) for name in by)


def key_text(value: Any) -> str:
    """A group-by value as an alert shows it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
