"""``rules compile``: the queries of rules in a language, and how faithful each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption, TextOrJson
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from tollwatch.compile.model import Query
    from tollwatch.compile.registry import Language
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node

TARGETS = (
    "The language: spl (Splunk), kql (Kusto: Sentinel, Defender; not Kibana's KQL, which is kuery), esql, eql, kuery,"
    " lucene, logql; repeatable."
)


def compile_rules(
    names: Annotated[list[str] | None, typer.Argument(metavar="RULE…", help="Rules, by name or id.")] = None,
    targets: Annotated[list[str] | None, typer.Option("--target", "-t", metavar="LANGUAGE", help=TARGETS)] = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    every: Annotated[bool, typer.Option("--all", help="Every detection.")] = False,
    all_targets: Annotated[bool, typer.Option("--all-targets", help="Every language.")] = False,
    mode: Annotated[
        str, typer.Option(metavar="MODE", help="scheduled, or hunt: over any range of time.")
    ] = "scheduled",
    hop: Annotated[
        str | None, typer.Option(metavar="DURATION", help="ES|QL: the step of its overlapping windows (5m).")
    ] = None,
    interval: Annotated[str | None, typer.Option(metavar="DURATION", help="How often the query is run.")] = None,
    delay: Annotated[str | None, typer.Option(metavar="DURATION", help="How late an event may come in.")] = None,
    elastic_version: Annotated[
        str, typer.Option(metavar="VERSION", help="ES|QL: the oldest version that must run it.")
    ] = "8.19",
    fail_on_refused: Annotated[
        bool, typer.Option("--fail-on-refused", help="Exit with 2 where one is refused.")
    ] = False,
    output_format: Annotated[TextOrJson, typer.Option("--format", help="For people or programs.")] = TextOrJson.TEXT,
    quiet: Quiet = False,
) -> int:
    """Print rules as queries of a SIEM, with how faithful each is."""
    from tollwatch.cli.compile_options import options_of
    from tollwatch.compile.registry import compile_node

    options = options_of(mode, hop, interval, delay, elastic_version)
    chosen = _targets(targets, all_targets)
    nodes, form, unusable = _nodes(names, rules, profile, every, quiet)
    queries = [compile_node(node, target, form, options) for node in nodes for target in chosen]
    if output_format is TextOrJson.JSON:
        render.out(orjson.dumps([_record(query) for query in queries], option=orjson.OPT_INDENT_2).decode())
    else:
        _print(queries, quiet)
    refused = any(query.text is None for query in queries)
    return 2 if unusable or (refused and (fail_on_refused or not all_targets)) else 0


def _targets(names: list[str] | None, all_targets: bool) -> tuple[Language, ...]:
    from tollwatch.compile.registry import language, languages

    if all_targets:
        return languages()
    if not names:
        known = ", ".join(one.name for one in languages())
        raise UsageError("no target is named", f"name a language with --target ({known}), or say --all-targets")
    return tuple(dict.fromkeys(language(name) for name in names))


def _nodes(
    names: list[str] | None, rules: RulesOption, profile: str | None, every: bool, quiet: bool
) -> tuple[tuple[Node, ...], Profile, bool]:
    from tollwatch.logs.profile import load_profile

    if not names and not every:
        raise UsageError("no rule is named", "name rules (see: rules list), or say --all")
    settings, found = repository.settings_and_rules(rules)
    plan, mistakes = repository.chosen_plan(found, None if every else names)
    unusable = repository.report_rules((*found.diagnostics, *mistakes), quiet)
    return plan.detections, load_profile(profile or settings.profile, settings.profiles), unusable


def _print(queries: list[Query], quiet: bool) -> None:
    for query in queries:
        if query.text is not None:
            render.out(query.text)
        else:
            for refusal in query.refused:
                hint = f"\n      use: {refusal.use}" if refusal.use else ""
                render.note(f"{query.rule}: refused for {query.target}: {refusal.construct}: {refusal.reason}{hint}")
    render.note(summary(queries), quiet)


def summary(queries: list[Query]) -> str:
    """How many queries have which grade."""
    grades = [str(query.grade) for query in queries]
    return ", ".join(f"{grades.count(grade)} {grade}" for grade in dict.fromkeys(grades)) or "no queries"


def _record(query: Query) -> dict[str, object]:
    tolerance, schedule = query.tolerance, query.schedule
    return {
        "rule": query.rule,
        "target": query.target,
        "profile": query.profile,
        "mode": query.mode,
        "grade": query.grade,
        "tolerance": None
        if tolerance is None
        else {"missed_s": tolerance.missed_s, "extra_s": tolerance.extra_s, "text": tolerance.text},
        "limits": list(query.limits),
        "query": query.text,
        "schedule": None
        if schedule is None
        else {
            "interval_s": _seconds(schedule.interval),
            "lookback_s": _seconds(schedule.lookback),
            "delay_s": _seconds(schedule.delay),
        },
        "source": query.source,
        "columns": [{"name": one.name, "type": one.type, "field": one.field} for one in query.columns],
        "gives": list(query.gives),
        "refused": [{"construct": one.construct, "reason": one.reason, "use": one.use} for one in query.refused],
    }


def _seconds(microseconds: int) -> int | float:
    return microseconds // 1_000_000 if microseconds % 1_000_000 == 0 else microseconds / 1_000_000
