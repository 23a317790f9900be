"""Fields inside texts that are JSON themselves, as some gateways write a record's properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from tollwatch.logs.records import Kinds, Raw, lookup
from tollwatch.logs.values import text_values


@dataclass(frozen=True, slots=True)
class Embedded:
    """``parents``: the raw paths whose text is JSON; where the log has records there instead, those are read."""

    parents: tuple[str, ...]

    def carrying(self, paths: Sequence[str]) -> tuple[str, ...]:
        """The paths to read, for these: the parent in place of each that is below one."""
        return tuple(dict.fromkeys(self._parent(path) or path for path in paths))

    def opened(self, raw: Raw, paths: Sequence[str], kinds: Kinds) -> Raw:
        """The raw columns with those of the paths that are inside texts.

        A text that is no JSON object has no fields; it is counted.
        """
        columns = dict(raw.columns)
        for parent in self.parents:
            below = [path for path in paths if self._parent(path) == parent]
            column = raw.columns.get(parent)
            if not below or column is None:
                continue
            records = [_record(text) for text in text_values(column).to_pylist()]
            bad = [int(line) for line, record in zip(raw.lines, records, strict=True) if record is None]
            kinds.issues.add("bad-json", kinds.path, bad, parent)
            for path in below:
                rest = path.removeprefix(parent + ".")
                columns[path] = kinds.column(path, [lookup(record or {}, rest) for record in records], raw.lines)
        return Raw(columns, raw.lines)

    def _parent(self, path: str) -> str | None:
        return next((parent for parent in self.parents if path.startswith(parent + ".")), None)


def _record(text: str | None) -> Mapping[str, object] | None:
    """The object; an empty one for no text, None for what is no object."""
    if not text:
        return {}
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None
