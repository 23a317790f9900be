"""Logs as blocks of events: the one way in, whatever the format and the profile."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tollwatch.diagnostics import closest
from tollwatch.errors import UsageError
from tollwatch.logs.embedded import Embedded
from tollwatch.logs.files import STDIN, Stream, expand, format_of
from tollwatch.logs.issues import Issues
from tollwatch.logs.join import Join, Part, with_texts
from tollwatch.logs.jsonl import read_jsonl
from tollwatch.logs.model import Events, ReadIssue
from tollwatch.logs.normalise import Normaliser, encoded, whole
from tollwatch.logs.profile import NONE, Carrier, Profile
from tollwatch.logs.records import Index, Kinds, Raw, from_mappings
from tollwatch.logs.schema import FIELDS, FieldType
from tollwatch.logs.times import to_microseconds

if TYPE_CHECKING:
    import pandas as pd

BLOCK_BYTES = 32 << 20

# Under ``none``: the fields that hold the time in well-known logs, the first that a file has.
TIME_FIELDS = (
    *("timestamp", "@timestamp", "time", "_time", "eventTime", "startTime", "TimeGenerated", "TimeCreated", "UtcTime"),
    *("SystemTime", "EventTime", "Event.System.TimeCreated.#attributes.SystemTime", "created_at", "started_at"),
    *("request_created_at", "start_time", "datetime", "date", "ts"),
)


@dataclass(slots=True)
class Log:
    """The events of some files; iterate once. ``records`` and ``issues`` are whole after that.

    ``fields`` None reads every field. Raises UsageError where, under the profile none, nothing holds the time.
    """

    paths: tuple[str, ...]
    profile: Profile
    fields: tuple[str, ...] | None
    timestamp: str | None
    block_bytes: int
    records: int = 0
    _issues: Issues = field(default_factory=Issues)

    @property
    def issues(self) -> tuple[ReadIssue, ...]:
        """What was wrong with the records read so far."""
        return self._issues.all()

    def __iter__(self) -> Iterator[Events]:
        # A block is read while the one before is evaluated. Not of a pipe, which may stay silent for long.
        piped = any(path == STDIN or not Path(path).is_file() for path in self.paths)
        return self._blocks() if piped else ahead(self._blocks())

    def _blocks(self) -> Iterator[Events]:
        if self.profile.records is not None:
            yield from self._joined(Join(self.profile, self.profile.records))
            return
        former: _Former | None = None
        for part in self._parts():
            if former is None or former.name != part.path:
                former = self._former(part.path)
            yield former.form(part.raw)

    def _joined(self, join: Join) -> Iterator[Events]:
        paths = self._former("").carried_paths()
        for part in join.joined(list(self._parts()), paths, self._issues):
            yield self._former(part.path).form(part.raw)

    def _former(self, name: str) -> _Former:
        return _Former(self.profile, self.fields, self.timestamp, name, self._issues)

    def _parts(self) -> Iterator[Part]:
        """Every block of every file."""
        for path in self.paths:
            stream = Stream(path)
            try:
                yield from self._file(stream)
            finally:
                stream.close()

    def _file(self, stream: Stream) -> Iterator[Part]:
        if stream.damaged:
            self._issues.add("truncated", stream.name, [1])
        if not stream.ahead:
            return
        for raw in self._raw(stream, self._former(stream.name).paths()):
            self.records += len(raw.lines)
            if len(raw.lines):
                yield Part(stream.name, raw)

    def _raw(self, stream: Stream, paths: tuple[str, ...] | None) -> Iterator[Raw]:
        match format_of(stream):
            case "parquet":
                from tollwatch.logs.tabular import read_parquet

                yield from read_parquet(stream, paths, self._issues)
            case "csv":
                from tollwatch.logs.csv_rows import read_csv

                yield from read_csv(stream, paths, self._issues, self.block_bytes)
            case "json":
                from tollwatch.logs.tabular import read_json

                yield from read_json(stream, paths, self._issues)
            case _:
                yield from read_jsonl(stream, paths, self._issues, self.block_bytes)


def open_logs(
    paths: Sequence[str | Path],
    profile: Profile,
    *,
    fields: Collection[str] | None = None,
    timestamp: str | None = None,
    strict: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Log:
    """Logs in a profile's raw form: jsonl, JSON, csv or parquet, also gzip or zstd, globs, and ``-`` for stdin.

    ``fields``: those that are needed (None: all). ``timestamp``: which field holds the time, under the profile none.
    ``strict``: the first issue raises DiagnosticsError. Memory stays bounded by ``block_bytes``, save for JSON arrays,
    and for a profile that joins kinds of record, which holds the needed columns of all paths.

    Raises:
        UsageError: a path that is no file.
    """
    wanted = None if fields is None else tuple(dict.fromkeys(fields))
    return Log(expand(paths), profile, wanted, timestamp, block_bytes, _issues=Issues(strict))


def from_records(
    records: Sequence[Mapping[str, object]],
    profile: Profile,
    *,
    name: str = "<records>",
    fields: Collection[str] | None = None,
    timestamp: str | None = None,
) -> Events:
    """Raw records in memory as events; each one's line is its number from 1."""
    issues = Issues()
    wanted = None if fields is None else tuple(dict.fromkeys(fields))
    former = _Former(profile, wanted, timestamp, name, issues)
    lines = np.arange(1, len(records) + 1)
    raw = from_mappings(records, lines, former.paths(), Kinds(name, issues))
    return former.form(former.whole(raw))


