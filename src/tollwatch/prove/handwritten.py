"""A query in a file of its own, run on logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tollwatch.compile.model import Refused
from tollwatch.diagnostics import Diagnostic, closest
from tollwatch.errors import DiagnosticsError, UsageError
from tollwatch.logs.profile import NONE, Profile
from tollwatch.logs.raw_records import raw_records
from tollwatch.prove.tables import Logged, Record, logged, tables
from tollwatch.query.engines import ANY_TABLE, ENGINES, Request, TimeRange, execute
from tollwatch.query.errors import QueryError
from tollwatch.query.ingest import table_of
from tollwatch.query.table import Column, Index, Table, Type

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class QueryFile:
    """A query: its path, its language by the ending, its text, and the macros that it may use."""

    path: str
    language: str
    text: str
    macros: Mapping[str, str] = field(default_factory=dict)


def read_query(path: Path, macros: Path | None = None) -> QueryFile:
    """The query in a file.

    Raises:
        UsageError: a file that cannot be read, or with an ending that names no language.
    """
    language = next((engine.name for engine in ENGINES.values() if engine.suffix == path.suffix.lower()), None)
    if language is None:
        endings = ", ".join(engine.suffix for engine in ENGINES.values())
        hint = f"known endings: {endings}"
        if path.suffix.lower() == ".eql":
            hint += "; EQL is executed by nothing here: Elastic's own engine can check it (docs/vendors.md)"
        raise UsageError(f"{path}: its ending names no language that can be executed", hint)
    return QueryFile(str(path), language, _text(path), {} if macros is None else _macros(macros))


def _macros(path: Path) -> Mapping[str, str]:
    from tollwatch.query.spl.macros import read_macros

    return read_macros(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        near = closest(path.name, (other.name for other in path.parent.iterdir())) if path.parent.is_dir() else None
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path}: cannot be read: {why}", near) from None


@dataclass(frozen=True, slots=True)
class Held:
    """Tables by name, and the time of the last record, µs; ``ANY_TABLE`` stands for whatever a query names."""

    tables: Mapping[str, Table]
    last: int


def hold(language: str, profile: Profile, records: Sequence[Record], named: Mapping[str, Sequence[Record]]) -> Held:
    """The logs as the platform of that language holds them. ``named``: records of further tables.

    Under the profile none a record's own time is its first well-known field that reads as one.
    """
    logs = logged(records, profile)
    found: dict[str, Table] = {}
    if profile.name != NONE:
        try:
            found = tables(language, profile, logs)
        except Refused as error:
            raise UsageError(str(error), error.refusal.use) from None
    if records and not found:
        found[ANY_TABLE] = _timed(language, logs)
    elif len(found) == 1 and language != "spl":  # whatever name the site's own query gives the table
        found[ANY_TABLE] = found[next(iter(found))]
    others = {name: logged(own, profile if profile.name == NONE else _none(profile)) for name, own in named.items()}
    found |= {name: _timed(language, own) for name, own in others.items()}
    times = [own.times[list(own.timed)].max(initial=0) for own in (logs, *others.values()) if len(own.times)]
    return Held(found, int(max(times, default=0)))


def _none(profile: Profile) -> Profile:
    return replace(profile, name=NONE, carriers=(), records=None)


def _timed(language: str, logs: Logged) -> Table:
    """All the records, with the platform's column of times where they lack it."""
    table = table_of(language, logs.records)
    engine = ENGINES[language]
    if engine.time in table.columns and table.columns[engine.time].type in (Type.DATETIME, Type.REAL):
        return table
    known = np.array(logs.timed, np.bool_)
    return table if not known.any() else table.with_columns({engine.time: _times(language, logs.times, known)})


def _times(language: str, times: Index, known: np.ndarray) -> Column:
    if language == "spl":
        return Column(Type.REAL, times / _SECOND, known)
    return Column(Type.DATETIME, times // 1_000 * 1_000 if language == "esql" else times, known)


def run_query(query: QueryFile, held: Held, picked: TimeRange | None = None) -> Table:
    """The rows. Without a time range now() is just after the last record.

    Raises:
        DiagnosticsError: QRY001, what cannot be read or run in the query, with its place.
    """
    picked = picked or TimeRange(held.last + _SECOND)
    try:
        return execute(query.language, Request(query.text, held.tables, picked, query.macros))
    except QueryError as error:
        lines = query.text.splitlines()
        line = lines[error.line - 1] if error.line <= len(lines) else ""
        raise DiagnosticsError(
            (Diagnostic("QRY001", error.message, query.path, error.line, error.column, None, line),)
        ) from None


def records_of(paths: Sequence[str | Path]) -> list[Record]:
    """Every record of the logs."""
    return [record.values for record in raw_records(paths)]
