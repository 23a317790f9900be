"""rules.toml → Settings: where a detection repository keeps its rules and cases, and what it says of them.

The file is found by walking up from where one stands; its paths are relative to it. Every mistake is a Diagnostic
(CFG001 not readable, CFG002 not TOML, CFG003 unknown key, CFG004 wrong type or value).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tollwatch.diagnostics import Diagnostic, closest, in_order
from tollwatch.errors import ConfigurationError

FILE_NAME = "rules.toml"

_SIZE_LIMIT = 1_000_000
_LINT_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a detection repository.

    ``root`` is the folder of rules.toml (``file``), or the folder asked from where there is none; all paths are
    joined to it. ``rules`` and ``fixtures`` are files or folders, ``profiles`` and ``tuning`` are folders.
    ``placeholders``: name → the values that ``expand`` puts in its place. ``lint_disable``: codes not to report.
    """

    root: Path
    file: Path | None = None
    rules: tuple[Path, ...] = ()
    fixtures: tuple[Path, ...] = ()
    profiles: tuple[Path, ...] = ()
    tuning: tuple[Path, ...] = ()
    profile: str = "canonical"
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    lint_disable: frozenset[str] = frozenset()


def load_settings(start: Path | None = None) -> Settings:
    """The settings of the nearest rules.toml at or above ``start`` (default: the current folder), or the defaults.

    Paths are absolute where ``start`` is, and else relative to the current folder, as messages should show them.

    Raises:
        ConfigurationError: with every mistake of the file.
    """
    start = Path() if start is None else start
    folder = start.resolve()
    folder = folder.parent if folder.is_file() else folder
    found = next((parent for parent in (folder, *folder.parents) if (parent / FILE_NAME).is_file()), None)
    root = found or folder
    shown = root if start.is_absolute() else Path(os.path.relpath(root))
    return read_settings(shown / FILE_NAME) if found else _settings(shown, None, {})


def read_settings(file: Path) -> Settings:
    """The settings that this file states.

    Raises:
        ConfigurationError: with every mistake of the file.
    """
    text = _text(file)
    document = _document(file, text)
    mistakes = in_order(_Check(str(file), text.splitlines(), _places(text)).document(document))
    if mistakes:
        raise ConfigurationError(mistakes)
    return _settings(file.parent, file, document)


def _settings(root: Path, file: Path | None, document: Mapping[str, object]) -> Settings:
    def paths(key: str, default: str, *, only_if_there: bool = False) -> tuple[Path, ...]:
        if key not in document and only_if_there and not (root / default).is_dir():
            return ()
        return tuple(root / name for name in _texts(document.get(key, default)))

    placeholders = document.get("placeholders")
    lint = document.get("lint")
    return Settings(
        root=root,
        file=file,
        rules=paths("rules", "rules"),
        fixtures=paths("fixtures", "fixtures"),
        profiles=paths("profiles", "profiles", only_if_there=True),
        tuning=paths("tuning", "tuning", only_if_there=True),
        profile=str(document.get("profile", "canonical")),
        placeholders=MappingProxyType(
            {name: _texts(value) for name, value in placeholders.items()} if isinstance(placeholders, dict) else {}
        ),
        lint_disable=frozenset(_texts(lint.get("disable", [])) if isinstance(lint, dict) else ()),
    )


def _texts(value: object) -> tuple[str, ...]:
    """A checked value as texts: a single one, or each of a list."""
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _SIZE_LIMIT:
            raise ConfigurationError((Diagnostic("CFG001", "the file is larger than 1 MB", str(file)),))
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError((Diagnostic("CFG001", "the file is not UTF-8", str(file)),)) from None
    except OSError as error:
        message = f"cannot read the file: {error.strerror}"
        raise ConfigurationError((Diagnostic("CFG001", message, str(file)),)) from None


