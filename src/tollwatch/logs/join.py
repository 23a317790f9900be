"""Two kinds of record as one event: what a gateway logs of a request, and what it logs of the model's answer.

Semantics, "Profiles", ``join``. A record of the main kind is an event; of each other kind the earliest record with an
equal key joins it, a left outer join; among equal times the first that is read. All records are held until the last is
read, since either kind may come first: memory grows with the columns that are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.logs.issues import Issues
from tollwatch.logs.normalise import whole
from tollwatch.logs.profile import Profile, RecordKind, Records
from tollwatch.logs.records import Raw
from tollwatch.logs.times import to_microseconds
from tollwatch.logs.values import text_values


@dataclass(frozen=True, slots=True)
class Part:
    """The raw columns of one block, and the file that they came from."""

    path: str
    raw: Raw


@dataclass(frozen=True, slots=True)
class Join:
    """The join of a profile: ``records`` are its kinds."""

    profile: Profile
    records: Records

    def carrying(self, paths: Sequence[str]) -> tuple[str, ...]:
        """The raw paths to read, for these paths of fields: without kinds, and with what tells and joins the kinds."""
        own = [self.profile.split(path)[1] for path in paths]
        told = [path for kind in self.records.kinds for path, _ in kind.where]
        keys = [kind.key for kind in self.records.kinds]
        times = [time for kind in self.records.others() if (time := self._time(kind)) is not None]
        return tuple(dict.fromkeys([*own, *told, *keys, *times]))

    def joined(self, parts: Sequence[Part], paths: Sequence[str], issues: Issues) -> Iterator[Part]:
        """The records of the main kind with the columns of all ``paths``; what joins none is counted."""
        main = self.records.kind(self.records.main)
        events = [_of_kind(part, main) for part in parts]
        keys = _end_to_end([_keys(part.raw, main) for part in events])
        others = {kind.name: self._other(kind, parts, keys, paths, issues) for kind in self.records.others()}
        start = 0
        for part in events:
            count = len(part.raw.lines)
            columns = dict(part.raw.columns)
            for path in paths:
                kind, rest = self.profile.split(path)
                if kind in others:
                    columns[path] = others[kind].column(path, start, count)
                elif rest != path and rest in columns:
                    columns[path] = columns[rest]
            start += count
            if count:
                yield Part(part.path, Raw(columns, part.raw.lines))

    def _other(
        self, kind: RecordKind, parts: Sequence[Part], events: pa.Array, paths: Sequence[str], issues: Issues
    ) -> _Other:
        found = [_of_kind(part, kind) for part in parts]
        keys = _end_to_end([_keys(part.raw, kind) for part in found])
        known = pc.is_in(keys, events, skip_nulls=True).to_numpy(zero_copy_only=False)
        start = 0
        for part in found:
            alone = ~known[start : start + len(part.raw.lines)]
            issues.add("unjoined", part.path, part.raw.lines[alone], kind.name)
            start += len(part.raw.lines)
        order = self._order(kind, found)
        first = order.take(pc.index_in(events, keys.take(order), skip_nulls=True))
        wanted = [(path, rest) for path in paths for name, rest in [self.profile.split(path)] if name == kind.name]
        return _Other(first, {path: _values([part.raw for part in found], rest) for path, rest in wanted})

    def _order(self, kind: RecordKind, found: Sequence[Part]) -> pa.Array:
        """The records' places by their time, those without one last; equal times stay in the order of reading."""
        path = self._time(kind)
        read = [to_microseconds(pa.chunked_array([_column(part.raw, path or "")])) for part in found]
        time = np.concatenate([np.zeros(0, np.int64), *(time for time, _ in read)])
        valid = np.concatenate([np.zeros(0, np.bool_), *(valid for _, valid in read)])
        return pa.array(np.lexsort((time, ~valid)), pa.int64())

    def _time(self, kind: RecordKind) -> str | None:
        """The path of the records' time: the kind's own, else that of the events."""
        carrier = self.profile.carrier("timestamp")
        return kind.time or (None if carrier is None else self.profile.split(carrier.paths[0])[1])


@dataclass(frozen=True, slots=True)
class _Other:
    """The records of a kind that joins, as columns. ``first``: for each event the place of its record, or null."""

    first: pa.Array
    values: dict[str, pa.Array]

    def column(self, path: str, start: int, count: int) -> pa.ChunkedArray:
        """What joins ``count`` events from ``start``; null where nothing does."""
        return pa.chunked_array([self.values[path].take(self.first.slice(start, count))])


def _values(raws: Sequence[Raw], path: str) -> pa.Array:
    """The column of all blocks; where they differ in type, of their texts."""
    columns = [_column(raw, path) for raw in raws]
    if len({column.type for column in columns if column.null_count < len(column)}) > 1:
        columns = [text_values(column) for column in columns]
    kinds = [column.type for column in columns if column.null_count < len(column)]
    wanted = kinds[0] if kinds else pa.string()
    same = [column if column.type == wanted else pa.nulls(len(column), wanted) for column in columns]
    return pa.concat_arrays(same) if same else pa.nulls(0, wanted)


def _end_to_end(keys: Sequence[pa.Array]) -> pa.Array:
    return pa.concat_arrays([pa.nulls(0, pa.string()), *keys])


def _column(raw: Raw, path: str) -> pa.Array:
    column = raw.columns.get(path)
    if column is None:
        return pa.nulls(len(raw.lines), pa.string())
    plain = whole(column)
    return plain.dictionary_decode() if pa.types.is_dictionary(plain.type) else plain


def _of_kind(part: Part, kind: RecordKind) -> Part:
    """The records where each path of the kind's has its text."""
    return Part(part.path, with_texts(part.raw, kind.where))


def with_texts(raw: Raw, where: Sequence[tuple[str, str]]) -> Raw:
    """The records where each path has its text; a number is compared by its shortest decimal one."""
    if not where:
        return raw
    chosen = np.ones(len(raw.lines), np.bool_)
    for path, text in where:
        equal = pc.fill_null(pc.equal(text_values(_column(raw, path)), text), False)
        chosen &= equal.to_numpy(zero_copy_only=False)
    kept = pa.array(chosen)
    columns = {name: column.filter(kept) for name, column in raw.columns.items()}
    return Raw(columns, raw.lines[chosen])


def _keys(raw: Raw, kind: RecordKind) -> pa.Array:
    """The keys as texts; an empty one is null, and joins nothing."""
    texts = text_values(_column(raw, kind.key))
    return pc.if_else(pc.equal(texts, ""), None, texts)
