"""What the languages compute alike: three-valued logic, measures of groups, times, numbers as texts, networks."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tollwatch.query.table import Column, Groups, Index, Mask, Type, codes, groups

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}

# ---------------------------------------------------------------- logic


def both(left: Column, right: Column) -> Column:
    """Left and right; false where one is, whatever the other, and else unknown where one is."""
    one, two = left.values.astype(np.bool_), right.values.astype(np.bool_)
    false = (left.valid & ~one) | (right.valid & ~two)
    known = left.valid & right.valid
    return Column(Type.BOOL, one & two & known, false | known)


def either(left: Column, right: Column) -> Column:
    """Left or right; true where one is, whatever the other, and else unknown where one is."""
    one, two = left.values.astype(np.bool_), right.values.astype(np.bool_)
    true = (left.valid & one) | (right.valid & two)
    return Column(Type.BOOL, true, true | (left.valid & right.valid))


def contrary(one: Column) -> Column:
    """Not; unknown stays so."""
    return Column(Type.BOOL, ~one.values.astype(np.bool_), one.valid)


def true_rows(condition: Column) -> Mask:
    """Where the condition is true, and not unknown."""
    return np.asarray(condition.values & condition.valid, np.bool_)


# ---------------------------------------------------------------- measures of groups


def counted(chosen: Mask, of: Groups) -> Column:
    """How many chosen rows each group has."""
    values = np.bincount(of.of[chosen], minlength=of.count).astype(np.int64)
    return Column(Type.LONG, values, np.ones(of.count, np.bool_))


def summed(one: Column, of: Groups, chosen: Mask) -> Column:
    """The sum of the chosen rows' values; where a group has none, 0 that is not there."""
    values = np.zeros(of.count, one.values.dtype)
    np.add.at(values, of.of[chosen], one.values[chosen])
    return Column(one.type, values, counted(chosen, of).values > 0)


def best_rows(one: Column, of: Groups, chosen: Mask, *, largest: bool) -> Index:
    """The first of the chosen rows with each group's largest or least value; -1 where it has none."""
    rows = np.flatnonzero(chosen)
    ranks = codes(one)[rows]
    at = np.lexsort((-ranks if largest else ranks, of.of[rows]))
    found = np.full(of.count, -1, np.int64)
    which, first = np.unique(of.of[rows][at], return_index=True)
    found[which] = rows[at][first]
    return found


def first_sights(one: Column, of: Groups, chosen: Mask) -> Mask:
    """Of the chosen rows, the first of each value in each group: as many as there are distinct values."""
    rows = np.flatnonzero(chosen)
    group = Column(Type.LONG, of.of[rows], np.ones(len(rows), np.bool_))
    found = np.zeros(len(chosen), np.bool_)
    found[rows[groups([group, one.take(rows)], len(rows)).first]] = True
    return found


# ---------------------------------------------------------------- single values


def moment_of(microseconds: int) -> datetime:
    """The time, in UTC."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def number_text(value: float) -> str:
    """A number as text: whole ones without a fraction."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def in_network(address: str, network: str) -> bool | None:
    """Whether the address is in the network; None for what is no address of its family."""
    try:
        one, net = ipaddress.ip_address(address), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return None
    return one in net if one.version == net.version else None
