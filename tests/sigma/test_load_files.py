"""Files that are no rules, or too much of one: a diagnostic, quickly, and no other rule is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from sigma_inputs import FAILURE, SUCCESS, keys, short

from tollwatch.diagnostics import render
from tollwatch.errors import UsageError
from tollwatch.sigma.load import load
from tollwatch.sigma.model import RuleSet

Mistake = tuple[str, int, int, str, str | None]

DEEP = "nested more than 50 levels deep"
NO_NODE = "did not find expected node content while parsing a flow node"
TEXT_HINT = "is this a text file, saved as UTF-8?"


def load_bytes(folder: Path, content: bytes) -> RuleSet:
    """A file of these bytes, beside one with the rule ``success``."""
    (folder / "a.yml").write_bytes(content)
    (folder / "b.yml").write_text(SUCCESS, "utf-8")
    return load([folder])


CONTENTS: dict[str, tuple[bytes, list[Mistake]]] = {
    "nothing": (b"", []),
    "only a comment": (b"# later\n", []),
    "empty documents": (b"---\n---\n# x\n---\n...\n", []),
    "a mark of byte order": (b"\xef\xbb\xbf" + FAILURE.encode(), []),
    "lines of Windows": (FAILURE.replace("\n", "\r\n").encode(), []),
    "Latin 1": (
        b"title: x\nauthor: Ren\xe9\n",
        [("SIG002", 2, 1, "the file is not UTF-8: byte 0xE9 at offset 20", "save the file as UTF-8")],
    ),
    "UTF-16": (
        FAILURE.encode("utf-16"),
        [("SIG002", 1, 1, "the file is not UTF-8: byte 0xFF at offset 0", "save the file as UTF-8")],
    ),
    "a NUL": (
        b"title: x\nname: a\0b\n",
        [("SIG002", 2, 8, "the character U+0000 is not allowed in YAML", TEXT_HINT)],
    ),
    "a control character": (
        b"title: \x1b[31m\n",
        [("SIG002", 1, 8, "the character U+001B is not allowed in YAML", TEXT_HINT)],
    ),
    "bytes": (
        bytes(range(128)) * 100,
        [("SIG002", 1, 1, "the character U+0000 is not allowed in YAML", TEXT_HINT)],
    ),
    "more than a megabyte": (
        b"#" * (1 << 20) + b"\n",
        [
            (
                "SIG001",
                0,
                0,
                "the file is larger than 1,048,576 bytes",
                "split it: a file may hold any number of rules, and a folder any number of files",
            )
        ],
    ),
    "an end too early": (
        b"a: [1,",
        [("SIG003", 1, 7, f"broken YAML: {NO_NODE} that began in line 2", None)],
    ),
    "brackets": (b"[" * 1_000_000, [("SIG004", 1, 51, DEEP, None)]),
    "braces": (b"{a: " * 200_000, [("SIG004", 1, 201, DEEP, None)]),
    "lists in lists": (b"- " * 400_000, [("SIG004", 1, 101, DEEP, None)]),
    "questions": (b"? " * 400_000, [("SIG004", 1, 101, DEEP, None)]),
    "columns": (
        b"".join(b" " * depth + b"a:\n" for depth in range(1_000)),
        [("SIG004", 51, 51, DEEP, None)],
    ),
    "dashes below keys": (
        b"".join(b" " * depth + b"a:\n" + b" " * depth + b"-\n" for depth in range(500)),
        [("SIG004", 51, 26, DEEP, None)],
    ),
    "deep, but not for YAML": (
        "".join((FAILURE, "description: '", "[" * 5_000, "'\n")).encode(),
        [],
    ),
    "an alias of what contains it": (
        b"a: &x\n  b: [*x]\n",
        [("SIG004", 1, 4, "an alias refers to what contains it", None)],
    ),
    "a million laughs": (
        b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n".encode() for n in range(1, 30)),
        [("SIG004", 5, 5, "more than 100,000 values, aliases expanded", None)],
    ),
    "a chain of aliases": (
        b"a0: &a0 [x]\n" + b"".join(f"a{n}: &a{n} [*a{n - 1}]\n".encode() for n in range(1, 10_000)),
        [("SIG004", 51, 6, DEEP, None)],
    ),
    "nothing but documents that are broken": (
        b"---\n[\n" * 1_000,
        [
            ("SIG003", 0, 0, "more than 20 documents are broken; the rest of the file is not read", None),
            *(
                (
                    "SIG003",
                    line,
                    1,
                    f"broken YAML: {NO_NODE} that began in line {line}",
                    None,
                )
                for line in range(3, 43, 2)
            ),
        ],
    ),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_what_a_file_may_hold(tmp_path: Path, case: str) -> None:
    content, expected = CONTENTS[case]
    found = load_bytes(tmp_path, content)
    assert short(found) == expected
    rules = ["failure", "success"] if FAILURE[:-1] in content.decode("latin-1").replace("\r", "") else ["success"]
    assert keys(found) == rules


@pytest.mark.parametrize("bad", ["name: a\0b\n", "a: [\n", "[" * 1_000 + "\n", "a: &x [*x]\n", "- x\n"])
def test_the_documents_around_a_bad_one_are_read(tmp_path: Path, bad: str) -> None:
    found = load_bytes(tmp_path, f"{FAILURE}---\n{bad}---\n{FAILURE.replace('name: failure', 'name: third')}".encode())
    assert [(d.path, d.line in {7, 8, 9}) for d in found.diagnostics] == [(str(tmp_path / "a.yml"), True)]
    assert [(rule.header.key, rule.header.line) for rule in found] == [("failure", 1), ("third", 10), ("success", 1)]


def test_nesting_does_not_end_the_process(tmp_path: Path) -> None:
    """With the stack that a process has, in a process of its own: a crash is no exception."""
    for name, text in (("a", "[" * 500_000), ("b", "- " * 500_000), ("c", "{? " * 300_000), ("d", "- [" * 300_000)):
        (tmp_path / f"{name}.yml").write_text(text, "utf-8")
    (tmp_path / "e.yml").write_text(SUCCESS, "utf-8")
    code = (
        "import sys; from tollwatch.sigma.load import load; r = load(sys.argv[1:]);"
        "print(len(r), sorted(d.code for d in r.diagnostics))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20)),  # no threads here
    )
    assert done.stdout == "1 ['SIG003', 'SIG004', 'SIG004', 'SIG004']\n"  # libyaml takes no question mark there


def test_folders_are_searched_and_hidden_ones_are_not(tmp_path: Path) -> None:
    places = ["b.yml", "a/c.yaml", "a/.x.yml", ".git/d.yml", "a/e.json", "a/b/f.yml", "g.yml/h.yml"]
    for number, place in enumerate(places):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FAILURE.replace("failure", f"rule{number}"), "utf-8")
    found = load([tmp_path])
    assert found.diagnostics == ()
    assert [rule.header.path.removeprefix(f"{tmp_path}/") for rule in found] == [
        "a/b/f.yml",
        "a/c.yaml",
        "b.yml",
        "g.yml/h.yml",
    ]


def test_a_file_that_is_named_is_read_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "rule.txt").write_text(FAILURE, "utf-8")
    assert keys(load([tmp_path / "rule.txt"])) == ["failure"]


def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(FAILURE, "utf-8")
    (tmp_path / "rules" / "round").symlink_to(tmp_path / "rules")
    (tmp_path / "rules" / "same.yml").symlink_to(tmp_path / "rules" / "a.yml")
    (tmp_path / "linked").symlink_to(tmp_path / "rules")
    found = load([tmp_path])
    assert found.diagnostics == ()
    assert keys(found) == ["failure"]


def test_what_cannot_be_opened_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "a.yml")
    (tmp_path / "b.yml").symlink_to(tmp_path / "nowhere.yml")
    os.mkfifo(tmp_path / "c.yml")
    (tmp_path / "d.yml").write_text(FAILURE, "utf-8")
    found = load([tmp_path])
    assert [render(d).removeprefix(f"{tmp_path}/") for d in found.diagnostics] == [
        "a.yml: SIG001 cannot be read: Too many levels of symbolic links",
        "b.yml: SIG001 cannot be read: No such file or directory",
        "c.yml: SIG001 this is no regular file",
    ]
    assert keys(found) == ["failure"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(FAILURE, "utf-8")
    (tmp_path / "a.yml").chmod(0)
    (tmp_path / "b.yml").write_text(SUCCESS, "utf-8")
    found = load([tmp_path])
    assert [d.message for d in found.diagnostics] == ["cannot be read: Permission denied"]
    assert keys(found) == ["success"]


def test_a_path_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder: "):
        load([tmp_path / "nowhere"])


def test_nothing_is_no_rules(tmp_path: Path) -> None:
    assert load([]) == load([tmp_path]) == RuleSet(())
