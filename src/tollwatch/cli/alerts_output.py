"""Alerts as a table, JSON lines, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import orjson

from tollwatch.cli import render
from tollwatch.errors import UsageError
from tollwatch.evaluate.alerts import Alert, Step, format_time, to_record

_COLUMNS = ("rule", "rule_id", "title", "level", "entity", "first_seen", "triggered_at", "last_seen", "hits", "peak")
_HEADER = ("triggered at", "level", "rule", "entity", "first seen", "last seen", "hits", "peak", "events")


_ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv"}


def write(alerts: Sequence[Alert], output_format: str | None, output: Path | None, verbose: bool) -> None:
    """Print the alerts, or write them to a file. Without a format the file's ending says it, else it is a table.

    Raises:
        UsageError: the file cannot be written.
    """
    output_format = output_format or _ENDINGS.get("" if output is None else output.suffix.lower(), "table")
    rows = _rows(alerts, verbose) if output_format == "table" else []
    if output is None and output_format == "table":
        if rows:
            render.table(_HEADER, rows)
        return
    content = render.table_text(_HEADER, rows).encode() if output_format == "table" else _bytes(alerts, output_format)
    if output is None:
        render.out_bytes([content])
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror}") from None


def _bytes(alerts: Sequence[Alert], output_format: str) -> bytes:
    records = [to_record(alert) for alert in alerts]
    if output_format == "json":
        return orjson.dumps(records, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if output_format == "csv":
        return _csv(records)
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)


def _csv(records: Sequence[dict[str, object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_COLUMNS, "event_count", "tags"))
    for record in records:
        entity, tags = orjson.dumps(record["entity"]).decode(), record["tags"]
        shown = {**record, "entity": entity, "tags": " ".join(tags) if isinstance(tags, list) else ""}
        writer.writerow([render.csv_cell(shown[name]) for name in (*_COLUMNS, "event_count", "tags")])
    return text.getvalue().encode()


def _rows(alerts: Sequence[Alert], verbose: bool) -> list[tuple[str, ...]]:
    return [row for alert in alerts for row in (_row(alert), *(_steps(alert.steps, "  ") if verbose else ()))]


def _row(alert: Alert) -> tuple[str, ...]:
    entity = " ".join(f"{name}={value}" for name, value in alert.entity)
    times = (_short(alert.triggered_at), _short(alert.first_seen), _short(alert.last_seen))
    peak = "" if alert.peak is None else str(alert.peak)
    counts = (str(alert.hits), peak, str(alert.event_count))
    named = alert.title if alert.rule == alert.rule_id else alert.rule  # an id tells a person nothing
    return (times[0], alert.level or "", named, entity, times[1], times[2], *counts)


def _steps(steps: Sequence[Step], indent: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for step in steps:
        peak = "" if step.peak is None else str(step.peak)
        times = (_short(step.triggered_at), _short(step.first_seen), _short(step.last_seen))
        counts = (str(step.hits), peak, str(step.event_count))
        rows.append((times[0], "", indent + step.rule, "", times[1], times[2], *counts))
        rows.extend(_steps(step.steps, indent + "  "))
    return rows


def _short(microseconds: int) -> str:
    """Without a fraction where it has none: ``2026-03-01T10:00:00Z``."""
    return format_time(microseconds).replace(".000000Z", "Z")
