"""A log's records as they stand in it, one Python object each: for what needs a record's own form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from tollwatch.logs.files import DAMAGED, Stream, expand, format_of
from tollwatch.logs.issues import Issues
from tollwatch.logs.lines import BOM
from tollwatch.logs.values import text_values


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record with the file and the line (or number, from 1) that it stands at."""

    file: str
    line: int
    values: Mapping[str, object]


def raw_records(paths: Sequence[str | Path], issues: Issues | None = None) -> Iterator[RawRecord]:
    """Every record of the logs: jsonl, JSON, csv or parquet, as ``open_logs`` takes them.

    What is no record is left out, and noted in ``issues``.

    Raises:
        UsageError: a path that is no file.
    """
    issues = Issues() if issues is None else issues
    for path in expand(paths):
        stream = Stream(path)
        try:
            for line, values in _records(stream, issues):
                yield RawRecord(stream.name, line, values)
        finally:
            stream.close()


def _records(stream: Stream, issues: Issues) -> Iterator[tuple[int, Mapping[str, object]]]:
    if stream.damaged:
        issues.add("truncated", stream.name, [1])
        return
    match format_of(stream):
        case "parquet" | "csv" as form:
            yield from _rows(stream, form, issues)
        case "json":
            from tollwatch.logs.tabular import document_records

            yield from document_records(stream, issues)
        case _:
            yield from _lines(stream, issues)


def _lines(stream: Stream, issues: Issues) -> Iterator[tuple[int, Mapping[str, object]]]:
    try:
        content = stream.read()
    except DAMAGED:
        issues.add("truncated", stream.name, [1])
        return
    for number, line in enumerate(content.removeprefix(BOM).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError:
            issues.add("not-json", stream.name, [number])
            continue
        if isinstance(values, dict):
            yield number, values
        else:
            issues.add("bad-record", stream.name, [number])


def _rows(stream: Stream, form: str, issues: Issues) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Rows of a table; an empty cell is left out."""
    from tollwatch.logs.csv_rows import read_csv
    from tollwatch.logs.read import BLOCK_BYTES
    from tollwatch.logs.tabular import read_parquet

    blocks = read_parquet(stream, None, issues) if form == "parquet" else read_csv(stream, None, issues, BLOCK_BYTES)
    for raw in blocks:
        columns = {name: _plain(values).to_pylist() for name, values in raw.columns.items()}
        for at, line in enumerate(raw.lines.tolist()):
            yield line, {name: values[at] for name, values in columns.items() if values[at] is not None}


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """What JSON has: a table's times and decimals as texts."""
    types = pa.types
    if types.is_temporal(values.type) or types.is_decimal(values.type) or types.is_dictionary(values.type):
        return text_values(values)
    return values
