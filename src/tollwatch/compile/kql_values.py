"""Kusto: literals, columns and the source's fields as typed expressions.

Kusto Query Language reference, "Scalar data types", "String literals", "Identifiers".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from tollwatch.compile.model import Refused
from tollwatch.compile.source import Carried, RawColumn
from tollwatch.logs.schema import FieldType

TYPES = {
    FieldType.TEXT: "string",
    FieldType.IP: "string",
    FieldType.INTEGER: "long",
    FieldType.NUMBER: "real",
    FieldType.MONEY: "real",
    FieldType.BOOLEAN: "bool",
    FieldType.TIMESTAMP: "datetime",
}
RAW_TYPES = {
    "text": "string",
    "ip": "string",
    "integer": "long",
    "number": "real",
    "boolean": "bool",
    "timestamp": "datetime",
    "list": "dynamic",
    "any": "string",
}
_CASTS = {"string": "tostring", "long": "tolong", "real": "todouble", "bool": "tobool", "datetime": "todatetime"}
_SPANS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"))
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Names that the parser reads as something else where a column is meant, met in logs.
_KEYWORDS = frozenset(
    [
        "and",
        "or",
        "not",
        "in",
        "has",
        "contains",
        "between",
        "by",
        "on",
        "asc",
        "desc",
        "kind",
        "with",
        "where",
        "let",
        "as",
        "count",
        "union",
        "join",
        "scan",
        "step",
        "declare",
        "first",
        "last",
        "true",
        "false",
        "null",
        "typeof",
        "pack",
        "find",
        "search",
        "table",
        "print",
        "range",
        "take",
        "limit",
        "top",
        "sort",
        "order",
        "project",
        "extend",
        "summarize",
        "parse",
        "evaluate",
        "invoke",
        "render",
        "sample",
        "distinct",
        "lookup",
        "partition",
        "serialize",
        "fork",
        "facet",
        "consume",
        "datatable",
        "materialize",
        "database",
        "cluster",
        "set",
        "alias",
        "pattern",
        "restrict",
        "access",
        "view",
        "to",
        "string",
        "long",
        "int",
        "real",
        "decimal",
        "bool",
        "datetime",
        "timespan",
        "dynamic",
        "guid",
        "time",
        "date",
        "double",
    ]
)


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression and its Kusto type."""

    text: str
    type: str


def string(text: str) -> str:
    """A string literal. No character can end it but its closing quote."""
    return '"' + "".join(_ESCAPES.get(letter, _plain(letter)) for letter in text) + '"'


def _plain(letter: str) -> str:
    printable = letter.isprintable() and not 0xD800 <= ord(letter) <= 0xDFFF
    if printable:
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def number(value: Decimal) -> str:
    """A number literal; without an exponent, whole numbers without a point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(microseconds: int) -> str:
    """A timespan literal in its largest whole unit."""
    for size, unit in _SPANS:
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}microsecond"


def name(text: str) -> str:
    """An identifier, in brackets and quotes where it is no plain one."""
    if re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) and text.lower() not in _KEYWORDS:
        return text
    return f"[{string(text)}]"


_STEP = re.compile(r"\['([^']*)'\]|\[(\d+)\]|\.?([^.\[]+)|(.)", re.DOTALL)


def path(text: str) -> str:
    """A dotted path as a column and what is below it; ``[0]`` takes an element, ``['a.b']`` a name with dots."""
    steps = _STEP.findall(text)
    written = name(steps[0][2] or text)
    for quoted, index, plain, other in steps[1:]:
        inner = quoted or plain or other
        if index:
            written += f"[{index}]"
        elif re.fullmatch(r"[A-Za-z_]\w*", inner, re.ASCII) and not quoted:
            written += f".{inner}"
        else:
            written += f"[{string(inner)}]"
    return written


def column_of(column: RawColumn) -> tuple[str, str]:
    """The source's own column under a raw one, and its type: a path leads into a dynamic column."""
    if column.text_of is not None:
        return column.text_of, "string"
    top = re.split(r"[.\[]", column.name, maxsplit=1)[0]
    return (column.name, RAW_TYPES[column.kind]) if top == column.name else (top, "dynamic")


