"""LNT005: a rule that reads what people said."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tollwatch.lint.check import Finding, Subject
from tollwatch.logs.schema import FIELDS, Privacy
from tollwatch.plan.nodes import Aggregate, Column, Search, Sequence
from tollwatch.plan.walk import predicate_fields

_NAMES = re.compile(
    r"""(?:user|system|input|raw|full|llm|chat|model|ai)?_?(?:prompts?|completions?)(?:_?(?:text|content|body))?
      | (?:input|output|response|request|message)_?(?:text|content)s?
      | (?:chat|conversation)_?(?:history|messages|transcript)
      | messages | transcript | conversation""",
    re.VERBOSE | re.IGNORECASE,
)
_CONTENT = frozenset(name for name, field in FIELDS.items() if field.privacy is Privacy.CONTENT)


def find(subject: Subject) -> Iterator[Finding]:
    """A rule reads a field that holds what was said: a prompt, a completion, messages.

    Why: what people say to a model is personal, often secret, and seldom needed to see abuse. A rule that reads it asks
    for it to be logged, and carries it into alerts.
    How: use what is derived from it: ``prompt_hash``, ``prompt_length``, ``prompt_tokens``, ``finish_reason``.
    """
    for node in subject.planned():
        for name in predicate_fields(node.predicate) if isinstance(node, Search) else _carried(node):
            last = name.rpartition(".")[2]
            if name in _CONTENT or _NAMES.fullmatch(last):
                hint = "use prompt_hash, prompt_length, prompt_tokens or finish_reason"
                yield Finding(node.header, f"{node.header.key} reads {name}, which holds what was said", hint)


def _carried(node: Aggregate | Sequence) -> tuple[str, ...]:
    """What a correlation itself reads off events: its keys and what it measures."""
    readings = (reading for child in node.inputs for reading in child.keys + child.values)
    return tuple(dict.fromkeys(reading.field for reading in readings if isinstance(reading, Column)))
