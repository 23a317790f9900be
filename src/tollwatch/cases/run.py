"""Runs cases: finds them, looks up their rules and profiles, and has them judged.

CAS009 a rule that is not there, CAS010 a detection without a case that fires or one that stays silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tollwatch.cases.judge import Prepared, Ready, errored, judge, judge_all, rendered
from tollwatch.cases.keyword import Chooser, compile_keyword
from tollwatch.cases.model import Case, CaseFile, Step
from tollwatch.cases.randomised import PreparedRandom
from tollwatch.cases.read import find_case_files, read_cases
from tollwatch.cases.result import LOCAL, CaseResult, Status
from tollwatch.cases.rules import load_rules
from tollwatch.cases.written import PreparedQuery
from tollwatch.config import Settings, load_settings
from tollwatch.diagnostics import Diagnostic, Severity, closest, in_order
from tollwatch.errors import ConfigurationError, RuleError, TollwatchError

if TYPE_CHECKING:  # pandas and pySigma are loaded when the first case runs
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node, Plan
    from tollwatch.sigma.model import RuleSet

_LOOKED_THROUGH = 1 << 20
"""The largest rule file, in bytes, that a missing rule is looked for in."""


def run_cases(
    settings: Settings | None = None,
    *,
    paths: Sequence[str | Path] | None = None,
    rules: RuleSet | None = None,
    keyword: str | None = None,
    profile: str | None = None,
    processes: int = 1,
    engines: Sequence[str] = (LOCAL,),
    as_deployed: bool = False,
    random: int = 0,
) -> tuple[CaseResult, ...]:
    """Run the cases among and below ``paths`` (default: the fixtures of the settings), in file order.

    ``keyword`` chooses among ``rule case-name file`` (see ``keyword``). ``profile`` takes the place of canonical in
    cases that are written as steps alone: a log stays in the form it was written in. Without ``paths``, every rule
    must be usable and every detection have cases; with them, only the detections that they are about. A file that
    ``engines``: ``local`` and languages (spl, kql, esql), whose compiled queries are then executed and held against the
    local evaluator; ``as_deployed`` runs them as a SIEM does; ``random`` is the number of random logs that each tested
    rule's queries are held to as well. A file that
    cannot be read is one result of status error, and the others run. ``processes`` is the most that are used, where
    more than one pays; a script that asks for more runs again in each, and needs its ``__main__`` guard.

    Raises:
        UsageError: a path that does not exist, or no expression in ``keyword``.
    """
    settings = load_settings() if settings is None else settings
    chosen = compile_keyword(keyword)
    given = [Path(path) for path in paths] if paths is not None else [p for p in settings.fixtures if p.exists()]
    read = [read_file(file) for file in find_case_files(given)]
    runner = Runner(load_rules(settings) if rules is None else rules, settings.profiles, profile)
    whole = [*(runner.unusable() if paths is None else ()), *runner.incomplete(read, every=paths is None)]
    once = [one for file in read for one in _prepared(runner, file, chosen)]
    prepared = [by for one in once for by in _by_engine(one, engines, as_deployed)]
    prepared += _randomised(once, engines, random)
    return (
        *judge_all(prepared, processes),
        *(result for result in whole if chosen(f"{result.rule} {result.name} {result.file}")),
    )


def read_file(path: Path, shown: str | None = None) -> CaseFile | CaseResult:
    """The cases of a file, or the error that stands for all of them; ``shown`` as in ``read_cases``."""
    try:
        return read_cases(path, shown)
    except ConfigurationError as error:
        return _unread(str(path) if shown is None else shown, path.name, error.diagnostics)


def _unread(file: str, name: str, mistakes: tuple[Diagnostic, ...]) -> CaseResult:
    first = mistakes[0]
    return CaseResult(
        file, first.line, first.column, name, "", "", Status.ERROR, rendered(mistakes), diagnostics=mistakes
    )


def _prepared(runner: Runner, file: CaseFile | CaseResult, chosen: Chooser) -> Iterator[Ready]:
    if isinstance(file, CaseResult):
        if chosen(f"{file.name} {file.file}"):
            yield file
        return
    for case in file:
        if chosen(f"{file.rule} {case.name} {file.path}"):
            yield runner.prepare(file, case)


def _by_engine(prepared: Ready, engines: Sequence[str], as_deployed: bool) -> Iterator[Ready]:
    """A rule's case once for each engine; a query runs in its own."""
    if not isinstance(prepared, Prepared):
        yield prepared
        return
    for engine in engines:
        yield replace(prepared, result=replace(prepared.result, engine=engine), as_deployed=as_deployed)


