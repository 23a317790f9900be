"""What a rule's tags name: ATT&CK tactics and techniques, ATLAS techniques.

In Sigma a tag is lower-case: ``attack.credential-access``, ``attack.t1110.004``. ATLAS has no namespace there, so ours
is ``atlas.`` and the id: ``atlas.aml.t0034.000``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tollwatch.attack.tables import ATLAS, ATTACK, COMPLETE, NAMESPACES, RENAMED, SPLIT, TACTICS

_TECHNIQUE = re.compile(r"t[0-9]{4}(\.[0-9]{3})?")
_ATLAS_TECHNIQUE = re.compile(r"aml\.t[0-9]{4}(\.[0-9]{3})?")
_ATLAS_OTHER = re.compile(r"aml\.(ta[0-9]{4}|cs[0-9]{4}|m[0-9]{4})")
_ATTACK_OTHER = re.compile(r"(g|s|c|m|ds|det|an|dc)[0-9]{4}")  # groups, software, campaigns, …: not carried


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one tag. ``known`` are the words that it may have been meant as, ``word`` what was written."""

    message: str
    hint: str | None = None
    word: str = ""
    known: tuple[str, ...] = ()


def attack_techniques(tags: Iterable[str]) -> tuple[str, ...]:
    """The ATT&CK technique ids that tags name, as ATT&CK writes them (``T1110.004``), each once, in their order."""
    return tuple(dict.fromkeys(tag.upper() for tag in _in("attack", tags) if _TECHNIQUE.fullmatch(tag)))


def atlas_techniques(tags: Iterable[str]) -> tuple[str, ...]:
    """The ATLAS technique ids that tags name (``AML.T0034.000``), each once, in their order."""
    return tuple(dict.fromkeys(tag.upper() for tag in _in("atlas", tags) if _ATLAS_TECHNIQUE.fullmatch(tag)))


def attack_tactics(tags: Iterable[str]) -> tuple[str, ...]:
    """The ATT&CK tactics that tags name, hyphenated, each once, in their order."""
    named = (tag.replace("_", "-") for tag in _in("attack", tags))
    return tuple(dict.fromkeys(name for name in named if name in TACTICS))


def _in(namespace: str, tags: Iterable[str]) -> Iterator[str]:
    """The rest of each tag of a namespace, in lower case."""
    for tag in tags:
        head, _, rest = tag.lower().partition(".")
        if head == namespace:
            yield rest


def unknown(tag: str) -> Fault | None:
    """What is wrong with a tag that names nothing known.

    None for a technique that could exist but is not in our tables: they are small on purpose.
    """
    namespace, _, rest = tag.lower().partition(".")
    if namespace == "attack":
        return _unknown_attack(tag, rest)
    if namespace == "atlas":
        return _unknown_atlas(tag, rest)
    if namespace in NAMESPACES:
        return None
    hint = "known are " + ", ".join(sorted(NAMESPACES))
    return Fault(f"the tag {tag} is in no known namespace", hint, namespace, tuple(sorted(NAMESPACES)))


def _unknown_attack(tag: str, rest: str) -> Fault | None:
    if _TECHNIQUE.fullmatch(rest):
        technique = rest.upper()
        parent = technique.partition(".")[0]
        if technique in ATTACK or technique in RENAMED or parent not in COMPLETE:
            return None
        subs = [one for one in ATTACK.values() if one.id.startswith(f"{parent}.")]
        listed = ", ".join(f"{one.id} {one.name.partition(': ')[2]}" for one in subs)
        return Fault(f"ATT&CK has no technique {technique}", f"there are {listed}" if subs else None)
    if _ATTACK_OTHER.fullmatch(rest) or rest.replace("_", "-") in TACTICS:
        return None
    known = tuple(f"attack.{one}" for one in (*sorted(TACTICS), *(one.lower() for one in ATTACK)))
    return Fault(f"the tag {tag} names no ATT&CK tactic or technique", None, tag, known)


def _unknown_atlas(tag: str, rest: str) -> Fault | None:
    if rest.upper() in ATLAS or _ATLAS_OTHER.fullmatch(rest):
        return None
    known = tuple(f"atlas.{one.lower()}" for one in ATLAS)
    hint = "techniques are written atlas.aml.t0034"
    return Fault(f"the tag {tag} names no ATLAS technique that is known here", hint, tag, known)


def renamed(tag: str) -> Fault | None:
    """What to write in place of a technique that ATT&CK has withdrawn."""
    for technique in attack_techniques([tag]):
        if technique in RENAMED:
            new = RENAMED[technique]
            message = f"ATT&CK v19 has withdrawn {technique}"
            return Fault(message, f"write attack.{new.lower()} ({ATTACK[new].name})")
    return None


def without_tactic(tags: Iterable[str]) -> Iterator[tuple[str, Fault]]:
    """Each ATT&CK technique tag whose technique serves none of the tactics that the tags name.

    Techniques that are not in our tables are taken as they are.
    """
    tags = tuple(tags)
    named = set(attack_tactics(tags))
    named |= {part for tactic in named for part in SPLIT.get(tactic, ())}
    named |= {whole for whole, parts in SPLIT.items() if parts & named}
    for tag in tags:
        for technique in attack_techniques([tag]):
            served = ATTACK[technique].tactics if technique in ATTACK else ()
            if served and named.isdisjoint(served):
                yield tag, _tactic_fault(technique, served, named)


def _tactic_fault(technique: str, served: tuple[str, ...], named: set[str]) -> Fault:
    wanted = " or ".join(f"attack.{tactic}" for tactic in served)
    given = "another tactic" if named else "no tactic"
    name = ATTACK[technique].name
    return Fault(f"{technique} ({name}) is tagged with {given}", f"its tactic is written {wanted}")
