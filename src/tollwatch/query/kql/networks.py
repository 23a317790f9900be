"""Kusto's functions of addresses, URLs and paths. Microsoft's documentation, "IPv4/IPv6 functions"."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from tollwatch.query.columns import in_network
from tollwatch.query.entries import ANY, Function, Here, Run
from tollwatch.query.kql.casts import as_texts
from tollwatch.query.kql.strings import LONGS, of_texts
from tollwatch.query.kql.texts import TEXTS, items_of
from tollwatch.query.kql.values import mapped
from tollwatch.query.table import Column, Type

PRIVATE = [ipaddress.IPv4Network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


@cache
def ipv4(text: str) -> tuple[int, int] | None:
    """(address, bits of its prefix) of an IPv4 address with or without a prefix; None for what is none."""
    address, _, bits = text.partition("/")
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", address) or (bits and not re.fullmatch(r"\d{1,2}", bits)):
        return None
    parts = [int(one) for one in address.split(".")]
    width = int(bits) if bits else 32
    if max(parts) > 255 or width > 32 or (not bits and "/" in text):
        return None
    return sum(part << shift for part, shift in zip(parts, (24, 16, 8, 0), strict=True)), width


def _masked(value: int, bits: int) -> int:
    return value >> (32 - bits) << (32 - bits)


def _compare(one: str, two: str, bits: int = 32) -> int | None:
    left, right = ipv4(one), ipv4(two)
    if left is None or right is None or not 0 <= bits <= 32:
        return None
    width = min(left[1], right[1], bits)
    first, second = _masked(left[0], width), _masked(right[0], width)
    return (first > second) - (first < second)


def _is_match(one: str, two: str, bits: int = 32) -> bool | None:
    found = _compare(one, two, bits)
    return None if found is None else found == 0


def _in_range(address: str, network: str) -> bool | None:
    left, right = ipv4(address), ipv4(network)
    if left is None or right is None:
        return None
    return _masked(left[0], right[1]) == _masked(right[0], right[1])


def _in_any_range(columns: Sequence[Column], here: Here) -> Column:
    (address,) = as_texts(columns[:1], here)
    networks = as_texts(items_of(columns[1:], here), here)

    def within(one: str, *others: str) -> bool | None:
        found = [_in_range(one, other) for other in others]
        return None if None in found else any(found)

    return mapped(Type.BOOL, within, [address, *networks], here.rows)


def _is_private(text: str) -> bool | None:
    found = ipv4(text)
    if found is None:
        return None
    first = ipaddress.IPv4Address(_masked(*found))
    return any(first in network for network in PRIVATE)


def _parse_ipv4(text: str) -> int | None:
    found = ipv4(text)
    return None if found is None else _masked(*found)


def _has_ipv4(columns: Sequence[Column], here: Here) -> Column:
    """Whether one of the addresses stands in the text, between characters that are no letters or digits."""
    (text,) = as_texts(columns[:1], here)
    wanted = as_texts(items_of(columns[1:], here), here)

    def has(value: str, *addresses: str) -> bool:
        return any(
            (found := ipv4(one)) is not None
            and found[1] == 32
            and re.search(rf"(?<![^\W_]){re.escape(one)}(?![^\W_])", value) is not None
            for one in addresses
        )

    return mapped(Type.BOOL, has, [text, *wanted], here.rows)


# ---------------------------------------------------------------- addresses of pages and files

_URL = re.compile(
    # A user without a password stays in the host (microsoft/Kusto-Query-Language, issue 112).
    r"(?P<scheme>[A-Za-z][\w+.-]*)://(?:(?P<user>[^:@/?#]*):(?P<password>[^@/?#]*)@)?(?P<host>[^:/?#\[\]]*)"
    r"(?::(?P<port>\d*))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?:#(?P<fragment>.*))?",
    re.DOTALL,
)


def _parse_url(columns: Sequence[Column], here: Here) -> Column:
    def parts(text: str) -> dict[str, Any]:
        found = _URL.fullmatch(text)
        if found is None:
            raise here.failed(f"parse_url: what {text!r} gives is not documented")
        query = (found["query"] or "").split("&") if found["query"] else []
        if any("=" not in one for one in query):
            raise here.failed(f"parse_url: what the parameters of {text!r} give is not documented")
        return {
            "Scheme": found["scheme"], "Host": found["host"], "Port": found["port"] or "",
            "Path": found["path"] or "", "Username": found["user"] or "", "Password": found["password"] or "",
            "Query Parameters": dict(one.split("=", 1) for one in query), "Fragment": found["fragment"] or "",
        }  # fmt: skip

    return mapped(Type.DYNAMIC, parts, as_texts(columns, here), here.rows)


def _parse_path(text: str) -> dict[str, str]:
    scheme, rest = text.split("://", 1) if re.match(r"[A-Za-z]\w+://", text) else ("", text)
    root = re.match(r"[A-Za-z]:(?=[\\/]|$)", rest)
    slash = max(rest.rfind("/"), rest.rfind("\\"))
    directory, last = rest[: max(slash, 0)], rest[slash + 1 :]
    name, _, stream = last.partition(":")
    return {
        "Scheme": scheme,
        "RootPath": root[0] if root else "",
        "DirectoryPath": directory,
        "DirectoryName": re.split(r"[\\/]", directory)[-1],
        "Filename": name,
        "Extension": name.rpartition(".")[2] if "." in name else "",
        "AlternateDataStreamName": stream,
    }


def _entry(least: int, most: int | None, type_: Type, function: Callable[..., Any], texts: int = 1) -> Function:
    return Function(least, most, of_texts(type_, function, texts), (*(TEXTS,) * texts, LONGS))


def _ipv6_in_range() -> Run:
    return of_texts(Type.BOOL, in_network, 2)


NETWORK_FUNCTIONS: Mapping[str, Function] = {
    "ipv4_is_in_range": _entry(2, 2, Type.BOOL, _in_range, 2),
    "ipv4_is_in_any_range": Function(2, None, _in_any_range, (TEXTS,)),
    "ipv4_is_private": _entry(1, 1, Type.BOOL, _is_private),
    "ipv4_is_match": _entry(2, 3, Type.BOOL, _is_match, 2),
    "ipv4_compare": _entry(2, 3, Type.LONG, _compare, 2),
    "parse_ipv4": _entry(1, 1, Type.LONG, _parse_ipv4),
    "ipv6_is_in_range": Function(2, 2, _ipv6_in_range(), (TEXTS,)),
    "has_ipv4": Function(2, 2, _has_ipv4, (TEXTS,)),
    "has_any_ipv4": Function(2, None, _has_ipv4, (TEXTS, ANY)),
    "parse_url": Function(1, 1, _parse_url, (TEXTS,)),
    "parse_path": _entry(1, 1, Type.DYNAMIC, _parse_path),
}
