"""Canonical events as a source's raw records: the profile the other way round (semantics, "Profiles")."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

from tollwatch.errors import UsageError
from tollwatch.logs.profile import NONE, Carrier, Profile, RecordKind, Records
from tollwatch.logs.records import scalar_text
from tollwatch.logs.schema import FIELDS, FieldType


def to_raw(records: Sequence[Mapping[str, object]], profile: Profile) -> list[dict[str, object]]:
    """Raw records that ``profile`` reads back as these. Timestamps are µs since the epoch.

    A coalesce writes its first path, a sum gives its first term what the others lack, a map is inverted, and a join
    makes one record of each kind.

    Raises:
        UsageError: a field that the profile lacks, or a value that it cannot carry.
    """
    if profile.name == NONE:
        return [dict(record) for record in records]
    carriers = {carrier.field: carrier for carrier in profile.carriers}
    raw = [_record(record, profile, carriers) for record in records]
    return raw if profile.records is None else list(_apart(raw, profile, profile.records))


def _apart(raw: Sequence[Mapping[str, object]], profile: Profile, records: Records) -> Iterator[dict[str, object]]:
    """Of each event one record of each kind that has something to say; they share a key and a time.

    An event without a key is given one where it needs it. Events that share a key share the other kinds' records too.
    """
    main = records.kind(records.main)
    events = [_parts(record, profile, main.name) for record in raw]
    given = {str(key) for parts in events if (key := _get(parts[main.name], main.key)) is not None}
    made = (key for number in count(1) if (key := f"request-{number}") not in given)
    said: dict[str, dict[str, dict[str, object]]] = {}
    for parts in events:
        others = {name: part for name, part in parts.items() if name != main.name}
        key = _get(parts[main.name], main.key)
        if key is None and others:
            key = next(made)
        if key is not None and said.setdefault(str(key), others) != others:
            raise UsageError(
                f"in the profile {profile.name}, two events with one {main.key}, {str(key)!r}, cannot differ in what "
                f"joins them ({', '.join(kind.name for kind in records.others())})",
                "give each a request_id of its own",
            )
        for name, part in parts.items():
            yield _told(part, records.kind(name), profile, key, _time_of(parts[main.name], profile))


def _parts(record: Mapping[str, object], profile: Profile, main: str) -> dict[str, dict[str, object]]:
    """The record's values by their kind."""
    parts: dict[str, dict[str, object]] = {main: {}}
    for path, value in record.items():
        kind, rest = profile.split(path)
        parts.setdefault(kind or main, {})[rest] = value
    return parts


def _told(part: dict[str, object], kind: RecordKind, profile: Profile, key: object, time: object) -> dict[str, object]:
    """The part with what tells its kind, its key and its time. Values are not overwritten."""
    written = copy.deepcopy(part)
    telling = [(path, _of_type(text, profile.raw_type(f"{kind.name}:{path}", None))) for path, text in kind.where]
    timed = kind.time or _time_path(profile)
    for path, value in (*telling, (kind.key, key), *([] if timed is None else [(timed, time)])):
        known = _get(written, path)
        if known is not None and scalar_text(known) != scalar_text(value):
            where = f"in the profile {profile.name}, a record of the kind {kind.name}"
            raise UsageError(f"{where} has {value!r} at {path}, not {known!r}")
        if value is not None:
            _put(written, path, value)
    return written


def _of_type(text: str, kind: str) -> object:
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return text == "true" if kind == "boolean" and text in ("true", "false") else text


def _time_path(profile: Profile) -> str | None:
    carrier = profile.carrier("timestamp")
    return None if carrier is None else profile.split(carrier.paths[0])[1]


def _time_of(main: Mapping[str, object], profile: Profile) -> object:
    path = _time_path(profile)
    return None if path is None else _get(main, path)


