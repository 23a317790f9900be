"""ES|QL: literals, columns and the source's fields as typed expressions.

Elastic's reference, "ES|QL functions and operators", "Basic syntax". Types are Elasticsearch's: keyword, long, double,
boolean, date, ip. Dates are brought to milliseconds of the epoch where they are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from tollwatch.compile.model import Refused
from tollwatch.compile.source import Carried, RawColumn
from tollwatch.logs.schema import FieldType

TYPES = {
    FieldType.TEXT: "keyword",
    FieldType.IP: "ip",
    FieldType.INTEGER: "long",
    FieldType.NUMBER: "double",
    FieldType.MONEY: "double",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "date",
}
RAW_TYPES = {
    "text": "keyword",
    "ip": "ip",
    "integer": "long",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "date",
    "list": "keyword",
    "any": "keyword",
}
_CASTS = {
    "keyword": "TO_STRING",
    "long": "TO_LONG",
    "double": "TO_DOUBLE",
    "boolean": "TO_BOOLEAN",
    "date": "TO_DATETIME",
    "ip": "TO_IP",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Words that the grammar does not take as the name of a column.
_WORDS = frozenset([
    "and", "as", "asc", "by", "desc", "false", "first", "in", "is", "last", "like", "limit", "not", "null", "nulls",
    "on", "or", "rlike", "true", "with", "where", "eval", "stats", "from", "row", "keep", "drop", "rename", "sort",
    "mv_expand", "dissect", "grok", "enrich", "join", "lookup", "metadata", "show", "explain", "inline", "inlinestats",
    "change_point", "completion", "fork", "rerank", "sample", "fuse",
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression and its type."""

    text: str
    type: str


def string(text: str) -> str:
    """A string literal. No character can end it but its closing quote.

    Raises:
        Refused: half of a surrogate pair, which no UTF-8 text has.
    """
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise Refused(f"text {text!r}", "it is no text in UTF-8", "correct the rule")
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def number(value: Decimal) -> str:
    """A number literal; without an exponent, whole numbers without a point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def name(text: str) -> str:
    """A column: each part of a dotted name in backticks where it is no plain one."""
    return ".".join(_part(part) for part in text.split("."))


def _part(text: str) -> str:
    plain = re.fullmatch(r"[A-Za-z]\w*|[_@]\w+", text, re.ASCII) is not None and text.lower() not in _WORDS
    if plain:
        return text
    if not text or "\n" in text or "\r" in text:
        raise Refused(f"field {text!r}", "ES|QL cannot quote its name", "rename the field at the source")
    return "`" + text.replace("`", "``") + "`"


def cast(value: Typed, wanted: str) -> str:
    """The value as that type; a text that is none becomes null."""
    return value.text if value.type == wanted else f"{_CASTS[wanted]}({value.text})"


def milliseconds(value: Typed) -> str:
    """A date as milliseconds of the epoch, also where its column keeps nanoseconds."""
    return f"TO_LONG(TO_DATETIME({value.text}))"


def column_of(column: RawColumn) -> tuple[str, str]:
    """The source's column under a raw one, and its type. Raises Refused for what a text of JSON holds."""
    if column.text_of is not None:
        raise Refused(
            f"column {column.path}", "it is inside a text of JSON, which an ES|QL expression cannot open",
            "keep it in a field of its own, and name that under the profile's targets: esql: columns",
        )  # fmt: skip
    return column.name, RAW_TYPES[column.kind]


def carried(field: Carried) -> Typed:
    """A field out of the source's columns: coalesce or sum, then when, extract, map, factor, default (logs.profile)."""
    if field.type is None:
        (column,) = field.columns
        return Typed(f"TO_STRING({name(column.name)})", "keyword")
    wanted = _wanted(field)
    value = _summed(field) if field.carrier.summed else _first(field, wanted)
    if field.when:
        cases = (
            f"{cast(_raw(column), 'keyword')} == {string(equals)}, {_literal(then, value.type)}"
            for column, equals, then in field.when
        )
        value = Typed(f"CASE({', '.join(cases)}, {value.text})", value.type)
    if field.carrier.extract is not None:
        raise Refused(
            f"field {field.field}", "it is cut out of a text by a pattern, which an ES|QL expression cannot do",
            "keep the part in a field of its own as the log is taken in",
        )  # fmt: skip
    if field.carrier.map:
        text = cast(value, "keyword")
        cases = (f"{text} == {string(raw)}, {string(to)}" for raw, to in field.carrier.map)
        value = Typed(f"CASE({', '.join(cases)}, {text})", "keyword")
    if field.carrier.factor is not None:
        value = Typed(_scaled(field, value), "double")
        if wanted == "long":
            value = Typed(f"TO_LONG(ROUND({value.text}))", "long")
    if field.carrier.default is not None:
        value = Typed(f"COALESCE({value.text}, {_literal(field.carrier.default, value.type)})", value.type)
    return Typed(cast(value, wanted), wanted)


def _wanted(field: Carried) -> str:
    """An address is an ip only where every column that carries it is one."""
    addresses = field.type is FieldType.IP and all(column.kind == "ip" for column in field.columns)
    return TYPES[field.type] if field.type is not None and (addresses or field.type is not FieldType.IP) else "keyword"


def _raw(column: RawColumn) -> Typed:
    return Typed(name(column.name), RAW_TYPES[column.kind])


def _first(field: Carried, wanted: str) -> Typed:
    # Where a value is to be changed as text first, it stays text until the end.
    early = "keyword" if field.carrier.map else wanted
    values = [cast(_raw(column), early) for column in field.columns]
    if early == "keyword" and len(values) > 1:
        values = [f'CASE({value} != "", {value})' for value in values]  # an empty text is null
    return Typed(values[0] if len(values) == 1 else f"COALESCE({', '.join(values)})", early)


def _summed(field: Carried) -> Typed:
    values = [cast(_raw(column), "long") for column in field.columns]
    nothing = " AND ".join(f"{value} IS NULL" for value in values)
    total = " + ".join(f"COALESCE({value}, 0)" for value in values)
    return Typed(f"CASE({nothing}, null, {total})", "long")


def _scaled(field: Carried, value: Typed) -> str:
    factor = field.carrier.factor or Decimal(1)
    if abs(factor) < 1 and (1 / factor) == (1 / factor).to_integral_value():
        return f"{cast(value, 'double')} / {number(1 / factor)}"
    return f"{cast(value, 'double')} * {number(factor)}"


def _literal(text: str, type_: str) -> str:
    match type_:
        case "keyword" | "ip" | "date":
            return f"{_CASTS[type_]}({string(text)})" if type_ != "keyword" else string(text)
        case "boolean":
            return text.lower()
        case _:
            try:
                literal = number(Decimal(text))
            except ArithmeticError:
                raise Refused(f"value {text!r}", f"it is no {type_}", "correct the profile") from None
            return literal if type_ == "long" else f"TO_DOUBLE({literal})"
