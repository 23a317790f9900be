"""README's tour, followed to the letter: what it says is printed is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CASES = "fixtures/ai_api_key_guessing/cases.yml"
RULE = "rules/credential_access/ai_api_key_guessing.yml"


def block(language: str, holding: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(text for text in blocks if re.search(holding, text))


def rules(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    command, *arguments = line.replace("../", f"{ROOT}/").split()
    assert command == "rules"
    program = Path(sys.executable).with_name("rules")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def detections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tour")
    start, enter, test = block("sh", "rules init").splitlines()
    assert rules(folder, start).returncode == 0
    assert enter == "cd detections"
    tested = rules(folder / "detections", test)
    assert (tested.returncode, tested.stdout) == (0, "2 cases: 2 passed\n")
    return folder / "detections"


def test_the_added_case_fails_as_shown_and_passes_after_the_change(detections: Path) -> None:
    with (detections / CASES).open("a", encoding="utf-8") as cases:
        cases.write(block("yaml", "a patient attacker"))
    failed = rules(detections, "rules test")
    assert (failed.returncode, failed.stdout) == (1, block("text", "nearest miss"))

    text = (detections / RULE).read_text(encoding="utf-8")
    before, after = re.findall(r"Change `(.*?)` to `(.*?)`", README)[0]
    assert before in text
    (detections / RULE).write_text(text.replace(before, after), encoding="utf-8")
    passed = rules(detections, "rules test")
    assert (passed.returncode, passed.stdout) == (0, "3 cases: 3 passed\n")


def test_the_log_has_the_alerts_that_are_told_of(detections: Path) -> None:
    run, explain, pack = (
        rules(detections, line)
        for line in re.findall(r"^rules (?:run|explain) \S.*sample\.jsonl.*$", README, re.MULTILINE)
    )
    assert re.findall(r"source_ip=(\S+)", run.stdout) == ["127.40.0.1", "127.66.0.7"]
    assert "reached 6 of 10" in explain.stdout
    assert len(pack.stdout.splitlines()) == 1 + 6
    assert "FIT003" in pack.stderr


def test_the_queries_are_proved(detections: Path) -> None:
    proved = rules(detections, block("sh", "rules test --engine").strip())
    assert (proved.returncode, proved.stdout.splitlines()[-1].endswith(" passed")) == (0, True)