def _document(file: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Before 3.14 the place stands in the message only; at the end of the document it has no numbers.
        place = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        lines = text.splitlines() or [""]
        line, column = len(lines), len(lines[-1]) + 1
        if place and place[1]:
            line, column = int(place[1]), int(place[2])
        message = str(error)[: place.start()] if place else str(error)
        source = lines[line - 1] if line <= len(lines) else None
        raise ConfigurationError(
            (Diagnostic("CFG002", f"not TOML: {message}", str(file), line, column, None, source),)
        ) from None
    except RecursionError:
        raise ConfigurationError((Diagnostic("CFG002", "not TOML: nested too deeply", str(file)),)) from None


# ---------------------------------------------------------------- where a key stands

_Place = tuple[int, int]
_HEADER = re.compile(r"\s*\[{1,2}\s*(?P<key>[^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*(?P<key>(?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def _places(text: str) -> dict[tuple[str, ...], _Place]:
    """Line and column of each key, by its path. tomllib keeps none, so this looks at the start of each line only."""
    found: dict[tuple[str, ...], _Place] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        match = header or _ASSIGNMENT.match(line)
        if match is None:
            continue
        path = tuple(part.strip("\"'") for part in _PART.findall(match["key"]))
        path = path if header else table + path
        table = path if header else table
        for depth in range(1, len(path) + 1):
            found.setdefault(path[:depth], (number, match.start("key") + 1))
    return found


# ---------------------------------------------------------------- what a key may hold


@dataclass(frozen=True, slots=True)
class _Check:
    """Goes through a document, and yields a Diagnostic for each mistake."""

    path: str
    lines: list[str]
    places: Mapping[tuple[str, ...], _Place]

    def document(self, document: Mapping[str, object]) -> Iterator[Diagnostic]:
        yield from self.table((), document, _KEYS)

    def table(self, at: tuple[str, ...], table: Mapping[str, object], known: _Keys) -> Iterator[Diagnostic]:
        for key, value in table.items():
            if key in known:
                yield from known[key](self, (*at, key), value)
            else:
                hint = closest(key, known) or "known here: " + ", ".join(sorted(known))
                where = f" in [{'.'.join(at)}]" if at else ""
                yield self.mistake((*at, key), "CFG003", f"unknown key {key!r}{where}", hint)

    def text(self, at: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
        if not isinstance(value, str) or not value:
            yield self.mistake(at, "CFG004", f"{at[-1]} must be a text, not {_shown(value)}")

    def paths(self, at: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            hint = f'write {at[-1]} = ["{value}"]' if isinstance(value, str) and value else None
            yield self.mistake(at, "CFG004", f"{at[-1]} must be a list of paths, not {_shown(value)}", hint)

    def placeholders(self, at: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
        if not isinstance(value, dict):
            yield self.mistake(at, "CFG004", f"placeholders must be a table, not {_shown(value)}")
            return
        for name, item in value.items():
            scalars = item if isinstance(item, list) else [item]
            if not scalars or any(isinstance(one, bool) or not isinstance(one, str | int | float) for one in scalars):
                message = f"placeholder {name} must be a text, a number or a list of them, not {_shown(item)}"
                yield self.mistake((*at, name), "CFG004", message)

    def lint(self, at: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
        if isinstance(value, dict):
            yield from self.table(at, value, {"disable": _Check.codes})
        else:
            yield self.mistake(at, "CFG004", f"lint must be a table, not {_shown(value)}")

    def codes(self, at: tuple[str, ...], value: object) -> Iterator[Diagnostic]:
        codes = value if isinstance(value, list) else [value]
        wrong = [code for code in codes if not (isinstance(code, str) and _LINT_CODE.fullmatch(code))]
        if wrong or not isinstance(value, list):
            message = f"disable must be a list of codes, not {_shown(wrong[0] if wrong else value)}"
            yield self.mistake(at, "CFG004", message, 'for example disable = ["LNT001"]')

    def mistake(self, at: tuple[str, ...], code: str, message: str, hint: str | None = None) -> Diagnostic:
        line, column = next(
            (self.places[at[:depth]] for depth in range(len(at), 0, -1) if at[:depth] in self.places), (0, 0)
        )
        return Diagnostic(code, message, self.path, line, column, hint, self.lines[line - 1] if line else None)


def _shown(value: object) -> str:
    """A value in a message: as TOML would have it, short."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    return str(value).lower() if isinstance(value, bool) else repr(value)


_Keys = Mapping[str, Callable[[_Check, tuple[str, ...], object], Iterator[Diagnostic]]]

_KEYS: _Keys = {
    "rules": _Check.paths,
    "fixtures": _Check.paths,
    "profiles": _Check.paths,
    "tuning": _Check.paths,
    "profile": _Check.text,
    "placeholders": _Check.placeholders,
    "lint": _Check.lint,
}
