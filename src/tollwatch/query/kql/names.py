"""The names that Kusto gives to columns without one.

Microsoft's parser of the language (Kusto.Language: ResultNameKind, Binder_Projection) says which functions hand on the
name of their first argument, and which put a word before it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from tollwatch.query.kql import syntax

_AFTER_FIRST = frozenset(
    [
        "split",
        "tostring",
        "todynamic",
        "tolong",
        "toint",
        "toreal",
        "todouble",
        "todatetime",
        "totimespan",
        "totime",
        "tobool",
        "toboolean",
        "parse_json",
        "parsejson",
        "toobject",
        "format_datetime",
        "format_timespan",
        "startofday",
        "bin",
        "floor",
        "bin_at",
        "round",
        "ceiling",
        "pow",
        "sqrt",
        "log",
        "log2",
        "log10",
        "exp",
        "abs",
        "take_anyif",
        "binary_all_or",
        "binary_all_and",
        "binary_all_xor",
    ]
)
_PREFIXES = {
    **{name: name for name in (
        "sum", "sumif", "count", "countif", "dcount", "dcountif", "min", "minif", "max", "maxif", "avg", "avgif",
        "count_distinct", "count_distinctif", "stdev", "stdevif", "stdevp", "variance", "varianceif", "variancep",
        "variancepif", "any", "anyif", "strlen", "string_size",
    )},
    **dict.fromkeys(("make_list", "make_list_if", "make_list_with_nulls", "makelist"), "list"),
    **dict.fromkeys(("make_set", "make_set_if", "makeset"), "set"),
    **dict.fromkeys(("make_bag", "make_bag_if"), "bag"),
}  # fmt: skip


def own_name(expression: syntax.Expression) -> str | None:
    """The name that an expression has by itself; None: Kusto numbers it."""
    match expression:
        case syntax.NamedArgument():
            return expression.label
        case syntax.Name():
            return expression.name
        case syntax.Element():
            left, right = own_name(expression.of), str(expression.key)
            return f"{left}_{right}" if left else right
        case syntax.Call():
            return _name_of_call(expression)
        case _:
            return None


def _name_of_call(call: syntax.Call) -> str | None:
    first = own_name(call.arguments[0]) if call.arguments else None
    if call.name == "[]":
        key = own_name(call.arguments[1])
        return f"{first}_{key or ''}" if first else key
    if call.name == "make_datetime" and len(call.arguments) == 1:
        return first
    if call.name in _PREFIXES:
        return f"{_PREFIXES[call.name]}_{first or ''}"
    if call.name == "percentile":
        fraction = call.arguments[1]
        return f"percentile_{first or ''}_{fragment(fraction.value) if isinstance(fraction, syntax.Literal) else ''}"
    return first if call.name in _AFTER_FIRST else None


def fragment(value: object) -> str:
    """A percentile as a part of a name."""
    return "".join(one if one.isalnum() else "_" for one in str(value))


def unique(name: str, taken: Container[str]) -> str:
    """The name, or with the first number that makes it one of its own."""
    number, found = 1, name
    while found in taken:
        found, number = f"{name}{number}", number + 1
    return found


def named(assignments: Iterable[syntax.Assignment], taken: Container[str]) -> list[tuple[str, syntax.Assignment]]:
    """Each assignment under its name; those without one are Column1, Column2 and so on."""
    found: list[tuple[str, syntax.Assignment]] = []
    given: set[str] = set()
    for one in assignments:
        name = one.name or own_name(one.value)
        if name is None:
            number = 1
            while f"Column{number}" in given or f"Column{number}" in taken:
                number += 1
            name = f"Column{number}"
        given.add(name)
        found.append((name, one))
    return found
