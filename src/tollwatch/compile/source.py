"""A profile seen from a query language: which columns of the source carry a rule's fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from tollwatch.compile.model import Refused, SourceColumn
from tollwatch.logs.profile import NONE, Carrier, Profile, RecordKind, Target
from tollwatch.logs.schema import CANONICAL, FIELDS, FieldType
from tollwatch.plan.logic import all_of
from tollwatch.plan.nodes import Aggregate, Node, Number, Predicate, Search, Sequence, Text


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A column of the source, by its name in the language.

    ``kind``: text, integer, number, boolean, timestamp, ip, list, or any where nobody has said. ``record``: the kind
    of record that it joins from (None: that of the events). ``text_of``: the column whose text is JSON and holds it,
    ``name`` being then the path inside.
    """

    path: str
    name: str
    kind: str
    record: str | None = None
    text_of: str | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """How the source carries one field: a Carrier (see logs.profile) with its raw columns."""

    field: str
    type: FieldType | None
    columns: tuple[RawColumn, ...]
    carrier: Carrier
    when: tuple[tuple[RawColumn, str, str], ...] = ()

    @property
    def plain(self) -> RawColumn | None:
        """The one column whose value is the field's as it stands, where there is one."""
        whole = self.carrier == Carrier(self.field, (self.carrier.paths[0],))
        return self.columns[0] if whole and self.columns[0].text_of is None else None

    def raw(self) -> Iterator[RawColumn]:
        """Every column that is read."""
        yield from self.columns
        for column, _, _ in self.when:
            yield column


@dataclass(frozen=True, slots=True)
class Source:
    """Where the events are: ``settings`` name the table, index or stream; ``time`` is the column of their time.

    ``resolution``: µs; finer digits of a time are cut.
    """

    profile: Profile
    language: str
    settings: tuple[tuple[str, str], ...]
    time: str
    resolution: int

    def setting(self, name: str) -> str | None:
        """A setting of the source; None where the profile does not say."""
        return dict(self.settings).get(name)

    def carried(self, field: str) -> Carried:
        """How the field is carried. Raises Refused where the source lacks it."""
        carrier = Carrier(field, (field,)) if self.profile.name == NONE else self.profile.carrier(field)
        if carrier is None:
            raise Refused(f"field {field}", f"the profile {self.profile.name} lacks it")
        type_ = self._type(field, carrier) if self.profile.name != NONE else None
        columns = tuple(self._column(path, field) for path in carrier.paths)
        when = tuple((self._column(path, None), equals, then) for path, equals, then in carrier.when)
        return Carried(field, type_, columns, carrier, when)

    def _type(self, field: str, carrier: Carrier) -> FieldType:
        """The field's type; what tells the source's records (see ``own_records``) is a number or a text."""
        if field in FIELDS:
            return FIELDS[field].type
        return FieldType.NUMBER if _is_number(self.profile, carrier.paths[0]) else FieldType.TEXT

    def text_fields(self) -> tuple[str, ...]:
        """The fields that a keyword looks at. Raises Refused where nobody knows them."""
        if self.profile.name == NONE:
            raise Refused(
                "a keyword", "under the profile none, the text fields of the source are not known", "name a field"
            )
        kinds = (FieldType.TEXT, FieldType.IP)
        return tuple(field.name for field in CANONICAL if field.type in kinds and self.profile.carrier(field.name))

    def _column(self, path: str, field: str | None) -> RawColumn:
        record, plain = self.profile.split(path)
        target = self.profile.target(self.language) or Target()
        if path in target.lacks:
            raise Refused(
                f"field {field or path}", f"{self.language} cannot reach it in the profile {self.profile.name}",
                "keep it in a column of its own, and say so in the profile",
            )  # fmt: skip
        columns = dict(target.columns)
        kind = "any" if self.profile.name == NONE else self.profile.raw_type(path, field)
        kind = dict(target.types).get(path, kind)
        record = None if self.profile.records is None or record == self.profile.records.main else record
        parents = target.parse_json or self.profile.parse_json
        parent = next((one for one in parents if path.startswith(one + ".") and path not in columns), None)
        if parent is not None:
            return RawColumn(path, path.removeprefix(parent + "."), kind, record, columns.get(parent, parent))
        return RawColumn(path, columns.get(path, plain), kind, record)

    def joins(self, columns: Iterable[RawColumn]) -> tuple[RecordKind, ...]:
        """The kinds of record that these columns join from."""
        if self.profile.records is None:
            return ()
        named = {column.record for column in columns}
        return tuple(kind for kind in self.profile.records.others() if kind.name in named)

    def column_in(self, kind: RecordKind, path: str) -> RawColumn:
        """A column that tells or joins records, as it is read among those of its kind alone."""
        records = self.profile.records
        plain = records is None or kind.name == records.main
        return replace(self._column(path if plain else f"{kind.name}:{path}", None), record=None)

    def time_of(self, kind: RecordKind) -> str:
        """The column of the time of a kind's records; that of the events where nothing else is said."""
        target = self.profile.target(self.language) or Target()
        named = dict(dict(target.records).get(kind.name, ())).get("time")
        return named or (self.time if kind.time is None else self.column_in(kind, kind.time).name)

    def record_setting(self, kind: str, name: str) -> str:
        """A setting of a record kind. Raises Refused where the profile does not say."""
        target = self.profile.target(self.language) or Target()
        found = dict(dict(target.records).get(kind, ())).get(name)
        if found is None:
            raise Refused(
                f"records of the kind {kind}", f"the profile {self.profile.name} does not say where they are",
                f"add targets: {self.language}: records: {kind}: {name}",
            )  # fmt: skip
        return found


