"""Canonical events as a source's raw records: the profile the other way round (semantics, "Profiles")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from tollwatch.errors import UsageError
from tollwatch.logs.profile import NONE, Carrier, Profile, Records
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
    if profile.records is None:
        return raw
    return [one for number, record in enumerate(raw, 1) for one in _apart(record, profile.records, number)]


def _apart(record: Mapping[str, object], records: Records, number: int) -> Iterator[dict[str, object]]:
    """One record of each kind that has something to say; they share a key."""
    main = records.kind(records.main)
    parts: dict[str, dict[str, object]] = {main.name: {}}
    for path, value in record.items():
        kind, colon, rest = path.partition(":")
        known = colon and any(kind == one.name for one in records.kinds)
        parts.setdefault(kind if known else main.name, {})[rest if known else path] = value
    key = _get(parts[main.name], main.key) or f"request-{number}"
    for name, part in parts.items():
        kind_of = records.kind(name)
        for path, text in kind_of.where:
            _put(part, path, text)
        _put(part, kind_of.key, key)
        yield part


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
