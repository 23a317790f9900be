from __future__ import annotations

import pytest
from repository import CASES, RULE, repository, write

# Runs inside this process forget what they import, and numpy cannot be imported twice: it is there before them.
import tollwatch.evaluate.explain
import tollwatch.logs.write
import tollwatch.plan.fit
import tollwatch.plan.lower
import tollwatch.sigma.load  # noqa: F401

pytest_plugins = ["pytester"]

FIRES = "three refused keys from one address"
SILENT = "a user who mistypes a key twice"


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-rA", *options)


def test_each_case_is_an_item(pytester: pytest.Pytester) -> None:
    repository(pytester.path)
    done = run(pytester, "-v")
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(
        [f"fixtures/refused/cases.yml::{FIRES} PASSED*", f"fixtures/refused/cases.yml::{SILENT} PASSED*"]
    )


def test_cases_stand_beside_python_tests(pytester: pytest.Pytester) -> None:
    repository(pytester.path)
    write(pytester.path, {"test_own.py": "def test_own(): pass\n"})
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.parametrize("chosen", ["three and refused", "not mistypes"])
def test_keywords_choose_by_name_and_rule(pytester: pytest.Pytester, chosen: str) -> None:
    repository(pytester.path)
    run(pytester, "-k", chosen).assert_outcomes(passed=1, deselected=1)


def test_a_case_is_chosen_by_its_id(pytester: pytest.Pytester) -> None:
    repository(pytester.path)
    run(pytester, f"fixtures/refused/cases.yml::{SILENT}").assert_outcomes(passed=1)


def test_a_failure_is_the_runners_message_without_a_traceback(pytester: pytest.Pytester) -> None:
    repository(pytester.path, cases=CASES.replace("every: 40s, repeat: 3", "every: 400s, repeat: 3"))
    done = run(pytester, "-x")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["expected 1 alert, got 0", "missing: *", "nearest miss:", "*reached 2 of 3*"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*.py:*")


def test_junit(pytester: pytest.Pytester) -> None:
    repository(pytester.path, cases=CASES.replace("hits: 1", "hits: 2"))
    run(pytester, "--junitxml=out.xml").assert_outcomes(passed=1, failed=1)
    text = (pytester.path / "out.xml").read_text("utf-8")
    assert f'name="{FIRES}"' in text
    assert "hits: expected 2, got 1" in text


def test_a_refused_case_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    by_user = RULE.replace("group-by: [source_ip]", "group-by: [prompt_length]")
    repository(pytester.path, rule=by_user, cases=CASES.replace("cases:", "profile: litellm\ncases:"))
    done = run(pytester)
    done.assert_outcomes(skipped=2)
    done.stdout.fnmatch_lines(["SKIPPED*prompt_length*"])


def test_a_detection_without_a_silent_case_is_an_item(pytester: pytest.Pytester) -> None:
    repository(pytester.path, cases=CASES[: CASES.index("  - name: a user")])
    done = run(pytester)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["CAS010 the detection many_refused_keys has no case that stays silent (expect: none)"])


def test_a_detection_without_cases_is_an_item_of_rules_toml(pytester: pytest.Pytester) -> None:
    repository(pytester.path)
    (pytester.path / "fixtures/refused/cases.yml").unlink()
    done = run(pytester)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["CAS010 the detection many_refused_keys has no cases"])


def test_mistakes_are_told_with_their_place(pytester: pytest.Pytester) -> None:
    repository(pytester.path, cases=CASES.replace("expect: none", "expekt: none"))
    done = run(pytester)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        ["fixtures/refused/cases.yml:18:5: CAS002 unknown key 'expekt' in a case", "*hint: did you mean expect?"]
    )


def test_mistakes_in_rules_toml_fail_the_cases(pytester: pytest.Pytester) -> None:
    repository(pytester.path, toml="rule = []\n")
    done = run(pytester)
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*rules.toml:1:1: CFG003 unknown key 'rule'"])


def test_a_rule_that_cannot_be_read(pytester: pytest.Pytester) -> None:
    repository(pytester.path, rule=RULE.replace("timespan: 10m", "timespan: soon"))
    done = run(pytester)
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines(["rules/refused.yml:20:*: SIG*"])


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"cases.yml": CASES}, id="no rules.toml"),
        pytest.param({"rules.toml": "", "data/cases.yml": "rule: x\nother: y\n"}, id="other keys, not below fixtures"),
        pytest.param({"rules.toml": "", "fixtures/x/data.yml": CASES}, id="another name"),
        pytest.param({"rules.toml": "[tool]\nother = 1\n"}, id="another tool's rules.toml"),
    ],
)
def test_nothing_else_is_collected(pytester: pytest.Pytester, files: dict[str, str]) -> None:
    write(pytester.path, files)
    run(pytester).assert_outcomes()


def test_rules_are_loaded_only_where_there_are_cases(pytester: pytest.Pytester) -> None:
    write(
        pytester.path,
        {
            "test_own.py": "import sys\n"
            "def test_own():\n"
            "    assert not {'pandas', 'sigma', 'yaml', 'numpy'} & set(sys.modules)\n"
        },
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_xdist_runs_cases(pytester: pytest.Pytester) -> None:
    repository(pytester.path)
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2").assert_outcomes(passed=2)
