"""A profile: how one real log source carries the canonical fields, read from one YAML file (semantics, "Profiles").

PRF001 to PRF004 as in yaml_checked; PRF005 a canonical field that is unknown, PRF006 not exactly one of path, coalesce
and sum, PRF007 a bad number or pattern, PRF008 no profile of that name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path

from tollwatch.diagnostics import Diagnostic, closest, in_order
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.schema import CANONICAL, FIELDS, FieldType
from tollwatch.yaml_checked import Checked
from tollwatch.yaml_tree import Node, Scalar, TreeError, read_tree
from tollwatch.yaml_tree import Sequence as Items

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
    """

    settings: tuple[tuple[str, str], ...] = ()
    time: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    records: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordKind:
    """One kind of record: those where each path of ``where`` has its text. ``key`` is the path that kinds share."""

    name: str
    where: tuple[tuple[str, str], ...]
    key: str


@dataclass(frozen=True, slots=True)
class Records:
    """A join of record kinds: each record of the kind ``main`` is one event, the others' fields join it by key."""

    main: str
    kinds: tuple[RecordKind, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """One log source. Under ``none`` there are no carriers: a log's own field names are the fields.

    ``sources``: the log sources (category, product, service) that its events belong to; empty is any.
    ``parse_json``: raw paths whose text is JSON, so that paths lead on below them.
    ``time_resolution``: µs; finer digits of a timestamp are cut. ``types``: raw path → the type of its values (text,
    integer, number, boolean, timestamp, ip, list), where it is not the field's own.
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
_TYPES = ("text", "integer", "number", "boolean", "timestamp", "ip", "list")


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


def read_profile(path: Path) -> Profile:
    """A profile from its file.

    Raises:
        ConfigurationError: with every mistake in it.
    """
    try:
        tree = read_tree(path)
    except TreeError as error:
        place = (error.line, error.column, None, error.source_line)
        raise ConfigurationError((Diagnostic("PRF001", error.message, str(path), *place),)) from None
    reader = _Reader(Checked(tree, "PRF"))
    profile = reader.profile(tree.root if tree.root is not None else Scalar("", True, 1, 1), path.stem)
    if reader.checked.mistakes:
        raise ConfigurationError(in_order(reader.checked.mistakes))
    return profile


_KEYS = (
    "name",
    "description",
    "sources",
    "time_resolution",
    "source_ip",
    "parse_json",
    "types",
    "fields",
    "absent_when",
    "targets",
)
_CARRIER_KEYS = ("path", "coalesce", "sum", "when", "extract", "map", "factor", "default")
_RESOLUTIONS = {"1us": 1, "1ms": 1_000, "1s": 1_000_000}


class _Reader:
    """Each method gives a part of the profile; mistakes are noted in ``checked``."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked

    def profile(self, root: Node, stem: str) -> Profile:
        found = self.checked.fields(root, "a profile", _KEYS, ("fields",))
        carriers = self.checked.pairs(found["fields"], "fields") if "fields" in found else {}
        for name, (key, _) in carriers.items():
            if name not in FIELDS:
                self.checked.wrong(key, "PRF005", f"{name!r} is no canonical field", closest(name, FIELDS))
        return Profile(
            self._text(found, "name") or stem,
            self._text(found, "description") or "",
            tuple(self._carrier(name, node) for name, (_, node) in carriers.items()),
            tuple(self._source(node) for node in self._items(found, "sources")),
            self._resolution(found),
            self._text(found, "source_ip"),
            tuple(self._absence(name, node) for name, node in self._pairs(found, "absent_when")),
            tuple((language, self._target(node)) for language, node in self._pairs(found, "targets")),
            tuple(
                text
                for node in self._items(found, "parse_json")
                if (text := self.checked.text(node, "parse_json")) is not None
            ),
            self._types(found),
        )

    def _types(self, found: dict[str, Node]) -> tuple[tuple[str, str], ...]:
        return tuple((path, self._type(node)) for path, node in self._pairs(found, "types"))

    def _type(self, node: Node) -> str:
        text = self.checked.text(node, "a type") or "text"
        if text not in _TYPES:
            self.checked.wrong(node, "PRF007", f"{text!r} is no type", closest(text, _TYPES) or ", ".join(_TYPES))
        return text

    def _target(self, node: Node) -> Target:
        pairs = self.checked.pairs(node, "a target")
        found = {name: value for name, (_, value) in pairs.items()}
        inner = ("columns", "types", "records", "time")
        settings = tuple((name, self.checked.text(v, name) or "") for name, v in found.items() if name not in inner)
        return Target(
            settings,
            self._text(found, "time"),
            self._settings(found["columns"]) if "columns" in found else (),
            self._types(found),
            tuple((kind, self._settings(value)) for kind, value in self._pairs(found, "records")),
        )

    def _text(self, found: dict[str, Node], key: str) -> str | None:
        return self.checked.text(found[key], key) if key in found else None

    def _items(self, found: dict[str, Node], key: str) -> tuple[Node, ...]:
        return self.checked.items(found[key], key) if key in found else ()

    def _pairs(self, found: dict[str, Node], key: str) -> list[tuple[str, Node]]:
        pairs = self.checked.pairs(found[key], key) if key in found else {}
        return [(name, node) for name, (_, node) in pairs.items()]

    def _source(self, node: Node) -> LogSource:
        parts = ("category", "product", "service")
        found = self.checked.fields(node, "a source", parts)
        category, product, service = (self._text(found, part) for part in parts)
        return category, product, service

    def _resolution(self, found: dict[str, Node]) -> int:
        text = self._text(found, "time_resolution") or "1us"
        if text not in _RESOLUTIONS:
            known = ", ".join(_RESOLUTIONS)
            self.checked.wrong(found["time_resolution"], "PRF007", f"{text!r} is no time resolution", f"use {known}")
        return _RESOLUTIONS.get(text, 1)

    def _settings(self, node: Node) -> tuple[tuple[str, str], ...]:
        pairs = self.checked.pairs(node, "a target")
        return tuple((name, self.checked.text(value, name) or "") for name, (_, value) in pairs.items())

    def _carrier(self, name: str, node: Node) -> Carrier:
        if isinstance(node, Scalar):
            return Carrier(name, (self.checked.text(node, name) or "",))
        found = self.checked.fields(node, name, _CARRIER_KEYS)
        ways = [key for key in ("path", "coalesce", "sum") if key in found]
        if len(ways) != 1:
            self.checked.wrong(node, "PRF006", f"{name} must have exactly one of path, coalesce and sum")
        paths = [path for way in ways for item in self._paths(found[way], way) if (path := item)]
        return Carrier(
            name,
            tuple(paths),
            "sum" in found,
            tuple(self._when(item) for item in self._items(found, "when")),
            self._pattern(found),
            tuple((key, self.checked.text(value, key) or "") for key, value in self._pairs(found, "map")),
            self._number(found["factor"]) if "factor" in found else None,
            self._text(found, "default"),
        )

    def _paths(self, node: Node, way: str) -> list[str | None]:
        nodes = node.items if isinstance(node, Items) and way != "path" else (node,)
        return [self.checked.text(item, way) for item in nodes]

    def _when(self, node: Node) -> tuple[str, str, str]:
        keys = ("path", "equals", "then")
        found = self.checked.fields(node, "when", keys, keys)
        path, equals, then = (self._text(found, key) or "" for key in keys)
        return path, equals, then

    def _pattern(self, found: dict[str, Node]) -> str | None:
        text = self._text(found, "extract")
        if text is None:
            return None
        try:
            groups = re.compile(text).groups
        except re.error as error:
            self.checked.wrong(found["extract"], "PRF007", f"extract is no pattern: {error}")
            return None
        if groups != 1:
            self.checked.wrong(found["extract"], "PRF007", f"extract must have one group, not {groups}")
        return text

    def _number(self, node: Node) -> Decimal | None:
        text = self.checked.text(node, "a number")
        try:
            number = Decimal(text or "x")
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
        self.checked.wrong(node, "PRF007", f"{text!r} is no number")
        return None

    def _absence(self, name: str, node: Node) -> Absence:
        found = self.checked.fields(node, f"absent_when {name}", ("field", "values", "use"), ("field", "values"))
        values = (self._number(item) for item in self._items(found, "values"))
        use = tuple(text for item in self._items(found, "use") if (text := self.checked.text(item, "use")))
        return Absence(name, self._text(found, "field") or "", tuple(v for v in values if v is not None), use)
