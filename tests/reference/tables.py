"""The tables that a Kusto query reads, as the parser's workspace."""

from __future__ import annotations

from collections.abc import Iterator

from tollwatch.compile.model import Query
from tollwatch.logs.profile import Profile


def tables_of(query: Query, profile: Profile) -> dict[str, dict[str, str]]:
    """Of each table the columns that the query says it reads; of the profile's joined tables those with their name."""
    main = query.source or ""
    joined = set(_joined(profile)) - {main}
    tables: dict[str, dict[str, str]] = {main: {}}
    for column in query.columns:
        table, _, name = column.name.partition(".")
        if table in joined:
            tables.setdefault(table, {})[name] = column.type
        else:
            tables[main][column.name] = column.type
    return tables


def _joined(profile: Profile) -> Iterator[str]:
    target = profile.target("kql")
    for _, settings in () if target is None else target.records:
        yield dict(settings)["table"]