_TIMES = {"spl": "_time", "kql": "TimeGenerated", "esql": "@timestamp", "logql": "timestamp"}


def source_of(profile: Profile, language: str) -> Source:
    """The profile's source in a language (the key of the profile's ``targets``).

    Raises:
        Refused: the profile does not say where that language finds its logs.
    """
    target = profile.target(language)
    if target is None and profile.name != NONE:
        known = ", ".join(name for name, _ in profile.targets)
        raise Refused(
            f"profile {profile.name}", f"it does not say where {language} finds its logs",
            f"add targets: {language} to the profile" + (f"; it has {known}" if known else ""),
        )  # fmt: skip
    if profile.records is not None and language != "kql":
        raise Refused(
            f"profile {profile.name}", f"it joins two kinds of record, which {language} is not made to do here",
            "target kql, or join the records as they are taken in",
        )  # fmt: skip
    settings = () if target is None else target.settings
    time = (None if target is None else target.time) or _TIMES[language]
    return Source(profile, language, settings, time, profile.time_resolution)


def own_records(node: Node, profile: Profile) -> tuple[Node, Profile]:
    """The node over the source's own records alone: each search asks for the profile's ``where`` too.

    The profile then carries the paths of ``where`` as fields, whose names no canonical field has.
    """
    if not profile.where:
        return node, profile
    asked: list[Predicate] = []
    carriers: list[Carrier] = []
    for number, (path, text) in enumerate(profile.where, 1):
        field = re.sub(r"\W+", "_", f"record_{path}", flags=re.ASCII)
        field = f"{field}_{number}" if any(field == other.field for other in carriers) else field
        carriers.append(Carrier(field, (path,)))
        number_ = _is_number(profile, path)
        asked.append(Number(field, Decimal(text)) if number_ else Text(field, (text,), cased=True))
    return _asking(node, tuple(asked)), replace(profile, carriers=(*profile.carriers, *carriers))


def _is_number(profile: Profile, path: str) -> bool:
    return profile.raw_type(path, None) in ("integer", "number")


def _asking(node: Node, asked: tuple[Predicate, ...]) -> Node:
    """Every search below asks for these first."""
    match node:
        case Search():
            return replace(node, predicate=all_of([*asked, node.predicate]))
        case Aggregate() | Sequence():
            inputs = tuple(replace(one, node=_asking(one.node, asked)) for one in node.inputs)
            return replace(node, inputs=inputs)
        case _:
            assert_never(node)


def source_columns(read: Iterator[tuple[str, str, str]]) -> tuple[SourceColumn, ...]:
    """(name, type, field) triples as columns, each once."""
    return tuple(SourceColumn(*triple) for triple in dict.fromkeys(read))
