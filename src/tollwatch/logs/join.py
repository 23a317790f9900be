"""Two kinds of record as one event: what a gateway logs of a request, and what it logs of the model's answer.

Semantics, "Profiles", ``join``. A record of the main kind is an event; the first record of each other kind with an
equal key joins it, a left outer join. All records are held until the last is read, since either kind may come first:
memory grows with the columns that are needed.
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
        return tuple(dict.fromkeys([*own, *told, *keys]))

    def joined(self, parts: Sequence[Part], paths: Sequence[str], issues: Issues) -> Iterator[Part]:
        """The records of the main kind with the columns of all ``paths``; what joins none is counted."""
        main = self.records.kind(self.records.main)
        events = [_of_kind(part, main) for part in parts]
        keys = pa.concat_arrays([_keys(part.raw, main) for part in events]) if events else pa.array([], pa.string())
        others = {kind.name: self._other(kind, parts, keys, issues) for kind in self.records.others()}
        for part in events:
            own = _keys(part.raw, main)
            columns = dict(part.raw.columns)
            for path in paths:
                kind, rest = self.profile.split(path)
                if kind in others:
                    columns[path] = others[kind].column(rest, own)
                elif rest != path and rest in columns:
                    columns[path] = columns[rest]
            if len(part.raw.lines):
                yield Part(part.path, Raw(columns, part.raw.lines))

    def _other(self, kind: RecordKind, parts: Sequence[Part], events: pa.Array, issues: Issues) -> _Other:
        found = [_of_kind(part, kind) for part in parts]
        for part in found:
            alone = pc.invert(pc.is_in(_keys(part.raw, kind), events)).to_numpy(zero_copy_only=False)
            issues.add("unjoined", part.path, part.raw.lines[alone], kind.name)
        keys = pa.concat_arrays([_keys(part.raw, kind) for part in found]) if found else pa.array([], pa.string())
        return _Other(tuple(part.raw for part in found), keys)


@dataclass(frozen=True, slots=True)
class _Other:
    """The records of a kind that joins, in the order of reading, with their keys."""

    raws: tuple[Raw, ...]
    keys: pa.Array

    def column(self, path: str, keys: pa.Array) -> pa.ChunkedArray:
        """The values of the first records with these keys; null where there is none."""
        at = pc.index_in(keys, self.keys)
        return pa.chunked_array([self._values(path).take(pc.if_else(pc.is_null(keys), None, at))])

    def _values(self, path: str) -> pa.Array:
        columns = [_column(raw, path) for raw in self.raws]
        if len({column.type for column in columns if column.null_count < len(column)}) > 1:
            columns = [text_values(column) for column in columns]
        kinds = [column.type for column in columns if column.null_count < len(column)]
        wanted = kinds[0] if kinds else pa.string()
        same = [column if column.type == wanted else pa.nulls(len(column), wanted) for column in columns]
        return pa.concat_arrays(same) if same else pa.nulls(0, wanted)


def _column(raw: Raw, path: str) -> pa.Array:
    column = raw.columns.get(path)
    if column is None:
        return pa.nulls(len(raw.lines), pa.string())
    plain = whole(column)
    return plain.dictionary_decode() if pa.types.is_dictionary(plain.type) else plain


def _of_kind(part: Part, kind: RecordKind) -> Part:
    """The records where each path of the kind's has its text."""
    chosen = np.ones(len(part.raw.lines), np.bool_)
    for path, text in kind.where:
        equal = pc.fill_null(pc.equal(text_values(_column(part.raw, path)), text), False)
        chosen &= equal.to_numpy(zero_copy_only=False)
    kept = pa.array(chosen)
    columns = {name: column.filter(kept) for name, column in part.raw.columns.items()}
    return Part(part.path, Raw(columns, part.raw.lines[chosen]))


def _keys(raw: Raw, kind: RecordKind) -> pa.Array:
    """The keys as texts; an empty one is null, and joins nothing."""
    texts = text_values(_column(raw, kind.key))
    return pc.if_else(pc.equal(texts, ""), None, texts)
