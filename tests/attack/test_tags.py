from __future__ import annotations

import pytest

from tollwatch.attack.tables import ATLAS, ATTACK, COMPLETE, RENAMED, TACTICS
from tollwatch.attack.tags import (
    Fault,
    atlas_techniques,
    attack_tactics,
    attack_techniques,
    renamed,
    unknown,
    without_tactic,
)


@pytest.mark.parametrize(
    ("tags", "techniques", "tactics", "atlas"),
    [
        ([], (), (), ()),
        (["attack.credential-access", "attack.t1110.004"], ("T1110.004",), ("credential-access",), ()),
        (["attack.T1110", "Attack.t1110"], ("T1110",), (), ()),
        (["atlas.aml.t0034.000", "atlas.aml.t0012"], (), (), ("AML.T0034.000", "AML.T0012")),
        # A tactic was once written with an underscore.
        (["attack.credential_access", "attack.g0010", "cve.2021-44228"], (), ("credential-access",), ()),
    ],
)
def test_what_tags_name(
    tags: list[str], techniques: tuple[str, ...], tactics: tuple[str, ...], atlas: tuple[str, ...]
) -> None:
    assert attack_techniques(tags) == techniques
    assert attack_tactics(tags) == tactics
    assert atlas_techniques(tags) == atlas


@pytest.mark.parametrize(
    "tag",
    [
        "attack.t1110.004",
        "attack.stealth",
        "attack.defense-impairment",
        "attack.defense-evasion",
        "attack.g0010",
        "attack.s0002",
        "attack.t1059.001",  # real, and not in our tables
        "attack.t1685.006",  # one of those that are not listed
        "attack.t1562.001",  # withdrawn, which is another matter
        "atlas.aml.t0034",
        "atlas.aml.ta0011",
        "detection.emerging-threats",
        "cve.2021-44228",
        "tlp.red",
    ],
)
def test_a_tag_that_may_be_right_is_not_unknown(tag: str) -> None:
    assert unknown(tag) is None


@pytest.mark.parametrize(
    ("tag", "message", "hint", "among"),
    [
        (
            "attack.t1498.044",
            "ATT&CK has no technique T1498.044",
            "there are T1498.001 Direct Network Flood, T1498.002 Reflection Amplification",
            None,
        ),
        ("attack.t1526.001", "ATT&CK has no technique T1526.001", None, None),
        (
            "attack.credential-acess",
            "the tag attack.credential-acess names no ATT&CK tactic or technique",
            None,
            "attack.credential-access",
        ),
        (
            "attack.t11100.004",
            "the tag attack.t11100.004 names no ATT&CK tactic or technique",
            None,
            "attack.t1110.004",
        ),
        (
            "atlas.aml.t0099",
            "the tag atlas.aml.t0099 names no ATLAS technique that is known here",
            "techniques are written atlas.aml.t0034",
            "atlas.aml.t0029",
        ),
        (
            "atack.t1110",
            "the tag atack.t1110 is in no known namespace",
            "known are atlas, attack, car, cve, d3fend, detection, stp, tlp",
            "attack",
        ),
    ],
)
def test_unknown_tags_name_what_may_be_meant(tag: str, message: str, hint: str | None, among: str | None) -> None:
    fault = unknown(tag)
    assert fault is not None
    assert (fault.message, fault.hint) == (message, hint)
    assert among in fault.known if among else fault.known == ()


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("attack.t1562", "write attack.t1685 (Disable or Modify Tools)"),
        ("attack.t1562.001", "write attack.t1685 (Disable or Modify Tools)"),
        ("attack.t1562.008", "write attack.t1685.002 (Disable or Modify Tools: Disable or Modify Cloud Log)"),
        ("attack.t1562.007", "write attack.t1686.001 (Disable or Modify System Firewall: Cloud Firewall)"),
    ],
)
def test_withdrawn_techniques_name_the_new_one(tag: str, hint: str) -> None:
    fault = renamed(tag)
    assert fault is not None
    assert fault.hint == hint


def test_other_tags_are_not_withdrawn() -> None:
    others = ("attack.t1685", "attack.stealth", "atlas.aml.t0034", "cve.2021-44228")
    assert {renamed(tag) for tag in others} == {None}


@pytest.mark.parametrize(
    "tags",
    [
        ["attack.credential-access", "attack.t1110.004"],
        ["attack.stealth", "attack.t1078.004"],
        ["attack.defense-evasion", "attack.t1078.004"],  # the old name of stealth
        ["attack.defense-evasion", "attack.t1685"],  # the old name of defense-impairment, too
        ["attack.stealth", "attack.t1550.001"],  # a part of its old tactic
        ["attack.t1059.001"],  # not in our tables
        ["attack.credential-access"],
    ],
)
def test_techniques_with_a_tactic_of_theirs(tags: list[str]) -> None:
    assert list(without_tactic(tags)) == []


def test_techniques_without_their_tactic() -> None:
    assert list(without_tactic(["attack.impact", "attack.t1496.004", "attack.t1110.004"])) == [
        (
            "attack.t1110.004",
            Fault(
                "T1110.004 (Brute Force: Credential Stuffing) is tagged with another tactic",
                "its tactic is written attack.credential-access",
            ),
        )
    ]
    assert [fault.message for _, fault in without_tactic(["attack.t1526"])] == [
        "T1526 (Cloud Service Discovery) is tagged with no tactic"
    ]


def test_the_tables_agree_with_each_other() -> None:
    assert {tactic for one in ATTACK.values() for tactic in one.tactics} <= TACTICS
    assert set(ATTACK) >= COMPLETE
    assert set(RENAMED.values()) <= set(ATTACK)
    assert set(RENAMED).isdisjoint(ATTACK)
    # Every sub-technique stands beside its technique.
    assert {one.partition(".")[0] for one in ATTACK} <= set(ATTACK)
    assert {key: one.id for key, one in {**ATTACK, **ATLAS}.items()} == {key: key for key in {**ATTACK, **ATLAS}}