def cast(value: Typed, wanted: str) -> str:
    """The value as that type."""
    return value.text if value.type == wanted else f"{_CASTS[wanted]}({value.text})"


def carried(field: Carried) -> Typed:
    """A field out of the source's columns: coalesce or sum, then when, extract, map, factor, default (logs.profile)."""
    if field.type is None:
        (column,) = field.columns
        return Typed(f"tostring({path(column.name)})", "string")
    wanted = TYPES[field.type]
    value = _summed(field) if field.carrier.summed else _first(field, wanted)
    if field.when:
        cases = (
            f"{cast(_raw(column), 'string')} == {string(equals)}, {_literal(then, value.type)}"
            for column, equals, then in field.when
        )
        value = Typed(f"case({', '.join(cases)}, {value.text})", value.type)
    if field.carrier.extract is not None:
        value = Typed(f"extract({string(field.carrier.extract)}, 1, {cast(value, 'string')})", "string")
    if field.carrier.map:
        text = cast(value, "string")
        cases = (f"{text} == {string(raw)}, {string(to)}" for raw, to in field.carrier.map)
        value = Typed(f"case({', '.join(cases)}, {text})", "string")
    if field.carrier.factor is not None:
        value = Typed(_scaled(field, value), "real")
        if wanted == "long":
            value = Typed(f"tolong(round({value.text}))", "long")
    if field.carrier.default is not None:
        missing = "isempty" if value.type == "string" else "isnull"
        value = Typed(
            f"iff({missing}({value.text}), {_literal(field.carrier.default, value.type)}, {value.text})", value.type
        )
    return Typed(cast(value, wanted), wanted)


def joined(kind: str, column: str) -> str:
    """The name that a column has once its record is joined."""
    return f"{kind}_{column}"


def tells(column: RawColumn, text: str) -> str:
    """Whether a record is of the kind that has that text there. Raises Refused where the text is not of its type."""
    wanted = "string" if column.kind == "list" else RAW_TYPES[column.kind]
    return f"{cast(_raw(column), wanted)} == {_literal(text, wanted)}"


def key(column: RawColumn) -> str:
    """The value that joins a record, as text."""
    return cast(_raw(column), "string")


def _raw(column: RawColumn) -> Typed:
    top, type_ = column_of(column)
    prefix = "" if column.record is None else joined(column.record, "")
    if column.text_of is not None:
        # A first step into the parsed text, then as into any dynamic column.
        return Typed(f"parse_json({name(prefix + top)})" + path("x." + column.name)[1:], "dynamic")
    return Typed(path(prefix + column.name), type_ if top == column.name else "dynamic")


def _first(field: Carried, wanted: str) -> Typed:
    # Where a value is to be changed as text first, it stays text until the end.
    early = "string" if field.carrier.extract or field.carrier.map else wanted
    values = [cast(_raw(column), early) for column in field.columns]
    return Typed(values[0] if len(values) == 1 else f"coalesce({', '.join(values)})", early)


def _summed(field: Carried) -> Typed:
    values = [cast(_raw(column), "long") for column in field.columns]
    nothing = " and ".join(f"isnull({value})" for value in values)
    total = " + ".join(f"coalesce({value}, 0)" for value in values)
    return Typed(f"iff({nothing}, long(null), {total})", "long")


def _scaled(field: Carried, value: Typed) -> str:
    factor = field.carrier.factor or Decimal(1)
    if abs(factor) < 1 and (1 / factor) == (1 / factor).to_integral_value():
        return f"{cast(value, 'real')} / {number(1 / factor)}"
    return f"{cast(value, 'real')} * {number(factor)}"


def _literal(text: str, type_: str) -> str:
    if type_ == "string":
        return string(text)
    if type_ == "bool":
        return text.lower()
    try:
        return f"{type_}({number(Decimal(text))})" if type_ == "real" else number(Decimal(text))
    except ArithmeticError:
        raise Refused(f"value {text!r}", f"it is no {type_}", "correct the profile") from None
