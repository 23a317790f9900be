"""``rules profile``: how logs carry the canonical fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tollwatch.cli import render
from tollwatch.cli.options import Quiet

if TYPE_CHECKING:
    from tollwatch.logs.profile import Carrier

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and show profiles, and try one on a log.",
    add_completion=False,
)


@app.command("list")
def list_profiles() -> int:
    """List the profiles there are."""
    from tollwatch.config import load_settings
    from tollwatch.logs.profile import load_profile, profile_names

    folders = load_settings().profiles
    render.table(
        ("profile", "reads"), [(name, load_profile(name, folders).description) for name in profile_names(folders)]
    )
    return 0


@app.command("show")
def show(name: Annotated[str, typer.Argument(metavar="NAME")]) -> int:
    """Show where a profile finds each field."""
    from tollwatch.config import load_settings
    from tollwatch.logs.profile import load_profile

    profile = load_profile(name, load_settings().profiles)
    render.table(("field", "found at"), [(carrier.field, _where(carrier)) for carrier in profile.carriers])
    for path, text in profile.where:
        render.out(f"only records where {path} is {text}")
    if profile.source_ip:
        render.out(f"source_ip is {profile.source_ip}")
    return 0


def _where(carrier: Carrier) -> str:
    joined = (" + " if carrier.summed else ", else ").join(carrier.paths)
    return joined + "".join(f"; {then} where {path} is {equals}" for path, equals, then in carrier.when)


@app.command("check")
def check(
    logs: Annotated[list[str], typer.Argument(metavar="LOGS…")],
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="The profile to try.")] = "canonical",
    quiet: Quiet = False,
) -> int:
    """Read LOGS through a profile, and say how much of each field is there."""
    from tollwatch.config import load_settings
    from tollwatch.logs.profile import load_profile
    from tollwatch.logs.read import open_logs

    log = open_logs(logs, load_profile(profile, load_settings().profiles))
    filled: dict[str, int] = {}
    events = 0
    for block in log:
        events += len(block)
        for name in block.frame.columns:
            filled[str(name)] = filled.get(str(name), 0) + int(block.frame[name].notna().sum())
    share = {name: f"{100 * count / max(events, 1):.1f} %" for name, count in filled.items()}
    render.table(("field", "events that have it"), [(name, share[name]) for name in filled])
    render.note(f"{log.records:,} records, {events:,} events", quiet)
    render.issues(log.issues, quiet)
    return 0 if events else 1


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")],
    logs: Annotated[list[str], typer.Argument(metavar="LOGS…", help="A sample of the log.")],
) -> int:
    """Print the start of a profile for a log: every field that is guessed, and the paths that are left."""
    from tollwatch.cli.profile_draft import draft

    render.out(draft(name, logs))
    return 0
