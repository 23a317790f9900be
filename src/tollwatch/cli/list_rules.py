"""``rules list``: what there is."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption, TextOrJson

if TYPE_CHECKING:
    from tollwatch.cases.proofs import Proved
    from tollwatch.config import Settings
    from tollwatch.plan.nodes import Node
    from tollwatch.sigma.model import Header, RuleSet

Grades = dict[str, str]

_TECHNIQUE = re.compile(r"attack\.(t\d{4}(?:\.\d{3})?)", re.IGNORECASE)
_ATLAS = re.compile(r"atlas\.(aml\.t\d{4}(?:\.\d{3})?)", re.IGNORECASE)


def list_rules(
    rules: RulesOption = None,
    profile: ProfileOption = None,
    output_format: Annotated[TextOrJson, typer.Option("--format", help="For people or programs.")] = TextOrJson.TEXT,
    quiet: Quiet = False,
) -> int:
    """List the detections: name, level, ATT&CK, how many cases each has, and how faithful its query is by language."""
    settings, found = repository.settings_and_rules(rules)
    plan, mistakes = repository.chosen_plan(found, None)
    unusable = repository.report_rules((*found.diagnostics, *mistakes), quiet)
    cases = _case_counts(settings, found)
    grades = _grades(plan.detections, profile or settings.profile, settings)
    proved = _proved(plan.detections, profile or settings.profile, settings)
    if output_format is TextOrJson.JSON:
        records = [
            _record(node.header, cases[node.header.key], grades[node.header.key], proved.get(node.header.key, {}))
            for node in plan.detections
        ]
        render.out(orjson.dumps(records, option=orjson.OPT_INDENT_2).decode())
    else:
        targets = tuple(next(iter(grades.values()), {}))
        header = ("name", "level", "status", "att&ck", "cases", *targets, "title")
        rows = [_row(node.header, cases[node.header.key], grades[node.header.key]) for node in plan.detections]
        render.table(header, rows)
        _print_proofs(proved, grades)
    return 2 if unusable else 0


def _grades(nodes: tuple[Node, ...], profile: str, settings: Settings) -> dict[str, Grades]:
    """For each detection the grade of its query in each language, as compiled for the profile."""
    from tollwatch.compile.model import Options
    from tollwatch.compile.registry import compile_node, languages
    from tollwatch.logs.profile import load_profile

    form, known = load_profile(profile, settings.profiles), languages()
    return {
        node.header.key: {target.name: str(compile_node(node, target, form, Options()).grade) for target in known}
        for node in nodes
    }


def _proved(nodes: tuple[Node, ...], profile: str, settings: Settings) -> dict[str, dict[str, Proved]]:
    """For each detection what is proved of its query in each language; of one that has changed since, nothing."""
    from tollwatch.cases.proofs import digest, read_proofs
    from tollwatch.logs.profile import load_profile

    kept = read_proofs(settings.fixtures)
    found: dict[str, dict[str, Proved]] = {}
    if kept:
        form, by_key = load_profile(profile, settings.profiles), {node.header.key: node for node in nodes}
        for (rule, target, name), proof in kept.items():
            if rule in by_key and name == profile and digest(by_key[rule], target, form) == proof.query:
                found.setdefault(rule, {})[target] = proof
    return found


def _print_proofs(proved: dict[str, dict[str, Proved]], grades: dict[str, Grades]) -> None:
    rows = [
        (rule, target, grades[rule][target], str(proof))
        for rule, by_target in proved.items()
        for target, proof in by_target.items()
    ]
    if rows:
        render.out("")
        render.table(("name", "language", "fidelity", "by rules test --engine"), rows)


def _case_counts(settings: Settings, rules: RuleSet) -> Counter[str]:
    from tollwatch.cases.model import CaseFile
    from tollwatch.cases.read import find_case_files
    from tollwatch.cases.run import read_file

    counts: Counter[str] = Counter()
    for path in find_case_files([path for path in settings.fixtures if path.exists()]):
        file = read_file(path)
        if isinstance(file, CaseFile):
            rule = rules.get(file.rule)
            counts[file.rule if rule is None else rule.header.key] += len(file.cases)
    return counts


def _record(header: Header, cases: int, grades: Grades, proved: dict[str, Proved]) -> dict[str, object]:
    return {
        "name": header.name,
        "id": header.id,
        "title": header.title,
        "level": header.level,
        "status": header.status,
        "attack": _identifiers(header, _TECHNIQUE),
        "atlas": _identifiers(header, _ATLAS),
        "file": header.path,
        "cases": cases,
        "targets": grades,
        "proofs": {target: {"cases": one.cases, "random_logs": one.random_logs} for target, one in proved.items()},
    }


def _identifiers(header: Header, pattern: re.Pattern[str]) -> list[str]:
    return [match[1].upper() for tag in header.tags if (match := pattern.fullmatch(tag))]


def _row(header: Header, cases: int, grades: Grades) -> tuple[str, ...]:
    techniques = " ".join([*_identifiers(header, _TECHNIQUE), *_identifiers(header, _ATLAS)])
    return header.key, header.level or "", header.status or "", techniques, str(cases), *grades.values(), header.title
