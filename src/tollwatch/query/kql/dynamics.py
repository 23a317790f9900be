"""Kusto's functions of dynamic values. Microsoft's documentation, "Dynamic/array functions", "The dynamic data type".

An array is a list, a property bag a dict, a null None; times and spans inside are Python's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tollwatch.query.entries import ANY, Function, Here, Run
from tollwatch.query.kql.casts import dynamic_text
from tollwatch.query.kql.strings import LONGS
from tollwatch.query.kql.values import boxed, each, key_of, mapped
from tollwatch.query.table import Column, Type

DYNAMICS = frozenset({Type.DYNAMIC})


def inside(value: Any, key: Any) -> Any:
    """The element of a list by its number (from the end if negative), or of a bag by its name; None if it has none."""
    if isinstance(value, list):
        if not isinstance(key, int) or isinstance(key, bool):
            return None
        return value[key] if -len(value) <= key < len(value) else None
    return value.get(key) if isinstance(value, dict) and isinstance(key, str) else None


def of_arrays(type_: Type, function: Callable[..., Any]) -> Run:
    """An entry's code from a function of lists; null where the first argument is none."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        def safe(first: Any, *others: Any) -> Any:
            return function(first, *others) if isinstance(first, list) else None

        return mapped(type_, safe, columns, here.rows)

    return run


def _together(build: Callable[[list[list[Any]]], Any]) -> Run:
    """Over whole rows of values, nulls among them."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        lists = [boxed(one).values.tolist() for one in columns]
        values = np.empty(here.rows, object)
        values[:] = build(lists) if lists else [[] for _ in range(here.rows)]
        return Column(Type.DYNAMIC, values, np.ones(here.rows, np.bool_))

    return run


def _pack_array(columns: Sequence[Column], here: Here) -> Column:
    return _together(lambda lists: [list(row) for row in zip(*lists, strict=True)])(columns, here)


def _bag_pack(columns: Sequence[Column], here: Here) -> Column:
    """Names and values in turn; of a name that stands twice the last value remains."""
    if len(columns) % 2:
        raise here.failed("bag_pack takes pairs of a name and a value")
    for one in columns[::2]:
        if one.type is not Type.STRING:
            raise here.failed("bag_pack: a name is a string")

    def build(lists: list[list[Any]]) -> list[dict[str, Any]]:
        names, values = zip(*lists[::2], strict=True), zip(*lists[1::2], strict=True)
        return [dict(zip(one, two, strict=True)) for one, two in zip(names, values, strict=True)]

    return _together(build)(columns, here)


def _slice(value: list[Any], start: int, end: int) -> list[Any]:
    first = max(start + len(value), 0) if start < 0 else start
    last = end + len(value) if end < 0 else end
    return value[first : last + 1] if last >= 0 else []


def _index_of(value: list[Any], wanted: Any, start: int = 0, length: int = -1, occurrence: int = 1) -> int | None:
    if occurrence < 0 or length < -1:
        return None
    first = max(start + len(value), 0) if start < 0 else start
    last = len(value) if length == -1 else min(first + length, len(value))
    found = [at for at in range(first, last) if key_of(value[at]) == key_of(wanted)]
    return found[occurrence - 1] if 0 < occurrence <= len(found) else -1


def _boxed_second(run: Run) -> Run:
    return lambda columns, here: run([columns[0], boxed(columns[1]), *columns[2:]], here)


def _concat(columns: Sequence[Column], here: Here) -> Column:
    def joined(*values: Any) -> list[Any]:
        if not all(isinstance(value, list) for value in values):
            raise here.failed("array_concat of what is no array is not documented")
        return [item for value in values for item in value]

    if not all(bool(one.valid.all()) for one in columns):
        raise here.failed("array_concat of a null is not documented")
    return mapped(Type.DYNAMIC, joined, columns, here.rows)


def ordered_unique(values: Sequence[Any]) -> list[Any]:
    """Each value once, where it stands first."""
    seen: dict[Any, Any] = {}
    for one in values:
        seen.setdefault(key_of(one), one)
    return list(seen.values())


def _union(first: list[Any], *others: Any) -> list[Any]:
    return ordered_unique([item for one in (first, *others) for item in one])


def _difference(first: list[Any], *others: Any) -> list[Any]:
    away = {key_of(item) for one in others for item in one}
    return [item for item in ordered_unique(first) if key_of(item) not in away]


def _intersect(first: list[Any], *others: Any) -> list[Any]:
    shared = [{key_of(item) for item in one} for one in others]
    return [item for item in ordered_unique(first) if all(key_of(item) in one for one in shared)]


def _sets(function: Callable[..., Any]) -> Run:
    """Over lists alone; null where any argument is none."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        def safe(*values: Any) -> Any:
            return function(*values) if all(isinstance(one, list) for one in values) else None

        return mapped(Type.DYNAMIC, safe, columns, here.rows)

    return run


