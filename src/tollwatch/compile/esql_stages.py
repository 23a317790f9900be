"""ES|QL: the stages of hopping windows as one pipeline.

``STATS`` is the only way from many rows to one, and it drops all others: rows that wait for a later correlation pass
through it under a group of their own. From 9.3 on ``INLINE STATS`` keeps rows as they are; before, what must be kept of
them goes through ``VALUES`` as one text, and is taken apart again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from tollwatch.compile import esql_values as esql
from tollwatch.compile.esql_values import Typed
from tollwatch.compile.hopping import (
    Assign,
    Copy,
    Follow,
    Function,
    Judge,
    Measured,
    Note,
    Passing,
    Present,
    Slide,
    Stage,
)
from tollwatch.compile.hopping_feeds import EVENTS, FIRST, LAST
from tollwatch.compile.steps import All, Any, Choose, Int, IsSet, Named, Operation, Ref, Scalar, Unless

PRECISION = 40_000  # the most that COUNT_DISTINCT takes; it counts exactly below it


@dataclass(slots=True)
class Stages:
    """Prints stages. ``types``: of each column that rows can carry.

    ``bounds``: a scheduled run's window_start and window_end, as EVAL makes them; None in a hunt.
    """

    types: Mapping[str, str]
    inline: bool
    bounds: str | None
    lines: list[str] = field(default_factory=list)
    weighed: bool = False
    first_known: bool = False

    def stages(self, stages: tuple[Stage, ...]) -> list[str]:
        """The pipeline's lines. The last rows have ``t`` and ``first_seen``, ms."""
        for at, stage in enumerate(stages):
            self._stage(stage, next(later for later in stages[at:] if isinstance(later, Judge | Follow)))
        return self.lines

    def _add(self, line: str) -> None:
        self.lines.append(f"| {line}")

    def _stage(self, stage: Stage, following: Judge | Follow) -> None:
        match stage:
            case Note():
                self.lines.append(f"// {stage.text}")
            case Copy():
                copies = ", ".join(esql.string(name) for name in stage.names)
                self._add(f"EVAL part = {self._of((stage.part,), f'[{copies}]', 'part', following)}")
                self._add("MV_EXPAND part")
            case Assign():
                columns = (
                    f"{esql.name(to)} = {self._of((stage.part,), esql.name(of), esql.name(to), following)}"
                    for to, of in stage.columns
                )
                self._add(f"EVAL {', '.join(columns)}")
            case Present():
                present = " AND ".join(f"{esql.name(column)} IS NOT NULL" for column in stage.columns)
                alone = _alone((stage.part,), following)
                self._add(f"WHERE {present if alone else f'{_outside((stage.part,))} OR ({present})'}")
            case Slide():
                self._slide(stage, following)
            case Judge():
                self._judge(stage)
            case Follow():
                self._follow(stage)
            case _:
                assert_never(stage)

    def _of(self, parts: tuple[str, ...], value: str, otherwise: str, following: Judge | Follow) -> str:
        """The value in rows of the parts, another in others, if there are any."""
        return value if _alone(parts, following) else f"CASE({inside(parts)}, {value}, {otherwise})"

    # ------------------------------------------------------------ windows

    def _slide(self, stage: Slide, following: Judge | Follow) -> None:
        if stage.count == 1:
            window = f"t / {stage.hop}"
        else:
            steps = ", ".join(str(step) for step in range(stage.count))
            self._add(f"EVAL slide = {self._of(stage.parts, f'[{steps}]', '0', following)}")
            self._add("MV_EXPAND slide")
            window = f"t / {stage.hop} + slide"
        if not _alone(stage.parts, following):
            window = f"CASE({inside(stage.parts)}, {window})"
        self._add(f"EVAL window = {window}")

    def _judge(self, stage: Judge) -> None:
        waits = stage.passing is not None
        columns = self._passing(stage.parts, stage.into, stage.passing) if stage.passing else []
        measured = [one for one in stage.measured if not (one.name == LAST and stage.span is not None)]
        aggregates = [f"{self._named(one, waits)} = {self._measured(one)}" for one in measured]
        self._stats([*aggregates, *self._events(stage.passing)], [*_names(stage.by), "window", *columns])
        self._renamed(stage.parts, stage.into, waits)
        for name, value in stage.computed:
            self._add(f"EVAL {esql.name(name)} = {self._scalar(value, waits)}")
        if stage.constants:
            self._add(
                "EVAL " + ", ".join(f"{constant.name} = {esql.number(constant.value)}" for constant in stage.constants)
            )
        condition = self._scalar(stage.condition, waits)
        if stage.span is not None:
            condition = self._complete(stage.span, condition)
        if condition:
            self._add(f"WHERE {f'{_outside((stage.into,))} OR ({condition})' if waits else condition}")
        time = LAST if stage.span is None else f"(window + 1) * {stage.span}"
        if waits or stage.span is not None:
            self._add(f"EVAL t = {f'COALESCE(waiting, {time})' if waits else time}")
        self.first_known = True

    def _complete(self, span: int, condition: str) -> str:
        """Of a scheduled run only the calendar windows that lie wholly in its time."""
        if self.bounds is None:
            return condition
        self._add(f"EVAL {self.bounds}")
        inside = f"window * {span} >= window_start AND (window + 1) * {span} <= window_end"
        return f"{inside} AND {condition}" if condition else inside

    # ------------------------------------------------------------ rows that wait

    def _passing(self, parts: tuple[str, ...], into: str, passing: Passing) -> list[str]:
        """Give rows that wait a group of their own; the columns that tell these groups apart."""
        columns = _names(passing.columns)
        evals = [f"waiting = CASE({_outside(parts)}, t)"]
        evals += [f"{column} = CASE({_outside(parts)}, {column})" for column in columns]
        if parts != (into,):
            evals.append(f"node = CASE({inside(parts)}, {esql.string(into)}, part)")
        self._add(f"EVAL {', '.join(evals)}")
        return ["part" if parts == (into,) else "node", "waiting", *columns]

    def _renamed(self, parts: tuple[str, ...], into: str, waits: bool) -> None:
        if waits and parts != (into,):
            self._add("RENAME node AS part")

    def _events(self, passing: Passing | None) -> list[str]:
        """How many events each row stands for, where a later correlation counts them."""
        if passing is None or not passing.weighs:
            return []
        weighed, self.weighed = self.weighed, True
        return [f"{EVENTS} = {f'SUM({EVENTS})' if weighed else 'COUNT(*)'}"]

    def _stats(self, aggregates: list[str], by: list[str]) -> None:
        self._add(f"STATS {', '.join(aggregates)} BY {', '.join(by)}")

    # ------------------------------------------------------------ measures

    def _named(self, one: Measured, waits: bool) -> str:
        """Where no rows wait, the time of the last row is the time at once."""
        return "t" if one.name == LAST and not waits else esql.name(one.name)

    def _first(self) -> str:
        return FIRST if self.first_known else "t"

    def _measured(self, one: Measured) -> str:
        only = "" if one.part is None else f" WHERE part == {esql.string(one.part)}"
        columns = [esql.name(self._first() if name == FIRST else name) for name in one.columns]
        match one.function:
            case Function.COUNT:
                return self._count(columns[0] + " IS NOT NULL" if columns else None)
            case Function.SUM:
                return f"SUM({columns[0]}{f' * {EVENTS}' if self.weighed else ''})"
            case Function.DISTINCT:
                return f"COUNT_DISTINCT({self._tuple(one.columns)}, {PRECISION})"
            case Function.MIN | Function.MAX | Function.MEDIAN:
                return f"{one.function.upper()}({columns[0]}){only}"
            case Function.PERCENTILE:
                return f"PERCENTILE({columns[0]}, {one.than})"
            case Function.BELOW | Function.UP_TO:
                operator = "<" if one.function is Function.BELOW else "<="
                return self._count(f"{columns[0]} {operator} {one.than}")
            case Function.SEEN:
                seen = "t IS NOT NULL" if one.part is None else f"part == {esql.string(one.part)}"
                return f"MAX(CASE({seen}, 1, 0))"
            case _:
                assert_never(one.function)

    def _count(self, condition: str | None) -> str:
        """How many events; a sum of no rows would be null, and not 0."""
        if not self.weighed:
            return "COUNT(*)" + (f" WHERE {condition}" if condition else "")
        return f"SUM(CASE({condition}, {EVENTS}, 0))" if condition else f"SUM({EVENTS})"

    def _tuple(self, columns: tuple[str, ...]) -> str:
        """Several values as one text: all but the last with their length in front, so that no two tuples meet."""
        if len(columns) == 1:
            return esql.name(columns[0])
        texts = [esql.cast(Typed(esql.name(column), self._type(column)), "keyword") for column in columns]
        pieces = [piece for text in texts[:-1] for piece in (f"TO_STRING(LENGTH({text}))", '":"', text)]
        return f"CONCAT({', '.join([*pieces, texts[-1]])})"

    # ------------------------------------------------------------ rules in order

    def _follow(self, stage: Follow) -> None:
        (self._follow_inline if self.inline else self._follow_packed)(stage)
        self.first_known = True
        if stage.unique:
            self._unique(stage)

    def _follow_inline(self, stage: Follow) -> None:
        first, *rest = stage.parts
        aggregates = f"start = MIN(t) WHERE part == {esql.string(first)}, begins = MIN({self._first()})"
        self._add(f"INLINE STATS {aggregates} BY {', '.join([*_names(stage.by), 'window'])}")
        later = f"part != {esql.string(first)} AND t > start"
        waits = stage.passing is not None
        self._add(f"WHERE {f'{_outside(stage.parts)} OR ({later})' if waits else later}")
        begins = f"CASE({inside(tuple(rest))}, begins, {self._first()})" if waits else "begins"
        evals = [f"{FIRST} = {begins}"]
        if stage.into is not None and waits:
            evals.append(f"part = CASE(part == {esql.string(rest[-1])}, {esql.string(stage.into)}, part)")
        if stage.passing is not None and stage.passing.weighs and not self.weighed:
            evals.append(f"{EVENTS} = 1")
            self.weighed = True
        self._add(f"EVAL {', '.join(evals)}")

    def _follow_packed(self, stage: Follow) -> None:
        first, *rest = stage.parts
        into = stage.into or first
        waits = stage.passing is not None
        packed = ["part"] if len(rest) > 1 else []
        packed += ["t", *stage.carried]
        row = self._packed(packed)
        self._add(f"EVAL row = CASE({inside(tuple(rest))}, {row})")
        columns = self._passing(stage.parts, into, stage.passing) if stage.passing else []
        start = f"start = MIN(t) WHERE part == {esql.string(first)}"
        aggregates = [start, f"{FIRST} = MIN({self._first()})", "row = VALUES(row)", *self._events(stage.passing)]
        self._stats(aggregates, [*_names(stage.by), "window", *columns])
        self._renamed(stage.parts, into, waits)
        if not waits:
            self._add("WHERE start IS NOT NULL AND row IS NOT NULL")
        self._add("MV_EXPAND row")
        self._unpacked(packed, stage)
        self._add(f"WHERE {'waiting IS NOT NULL OR t > start' if waits else 't > start'}")

    def _packed(self, columns: list[str]) -> str:
        """One text of the columns: without spaces but in the last."""
        if columns == ["t"]:
            return "t"
        texts = []
        for number, column in enumerate(columns):
            text = esql.cast(Typed(esql.name(column), self._type(column)), "keyword")
            free = column in ("part", "t") or number == len(columns) - 1
            texts.append(text if free else f"TO_BASE64({text})")
        return "CONCAT(" + ', " ", '.join(texts) + ")"

    def _unpacked(self, columns: list[str], stage: Follow) -> None:
        waits = stage.passing is not None
        if columns == ["t"]:
            self._add(f"EVAL t = {'COALESCE(waiting, row)' if waits else 'row'}")
            return
        keys = [f"row_{number}" for number in range(1, len(columns) + 1)]
        self._add("DISSECT row " + esql.string(" ".join(f"%{{{key}}}" for key in keys)))
        evals = []
        for number, (column, key) in enumerate(zip(columns, keys, strict=True)):
            free = column in ("part", "t") or number == len(columns) - 1
            value = esql.cast(Typed(key if free else f"FROM_BASE64({key})", "keyword"), self._type(column))
            other = {"t": "waiting"}.get(column, esql.name(column))
            known = waits and (column in ("part", "t") or (stage.passing and column in stage.passing.columns))
            evals.append(f"{esql.name(column)} = {f'COALESCE({value}, {other})' if known else value}")
        self._add(f"EVAL {', '.join(evals)}")

    def _type(self, column: str) -> str:
        return {"t": "long", "part": "keyword"}.get(column) or self.types.get(column, "keyword")

    def _unique(self, stage: Follow) -> None:
        """A row that stands in several windows becomes one."""
        passing = () if stage.passing is None else stage.passing.columns
        columns = dict.fromkeys((*stage.by, *stage.carried, *passing))
        by = [*(["part"] if stage.passing is not None else []), "t", *_names(tuple(columns))]
        events = [f"{EVENTS} = SUM({EVENTS})"] if stage.passing is not None and self.weighed else []
        self._stats([f"{FIRST} = MIN({FIRST})", *events], by)

    # ------------------------------------------------------------ scalars

    def _scalar(self, scalar: Scalar, waits: bool) -> str:
        """A condition over measured columns."""

        def inner(item: Scalar) -> str:
            return self._scalar(item, waits)

        match scalar:
            case Ref():
                return "t" if scalar.name == LAST and not waits else esql.name(scalar.name)
            case Named():
                return scalar.name
            case Int():
                return str(scalar.value)
            case IsSet():
                return f"{esql.name(scalar.name)} == 1"
            case Operation():
                left, right = inner(scalar.left), inner(scalar.right)
                return f"{left} {scalar.operator} {right}"
            case Unless():
                return f"NOT ({inner(scalar.item)})"
            case All() | Any():
                word = " AND " if isinstance(scalar, All) else " OR "
                return word.join(
                    f"({inner(item)})" if isinstance(item, All | Any) else inner(item) for item in scalar.items
                )
            case Choose():
                return f"CASE({inner(scalar.condition)}, {inner(scalar.then)}, {inner(scalar.otherwise)})"
            case _:
                raise TypeError(scalar)


def _names(columns: tuple[str, ...]) -> list[str]:
    return [esql.name(column) for column in columns]


def _alone(parts: tuple[str, ...], following: Judge | Follow) -> bool:
    """Whether all rows are of these parts."""
    return following.passing is None and set(following.parts) <= set(parts)


def inside(parts: tuple[str, ...]) -> str:
    """Whether a row is of one of these parts."""
    if len(parts) == 1:
        return f"part == {esql.string(parts[0])}"
    return f"part IN ({', '.join(esql.string(part) for part in parts)})"


def _outside(parts: tuple[str, ...]) -> str:
    if len(parts) == 1:
        return f"part != {esql.string(parts[0])}"
    return f"NOT part IN ({', '.join(esql.string(part) for part in parts)})"
