"""Where a parser is missing, the test says so; a script that refuses or ends is no finding."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vendors import logql
from vendors.finding import position
from vendors.tools import VARIABLE, Answering, absent, java_engine, node_parser, python_parser, tools_folder

REASON = "the horse is not installed: .ci/vendors installs it"


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [("", 0, (1, 1)), ("ab", 2, (1, 3)), ("a\nb", 1, (1, 2)), ("a\nb", 2, (2, 1)), ("a\n\nbc", 4, (3, 2))],
)
def test_position(text: str, offset: int, expected: tuple[int, int]) -> None:
    assert position(text, offset) == expected


def test_missing_parser_skips_where_nobody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert tools_folder() == Path(__file__).parents[2] / ".vendor-tools"
    with pytest.raises(pytest.skip.Exception, match=REASON):
        absent("the horse")


def test_missing_parser_fails_where_somebody_did(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert tools_folder() == tmp_path
    with pytest.raises(pytest.fail.Exception, match=REASON):
        absent("the horse")
    with pytest.raises(pytest.fail.Exception, match="the Python package no_such_parser is not installed"):
        python_parser("no_such_parser")
    with pytest.raises(pytest.fail.Exception, match=r"(Node|the npm package @none/such) is not installed"):
        node_parser("logql.cjs", "@none/such")
    with pytest.raises(pytest.fail.Exception, match=r"(Java|the Java library none) is not installed"):
        java_engine("EsqlJudge.java", "none")


@pytest.mark.vendor
def test_script_answers_again_after_a_refusal() -> None:
    parser = node_parser("logql.cjs", "@grafana/lezer-logql")
    with pytest.raises(ValueError, match="TypeError"):
        parser.ask({})
    assert logql.check('{app="x"}') == ()


@pytest.mark.vendor
def test_script_that_ended_is_an_error(tmp_path: Path) -> None:
    script = tmp_path / "ends.cjs"
    script.write_text("process.stdin.once('data', () => process.exit(0));", encoding="utf-8")
    parser = Answering(shutil.which("node") or "node", script)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the command has ended"):
            parser.ask({})
    parser.close()
