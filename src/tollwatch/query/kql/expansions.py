"""Kusto's stages that take values apart. Microsoft's documentation, "mv-expand operator", "parse operator"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tollwatch.query.entries import Here
from tollwatch.query.errors import QueryError
from tollwatch.query.kql import syntax
from tollwatch.query.kql.casts import as_texts, cast
from tollwatch.query.kql.evaluate import Evaluator
from tollwatch.query.kql.names import own_name
from tollwatch.query.kql.values import distinct, stringed, unboxed
from tollwatch.query.table import Column, Index, Table, Type, column


def expanded(engine: Evaluator, stage: syntax.Expand, table: Table) -> tuple[Table, Index]:
    """A row for each element, and the row that each comes from. Columns are expanded side by side."""
    limit = None if stage.limit is None else engine.whole(stage.limit, "a limit")
    parts, names = [], []
    for number, part in enumerate(stage.columns):
        one = engine.value(part.assignment.value, table)
        if one.type is not Type.DYNAMIC:
            raise QueryError(f"mv-expand of a {one.type}", *part.assignment.value.place)
        parts.append(_Lists.of_column(one, pairs=stage.pairs))
        names.append(part.assignment.name or own_name(part.assignment.value) or f"Column{number + 1}")
    length: Index = np.maximum.reduce([part.length for part in parts])
    if limit is not None:
        length = np.minimum(length, limit)
    at = np.repeat(np.arange(table.rows), length)
    nth: Index = np.arange(len(at)) - np.repeat(np.cumsum(length) - length, length)
    made: dict[str, Column] = {}
    if stage.index is not None:
        made[stage.index] = Column(Type.LONG, nth, np.ones(len(at), np.bool_))
    for name, lists, part in zip(names, parts, stage.columns, strict=True):
        wanted = part.type or Type.DYNAMIC
        made[name] = lists.typed(wanted, engine.here(stage.place, len(at))).take(lists.places(at, nth))
    return stringed(table.take(at).with_columns(made)), at


@dataclass(frozen=True, slots=True)
class _Lists:
    """The elements of every different value, one after the other, and for each row how many it has and from where."""

    elements: list[Any]
    start: Index
    length: Index

    @classmethod
    def of_column(cls, one: Column, *, pairs: bool) -> _Lists:
        """The elements of a dynamic column."""
        values = distinct(one)
        lists = [_elements(value, pairs=pairs) for value in values.values]
        length = np.array([len(one) for one in lists], np.int64)
        start = np.cumsum(length) - length
        elements = [item for one in lists for item in one]
        return cls(elements, start[values.of].astype(np.int64), length[values.of])

    def typed(self, wanted: Type, here: Here) -> Column:
        """The elements as a column: what is of another type is null, and as strings all are written."""
        if wanted is Type.STRING:
            return cast(column(Type.DYNAMIC, self.elements), Type.STRING, here)
        return column(wanted, [unboxed(value, wanted) for value in self.elements])

    def places(self, at: Index, nth: Index) -> Index:
        """For each row and number the element's place; −1 where the row has fewer."""
        return np.where(nth < self.length[at], self.start[at] + nth, -1).astype(np.int64)


def _elements(value: Any, *, pairs: bool) -> Sequence[Any]:
    """What a value expands to: a null to one null, and a value that holds no others to itself."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [[name, one] if pairs else {name: one} for name, one in value.items()]
    return [value]


# ---------------------------------------------------------------- parse

_FORMS = {Type.STRING: "(.*?)", Type.LONG: r"([-+]?\d+)", Type.REAL: r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"}


def parsed(engine: Evaluator, stage: syntax.Parse, table: Table) -> Table:
    """Columns from the pieces of a text; null (a string: empty) where it has not that form."""
    here = engine.here(stage.place, table.rows)
    (text,) = as_texts([engine.value(stage.value, table)], here)
    regex, greedy, wanted = *_patterns(stage), [part for part in stage.parts if part.name is not None]
    parts = distinct(text)
    found = [regex.fullmatch(value) for value in parts.values]
    if any(one is None and greedy.search(value) for one, value in zip(found, parts.values, strict=True)):
        raise here.failed("parse of a text that has more beside the pattern, or a piece of it twice, is not documented")
    made: dict[str, Column] = {}
    fits = np.array([one is not None for one in found], np.bool_)
    for number, part in enumerate(wanted, 1):
        pieces = [None if one is None else one[number] for one in found]
        texts = column(Type.STRING, pieces)
        heads = _typed(texts, part.type, Here(here.place, len(texts), here.now))
        fits &= heads.valid | (part.type is Type.STRING)
        made[part.name or ""] = heads
    # All of the columns must be of their types, or none has a value.
    made = {name: Column(one.type, one.values, one.valid & fits).take(parts.of) for name, one in made.items()}
    result = stringed(table.with_columns(made))
    return result.keep(fits[parts.of]) if stage.strict else result


def _typed(texts: Column, wanted: Type, here: Here) -> Column:
    return texts if wanted is Type.STRING else cast(texts, wanted, here)


def _patterns(stage: syntax.Parse) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The pieces as a regular expression that takes each text where it first stands, and as one that may look on."""
    first, any_ = [], []
    for number, part in enumerate(stage.parts):
        following = stage.parts[number + 1] if number + 1 < len(stage.parts) else None
        if part.text is not None:
            before = stage.parts[number - 1] if number else None
            first.append(re.escape(part.text) + (")" if before is not None and before.text is None else ""))
            any_.append(re.escape(part.text))
            continue
        form = _form(stage, part, following)
        first.append(("(?>" if following is not None and following.text is not None else "") + form)
        any_.append(form)
    return re.compile("".join(first), re.DOTALL), re.compile("".join(any_), re.DOTALL)


def _form(stage: syntax.Parse, part: syntax.Part, following: syntax.Part | None) -> str:
    """What a column or a * may be; at the end they take all the rest."""
    if following is not None and following.text is None and (part.name is None or part.type is Type.STRING):
        raise QueryError("parse: after a string or a * stands a text", *stage.place)
    if part.name is None:
        return ".*?" if following else ".*"
    return "(.*)" if following is None and part.type is Type.STRING else _FORMS.get(part.type, "(.*?)")