def _merged(*bags: Any) -> dict[str, Any] | None:
    """All the bags' names; of a name in several the first bag's value."""
    if not all(isinstance(one, dict) for one in bags):
        return None
    return {name: value for bag in reversed(bags) for name, value in bag.items()}


def _keys(value: Any) -> list[str] | None:
    return list(value) if isinstance(value, dict) else None


def _has_key(columns: Sequence[Column], here: Here) -> Column:
    def has(value: Any, name: str) -> bool:
        if name.startswith("$") or not isinstance(value, dict):
            raise here.failed("bag_has_key: a path, or a value that is no bag, is not known")
        return name in value

    return mapped(Type.BOOL, has, columns, here.rows)


def _remove_keys(value: Any, names: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(names, list):
        return None
    return {name: one for name, one in value.items() if name not in names}


def _element(columns: Sequence[Column], here: Here) -> Column:
    """``a[b]`` of a key that is computed."""
    of, key = columns
    if of.type is not Type.DYNAMIC:
        raise here.failed(f"a {of.type} holds nothing inside")
    return mapped(Type.DYNAMIC, inside, [of, boxed(key)], here.rows)


def _sorted(*, descending: bool) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        def arranged(value: Any) -> Any:
            if not isinstance(value, list):
                return None
            kinds = {type(one) for one in value}
            if len(kinds) > 1 or kinds & {list, dict, bool, type(None)}:
                raise here.failed("a list of several types is not sorted here")
            return sorted(value, reverse=descending)

        return mapped(Type.DYNAMIC, arranged, columns, here.rows)

    return run


def _range(columns: Sequence[Column], here: Here) -> Column:
    """A list of evenly spaced whole numbers, both ends included."""

    def spaced(start: int, stop: int, step: int = 1) -> list[int]:
        if step == 0:
            raise here.failed("range: a step of 0")
        return list(range(start, stop + (1 if step > 0 else -1), step))

    return mapped(Type.DYNAMIC, spaced, columns, here.rows)


def _has_element(columns: Sequence[Column], here: Here) -> Column:
    return of_arrays(Type.BOOL, lambda value, one: _index_of(value, one) != -1)([columns[0], boxed(columns[1])], here)


def _strcat_array(columns: Sequence[Column], here: Here) -> Column:
    """The elements as texts, with a mark between them."""
    return of_arrays(Type.STRING, lambda value, mark: mark.join(dynamic_text(one) for one in value))(columns, here)


DYNAMIC_FUNCTIONS: Mapping[str, Function] = {
    "[]": Function(2, 2, _element),
    "array_length": Function(1, 1, of_arrays(Type.LONG, len), (DYNAMICS,)),
    "array_concat": Function(1, 64, _concat, (DYNAMICS,)),
    "array_slice": Function(3, 3, of_arrays(Type.DYNAMIC, _slice), (DYNAMICS, LONGS)),
    "array_index_of": Function(2, 5, _boxed_second(of_arrays(Type.LONG, _index_of)), (DYNAMICS, ANY, LONGS)),
    "array_reverse": Function(1, 1, of_arrays(Type.DYNAMIC, lambda value: value[::-1]), (DYNAMICS,)),
    "array_sort_asc": Function(1, 1, _sorted(descending=False), (DYNAMICS,)),
    "array_sort_desc": Function(1, 1, _sorted(descending=True), (DYNAMICS,)),
    "strcat_array": Function(2, 2, _strcat_array, (DYNAMICS, frozenset({Type.STRING}))),
    "set_has_element": Function(2, 2, _has_element, (DYNAMICS, ANY)),
    "set_union": Function(1, 64, _sets(_union), (DYNAMICS,)),
    "set_difference": Function(2, 64, _sets(_difference), (DYNAMICS,)),
    "set_intersect": Function(1, 64, _sets(_intersect), (DYNAMICS,)),
    "bag_keys": Function(1, 1, each(Type.DYNAMIC, _keys), (DYNAMICS,)),
    "bag_has_key": Function(2, 2, _has_key, (DYNAMICS, frozenset({Type.STRING}))),
    "bag_merge": Function(2, 64, each(Type.DYNAMIC, _merged), (DYNAMICS,)),
    "bag_remove_keys": Function(2, 2, each(Type.DYNAMIC, _remove_keys), (DYNAMICS,)),
    **dict.fromkeys(("pack", "bag_pack", "pack_dictionary"), Function(0, None, _bag_pack)),
    "pack_array": Function(0, None, _pack_array),
    "range": Function(2, 3, _range, (LONGS,)),
}
