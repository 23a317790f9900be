"""Splunk's evaluation functions, one small entry each. "Search Reference", "Evaluation functions"."""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np

from tollwatch.query.columns import ARITHMETIC, both, contrary, either, in_network, number_text, true_rows
from tollwatch.query.entries import Function, Here, Run, distinct_rows
from tollwatch.query.spl.many import MANY
from tollwatch.query.spl.patterns import like, pattern, replaced
from tollwatch.query.spl.times import formatted, read_time, relative_time
from tollwatch.query.spl.values import chosen, compared, lists, number_of, numbers, singles, texts
from tollwatch.query.table import Column, Many, Type, constant, nulls

SPECIAL = ("searchmatch",)
"""Functions over the whole row, which run.py has."""

# ---------------------------------------------------------------- logic


def conditions(columns: Sequence[Column], here: Here) -> Sequence[Column]:
    """Refuses what is no condition."""
    if any(one.type is not Type.BOOL for one in columns):
        raise here.failed("a condition is expected here")
    return columns


def _joined(join: Callable[[Column, Column], Column]) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        first, *others = conditions(columns, here)
        for other in others:
            first = join(first, other)
        return first

    return run


def _xor(columns: Sequence[Column], here: Here) -> Column:
    left, right = conditions(columns, here)
    return Column(Type.BOOL, left.values ^ right.values, left.valid & right.valid)


def _if(columns: Sequence[Column], here: Here) -> Column:
    condition, then, otherwise = columns
    conditions([condition], here)
    return chosen(true_rows(condition), then, otherwise, here)


def _case(columns: Sequence[Column], here: Here) -> Column:
    """The value beside the first condition that is true, else null."""
    if len(columns) % 2:
        raise here.failed("case wants pairs of a condition and a value")
    conditions(columns[::2], here)
    found = nulls(Type.STRING, here.rows)
    for condition, value in zip(columns[-2::-2], columns[-1::-2], strict=True):
        found = chosen(true_rows(condition), value, found, here)
    return found


def _validate(columns: Sequence[Column], here: Here) -> Column:
    """The value beside the first condition that is false, else null."""
    return _case([contrary(one) if not at % 2 else one for at, one in enumerate(columns)], here)


def _coalesce(columns: Sequence[Column], here: Here) -> Column:
    found = columns[-1]
    for one in reversed(columns[:-1]):
        found = chosen(one.valid, one, found, here)
    return found


def _null_if(columns: Sequence[Column], here: Here) -> Column:
    one, other = columns
    return chosen(true_rows(compared("==", one, other, here)), nulls(one.type, here.rows), one, here)


def _in(columns: Sequence[Column], here: Here) -> Column:
    first, *others = columns
    return _joined(either)([compared("==", first, other, here) for other in others], here)


def _known(test: Callable[[Column], Any]) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        return Column(Type.BOOL, np.asarray(test(columns[0]), np.bool_), np.ones(here.rows, np.bool_))

    return run


def _is_number(one: Column) -> Any:
    if one.type is Type.REAL:
        return one.valid
    found = [len(items) == 1 and number_of(items[0]) is not None for items in lists(one)]
    return np.array(found, np.bool_)


def _comparison(sign: str) -> Run:
    return lambda columns, here: compared(sign, columns[0], columns[1], here)


# ---------------------------------------------------------------- numbers and texts


def _numeric(function: Callable[..., float | None]) -> Run:
    """Of numbers; null where one is none, or the result is none."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        return distinct_rows(Type.REAL, function, [numbers(one, here) for one in columns], here.rows)

    return run


def _textual(type_: Type, function: Callable[..., Any]) -> Run:
    """Of texts; null where one is."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        return distinct_rows(type_, function, [texts(one, here) for one in columns], here.rows)

    return run


def _mixed(type_: Type, function: Callable[..., Any]) -> Run:
    """Of single values as they are."""

    def run(columns: Sequence[Column], here: Here) -> Column:
        return distinct_rows(type_, function, [singles(one, here) for one in columns], here.rows)

    return run


def _arithmetic(sign: str) -> Run:
    def run(columns: Sequence[Column], here: Here) -> Column:
        left, right = columns
        if sign == "+" and left.type is right.type is Type.STRING:
            one, other = numbers(left, here), numbers(right, here)
            if not (one.valid & other.valid)[left.valid & right.valid].all():
                return _textual(Type.STRING, operator.add)(columns, here)  # two texts are put together
        one, other = numbers(left, here), numbers(right, here)
        known = one.valid & other.valid
        if sign in "/%":
            known = known & (other.values != 0)
            divisor = np.where(other.values == 0, 1, other.values)
            values = one.values / divisor if sign == "/" else np.fmod(one.values, divisor)
            return Column(Type.REAL, values, known)
        return Column(Type.REAL, ARITHMETIC[sign](one.values, other.values), known)

    return run


