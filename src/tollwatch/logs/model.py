"""Events as the evaluator takes them, and what was noticed while they were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # it takes a fifth of a second to import, which is spent while the first block is parsed
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Events:
    """A block of n events, in the order they were read.

    ``frame``: n rows, one Arrow-backed column (``pd.ArrowDtype``) per field: string, dictionary<string>, int64,
    double, bool, timestamp[us, UTC], or a list of one of these; a field the log lacks may be left out, and
    means null. Nested records are flat: column ``a.b`` holds the value of the path a → b.
    ``time``: int64[n], µs since the epoch, UTC. ``file``: int32[n], index into ``files``. ``line``: int64[n], the
    1-based line (jsonl, csv: of the file, the header being line 1) or record number (JSON array, parquet).
    Money columns hold integer micro-dollars and are named in ``money``.
    ``sources``: the log sources (category, product, service) that these events belong to; None is any.
    """

    frame: pd.DataFrame
    time: npt.NDArray[np.int64]
    file: npt.NDArray[np.int32]
    line: npt.NDArray[np.int64]
    files: tuple[str, ...]
    money: frozenset[str] = frozenset()
    sources: tuple[tuple[str | None, str | None, str | None], ...] | None = None

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True)
class ReadIssue:
    """One kind of bad data in one file: how often, and the first few places.

    ``kind``: not-json, no-timestamp, type-change, negative-number, not-utf8, bad-number, … ``detail`` is one sentence.
    """

    kind: str
    path: str
    count: int
    lines: tuple[int, ...]
    detail: str
