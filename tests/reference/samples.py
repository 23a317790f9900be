"""Events as plain rows, as they stand in the profiles' ``events.jsonl``: nulls are left out, money is in dollars."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tollwatch.logs.model import Events
from tollwatch.logs.profile import Profile
from tollwatch.logs.read import open_logs
from tollwatch.logs.values import native

PROFILES = Path(__file__).parents[2] / "fixtures" / "profiles"


def rows_of(path: Path, profile: Profile) -> list[dict[str, Any]]:
    """What the profile makes of a log."""
    return rows(open_logs([path], profile))


def rows(blocks: Iterable[Events]) -> list[dict[str, Any]]:
    """The events, each with its line first."""
    found = []
    for events in blocks:
        columns = {name: native(events.frame[name]).to_pylist() for name in events.frame.columns if name != "timestamp"}
        for at, time in enumerate(events.time.tolist()):
            row: dict[str, Any] = {"line": int(events.line[at]), "timestamp": text_time(time)}
            for name, values in columns.items():
                if values[at] is not None:
                    row[name] = float(Decimal(values[at]) / 1_000_000) if name in events.money else values[at]
            found.append(row)
    return found


def text_time(microseconds: int) -> str:
    """As events.jsonl writes a time."""
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"
