"""``rules check``: every mistake in rules, cases and profiles."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tollwatch.config import Settings
    from tollwatch.diagnostics import Diagnostic
    from tollwatch.plan.nodes import Plan
    from tollwatch.sigma.model import RuleSet


class CheckFormat(StrEnum):
    """How mistakes are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATHS", help="Files or folders of rules.")] = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    output_format: Annotated[
        CheckFormat, typer.Option("--format", help="How mistakes are printed.")
    ] = CheckFormat.TEXT,
    quiet: Quiet = False,
) -> int:
    """Parse and lint the rules, their ATT&CK tags and fields; without PATHS, their cases and own profiles too."""
    from tollwatch.diagnostics import in_order
    from tollwatch.lint import lint

    named = [*(paths or ()), *(rules or ())]
    settings, found = repository.settings_and_rules(named)
    plan, mistakes = repository.chosen_plan(found, None)
    told = [d for d in lint(found, plan) if d.code not in settings.lint_disable]
    unusable = repository.errors((*found.diagnostics, *mistakes))
    others = [] if named else _beside(settings, found)
    everything = in_order((*found.diagnostics, *mistakes, *told, *others, *_misfits(plan, profile, settings)))
    serious = repository.errors(everything)
    _show(serious if quiet else everything, output_format)
    _count(found, everything, serious, quiet)
    return 2 if unusable else (1 if serious else 0)


def _beside(settings: Settings, rules: RuleSet) -> list[Diagnostic]:
    """What is wrong with the case files and the site's own profiles."""
    from tollwatch.cases.read import find_case_files
    from tollwatch.cases.result import CaseResult
    from tollwatch.cases.run import Runner, read_file
    from tollwatch.errors import DiagnosticsError
    from tollwatch.logs.profile_yaml import read_profile

    found: list[Diagnostic] = []
    runner = Runner(rules, settings.profiles)
    for path in find_case_files([path for path in settings.fixtures if path.exists()]):
        read = read_file(path)
        if isinstance(read, CaseResult):
            found.extend(read.diagnostics)
            continue
        try:
            runner.node(read)
        except DiagnosticsError as error:
            found.extend(error.diagnostics)
    for file in (file for folder in settings.profiles for file in sorted(folder.glob("*.yml"))):
        try:
            read_profile(file)
        except DiagnosticsError as error:
            found.extend(error.diagnostics)
    return found


def _misfits(plan: Plan, profile: str | None, settings: Settings) -> Sequence[Diagnostic]:
    """What a profile that was asked for cannot serve."""
    if profile is None:
        return ()
    from tollwatch.logs.profile import load_profile

    return repository.fitting(plan, [load_profile(profile, settings.profiles)])[1]


def _show(found: Sequence[Diagnostic], output_format: CheckFormat) -> None:
    match output_format:
        case CheckFormat.TEXT:
            render.diagnostics(found, to_result=True)
        case CheckFormat.JSON:
            render.out(orjson.dumps([_record(d) for d in found], option=orjson.OPT_INDENT_2).decode())
        case CheckFormat.GITHUB:
            from tollwatch.cases.report import annotation

            for diagnostic in found:
                render.out(annotation(diagnostic))


def _record(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "path": diagnostic.path,
        "line": diagnostic.line,
        "column": diagnostic.column,
        "hint": diagnostic.hint,
    }


def _count(rules: RuleSet, found: Sequence[Diagnostic], serious: Sequence[Diagnostic], quiet: bool) -> None:
    others = len(found) - len(serious)
    render.note(f"{len(rules)} rules can be used; {len(serious)} errors, {others} warnings", quiet)
