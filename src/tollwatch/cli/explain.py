"""``rules explain``: why a rule fired, or how near it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from tollwatch.cli import render, repository
from tollwatch.cli.options import ProfileOption, Quiet, RulesOption, TextOrJson
from tollwatch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tollwatch.plan.nodes import Node


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's name or id.")],
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="LOGS…", help="Files, globs, or - for standard input.")
    ] = None,
    entity: Annotated[
        list[str] | None, typer.Option("--entity", metavar="FIELD=VALUE", help="Only this entity; repeatable.")
    ] = None,
    rules: RulesOption = None,
    profile: ProfileOption = None,
    timestamp: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Which field holds the time, under --profile none.")
    ] = None,
    output_format: Annotated[TextOrJson, typer.Option("--format", help="For people or programs.")] = TextOrJson.TEXT,
    quiet: Quiet = False,
) -> int:
    """Say why RULE fired on LOGS, or what was missing."""
    from tollwatch.cli.sources import named_logs
    from tollwatch.evaluate.alerts import to_record
    from tollwatch.evaluate.explain import explain as explained
    from tollwatch.logs.read import open_logs

    settings, found = repository.settings_and_rules(rules)
    plan, _ = repository.chosen_plan(found, [rule])
    ((form, paths),) = named_logs(logs, None, profile or settings.profile, settings)
    nodes, refused = repository.fitting(plan, [form])
    if refused:
        render.diagnostics(refused)
        return 2
    wanted = _entity(entity or (), nodes[0])
    log = open_logs(paths, form, fields=repository.needed_fields(nodes), timestamp=timestamp)
    told = explained(nodes[0], log, wanted)
    if output_format is TextOrJson.TEXT:
        render.out(render.safe(told.text))
    else:
        record = {"rule": told.rule, "alerts": [to_record(a) for a in told.alerts], "lines": list(told.lines)}
        render.out(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    render.issues(log.issues, quiet)
    return 0


def _entity(items: Sequence[str], node: Node) -> dict[str, str]:
    """``field=value`` pairs, each a group-by name of the rule."""
    names = getattr(node, "group_by", ())
    found: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--entity {item}: not FIELD=VALUE", "for example --entity source_ip=203.0.113.7")
        if name not in names:
            known = ", ".join(names) or "none"
            raise UsageError(f"--entity {item}: {node.header.key} does not group by {name}", f"it groups by: {known}")
        found[name] = value
    return found
