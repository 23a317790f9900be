"""Canonical events as a source's raw records: the profile the other way round (semantics, "Profiles")."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from tollwatch.errors import UsageError
from tollwatch.logs.profile import CANONICAL_NAME, NONE, Carrier, Profile
from tollwatch.logs.schema import FIELDS, FieldType


def to_raw(records: Sequence[Mapping[str, object]], profile: Profile) -> list[dict[str, object]]:
    """Raw records that ``profile`` reads back as these. Timestamps are µs since the epoch.

    A coalesce writes its first path, a sum gives its first term what the others lack, a map is inverted.

    Raises:
        UsageError: a field that the profile lacks, or a value that it cannot carry.
    """
    if profile.name == NONE:
        return [dict(record) for record in records]
    carriers = {carrier.field: carrier for carrier in profile.carriers}
    return [_record(record, profile, carriers) for record in records]


def _record(record: Mapping[str, object], profile: Profile, carriers: Mapping[str, Carrier]) -> dict[str, object]:
    _refuse_absent(record, profile)
    raw: dict[str, object] = {}
    for name, value in record.items():
        carrier = carriers.get(name)
        if carrier is None:
            raise UsageError(f"the profile {profile.name} has no {name}, so that no log of it can be written with one")
        if name == "timestamp" and isinstance(value, int):
            value = _time(value, profile)  # noqa: PLW2901 - the rest of the loop is the same for every field
        if value is not None:
            _write(raw, carrier, value, profile)
    return raw


def _refuse_absent(record: Mapping[str, object], profile: Profile) -> None:
    for absence in profile.absent_when:
        code = record.get(absence.where)
        if record.get(absence.field) is not None and any(str(value) == str(code) for value in absence.values):
            where = f"in the profile {profile.name}, {absence.field} is null where {absence.where} is {code}"
            raise UsageError(
                f"{where}, so that no log of it can be written with one", f"use {' or '.join(absence.use)}"
            )


def _time(microseconds: int, profile: Profile) -> object:
    if profile.name == CANONICAL_NAME:
        moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"
    return microseconds / 1_000_000


def _write(raw: dict[str, object], carrier: Carrier, value: object, profile: Profile) -> None:
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
    if carrier.summed:
        value = _remainder(raw, carrier, value)
    _put(raw, carrier.paths[0], value)


def _unscaled(carrier: Carrier, value: object) -> object:
    if not isinstance(value, int | float | Decimal) or carrier.factor is None:
        return value
    return float(Decimal(str(value)) / carrier.factor)


def _remainder(raw: Mapping[str, object], carrier: Carrier, value: object) -> object:
    if not isinstance(value, int | float):
        return value
    others = (raw.get(path, 0) for path in carrier.paths[1:])
    return value - sum(other for other in others if isinstance(other, int | float))


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
