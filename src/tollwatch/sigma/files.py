"""Finding Sigma files, and reading them as text."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from tollwatch.diagnostics import Diagnostic
from tollwatch.errors import UsageError
from tollwatch.sigma.places import Source
from tollwatch.sigma.yaml_source import SIZE_LIMIT

_SUFFIXES = (".yml", ".yaml")


def read_sources(paths: Sequence[str | Path]) -> tuple[list[Source], list[Diagnostic]]:
    """The files at these paths and in these folders, sorted by path, and what cannot be read of them.

    In folders, at any depth, files that end in .yml or .yaml are taken; what is hidden is left out. A file that is
    found twice (named and in a folder, or through a link) is read once.

    Raises:
        UsageError: a path does not exist.
    """
    found: list[Source] = []
    mistakes: list[Diagnostic] = []
    seen: set[str] = set()
    for entry in sorted(_found(paths, mistakes)):
        real = os.path.realpath(entry)
        if real in seen:
            continue
        seen.add(real)
        source = _read(entry)
        if isinstance(source, Source):
            found.append(source)
        else:
            mistakes.append(source)
    return found, mistakes


def _found(paths: Sequence[str | Path], mistakes: list[Diagnostic]) -> set[str]:
    files: set[str] = set()
    for path in (str(path) for path in paths):
        if not os.path.lexists(path):
            raise UsageError(f"no such file or folder: {path}", "name a Sigma file, or a folder of them")
        if Path(path).is_dir():
            files.update(_files_below(path, mistakes))
        else:
            files.add(path)
    return files


def _files_below(folder: str, mistakes: list[Diagnostic]) -> Iterator[str]:
    """Linked folders are followed, each real folder once."""
    pending, seen = [folder], {os.path.realpath(folder)}
    while pending:
        current = pending.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            mistakes.append(_unreadable(current, error))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                real = os.path.realpath(entry.path)
                if real not in seen:
                    seen.add(real)
                    pending.append(entry.path)
            elif entry.name.endswith(_SUFFIXES):
                yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, for one: opening it as a file tells why
        return False


def _read(path: str) -> Source | Diagnostic:
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would never end
            return Diagnostic("SIG001", "this is no regular file", path)
        with Path(path).open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        return _unreadable(path, error)
    if len(content) > SIZE_LIMIT:
        hint = "split it: a file may hold any number of rules, and a folder any number of files"
        return Diagnostic("SIG001", f"the file is larger than {SIZE_LIMIT:,} bytes", path, hint=hint)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"the file is not UTF-8: byte 0x{content[error.start]:02X} at offset {error.start}"
        return Diagnostic("SIG002", message, path, line, 1, "save the file as UTF-8")
    return Source(path, text, Path(path).stem)


def _unreadable(path: str, error: OSError) -> Diagnostic:
    return Diagnostic("SIG001", f"cannot be read: {error.strerror}", path)
