"""``rules schema``: JSON Schemas for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tollwatch.cli import render


class SchemaName(StrEnum):
    """The files that have a schema."""

    CASE = "case"
    PROFILE = "profile"
    CONFIG = "config"


def schema(name: Annotated[SchemaName, typer.Argument(help="Which files the schema is for.")]) -> int:
    """Print the JSON Schema of case, profile or rules.toml files."""
    from tollwatch.schemas import schema_text

    render.out(schema_text(name))
    return 0
