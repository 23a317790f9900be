"""Log files as byte streams: globs, standard input, gzip and zstd, and which format a stream holds."""

from __future__ import annotations

import glob
import gzip
import io
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from tollwatch.diagnostics import closest
from tollwatch.errors import UsageError

STDIN = "-"
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_PEEK = 1 << 16
FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}

# What a damaged compressed stream raises, from gzip or from Arrow.
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, OSError)


def expand(paths: Sequence[str | Path]) -> tuple[str, ...]:
    """The files that paths and globs name, each once, globs sorted.

    Raises:
        UsageError: a path that is no file, or a glob that matches nothing.
    """
    found: dict[str, None] = {}
    for path in map(str, paths):
        try:
            found.update(dict.fromkeys(_matches(path)))
        except OSError as error:  # a name that is too long, a folder that may not be listed
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return tuple(found)


def _matches(path: str) -> list[str]:
    if path == STDIN or Path(path).is_file() or Path(path).is_fifo():
        return [path]
    # glob.glob and not Path.glob: a pattern may be absolute, or begin in a folder that is itself a pattern.
    matches = sorted(match for match in glob.glob(path, recursive=True) if Path(match).is_file())  # noqa: PTH207
    if not matches:
        raise UsageError(f"{path}: {_why_not(Path(path))}", _near(Path(path)))
    return matches


def _why_not(path: Path) -> str:
    if path.is_dir():
        return f"is a folder; name files in it, such as {path / '*.jsonl'}"
    return "no file matches" if glob.has_magic(str(path)) else "no such file"


def _near(path: Path) -> str | None:
    return closest(path.name, (other.name for other in path.parent.iterdir())) if path.parent.is_dir() else None


class Stream:
    """A file's bytes, decompressed, with a look ahead. ``name`` is what alerts and messages call it."""

    def __init__(self, path: str) -> None:
        self.name = "<stdin>" if path == STDIN else path
        self._raw: BinaryIO = sys.stdin.buffer if path == STDIN else _open(path)
        self._ahead = b""
        self._damage: BaseException | None = None
        try:
            self._file: io.BufferedIOBase = self._decompressed()
            self._ahead = self._fill(_PEEK)
        except DAMAGED as error:
            self._damage = error

    @property
    def damaged(self) -> bool:
        """Whether not even the first bytes can be read."""
        return self._damage is not None and not self._ahead

    def _decompressed(self) -> io.BufferedIOBase:
        raw = io.BufferedReader(cast("io.RawIOBase", self._raw), _PEEK) if not hasattr(self._raw, "peek") else self._raw
        magic = cast("io.BufferedReader", raw).peek(4)[:4]
        if magic.startswith(_GZIP):
            return gzip.GzipFile(fileobj=raw)
        if magic == _ZSTD:
            return cast("io.BufferedIOBase", pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"))
        return cast("io.BufferedIOBase", raw)

    def _fill(self, size: int) -> bytes:
        """The next bytes. Of a damaged file first what can still be read; the call after that raises."""
        if self._damage is not None:
            raise self._damage
        parts: list[bytes] = []
        try:
            while size and (part := self._piece(size)):
                parts.append(part)
                size -= len(part) if size > 0 else 0
        except DAMAGED as error:
            self._damage = error
            if not parts:
                raise
        return b"".join(parts)

    def _piece(self, size: int) -> bytes:
        """Small pieces of what is compressed, so that little is lost before a damage."""
        if isinstance(self._file, gzip.GzipFile):
            return self._file.read1(size)
        plain = isinstance(self._file, io.BufferedReader)
        return self._file.read(size if plain else _PEEK if size < 0 else min(size, _PEEK))

    @property
    def ahead(self) -> bytes:
        """The first bytes, not yet taken."""
        return self._ahead

    def read(self, size: int = -1) -> bytes:
        """The next bytes; all of the rest without a size. Empty at the end."""
        taken, self._ahead = self._ahead, b""
        if size >= 0 and len(taken) >= size:
            self._ahead = taken[size:]
            return taken[:size]
        try:
            return taken + self._fill(size if size < 0 else size - len(taken))
        except DAMAGED as error:
            if not taken:
                raise
            self._damage = error
            return taken

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self.name != "<stdin>":
            self._raw.close()


def _open(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def format_of(stream: Stream) -> str:
    """jsonl, json, csv or parquet: by the name's ending, else by the first bytes."""
    suffixes = [suffix for suffix in Path(stream.name).suffixes if suffix not in {".gz", ".zst", ".zstd"}]
    named = FORMATS.get(suffixes[-1].lower()) if suffixes else None
    start = stream.ahead.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(_PARQUET):
        return "parquet"
    if named in {"csv", "parquet"}:
        return named
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        return "jsonl" if named == "jsonl" or _one_object_a_line(start) else "json"
    # Services print other lines before their first record.
    return named or ("jsonl" if not start or any(line.startswith(b"{") for line in start.splitlines()) else "csv")


def _one_object_a_line(start: bytes) -> bool:
    """Whether the first line is a whole object, and there is more, or it holds no list of records."""
    first, _, rest = start.partition(b"\n")
    return first.rstrip().endswith(b"}") and (bool(rest.strip()) or b"[" not in first)
