"""The rules of a detection repository. Apart from what runs cases, so that commands without cases start quickly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tollwatch.config import Settings
from tollwatch.logs.schema import FIELDS

if TYPE_CHECKING:
    from tollwatch.sigma.model import RuleSet

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {"ai_api": frozenset(FIELDS)}
"""The fields that rules of a log source's category may name."""


def load_rules(settings: Settings, paths: Sequence[str | Path] | None = None) -> RuleSet:
    """The rules of a repository (or of ``paths``), with the placeholders of its settings and the canonical fields."""
    from tollwatch.sigma.load import load

    chosen = settings.rules if paths is None else paths
    return load(chosen, placeholders=settings.placeholders, known_fields=KNOWN_FIELDS)
