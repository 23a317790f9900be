"""The random logs of ``strategies`` as canonical records, and what proofs over them have in common."""

from __future__ import annotations

from typing import Any

from reference.canonical import NAMES, SUMMED

LISTS = ("tags", "ports")


def canonical_record(one: dict[str, Any]) -> dict[str, Any]:
    """The event under canonical names; lists, which a typed column cannot hold, are left out."""
    found = {NAMES.get(name, name): value for name, value in one.items() if name not in (*LISTS, "meta", "when")}
    found["session_id"] = one.get("meta", {}).get("name")
    for text, number in SUMMED.items():
        found[number] = one.get({"org_unit": "size", "error_code": "text"}[text])
    return found
