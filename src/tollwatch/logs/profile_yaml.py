"""A profile's YAML file, taken apart: every mistake in it has its place.

PRF001 to PRF004 as in yaml_checked; PRF005 a canonical field that is unknown, PRF006 not exactly one of path, coalesce
and sum, PRF007 a bad number, pattern, type or record kind.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

from tollwatch.diagnostics import Diagnostic, closest, in_order
from tollwatch.errors import ConfigurationError
from tollwatch.logs.profile import Absence, Carrier, LogSource, Profile, RecordKind, Records, Target
from tollwatch.logs.schema import FIELDS
from tollwatch.yaml_checked import Checked
from tollwatch.yaml_tree import Node, Scalar, TreeError, read_tree
from tollwatch.yaml_tree import Sequence as Items

_TYPES = ("text", "integer", "number", "boolean", "timestamp", "ip", "list")


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
    "where",
    "records",
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
        self.records: Records | None = None

    def profile(self, root: Node, stem: str) -> Profile:
        found = self.checked.fields(root, "a profile", _KEYS, ("fields",))
        # First, since the paths of everything else may begin with a kind.
        self.records = self._records(found["records"]) if "records" in found else None
        carriers = self.checked.pairs(found["fields"], "fields") if "fields" in found else {}
        for name, (key, _) in carriers.items():
            if name not in FIELDS:
                self.checked.wrong(key, "PRF005", f"{name!r} is no canonical field", closest(name, FIELDS))
        told = self._pairs(found, "where")
        profile = Profile(
            self._text(found, "name") or stem,
            self._text(found, "description") or "",
            tuple(self._carrier(name, node) for name, (_, node) in carriers.items()),
            tuple(self._source(node) for node in self._items(found, "sources")),
            self._resolution(found),
            self._text(found, "source_ip"),
            tuple(self._absence(name, node) for name, node in self._pairs(found, "absent_when")),
            tuple((language, self._target(node)) for language, node in self._pairs(found, "targets")),
            self._raw_paths(found, "parse_json"),
            self._types(found),
            self.records,
            tuple((path, self.checked.text(node, path) or "") for path, node in told),
        )
        if "where" in found:
            self._check_where(found["where"], told, profile)
        if "records" in found:
            self._check_join(found["records"], carriers.get("timestamp", (None, None))[1], profile)
        return profile

    def _check_where(self, node: Node, told: list[tuple[str, Node]], profile: Profile) -> None:
        """The kinds of a join have their own; numbers are numbers, and no text of JSON is opened for it."""
        if profile.records is not None:
            self.checked.wrong(node, "PRF007", "beside records, where stands in each kind of record")
        for path, value in told:
            if profile.raw_type(path, None) in ("integer", "number"):
                self._number(value)
            if any(path.startswith(f"{one}.") for one in profile.parse_json):
                self.checked.wrong(value, "PRF007", f"{path} is inside a text of JSON, which where does not open")

    def _records(self, node: Node) -> Records | None:
        found = self.checked.fields(node, "records", ("main", "kinds"), ("main", "kinds"))
        pairs = self.checked.pairs(found["kinds"], "kinds") if "kinds" in found else {}
        kinds = tuple(self._kind(name, value) for name, (_, value) in pairs.items())
        main = self._text(found, "main") or ""
        if "kinds" in found and len(kinds) < 2:
            self.checked.wrong(found["kinds"], "PRF007", "a join needs at least two kinds of record")
        if "main" in found and main not in pairs:
            self.checked.wrong(found["main"], "PRF007", f"{main!r} is no kind of record", closest(main, pairs))
        return Records(main, kinds)

    def _kind(self, name: str, node: Node) -> RecordKind:
        found = self.checked.fields(node, f"the kind {name}", ("where", "key", "time"), ("where", "key"))
        where = self._settings(found["where"]) if "where" in found else ()
        return RecordKind(name, where, self._text(found, "key") or "", self._text(found, "time"))

    def _check_join(self, node: Node, time: Node | None, profile: Profile) -> None:
        """The time is the main kind's, and what tells and joins the kinds is in no text of JSON, still unread then."""
        if profile.records is None:
            return
        others = [kind.name for kind in profile.records.kinds if kind.name != profile.records.main]
        carrier = profile.carrier("timestamp")
        if time is not None and carrier is not None and any(self._kind_of(path) in others for path in carrier.paths):
            self.checked.wrong(time, "PRF007", f"timestamp must be of the main kind, {profile.records.main}")
        for kind in profile.records.kinds:
            inside = tuple(path.removeprefix(f"{kind.name}:") + "." for path in profile.parse_json)
            for path in (*(path for path, _ in kind.where), kind.key, kind.time or ""):
                if path.startswith(inside):
                    self.checked.wrong(node, "PRF007", f"{path}, of the kind {kind.name}, is inside a text of JSON")

    def _kind_of(self, path: str) -> str | None:
        kind, colon, _ = path.partition(":")
        return kind if colon else None

    def _path(self, node: Node, what: str) -> str | None:
        """A raw path; in a join, one with a colon begins with a kind."""
        text = self.checked.text(node, what)
        kind = None if text is None or self.records is None else self._kind_of(text)
        if kind is not None:
            self._known_kind(node, kind)
        return text

    def _known_kind(self, node: Node, kind: str) -> None:
        kinds = () if self.records is None else tuple(one.name for one in self.records.kinds)
        if kind not in kinds:
            self.checked.wrong(node, "PRF007", f"{kind!r} is no kind of record", closest(kind, kinds))

    def _types(self, found: dict[str, Node]) -> tuple[tuple[str, str], ...]:
        return tuple((path, self._type(node)) for path, node in self._by_path(found, "types"))

    def _by_path(self, found: dict[str, Node], key: str) -> list[tuple[str, Node]]:
        pairs = self.checked.pairs(found[key], key) if key in found else {}
        for path, _ in pairs.values():
            self._path(path, key)
        return [(path, node) for path, (_, node) in pairs.items()]

    def _type(self, node: Node) -> str:
        text = self.checked.text(node, "a type") or "text"
        if text not in _TYPES:
            self.checked.wrong(node, "PRF007", f"{text!r} is no type", closest(text, _TYPES) or ", ".join(_TYPES))
        return text

    def _target(self, node: Node) -> Target:
        pairs = self.checked.pairs(node, "a target")
        found = {name: value for name, (_, value) in pairs.items()}
        inner = ("columns", "types", "records", "time", "parse_json", "lacks")
        settings = tuple((name, self.checked.text(v, name) or "") for name, v in found.items() if name not in inner)
        return Target(
            settings,
            self._text(found, "time"),
            tuple((path, self.checked.text(node, path) or "") for path, node in self._by_path(found, "columns")),
            self._types(found),
            self._target_records(found),
            self._raw_paths(found, "parse_json"),
            self._raw_paths(found, "lacks"),
        )

    def _target_records(self, found: dict[str, Node]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        pairs = self.checked.pairs(found["records"], "records") if "records" in found else {}
        for kind, (key, _) in pairs.items():
            self._known_kind(key, kind)
        return tuple((kind, self._settings(value)) for kind, (_, value) in pairs.items())

    def _raw_paths(self, found: dict[str, Node], key: str) -> tuple[str, ...]:
        paths = (self._path(node, key) for node in self._items(found, key))
        return tuple(path for path in paths if path is not None)

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
            return Carrier(name, (self._path(node, name) or "",))
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
        return [self._path(item, way) for item in nodes]

    def _when(self, node: Node) -> tuple[str, str, str]:
        keys = ("path", "equals", "then")
        found = self.checked.fields(node, "when", keys, keys)
        path = self._path(found["path"], "path") if "path" in found else None
        equals, then = (self._text(found, key) or "" for key in keys[1:])
        return path or "", equals, then

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
