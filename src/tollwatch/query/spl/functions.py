"""Splunk's functions of one row. Splunk's "Search Reference", "Evaluation functions"."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tollwatch.query.columns import in_network
from tollwatch.query.table import Type


def _match(text: str, pattern: str) -> bool:
    # PCRE's \z is Python's \Z, and its \x{…} is \U….
    translated = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: re.escape(chr(int(found[1], 16))), pattern)
    return re.search(translated.replace(r"\z", r"\Z"), text) is not None


def _like(text: str, pattern: str) -> bool:
    regex = "".join({"%": ".*", "_": "."}.get(letter) or re.escape(letter) for letter in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


FUNCTIONS: Mapping[str, tuple[Type, Callable[..., Any]]] = {
    "lower": (Type.STRING, lambda value: _lower(str(value))),
    "len": (Type.REAL, lambda value: float(len(value))),
    "substr": (Type.STRING, lambda value, start, length=None: _substr(value, int(start), length)),
    "like": (Type.BOOL, _like),
    "match": (Type.BOOL, lambda value, pattern: _match(str(value), pattern)),
    "cidrmatch": (Type.BOOL, lambda network, address: in_network(address, network) is True),
    "round": (Type.REAL, lambda value, digits=0.0: _round(value, digits)),
    "floor": (Type.REAL, lambda value: float(np.floor(value))),
    "split": (Type.DYNAMIC, lambda value, by: str(value).split(by)),
    "mvcount": (Type.REAL, lambda value: float(len(value))),
}


def _substr(value: str, start: int, length: float | None) -> str:
    at = start - 1 if start > 0 else max(len(value) + start, 0)
    return value[at:] if length is None else value[at : at + int(length)]


def _round(value: float, digits: float) -> float:
    scale = 10.0 ** int(digits)
    return float(np.sign(value) * np.floor(abs(value) * scale + 0.5) / scale)