def _randomised(prepared: Sequence[Ready], engines: Sequence[str], count: int) -> Iterator[PreparedRandom]:
    """Each tested rule in each language, on so many random logs."""
    rules = {one.result.rule: one for one in prepared if isinstance(one, Prepared)}
    for one in rules.values():
        for engine in engines if count else ():
            if engine != LOCAL:
                result = replace(one.result, name=f"{count} random logs", engine=engine, expected=())
                yield PreparedRandom(result, one.node, one.profile, range(count))


class Runner:
    """Runs cases of one RuleSet. Plans and profiles are made when first needed, and once."""

    def __init__(self, rules: RuleSet, profile_folders: Sequence[Path] = (), profile: str | None = None) -> None:
        self._rules = rules
        self._folders = profile_folders
        self._override = profile
        self._nodes: dict[str, Node] = {}
        self._unlowered: dict[str, RuleError] = {}
        self._profiles: dict[str, Profile] = {}
        self._whole: tuple[Plan, tuple[Diagnostic, ...]] | None = None

    # ------------------------------------------------------------ one case

    def run(self, file: CaseFile, case: Case) -> CaseResult:
        """Run one case of a file. A mistake becomes a result of status error."""
        return judge(self.prepare(file, case))

    def prepare(self, file: CaseFile, case: Case) -> Ready:
        """All that a case needs to be judged, or the error that stands in the way."""
        rule, profile = self._key(file), self._profile_name(file, case)
        result = CaseResult(
            file.path, case.place.line, case.place.column, case.name, rule, profile, Status.PASSED, expected=case.expect
        )
        try:
            if file.query is not None:
                told = replace(result, expected_rows=case.rows)
                return PreparedQuery(told, case, file.query, self._profile(profile))
            return Prepared(result, case, profile != file.profile, self.node(file), self._profile(profile))
        except TollwatchError as error:
            return errored(result, error)

    def _profile_name(self, file: CaseFile, case: Case) -> str:
        steps_alone = all(isinstance(event, Step) for event in case.events)
        return self._override if self._override and steps_alone and file.profile == "canonical" else file.profile

    def _profile(self, name: str) -> Profile:
        from tollwatch.logs.profile import load_profile

        if name not in self._profiles:
            self._profiles[name] = load_profile(name, self._folders)
        return self._profiles[name]

    # ------------------------------------------------------------ the rule under test

    def _key(self, file: CaseFile) -> str:
        rule = None if file.query is not None else self._rules.get(file.rule)
        return file.rule if rule is None else rule.header.key

    def node(self, file: CaseFile) -> Node:
        """The plan of the rule that a file tests.

        Raises:
            ConfigurationError: there is no such rule.
            RuleError: there is, but it cannot be read or lowered.
        """
        key = self._key(file)
        if self._rules.get(file.rule) is None:
            broken = _broken(file.rule, self._rules)
            if broken:
                raise RuleError(broken)
            names = [rule.header.key for rule in self._rules]
            hint = closest(file.rule, names) or ("there are no rules" if not names else None)
            raise ConfigurationError((file.place.diagnostic("CAS009", f"there is no rule {file.rule!r}", hint),))
        if key not in self._nodes:
            self._lower(key)
        if key in self._unlowered:
            raise self._unlowered[key]
        return self._nodes[key]

    def _lower(self, key: str) -> None:
        from tollwatch.plan.lower import lower

        plan, mistakes = lower(self._rules, select=[key])
        self._keep(plan)
        if key not in self._nodes:
            self._unlowered[key] = RuleError(tuple(m for m in mistakes if m.severity is Severity.ERROR) or mistakes)

    def _lowered(self) -> tuple[Plan, tuple[Diagnostic, ...]]:
        """Every detection of the rules."""
        from tollwatch.plan.lower import lower

        if self._whole is None:
            self._whole = lower(self._rules)
            self._keep(self._whole[0])
        return self._whole

    def _keep(self, plan: Plan) -> None:
        from tollwatch.plan.walk import nodes

        for detection in plan.detections:
            for node in nodes(detection):
                self._nodes.setdefault(node.header.key, node)

    # ------------------------------------------------------------ the whole

    def _errors(self) -> tuple[Diagnostic, ...]:
        """Every mistake that makes a rule unusable."""
        found = (*self._rules.diagnostics, *self._lowered()[1])
        return in_order(mistake for mistake in found if mistake.severity is Severity.ERROR)

    def unusable(self) -> Iterator[CaseResult]:
        """One result of status error for each file with a rule that cannot be read or lowered."""
        for path, mistakes in groupby(self._errors(), key=lambda mistake: mistake.path):
            yield _unread(path, "every rule can be used", tuple(mistakes))

    def incomplete(self, files: Iterable[CaseFile | CaseResult], *, every: bool) -> Iterator[CaseResult]:
        """One failed result for each detection that lacks a case that fires, or one that stays silent.

        ``every``: also detections that no file is about.
        """
        read = list(files)
        by_rule: dict[str, list[CaseFile]] = {}
        for file in read:
            if isinstance(file, CaseFile):
                by_rule.setdefault(self._key(file), []).append(file)
        for rule, of_rule in by_rule.items():
            lacking = lacks(case for file in of_rule for case in file)
            if lacking and (of_rule[0].query is not None or self._rules.get(rule) is not None):
                place = of_rule[0].place
                yield incomplete(place.path, place.line, place.column, rule, lacking)
        if every:
            yield from self.untested(read)

    def untested(self, files: Iterable[CaseFile | CaseResult]) -> Iterator[CaseResult]:
        """One failed result for each detection that no file is about.

        None where some file could not be read: it may hold the cases that seem to be missing, or the correlation
        that a rule is the base of.
        """
        read = list(files)
        tested = {self._key(file) for file in read if isinstance(file, CaseFile)}
        if self._errors() or any(isinstance(file, CaseResult) for file in read):
            return
        for node in self._lowered()[0].detections:
            header = node.header
            if header.key not in tested:
                yield incomplete(header.path, header.line, header.column, header.key, "has no cases")


