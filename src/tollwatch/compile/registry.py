"""The query languages: one table, to which a package adds its own under the entry point group ``tollwatch.targets``.

An entry point's name is the language's, its value a ``Language`` (``tollwatch-sumo = "my_package:SUMO"``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata

from tollwatch.compile.model import Grade, Options, Query, Refusal, Refused
from tollwatch.compile.source import own_records
from tollwatch.diagnostics import closest
from tollwatch.errors import UsageError
from tollwatch.logs.profile import Profile
from tollwatch.plan.fit import unfit
from tollwatch.plan.nodes import Node

GROUP = "tollwatch.targets"

Compiler = Callable[[Node, Profile, Options], Query]


@dataclass(frozen=True, slots=True)
class Language:
    """A query language.

    ``compiler`` is ``module:function``, imported when it is needed; it raises Refused for what the language cannot say.
    """

    name: str
    title: str
    compiler: str
    aliases: tuple[str, ...] = ()

    def load(self) -> Compiler:
        """The function that compiles a node for a profile."""
        module, _, function = self.compiler.partition(":")
        found: Compiler = getattr(import_module(module), function)
        return found


def _built_in(name: str, title: str, *aliases: str) -> Language:
    return Language(name, title, f"tollwatch.compile.{name}:compile_{name}", aliases)


LANGUAGES = (
    _built_in("spl", "Splunk's search language", "splunk"),
    _built_in("kql", "Kusto: Microsoft Sentinel, Defender XDR, Azure Data Explorer", "sentinel", "kusto"),
    _built_in("esql", "Elastic's ES|QL"),
    _built_in("eql", "Elastic's Event Query Language"),
    _built_in("kuery", "Kibana's own query language, alone and in threshold rules", "kibana-kql"),
    _built_in("lucene", "Lucene's query string, as Kibana reads it"),
    _built_in("logql", "Grafana Loki's LogQL"),
)


def languages() -> tuple[Language, ...]:
    """Those of the package, and those that installed packages add."""
    return (*LANGUAGES, *_added())


def _added() -> Iterator[Language]:
    for entry in metadata.entry_points(group=GROUP):
        found = entry.load()
        if isinstance(found, Language):
            yield found


def language(name: str) -> Language:
    """A language by its name or alias.

    Raises:
        UsageError: there is none.
    """
    known = languages()
    for one in known:
        if name in (one.name, *one.aliases):
            return one
    names = [word for one in known for word in (one.name, *one.aliases)]
    raise UsageError(f"there is no target {name!r}", closest(name, names) or f"there are: {', '.join(names)}")


def compile_node(node: Node, target: Language, profile: Profile, options: Options) -> Query:
    """The node as a query, or as a refused one that says why. Raises nothing for what cannot be said."""
    missing = unfit(node, profile)
    if missing:
        refusals = tuple(
            Refusal(diagnostic.code, diagnostic.message.removeprefix(f"{node.header.key}: "), diagnostic.hint)
            for diagnostic in missing
        )
        return _refused(node, target, profile, options, refusals)
    try:
        return target.load()(*own_records(node, profile), options)
    except Refused as refused:
        return _refused(node, target, profile, options, (refused.refusal,))


def _refused(node: Node, target: Language, profile: Profile, options: Options, refusals: tuple[Refusal, ...]) -> Query:
    return Query(node.header.key, target.name, profile.name, options.mode, Grade.REFUSED, None, refused=refusals)
