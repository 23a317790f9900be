"""Records (parsed JSON) as the table that a platform makes of them when it takes them in.

- Kusto keeps the top of a record as columns and what is nested as dynamic values; dots in a name are levels.
- Elastic flattens records to dotted paths; a list is a field of several values (Elasticsearch's guide, "Arrays").
- Splunk, extracting JSON, flattens to dotted paths too and marks lists with ``{}``; numbers are doubles, booleans and
  nulls are texts (Splunk's knowledge manager manual, "Automatic key-value field extraction"; spath).
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tollwatch.query.columns import EPOCH, number_text
from tollwatch.query.table import Column, Many, Table, Type, column

Record = Mapping[str, Any]

TYPES: Mapping[str, Type] = {
    "string": Type.STRING, "keyword": Type.STRING, "text": Type.STRING, "ip": Type.IP, "guid": Type.STRING,
    "long": Type.LONG, "int": Type.LONG, "integer": Type.LONG,
    "real": Type.REAL, "double": Type.REAL, "number": Type.REAL, "time": Type.REAL,
    "bool": Type.BOOL, "boolean": Type.BOOL,
    "datetime": Type.DATETIME, "date": Type.DATETIME, "timespan": Type.TIMESPAN, "dynamic": Type.DYNAMIC,
}  # fmt: skip
"""A column's type by its name in any of the languages."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")


def table_of(language: str, records: Sequence[Record], types: Mapping[str, Type] | None = None) -> Table:
    """The records as a table of that language.

    ``types``: the schema of the columns that it names, which are there in any case; other columns take the type of
    their values: texts that are all times in ISO 8601 are times in Kusto and Elastic, values of several types are
    dynamic in Kusto and texts elsewhere.
    """
    shape = {"kql": _nested, "esql": _flat, "spl": _extracted}[language]
    cells: dict[str, list[Any]] = {name: [None] * len(records) for name in types or {}}
    for at, record in enumerate(records):
        for name, value in shape(record).items():
            if name not in cells:
                cells[name] = [None] * len(records)
            cells[name][at] = value
    made = {name: _column(language, values, (types or {}).get(name)) for name, values in cells.items()}
    return Table(made, len(records))


# ---------------------------------------------------------------- records


def _nested(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        *parents, leaf = key.split(".")
        below = found
        for name in parents:
            inner = below.get(name)
            below[name] = below = dict(inner) if isinstance(inner, dict) else {}
        below[leaf] = value
    return found


def _flat(record: Record) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for path, value in _leaves("", record, ""):
        if value is not None:
            found.setdefault(path, []).append(value)
    return {path: values if len(values) > 1 else values[0] for path, values in found.items()}


def _extracted(record: Record) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for path, value in _leaves("", record, "{}"):
        found.setdefault(path, []).append("null" if value is None else value)
    return {path: values if len(values) > 1 else values[0] for path, values in found.items()}


def _leaves(path: str, value: Any, mark: str) -> Iterator[tuple[str, Any]]:
    """(path, value) of everything that holds nothing else; a list's path bears the mark."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{path}.{name}" if path else str(name), inner, mark)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(path + mark, inner, mark)
    else:
        yield path, value


# ---------------------------------------------------------------- columns


def _column(language: str, values: list[Any], type_: Type | None) -> Column:
    if any(isinstance(value, list) for value in values) and language != "kql":
        return _many(language, values, type_)
    wanted = type_ or _inferred(language, values)
    return column(wanted, [_cell(value, wanted, language) for value in values])


def _many(language: str, values: list[Any], type_: Type | None) -> Column:
    """Lists of values of one type; a single value stays one."""
    lists = [value if isinstance(value, list) else [value] for value in values]
    wanted = type_ or _inferred(language, [one for items in lists for one in items])
    cells = np.empty(len(values), object)
    cleaned = [[cell for one in items if (cell := _cell(one, wanted, language)) is not None] for items in lists]
    cells[:] = [items if len(items) != 1 else items[0] for items in cleaned]
    return Many(Type.DYNAMIC, cells, np.array([bool(items) for items in cleaned], np.bool_), wanted)


def _inferred(language: str, values: Sequence[Any]) -> Type:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and kinds:
        whole = (
            kinds == {int} and language != "spl" and all(-(2**63) <= one < 2**63 for one in values if one is not None)
        )
        return Type.LONG if whole else Type.REAL
    if language == "spl" or not kinds:
        return Type.STRING
    if kinds == {bool}:
        return Type.BOOL
    if kinds == {str}:
        return Type.DATETIME if all(_MOMENT.fullmatch(one) for one in values if one is not None) else Type.STRING
    return Type.DYNAMIC if language == "kql" else Type.STRING


def _cell(value: Any, type_: Type, language: str) -> Any:
    """The value as a column of that type keeps it; what it cannot be is null."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    match type_:
        case Type.STRING:
            return text(value)
        case Type.IP:
            return _address(text(value))
        case Type.BOOL:
            return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
        case Type.DATETIME:
            return _moment(value, language)
        case Type.LONG | Type.REAL | Type.TIMESPAN:
            return _number(value, type_)
        case _:
            return value


def text(value: Any) -> str:
    """The value as a field of text holds it: numbers by their shortest decimal, records and lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)


def _address(value: str) -> str | None:
    """In its one form."""
    try:
        return str(ipaddress.ip_address(value.strip()))
    except ValueError:
        return None


def _number(value: Any, type_: Type) -> int | float | None:
    if isinstance(value, list | Mapping):
        return None
    try:
        number = float(value) if type_ is Type.REAL or not str(value).lstrip("-").isdigit() else int(value)
    except ValueError:
        return None
    if type_ is Type.REAL:
        return number
    return int(number) if math.isfinite(number) and -(2**63) <= number < 2**63 else None


def _moment(value: Any, language: str) -> int | None:
    """µs since the epoch; Elastic keeps milliseconds, and takes whole numbers for them."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, int | float):
        found = int(value) * 1_000 if language == "esql" else int(value)
    else:
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        found = ((read if read.tzinfo else read.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)
    return found // 1_000 * 1_000 if language == "esql" else found
