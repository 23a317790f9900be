"""Files and folders of Sigma YAML → RuleSet.

Codes: SIG001 unreadable file, SIG002 not UTF-8 text, SIG003 broken YAML, SIG004 YAML that is refused (too deep, too
large, aliases, tags), SIG005 duplicate key, SIG006 a number that readers understand differently, SIG007 no Sigma
document, SIG010 missing key, SIG011 wrong value, SIG012 duplicate id or name, SIG013 unknown key, SIG020 unknown
modifier, SIG021 value that the modifier or field cannot take, SIG022 unknown field, SIG023 bad selection, SIG024
placeholder, SIG030 condition does not parse, SIG031 condition names no selection, SIG032 pattern matches nothing,
SIG040 reference to no rule, SIG041 cycle, SIG042 timespan, SIG043 correlation type, SIG044 field or percentile,
SIG045 threshold, SIG046 extended condition, SIG047 aliases, SIG048 list of rules, SIG050 filter, SIG060 left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tollwatch.diagnostics import Diagnostic, in_order
from tollwatch.sigma.drafts import Draft, read_drafts, register
from tollwatch.sigma.event_rules import Given
from tollwatch.sigma.files import read_sources
from tollwatch.sigma.model import RuleSet
from tollwatch.sigma.report import from_flaw
from tollwatch.sigma.resolve import resolve
from tollwatch.sigma.yaml_source import Flaw, read_documents


def load(
    paths: Sequence[str | Path],
    *,
    placeholders: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    known_fields: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> RuleSet:
    """Every rule in these files and folders (see ``files.read_sources``), and every mistake in them.

    ``placeholders``: name → the values of ``expand``. ``known_fields``: log source category → field names; rules of
    such a category may only name those. The result is the same in whatever order the paths are given.

    Raises:
        UsageError: a path does not exist.
    """
    given = Given(placeholders, known_fields)
    sources, mistakes = read_sources(paths)
    drafts: list[Draft] = []
    with warnings.catch_warnings():
        # Python warns of regular expressions that a later version may read differently; Sigma's flavour is PCRE.
        warnings.simplefilter("ignore", FutureWarning)
        for source in sources:
            found = list(read_documents(source))
            mistakes += [from_flaw(source, flaw) for flaw in found if isinstance(flaw, Flaw)]
            drafts += read_drafts((document for document in found if not isinstance(document, Flaw)), given)
        rules = resolve(register(drafts), known_fields)
    told: list[Diagnostic] = [*mistakes, *(one for draft in drafts for one in draft.report.found)]
    return RuleSet(rules, in_order(told))
