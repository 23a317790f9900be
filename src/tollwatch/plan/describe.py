"""Predicates in words, for explanations: short, in the manner of the rule's own YAML."""

from __future__ import annotations

from typing import assert_never

from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Not,
    Null,
    Number,
    Or,
    Pattern,
    Predicate,
    Regex,
    Text,
    TimePart,
    Wildcard,
)
from tollwatch.sigma.model import Op

_SIGNS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">=", Op.EQ: "=", Op.NEQ: "!="}
_MOST = 80


def describe(predicate: Predicate) -> str:
    """One line: ``response_code: 401 and not error_code: budget_exceeded``; long ones are cut with ``…``."""
    text = _text(predicate)
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _text(predicate: Predicate) -> str:
    match predicate:
        case Constant():
            return "always" if predicate.value else "never"
        case And():
            return " and ".join(_inner(item) for item in predicate.items)
        case Or():
            return " or ".join(_inner(item) for item in predicate.items)
        case Not():
            return f"not {_inner(predicate.item)}"
        case Text():
            return f"{predicate.field or 'any text'}: {pattern_text(predicate.pattern)}"
        case Number():
            return f"{predicate.field}: {predicate.value}"
        case Boolean():
            return f"{predicate.field}: {str(predicate.value).lower()}"
        case Null():
            return f"{predicate.field}: null"
        case Compare():
            return f"{predicate.field} {_SIGNS[predicate.op]} {predicate.value}"
        case Regex():
            return f"{predicate.field or 'any text'} matches /{predicate.pattern}/"
        case Cidr():
            return f"{predicate.field} in {predicate.network}"
        case FieldMatch():
            return f"{predicate.field} {predicate.relation} {predicate.other}"
        case TimePart():
            sign = ":" if predicate.op is Op.EQ else f" {_SIGNS[predicate.op]}"
            return f"{predicate.unit} of {predicate.field}{sign} {predicate.value}"
        case _:
            assert_never(predicate)


def _inner(predicate: Predicate) -> str:
    return f"({_text(predicate)})" if isinstance(predicate, And | Or) else _text(predicate)


def pattern_text(pattern: Pattern) -> str:
    """The pattern as it would stand in a rule, with ``*`` and ``?`` escaped where they are meant literally."""
    parts = (
        part.value if isinstance(part, Wildcard) else part.replace("*", "\\*").replace("?", "\\?") for part in pattern
    )
    return "".join(parts) or "''"
