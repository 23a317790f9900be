"""Kusto: the predicates of one event.

Kusto's ``=~``, ``startswith``, ``contains`` compare without case, as Sigma does; ``==`` and the ``_cs`` forms with it.
A comparison with null is null, and so is its negation: under a negation every such comparison is guarded.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from tollwatch.compile import kql_values as kql
from tollwatch.compile.kql_values import Typed
from tollwatch.compile.model import Refused
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
    Relation,
    Text,
    TimePart,
    TimeUnit,
    Wildcard,
)
from tollwatch.plan.regex import finds_nothing, is_portable, re2_text
from tollwatch.sigma.model import Op

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">=", Op.EQ: "==", Op.NEQ: "!="}
_RELATIONS = {
    Relation.EQUALS: ("=~", "=="),
    Relation.STARTS_WITH: ("startswith", "startswith_cs"),
    Relation.ENDS_WITH: ("endswith", "endswith_cs"),
    Relation.CONTAINS: ("contains", "contains_cs"),
}
_PARTS = {
    TimeUnit.MINUTE: "minute",
    TimeUnit.HOUR: "hour",
    TimeUnit.DAY: "day",
    TimeUnit.WEEK: "week_of_year",
    TimeUnit.MONTH: "month",
    TimeUnit.YEAR: "year",
}


@dataclass(frozen=True, slots=True)
class Predicates:
    """Prints predicates over fields that ``field`` gives as typed expressions.

    ``texts`` gives the fields that a keyword looks at; ``empty_is_null``: an empty text does not occur.
    """

    field: Callable[[str], Typed]
    texts: Callable[[], tuple[str, ...]]
    empty_is_null: bool

    def text(self, predicate: Predicate, *, negated: bool = False) -> str:
        """The predicate as an expression; with ``negated`` it is false, never null, where it does not hold.

        Raises:
            Refused: what Kusto cannot say.
        """
        match predicate:
            case Constant():
                return "true" if predicate.value else "false"
            case And() | Or():
                return self._joined(predicate, negated=negated)
            case Not():
                return f"not({self.text(predicate.item, negated=True)})"
            case _:
                return self._leaf(predicate, negated)

    def _joined(self, predicate: And | Or, *, negated: bool) -> str:
        among = _among(predicate) if isinstance(predicate, Or) else None
        if among is not None:
            field, texts = among
            values = ", ".join(kql.string(text) for text in texts)
            return f"{self._as_text(field)} in~ ({values})"
        word, other = (" and ", Or) if isinstance(predicate, And) else (" or ", And)
        if not predicate.items:
            return "true" if isinstance(predicate, And) else "false"
        parts = [(item, self.text(item, negated=negated)) for item in predicate.items]
        return word.join(
            f"({text})" if isinstance(item, other) and len(item.items) > 1 else text for item, text in parts
        )

    def _leaf(self, predicate: Predicate, negated: bool) -> str:
        match predicate:
            case Text():
                return self._text(predicate)
            case Number():
                return self._number(predicate.field, "==", predicate.value, negated)
            case Compare():
                return self._number(predicate.field, _OPERATORS[predicate.op], predicate.value, negated)
            case Boolean():
                return self._boolean(predicate, negated)
            case Null():
                return self._null(predicate.field)
            case Regex():
                return self._regex(predicate)
            case Cidr():
                return self._cidr(predicate)
            case FieldMatch():
                return self._related(predicate)
            case TimePart():
                return self._time_part(predicate, negated)
            case Constant() | And() | Or() | Not():
                return self.text(predicate, negated=negated)
            case _:
                assert_never(predicate)

    def _as_text(self, field: str) -> str:
        return kql.cast(self.field(field), "string")

    def _text(self, predicate: Text) -> str:
        if predicate.field is None:
            return self._any_text(lambda field: Text(field, predicate.pattern, predicate.cased))
        value = self._as_text(predicate.field)
        return _matches(value, predicate.pattern, cased=predicate.cased, empty_is_null=self.empty_is_null)

    def _any_text(self, leaf: Callable[[str], Predicate]) -> str:
        fields = self.texts()
        # Beside an "and", the alternatives must stay together.
        return f"({self.text(Or(tuple(leaf(field) for field in fields)))})"

    def _number(self, field: str, operator: str, value: Decimal, negated: bool) -> str:
        typed = self.field(field)
        if typed.type == "bool":
            return "false"
        text = typed.text if typed.type in ("long", "real", "int") else f"todouble({typed.text})"
        compared = f"{text} {operator} {kql.number(value)}"
        return f"(isnotnull({text}) and {compared})" if negated else compared

    def _boolean(self, predicate: Boolean, negated: bool) -> str:
        typed = self.field(predicate.field)
        word = "true" if predicate.value else "false"
        if typed.type == "bool":
            compared = f"{typed.text} == {word}"
            return f"(isnotnull({typed.text}) and {compared})" if negated else compared
        return f'{typed.text} =~ "{word}"' if typed.type == "string" else "false"

    def _null(self, field: str) -> str:
        typed = self.field(field)
        if typed.type != "string":
            return f"isnull({typed.text})"
        if not self.empty_is_null:
            raise Refused(
                "null of a text", "Kusto's text has no null, so that it cannot be told from an empty one",
                "use a profile, in which an empty text is null",
            )  # fmt: skip
        return f"isempty({typed.text})"

    def _regex(self, predicate: Regex) -> str:
        if not is_portable(predicate):
            raise Refused(f"re: {predicate.pattern}", "Kusto's RE2 cannot run it", "write it without look-around")
        if predicate.field is None:
            return self._any_text(
                lambda field: Regex(
                    field, predicate.pattern, predicate.ignore_case, predicate.multiline, predicate.dotall
                )
            )
        value = self._as_text(predicate.field)
        found = f"{value} matches regex {kql.string(re2_text(predicate))}"
        if not finds_nothing(predicate):
            return found
        if not self.empty_is_null:
            raise Refused(
                f"re: {predicate.pattern}", "it is found in an empty text, which Kusto cannot tell from null",
                "use a profile, in which an empty text is null",
            )  # fmt: skip
        return f"(isnotempty({value}) and {found})"

    def _cidr(self, predicate: Cidr) -> str:
        version = ipaddress.ip_network(predicate.network, strict=False).version
        value, network = self._as_text(predicate.field), kql.string(predicate.network)
        if version == 4:
            # An IPv6 address, or text that is none, gives null.
            return f"coalesce(ipv4_is_in_range({value}, {network}), false)"
        return f'({value} contains ":" and coalesce(ipv6_is_in_range({value}, {network}), false))'

    def _related(self, predicate: FieldMatch) -> str:
        one, two = self._as_text(predicate.field), self._as_text(predicate.other)
        operator = _RELATIONS[predicate.relation][predicate.cased]
        return f"(isnotempty({one}) and isnotempty({two}) and {one} {operator} {two})"

    def _time_part(self, predicate: TimePart, negated: bool) -> str:
        time = kql.cast(self.field(predicate.field), "datetime")
        part = f'datetime_part("{_PARTS[predicate.unit]}", {time})'
        compared = f"{part} {_OPERATORS[predicate.op]} {predicate.value}"
        return f"(isnotnull({time}) and {compared})" if negated else compared


def _among(predicate: Or) -> tuple[str, tuple[str, ...]] | None:
    """The field and texts of ``field in~ (…)``, where the items are plain texts of one field."""
    found: dict[str, list[str]] = {}
    for item in predicate.items:
        plain = isinstance(item, Text) and item.field is not None and not item.cased and len(item.pattern) == 1
        if not plain or not isinstance(item, Text) or not isinstance(item.pattern[0], str):
            return None
        found.setdefault(item.field or "", []).append(item.pattern[0])
    if len(found) != 1 or len(predicate.items) < 2:
        return None
    ((field, texts),) = found.items()
    return field, tuple(texts)


def _matches(value: str, pattern: Pattern, *, cased: bool, empty_is_null: bool) -> str:
    """The whole text matches. Wildcards at the ends alone have operators of their own; others become a regex."""
    case = 1 if cased else 0
    body = tuple(part for part in pattern if part != "")
    if not body:
        if empty_is_null:
            return "false"
        raise Refused("an empty text", "Kusto cannot tell it from null", "leave it out, or use null")
    if all(part is Wildcard.ANY for part in body):
        return f"isnotempty({value})"
    literals = [part for part in body if isinstance(part, str)]
    if len(literals) == 1 and all(part is not Wildcard.ONE for part in body):
        starts, ends = body[0] is Wildcard.ANY, body[-1] is Wildcard.ANY
        relation = {
            (False, False): Relation.EQUALS,
            (False, True): Relation.STARTS_WITH,
            (True, False): Relation.ENDS_WITH,
            (True, True): Relation.CONTAINS,
        }[starts, ends]
        return f"{value} {_RELATIONS[relation][case]} {kql.string(literals[0])}"
    return f"{value} matches regex {kql.string(wildcard_regex(body, cased=cased))}"


def wildcard_regex(pattern: Pattern, *, cased: bool) -> str:
    """The pattern as a regular expression over the whole text, newlines included."""
    parts = {Wildcard.ANY: ".*", Wildcard.ONE: "."}
    body = "".join(re.escape(part) if isinstance(part, str) else parts[part] for part in pattern)
    return f"(?{'s' if cased else 'is'})^{body}$"
