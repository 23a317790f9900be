from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path, PurePath
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tollwatch.cases.read import find_case_files, read_cases
from tollwatch.config import read_settings
from tollwatch.errors import ConfigurationError, UsageError
from tollwatch.logs.profile import CANONICAL_NAME, NONE, builtin_names
from tollwatch.logs.profile_yaml import read_profile
from tollwatch.logs.schema import FIELDS
from tollwatch.schemas import NAMES, modeline, schema, schema_path, schema_text
from tollwatch.yaml_tree import Mapping, Node, Scalar, Sequence, parse_tree


def plain(node: Node | None) -> Any:
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key.text: plain(value) for key, value in node.pairs if isinstance(key, Scalar)}
        case None:
            return None


def fits(name: str, document: Any) -> bool:
    return Draft202012Validator(schema(name)).is_valid(document)


def readable(read: Any, file: Path) -> bool:
    try:
        read(file)
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_they_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema_text(name).endswith("}\n")


def test_a_name_that_is_no_schema() -> None:
    with pytest.raises(UsageError, match="there is no schema 'cases'"):
        schema("cases")


def test_the_schema_of_cases_names_the_canonical_fields() -> None:
    assert set(schema("case")["$defs"]["canonical"]["properties"]) == set(FIELDS) - {"timestamp"}


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        (
            "case",
            "fixtures/stuffing/cases.yml",
            "# yaml-language-server: $schema=../../.tollwatch/case.schema.json",
        ),
        ("profile", "profiles/own.yml", "# yaml-language-server: $schema=../.tollwatch/profile.schema.json"),
        ("config", "rules.toml", "#:schema .tollwatch/config.schema.json"),
    ],
)
def test_modelines_lead_to_the_copy(name: str, file: str, expected: str) -> None:
    assert modeline(name, PurePath(file)) == expected
    assert schema_path(name) == PurePath(f".tollwatch/{name}.schema.json")


@pytest.mark.parametrize("name", [name for name in builtin_names() if name not in (CANONICAL_NAME, NONE)])
def test_the_profiles_of_the_package_fit_their_schema(name: str) -> None:
    path = files("tollwatch.logs.profiles") / f"{name}.yml"
    document = plain(parse_tree(path.read_text("utf-8"), f"{name}.yml").root)
    assert [error.message for error in Draft202012Validator(schema("profile")).iter_errors(document)] == []


def case(events: str = "[{at: 10:00, event: {user_id: u}}]", expect: str = "none", top: str = "rule: r") -> str:
    return f"{top}\ncases:\n- name: n\n  events: {events}\n  expect: {expect}\n"


GOOD_CASES = [
    case(),
    case(top="rule: r\nprofile: none", events="[{at: 10:00, event: {EventID: 1}}]"),
    case("attack.jsonl"),
    case("[attack.jsonl, {at: '2026-03-01 10:00:00+01:00', every: 1m30s, repeat: 3, jitter: 1.5s, event: {}}]"),
    case("[{at: 1:02:03.5, event: {user_id: [a, [b, {x: y}], null], tokens_used: {from: 1, to: 2.5}}}]"),
    case("[{at: 10:00, event: {target: {from: 1, to: 2, by: 3}}}]"),
    case(expect="[{}]"),
    case(expect="[{entity: {source_ip: 1.2.3.4, n: 1}, first_seen: 10:00, hits: 0, peak: null, level: null}]"),
    case(expect="[{triggered_at: 2026-03-01T10:00:00.123456Z, last_seen: 2026-03-01, events: 3, peak: -1.5}]"),
    case(top="rule: 123"),
]
BAD_CASES = [
    "[]",
    "rule: r",
    "rule: r\ncases: []",
    case(top="rule: ''"),
    case(top="rule: ' '"),
    case(top="rule:"),
    case(top="rule: []"),
    case(top="rule: r\nprofil: x"),
    case(top="rule: r\nprofile:"),
    case("attack.txt"),
    case("[]"),
    case("3"),
    case("[{at: 10:00}]"),
    case("[{event: {}}]"),
    case("[{at: 25:00, event: {}}]"),
    case("[{at: 2026-13-01, event: {}}]"),
    case("[{at: 20260301T100000Z, event: {}}]"),
    case("[{at: 36000, event: {}}]"),
    case("[{at: 10:00, every: 1s, event: {}}]"),
    case("[{at: 10:00, every: 1, repeat: 2, event: {}}]"),
    case("[{at: 10:00, repeat: 0, event: {}}]"),
    case("[{at: 10:00, repeat: 1.5, event: {}}]"),
    case("[{at: 10:00, repeat: 1000001, event: {}}]"),
    case("[{at: 10:00, jitter: 1y, event: {}}]"),
    case("[{at: 10:00, event: {timestamp: 1}}]"),
    case("[{at: 10:00, event: {EventID: 1}}]"),
    case("[{at: 10:00, event: {user_id: []}}]"),
    case("[{at: 10:00, event: {tokens_used: {from: a, to: 1}}}]"),
    case("[{at: 10:00, event: [a]}]"),
    case(expect="nothing"),
    case(expect="{}"),
    case(expect=""),
    case(expect="[{rule: x}]"),
    case(expect="[{hits: -1}]"),
    case(expect="[{hits: true}]"),
    case(expect="[{peak: high}]"),
    case(expect="[{events: 1, event_count: 1}]"),
    case(expect="[{entity: x}]"),
    case(expect="[{entity: {a: null}}]"),
    case(expect="[{first_seen: soon}]"),
]


