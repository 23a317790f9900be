"""What every Sigma document carries beside its own section: title, id, name, level, tags and so on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from uuid import UUID

from tollwatch.diagnostics import Severity
from tollwatch.sigma.model import Extras, Header
from tollwatch.sigma.report import Report, nearest

LEVELS = ("informational", "low", "medium", "high", "critical")
STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
RELATIONS = ("correlation", "derived", "merged", "obsolete", "renamed", "similar")
TITLE_LIMIT = 256  # Sigma rules specification 2.1.0, "Title"

_DATE = re.compile(r"([1-3][0-9]{3})(?:-([01][0-9])-([0-3][0-9])|/([01]?[0-9])/([0-3]?[0-9]))(?:[Tt ].*)?")
_TAG = re.compile(r"[^.\s][^.]*\..+", re.DOTALL)
_TEXTS = ("description", "author", "license", "taxonomy")
_LISTS = ("references", "falsepositives", "fields", "scope", "related")
_KEYS = frozenset(
    {"title", "id", "name", "status", "level", "date", "modified", "tags", "logsource", "detection", "correlation"}
    | {"filter", "tollwatch", "action", *_TEXTS, *_LISTS}
)
_OPTIONAL = _KEYS - {"title", "logsource", "detection"}  # of the others it is told that they are missing
_EXTRAS = ("response", "schedule", "entities")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def check_header(report: Report, rule: Mapping[str, object]) -> None:
    """Every mistake in the keys that all documents share (SIG010 missing, SIG011 wrong, SIG013 unknown)."""
    _title(report, rule)
    for key, check in _CHECKS.items():
        if rule.get(key) is not None:
            check(report, key, rule[key])
    for key in rule:
        slip = get_close_matches(key, _OPTIONAL - rule.keys(), n=1, cutoff=0.8) if key not in _KEYS else []
        if slip:  # keys of one's own are allowed, so only what looks like a slip is told of
            hint = f"did you mean {slip[0]}?"
            report.note(
                "SIG013", f"{key!r} is no key of Sigma and is ignored", (key,), Severity.WARNING, hint, key=True
            )
    _extras(report, rule)


def require(report: Report, mapping: Mapping[str, object], key: str, path: tuple[str | int, ...], whose: str) -> bool:
    """True where the key is there and not null; else it is told of, with the key that looks like it."""
    if mapping.get(key) is not None:
        return True
    slip = nearest(key, mapping.keys() - _KEYS)
    if key in mapping:
        report.error("SIG010", f"{whose} has an empty `{key}`", (*path, key), key=True, hint=slip)
        return False
    report.error("SIG010", f"{whose} has no `{key}`", path, hint=slip, key=True)
    return False


def header_of(rule: Mapping[str, object], key: str, report: Report) -> Header:
    """The header of a document without mistakes in it."""
    start = report.document.start
    level, status, found = _text(rule.get("level")), _text(rule.get("status")), rule.get("date")
    return Header(
        key=key,
        title=str(rule["title"]),
        path=report.document.source.path,
        line=start.line,
        column=start.column,
        name=_text(rule.get("name")),
        id=normal_id(rule.get("id")),
        level=level and level.lower(),
        status=status and status.lower(),
        description=_text(rule.get("description")),
        author=_text(rule.get("author")),
        date=None if found is None else _day(str(found)),
        references=_texts(rule.get("references")),
        tags=_texts(rule.get("tags")),
        falsepositives=_texts(rule.get("falsepositives")),
        extras=_extras_of(rule),
    )


def normal_id(value: object) -> str | None:
    """A UUID in its usual form (lower case, with hyphens); None where the value is none."""
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def for_pysigma(rule: Mapping[str, object]) -> dict[str, object]:
    """The document with dates in the one form that pySigma reads, times cut off."""
    found = dict(rule)
    for key in ("date", "modified"):
        if found.get(key) is not None:
            found[key] = _day(str(found[key]))
    return found


# ---------------------------------------------------------------- checks


def _title(report: Report, rule: Mapping[str, object]) -> None:
    if not require(report, rule, "title", (), "the document"):
        return
    title = rule["title"]
    if not isinstance(title, str):
        report.error("SIG011", "`title` must be a text", ("title",), hint="put it in quotes")
    elif len(title) > TITLE_LIMIT:
        report.error("SIG011", f"`title` has {len(title)} characters; {TITLE_LIMIT} are allowed", ("title",))


def _check_text(report: Report, key: str, value: object) -> None:
    if not isinstance(value, str):
        report.error("SIG011", f"`{key}` must be a text", (key,))


def _check_name(report: Report, key: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        report.error("SIG011", f"`{key}` must be a text that is not empty", (key,))


def _check_id(report: Report, key: str, value: object) -> None:
    if normal_id(value) is None:
        hint = "to give the rule a readable name, use `name`"
        report.error("SIG011", f"`{key}` must be a UUID", (key,), hint=hint)


def _check_word(words: tuple[str, ...]) -> Callable[[Report, str, object], None]:
    def check(report: Report, key: str, value: object) -> None:
        if isinstance(value, str) and value.lower() in words:
            return
        hint = nearest(str(value), words) or f"one of {', '.join(words)}"
        report.error("SIG011", f"{value!r} is no {key}", (key,), hint=hint)

    return check


def _check_date(report: Report, key: str, value: object) -> None:
    if _day(str(value)) is None:
        report.error("SIG011", f"`{key}` is no date", (key,), hint="write it as 2026-03-01")


def _day(text: str) -> str | None:
    """``2026-03-01``, from that, from slashes (one digit allowed), or with a time behind it."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, *rest = (int(part) for part in found.groups() if part is not None)
    try:
        return date(year, *rest).isoformat()
    except ValueError:
        return None