def _round(value: float, digits: float = 0.0) -> float:
    """Halves go away from zero."""
    scale = 10.0 ** int(digits)
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


def _rounded(columns: Sequence[Column], here: Here) -> Column:
    one = numbers(columns[0], here)
    if len(columns) > 1:
        return _numeric(_round)(columns, here)
    return Column(Type.REAL, np.copysign(np.floor(np.abs(one.values) + 0.5), one.values), one.valid)


def _extreme(*, largest: bool) -> Run:
    """Of values of any kind: any text is larger than any number."""

    def pick(*values: Any) -> str:
        ordered = sorted(values, key=lambda one: (isinstance(one, str), one))
        one = ordered[-1 if largest else 0]
        return one if isinstance(one, str) else number_text(one)

    def run(columns: Sequence[Column], here: Here) -> Column:
        if all(one.type is Type.REAL for one in columns):
            choose = np.maximum if largest else np.minimum
            found = columns[0]
            for one in columns[1:]:
                found = Column(Type.REAL, choose(found.values, one.values), found.valid & one.valid)
            return found
        return _mixed(Type.STRING, pick)(columns, here)

    return run


def _substr(text: str, start: float, length: float | None = None) -> str:
    """From a place counted from 1, or from the end where it is negative."""
    at = int(start) - 1 if start > 0 else max(len(text) + int(start), 0)
    return text[at:] if length is None else text[at : at + int(length)]


def _substring(columns: Sequence[Column], here: Here) -> Column:
    wanted = [texts(columns[0], here), *(numbers(one, here) for one in columns[1:])]
    return distinct_rows(Type.STRING, _substr, wanted, here.rows)


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _to_number(value: Any, base: Any = 10.0) -> float | None:
    if isinstance(value, float):
        return value
    if int(float(base)) == 10:
        return number_of(value)
    try:
        return float(int(str(value), int(float(base))))
    except ValueError:
        return None


def _to_string(columns: Sequence[Column], here: Here) -> Column:
    one, *form = columns
    if one.type is Type.BOOL:
        return distinct_rows(Type.STRING, lambda value: "True" if value else "False", [one], here.rows)
    if not form:
        return texts(one, here)
    return distinct_rows(Type.STRING, _shown, [numbers(one, here), *form], here.rows)


def _shown(value: float, form: str) -> str | None:
    match form:
        case "hex":
            return f"0x{int(value):X}"
        case "commas":
            return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
        case "duration":
            days, rest = divmod(int(value), 86_400)
            clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
            return f"{days}+{clock}" if days else clock
        case _:
            return None


def _moved(columns: Sequence[Column], here: Here) -> Column:
    wanted = [numbers(columns[0], here), columns[1]]
    return distinct_rows(Type.REAL, lambda at, text: relative_time(at, text, here), wanted, here.rows)


def _time_texts(columns: Sequence[Column], here: Here) -> Column:
    return distinct_rows(Type.STRING, formatted, [numbers(columns[0], here), columns[1]], here.rows)


def _type_of(columns: Sequence[Column], here: Here) -> Column:
    (one,) = columns
    names = {Type.REAL: "Number", Type.BOOL: "Boolean"}
    kind = "String" if not isinstance(one, Many) else "Multivalue"
    found = np.where(one.valid, names.get(one.type, kind), "Invalid").astype(object)
    return Column(Type.STRING, found, np.ones(here.rows, np.bool_))


def _hash(name: str) -> Run:
    return _textual(Type.STRING, lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest())


def _match(columns: Sequence[Column], here: Here) -> Column:
    """Whether the pattern is found in one of the values."""
    return distinct_rows(
        Type.BOOL, lambda text, regex: pattern(regex, here).search(text) is not None,
        [texts(columns[0], here), texts(columns[1], here)], here.rows,
    )  # fmt: skip


