from __future__ import annotations

from pathlib import Path

import pytest

from tollwatch.yaml_tree import Mapping, Node, Scalar, Sequence, TreeError, parse_tree, read_tree


def plain(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {plain(key): plain(value) for key, value in node.pairs}
        case None:
            return None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:00:00", "10:00:00"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        ("2026-03-01", "2026-03-01"),
        ("198.51.100.4", "198.51.100.4"),
        ("401", 401),
        ("'401'", "401"),
        ("!!str 401", "401"),
        ("-7", -7),
        ("0401", "0401"),
        ("1_000", "1_000"),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("no", "no"),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("9" * 30, "9" * 30),
        (".", "."),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert plain(parse_tree(f"a: {text}", "x").root) == {"a": value}
    assert type(plain(parse_tree(text, "x").root)) is type(value)


def test_every_node_has_its_place_and_aliases_share_theirs() -> None:
    root = parse_tree("a: &x [1, {b: 2}]\nc: *x\n", "x").root
    shared = Sequence(
        (Scalar("1", True, 1, 8), Mapping(((Scalar("b", True, 1, 12), Scalar("2", True, 1, 15)),), 1, 11)), 1, 4
    )
    assert root == Mapping(((Scalar("a", True, 1, 1), shared), (Scalar("c", True, 2, 1), shared)), 1, 1)


def test_an_empty_file_has_no_root() -> None:
    assert parse_tree("# nothing\n", "x").root is None


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2", ("not YAML: while parsing a flow sequence, did not find expected ',' or ']'", 2, 2)),
        ("a: 1\n---\nb: 2\n", ("a second document starts here; the file holds one", 2, 1)),
        ("[" * 2_000_000, ("nested more than 100 levels deep", 1, 101)),
        (BOMB, ("more than 1,000,000 values, aliases expanded", 6, 29)),
        ("a: &a [*a]", ("no anchor &a is complete before this alias", 1, 8)),
        ("a: *b", ("no anchor &b is complete before this alias", 1, 4)),
        (
            "a: !!python/object:os.system x",
            ("the tag tag:yaml.org,2002:python/object:os.system is not supported", 1, 4),
        ),
        ("a: !set {b}", ("the tag !set is not supported", 1, 4)),
    ],
)
def test_what_is_refused(text: str, expected: tuple[str, int, int]) -> None:
    with pytest.raises(TreeError) as caught:
        parse_tree(text, "x")
    assert (caught.value.message, caught.value.line, caught.value.column) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: \xff", "the file is not UTF-8 (byte 3)"),
        (b"x" * 10_000_001, "the file has 10,000,001 bytes; 10,000,000 is the most that is read"),
        (None, "cannot read the file: No such file or directory"),
        (
            b"a: \x07",
            "not YAML: unacceptable character #x0007: control characters are not allowed",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "cases.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TreeError) as caught:
        read_tree(file)
    assert caught.value.message == message
