"""The options that several commands share, spelled once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

RulesOption = Annotated[
    list[Path] | None, typer.Option("--rules", metavar="PATH", help="A file or folder of rules; repeatable.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="How the logs carry the fields (see: rules profile list)."),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say only what matters.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]


class TextOrJson(StrEnum):
    """Output for people or for programs."""

    TEXT = "text"
    JSON = "json"