def _json_value(text: str, path: str) -> str | None:
    """The value at a path of a text of JSON; a list or a record as JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    for name in path.replace("{}", "").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"))


def _constant(type_: Type, value: Any) -> Run:
    return lambda _columns, here: constant(type_, value, here.rows)


FUNCTIONS: Mapping[str, Function] = {
    "and": Function(2, None, _joined(both)), "or": Function(2, None, _joined(either)), "xor": Function(2, 2, _xor),
    "not": Function(1, 1, lambda columns, here: contrary(*conditions(columns, here))),
    "if": Function(3, 3, _if), "case": Function(2, None, _case), "validate": Function(2, None, _validate),
    "coalesce": Function(1, None, _coalesce), "nullif": Function(2, 2, _null_if),
    "in": Function(2, None, _in),
    **{
        sign: Function(2, 2, _comparison(sign))
        for sign in ("==", "!=", "<", "<=", ">", ">=")
    },
    **{sign: Function(2, 2, _arithmetic(sign)) for sign in ("+", "-", "*", "/", "%")},
    ".": Function(2, 2, _textual(Type.STRING, operator.add)),
    "negate": Function(1, 1, _numeric(operator.neg)),
    "null": Function(0, 0, lambda _columns, here: nulls(Type.STRING, here.rows)),
    "true": Function(0, 0, _constant(Type.BOOL, True)), "false": Function(0, 0, _constant(Type.BOOL, False)),
    "now": Function(0, 0, lambda _columns, here: constant(Type.REAL, float(here.now // 1_000_000), here.rows)),
    "time": Function(0, 0, lambda _columns, here: constant(Type.REAL, here.now / 1_000_000, here.rows)),
    "pi": Function(0, 0, _constant(Type.REAL, math.pi)),
    "isnull": Function(1, 1, _known(lambda one: ~one.valid)),
    "isnotnull": Function(1, 1, _known(lambda one: one.valid)),
    "isnum": Function(1, 1, _known(_is_number)),
    "isint": Function(1, 1, _known(lambda one: [bool(items) and number_of(items[0]) is not None
                                                and float(items[0]).is_integer() for items in lists(one)])),
    "isstr": Function(1, 1, _known(lambda one: one.valid & ~_is_number(one))),
    "isbool": Function(1, 1, _known(lambda one: one.valid & (one.type is Type.BOOL))),
    "match": Function(2, 2, _match),
    "like": Function(2, 2, _textual(Type.BOOL, like)),
    "cidrmatch": Function(2, 2, _textual(Type.BOOL, lambda network, address: in_network(address, network) is True)),
    "replace": Function(3, 3, lambda columns, here: replaced([texts(one, here) for one in columns], here)),
    "tonumber": Function(1, 2, _mixed(Type.REAL, _to_number)), "tostring": Function(1, 2, _to_string),
    "lower": Function(1, 1, _textual(Type.STRING, _lower)),
    "upper": Function(1, 1, _textual(Type.STRING, str.upper)),
    "len": Function(1, 1, _textual(Type.REAL, lambda text: float(len(text)))),
    "substr": Function(2, 3, _substring),
    "trim": Function(1, 2, _textual(Type.STRING, lambda text, letters=" \t": text.strip(letters))),
    "ltrim": Function(1, 2, _textual(Type.STRING, lambda text, letters=" \t": text.lstrip(letters))),
    "rtrim": Function(1, 2, _textual(Type.STRING, lambda text, letters=" \t": text.rstrip(letters))),
    **dict.fromkeys(("spath", "json_extract"), Function(2, 2, _textual(Type.STRING, _json_value))),
    "urldecode": Function(1, 1, _textual(Type.STRING, unquote)),
    **{name: Function(1, 1, _hash(name)) for name in ("md5", "sha1", "sha256", "sha512")},
    "strftime": Function(2, 2, _time_texts), "strptime": Function(2, 2, _textual(Type.REAL, read_time)),
    "relative_time": Function(2, 2, _moved), "typeof": Function(1, 1, _type_of),
    "round": Function(1, 2, _rounded), "abs": Function(1, 1, _numeric(abs)),
    "floor": Function(1, 1, _numeric(lambda value: float(math.floor(value)))),
    "ceiling": Function(1, 1, _numeric(lambda value: float(math.ceil(value)))),
    "ceil": Function(1, 1, _numeric(lambda value: float(math.ceil(value)))),
    "exp": Function(1, 1, _numeric(math.exp)),
    "ln": Function(1, 1, _numeric(lambda value: math.log(value) if value > 0 else None)),
    "log": Function(1, 2, _numeric(lambda value, base=10.0: math.log(value, base) if value > 0 and base > 1 else None)),
    "pow": Function(2, 2, _numeric(lambda value, power: float(value**power))),
    "sqrt": Function(1, 1, _numeric(lambda value: math.sqrt(value) if value >= 0 else None)),
    "min": Function(1, None, _extreme(largest=False)), "max": Function(1, None, _extreme(largest=True)),
    **MANY,
}  # fmt: skip
