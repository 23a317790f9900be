"""Results of cases as text, JSON, JUnit XML and GitHub annotations. Pure functions; the caller prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import assert_never

from tollwatch.cases.result import LOCAL, CaseResult, Status, counts, result_record
from tollwatch.diagnostics import Diagnostic, Severity
from tollwatch.prove.report import Deployment, together

# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(results: Sequence[CaseResult], *, verbose: bool = False) -> str:
    """What did not pass with its message, and a last line with the counts; ``verbose`` names the passed cases too.

    Of queries that ran as deployed, a line for each rule and language.
    """
    lines = [line for result in results if verbose or result.status is not Status.PASSED for line in _text(result)]
    return "\n".join([*lines, *_deployed(results), summary(results), ""])


def _deployed(results: Sequence[CaseResult]) -> Iterator[str]:
    found: dict[tuple[str, str], list[Deployment]] = {}
    for result in results:
        if result.deployed is not None:
            found.setdefault((result.rule, result.engine), []).append(result.deployed)
    for (rule, engine), deployments in found.items():
        yield f"{rule} [{engine}] {together(deployments)}"


def _text(result: CaseResult) -> Iterator[str]:
    at = f"{result.file}:{result.line}:{result.column}" if result.line else result.file
    about = ", ".join(one for one in (result.rule, _engine(result)) if one)
    yield f"{result.status.upper():<7} {at}: {result.name}" + (f" [{about}]" if about else "")
    yield from (f"    {line}" for line in result.message.splitlines())
    if result.deployed is not None:
        yield f"    {result.deployed}"


def _engine(result: CaseResult) -> str:
    """The language of the query that ran, with its grade; the local evaluator goes without saying."""
    return "" if result.engine == LOCAL else f"{result.engine} {result.grade}" if result.grade else result.engine


def summary(results: Sequence[CaseResult]) -> str:
    """``12 cases: 11 passed, 1 failed``; what did not happen is left out."""
    found = counts(results)
    total = found.pop("total")
    told = ", ".join(f"{count} {status}" for status, count in found.items() if count)
    return f"{total} case{'' if total == 1 else 's'}" + (f": {told}" if told else "")


def as_json(results: Sequence[CaseResult]) -> str:
    """``{cases: [...], summary: {passed, failed, refused, error, total}}``, as the commands' page fixes it."""
    document = {"cases": [result_record(result) for result in results], "summary": counts(results)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- JUnit


def as_junit(results: Sequence[CaseResult]) -> str:
    """JUnit XML: a suite for each file, a test case for each case; a refused case is skipped."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<testsuites name="rules test"{_attributes(results)}>']
    for file in dict.fromkeys(result.file for result in results):
        suite = [result for result in results if result.file == file]
        lines.append(f"  <testsuite name={_quoted(file)}{_attributes(suite)}>")
        lines.extend(line for result in suite for line in _junit(result))
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _attributes(results: Sequence[CaseResult]) -> str:
    found = counts(results)
    return (
        f' tests="{found["total"]}" failures="{found["failed"]}" errors="{found["error"]}" skipped="{found["refused"]}"'
    )


def _junit(result: CaseResult) -> Iterator[str]:
    name = f"{result.name} [{engine}]" if (engine := _engine(result)) else result.name
    attributes = f"classname={_quoted(result.rule or result.file)} name={_quoted(name)}"
    attributes += f' file={_quoted(result.file)} line="{result.line}"'
    if result.status is Status.PASSED:
        yield f"    <testcase {attributes}/>"
        return
    tag = _junit_tag(result.status)
    yield f"    <testcase {attributes}>"
    yield f"      <{tag} message={_quoted(_first_line(result))}>{escape(_xml(result.message), quote=False)}</{tag}>"
    yield "    </testcase>"


def _junit_tag(status: Status) -> str:
    match status:
        case Status.FAILED:
            return "failure"
        case Status.REFUSED:
            return "skipped"
        case Status.ERROR | Status.PASSED:
            return "error"
        case _:
            assert_never(status)


def _quoted(text: str) -> str:
    """An attribute's value; a reader would turn its line breaks and tabs into spaces if they stood there plainly."""
    plain = escape(_xml(text))
    return '"' + plain.replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;") + '"'


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _first_line(result: CaseResult) -> str:
    return result.message.splitlines()[0] if result.message else str(result.status)


# ---------------------------------------------------------------- GitHub


def as_github(results: Iterable[CaseResult]) -> str:
    """Workflow commands that GitHub shows at the case's line: errors, and refused cases as warnings."""
    return "".join(f"{line}\n" for result in results for line in _github(result))


def _github(result: CaseResult) -> Iterator[str]:
    match result.status:
        case Status.PASSED:
            return
        case Status.REFUSED:
            level = "warning"
        case Status.FAILED | Status.ERROR:
            level = "error"
        case _:
            assert_never(result.status)
    message = result.message or str(result.status)
    yield _annotation(level, result.file, result.line, result.column, result.name, message)


def annotation(diagnostic: Diagnostic) -> str:
    """A mistake as the workflow command that GitHub shows at its line."""
    levels = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    message = diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
    place = (diagnostic.path, diagnostic.line, diagnostic.column)
    return _annotation(levels[diagnostic.severity], *place, diagnostic.code, message)


def _annotation(level: str, file: str, line: int, column: int, title: str, message: str) -> str:
    properties = {"file": file, "line": line, "col": column, "title": title}
    told = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items() if value)
    return f"::{level} {told}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped as the runner reads a command's message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escaped as the runner reads a command's property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
