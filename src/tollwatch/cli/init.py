"""``rules init``: a new detection repository that passes its own tests."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Annotated

import typer

from tollwatch.cli import render
from tollwatch.cli.options import Quiet
from tollwatch.errors import UsageError

_FIRST = "ai_api_key_guessing"


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where; made if it is not there.")] = Path(),
    with_pack: Annotated[bool, typer.Option("--with-pack", help="Lay out the whole pack too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    quiet: Quiet = False,
) -> int:
    """Start a detection repository in DIR (default: here): rules.toml, a rule, its cases, CI and pre-commit."""
    from tollwatch.cli import layout, templates

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file, not a folder")
    cases = PurePath("fixtures", _FIRST, "cases.yml")
    contents: dict[PurePath, str | bytes] = {
        PurePath("rules.toml"): templates.config_text(),
        PurePath("rules", "credential_access", f"{_FIRST}.yml"): templates.rule_text(_FIRST, "count"),
        cases: templates.cases_text(_FIRST, "count", cases),
        PurePath(".github", "workflows", "rules.yml"): templates.WORKFLOW,
        PurePath(".pre-commit-config.yaml"): templates.PRE_COMMIT,
        PurePath(".gitignore"): templates.GITIGNORE,
        PurePath("README.md"): templates.README,
        **layout.schemas(),
        **(layout.pack() if with_pack else {}),
    }
    layout.write_new(folder, contents, force, quiet)
    there = "" if folder == Path() else f"cd {folder} && "
    render.note(f"next: {there}rules test", quiet)
    return 0
