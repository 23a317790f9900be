"""ES|QL's choices between values. Elastic's reference, "Conditional functions and expressions"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tollwatch.query.columns import true_rows
from tollwatch.query.entries import ANY, Function, Here
from tollwatch.query.esql.values import alike, choice, kind, named, single
from tollwatch.query.table import Column, Type, nulls


def _case(columns: Sequence[Column], here: Here) -> Column:
    """The value after the first condition that holds; null and several values do not."""
    pairs = list(zip(columns[::2], columns[1::2], strict=False))
    for condition, _ in pairs:
        if kind(condition) not in (Type.BOOL, Type.DYNAMIC):
            raise here.failed(f"a condition of CASE is a boolean, not a {named(condition)}")
    last = columns[-1] if len(columns) % 2 else nulls(Type.DYNAMIC, here.rows)
    *values, found = alike([*(value for _, value in pairs), last], here)
    for (condition, _), value in zip(reversed(pairs), reversed(values), strict=True):
        if kind(condition) is Type.BOOL:
            found = choice(true_rows(single(condition)), value, found)
    return found


def _coalesce(columns: Sequence[Column], here: Here) -> Column:
    """The first that is not null, with all of its values."""
    *before, found = alike(columns, here)
    for one in reversed(before):
        found = choice(one.valid, one, found)
    return found


CONDITIONS: Mapping[str, Function] = {
    "CASE": Function(2, None, _case, (ANY,)),
    "COALESCE": Function(1, None, _coalesce, (ANY,)),
}
