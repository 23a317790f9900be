"""The repository's outside says what is so: README, CI, the changelog and the docs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tollwatch.cases.read import read_cases
from tollwatch.config import read_settings
from tollwatch.logs.schema import CANONICAL, FIELDS
from tollwatch.plan.lower import lower
from tollwatch.sigma.load import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".jsonl", ".csv", ""}
# A path that exists on one machine only.
PRIVATE_PATH = re.compile(r"(?<![\w.:/~-])/(?:work|home|root|Users)/\w")


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def tracked_files() -> list[Path]:
    folders = ("src", "tests", "docs", "rules", "fixtures", "benchmarks", ".github", ".ci")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [path for path in [*ROOT.iterdir(), *inside] if path.is_file() and path.suffix in TEXT_SUFFIXES]


def test_readme_opens_with_two_sentences_and_two_commands() -> None:
    title, opening, *_ = README.split("\n\n")
    assert title == "# Tollwatch"
    assert len(re.findall(r"\.(?:\s|$)", opening)) == 2
    first, second, *_ = fenced(README, "sh")
    set_up = "python3 -m venv .venv && .venv/bin/pip install -q "
    assert first == set_up + ". && .venv/bin/rules test\n"
    assert second == set_up + "'.[test]' && .venv/bin/python -m pytest\n"


def test_ci_run_calls_the_test_command_of_readme_and_every_check() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert fenced(README, "sh")[1].strip() in script
    for check in ("ruff check .", "ruff format --check .", "mypy", "lint-imports", "rules check", ".ci/wheel"):
        assert re.search(rf"&& {re.escape(check)}$", script, re.MULTILINE), check


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        for match in PRIVATE_PATH.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_changelog_keeps_its_format() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    releases = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert releases[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release) for release in releases[1:])
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    entries = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    assert entries
    for entry in entries:
        assert entry.endswith("."), entry
        assert not re.search(r"\.\s+[A-Z]", entry), f"more than one sentence: {entry}"


def test_profiles_page_lists_the_canonical_fields() -> None:
    listed = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.*) \| (\w+) \|$",
        (ROOT / "docs" / "profiles.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert listed == [(f.name, str(f.type), f.unit or "", f.description, str(f.privacy)) for f in CANONICAL]


def local_links() -> list[tuple[Path, str]]:
    return [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ]


@pytest.mark.parametrize(("page", "target"), local_links(), ids=lambda part: getattr(part, "name", part))
def test_local_links_lead_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    linked = page.parent / name if name else page
    assert linked.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def documented_commands() -> dict[str, set[str]]:
    """Each subcommand of ``rules`` that README and the docs name in code, with the long options named beside it."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = [*re.findall(r"`([^`\n]+)`", text), *"".join(fenced(text, "sh")).splitlines()]
        for line in code:
            for command, rest in re.findall(r"(?:^|&& |\| |bin/)rules (profile [a-z]+|[a-z]+)\b([^|&#]*)", line):
                found.setdefault(command, set()).update(re.findall(r"(?<!\w)(--[a-z-]+)", rest))
    return found


@pytest.mark.parametrize(("command", "options"), sorted(documented_commands().items()))
def test_documented_commands_and_options_exist(command: str, options: set[str]) -> None:
    rules = Path(sys.executable).with_name("rules")
    shown = subprocess.run(
        [rules, *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "TERM": "dumb"},
    )
    assert shown.returncode == 0, shown.stderr
    assert options - set(re.findall(r"--[a-z-]+", shown.stdout)) == set()


def test_rules_in_the_docs_are_rules(tmp_path: Path) -> None:
    blocks = fenced((ROOT / "docs" / "rules.md").read_text(encoding="utf-8"), "yaml")
    documents = [block for block in blocks if block.startswith("title:")]
    assert len(documents) == 3
    (tmp_path / "docs.yml").write_text("---\n".join(documents), encoding="utf-8")
    loaded = load([tmp_path], known_fields={"ai_api": frozenset(FIELDS)})
    plan, mistakes = lower(loaded)
    assert (loaded.diagnostics, mistakes) == ((), ())
    assert [node.header.key for node in plan.detections] == ["ai_api_stuffing_example"]


def test_cases_in_the_docs_are_cases(tmp_path: Path) -> None:
    (text,) = fenced((ROOT / "docs" / "cases.md").read_text(encoding="utf-8"), "yaml")
    (tmp_path / "office.jsonl").touch()
    (tmp_path / "cases.yml").write_text(text, encoding="utf-8")
    assert [case.name for case in read_cases(tmp_path / "cases.yml").cases] == re.findall(r"- name: (.*)", text)


def test_settings_in_the_docs_are_settings(tmp_path: Path) -> None:
    (text,) = fenced((ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), "toml")
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    settings = read_settings(tmp_path / "rules.toml")
    assert (settings.placeholders, settings.lint_disable) == ({"admins": ("alice", "bob")}, frozenset({"LNT001"}))


def test_python_in_the_docs_runs(tmp_path: Path) -> None:
    (text,) = fenced((ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), "python")
    (tmp_path / "requests.jsonl").write_text(
        "".join(
            f'{{"timestamp": "2026-03-01T10:00:{i:02}Z", "source_ip": "203.0.113.7", "response_code": {code},'
            f' "api_key_id": "k-{i}"}}\n'
            for i, code in enumerate([401] * 10 + [200])
        ),
        encoding="utf-8",
    )
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    shown = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == "ai_api_credential_stuffing {'source_ip': '203.0.113.7'}\n"
