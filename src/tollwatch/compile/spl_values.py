r"""SPL: literals, field names and the source's fields as eval expressions.

Splunk Search Reference, "eval", "Comparison and Conditional functions"; Splunk Search Manual, "Quotes and escaping
characters". Two rules keep a rule's text inside its quotes: only characters that mean nothing to SPL are written as
they are, and all others stand in a regular expression as ``\xHH``.
"""

from __future__ import annotations

import re
from decimal import Decimal

from tollwatch.compile.model import Refused
from tollwatch.compile.source import Carried, RawColumn, Source
from tollwatch.logs.profile import CANONICAL_NAME, NONE
from tollwatch.logs.schema import FieldType

NUMERIC = (FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY)
_PLAIN = re.compile(r"[\w .@/:,;=+#&!~()<>{}^-]*")
_SPECIAL = frozenset(".^$*+?()[]{}|\\")
# Letters of search syntax that need no quotes and are one token or several without meaning of their own.
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]*")


def is_plain(text: str) -> bool:
    """Whether the text may stand between quotes as it is."""
    return _PLAIN.fullmatch(text) is not None and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


def string(text: str) -> str:
    """A text of our own choice between quotes. Raises Refused for a text that only a regular expression can hold."""
    if not is_plain(text):
        raise Refused(f"text {text!r}", "SPL cannot hold it between quotes", "choose a plain name")
    return f'"{text}"'


def is_term(text: str) -> bool:
    """Whether the text may stand in a search after ``field=``."""
    return _TERM.fullmatch(text) is not None and text.upper() not in ("AND", "OR", "NOT", "IN")


def regex_literal(text: str) -> str:
    """The text as a regular expression that matches just it, safe between quotes."""
    return "".join(_regex_letter(letter) for letter in text)


def _regex_letter(letter: str) -> str:
    if letter in _SPECIAL or not is_plain(letter):
        code = ord(letter)
        return f"\\x{code:02x}" if code < 0x100 else f"\\x{{{code:x}}}"
    return letter


def regex_string(pattern: str) -> str:
    """A pattern between quotes: a literal backslash, quotes and what SPL would expand are written as codes."""
    text = re.sub(r"\\\\", lambda _: "\\x5c", pattern)
    codes = {'"': "\\x22", "`": "\\x60", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    escaped = re.sub(r"\\([\"`])", lambda found: codes[found[1]], text)
    return '"' + "".join(codes.get(letter, letter) for letter in escaped) + '"'


def number(value: Decimal) -> str:
    """A number without exponent."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def name(text: str) -> str:
    """A field in an expression: in single quotes where it is no plain name.

    Raises:
        Refused: a name that quotes cannot hold.
    """
    if re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) and text.upper() not in ("AND", "OR", "NOT", "XOR", "LIKE", "IN"):
        return text
    if "'" in text or "\\" in text or not text.isprintable() or "`" in text:
        raise Refused(f"field {text!r}", "SPL cannot quote its name", "rename the field at the source")
    return f"'{text}'"


def listed(text: str) -> str:
    """A field in a list of fields (BY, table, fields): in double quotes where it is no plain name."""
    quoted = name(text)
    return quoted if quoted == text else f'"{text}"'


def carried(source: Source, field: Carried) -> str:
    """A field out of the source's, as an eval expression; null where the source has none, or an empty text."""
    if source.profile.name in (NONE, CANONICAL_NAME):
        return name(field.columns[0].name)
    numeric = field.type in NUMERIC
    as_text = bool(field.carrier.extract or field.carrier.map) or not numeric
    values = [_text(column) if as_text else _number(column) for column in field.columns]
    value = values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"
    if field.carrier.summed:
        nothing = " AND ".join(f"isnull({value})" for value in values)
        value = f"if({nothing}, null(), {'+'.join(f'coalesce({value}, 0)' for value in values)})"
    for column, equals, then in reversed(field.when):
        value = f"if({_raw(column)}={string(equals)}, {_literal(then, numeric=numeric and not as_text)}, {value})"
    if field.carrier.extract is not None:
        value = _extracted(value, field.carrier.extract)
    if field.carrier.map:
        cases = ", ".join(f"{value}={string(raw)}, {string(to)}" for raw, to in field.carrier.map)
        value = f"case({cases}, true(), {value})"
    if numeric and as_text:
        value = f"tonumber({value})"
    if field.carrier.factor is not None:
        value = (
            f"{value}*{number(field.carrier.factor)}"
            if "(" in value or "'" in value
            else f"({value})*{number(field.carrier.factor)}"
        )
        value = f"round({value})" if field.type is FieldType.INTEGER else value
    if field.carrier.default is not None:
        value = f"coalesce({value}, {_literal(field.carrier.default, numeric=numeric)})"
    return value


def column_of(column: RawColumn) -> str:
    """The source's field that holds a raw column."""
    return column.name if column.text_of is None else column.text_of


def _raw(column: RawColumn) -> str:
    """A raw value; inside a text of JSON it is looked up, unless Splunk took the text for an object as it read it."""
    if column.text_of is None:
        return name(column.name)
    return f"coalesce({name(f'{column.text_of}.{column.name}')}, spath({name(column.text_of)}, {string(column.name)}))"


def _text(column: RawColumn) -> str:
    """Splunk reads a JSON null as the text null."""
    raw = _raw(column)
    return f'case({raw}!="null" AND {raw}!="", {raw})'


def _number(column: RawColumn) -> str:
    raw = _raw(column)
    return raw if column.text_of is None and column.kind in ("integer", "number") else f"tonumber({raw})"


def _extracted(value: str, pattern: str) -> str:
    """The pattern's one group: what is left when all around it is taken away."""
    whole = f"^(?s:.*?){pattern}(?s:.*)$" if not pattern.startswith("^") else f"{pattern}(?s:.*)$"
    quoted = regex_string(whole)
    return f'if(match({value}, {quoted}), replace({value}, {quoted}, "\\1"), null())'


def _literal(text: str, *, numeric: bool) -> str:
    if not numeric:
        return string(text)
    try:
        return number(Decimal(text))
    except ArithmeticError:
        raise Refused(f"value {text!r}", "it is no number", "correct the profile") from None
