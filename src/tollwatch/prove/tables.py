"""A profile's raw records as the tables that a platform holds of them, with the columns that a query reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tollwatch.compile.model import SourceColumn
from tollwatch.compile.source import Source, source_of
from tollwatch.logs.issues import Issues
from tollwatch.logs.profile import NONE, Profile, RecordKind
from tollwatch.logs.read import TIME_FIELDS
from tollwatch.logs.records import Kinds, lookup, scalar_text
from tollwatch.logs.times import to_microseconds
from tollwatch.query.ingest import TYPES, table_of
from tollwatch.query.table import Column, Index, Table, Type, constant

Record = Mapping[str, object]
_PLAIN = re.compile(r"[\w@.-]+")
SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Logged:
    """Raw records, and the time of each in µs; ``timed`` is false where a record has none."""

    records: tuple[Record, ...]
    times: Index
    timed: tuple[bool, ...]


def logged(records: Sequence[Record], profile: Profile) -> Logged:
    """The records with their times, as the profile's evaluator reads them."""
    times = np.zeros(len(records), np.int64)
    timed = np.zeros(len(records), np.bool_)
    for path, mine in _time_paths(profile, records):
        values = [lookup(record, path) if own else None for record, own in zip(records, mine, strict=True)]
        found, known = to_microseconds(Kinds("", Issues()).column(path, values, np.arange(len(records))))
        chosen = known & ~timed
        times[chosen] = found[chosen] // profile.time_resolution * profile.time_resolution
        timed |= known
    return Logged(tuple(records), times, tuple(timed.tolist()))


def _time_paths(profile: Profile, records: Sequence[Record]) -> Iterator[tuple[str, list[bool]]]:
    """(path of a time, which records have it), the first that is there counts."""
    everywhere = [True] * len(records)
    kinds = () if profile.records is None else profile.records.others()
    for kind in kinds:
        if kind.time is not None:
            yield kind.time, [_is_kind(record, kind) for record in records]
    carrier = profile.carrier("timestamp")
    for path in TIME_FIELDS if carrier is None else carrier.paths:
        yield profile.split(path)[1], everywhere


def tables(language: str, profile: Profile, logs: Logged, columns: Sequence[SourceColumn] = ()) -> dict[str, Table]:
    """The tables that a platform holds of the logs, by name. A record without a time is in none.

    ``columns``: those that a compiled query says it reads, with their types.

    Raises:
        Refused: the profile does not say where the language finds its logs.
    """
    source = source_of(profile, language)
    timed = [at for at, known in enumerate(logs.timed) if known]
    records, times = [logs.records[at] for at in timed], logs.times[timed]
    if profile.records is None:
        return {_name(source): _table(source, columns, "", records, times)}
    found = {}
    for kind in profile.records.kinds:
        name = source.record_setting(kind.name, "table")
        own = [at for at, record in enumerate(records) if _of_table(record, kind, name)]
        found[name] = _table(source, columns, name, [records[at] for at in own], times[own])
    return found


def _of_table(record: Record, kind: RecordKind, table: str) -> bool:
    """Whether the record is in the kind's table: what only tells records inside the table apart is the query's."""
    named = [(path, text) for path, text in kind.where if text == table]
    return _is(record, named or kind.where)


def _is_kind(record: Record, kind: RecordKind) -> bool:
    return _is(record, kind.where)


def _is(record: Record, where: Sequence[tuple[str, str]]) -> bool:
    return all(scalar_text(lookup(record, path)) == text for path, text in where)


def _name(source: Source) -> str:
    setting = {"kql": "table", "esql": "index"}.get(source.language)
    return (setting and source.setting(setting)) or "events"


def _table(
    source: Source, columns: Sequence[SourceColumn], name: str, records: Sequence[Record], times: Index
) -> Table:
    language = source.language
    renamed = _renames(source, name)
    shaped = [_with(record, renamed) for record in records] if renamed else records
    table = table_of(language, shaped, {} if language == "spl" else _types(columns, name))
    given = np.ones(len(times), np.bool_)
    if language == "spl":
        added = {source.time: Column(Type.REAL, times / SECOND, given)}
        added |= {
            key: constant(Type.STRING, value.strip('"'), len(times))
            for key in ("index", "sourcetype")
            if (value := source.setting(key)) is not None
        }
    else:
        kept = times // 1_000 * 1_000 if language == "esql" else times
        added = {source.time: Column(Type.DATETIME, kept, given)}
    return table.with_columns(added)


def _types(columns: Sequence[SourceColumn], table: str) -> dict[str, Type]:
    """The schema that a query relies on; Splunk has none."""
    found = {}
    for one in columns:
        owner, _, column = one.name.partition(".")
        name = column if table and owner == table else one.name
        foreign = table and owner != table and column and owner[:1].isupper()
        if not foreign:
            found[name] = TYPES[one.type]
    return found


def _renames(source: Source, table: str) -> list[tuple[str, str]]:
    """(raw path, column) where the platform keeps a value under another name."""
    target = source.profile.target(source.language)
    if target is None or table or source.profile.name == NONE:
        return []
    return [(path, column) for path, column in target.columns if path != column and _PLAIN.fullmatch(column)]


def _with(record: Record, renamed: Sequence[tuple[str, str]]) -> Record:
    return {**record, **{column: value for path, column in renamed if (value := lookup(record, path)) is not None}}
