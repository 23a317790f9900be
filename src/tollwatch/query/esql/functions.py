"""ES|QL's functions of one row: types of the arguments and their values in, a value or null out.

Elastic's reference, "ES|QL functions and operators". A date keeps milliseconds.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tollwatch.query.columns import in_network, moment_of
from tollwatch.query.table import Type

MILLI = 1_000


def _to_string(types: Sequence[Type], value: Any) -> str:
    if types[0] is Type.BOOL:
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def _to_long(types: Sequence[Type], value: Any) -> int | None:
    if types[0] is Type.DATETIME:
        return int(value) // MILLI
    try:
        return round(float(value))
    except (ValueError, OverflowError):
        return None


def _to_double(_types: Sequence[Type], value: Any) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _to_datetime(types: Sequence[Type], value: Any) -> int | None:
    return int(value) // MILLI * MILLI if types[0] is Type.DATETIME else int(value) * MILLI


def _to_ip(_types: Sequence[Type], value: str) -> str | None:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return None


def _cidr_match(_types: Sequence[Type], value: str, *networks: str) -> bool:
    # Elastic keeps an IPv4 address as an IPv6 one, and takes it out again.
    address = ipaddress.ip_address(value)
    plain = str(getattr(address, "ipv4_mapped", None) or address)
    return any(in_network(plain, network) is True for network in networks)


_PARTS: Mapping[str, Callable[[datetime], int]] = {
    "year": lambda at: at.year,
    "month_of_year": lambda at: at.month,
    "day_of_month": lambda at: at.day,
    "hour_of_day": lambda at: at.hour,
    "minute_of_hour": lambda at: at.minute,
}


def _date_extract(_types: Sequence[Type], part: str, value: int) -> int | None:
    read = _PARTS.get(part.lower())
    return None if read is None else read(moment_of(value))


FUNCTIONS: Mapping[str, tuple[Type, Callable[..., Any]]] = {
    "DATE_EXTRACT": (Type.LONG, _date_extract),
    "TO_STRING": (Type.STRING, _to_string),
    "TO_LONG": (Type.LONG, _to_long),
    "TO_DOUBLE": (Type.REAL, _to_double),
    "TO_DATETIME": (Type.DATETIME, _to_datetime),
    "TO_BOOLEAN": (Type.BOOL, lambda _types, value: value if isinstance(value, bool) else str(value).lower() == "true"),
    "TO_IP": (Type.STRING, _to_ip),
    "TO_LOWER": (Type.STRING, lambda _types, value: value.lower()),
    "LENGTH": (Type.LONG, lambda _types, value: len(value)),
    "CONCAT": (Type.STRING, lambda _types, *values: "".join(values)),
    "STARTS_WITH": (Type.BOOL, lambda _types, value, start: value.startswith(start)),
    "ENDS_WITH": (Type.BOOL, lambda _types, value, end: value.endswith(end)),
    "LOCATE": (Type.LONG, lambda _types, value, part: value.find(part) + 1),
    "CIDR_MATCH": (Type.BOOL, _cidr_match),
    "ROUND": (Type.REAL, lambda _types, value: float(round(value))),
    "TO_BASE64": (Type.STRING, lambda _types, value: base64.b64encode(value.encode()).decode()),
    "FROM_BASE64": (Type.STRING, lambda _types, value: base64.b64decode(value).decode()),
}
