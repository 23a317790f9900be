"""IP addresses among a column's texts, and the networks they are in.

An address is one that Python's ``ipaddress`` reads: no port, no brackets, no leading zeros. An IPv4-mapped address
(``::ffff:10.0.0.1``) is in the IPv4 networks of the address it carries, and in the IPv6 networks of what is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, ip_network

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tollwatch.evaluate.columns import Column, to_mask
from tollwatch.evaluate.numbers import Mask

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"^{_OCTET}(\.{_OCTET}){{3}}$"
_IPV6 = r"^[0-9A-Fa-f:.]{2,45}(%.*)?$"
_PLACES = np.array([2**24, 2**16, 2**8, 1], np.int64)
_LOW = 2**64 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """The addresses among m values: IPv4 as int64[m], −1 where there is none; IPv6 in two halves, with positions."""

    v4: npt.NDArray[np.int64]
    v6_at: npt.NDArray[np.int64]
    v6_high: npt.NDArray[np.uint64]
    v6_low: npt.NDArray[np.uint64]

    def where(self, network: str) -> Mask:
        """bool[m]: the values that are an address in the network; bits below its prefix are ignored."""
        wanted = ip_network(network, strict=False)
        mask, prefix = int(wanted.netmask), int(wanted.network_address)
        if isinstance(wanted, IPv4Network):
            return np.asarray((self.v4 >= 0) & (self.v4 & mask == prefix), np.bool_)
        out = np.zeros(len(self.v4), np.bool_)
        high = self.v6_high & np.uint64(mask >> 64) == np.uint64(prefix >> 64)
        out[self.v6_at] = high & (self.v6_low & np.uint64(mask & _LOW) == np.uint64(prefix & _LOW))
        return out


def read_addresses(column: Column) -> Addresses:
    """The addresses among a column's texts; values that are no text are none."""
    v4 = np.full(len(column.values), -1, np.int64)
    if not column.is_text:
        none = np.zeros(0, np.uint64)
        return Addresses(v4, np.zeros(0, np.int64), none, none)
    v4_at = np.flatnonzero(to_mask(pc.match_substring_regex(column.texts, _IPV4)))
    octets = pc.split_pattern(column.texts.take(pa.array(v4_at)), ".")
    v4[v4_at] = pc.list_flatten(octets).cast(pa.int64()).to_numpy().reshape(-1, 4) @ _PLACES
    maybe = to_mask(pc.match_substring_regex(column.texts, _IPV6)) & to_mask(pc.match_substring(column.texts, ":"))
    read = {int(at): address for at in np.flatnonzero(maybe) if (address := _ipv6(column.texts[at].as_py()))}
    for at, address in read.items():
        if address.ipv4_mapped is not None:
            v4[at] = int(address.ipv4_mapped)
    numbers = [int(address) for address in read.values()]
    return Addresses(
        v4,
        np.array(list(read), np.int64),
        np.array([number >> 64 for number in numbers], np.uint64),
        np.array([number & _LOW for number in numbers], np.uint64),
    )


def _ipv6(text: str) -> IPv6Address | None:
    try:
        return IPv6Address(text)
    except ValueError:
        return None
