"""``rules run``: evaluate the rules on real logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption, Verbose

if TYPE_CHECKING:
    from tollwatch.evaluate.run import Outcome
    from tollwatch.logs.model import Events
    from tollwatch.logs.profile import Profile
    from tollwatch.logs.read import Log
    from tollwatch.plan.nodes import Node


class AlertFormat(StrEnum):
    """How alerts are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"


def run(
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="LOGS…", help="Files, globs, or - for standard input.")
    ] = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="NAME", help="Only this rule; repeatable.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Leave out events before (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Leave out events after (ISO 8601).")] = None,
    more_logs: Annotated[
        list[str] | None, typer.Option("--logs", metavar="PROFILE=PATH", help="Logs of another profile; repeatable.")
    ] = None,
    timestamp: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Which field holds the time, under --profile none.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Bad data in a log is an error.")] = False,
    fail_on_alert: Annotated[
        bool, typer.Option("--fail-on-alert", help="Exit with 1 where there is an alert.")
    ] = False,
    output_format: Annotated[
        AlertFormat | None,
        typer.Option("--format", help="How alerts are printed (default: by the ending of --output, else a table)."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the alerts here.")
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Evaluate the rules on LOGS and print the alerts."""
    from tollwatch.cli import alerts_output
    from tollwatch.cli.sources import named_logs

    settings, found = repository.settings_and_rules(rules)
    plan, more = repository.chosen_plan(found, rule)
    unreadable = repository.report_rules((*found.diagnostics, *more), quiet)
    sources = named_logs(logs, more_logs, profile or settings.profile, settings)
    nodes, refused = repository.fitting(plan, [source for source, _ in sources])
    render.diagnostics(refused if not quiet or rule else ())
    opened = _open(sources, nodes, timestamp, strict)
    # The first log's reader starts now, while the evaluator is still to be loaded.
    blocks = chain(*(iter(log) for log in opened[:1]), chain.from_iterable(opened[1:]))
    outcome = _evaluate(nodes, _between(blocks, since, until), quiet)
    alerts_output.write(outcome.alerts, output_format, output, verbose)
    for log in opened:
        render.issues(log.issues, quiet)
    _summarise(outcome, len(nodes), quiet, verbose)
    if unreadable or (rule and refused):
        return 2
    return 1 if fail_on_alert and outcome.alerts else 0


def _open(
    sources: list[tuple[Profile, list[str]]], nodes: tuple[Node, ...], timestamp: str | None, strict: bool
) -> list[Log]:
    from tollwatch.cli.memory import keep_pages
    from tollwatch.logs.read import open_logs

    keep_pages()
    needed = repository.needed_fields(nodes)
    return [open_logs(paths, profile, fields=needed, timestamp=timestamp, strict=strict) for profile, paths in sources]


def _evaluate(nodes: tuple[Node, ...], blocks: Iterable[Events], quiet: bool) -> Outcome:
    from tollwatch.evaluate.run import run as evaluate
    from tollwatch.plan.nodes import Plan

    with render.progress(blocks, quiet) as counted:
        return evaluate(Plan(nodes), counted)


def _between(blocks: Iterable[Events], since: str | None, until: str | None) -> Iterator[Events]:
    from tollwatch.cli.sources import read_time
    from tollwatch.logs.read import between

    first = None if since is None else read_time("--since", since)
    last = None if until is None else read_time("--until", until)
    yield from between(blocks, first, last)


def _summarise(outcome: Outcome, rules: int, quiet: bool, verbose: bool) -> None:
    for name, count in outcome.left_out if verbose else ():
        render.note(f"{name}: {count:,} hits belong to no group, because a group-by field is null", quiet)
    alerts = "1 alert" if len(outcome.alerts) == 1 else f"{len(outcome.alerts):,} alerts"
    render.note(f"{alerts} of {rules} rules over {outcome.events:,} events", quiet)
