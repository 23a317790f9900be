"""``rules new``: a rule and its cases from a template."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePath
from typing import Annotated
from uuid import uuid4

import typer

from tollwatch.cli import render
from tollwatch.cli.options import Quiet
from tollwatch.errors import UsageError


class Kind(StrEnum):
    """The templates."""

    SINGLE = "single"
    COUNT = "count"
    SUM = "sum"
    ORDERED = "ordered"
    CHAIN = "chain"


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The rule's name, in snake case.")],
    kind: Annotated[Kind, typer.Option("--kind", help="Which template.")] = Kind.COUNT,
    quiet: Quiet = False,
) -> int:
    """Write a rule and its cases; both pass at once, and say what is to be filled in."""
    from tollwatch.cli import layout, templates
    from tollwatch.config import load_settings

    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        hint = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        raise UsageError(f"{name!r} is no rule name", f"use snake case, such as {hint or 'leaked_key_used'}")
    settings = load_settings()
    rule = settings.rules[0] / f"{name}.yml"
    folder = settings.fixtures[0] / name
    for path in (rule, folder):
        if path.exists():
            raise UsageError(f"{path} is there already", "choose another name")
    cases = PurePath(folder.relative_to(settings.root)) / "cases.yml" if folder.is_relative_to(settings.root) else None
    contents: dict[PurePath, str | bytes] = {
        PurePath(rule): templates.rule_text(name, kind, lambda _: str(uuid4())),
        PurePath(folder / "cases.yml"): templates.cases_text(name, kind, cases or PurePath("cases.yml")),
    }
    layout.write_new(settings.root, contents, force=False, quiet=quiet)
    render.note("next: rules test", quiet)
    return 0
