"""ES|QL: the predicates of one event.

ES|QL compares text with case, so that what Sigma compares without is lowered on both sides. A comparison with null is
null; under a negation the whole of it is made false first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from tollwatch.compile import esql_values as esql
from tollwatch.compile.esql_regex import lucene_regex
from tollwatch.compile.esql_values import Typed
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
from tollwatch.plan.regex import finds_nothing
from tollwatch.sigma.model import Op

_OPERATORS = {Op.LT: "<", Op.LTE: "<=", Op.GT: ">", Op.GTE: ">=", Op.EQ: "==", Op.NEQ: "!="}
_PARTS = {TimeUnit.DAY: "day_of_month", TimeUnit.MONTH: "month_of_year", TimeUnit.YEAR: "year"}
_UTC_PARTS = {TimeUnit.MINUTE: "/ 60000 % 60", TimeUnit.HOUR: "/ 3600000 % 24"}
_MISSES = "ES|QL lowers some of its letters otherwise than Sigma does"


@dataclass(frozen=True, slots=True)
class Predicates:
    """Prints predicates over fields that ``field`` gives as typed expressions.

    ``texts`` gives the fields that a keyword looks at; ``empty_is_null``: an empty text counts as null.
    """

    field: Callable[[str], Typed]
    texts: Callable[[], tuple[str, ...]]
    empty_is_null: bool

    def text(self, predicate: Predicate) -> str:
        """The predicate as an expression: true where it holds, else false or null.

        Raises:
            Refused: what ES|QL cannot say.
        """
        match predicate:
            case Constant():
                return "true" if predicate.value else "false"
            case And() | Or():
                return self._joined(predicate)
            case Not():
                return f"NOT COALESCE({self.text(predicate.item)}, false)"
            case Text():
                return self._text(predicate)
            case Number():
                return self._number(predicate.field, "==", predicate.value)
            case Compare():
                return self._number(predicate.field, _OPERATORS[predicate.op], predicate.value)
            case Boolean():
                return self._boolean(predicate)
            case Null():
                return self._null(predicate.field)
            case Regex():
                return self._regex(predicate)
            case Cidr():
                return self._cidr(predicate)
            case FieldMatch():
                return self._related(predicate)
            case TimePart():
                return self._time_part(predicate)
            case _:
                assert_never(predicate)

    def _joined(self, predicate: And | Or) -> str:
        if not predicate.items:
            return "true" if isinstance(predicate, And) else "false"
        word, other = (" AND ", Or) if isinstance(predicate, And) else (" OR ", And)
        parts = [(item, self.text(item)) for item in predicate.items]
        return word.join(
            f"({text})" if isinstance(item, other) and len(item.items) > 1 else text for item, text in parts
        )

    def _as_text(self, field: str) -> str:
        return esql.cast(self.field(field), "keyword")

    def _text(self, predicate: Text) -> str:
        if predicate.field is None:
            return self._any_text(lambda field: Text(field, predicate.pattern, predicate.cased))
        return self._matches(self._as_text(predicate.field), predicate.pattern, cased=predicate.cased)

    def _any_text(self, leaf: Callable[[str], Predicate]) -> str:
        fields = self.texts()
        return "(" + self.text(Or(tuple(leaf(field) for field in fields))) + ")"

    def _matches(self, value: str, pattern: Pattern, *, cased: bool) -> str:
        """The whole text matches. Wildcards at one end alone have functions of their own; others are LIKE's."""
        body = tuple(part for part in pattern if part != "")
        if not body:
            return "false" if self.empty_is_null else f'{value} == ""'
        if all(part is Wildcard.ANY for part in body):
            return f'{value} != ""' if self.empty_is_null else f"{value} IS NOT NULL"
        literals = [part for part in body if isinstance(part, str)]
        if not cased:
            value = f"TO_LOWER({value})" if any(letter.isalpha() for part in literals for letter in part) else value
            body = tuple(lowered(part) if isinstance(part, str) else part for part in body)
        match body:
            case (str(text),):
                return f"{value} == {esql.string(text)}"
            case (str(text), Wildcard.ANY):
                return f"STARTS_WITH({value}, {esql.string(text)})"
            case (Wildcard.ANY, str(text)):
                return f"ENDS_WITH({value}, {esql.string(text)})"
            case _:
                return f"{value} LIKE {esql.string(''.join(_like(part) for part in body))}"

    def _number(self, field: str, operator: str, value: Decimal) -> str:
        typed = self.field(field)
        if typed.type == "boolean":
            return "false"
        return f"{_numeric(typed)} {operator} {esql.number(value)}"

    def _boolean(self, predicate: Boolean) -> str:
        typed = self.field(predicate.field)
        word = "true" if predicate.value else "false"
        if typed.type == "boolean":
            return f"{typed.text} == {word}"
        return f'TO_LOWER({typed.text}) == "{word}"' if typed.type == "keyword" else "false"

    def _null(self, field: str) -> str:
        typed = self.field(field)
        if typed.type == "keyword" and self.empty_is_null:
            return f'({typed.text} IS NULL OR {typed.text} == "")'
        return f"{typed.text} IS NULL"

    def _regex(self, predicate: Regex) -> str:
        if predicate.field is None:
            return self._any_text(
                lambda field: Regex(
                    field, predicate.pattern, predicate.ignore_case, predicate.multiline, predicate.dotall
                )
            )
        value = self._as_text(predicate.field)
        found = f"{value} RLIKE {esql.string(lucene_regex(predicate))}"
        return f'({value} != "" AND {found})' if self.empty_is_null and finds_nothing(predicate) else found

    def _cidr(self, predicate: Cidr) -> str:
        network = ipaddress.ip_network(predicate.network, strict=False)
        typed = self.field(predicate.field)
        found = f"CIDR_MATCH({esql.cast(typed, 'ip')}, {esql.string(predicate.network)})"
        if network.version == 4:
            return found
        # Elastic keeps an IPv4 address as an IPv6 one, so that ::/0 would hold it.
        return f'({esql.cast(typed, "keyword")} LIKE "*:*" AND {found})'

    def _related(self, predicate: FieldMatch) -> str:
        one, two = self._as_text(predicate.field), self._as_text(predicate.other)
        present = f'{one} != "" AND {two} != ""' if self.empty_is_null else f"{one} IS NOT NULL AND {two} IS NOT NULL"
        if not predicate.cased:
            one, two = f"TO_LOWER({one})", f"TO_LOWER({two})"
        match predicate.relation:
            case Relation.EQUALS:
                return f"({present} AND {one} == {two})"
            case Relation.STARTS_WITH:
                return f"({present} AND STARTS_WITH({one}, {two}))"
            case Relation.ENDS_WITH:
                return f"({present} AND ENDS_WITH({one}, {two}))"
            case Relation.CONTAINS:
                return f"({present} AND LOCATE({one}, {two}) > 0)"
            case _:
                assert_never(predicate.relation)

    def _time_part(self, predicate: TimePart) -> str:
        time = Typed(esql.cast(self.field(predicate.field), "date"), "date")
        compared = f"{_OPERATORS[predicate.op]} {predicate.value}"
        if predicate.unit in _UTC_PARTS:
            return f"{esql.milliseconds(time)} {_UTC_PARTS[predicate.unit]} {compared}"
        part = _PARTS.get(predicate.unit)
        if part is None:
            raise Refused(f"{predicate.field}|{predicate.unit}", "ES|QL has no ISO week", "use the day or the month")
        return f'DATE_EXTRACT("{part}", {time.text}) {compared}'


def _numeric(typed: Typed) -> str:
    return typed.text if typed.type in ("long", "double") else f"TO_DOUBLE({esql.cast(typed, 'keyword')})"


def _like(part: str | Wildcard) -> str:
    if isinstance(part, Wildcard):
        return part.value
    return "".join(f"\\{letter}" if letter in "*?\\" else letter for letter in part)


def lowered(text: str) -> str:
    """The text in lower case, letter by letter.

    Raises:
        Refused: a letter that Java's lower case, which ES|QL uses, may see otherwise: one that has no single lower or
            upper letter, or changes with its place in the word.
    """
    for letter in text:
        if not letter.isascii() and (_odd(letter) or letter in "\u03a3\u03c3\u03c2\u0130\u0131"):
            raise Refused(
                f"text {text!r} without case", _MISSES, "compare with the modifier cased, or target spl or kql"
            )
    return text.lower()


def _odd(letter: str) -> bool:
    lower, upper = letter.lower(), letter.upper()
    return len(lower) != 1 or len(upper) != 1 or (lower != upper and (lower.upper() != upper or upper.lower() != lower))
