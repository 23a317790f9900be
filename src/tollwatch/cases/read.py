"""cases.yml → CaseFile, with every mistake of the file at once.

CAS001 to CAS004 as in yaml_checked; CAS005 a log file that is not there or of unknown form, CAS006 two cases of one
name, CAS007 a field that no event has, CAS008 more events than a case may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TypeGuard, assert_never

from tollwatch.cases.model import (
    Case,
    CaseFile,
    Cycle,
    Expectation,
    Expected,
    ExpectedRow,
    Items,
    LogFile,
    Ramp,
    Record,
    Step,
    Template,
    Value,
    WrittenQuery,
)
from tollwatch.cases.moments import parse_duration, parse_moment
from tollwatch.diagnostics import Diagnostic, closest, in_order
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.schema import FIELDS
from tollwatch.yaml_checked import Checked, shown
from tollwatch.yaml_tree import Mapping, Node, Scalar, Sequence, TreeError, read_tree

EVENT_LIMIT = 1_000_000
"""The most events that the steps of one case may make."""

LOG_FORMS = ("jsonl", "ndjson", "json", "csv", "parquet")
PACKED_FORMS = ("gz", "zst")
EXPECTED_KEYS = (
    *("entity", "first_seen", "triggered_at", "last_seen"),
    *("hits", "peak", "events", "event_count", "level"),
)

_FILE_KEYS = ("rule", "query", "tables", "macros", "profile", "cases")
_CASE_KEYS = ("name", "events", "expect")
_STEP_KEYS = ("at", "every", "repeat", "jitter", "event")


def is_case_file(path: Path) -> bool:
    """Whether a file's name is that of cases: ``cases.yml`` or ``<anything>.cases.yml`` (or ``.yaml``)."""
    return path.name in {"cases.yml", "cases.yaml"} or path.name.endswith((".cases.yml", ".cases.yaml"))


def find_case_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The case files among and below ``paths``, sorted, each once; a file that is named itself is taken as it is.

    Raises:
        UsageError: a path that does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = (file for pattern in ("*.yml", "*.yaml") for file in path.rglob(pattern))
            found.update(dict.fromkeys(sorted(file for file in below if is_case_file(file) and file.is_file())))
        elif path.exists():
            found[path] = None
        else:
            siblings = (other.name for other in path.parent.iterdir()) if path.parent.is_dir() else ()
            raise UsageError(f"{path}: no such file or folder", closest(path.name, siblings))
    return tuple(found)


def read_cases(path: Path, shown: str | None = None) -> CaseFile:
    """The cases of a file; ``shown`` is what messages call it (default: its path).

    Raises:
        ConfigurationError: with every mistake of the file.
    """
    shown = str(path) if shown is None else shown
    try:
        tree = replace(read_tree(path), path=shown)
    except TreeError as error:
        mistake = Diagnostic("CAS001", error.message, shown, error.line, error.column, None, error.source_line)
        raise ConfigurationError((mistake,)) from None
    if tree.root is None:
        raise ConfigurationError((Diagnostic("CAS001", "the file is empty; it holds rule and cases", shown),))
    reader = _Reader(Checked(tree, "CAS"), path.parent)
    found = reader.case_file(tree.root)
    if reader.checked.mistakes or found is None:
        raise ConfigurationError(in_order(reader.checked.mistakes))
    return found


