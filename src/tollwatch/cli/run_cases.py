"""``rules test``: run the cases."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption, Verbose
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tollwatch.cases.result import CaseResult
    from tollwatch.config import Settings
    from tollwatch.sigma.model import RuleSet


class ResultFormat(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"


class EngineName(StrEnum):
    """What runs a case: the local evaluator, or the text of the query in its own language."""

    LOCAL = "local"
    SPL = "spl"
    KQL = "kql"
    ESQL = "esql"
    ALL = "all"


def run_cases(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATHS", help="Case files, or folders of them.")] = None,
    keyword: Annotated[
        str | None,
        typer.Option("-k", metavar="EXPR", help="Only cases whose rule, name or file match: 'nat and not x'."),
    ] = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    engine: Annotated[
        list[EngineName] | None,
        typer.Option("--engine", help="Execute the compiled query and hold it against the evaluator; repeatable."),
    ] = None,
    as_deployed: Annotated[
        bool, typer.Option("--as-deployed", help="Run the scheduled query as a SIEM does, at several phases.")
    ] = False,
    random: Annotated[
        int, typer.Option("--random", metavar="N", min=0, help="Also hold each rule's queries to N random logs.")
    ] = 0,
    keep: Annotated[
        bool, typer.Option("--keep-proofs", help="Write what was proved to proofs.json, which rules list shows.")
    ] = False,
    output_format: Annotated[
        ResultFormat, typer.Option("--format", help="How results are printed.")
    ] = ResultFormat.TEXT,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run the cases; a case that fails shows how near its rule came."""
    from tollwatch.cases.result import exit_code
    from tollwatch.cases.run import run_cases as run

    settings, found = repository.settings_and_rules(rules)
    results = run(
        settings, paths=paths or None, rules=found, keyword=keyword, profile=profile, processes=os.cpu_count() or 1,
        engines=_engines(engine or [], as_deployed), as_deployed=as_deployed, random=random,
    )  # fmt: skip
    if keep:
        _keep(settings, found, results)
    if not results:
        raise UsageError("there are no cases here", "write some with: rules new NAME")
    if not quiet or output_format is not ResultFormat.TEXT or exit_code(results):
        render.out(_text(results, output_format, verbose))
    return exit_code(results)


def _keep(settings: Settings, rules: RuleSet, results: Sequence[CaseResult]) -> None:
    """Proofs of this run take the place of those of the same rules, languages and profiles."""
    from tollwatch.cases.proofs import gathered, read_proofs, write_proofs
    from tollwatch.logs.profile import load_profile
    from tollwatch.plan.lower import lower

    folders = [folder for folder in settings.fixtures if folder.is_dir()]
    if not folders:
        raise UsageError("there is no folder of fixtures to keep proofs in", "name one in rules.toml")
    nodes = {node.header.key: node for node in lower(rules)[0].detections}
    profiles = {one.profile: load_profile(one.profile, settings.profiles) for one in results if one.profile}
    run = {(one.rule, one.engine, one.profile) for one in results}
    before = {key: one for key, one in read_proofs(folders).items() if key not in run and key[0] in nodes}
    write_proofs(folders[0], {**before, **gathered(results, nodes, profiles)})


def _engines(chosen: Sequence[EngineName], as_deployed: bool) -> list[str]:
    """The engines by name, each once; as deployed, only queries run."""
    languages = [EngineName.SPL, EngineName.KQL, EngineName.ESQL]
    named = chosen or ([EngineName.ALL] if as_deployed else [EngineName.LOCAL])
    every = languages if as_deployed else [EngineName.LOCAL, *languages]
    found = dict.fromkeys(str(one) for name in named for one in (every if name is EngineName.ALL else [name]))
    if as_deployed and EngineName.LOCAL in found:
        raise UsageError("--as-deployed runs queries, not the local evaluator", "use --engine spl, kql, esql or all")
    return list(found)


def _text(results: Sequence[CaseResult], output_format: ResultFormat, verbose: bool) -> str:
    from tollwatch.cases import report

    match output_format:
        case ResultFormat.TEXT:
            return render.safe(report.as_text(results, verbose=verbose))
        case ResultFormat.JSON:
            return report.as_json(results)
        case ResultFormat.JUNIT:
            return report.as_junit(results)
        case ResultFormat.GITHUB:
            return report.as_github(results)
