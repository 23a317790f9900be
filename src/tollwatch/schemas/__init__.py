"""JSON Schemas (draft 2020-12) of the files that people write, for editors; and how a file names its schema offline.

A repository keeps copies under ``.tollwatch/``; a file's first line points at one by a relative path, which the YAML
language server (and, in TOML, taplo) reads without any network.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from tollwatch.errors import UsageError
from tollwatch.logs.schema import CANONICAL, Field

NAMES = ("case", "profile", "config")

FOLDER = ".tollwatch"
"""Where a repository keeps its copies, below its root."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of ``case``, ``profile`` or ``config`` files; canonical fields stand in it with what they mean.

    Raises:
        UsageError: another name.
    """
    if name not in NAMES:
        raise UsageError(f"there is no schema {name!r}", "one of " + ", ".join(NAMES))
    text = files("tollwatch.schemas").joinpath(f"{name}.schema.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    match name:
        case "case":
            document["$defs"]["canonical"] = _canonical({}, leave_out="timestamp")
        case "profile":
            document["$defs"]["canonical"] = _canonical({"$ref": "#/$defs/carrier"})
    return document


def schema_text(name: str) -> str:
    """The same as the text of a file."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def schema_path(name: str) -> PurePath:
    """Where a repository keeps its copy, relative to its root."""
    return PurePath(FOLDER, f"{name}.schema.json")


def modeline(name: str, file: PurePath) -> str:
    """The first line of a file that is to be checked against a schema; ``file`` is relative to the repository's root.

    ``modeline("case", PurePath("fixtures/x/cases.yml"))`` is
    ``# yaml-language-server: $schema=../../.tollwatch/case.schema.json``.
    """
    path = "/".join([*[".."] * (len(file.parts) - 1), *schema_path(name).parts])
    return f"#:schema {path}" if file.suffix == ".toml" else f"# yaml-language-server: $schema={path}"


def _canonical(value: dict[str, str], leave_out: str | None = None) -> dict[str, Any]:
    """An object of canonical fields, each of them ``value``."""
    fields = (field for field in CANONICAL if field.name != leave_out)
    properties = {field.name: {**value, "description": _described(field)} for field in fields}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _described(field: Field) -> str:
    unit = f", in {field.unit}" if field.unit else ""
    return f"{field.description} ({field.type}{unit})"
