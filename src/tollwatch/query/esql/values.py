"""Columns with several values in a row, as Elastic has them: single ones, spread out, and packed again.

Elastic's reference, "Multivalued fields". Inside the engine a cell of ``Many`` is a list of at least one value; a plain
column of type DYNAMIC is one of nulls without a type.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np
import pandas as pd

from tollwatch.query.entries import NUMBERS, Here, Kinds
from tollwatch.query.table import WHOLE, Array, Column, Index, Many, Mask, Table, Type, column, nulls

NUMERIC: Kinds = NUMBERS | {Type.INT}
WHOLE_NUMBERS: Kinds = frozenset({Type.INT, Type.LONG})
ORDERED: Kinds = NUMERIC | {Type.STRING, Type.IP, Type.DATETIME, Type.BOOL}
MILLI = 1_000
NAMES = {
    Type.INT: "integer", Type.REAL: "double", Type.STRING: "keyword", Type.BOOL: "boolean", Type.DYNAMIC: "null",
    Type.TIMESPAN: "time_duration",
}  # fmt: skip


def kind(one: Column) -> Type:
    """The type of the column's values; DYNAMIC where it has none."""
    return one.inner if isinstance(one, Many) else one.type


def named(one: Column) -> str:
    """Elastic's name of the type."""
    return NAMES.get(kind(one), kind(one).value)


def counts(one: Many) -> Index:
    """How many values each row has."""
    found = np.zeros(len(one), np.int64)
    found[one.valid] = np.fromiter(map(len, one.values[one.valid]), np.int64)
    return found


def single(one: Column) -> Column:
    """The rows' only values; null where there are several."""
    if not isinstance(one, Many):
        return one
    return column(
        one.inner,
        [cell[0] if ok and len(cell) == 1 else None for cell, ok in zip(one.values, one.valid, strict=True)],
    )


def spread(one: Column) -> tuple[Column, Index]:
    """Every value, and the row of each."""
    if not isinstance(one, Many):
        return one.keep(one.valid), np.flatnonzero(one.valid)
    values = chain.from_iterable(one.values[one.valid])
    dtype = {Type.REAL: np.float64, Type.BOOL: np.bool_}.get(one.inner, np.int64 if one.inner in WHOLE else object)
    found: Array = np.fromiter(values, dtype)
    flat = Column(one.inner, found, np.ones(len(found), np.bool_))
    return flat, np.repeat(np.arange(len(one)), counts(one))


def packed(flat: Column, at: Index, rows: int) -> Column:
    """Values with their rows, in order, as a column: plain where no row has several."""
    flat, at = flat.keep(flat.valid), at[flat.valid]
    many = np.bincount(at, minlength=rows)
    found = np.full(rows, -1, np.int64)
    if not len(at) or many.max() == 1:
        found[at] = np.arange(len(at))
        return flat.take(found) if len(flat) else nulls(flat.type, rows)
    has = many > 0
    ends, sizes, values = np.cumsum(many)[has].tolist(), many[has].tolist(), flat.values.tolist()
    lists = np.full(rows, None, object)
    lists[has] = np.fromiter(
        (values[end - size : end] for end, size in zip(ends, sizes, strict=True)), object, len(ends)
    )
    return Many(Type.DYNAMIC, lists, has, flat.type)


def cells(lists: Sequence[list[Any] | None], inner: Type) -> Column:
    """Lists of values, an empty one or None for null, as a column: plain where no row has several."""
    if all(not one or len(one) == 1 for one in lists):
        return column(inner, [one[0] if one else None for one in lists])
    values = np.fromiter(lists, object, len(lists))
    return Many(Type.DYNAMIC, values, np.array([bool(one) for one in lists], np.bool_), inner)


def listed(one: Column) -> list[list[Any] | None]:
    """Each row's values as a list; None for null."""
    if isinstance(one, Many):
        return [cell if ok else None for cell, ok in zip(one.values, one.valid, strict=True)]
    return [[value] if ok else None for value, ok in zip(one.values.tolist(), one.valid.tolist(), strict=True)]


