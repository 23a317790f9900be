"""From blocks of events to the few that matter: what some search matched, with the columns that correlations read.

Memory is bounded by the kept events, not by the log: a block is dropped once its hits are taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.masks import Masks
from tollwatch.evaluate.numbers import Numbers, exact_numbers, widened
from tollwatch.evaluate.windows import Index
from tollwatch.logs.model import Events
from tollwatch.logs.values import native, number_values, text_values
from tollwatch.plan.nodes import Search

MICRO = 1_000_000

# Half the memory of positions; there are never 2**31 distinct values.
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Coded:
    """n values as codes into m distinct ones (an Arrow array without nulls); −1 is null.

    ``scale``: the values are that many times what they mean (micro-dollars: 1,000,000).
    """

    codes: Codes
    values: pa.Array
    scale: int = 1

    def take(self, index: Index) -> Coded:
        """The values at these positions."""
        return Coded(self.codes[index], self.values, self.scale)

    def decoded(self) -> pa.Array:
        """The n values themselves."""
        return self.values.take(pa.array(self.codes, mask=self.codes < 0))


@dataclass(slots=True)
class Kept:
    """The m events that some search matched, sorted by (time, file, line).

    ``time``, ``file``, ``line`` as in Events, ``files`` over all blocks; ``seen`` is the number of events read.
    """

    time: Index
    file: npt.NDArray[np.int32]
    line: Index
    files: tuple[str, ...]
    seen: int
    _rows: dict[Search, Index]
    _columns: dict[str, list[tuple[int, pa.ChunkedArray | None]]]
    _order: Index
    _money: frozenset[str]
    _coded: dict[str, Coded] = field(default_factory=dict)

    def rows(self, search: Search) -> Index:
        """The events that match a search, as rising positions."""
        return self._rows[search]

    def coded(self, name: str) -> Coded:
        """A field of all kept events; every value null where no event has it."""
        if name not in self._coded:
            values, codes = encode(self._columns[name])
            self._coded[name] = Coded(codes[self._order], values, MICRO if name in self._money else 1)
        return self._coded[name]


@dataclass(slots=True)
class _Block:
    """What is kept of one block: positions of matched events, and which search matched which of them."""

    time: Index
    file: npt.NDArray[np.int32]
    line: Index
    matched: dict[Search, npt.NDArray[np.bool_]]
    columns: dict[str, pa.ChunkedArray | None]


def collect(searches: Sequence[Search], fields: Sequence[str], blocks: Iterable[Events]) -> Kept:
    """Read all blocks once. ``fields`` are those that correlations read off events."""
    names: dict[str, int] = {}
    kept: list[_Block] = []
    money: frozenset[str] = frozenset()
    seen = 0
    for events in blocks:
        seen += len(events)
        money |= events.money
        kept.append(_keep(events, searches, fields, names))
    return _assemble(kept, searches, fields, tuple(names), seen, money)


def _keep(events: Events, searches: Sequence[Search], fields: Sequence[str], names: dict[str, int]) -> _Block:
    masks = Masks(events)
    matched = {search: masks.of(search.predicate) for search in searches if _served(search, events)}
    union = np.logical_or.reduce([*matched.values(), np.zeros(len(events), np.bool_)])
    chosen = np.flatnonzero(union)
    number = np.array([names.setdefault(name, len(names)) for name in events.files], np.int32)
    return _Block(
        events.time[chosen],
        number[events.file[chosen]] if len(number) else events.file[chosen],
        events.line[chosen],
        {search: mask[chosen] for search, mask in matched.items()},
        {name: _column(events.frame, name, chosen) for name in fields},
    )


def _served(search: Search, events: Events) -> bool:
    """Whether the search's log source is one of those that the events belong to."""
    if events.sources is None:
        return True
    wanted = (search.logsource.category, search.logsource.product, search.logsource.service)
    return any(
        all(want is None or want == have for want, have in zip(wanted, source, strict=True))
        for source in events.sources
    )


