"""Grafana's parser for LogQL (npm ``@grafana/lezer-logql``)."""

from __future__ import annotations

from vendors.finding import Finding, position
from vendors.tools import node_parser


def check(query: str) -> tuple[Finding, ...]:
    """The places that LogQL's grammar cannot read: none for a query that it can."""
    # Node counts offsets in UTF-16 code units, Python in characters.
    units = query.encode("utf-16-le")
    spans = [
        [len(units[: 2 * offset].decode("utf-16-le", errors="ignore")) for offset in span]
        for span in node_parser("logql.cjs", "@grafana/lezer-logql").ask({"query": query})
    ]
    return tuple(
        Finding(*position(query, start), "error", f"cannot be read: {query[start:end]!r}") for start, end in spans
    )
