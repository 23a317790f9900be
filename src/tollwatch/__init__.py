"""Tollwatch: detection-as-code for the abuse of AI APIs.

The public verbs. Nothing heavy is imported before one of them is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

# The verbs below have the names of packages. Loaded before them, a package cannot take its verb's place later.
from tollwatch import compile as _compiling  # noqa: F401
from tollwatch import evaluate as _evaluating  # noqa: F401
from tollwatch.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tollwatch.cases.result import CaseResult
    from tollwatch.compile.model import Options, Query
    from tollwatch.config import Settings
    from tollwatch.diagnostics import Diagnostic
    from tollwatch.evaluate.run import Outcome
    from tollwatch.sigma.model import RuleSet

__all__ = ["__version__", "check", "compile", "evaluate", "load", "run_cases"]


def load(paths: Sequence[str | Path] | None = None, settings: Settings | None = None) -> RuleSet:
    """The rules of files and folders (default: those of the settings), with every mistake in ``diagnostics``.

    ``settings`` are by default those of the nearest rules.toml; they give placeholders their values.

    Raises:
        ConfigurationError: rules.toml cannot be used.
    """
    from tollwatch.cases.rules import load_rules
    from tollwatch.config import load_settings

    return load_rules(load_settings() if settings is None else settings, paths)


def check(rules: RuleSet, settings: Settings | None = None) -> tuple[Diagnostic, ...]:
    """Every mistake in the rules, from reading them to lowering and linting them, in file and line order.

    ``settings`` say which lint codes are not reported.

    Raises:
        ConfigurationError: rules.toml cannot be used.
    """
    from tollwatch.config import load_settings
    from tollwatch.diagnostics import in_order
    from tollwatch.lint import lint
    from tollwatch.plan.lower import lower

    plan, mistakes = lower(rules)
    disable = (load_settings() if settings is None else settings).lint_disable
    return in_order((*rules.diagnostics, *mistakes, *lint(rules, plan, disable=disable)))


def compile(  # noqa: A001 - the verb's name in the field; nobody compiles Python here
    rules: RuleSet,
    target: str,
    *,
    profile: str = "canonical",
    options: Options | None = None,
    settings: Settings | None = None,
) -> tuple[Query, ...]:
    """Every detection as a query in a language (``spl``, ``kql``, ``esql``, …), each with its grade.

    What the language cannot say is a Query without text that says why. ``options``: hunt or scheduled, hop, interval.

    Raises:
        ConfigurationError: there is no such profile, or rules.toml cannot be used.
        RuleError: a rule cannot be read or lowered.
        UsageError: there is no such language.
    """
    from tollwatch.compile.model import Options
    from tollwatch.compile.registry import compile_node, language
    from tollwatch.config import load_settings
    from tollwatch.diagnostics import Severity
    from tollwatch.errors import RuleError
    from tollwatch.logs.profile import load_profile
    from tollwatch.plan.lower import lower

    chosen = language(target)
    form = load_profile(profile, (load_settings() if settings is None else settings).profiles)
    plan, mistakes = lower(rules)
    errors = tuple(m for m in (*rules.diagnostics, *mistakes) if m.severity is Severity.ERROR)
    if errors:
        raise RuleError(errors)
    said = Options() if options is None else options
    return tuple(compile_node(node, chosen, form, said) for node in plan.detections)


def evaluate(
    rules: RuleSet, logs: Sequence[str | Path], *, profile: str = "canonical", settings: Settings | None = None
) -> Outcome:
    """The alerts of all detections over logs that are written in a profile.

    Raises:
        ConfigurationError: there is no such profile, or rules.toml cannot be used.
        RuleError: a rule cannot be read or lowered, or the profile cannot serve it; the others were not evaluated.
        UsageError: a log that does not exist.
    """
    from tollwatch.config import load_settings
    from tollwatch.diagnostics import Severity
    from tollwatch.errors import RuleError
    from tollwatch.evaluate.run import run
    from tollwatch.logs.profile import load_profile
    from tollwatch.logs.read import open_logs
    from tollwatch.plan.fit import unfit
    from tollwatch.plan.lower import lower

    form = load_profile(profile, (load_settings() if settings is None else settings).profiles)
    plan, mistakes = lower(rules)
    errors = tuple(m for m in (*rules.diagnostics, *mistakes) if m.severity is Severity.ERROR)
    refusals = tuple(refusal for node in plan.detections for refusal in unfit(node, form))
    if errors or refusals:
        raise RuleError(errors + refusals)
    return run(plan, open_logs(logs, form))


def run_cases(
    settings: Settings | None = None,
    *,
    paths: Sequence[str | Path] | None = None,
    rules: RuleSet | None = None,
    keyword: str | None = None,
    profile: str | None = None,
    processes: int = 1,
) -> tuple[CaseResult, ...]:
    """Run cases against their rules; see ``tollwatch.cases.run.run_cases``."""
    from tollwatch.cases.run import run_cases as run

    return run(settings, paths=paths, rules=rules, keyword=keyword, profile=profile, processes=processes)
