"""A profile: how one real log source carries the canonical fields, read from one YAML file (semantics, "Profiles").

``profile_yaml`` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path

from tollwatch.diagnostics import closest
from tollwatch.errors import UsageError
from tollwatch.logs.schema import CANONICAL, FIELDS, FieldType

NONE = "none"
CANONICAL_NAME = "canonical"

LogSource = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a source carries one canonical field.

    One of: ``paths`` of one element (the value there), of several (the first that is not null), or with ``summed``,
    their sum. Then, in this order: ``when`` (a path, its text, and the value that holds instead), ``extract`` (a
    pattern with one group), ``map`` (raw text → value), ``factor`` (raw number times it is canonical), ``default`` for
    null.
    """

    field: str
    paths: tuple[str, ...]
    summed: bool = False
    when: tuple[tuple[str, str, str], ...] = ()
    extract: str | None = None
    map: tuple[tuple[str, str], ...] = ()
    factor: Decimal | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """``field`` is null on every event whose ``where`` field is one of ``values``; ``use`` are the alternatives."""

    field: str
    where: str
    values: tuple[Decimal, ...]
    use: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Where one query language finds the source. ``settings``: table, index, sourcetype or stream.

    ``time``: the column of the event's time. ``columns``: raw path → column, where it is not the path itself.
    ``types``: raw path → type, where it differs from the profile's. ``records``: the settings of each record kind.
    ``parse_json``: paths that are texts of JSON in that language. ``lacks``: raw paths that it cannot reach.
    """

    settings: tuple[tuple[str, str], ...] = ()
    time: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    records: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    parse_json: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordKind:
    """One kind of record: those where each path of ``where`` has its text. ``key`` is the path that kinds share.

    ``time``: the path of its records' time, where it is not that of the events. These paths name no kind.
    """

    name: str
    where: tuple[tuple[str, str], ...]
    key: str
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """A join of record kinds: each record of the kind ``main`` is one event, the others' fields join it by key.

    Of several records of a kind with one key, the earliest joins.
    """

    main: str
    kinds: tuple[RecordKind, ...]

    def kind(self, name: str) -> RecordKind:
        """The kind of that name."""
        return next(kind for kind in self.kinds if kind.name == name)

    def others(self) -> tuple[RecordKind, ...]:
        """The kinds that join."""
        return tuple(kind for kind in self.kinds if kind.name != self.main)


@dataclass(frozen=True, slots=True)
class Profile:
    """One log source. Under ``none`` there are no carriers: a log's own field names are the fields.

    ``sources``: the log sources (category, product, service) that its events belong to; empty is any.
    ``parse_json``: raw paths whose text is JSON, so that paths lead on below them.
    ``time_resolution``: µs; finer digits of a timestamp are cut. ``types``: raw path → the type of its values (text,
    integer, number, boolean, timestamp, ip, list), where it is not the field's own. ``where``: raw paths with the text
    that each has in the source's records; a record with another one is no event.
    """

    name: str
    description: str
    carriers: tuple[Carrier, ...] = ()
    sources: tuple[LogSource, ...] = ()
    time_resolution: int = 1
    source_ip: str | None = None
    absent_when: tuple[Absence, ...] = ()
    targets: tuple[tuple[str, Target], ...] = ()
    parse_json: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    records: Records | None = None
    where: tuple[tuple[str, str], ...] = ()

    def carrier(self, field: str) -> Carrier | None:
        """How the field is carried; None where the source lacks it."""
        return next((carrier for carrier in self.carriers if carrier.field == field), None)

    def target(self, language: str) -> Target | None:
        """Where a query language finds the source; None where the profile does not say."""
        return dict(self.targets).get(language)

    def raw_type(self, path: str, field: str | None) -> str:
        """The type of a raw path's values: as the profile says, else that of the canonical field it carries."""
        said = dict(self.types).get(path)
        return said or (_RAW_TYPES[FIELDS[field].type] if field in FIELDS else "text")

    def split(self, path: str) -> tuple[str | None, str]:
        """The record kind that a path begins with (``llm:TotalTokens``), and the path inside it."""
        kind, colon, rest = path.partition(":")
        kinds = () if self.records is None else tuple(kind.name for kind in self.records.kinds)
        return (kind, rest) if colon and kind in kinds else (None, path)


_RAW_TYPES = {
    FieldType.TIMESTAMP: "timestamp",
    FieldType.TEXT: "text",
    FieldType.IP: "ip",
    FieldType.INTEGER: "integer",
    FieldType.NUMBER: "number",
    FieldType.MONEY: "number",
    FieldType.BOOLEAN: "boolean",
}


def builtin_names() -> tuple[str, ...]:
    """The profiles that come with the package."""
    files = sorted(file.name for file in resources.files("tollwatch.logs.profiles").iterdir())
    return (CANONICAL_NAME, NONE, *(name.removesuffix(".yml") for name in files if name.endswith(".yml")))


def profile_names(folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """The package's profiles and a site's own."""
    own = sorted(file.stem for folder in folders for file in folder.glob("*.yml"))
    return tuple(dict.fromkeys([*builtin_names(), *own]))


def load_profile(name: str, folders: Sequence[Path] = ()) -> Profile:
    """A profile by its name: a site's own (``NAME.yml`` in ``folders``), else one of the package.

    Raises:
        ConfigurationError: the file cannot be used; carries every mistake in it.
        UsageError: there is no such profile.
    """
    from tollwatch.logs.profile_yaml import read_profile  # which reads into the types above

    for folder in folders:
        if (folder / f"{name}.yml").is_file():
            return read_profile(folder / f"{name}.yml")
    if name == NONE:
        return Profile(NONE, "a log's own field names, as they are")
    if name == CANONICAL_NAME:
        return _canonical()
    if name not in builtin_names():
        known = profile_names(folders)
        raise UsageError(f"there is no profile {name!r}", closest(name, known) or f"there are: {', '.join(known)}")
    with resources.as_file(resources.files("tollwatch.logs.profiles") / f"{name}.yml") as path:
        return read_profile(path)


def _canonical() -> Profile:
    carriers = tuple(Carrier(field.name, (field.name,)) for field in CANONICAL)
    sources = (("ai_api", None, "gateway"), ("ai_api", None, "control_plane"))
    return Profile(CANONICAL_NAME, "logs that use the canonical names", carriers, sources, targets=_EVENTS_TABLE)


_TEXT_ADDRESS = (("source_ip", "text"),)
_EVENTS_TABLE = (
    ("spl", Target((("index", "events"),), "_time")),
    ("kql", Target((("table", "events"),), "timestamp")),
    ("esql", Target((("index", "events"),), "timestamp", types=_TEXT_ADDRESS)),
    ("logql", Target((("stream", '{job="events"}'),), "timestamp")),
)