def _column(frame: pd.DataFrame, name: str, chosen: Index) -> pa.ChunkedArray | None:
    if name not in frame.columns:
        return None
    column = native(frame[name])
    return column if len(chosen) == len(column) else column.take(pa.array(chosen))


def _assemble(
    blocks: Sequence[_Block],
    searches: Sequence[Search],
    fields: Sequence[str],
    files: tuple[str, ...],
    seen: int,
    money: frozenset[str],
) -> Kept:
    time = np.concatenate([np.zeros(0, np.int64), *(block.time for block in blocks)])
    # Blocks come in the order of files and lines, so that a stable sort by time settles ties by file and line.
    order = np.arange(len(time)) if bool((time[1:] >= time[:-1]).all()) else np.argsort(time, kind="stable")
    file = np.concatenate([np.zeros(0, np.int32), *(block.file for block in blocks)])
    line = np.concatenate([np.zeros(0, np.int64), *(block.line for block in blocks)])
    rows: dict[Search, Index] = {}
    for search in searches:
        none = [np.zeros(len(block.time), np.bool_) for block in blocks]
        parts = [block.matched.get(search, empty) for block, empty in zip(blocks, none, strict=True)]
        rows[search] = np.flatnonzero(np.concatenate([np.zeros(0, np.bool_), *parts])[order])
    columns = {name: [(len(block.time), block.columns[name]) for block in blocks] for name in fields}
    return Kept(time[order], file[order], line[order], files, seen, rows, columns, order, money)


def encode(parts: Sequence[tuple[int, pa.ChunkedArray | None]]) -> tuple[pa.Array, Codes]:
    """Distinct values and codes of a column in parts, each (length, values or None for all null).

    Parts of different types (a log whose field changes its type) and lists are compared by their text.
    """
    wanted = _common_type([part for _, part in parts if part is not None])
    coded = pa.dictionary(pa.int32(), wanted)
    chunks: list[pa.Array] = []
    for length, part in parts:
        empty = part is None or pa.types.is_null(part.type)
        chunks += [pa.nulls(length, coded)] if empty else _encoded(part, wanted).cast(coded).chunks
    joined = pa.chunked_array(chunks, coded).unify_dictionaries()
    values = joined.chunk(0).dictionary if joined.num_chunks else pa.array([], wanted)
    codes = [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in joined.chunks]
    return values, np.concatenate([np.zeros(0, np.int32), *codes])


def _common_type(parts: Sequence[pa.ChunkedArray]) -> pa.DataType:
    types = {part.type.value_type if pa.types.is_dictionary(part.type) else part.type for part in parts} - {pa.null()}
    wanted = types.pop() if len(types) == 1 else pa.string()
    return pa.string() if pa.types.is_nested(wanted) else wanted


def _encoded(part: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(part.type) and part.type.value_type == wanted:
        return part
    plain = part if part.type == wanted else text_values(part)
    return pc.dictionary_encode(plain)


def unify(parts: Sequence[Coded]) -> Coded:
    """The parts one after another, as codes into one set of distinct values."""
    if all(part.values is parts[0].values for part in parts):
        return Coded(np.concatenate([part.codes for part in parts]), parts[0].values, parts[0].scale)
    if len({part.values.type for part in parts}) > 1:
        return unify([Coded(part.codes, text_values(part.values), part.scale) for part in parts])
    whole = pc.dictionary_encode(pa.concat_arrays([part.values for part in parts]))
    # Code −1 (null) finds the extra last element, and so stays −1.
    position = whole.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    codes, offset = [], 0
    for part in parts:
        codes.append(np.append(position[offset : offset + len(part.values)], np.int32(-1))[part.codes])
        offset += len(part.values)
    return Coded(np.concatenate(codes), whole.dictionary, parts[0].scale)


def to_numbers(column: Coded) -> Numbers:
    """The values as exact numbers; text that does not read as one counts as null."""
    values, valid = number_values(column.values)
    distinct = exact_numbers(values, valid, column.scale)
    summable = widened(distinct.values, len(column.codes))
    # Code −1 (null) finds the extra last element.
    return Numbers(np.append(summable, 0)[column.codes], np.append(valid, False)[column.codes], distinct.scale)
