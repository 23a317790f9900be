"""What the languages compute alike: three-valued logic, choices, times, numbers as texts, networks."""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tollwatch.query.table import Column, Mask, Type

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


def choice(chosen: Mask, then: Column, otherwise: Column) -> Column:
    """The one or the other, of the same type, with its null."""
    values = np.where(chosen, then.values, otherwise.values)
    return Column(then.type, values, np.where(chosen, then.valid, otherwise.valid))


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
