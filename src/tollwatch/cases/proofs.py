"""What was proved of each rule's queries, kept beside the fixtures: ``proofs.json``.

An entry counts only for the query that it was made of: one whose text has changed since is not proved.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tollwatch.cases.result import LOCAL, CaseResult, Status
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from tollwatch.logs.profile import Profile
    from tollwatch.plan.nodes import Node

_MADE_BY = re.compile(r"made by tollwatch \S+")
_RANDOM = re.compile(r"(\d+) random logs")
FILE = "proofs.json"


@dataclass(frozen=True, slots=True)
class Proved:
    """How many cases, and how many random logs, a rule's queries were held to. ``query`` is a digest of their texts."""

    query: str
    cases: int
    random_logs: int

    def __str__(self) -> str:
        """In words."""
        more = f", {self.random_logs} random logs" if self.random_logs else ""
        return f"proved on {self.cases} case{'' if self.cases == 1 else 's'}{more}"


Proofs = Mapping[tuple[str, str, str], Proved]
"""By rule, language and profile."""


def digest(node: Node, target: str, profile: Profile) -> str:
    """Of the texts of the rule's queries, the version that made them left out."""
    from tollwatch.compile.model import Mode, Options
    from tollwatch.compile.registry import compile_node, language

    queries = (compile_node(node, language(target), profile, Options(mode)) for mode in (Mode.HUNT, Mode.SCHEDULED))
    texts = (_MADE_BY.sub("", query.text or "") for query in queries)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def gathered(results: Sequence[CaseResult], nodes: Mapping[str, Node], profiles: Mapping[str, Profile]) -> Proofs:
    """What the results prove: a rule in a language and a profile of which all passed."""
    found: dict[tuple[str, str, str], list[CaseResult]] = {}
    for one in results:
        if one.engine != LOCAL and one.rule in nodes:
            found.setdefault((one.rule, one.engine, one.profile), []).append(one)
    return {
        (rule, target, profile): _proved(digest(nodes[rule], target, profiles[profile]), of_rule)
        for (rule, target, profile), of_rule in found.items()
        if all(one.status is Status.PASSED for one in of_rule)
    }


def _proved(query: str, results: Sequence[CaseResult]) -> Proved:
    random = [int(name[1]) for one in results if (name := _RANDOM.fullmatch(one.name))]
    return Proved(query, len(results) - len(random), sum(random))


def read_proofs(folders: Sequence[Path]) -> Proofs:
    """Of the first folder that has any; a file that is not ours is none."""
    path = next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
    if path is None:
        return {}
    try:
        entries = json.loads(path.read_text("utf-8"))["proofs"]
        return {
            (one["rule"], one["target"], one["profile"]): Proved(one["query"], one["cases"], one["random_logs"])
            for one in entries
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_proofs(folder: Path, proofs: Proofs) -> None:
    """Replace the file.

    Raises:
        UsageError: it cannot be written.
    """
    entries = [
        {"rule": rule, "target": target, "profile": profile, "query": one.query, "cases": one.cases,
         "random_logs": one.random_logs}
        for (rule, target, profile), one in sorted(proofs.items())
    ]  # fmt: skip
    try:
        (folder / FILE).write_text(json.dumps({"proofs": entries}, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"{folder / FILE}: cannot be written: {error.strerror}") from None