def from_frame(frame: pd.DataFrame, profile: Profile, *, name: str = "<frame>", timestamp: str | None = None) -> Events:
    """A DataFrame of raw columns (of any dtype) as events; each row's line is its number from 1."""
    from tollwatch.logs.tabular import flatten

    lines = np.arange(1, len(frame) + 1)
    kinds = Kinds(name, Issues())
    table = pa.table({str(label): _arrow(frame[label], str(label), kinds, lines) for label in frame.columns})
    former = _Former(profile, None, timestamp, name, kinds.issues)
    return former.form(former.whole(Raw(flatten(table), lines)))


def _arrow(series: pd.Series, name: str, kinds: Kinds, lines: Index) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # objects of several types
        return kinds.column(name, [None if value is pd.NA else value for value in series], lines)


_AHEAD = 3  # blocks that may wait; as many as are read while a program's modules are still loaded


def ahead(blocks: Iterator[Events]) -> Iterator[Events]:
    """The same blocks, made in a thread while earlier ones are used. It starts at once, not at the first block."""
    thread = ThreadPoolExecutor(1, "read")
    pending = deque(thread.submit(next, blocks, None) for _ in range(_AHEAD))
    return _taken(thread, pending, blocks)


def _taken(
    thread: ThreadPoolExecutor, pending: deque[Future[Events | None]], blocks: Iterator[Events]
) -> Iterator[Events]:
    with thread:
        while (block := pending.popleft().result()) is not None:
            pending.append(thread.submit(next, blocks, None))
            yield block


