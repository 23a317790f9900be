"""Kusto: a Program's steps as one pipeline.

Running sums are ``row_cumsum`` with a restart, the latest value of earlier rows is carried by ``scan``, and totals over
equal rows by a sort that brings the wanted row first. All of it is accepted by Sentinel's scheduled rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from tollwatch.compile import kql_values as kql
from tollwatch.compile.draft import BEST, CARRIED
from tollwatch.compile.steps import (
    All,
    Any,
    Binary,
    Bound,
    Choose,
    Collapse,
    Edge,
    Extend,
    Function,
    HasRole,
    HasValue,
    InBranch,
    Int,
    IsSet,
    Keep,
    Kind,
    Missing,
    Named,
    Never,
    Note,
    Operation,
    Order,
    OrElse,
    Ref,
    Running,
    Scalar,
    Step,
    Ties,
    Unless,
    WindowStart,
    referred,
)

TYPES = {Kind.TIME: "datetime", Kind.SPAN: "timespan", Kind.WHOLE: "long", Kind.NUMBER: "real", Kind.TEXT: "string"}
EDGES = {Edge.START: "window_start", Edge.END: "window_end", Edge.FRESH: "fresh_after"}
EPOCH = "datetime(1970-01-01)"
_FUNCTIONS = {Function.SUM: "sum", Function.MAX: "max", Function.MIN: "min"}


@dataclass(slots=True)
class Rows:
    """Prints steps. ``types``: the Kusto type of each base column. ``lines`` are the pipeline's."""

    types: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    _sorted: tuple[tuple[str, bool], ...] = ()

    def steps(self, steps: tuple[Step, ...]) -> list[str]:
        """The pipeline's lines."""
        for step in steps:
            self._step(step)
        return self.lines

    def _step(self, step: Step) -> None:
        match step:
            case Note():
                self.lines.append(f"// {step.text}")
            case Extend():
                columns = (f"{kql.name(name)} = {self.scalar(value)}" for name, value, _ in step.columns)
                if _independent(step):
                    self.lines.append(f"| extend {', '.join(columns)}")
                else:
                    self.lines += [f"| extend {column}" for column in columns]
            case Keep():
                self.lines.append(f"| where {self.scalar(step.condition)}")
            case Running():
                self._running(step)
            case Ties():
                self._ties(step)
            case Collapse():
                self._collapse(step)
            case _:
                assert_never(step)

    # ------------------------------------------------------------ functions over rows

    def _sort(self, by: tuple[str, ...], order: tuple[Order, ...]) -> None:
        wanted = (*((name, False) for name in by), *((one.name, one.descending) for one in order))
        if wanted == self._sorted:
            return
        keys = (f"{kql.name(name)} {'desc' if descending else 'asc'}" for name, descending in wanted)
        self.lines.append(f"| sort by {', '.join(keys)}")
        self._sorted = wanted

    def _running(self, step: Running) -> None:
        self._sort(step.by, step.order)
        name = kql.name(step.name)
        if step.function is Function.SUM:
            restart = " or ".join(f"{kql.name(key)} != prev({kql.name(key)})" for key in step.by)
            term = self.scalar(step.of)
            self.lines.append(f"| extend {name} = row_cumsum({term}{', ' if restart else ''}{restart})")
        elif step.dense and not step.current:
            before = _same_as_previous(step.by, f"prev({self.scalar(step.of)})", f"{TYPES[step.kind]}(null)")
            self.lines.append(f"| extend {name} = {before}")
        elif step.current:
            of = self.scalar(step.of)
            kept = _same(step.by, f"coalesce({of}, s.{name})", of)
            self._scan(((name, TYPES[step.kind]),), (f"{name} = {kept}",))
        else:
            # What a row sees are the rows before it; what it hands on includes itself.
            upto, none = CARRIED, f"{TYPES[step.kind]}(null)"
            of = self.scalar(step.of)
            self._scan(
                ((name, TYPES[step.kind]), (upto, TYPES[step.kind])),
                (
                    f"{name} = {_same(step.by, f's.{upto}', none)}",
                    f"{upto} = {_same(step.by, f'coalesce({of}, s.{upto})', of)}",
                ),
            )
            self.lines.append(f"| project-away {upto}")

    def _scan(self, declared: tuple[tuple[str, str], ...], assigned: tuple[str, ...]) -> None:
        columns = ", ".join(f"{name}: {type_}" for name, type_ in declared)  # null to begin with
        self.lines.append(f"| scan declare ({columns}) with (step s: true => {', '.join(assigned)};)")

    def _ties(self, step: Ties) -> None:
        """Sort the row with the wanted value first among its equals, and carry its value to them."""
        name, type_, top = kql.name(step.name), TYPES[step.kind], BEST
        of = self.scalar(step.of)
        if step.function is Function.SUM:
            self._sort(step.by, ())
            restart = " or ".join(f"{kql.name(key)} != prev({kql.name(key)})" for key in step.by)
            self.lines.append(f"| extend {name} = row_cumsum({of}, {restart})")
        elif of != name:
            self.lines.append(f"| extend {name} = {of}")
        keys = ", ".join(f"{kql.name(key)} asc" for key in step.by)
        direction = "asc nulls last" if step.function is Function.MIN else "desc nulls last"
        self.lines.append(f"| sort by {keys}, {name} {direction}")
        self._sorted = ()
        self._scan(((top, type_),), (f"{top} = {_same(step.by, f's.{top}', name)}",))
        self.lines.append(f"| extend {name} = {top}")
        self.lines.append(f"| project-away {top}")

    def _collapse(self, step: Collapse) -> None:
        by = ", ".join(kql.name(name) for name in step.by)
        found = (
            f"{kql.name(name)} = {_FUNCTIONS[function]}({self.scalar(of)})" for name, function, of in step.aggregates
        )
        self.lines.append(f"| summarize {', '.join(found)} by {by}")
        self._sorted = ()

    # ------------------------------------------------------------ scalars

    def scalar(self, scalar: Scalar) -> str:
        """The scalar as an expression."""
        match scalar:
            case Ref() | Named():
                return kql.name(scalar.name)
            case Int():
                return str(scalar.value)
            case Missing():
                return f"{TYPES[scalar.kind]}(null)"
            case Never():
                return EPOCH
            case Operation():
                return self._operation(scalar)
            case All():
                return " and ".join(self._part(item, Any) for item in scalar.items) or "true"
            case Any():
                return " or ".join(self._part(item, All) for item in scalar.items) or "false"
            case Unless(item=IsSet(name=name)):
                return f"{kql.name(name)} == 0"
            case Unless():
                return f"not({self.scalar(scalar.item)})"
            case IsSet():
                return f"{kql.name(scalar.name)} == 1"
            case HasRole():
                return f"role == {kql.string(scalar.role)}"
            case InBranch():
                return f"branch in ({', '.join(map(str, scalar.branches))})"
            case HasValue():
                test = "isnotempty" if self.types.get(scalar.name) == "string" else "isnotnull"
                return f"{test}({kql.name(scalar.name)})"
            case Choose():
                return (
                    f"iff({self.scalar(scalar.condition)}, {self.scalar(scalar.then)}, {self.scalar(scalar.otherwise)})"
                )
            case OrElse():
                return f"coalesce({self.scalar(scalar.first)}, {self.scalar(scalar.second)})"
            case Bound():
                return EDGES[scalar.edge]
            case WindowStart():
                return f"bin_at({self.scalar(scalar.time)}, {kql.span(scalar.span)}, {EPOCH})"
            case _:
                assert_never(scalar)

    def _part(self, item: Scalar, other: type[All | Any]) -> str:
        text = self.scalar(item)
        return f"({text})" if isinstance(item, other) and len(item.items) > 1 else text

    def _operation(self, operation: Operation) -> str:
        left, right = self._operand(operation.left), self._operand(operation.right)
        if operation.operator is Binary.MINUS and operation.left == Int(0):
            return f"-{right}"
        if operation.operator is Binary.OVER:
            return f"todouble({left}) / {right}"
        return f"{left} {operation.operator} {right}"

    def _operand(self, scalar: Scalar) -> str:
        text = self.scalar(scalar)
        return f"({text})" if isinstance(scalar, Operation | All | Any) else text


def _same(by: tuple[str, ...], then: str, otherwise: str) -> str:
    """One value where the row before is of the same group, another where it is not."""
    if not by:
        return then
    equal = " and ".join(f"{kql.name(key)} == s.{kql.name(key)}" for key in by)
    return f"iff({equal}, {then}, {otherwise})"


def _same_as_previous(by: tuple[str, ...], then: str, otherwise: str) -> str:
    if not by:
        return then
    equal = " and ".join(f"{kql.name(key)} == prev({kql.name(key)})" for key in by)
    return f"iff({equal}, {then}, {otherwise})"


def _independent(step: Extend) -> bool:
    """Whether no column of the step reads another one of it."""
    names = {name for name, _, _ in step.columns}
    return len(step.columns) == 1 or not any(names & referred(value) for _, value, _ in step.columns)