def _get(record: Mapping[str, object], path: str) -> object:
    value: object = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _record(record: Mapping[str, object], profile: Profile, carriers: Mapping[str, Carrier]) -> dict[str, object]:
    _refuse_absent(record, profile)
    raw: dict[str, object] = {}
    sums: list[tuple[Carrier, object]] = []
    for name, value in record.items():
        carrier = carriers.get(name)
        if carrier is None:
            raise UsageError(f"the profile {profile.name} has no {name}, so that no log of it can be written with one")
        if name == "timestamp" and isinstance(value, int):
            value = _time(value, carrier, profile)  # noqa: PLW2901 - the rest of the loop is the same for every field
        if value is not None and carrier.summed:
            sums.append((carrier, value))
        elif value is not None:
            _write(raw, carrier, value, profile)
    for carrier, value in sums:
        _write_sum(raw, carrier, value, profile)
    for path, text in profile.where:
        _put(raw, path, int(text) if profile.raw_type(path, None) == "integer" else text)
    return raw


def _refuse_absent(record: Mapping[str, object], profile: Profile) -> None:
    for absence in profile.absent_when:
        code = record.get(absence.where)
        if record.get(absence.field) is not None and any(str(value) == str(code) for value in absence.values):
            where = f"in the profile {profile.name}, {absence.field} is null where {absence.where} is {code}"
            raise UsageError(
                f"{where}, so that no log of it can be written with one", f"use {' or '.join(absence.use)}"
            )


def _time(microseconds: int, carrier: Carrier, profile: Profile) -> object:
    """A number of seconds or whole milliseconds where the source has one, else a text."""
    kind = profile.raw_type(carrier.paths[0], carrier.field)
    if kind == "number":
        return microseconds / 1_000_000
    if kind == "integer":
        return microseconds // 1_000
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"


def _write(raw: dict[str, object], carrier: Carrier, value: object, profile: Profile) -> None:
    if carrier.default is not None and str(value) == carrier.default:
        return
    for path, equals, then in carrier.when:
        if str(value) == then:
            _put(raw, path, equals)
            return
        _put(raw, path, f"not {equals}")
    if carrier.map:
        value = next((source for source, target in carrier.map if target == str(value)), value)
    if carrier.extract is not None:
        value = _embedded(carrier, str(value), profile)
    if carrier.factor is not None:
        value = _unscaled(carrier, value)
    if carrier.when and FIELDS[carrier.field].type is FieldType.INTEGER:
        value = str(value)  # beside a `when`, sources carry codes as text, empty where there is none
    _put(raw, carrier.paths[0], value)


def _unscaled(carrier: Carrier, value: object) -> object:
    if not isinstance(value, int | float | Decimal) or carrier.factor is None:
        return value
    return float(Decimal(str(value)) / carrier.factor)


def _write_sum(raw: dict[str, object], carrier: Carrier, value: object, profile: Profile) -> None:
    """The first term is what the others, which are written already, leave of the sum."""
    if not isinstance(value, int | float):
        raise UsageError(f"the profile {profile.name} cannot write {carrier.field}={value!r}, which is no number")
    first, *others = carrier.paths
    rest = value - sum(term for path in others if isinstance(term := _get(raw, path), int | float))
    known = _get(raw, first)
    if rest < 0 or known not in (None, rest):
        raise UsageError(
            f"in the profile {profile.name}, {carrier.field} is a sum, and {value} is not that of its terms"
        )
    _put(raw, first, rest)


def _embedded(carrier: Carrier, value: str, profile: Profile) -> str:
    """The value where its pattern finds it again as it is; other text around it cannot be made up."""
    found = re.search(carrier.extract or "", value)
    if found is None or found.group(1) != value:
        raise UsageError(f"the profile {profile.name} cannot write {carrier.field}={value!r}: {carrier.extract!r}")
    return value


def _put(raw: dict[str, object], path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for name in parents:
        below = raw.setdefault(name, {})
        if not isinstance(below, dict):
            raise UsageError(f"{path}: {name} holds a value already, and cannot hold fields")
        raw = below
    raw[leaf] = value
