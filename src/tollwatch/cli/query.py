"""``rules query``: run a hand-written query on logs, without a SIEM."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from tollwatch.cli import render
from tollwatch.cli.options import ProfileOption, Quiet
from tollwatch.config import load_settings
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tollwatch.query.engines import TimeRange


class RowFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"


def query(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A query: FILE.spl, FILE.kql or FILE.esql.")],
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="LOGS…", help="Files, globs, or - for standard input.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", metavar="NAME=FILE", help="Logs of one table; repeatable.")
    ] = None,
    profile: ProfileOption = None,
    macros: Annotated[
        Path | None, typer.Option("--macros", metavar="FILE", help="Splunk's macros.conf with the macros of FILE.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Leave out records before (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Leave out records from then on.")] = None,
    now: Annotated[
        str | None, typer.Option(metavar="TIME", help="What now() gives (default: a second after the last record).")
    ] = None,
    output_format: Annotated[RowFormat, typer.Option("--format", help="How rows are printed.")] = RowFormat.TABLE,
    quiet: Quiet = False,
) -> int:
    """Run a query in SPL, Kusto or ES|QL on LOGS and print its rows."""
    from tollwatch.logs.profile import NONE, load_profile
    from tollwatch.prove.handwritten import hold, read_query, records_of, run_query
    from tollwatch.query.output import records

    written = read_query(file, macros)
    named = dict(_named(table or []))
    if not logs and not named:
        raise UsageError("no logs are named", "give files, globs, - for standard input, or --table NAME=FILE")
    form = load_profile(profile or NONE, load_settings().profiles)
    held = hold(
        written.language, form, records_of(logs or []), {name: records_of([path]) for name, path in named.items()}
    )
    rows = run_query(written, held, _range(held.last, since, until, now))
    _print(list(rows.columns), records(rows), output_format)
    render.note("1 row" if rows.rows == 1 else f"{rows.rows:,} rows", quiet)
    return 0


def _named(tables: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for item in tables:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--table {item}: not NAME=FILE", "for example --table SigninLogs=signins.jsonl")
        found.append((name, path))
    return found


def _range(last: int, since: str | None, until: str | None, now: str | None) -> TimeRange:
    from tollwatch.cli.sources import read_time
    from tollwatch.query.engines import MICROSECONDS, TimeRange

    return TimeRange(
        last + MICROSECONDS if now is None else read_time("--now", now),
        None if since is None else read_time("--since", since),
        None if until is None else read_time("--until", until),
    )


def _print(names: list[str], rows: list[dict[str, Any]], output_format: RowFormat) -> None:
    match output_format:
        case RowFormat.TABLE:
            if rows:
                render.table(names, [[_text(row[name]) for name in names] for row in rows])
        case RowFormat.JSON:
            render.out_bytes([orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)])
        case RowFormat.JSONL:
            render.out_bytes(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        case RowFormat.CSV:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([render.csv_cell(_text(row[name])) for name in names] for row in rows)
            render.out_bytes([text.getvalue().encode()])


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