def _check_list(report: Report, key: str, value: object) -> None:
    if not isinstance(value, list):
        report.error("SIG011", f"`{key}` must be a list", (key,))


def _check_tags(report: Report, key: str, value: object) -> None:
    if not isinstance(value, list):
        report.error("SIG011", f"`{key}` must be a list", (key,))
        return
    for index, tag in enumerate(value):
        if not isinstance(tag, str) or not _TAG.fullmatch(tag):
            hint = "write it as namespace.name, such as attack.t1110.004"
            report.error("SIG011", f"{tag!r} is no tag", (key, index), hint=hint)


def _check_related(report: Report, key: str, value: object) -> None:
    if not isinstance(value, list):
        report.error("SIG011", f"`{key}` must be a list", (key,))
        return
    for index, item in enumerate(value):
        if not isinstance(item, dict) or normal_id(item.get("id")) is None:
            report.error("SIG011", f"an entry of `{key}` must have an `id` that is a UUID", (key, index))
        elif str(item.get("type")).lower() not in RELATIONS:
            hint = nearest(str(item.get("type")), RELATIONS) or f"one of {', '.join(RELATIONS)}"
            report.error("SIG011", f"{item.get('type')!r} is no type of relation", (key, index, "type"), hint=hint)


_CHECKS: Mapping[str, Callable[[Report, str, object], None]] = {
    "id": _check_id,
    "name": _check_name,
    "level": _check_word(LEVELS),
    "status": _check_word(STATUSES),
    "date": _check_date,
    "modified": _check_date,
    "tags": _check_tags,
    **dict.fromkeys(_LISTS, _check_list),
    **dict.fromkeys(_TEXTS, _check_text),
    "related": _check_related,
}


# ---------------------------------------------------------------- tollwatch:


def _extras(report: Report, rule: Mapping[str, object]) -> None:
    extras = rule.get("tollwatch")
    if extras is None:
        return
    if not isinstance(extras, dict):
        report.error("SIG011", "`tollwatch` must be a mapping", ("tollwatch",))
        return
    for key, value in extras.items():
        path = ("tollwatch", key)
        if key not in _EXTRAS:
            report.unknown("SIG013", f"unknown key {key!r} under `tollwatch`", path, key, _EXTRAS, key=True)
        elif key == "response":
            if not isinstance(value, str) or not value.strip():
                report.error("SIG011", "`response` must be a text", path)
        elif not isinstance(value, dict) or not all(_is_scalar(item) for item in value.values()):
            report.error("SIG011", f"`{key}` must be a mapping of names to texts", path)


def _is_scalar(value: object) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _extras_of(rule: Mapping[str, object]) -> Extras:
    extras = rule.get("tollwatch")
    if not isinstance(extras, dict):
        return Extras()
    pairs = {key: tuple((k, str(v)) for k, v in (extras.get(key) or {}).items()) for key in ("schedule", "entities")}
    return Extras(_text(extras.get("response")), pairs["schedule"], pairs["entities"])
