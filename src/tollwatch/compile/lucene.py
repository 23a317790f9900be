"""Lucene's query string, as Kibana and Elasticsearch read it: single events.

Elastic's reference, "Query string query". Keywords compare with case, and there is no function: a text without case is
a regular expression with both forms of each letter, which matches the whole of a keyword.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.esql_regex import lucene_regex
from tollwatch.compile.esql_values import RAW_TYPES
from tollwatch.compile.model import Grade, Mode, Options, Query, Refused
from tollwatch.compile.raw_predicates import EMPTY_LIMIT, RawPredicates, number_forms
from tollwatch.compile.schedule import MINUTE, schedule_of
from tollwatch.compile.source import source_columns, source_of
from tollwatch.logs.profile import Profile
from tollwatch.plan.nodes import (
    And,
    Boolean,
    Cidr,
    Compare,
    Constant,
    FieldMatch,
    Node,
    Not,
    Null,
    Number,
    Or,
    Pattern,
    Predicate,
    Regex,
    Search,
    Text,
    TimePart,
    Wildcard,
)
from tollwatch.sigma.model import Op

_RANGES = {Op.LT: "{{* TO {0}}}", Op.LTE: "[* TO {0}]", Op.GT: "{{{0} TO *}}", Op.GTE: "[{0} TO *]"}
LIMITS = ("texts are looked for in keyword fields; in an analysed text field words would be matched", EMPTY_LIMIT)


def compile_lucene(node: Node, profile: Profile, options: Options) -> Query:
    """A single event's filter in Lucene's query string.

    Raises:
        Refused: a correlation, and what a filter cannot say.
    """
    if not isinstance(node, Search):
        raise Refused(node.header.key, "Lucene's query string filters single events", "target esql")
    source = source_of(profile, "esql")
    raw = RawPredicates(source)
    text = Filter(raw).text(raw.of(node.predicate))
    schedule = schedule_of(node, options, MINUTE) if options.mode is Mode.SCHEDULED else None
    read = ((column.name, RAW_TYPES[column.kind], name) for column, name in raw.columns.values())
    query = Query(
        node.header.key, "lucene", profile.name, options.mode, Grade.EXACT, None, None, LIMITS, schedule,
        source.setting("index") or "events", source_columns(read), (),
    )  # fmt: skip
    return replace(query, text=text + "\n")


class Filter:
    """Prints predicates over raw columns."""

    def __init__(self, raw: RawPredicates) -> None:
        self.raw = raw

    def text(self, predicate: Predicate) -> str:
        """The predicate as a query. Raises Refused for what Lucene cannot say."""
        match predicate:
            case Constant():
                return "*:*" if predicate.value else "(*:* AND NOT *:*)"
            case And():
                return self._every(predicate)
            case Or():
                return f"({' OR '.join(self.text(item) for item in predicate.items)})"
            case Not():
                return f"(*:* AND NOT {self.text(predicate.item)})"
            case Null():
                return f"(*:* AND NOT _exists_:{name(predicate.field)})"
            case Text():
                return self._text(predicate)
            case Number():
                return self._number(predicate)
            case Compare():
                return self._compare(predicate)
            case Boolean():
                return f"{name(predicate.field)}:{str(predicate.value).lower()}"
            case Regex():
                return f"{name(predicate.field or '')}:/{_slashed(lucene_regex(predicate))}/"
            case Cidr():
                return self._cidr(predicate)
            case FieldMatch() | TimePart():
                raise Refused(
                    f"{predicate.field} against another value of the event", "Lucene cannot compute", "target esql"
                )
            case _:
                assert_never(predicate)

    def _every(self, predicate: And) -> str:
        """What must not be stands beside what must: alone it would find nothing."""
        must = [self.text(item) for item in predicate.items if not isinstance(item, Not)]
        never = [f"NOT {self.text(item.item)}" for item in predicate.items if isinstance(item, Not)]
        return f"({' AND '.join([*(must or ['*:*']), *never])})"

    def _text(self, predicate: Text) -> str:
        field, kind = predicate.field or "", self.raw.kind(predicate.field or "")
        body = tuple(part for part in predicate.pattern if part != "")
        if body and all(part is Wildcard.ANY for part in body):
            return f"_exists_:{name(field)}"
        if kind == "ip":
            return self._address(field, body)
        if not body:
            return f"{name(field)}:/()/"
        if len(body) == 1 and isinstance(body[0], str) and (predicate.cased or not any(map(str.isalpha, body[0]))):
            return f"{name(field)}:{quoted(body[0])}"
        return f"{name(field)}:/{_slashed(wildcard_regex(body, cased=predicate.cased))}/"

    def _address(self, field: str, body: Pattern) -> str:
        """An ip field is asked for an address, never for a pattern."""
        if len(body) == 1 and isinstance(body[0], str):
            try:
                return f"{name(field)}:{quoted(str(ipaddress.ip_address(body[0])))}"
            except ValueError:
                return "(*:* AND NOT *:*)"
        raise Refused(f"a text pattern on {field}", "it is an ip field", "use the modifier cidr")

    def _number(self, predicate: Number) -> str:
        field = predicate.field
        if self.raw.kind(field) in ("integer", "number"):
            return f"{name(field)}:{quoted(_plain(predicate.value))}"
        return f"{name(field)}:/{_slashed(number_forms(predicate.value))}/"

    def _compare(self, predicate: Compare) -> str:
        if self.raw.kind(predicate.field) not in ("integer", "number"):
            raise Refused(
                f"{predicate.field} {predicate.op}", "it is a text there, which sorts by letters", "target esql"
            )
        return f"{name(predicate.field)}:{_RANGES[predicate.op].format(_plain(predicate.value))}"

    def _cidr(self, predicate: Cidr) -> str:
        if self.raw.kind(predicate.field) != "ip":
            raise Refused(f"{predicate.field}|cidr", "it is a text there and no ip field", "target esql")
        return f"{name(predicate.field)}:{quoted(predicate.network)}"


def wildcard_regex(body: Pattern, *, cased: bool) -> str:
    """A pattern with wildcards as a regular expression of the whole text."""
    parts = {Wildcard.ANY: "*", Wildcard.ONE: ""}
    return "".join("." + parts[part] if isinstance(part, Wildcard) else _letters(part, cased) for part in body)


def _letters(text: str, cased: bool) -> str:
    if cased:
        return "".join(_escaped(letter) for letter in text)
    found = []
    for letter in text:
        forms = dict.fromkeys(form for form in (letter.lower(), letter.upper()) if len(form) == 1)
        found.append(f"[{''.join(forms)}]" if len(forms) > 1 else _escaped(letter))
    return "".join(found)


def _escaped(letter: str) -> str:
    return letter if letter.isalnum() or letter in "_ " or not letter.isascii() else f"\\{letter}"


def _slashed(regex: str) -> str:
    """A regular expression between slashes."""
    return re.sub(r"\\.|/", lambda found: found[0] if found[0] != "/" else "\\/", regex, flags=re.DOTALL)


def quoted(text: str) -> str:
    """A text between quotes, in which only they and the backslash have a meaning."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name(field: str) -> str:
    """A field's name; every character that has a meaning in the syntax is escaped."""
    return re.sub(r'([+\-=&|><!(){}\[\]^"~*?:\\/ ])', r"\\\1", field)


def _plain(value: Decimal) -> str:
    return format(value, "f")
