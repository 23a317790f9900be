"""What Elastic casts without being asked: texts that are written in the query, and nulls. "Implicit casting"."""

from __future__ import annotations

from collections.abc import Sequence

from tollwatch.query.columns import COMPARE
from tollwatch.query.entries import Aggregate, Function, Here, Kinds
from tollwatch.query.esql import syntax, times
from tollwatch.query.esql.dates import spans
from tollwatch.query.esql.texts import address
from tollwatch.query.esql.values import kind
from tollwatch.query.table import Column, Type, constant, nulls

_ALIKE = {*COMPARE, "in", "CASE", "COALESCE", "GREATEST", "LEAST"}
_TARGETS = (Type.DATETIME, Type.TIMESPAN, Type.IP, Type.BOOL)
_NULLS = (Type.STRING, Type.INT, Type.DATETIME, Type.BOOL, Type.IP, Type.TIMESPAN)


def cast(entry: Function, call: syntax.Call, columns: Sequence[Column], here: Here) -> list[Column]:
    """The arguments; a text that stands in the query is the date, the address and so on that is wanted.

    Raises:
        QueryError: it is none.
    """
    found = list(columns)
    for number, one in enumerate(call.arguments):
        if isinstance(one, syntax.Literal) and one.type is Type.STRING and one.value is not None:
            wanted = _wanted(entry, call.name, number, columns)
            if wanted is not None:
                found[number] = _of_text(wanted, str(one.value), Here(one.place, here.rows, here.now))
    return found


def _wanted(entry: Function, name: str, number: int, columns: Sequence[Column]) -> Type | None:
    if name in _ALIKE:
        others = {kind(one) for one in columns} - {Type.STRING, Type.DYNAMIC}
        conditions = {Type.BOOL} if name == "CASE" else set()
        return next((one for one in _TARGETS if one in others - conditions), None)
    takes = entry.takes[min(number, len(entry.takes) - 1)]
    return None if Type.STRING in takes else next((one for one in _TARGETS if one in takes), None)


def _of_text(wanted: Type, text: str, here: Here) -> Column:
    value: object = None
    match wanted:
        case Type.DATETIME:
            value = times.moment(text)
        case Type.IP:
            value = address(text)
        case Type.BOOL:
            value = {"true": True, "false": False}.get(text.lower())
        case Type.TIMESPAN:
            amount = times.amount(text)
            if amount is not None:
                return spans(amount, here.rows)
    if value is None:
        raise here.failed(f"{text!r} cannot be converted to {wanted.value}")
    return constant(wanted, value, here.rows)


def typed(entry: Function | Aggregate, columns: Sequence[Column], here: Here) -> list[Column]:
    """The arguments; nulls without a type are of one that is taken: that of another argument, if it can be."""
    kinds = [kind(one) for one in columns if kind(one) is not Type.DYNAMIC]
    found = []
    for number, one in enumerate(columns):
        takes = entry.takes[min(number, len(entry.takes) - 1)]
        found.append(one if kind(one) is not Type.DYNAMIC or Type.DYNAMIC in takes else _nulls(takes, kinds, here.rows))
    return found


def _nulls(takes: Kinds, kinds: Sequence[Type], rows: int) -> Column:
    wanted = next((one for one in (*kinds, *_NULLS) if one in takes), Type.REAL)
    return nulls(wanted, rows)
