"""SPL: a Program's steps as one pipeline of sort, streamstats, eventstats, eval and stats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from tollwatch.compile import spl_values as spl
from tollwatch.compile.steps import (
    All,
    Any,
    Binary,
    Bound,
    Choose,
    Collapse,
    Constant,
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
)

EDGES = {Edge.START: "window_start", Edge.END: "window_end", Edge.FRESH: "fresh_after"}
_OPERATORS = {Binary.EQ: "=", Binary.NEQ: "!="}
_STEP = "value"  # what the next command takes


@dataclass(slots=True)
class Rows:
    """Prints steps. ``amounts``: columns with numbers or empty text, which sort as numbers."""

    declared: list[str]
    amounts: frozenset[str]
    lines: list[str] = field(default_factory=list)
    _sorted: tuple[Order, ...] = ()

    def steps(self, steps: tuple[Step, ...]) -> list[str]:
        """The pipeline's lines."""
        for step in steps:
            self._step(step)
        return self.lines

    def _step(self, step: Step) -> None:
        match step:
            case Note():
                self.lines.append(f"```{_comment(step.text)}```")
            case Extend():
                for name, value, _ in step.columns:
                    self._eval(name, self.scalar(value))
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

    def _eval(self, name: str, text: str) -> None:
        self.lines.append(f"| eval {name}={text}")
        if any(name == order.name for order in self._sorted):
            self._sorted = ()

    def _sort(self, order: tuple[Order, ...]) -> None:
        # Rows of other groups may stand between: the commands tell groups apart by BY.
        if order == self._sorted:
            return
        keys = (f"num({one.name})" if one.name in self.amounts else one.name for one in order)
        signs = ("-" if one.descending else "" for one in order)
        self.lines.append("| sort 0 " + ", ".join(f"{sign}{key}" for sign, key in zip(signs, keys, strict=True)))
        self._sorted = order

    def _column(self, of: Scalar) -> str:
        """The value as a column: its own where it is one, else a new one."""
        if isinstance(of, Ref):
            return of.name
        self._eval(_STEP, self.scalar(of))
        return _STEP

    def _running(self, step: Running) -> None:
        self._sort(step.order)
        column = self._column(step.of)
        # A latest value rises along rising times, and falls along falling ones.
        latest = "min" if step.order[0].descending else "max"
        function = "sum" if step.function is Function.SUM else latest
        current = "" if step.current else "current=f "
        self.lines.append(f"| streamstats {current}{function}({column}) AS {step.name}{_by(step.by)}")

    def _ties(self, step: Ties) -> None:
        column = self._column(step.of)
        self.lines.append(f"| eventstats {step.function}({column}) AS {step.name}{_by(step.by)}")
        if any(step.name == order.name for order in self._sorted):
            self._sorted = ()

    def _collapse(self, step: Collapse) -> None:
        aggregates = []
        for name, function, of in step.aggregates:
            column = of.name if isinstance(of, Ref) else f"{name}_of"
            if not isinstance(of, Ref):
                self._eval(column, self.scalar(of))
            aggregates.append(f"{function}({column}) AS {name}")
        self.lines.append(f"| stats {', '.join(aggregates)}{_by(step.by)}")
        self.lines += self.declared
        self._sorted = ()

    # ------------------------------------------------------------ scalars

    def scalar(self, scalar: Scalar) -> str:
        """The scalar as an eval expression."""
        match scalar:
            case Ref() | Named():
                return spl.name(scalar.name)
            case Int():
                return str(scalar.value)
            case Missing():
                return "null()"
            case Never():
                return "0"
            case Operation():
                operator = _OPERATORS.get(scalar.operator, str(scalar.operator))
                return f"{self._operand(scalar.left)}{operator}{self._operand(scalar.right)}"
            case All():
                return " AND ".join(self._part(item, Any) for item in scalar.items) or "1=1"
            case Any():
                return " OR ".join(self._part(item, All) for item in scalar.items) or "1=0"
            case Unless(item=IsSet(name=name)):
                return f"{spl.name(name)}=0"
            case Unless():
                return f"if({self.scalar(scalar.item)}, 0, 1)=1"
            case IsSet():
                return f"{spl.name(scalar.name)}=1"
            case HasRole():
                return f'role="{scalar.role}"'
            case InBranch():
                return " OR ".join(f"branch={number}" for number in scalar.branches)
            case HasValue():
                return f'{spl.name(scalar.name)}!=""'
            case Choose():
                return (
                    f"if({self.scalar(scalar.condition)}, {self.scalar(scalar.then)}, {self.scalar(scalar.otherwise)})"
                )
            case OrElse():
                return f"coalesce({self.scalar(scalar.first)}, {self.scalar(scalar.second)})"
            case Bound():
                return EDGES[scalar.edge]
            case WindowStart():
                time = self.scalar(scalar.time)
                return f"{time}-{time}%{scalar.span}"
            case _:
                assert_never(scalar)

    def _part(self, item: Scalar, other: type[All | Any]) -> str:
        text = self.scalar(item)
        several = isinstance(item, other) and len(item.items) > 1
        return f"({text})" if several or (isinstance(item, InBranch) and len(item.branches) > 1) else text

    def _operand(self, scalar: Scalar) -> str:
        text = self.scalar(scalar)
        return f"({text})" if isinstance(scalar, Operation | All | Any | WindowStart) else text


def constant(of: Constant) -> str:
    """``name=value``; times and spans are whole microseconds."""
    if of.kind is Kind.SPAN and of.value % 1_000_000 == 0:
        return f"{of.name}={of.value // 1_000_000}*1000000"
    return f"{of.name}={spl.number(of.value)}"


def _by(by: tuple[str, ...]) -> str:
    return f" BY {', '.join(spl.listed(name) for name in by)}" if by else ""


def _comment(text: str) -> str:
    """Without what could end the comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text).replace("`", "'")