# ---------------------------------------------------------------- detections without cases


def lacks(cases: Iterable[Case]) -> str | None:
    """What a detection with these cases lacks, in words; None where it is complete."""
    fires = {case.fires for case in cases}
    match True in fires, False in fires:
        case True, True:
            return None
        case True, False:
            return "has no case that stays silent (expect: none)"
        case False, True:
            return "has no case that fires"
        case _:
            return "has no cases"


def incomplete(path: str, line: int, column: int, rule: str, lacking: str) -> CaseResult:
    """The failed result of a detection that lacks cases; ``lacking`` as ``lacks`` words it."""
    name = "has a case that fires and one that stays silent"
    mistake = Diagnostic("CAS010", f"the detection {rule} {lacking}", path, line, column)
    return CaseResult(
        path, line, column, name, rule, "", Status.FAILED, f"CAS010 {mistake.message}", diagnostics=(mistake,)
    )


def _broken(reference: str, rules: RuleSet) -> tuple[Diagnostic, ...]:
    """The mistakes of the file that defines a rule which could not be read; none where no such file does."""
    errors = [mistake for mistake in rules.diagnostics if mistake.severity is Severity.ERROR]
    states_it = re.compile(rf"^\s*(name|id)\s*:\s*[\"']?{re.escape(reference)}[\"']?\s*(#.*)?$", re.MULTILINE)
    for path in dict.fromkeys(mistake.path for mistake in errors):
        file = Path(path)
        small = file.is_file() and file.stat().st_size <= _LOOKED_THROUGH
        if file.stem == reference or (small and states_it.search(file.read_text("utf-8", "replace"))):
            return tuple(mistake for mistake in errors if mistake.path == path)
    return ()
