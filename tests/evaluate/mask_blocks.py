"""Small blocks of events for the tests of masks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from tollwatch.evaluate.masks import Masks
from tollwatch.logs.model import Events
from tollwatch.plan.nodes import Predicate


def events(money: frozenset[str] = frozenset(), **columns: pa.Array | pa.ChunkedArray) -> Events:
    count = len(next(iter(columns.values()))) if columns else 3
    frame = pd.DataFrame({name: pd.Series(pd.arrays.ArrowExtensionArray(c)) for name, c in columns.items()})
    none = np.zeros(count, np.int64)
    return Events(frame, none, none.astype(np.int32), none, ("log",), money)


def held(predicate: Predicate, column: pa.Array | pa.ChunkedArray, *, money: bool = False) -> list[int]:
    """The positions at which the predicate holds over a column named f."""
    found = Masks(events(frozenset("f") if money else frozenset(), f=column)).of(predicate)
    return [int(at) for at in np.flatnonzero(found)]
