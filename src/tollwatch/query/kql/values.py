"""Columns as Kusto has them: strings that are never null, constants kept once, values computed once if they repeat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from tollwatch.query.columns import EPOCH, moment_of
from tollwatch.query.entries import Here, Run
from tollwatch.query.table import Column, Index, Mask, Table, Type, column, nulls

MICROSECOND = timedelta(microseconds=1)


def all_there(length: int) -> Mask:
    """A mask of true."""
    return np.ones(length, np.bool_)


def truth(values: Any, valid: Mask | None = None) -> Column:
    """A column of booleans."""
    known = np.asarray(values, np.bool_)
    return Column(Type.BOOL, known, all_there(len(known)) if valid is None else valid)


def never_null(one: Column) -> Column:
    """A string that is not there is the empty one; other columns as they are."""
    if one.type is not Type.STRING or bool(one.valid.all()):
        return one
    return Column(Type.STRING, np.where(one.valid, one.values, ""), all_there(len(one)))


def stringed(table: Table) -> Table:
    """The table with strings that are never null."""
    return Table({name: never_null(one) for name, one in table.columns.items()}, table.rows)


def spread(type_: Type, value: Any, rows: int) -> Column:
    """One value in every row, kept once."""
    one = column(type_, [value])
    if type_ is Type.STRING:
        one = never_null(one)
    return Column(type_, np.broadcast_to(one.values, rows), np.broadcast_to(one.valid, rows))


def is_constant(one: Column) -> bool:
    """Whether the column is known to have the same value in every row."""
    return len(one) == 1 or (len(one) > 0 and one.values.strides == (0,) and one.valid.strides == (0,))


@dataclass(frozen=True, slots=True)
class Distinct:
    """The different values of a column, and for each row which of them it has."""

    values: list[Any]
    of: Index


def distinct(one: Column) -> Distinct:
    """The column's values once each; of a dynamic column, the same objects once."""
    if one.type is Type.DYNAMIC:
        found, _ = pd.factorize(np.fromiter(map(id, one.values), np.int64, len(one)))
    else:
        found, _ = pd.factorize(one.values, use_na_sentinel=False)
    first = np.full(int(found.max()) + 1 if len(found) else 0, -1, np.int64)
    first[found[::-1]] = np.arange(len(found))[::-1]
    return Distinct(one.values[first].tolist(), found.astype(np.int64))


def mapped(type_: Type, function: Callable[..., Any], columns: Sequence[Column], rows: int) -> Column:
    """The function of each row's values, computed once for each combination; null where an argument or it is."""
    columns = [never_null(one) for one in columns]
    known = np.logical_and.reduce([one.valid for one in columns]) if columns else all_there(rows)
    if not known.any():
        return never_null(nulls(type_, rows))
    at = int(np.argmax(known))
    fixed = {number: _plain(one, at) for number, one in enumerate(columns) if is_constant(one)}
    varying = [number for number in range(len(columns)) if number not in fixed]
    if not varying:
        made = spread(type_, function(*fixed.values()), rows)
        return made if known.all() else never_null(Column(type_, made.values, made.valid & known))
    parts = [distinct(columns[number].keep(known)) for number in varying]
    combined, picked = _combined(parts)
    arguments: list[Any] = [fixed.get(number) for number in range(len(columns))]
    heads = []
    for row in picked:
        for number, value in zip(varying, row, strict=True):
            arguments[number] = value
        heads.append(function(*arguments))
    found = column(type_, heads).take(combined)
    if known.all():
        return never_null(found)
    whole = nulls(type_, rows)
    whole.values[known], whole.valid[known] = found.values, found.valid
    return never_null(whole)


def _combined(parts: Sequence[Distinct]) -> tuple[Index, list[tuple[Any, ...]]]:
    """For each row which combination it has, and the combinations."""
    if len(parts) == 1:
        return parts[0].of, [(value,) for value in parts[0].values]
    code = parts[0].of
    for part in parts[1:]:
        code, _ = pd.factorize(code.astype(np.int64) * (len(part.values) + 1) + part.of)
    first = np.full(int(code.max()) + 1 if len(code) else 0, -1, np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]
    rows = [[part.values[which] for which in part.of[first].tolist()] for part in parts]
    return code.astype(np.int64), list(zip(*rows, strict=True))


def _plain(one: Column, at: int) -> Any:
    value = one.values[at]
    return value.item() if isinstance(value, np.generic) else value


def each(type_: Type, function: Callable[..., Any]) -> Run:
    """An entry's code from a function of single values, none of which is null."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        return mapped(type_, function, columns, here.rows)

    return run


# ---------------------------------------------------------------- dynamic values


def boxed(one: Column) -> Column:
    """The column as dynamic values: times and spans are Python's own."""
    if one.type is Type.DYNAMIC:
        return one
    match one.type:
        case Type.DATETIME:
            return mapped(Type.DYNAMIC, moment_of, [one], len(one))
        case Type.TIMESPAN:
            return mapped(Type.DYNAMIC, lambda value: timedelta(microseconds=value), [one], len(one))
        case _:
            known = never_null(one)
            values = np.empty(len(one), object)
            values[:] = known.values.tolist()
            values[~known.valid] = None
            return Column(Type.DYNAMIC, values, known.valid)


def unboxed(value: Any, wanted: Type) -> Any:
    """A dynamic value as one of that type if it is one, without conversion; None if it is not."""
    match wanted:
        case Type.DYNAMIC:
            return value
        case Type.STRING:
            return value if isinstance(value, str) else None
        case Type.BOOL:
            return value if isinstance(value, bool) else None
        case Type.LONG:
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case Type.REAL:
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case Type.DATETIME:
            return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else None
        case Type.TIMESPAN:
            return value // MICROSECOND if isinstance(value, timedelta) else None


def key_of(value: Any) -> Any:
    """What two dynamic values have in common if they are equal: numbers, texts and booleans are kept apart."""
    if isinstance(value, list):
        return ("list", *(key_of(one) for one in value))
    if isinstance(value, dict):
        return ("bag", *sorted((name, repr(key_of(one))) for name, one in value.items()))
    return (type(value).__name__, value)
