from __future__ import annotations

from pathlib import Path

import pytest

from tollwatch.config import Settings, load_settings, read_settings
from tollwatch.diagnostics import render
from tollwatch.errors import ConfigurationError


def write(folder: Path, text: str) -> Path:
    file = folder / "rules.toml"
    file.write_text(text, "utf-8")
    return file


def mistakes(folder: Path, text: str) -> list[tuple[str, int, int, str, str | None]]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(write(folder, text))
    return [(d.code, d.line, d.column, d.message, d.hint) for d in caught.value.diagnostics]


def test_without_a_file_the_defaults_stand_below_the_folder(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(
        root=tmp_path, rules=(tmp_path / "rules",), fixtures=(tmp_path / "fixtures",)
    )


def test_folders_of_profiles_and_tuning_are_taken_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "tuning").mkdir()
    found = load_settings(tmp_path)
    assert (found.profiles, found.tuning) == ((tmp_path / "profiles",), (tmp_path / "tuning",))


def test_every_key_is_read_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        'rules = ["a", "b/c.yml"]\nfixtures = ["cases"]\nprofile = "litellm"\nprofiles = ["p"]\ntuning = ["t"]\n'
        '[placeholders]\nadmins = ["root", "ops"]\nport = 443\none = "x"\n[lint]\ndisable = ["LNT001"]\n',
    )
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    (below / "cases.yml").write_text("", "utf-8")
    expected = Settings(
        root=tmp_path,
        file=file,
        rules=(tmp_path / "a", tmp_path / "b/c.yml"),
        fixtures=(tmp_path / "cases",),
        profiles=(tmp_path / "p",),
        tuning=(tmp_path / "t",),
        profile="litellm",
        placeholders={"admins": ("root", "ops"), "port": ("443",), "one": ("x",)},
        lint_disable=frozenset({"LNT001"}),
    )
    assert load_settings(below) == expected
    assert load_settings(below / "cases.yml") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "# a comment\nrule = []\n  profil = 1\n",
            [
                ("CFG003", 2, 1, "unknown key 'rule'", "did you mean rules?"),
                ("CFG003", 3, 3, "unknown key 'profil'", "did you mean profile or profiles?"),
            ],
            id="every unknown key with the nearest",
        ),
        pytest.param(
            "[lint]\ndisabled = []\n",
            [("CFG003", 2, 1, "unknown key 'disabled' in [lint]", "did you mean disable?")],
            id="unknown key in a table",
        ),
        pytest.param(
            "[scheduling]\n",
            [
                (
                    "CFG003",
                    1,
                    2,
                    "unknown key 'scheduling'",
                    "known here: fixtures, lint, placeholders, profile, profiles, rules, tuning",
                )
            ],
            id="unknown table",
        ),
        pytest.param(
            'rules = "rules"\n',
            [("CFG004", 1, 1, "rules must be a list of paths, not 'rules'", 'write rules = ["rules"]')],
            id="a path that is not a list",
        ),
        pytest.param(
            'rules = [1]\nprofile = ""\nlint = true\nplaceholders = 3\n',
            [
                ("CFG004", 1, 1, "rules must be a list of paths, not a list", None),
                ("CFG004", 2, 1, "profile must be a text, not ''", None),
                ("CFG004", 3, 1, "lint must be a table, not true", None),
                ("CFG004", 4, 1, "placeholders must be a table, not 3", None),
            ],
            id="wrong types",
        ),
        pytest.param(
            "[placeholders]\nnone = []\ndeep = {a = 1}\n",
            [
                (
                    "CFG004",
                    2,
                    1,
                    "placeholder none must be a text, a number or a list of them, not an empty list",
                    None,
                ),
                ("CFG004", 3, 1, "placeholder deep must be a text, a number or a list of them, not a table", None),
            ],
            id="placeholders",
        ),
        pytest.param(
            'lint.disable = ["all"]\n',
            [("CFG004", 1, 1, "disable must be a list of codes, not 'all'", 'for example disable = ["LNT001"]')],
            id="dotted key",
        ),
        pytest.param("rules = [\n", [("CFG002", 1, 10, "not TOML: Invalid value", None)], id="ends too early"),
        pytest.param("a = 1\nb = = 2\n", [("CFG002", 2, 5, "not TOML: Invalid value", None)], id="not TOML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: list[tuple[str, int, int, str, str | None]]) -> None:
    assert mistakes(tmp_path, text) == expected


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(b"rules = ['\xff']")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert [render(d) for d in caught.value.diagnostics] == [f"{file}: CFG001 the file is not UTF-8"]


def test_a_mistake_is_shown_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, 'profile = "litellm"\n[placeholders]\n"a b" = {}\n')
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file)
    assert "\n".join(render(d) for d in caught.value.diagnostics) == (
        f"{file}:3:1: CFG004 placeholder a b must be a text, a number or a list of them, not a table\n"
        '    3 | "a b" = {}\n'
        "      | ^"
    )


def test_from_the_current_folder_paths_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_settings() == Settings(Path(), Path("rules.toml"), (Path("rules"),), (Path("fixtures"),))
    monkeypatch.chdir(tmp_path / "below")
    assert load_settings().rules == (Path("../rules"),)