def repeated(cell: list[Any], inner: Type, rows: int) -> Many:
    """The same values in every row."""
    values = np.fromiter(repeat(cell, rows), object, rows)
    return Many(Type.DYNAMIC, values, np.ones(rows, np.bool_), inner)


def choice(chosen: Mask, then: Column, otherwise: Column) -> Column:
    """The one or the other, of the same type, with its null and all of its values."""
    valid = np.where(chosen, then.valid, otherwise.valid)
    if not isinstance(then, Many) and not isinstance(otherwise, Many):
        return Column(then.type, np.where(chosen, then.values, otherwise.values), valid)
    first, second = (_in_cells(one) for one in (then, otherwise))
    return Many(Type.DYNAMIC, np.where(chosen, first, second), valid, kind(then))


def _in_cells(one: Column) -> Any:
    if isinstance(one, Many):
        return one.values
    # Each distinct value is put into one list, which its rows share.
    which, distinct = pd.factorize(one.values)
    lists = np.fromiter(([value] for value in distinct.tolist()), object, len(distinct))
    return lists[which]


def alike(columns: Sequence[Column], here: Here) -> list[Column]:
    """The columns as one type: numbers as the widest, nulls as what the others are."""
    kinds = {kind(one) for one in columns} - {Type.DYNAMIC}
    if len(kinds) > 1 and kinds <= NUMERIC:
        wanted = Type.REAL if Type.REAL in kinds else Type.LONG
    elif len(kinds) > 1:
        raise here.failed(f"{' and '.join(sorted(named(one) for one in columns))} are no values of one type")
    else:
        wanted = next(iter(kinds), Type.DYNAMIC)
    return [widened(one, wanted) for one in columns]


def widened(one: Column, wanted: Type) -> Column:
    """A column of numbers or of nulls as the type."""
    if kind(one) is wanted:
        return one
    if kind(one) is Type.DYNAMIC:
        return nulls(wanted, len(one))
    if isinstance(one, Many):
        flat, at = spread(one)
        return packed(widened(flat, wanted), at, len(one))
    return Column(wanted, one.values.astype(np.float64 if wanted is Type.REAL else np.int64), one.valid)


# ---------------------------------------------------------------- in and out


def inside(one: Column, name: str, here: Here) -> Column:
    """A table's column as the engine has it: dates in whole milliseconds, lists with the type of what they hold."""
    if one.type is Type.DATETIME:
        return Column(Type.DATETIME, one.values // MILLI * MILLI, one.valid)
    if one.type is not Type.DYNAMIC:
        return one
    lists = [
        [value for value in (cell if isinstance(cell, list) else [cell]) if value is not None] if ok else None
        for cell, ok in zip(one.values.tolist(), one.valid.tolist(), strict=True)
    ]
    if isinstance(one, Many):
        return cells(lists, one.inner)
    kinds = {_KINDS.get(type(value)) for cell in lists for value in cell or []}
    if not kinds:
        return nulls(Type.DYNAMIC, len(one))
    if kinds == {Type.LONG, Type.REAL}:
        return cells([None if cell is None else [float(value) for value in cell] for cell in lists], Type.REAL)
    found = next(iter(kinds))
    if len(kinds) > 1 or found is None:
        raise here.failed(f"the column {name} holds objects, or values of several types")
    return cells(lists, found)


_KINDS = {bool: Type.BOOL, int: Type.LONG, float: Type.REAL, str: Type.STRING}


def outside(table: Table) -> Table:
    """The result: a row with one value has it plain, and one with several a list of them."""
    found: dict[str, Column] = {}
    for name, one in table.columns.items():
        if isinstance(one, Many):
            plain = cells(listed(one), one.inner)
            if isinstance(plain, Many):
                shown = (None if cell is None else cell[0] if len(cell) == 1 else cell for cell in listed(plain))
                plain = Many(Type.DYNAMIC, np.fromiter(shown, object, len(plain)), plain.valid, plain.inner)
            found[name] = plain
        else:
            found[name] = one
    return Table(found, table.rows)