@pytest.mark.parametrize(
    ("text", "good"), [*((text, True) for text in GOOD_CASES), *((text, False) for text in BAD_CASES)]
)
def test_schema_and_reader_of_cases_agree(tmp_path: Path, text: str, good: bool) -> None:
    (tmp_path / "attack.jsonl").write_text("", "utf-8")
    file = tmp_path / "cases.yml"
    file.write_text(text, "utf-8")
    assert (fits("case", plain(parse_tree(text, "x").root)), readable(read_cases, file)) == (good, good)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("", True),
        ('rules = ["a"]\nfixtures = []\nprofiles = ["p"]\ntuning = ["t"]\nprofile = "litellm"', True),
        ('[placeholders]\na = "x"\nb = [1, 2.5]\n[lint]\ndisable = ["LNT001"]', True),
        ('rule = ["a"]', False),
        ('rules = "a"', False),
        ("rules = [1]", False),
        ('rules = [""]', False),
        ("profile = 1", False),
        ('profile = ""', False),
        ("placeholders = 1", False),
        ("[placeholders]\na = []", False),
        ("[placeholders]\na = true", False),
        ("[placeholders]\na = {}", False),
        ("lint = 1", False),
        ("[lint]\nenable = []", False),
        ('[lint]\ndisable = "LNT001"', False),
        ('[lint]\ndisable = ["all"]', False),
    ],
)
def test_schema_and_reader_of_rules_toml_agree(tmp_path: Path, text: str, good: bool) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text, "utf-8")
    assert (fits("config", tomllib.loads(text)), readable(read_settings, file)) == (good, good)


PROFILE = """\
name: own
description: d
sources: [{category: ai_api, service: gateway}, {product: p}]
time_resolution: 1ms
source_ip: the peer
fields:
  timestamp: t
  user_id: {coalesce: [a, b.c], default: nobody}
  tokens_used: {sum: [x, y], factor: 1000}
  cost_usd: {path: c, factor: "0.001"}
  source_ip: {path: peer, extract: "^(.*):[0-9]+$"}
  response_code: {path: code, when: [{path: s, equals: ok, then: 200}], map: {no: 500}}
absent_when:
  user_id: {field: response_code, values: [401, "403"], use: [source_ip]}
targets:
  kql: {table: T, n: 1}
"""


@pytest.mark.parametrize(
    ("before", "after", "good"),
    [
        ("", "", True),
        ("name: own", "nme: own", False),
        ("name: own", "name:", False),
        ("{product: p}", "{produkt: p}", False),
        ("sources: [{category: ai_api, service: gateway}, {product: p}]", "sources: []", False),
        ("1ms", "1m", False),
        ("timestamp: t", "timestmp: t", False),
        ("timestamp: t", "timestamp: [t]", False),
        ("timestamp: t", "timestamp: {}", False),
        ("timestamp: t", "timestamp: {path: t, sum: [t]}", False),
        ("timestamp: t", "timestamp: {path: [t]}", False),
        ("timestamp: t", "timestamp: {coalesce: t}", True),
        ("default: nobody", "default: {}", False),
        ("factor: 1000", "factor: many", False),
        ('"^(.*):[0-9]+$"', "", False),
        (", then: 200", "", False),
        ("map: {no: 500}", "map: [500]", False),
        ("values: [401, ", "values: [x, ", False),
        ("field: response_code, ", "", False),
        ("use: [source_ip]", "use: []", False),
        ("kql: {table: T, n: 1}", "kql: T", False),
        ("kql: {table: T, n: 1}", "kql: {table: [T]}", False),
    ],
)
def test_schema_and_reader_of_profiles_agree(tmp_path: Path, before: str, after: str, good: bool) -> None:
    assert before in PROFILE
    text = PROFILE.replace(before, after) if before else PROFILE
    file = tmp_path / "own.yml"
    file.write_text(text, "utf-8")
    assert (fits("profile", plain(parse_tree(text, "x").root)), readable(read_profile, file)) == (good, good)


REPOSITORY = Path(__file__).parents[1]
OURS = [
    *(("case", file) for file in find_case_files([REPOSITORY / "fixtures"])),
    *(("profile", file) for file in (REPOSITORY / "src/tollwatch/logs/profiles").glob("*.yml")),
]


@pytest.mark.parametrize(
    ("name", "file"), OURS, ids=lambda value: value.parent.name if isinstance(value, Path) else value
)
def test_the_repositorys_own_files_fit(name: str, file: Path) -> None:
    assert fits(name, plain(parse_tree(file.read_text("utf-8"), str(file)).root))


def test_the_repositorys_own_rules_toml_fits() -> None:
    assert fits("config", tomllib.loads((REPOSITORY / "rules.toml").read_text("utf-8")))
