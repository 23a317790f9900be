"""The random logs as the evaluator takes them: columns of Arrow types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tollwatch.logs.model import Events

MICRO = 1_000_000
MONEY = "cost"
TYPES: dict[str, pa.DataType] = {
    "timestamp": pa.timestamp("us", "UTC"),
    **dict.fromkeys(("tenant", "code", "tokens", MONEY), pa.int64()),
    "ratio": pa.float64(),
    "flag": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "ports": pa.list_(pa.int64()),
}
"""The Arrow type of each field of the random logs; the others are text."""


def in_columns(log: Sequence[Mapping[str, Any]], start: int, *, encoded: bool) -> Events:
    """The events as the evaluator takes them; their lines count from ``start`` + 1."""
    rows = [flat(event) for event in log]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: column(name, [row.get(name) for row in rows], encoded=encoded) for name in names}
    count = len(rows)
    return Events(
        frame=pd.DataFrame(columns, index=range(count)),
        time=np.array([row["timestamp"] for row in rows], np.int64),
        file=np.zeros(count, np.int32),
        line=np.arange(start + 1, start + count + 1, dtype=np.int64),
        files=("log",),
        money=frozenset({MONEY}),
    )


def column(name: str, values: Sequence[Any], *, encoded: bool) -> pd.Series[Any]:
    if name == MONEY:
        values = [None if value is None else int(value * MICRO) for value in values]
    array = pa.array(values, TYPES.get(name, pa.string()))
    if encoded and array.type == pa.string():
        array = array.dictionary_encode()
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def flat(event: Mapping[str, Any]) -> dict[str, Any]:
    """Nested records are columns by their path."""
    found: dict[str, Any] = {}
    for name, value in event.items():
        inner = flat(value) if isinstance(value, Mapping) else None
        found.update({name: value} if inner is None else {f"{name}.{below}": part for below, part in inner.items()})
    return found
