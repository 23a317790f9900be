"""Tables of typed columns, and the work on whole columns that every language shares.

A column is an array of values and one of which of them are there. Times and spans are whole microseconds.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]


class Type(StrEnum):
    """What a column holds, in Kusto's names; the other languages map theirs."""

    BOOL = "bool"
    INT = "int"  # 32 bits, for languages in which it overflows
    LONG = "long"
    REAL = "real"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    DYNAMIC = "dynamic"
    IP = "ip"  # a text in the one canonical form, in the order of addresses


_DTYPES: Mapping[Type, Any] = {
    Type.BOOL: np.bool_,
    Type.INT: np.int64,
    Type.LONG: np.int64,
    Type.REAL: np.float64,
    Type.STRING: object,
    Type.DATETIME: np.int64,
    Type.TIMESPAN: np.int64,
    Type.DYNAMIC: object,
    Type.IP: object,
}
WHOLE = (Type.INT, Type.LONG, Type.DATETIME, Type.TIMESPAN)
TEXTS = (Type.STRING, Type.IP)


@dataclass(frozen=True, slots=True)
class Column:
    """n values of a type; where ``valid`` is false there is none."""

    type: Type
    values: Array
    valid: Mask

    def __len__(self) -> int:
        return len(self.values)

    def take(self, at: Index) -> Column:
        """The values at these rows; a negative row has none."""
        if not len(self):
            return nulls(self.type, len(at))
        known = self.valid[at] & (at >= 0)
        values = self.values[at]
        # A language whose strings are never null reads what stands there.
        if self.type in TEXTS and not known.all():
            values = np.where(known, values, "")
        return Column(self.type, values, known)

    def keep(self, chosen: Mask) -> Column:
        """The chosen rows."""
        return Column(self.type, self.values[chosen], self.valid[chosen])


@dataclass(frozen=True, slots=True)
class Many(Column):
    """Several values in a row: lists of values of the ``inner`` type, or single ones."""

    inner: Type

    def take(self, at: Index) -> Many:
        """The values at these rows; a negative row has none."""
        if not len(self):
            return Many(self.type, np.full(len(at), None, object), np.zeros(len(at), np.bool_), self.inner)
        return Many(self.type, self.values[at], self.valid[at] & (at >= 0), self.inner)

    def keep(self, chosen: Mask) -> Many:
        """The chosen rows."""
        return Many(self.type, self.values[chosen], self.valid[chosen], self.inner)


def column(type_: Type, values: Sequence[Any]) -> Column:
    """A column of Python values; None is none."""
    valid = np.array([value is not None for value in values], np.bool_)
    empty: Any = "" if type_ in TEXTS else None if type_ is Type.DYNAMIC else 0
    array = np.empty(len(values), _DTYPES[type_])
    array[:] = [empty if value is None else value for value in values]
    return Column(type_, array, valid)


def nulls(type_: Type, length: int) -> Column:
    """A column without values; Kusto's strings are then empty."""
    values = np.full(length, "", object) if type_ in TEXTS else np.zeros(length, _DTYPES[type_])
    return Column(type_, values, np.zeros(length, np.bool_))


def constant(type_: Type, value: Any, length: int) -> Column:
    """One value in every row."""
    if value is None:
        return nulls(type_, length)
    values = np.empty(length, _DTYPES[type_])
    values[:] = [value] * length if type_ is Type.DYNAMIC else value
    return Column(type_, values, np.ones(length, np.bool_))


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of equal length, in order."""

    columns: Mapping[str, Column]
    rows: int

    def take(self, at: Index) -> Table:
        """These rows."""
        return Table({name: one.take(at) for name, one in self.columns.items()}, len(at))

    def keep(self, chosen: Mask) -> Table:
        """The chosen rows."""
        return Table({name: one.keep(chosen) for name, one in self.columns.items()}, int(chosen.sum()))

    def renamed(self, names: Mapping[str, str]) -> Table:
        """The table with columns under new names (old → new), which take the place of those that had them."""
        kept = {name: one for name, one in self.columns.items() if name not in names.values()}
        return Table({names.get(name, name): one for name, one in kept.items()}, self.rows)

    def with_columns(self, added: Mapping[str, Column]) -> Table:
        """The table with columns replaced or added."""
        return Table({**self.columns, **added}, self.rows)


# ---------------------------------------------------------------- order and groups


def codes(one: Column) -> Index:
    """A number for each row: equal for equal values, in the order of values; -1 where there is none."""
    if one.type in WHOLE or one.type in (Type.REAL, Type.BOOL):
        found, numbers = pd.factorize(one.values, use_na_sentinel=False)
        rank = np.empty(len(numbers), np.int64)
        rank[np.argsort(numbers, kind="stable")] = np.arange(len(numbers))
        found = rank[found]
    else:
        texts = one.values if one.type in TEXTS else np.array([repr(value) for value in one.values], object)
        found, distinct = pd.factorize(texts)
        rank = np.empty(len(distinct), np.int64)
        keys = [_address(text) for text in distinct] if one.type is Type.IP else list(distinct)
        rank[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(distinct))
        found = rank[found] if len(distinct) else found
    return np.where(one.valid, found, -1).astype(np.int64)


def _address(text: str) -> int:
    """The number of an address of 128 bits, in which those of 32 bits have a place of their own."""
    if not text:
        return -1
    found = ipaddress.ip_address(text)
    return int(found) + (0xFFFF << 32 if found.version == 4 else 0)


def order(keys: Sequence[tuple[Column, bool, bool]]) -> Index:
    """The rows in the order of the keys (column, descending, nulls first); equal ones as they stood."""
    ranks: list[Index] = []
    for one, descending, nulls_first in reversed(keys):
        found = codes(one)
        ranked = -found if descending else found
        missing = found < 0
        extreme = np.int64(np.iinfo(np.int64).min if nulls_first else np.iinfo(np.int64).max)
        ranks.append(np.where(missing, extreme, ranked))
    return np.lexsort(ranks) if ranks else np.arange(0)


@dataclass(frozen=True, slots=True)
class Groups:
    """For each row its group, 0 to ``count`` − 1 in the order of first rows; ``first`` is each group's first row."""

    of: Index
    first: Index
    count: int


def groups(keys: Sequence[Column], rows: int) -> Groups:
    """Rows with equal keys are one group; what is missing is a value of its own. Without keys there is one group."""
    if not keys:
        return Groups(np.zeros(rows, np.int64), np.zeros(min(rows, 1), np.int64), 1)
    combined = _labels(keys[0])
    for one in keys[1:]:
        more = _labels(one)
        # Numbered anew each time, so that the product of any number of keys stays small.
        combined = pd.factorize(combined * (int(more.max(initial=0)) + 2) + more)[0].astype(np.int64)
    of, distinct = pd.factorize(combined)
    first = np.zeros(len(distinct), np.int64)
    first[of[::-1]] = np.arange(rows - 1, -1, -1)  # the last one written is the first row
    return Groups(of.astype(np.int64), first, len(distinct))


def _labels(one: Column) -> Index:
    """A number for each row, equal for equal values, 0 where there is none."""
    values = one.values if one.type is not Type.DYNAMIC else np.array([repr(value) for value in one.values], object)
    return np.where(one.valid, pd.factorize(values)[0].astype(np.int64) + 1, 0)
