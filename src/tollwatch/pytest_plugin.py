"""The package as a pytest plugin: each case is an item, ``fixtures/x/cases.yml::case name``.

Every pytest run in an environment with this package loads the plugin, so nothing is imported before a file has a case
file's name. Only detection repositories are looked at: a case file counts that has a rules.toml at or above it, and
lies below its fixtures or has ``rule:`` (or ``query:``) and ``cases:`` at its top level.

A detection that lacks a case that fires or one that stays silent is an item of its case file, and so is, under
``rules.toml``, one without any cases; rules that cannot be used are items there too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tollwatch.cases.model import Case, CaseFile
    from tollwatch.cases.result import CaseResult
    from tollwatch.cases.run import Runner
    from tollwatch.config import Settings

_SETTINGS_FILE = "rules.toml"
_CASE_FILES = ("cases.yml", "cases.yaml")
_TOP_LEVEL = (re.compile(rb"^(rule|query)\s*:", re.MULTILINE), re.compile(rb"^cases\s*:", re.MULTILINE))
_LOOKED_THROUGH = 1 << 20  # bytes

_RUNNERS = pytest.StashKey[dict[Path, "Runner"]]()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Case files, and the rules.toml of a detection repository."""
    if file_path.name == _SETTINGS_FILE:
        return SettingsCollector.from_parent(parent, path=file_path)
    if file_path.name.endswith(_CASE_FILES) and _is_of_a_repository(file_path):
        return CaseCollector.from_parent(parent, path=file_path)
    return None


def _is_of_a_repository(file: Path) -> bool:
    from tollwatch.cases.read import is_case_file
    from tollwatch.config import load_settings
    from tollwatch.errors import ConfigurationError

    if not is_case_file(file) or not any((above / _SETTINGS_FILE).is_file() for above in file.parents):
        return False
    try:
        fixtures = load_settings(file).fixtures
    except ConfigurationError:
        fixtures = ()
    if any(file.is_relative_to(folder.resolve()) for folder in fixtures):
        return True
    with file.open("rb") as opened:
        start = opened.read(_LOOKED_THROUGH)
    return all(pattern.search(start) for pattern in _TOP_LEVEL)


class ResultItem(pytest.Item):
    """A result, and how to come by it. It fails without a traceback: the message says all there is to say."""

    def __init__(self, *, result: Callable[[], CaseResult], line: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._result = result
        self._line = line

    def runtest(self) -> None:
        """Pass, fail with the result's message, or skip where the profile cannot serve the rule."""
        from tollwatch.cases.result import Status

        result = self._result()
        if result.status is Status.REFUSED:
            pytest.skip(result.message)
        if result.status is not Status.PASSED:
            pytest.fail(result.message, pytrace=False)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place of the case."""
        return self.path, self._line - 1 if self._line else None, self.name


class CaseCollector(pytest.File):
    """A cases.yml: an item for each case, and one more where a case that fires or one that stays silent is missing."""

    def collect(self) -> Iterator[pytest.Item]:
        """The items; a file that cannot be read is one item that fails with every mistake."""
        from tollwatch.cases.result import CaseResult
        from tollwatch.cases.run import incomplete, read_file

        file = read_file(self.path, _shown(self))
        if isinstance(file, CaseResult):
            yield _item(self, file)
            return
        for case in file:
            yield _case_item(self, file, case)
        lacking = _lacking(self.path, file)
        if lacking:
            yield _item(self, incomplete(file.path, file.place.line, file.place.column, file.rule, lacking))


class SettingsCollector(pytest.File):
    """A rules.toml: an item for each rule file that cannot be used, and for each detection without any cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """The items; none where all is well, or where the file is another tool's."""
        from tollwatch.cases.read import find_case_files
        from tollwatch.cases.run import read_file
        from tollwatch.config import read_settings
        from tollwatch.errors import ConfigurationError

        try:
            settings = read_settings(_near(self.path))
        except ConfigurationError:
            return
        if not any(folder.exists() for folder in settings.rules):
            return
        runner = _runner(self.session, settings)
        files = [read_file(file) for file in find_case_files(path for path in settings.fixtures if path.exists())]
        for result in (*runner.unusable(), *runner.untested(files)):
            yield _item(self, result, f"{result.rule or result.file} {result.name}")


def _case_item(parent: CaseCollector, file: CaseFile, case: Case) -> ResultItem:
    def result() -> CaseResult:
        from tollwatch.config import load_settings
        from tollwatch.diagnostics import render
        from tollwatch.errors import DiagnosticsError, UsageError

        try:
            return _runner(parent.session, load_settings(_near(parent.path))).run(file, case)
        except DiagnosticsError as error:  # rules.toml itself
            pytest.fail("\n".join(render(mistake) for mistake in error.diagnostics), pytrace=False)
        except UsageError as error:  # rules that are not where rules.toml says
            pytest.fail(str(error), pytrace=False)

    item = ResultItem.from_parent(parent, name=case.name, result=result, line=case.place.line)
    item.extra_keyword_matches.add(file.rule)
    return item


def _item(parent: pytest.Collector, result: CaseResult, name: str | None = None) -> ResultItem:
    return ResultItem.from_parent(parent, name=name or result.name, result=lambda: result, line=result.line)


def _lacking(path: Path, file: CaseFile) -> str | None:
    """What the file's detection lacks, also counting the cases that other files have for it."""
    from tollwatch.cases.model import CaseFile
    from tollwatch.cases.read import find_case_files
    from tollwatch.cases.run import lacks, read_file
    from tollwatch.config import load_settings
    from tollwatch.errors import ConfigurationError

    lacking = lacks(file)
    if lacking is None:
        return None
    try:
        fixtures = load_settings(path).fixtures
    except ConfigurationError:
        return None  # the cases themselves fail by it
    others = [read_file(other) for other in find_case_files(p for p in fixtures if p.exists()) if other != path]
    same = (other for other in others if isinstance(other, CaseFile) and other.rule == file.rule)
    return lacks([*file, *(case for other in same for case in other)])


def _runner(session: pytest.Session, settings: Settings) -> Runner:
    """The runner of a repository: its rules are loaded once a session."""
    from tollwatch.cases.rules import load_rules
    from tollwatch.cases.run import Runner

    runners = session.stash.setdefault(_RUNNERS, {})
    root = settings.root.resolve()
    if root not in runners:
        # Profiles are read when a case needs them, and a test may have changed the current folder by then.
        runners[root] = Runner(load_rules(settings), [folder.resolve() for folder in settings.profiles])
    return runners[root]


def _near(path: Path) -> Path:
    """Relative to the current folder where the path lies below it: as messages should show it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _shown(node: pytest.Collector) -> str:
    """The file as the user would name it: relative to where pytest was called, if it lies below."""
    base = node.config.invocation_params.dir
    return str(node.path.relative_to(base)) if node.path.is_relative_to(base) else str(node.path)
