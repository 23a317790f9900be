"""Writing the files of a detection repository, never over what is there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path, PurePath

from tollwatch.cli import render
from tollwatch.errors import UsageError
from tollwatch.schemas import NAMES, schema_path, schema_text


def write_new(root: Path, contents: Mapping[PurePath, str | bytes], force: bool, quiet: bool) -> None:
    """Write each file below ``root``; one that exists is kept and told of, unless ``force``.

    Raises:
        UsageError: a file cannot be written.
    """
    for relative, content in contents.items():
        path, wanted = root / relative, content.encode() if isinstance(content, str) else content
        if path.exists() and not force and path.read_bytes() != wanted:
            render.note(f"kept {path}, which is there already (--force writes over it)", quiet)
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        render.note(f"wrote {path}", quiet)


def schemas() -> dict[PurePath, str]:
    """The copies of the JSON Schemas that the files' first lines point at."""
    return {schema_path(name): schema_text(name) for name in NAMES}


def pack() -> dict[PurePath, bytes]:
    """The pack's rules, and the cases and logs that test them.

    An installed package carries them; in a checkout they stand beside ``src``.
    """
    carried = Path(str(package_files("tollwatch"))) / "pack"
    root = carried if carried.is_dir() else Path(__file__).parents[3]
    found: dict[PurePath, bytes] = {}
    for folder in ("rules", "fixtures"):
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and relative.parts[:2] != ("fixtures", "profiles"):
                found[PurePath(relative)] = path.read_bytes()
    return found
