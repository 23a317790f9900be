"""``and``, ``or``, ``not`` and parentheses, as detections and extended correlation conditions write them.

expression = term ("or" term)* · term = factor ("and" factor)* · factor = "not" factor | "(" expression ")" | leaf
"""

from __future__ import annotations

import re
from collections.abc import Callable

Leaf = Callable[[str, list[str]], bool]


def true(text: str, leaf: Leaf) -> bool:
    """Whether the expression holds; ``leaf`` is given a leaf's first word and takes any further ones off the rest."""
    return _expression(re.findall(r"[()]|[^\s()]+", text), leaf)


def _expression(words: list[str], leaf: Leaf) -> bool:
    found = [_term(words, leaf)]
    while words[:1] == ["or"]:
        words.pop(0)
        found.append(_term(words, leaf))
    return any(found)


def _term(words: list[str], leaf: Leaf) -> bool:
    found = [_factor(words, leaf)]
    while words[:1] == ["and"]:
        words.pop(0)
        found.append(_factor(words, leaf))
    return all(found)


def _factor(words: list[str], leaf: Leaf) -> bool:
    word = words.pop(0)
    if word == "not":
        return not _factor(words, leaf)
    if word == "(":
        found = _expression(words, leaf)
        words.pop(0)
        return found
    return leaf(word, words)