@dataclass(slots=True)
class _Former:
    """Forms a file's raw blocks into events."""

    profile: Profile
    fields: tuple[str, ...] | None
    timestamp: str | None
    name: str
    issues: Issues
    chosen: str | None = None

    def paths(self) -> tuple[str, ...] | None:
        """The raw paths that are needed; None for all."""
        if self.profile.name == NONE:
            times = TIME_FIELDS if self.timestamp is None else (self.timestamp,)
            return None if self.fields is None else tuple(dict.fromkeys([*self.fields, *times]))
        paths = self.carried_paths()
        return paths if self.profile.records is None else Join(self.profile, self.profile.records).carrying(paths)

    def carried_paths(self) -> tuple[str, ...]:
        """The paths that carry the wanted fields, and those of ``where``; of those inside texts of JSON, the text's."""
        wanted = self._wanted()
        paths = _raw_paths(carrier for carrier in self.profile.carriers if carrier.field in wanted)
        told = (path for path, _ in self.profile.where)
        return Embedded(self.profile.parse_json).carrying(tuple(dict.fromkeys([*paths, *told])))

    def _wanted(self) -> tuple[str, ...]:
        names = tuple(carrier.field for carrier in self.profile.carriers) if self.fields is None else self.fields
        return tuple(dict.fromkeys([*names, "timestamp"]))

    def whole(self, raw: Raw) -> Raw:
        """The records with what others of them say of the same request, where the profile joins kinds of record."""
        if self.profile.records is None:
            return raw
        join = Join(self.profile, self.profile.records)
        found = list(join.joined([Part(self.name, raw)], self.carried_paths(), self.issues))
        return found[0].raw if found else Raw({}, raw.lines[:0])

    def form(self, raw: Raw) -> Events:
        """The block's records that are the source's own and have a time, as events."""
        raw = with_texts(raw, self.profile.where)
        columns = self._own(raw) if self.profile.name == NONE else self._canonical(raw)
        time, valid = to_microseconds(self._time(raw, columns))
        self.issues.add("no-timestamp", self.name, raw.lines[~valid])
        time = time // self.profile.time_resolution * self.profile.time_resolution
        if self.fields is not None and "timestamp" not in self.fields and self.profile.name != NONE:
            columns.pop("timestamp", None)
        lines = raw.lines
        if not valid.all():
            kept = pa.array(valid)
            columns = {name: column.filter(kept) for name, column in columns.items()}
            time, lines = time[valid], lines[valid]
        import pandas as pd  # a fifth of a second, better spent while others parse

        frame = pd.DataFrame(
            {name: pd.arrays.ArrowExtensionArray(column) for name, column in columns.items()},
            index=pd.RangeIndex(len(time)), copy=False,
        )  # fmt: skip
        money = frozenset(n for n in columns if self.profile.name != NONE and FIELDS[n].type is FieldType.MONEY)
        file = np.zeros(len(time), np.int32)
        return Events(frame, time, file, lines, (self.name,), money, self.profile.sources or None)

    def _canonical(self, raw: Raw) -> dict[str, pa.ChunkedArray]:
        if self.profile.parse_json:
            paths = _raw_paths(self.profile.carriers)
            raw = Embedded(self.profile.parse_json).opened(raw, paths, Kinds(self.name, self.issues))
        normaliser = Normaliser(raw, self.name, self.issues)
        carriers = (self.profile.carrier(name) for name in self._wanted())
        return {carrier.field: normaliser.column(carrier) for carrier in carriers if carrier is not None}

    def _own(self, raw: Raw) -> dict[str, pa.ChunkedArray]:
        """The log's own fields as they are, texts dictionary-encoded."""
        names = raw.columns if self.fields is None else [name for name in self.fields if name in raw.columns]
        return {name: pa.chunked_array([encoded(whole(raw.columns[name]))]) for name in names}

    def _time(self, raw: Raw, columns: Mapping[str, pa.ChunkedArray]) -> pa.ChunkedArray:
        if self.profile.name != NONE:
            return columns["timestamp"]
        if self.chosen is None and len(raw.lines):
            self.chosen = self._choose(raw)
        missing = pa.chunked_array([pa.nulls(len(raw.lines), pa.string())])
        return raw.columns.get(self.chosen or "", missing)

    def _choose(self, raw: Raw) -> str:
        """The field that holds the time: the one that is named, else the first well-known one that reads as times."""
        for name in TIME_FIELDS if self.timestamp is None else (self.timestamp,):
            if name in raw.columns and to_microseconds(raw.columns[name])[1].any():
                return name
        if self.timestamp is not None:
            hint = closest(self.timestamp, raw.columns) or "name the field that holds the time with --timestamp"
            raise UsageError(f"{self.name}: no record has a time in {self.timestamp!r}", hint)
        raise UsageError(
            f"{self.name}: no field is known to hold the time",
            "name it with --timestamp; known are " + ", ".join(TIME_FIELDS[:8]) + ", …",
        )


def _raw_paths(carriers: Iterable[Carrier]) -> tuple[str, ...]:
    paths = (path for carrier in carriers for path in (*carrier.paths, *(when[0] for when in carrier.when)))
    return tuple(dict.fromkeys(paths))


def between(blocks: Iterable[Events], first: int | None, last: int | None) -> Iterator[Events]:
    """The events with ``first`` <= time <= ``last`` (µs; None leaves that side open)."""
    for events in blocks:
        chosen = np.ones(len(events), np.bool_)
        if first is not None:
            chosen &= events.time >= first
        if last is not None:
            chosen &= events.time <= last
        if chosen.all():
            yield events
        else:
            frame = events.frame[chosen].reset_index(drop=True)
            yield replace(
                events, frame=frame, time=events.time[chosen], file=events.file[chosen], line=events.line[chosen]
            )
