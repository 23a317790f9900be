"""The whole text of every query of the pack, as it was reviewed. ``pytest tests/compile --update`` writes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.canonical import pack
from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import LANGUAGES, compile_node
from tollwatch.logs.profile import load_profile

GOLDEN = Path(__file__).parent / "golden"
PROFILES = ("canonical", "litellm", "ecs")
# A Kusto query over two tables is nowhere else.
PLACES = [
    *((language.name, profile) for language in LANGUAGES for profile in PROFILES),
    ("kql", "azure-apim"),
]
PACK = {node.header.key: node for node in pack().detections}


def written(rule: str, target: str, profile: str) -> str:
    """The query, or why it is refused."""
    (language,) = [one for one in LANGUAGES if one.name == target]
    query = compile_node(PACK[rule], language, load_profile(profile), Options(Mode.SCHEDULED))
    if query.text is not None:
        return query.text
    return "".join(f"refused: {one.construct}: {one.reason}; use: {one.use}\n" for one in query.refused)


@pytest.mark.parametrize(("target", "profile"), PLACES)
@pytest.mark.parametrize("rule", PACK)
def test_the_query_is_the_reviewed_one(rule: str, target: str, profile: str, request: pytest.FixtureRequest) -> None:
    file = GOLDEN / target / f"{rule}.{profile}.txt"
    text = written(rule, target, profile)
    if request.config.getoption("--update"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")


def test_no_golden_text_is_left_over() -> None:
    known = {f"{target}/{rule}.{profile}.txt" for target, profile in PLACES for rule in PACK}
    assert {str(file.relative_to(GOLDEN)) for file in GOLDEN.rglob("*.txt")} == known