class _Reader:
    """Each method gives a part of the model, or None where it noted a mistake in ``checked``."""

    def __init__(self, checked: Checked, folder: Path) -> None:
        self.checked = checked
        self.folder = folder
        self.canonical = True
        self.rows = False

    def case_file(self, root: Node) -> CaseFile | None:
        keys = [key.text for key, _ in root.pairs if isinstance(key, Scalar)] if isinstance(root, Mapping) else []
        self.rows = "query" in keys
        fields = self.checked.fields(root, "a case file", _FILE_KEYS, ("query" if self.rows else "rule", "cases"))
        about = self._about(fields)
        profile = self.checked.text(fields["profile"], "profile") if "profile" in fields else None
        profile = profile or ("none" if self.rows else "canonical")
        self.canonical = profile != "none"
        query = self._query(fields) if self.rows else None
        items = self.checked.items(fields["cases"], "cases") if "cases" in fields else ()
        cases = tuple(case for case in (self.case(item) for item in items) if case is not None)
        self._distinct(items)
        if about is None:
            return None
        named = self.checked.text(about, "query" if self.rows else "rule")
        return None if named is None else CaseFile(
            self.checked.tree.path, named, profile, cases, self.checked.place(about), query
        )  # fmt: skip

    def _about(self, fields: dict[str, Node]) -> Node | None:
        """What the cases are about: a rule or a query, and not both."""
        if self.rows and "rule" in fields:
            self.checked.wrong(fields["rule"], "CAS002", "cases are of a rule or of a query", "keep one")
        for name in ("tables", "macros"):
            if name in fields and not self.rows:
                self.checked.wrong(fields[name], "CAS002", f"{name} goes with a query", "name one: query: FILE.kql")
        return fields.get("query" if self.rows else "rule")

    def _query(self, fields: dict[str, Node]) -> WrittenQuery | None:
        path = self._beside(fields["query"], "query")
        macros = self._beside(fields["macros"], "macros") if "macros" in fields else None
        pairs = self.checked.pairs(fields["tables"], "tables") if "tables" in fields else {}
        tables = ((name, self.log_file(value)) for name, (_, value) in pairs.items())
        found = tuple((name, log.path) for name, log in tables if log is not None)
        return None if path is None else WrittenQuery(path, found, macros)

    def _beside(self, node: Node, what: str) -> Path | None:
        """A file beside the case file."""
        name = self.checked.text(node, what)
        if name is None or (self.folder / name).is_file():
            return None if name is None else self.folder / name
        siblings = (file.name for file in self.folder.iterdir()) if self.folder.is_dir() else ()
        self.checked.wrong(node, "CAS005", f"there is no file {name} beside this one", closest(name, siblings))
        return None

    def _distinct(self, items: Iterable[Node]) -> None:
        seen: dict[str, int] = {}
        for item in items:
            for key, value in item.pairs if isinstance(item, Mapping) else ():
                if not (isinstance(key, Scalar) and key.text == "name" and isinstance(value, Scalar)):
                    continue
                name = " ".join(value.text.split())
                if name in seen:
                    self.checked.wrong(value, "CAS006", f"line {seen[name]} has a case of this name already: {name}")
                seen.setdefault(name, value.line)

    def case(self, node: Node) -> Case | None:
        fields = self.checked.fields(node, "a case", _CASE_KEYS, _CASE_KEYS)
        name = self.checked.text(fields["name"], "name") if "name" in fields else None
        events = self.events(fields["events"]) if "events" in fields else ()
        expected = list(self._expected(fields["expect"])) if "expect" in fields else []
        expect = () if self.rows else tuple(self.expectation(item) for item in expected)
        rows = tuple(self.row(item) for item in expected) if self.rows else ()
        # A title of several lines is one line in every report.
        return (
            None
            if name is None
            else Case(" ".join(name.split()), events, expect, self.checked.place(fields["name"]), rows)
        )

    # ------------------------------------------------------------ events

    def events(self, node: Node) -> tuple[Step | LogFile, ...]:
        """A file, or a list of files and steps."""
        items = (node,) if isinstance(node, Scalar) else self.checked.items(node, "events")
        found = (
            self.step(index, item) if isinstance(item, Mapping) else self.log_file(item)
            for index, item in enumerate(items)
        )
        events = tuple(event for event in found if event is not None)
        count = sum(event.repeat for event in events if isinstance(event, Step))
        if count > EVENT_LIMIT:
            message = f"the steps make {count:,} events; a case may have {EVENT_LIMIT:,}"
            self.checked.wrong(node, "CAS008", message)
        return events

    def log_file(self, node: Node) -> LogFile | None:
        name = self.checked.text(node, "an item of events")
        if name is None:
            return None
        parts = name.lower().split(".")
        form = parts[-2] if parts[-1] in PACKED_FORMS and len(parts) > 2 else parts[-1]
        if form not in LOG_FORMS:
            hint = "known forms: " + ", ".join(LOG_FORMS) + ", each also with " + " or ".join(PACKED_FORMS)
            self.checked.wrong(node, "CAS005", f"{name} is no log file by its name", hint)
            return None
        path = self._beside(node, "an item of events")
        return None if path is None else LogFile(path, self.checked.place(node))

    def step(self, index: int, node: Mapping) -> Step | None:
        before = len(self.checked.mistakes)
        fields = self.checked.fields(node, "a step", _STEP_KEYS, ("at", "event"))
        at = self.moment(fields["at"], "at") if "at" in fields else 0
        repeat = self.checked.whole(fields["repeat"], "repeat", 1) if "repeat" in fields else 1
        every, jitter = (self.duration(fields[name], name) if name in fields else 0 for name in ("every", "jitter"))
        if "every" in fields and "repeat" not in fields:
            self.checked.wrong(fields["every"], "CAS003", "every without repeat", "repeat is the number of all events")
        event = self.event(fields["event"]) if "event" in fields else None
        if at is None or repeat is None or every is None or jitter is None or event is None:
            return None
        sound = len(self.checked.mistakes) == before
        return Step(index, at, every, repeat, jitter, event, self.checked.place(node)) if sound else None

    def event(self, node: Node) -> Record:
        pairs = self.checked.pairs(node, "event")
        for name, (key, _) in pairs.items():
            if name == "timestamp":
                self.checked.wrong(key, "CAS007", "a step's events have their time from at", "leave timestamp out")
            elif self.canonical and name not in FIELDS:
                self.checked.wrong(key, "CAS007", f"no event has a field {name!r}", closest(name, FIELDS))
        return Record(tuple((name, self.template(value)) for name, (_, value) in pairs.items()))

    def template(self, node: Node) -> Template:
        """A scalar, a list that cycles, a linear ``{from, to}``, or a nested record."""
        match node:
            case Scalar():
                return node.value
            case Sequence():
                items = self.checked.items(node, "a list that cycles")
                return Cycle(tuple(self.item(item) for item in items))
            case Mapping():
                return self.ramp(node) or self.record(node)
            case _:
                assert_never(node)

    def item(self, node: Node) -> Template:
        """What a list inside a cycle means: a list."""
        return Items(tuple(map(self.item, node.items))) if isinstance(node, Sequence) else self.template(node)

    def record(self, node: Mapping) -> Record:
        pairs = self.checked.pairs(node, "a record")
        return Record(tuple((name, self.template(value)) for name, (_, value) in pairs.items()))

    def ramp(self, node: Mapping) -> Ramp | None:
        ends = {key.text: value for key, value in node.pairs if isinstance(key, Scalar)}
        if set(ends) != {"from", "to"}:
            return None
        first, last = (end.value if isinstance(end, Scalar) else None for end in (ends["from"], ends["to"]))
        if _is_number(first) and _is_number(last):
            return Ramp(first, last)
        self.checked.wrong(node, "CAS004", "from and to must be numbers")
        return Ramp(0, 0)

    # ------------------------------------------------------------ expectations

    def _expected(self, node: Node) -> Iterator[Node]:
        """The items of a list; ``none`` has none."""
        what = "rows" if self.rows else "alerts"
        if isinstance(node, Scalar) and node.text.strip() == "none":
            return
        if not isinstance(node, Sequence):
            self.checked.wrong(node, "CAS004", f"expect must be none or a list of {what}, not {shown(node)}")
            return
        yield from node.items

    def expectation(self, node: Node) -> Expectation:
        return Expectation(tuple(self.given(node)), self.checked.place(node))

    def row(self, node: Node) -> ExpectedRow:
        """Columns and values; a list is a field of several values."""
        pairs = self.checked.pairs(node, "an expected row")
        values = ((name, self.row_value(name, value)) for name, (_, value) in pairs.items())
        return ExpectedRow(tuple(values), self.checked.place(node))

    def row_value(self, name: str, node: Node) -> Value | tuple[Value, ...]:
        match node:
            case Scalar():
                return node.value
            case Sequence():
                return tuple(item.value for item in node.items if isinstance(item, Scalar))
            case _:
                self.checked.wrong(node, "CAS004", f"{name} must be a value or a list, not {shown(node)}")
                return None

    def given(self, node: Node) -> Iterator[tuple[str, Expected]]:
        fields = self.checked.fields(node, "an expected alert", EXPECTED_KEYS)
        if "events" in fields and "event_count" in fields:
            self.checked.wrong(fields["event_count"], "CAS002", "events and event_count are the same", "keep one")
        for name, value in fields.items():
            match name:
                case "entity":
                    yield name, self.entity(value)
                case "first_seen" | "triggered_at" | "last_seen":
                    yield name, self.moment(value, name)
                case "hits":
                    yield name, self.checked.whole(value, name)
                case "events" | "event_count":
                    yield "event_count", self.checked.whole(value, name)
                case "peak":
                    yield name, self.peak(value)
                case _:
                    yield name, self.level(value)

    def entity(self, node: Node) -> tuple[tuple[str, str], ...]:
        """Names and values as text: an alert's entity has texts only."""
        pairs = self.checked.pairs(node, "entity")
        return tuple((name, self.checked.text(value, name) or "") for name, (_, value) in pairs.items())

    def level(self, node: Node) -> str | None:
        return None if isinstance(node, Scalar) and node.value is None else self.checked.text(node, "level")

    def peak(self, node: Node) -> Decimal | None:
        value = node.value if isinstance(node, Scalar) else ""
        if value is None:
            return None
        if _is_number(value) and isinstance(node, Scalar):
            return Decimal(node.text)
        self.checked.wrong(node, "CAS004", f"peak must be a number or null, not {shown(node)}")
        return None

    # ------------------------------------------------------------ times

    def moment(self, node: Node, what: str) -> int | None:
        moment = parse_moment(node.text.strip()) if isinstance(node, Scalar) else None
        if moment is None:
            hint = "a time of day on 2026-03-01 (10:00:00), or a timestamp (2026-03-01T10:00:00Z)"
            self.checked.wrong(node, "CAS004", f"{what} must be a time, not {shown(node)}", hint)
        return moment

    def duration(self, node: Node, what: str) -> int | None:
        span = parse_duration(node.text.strip()) if isinstance(node, Scalar) else None
        if span is None:
            hint = "a number and a unit: us, ms, s, m, h, d or w (40s, 1m30s)"
            self.checked.wrong(node, "CAS004", f"{what} must be a duration, not {shown(node)}", hint)
        return span


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
