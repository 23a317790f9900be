"""Macros out of a macros.conf. Splunk's "Admin Manual", "macros.conf"."""

from __future__ import annotations

import configparser
import re

from tollwatch.errors import UsageError

_STANZA = re.compile(r"(?P<name>[^()]+)(\((?P<count>\d+)\))?")


def read_macros(text: str) -> dict[str, str]:
    """Each macro's signature, ``name`` or ``name(first, second)``, and its definition.

    A definition that Splunk would evaluate first (``iseval``) is left out, and so unknown where it is used.

    Raises:
        UsageError: the text is no macros.conf, or a macro does not name its arguments.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",), comment_prefixes=("#",))
    try:
        parser.read_string(text.replace("\\\n", "\n "))
    except configparser.Error as error:
        raise UsageError(f"the macros cannot be read: {error.message}", "write them as in a macros.conf") from None
    found = {}
    for stanza in parser.sections():
        section = parser[stanza]
        if section.getboolean("iseval", False) or "definition" not in section:
            continue
        named = _STANZA.fullmatch(stanza.strip())
        arguments = [one.strip() for one in section.get("args", "").split(",") if one.strip()]
        if named is None or len(arguments) != int(named["count"] or 0):
            raise UsageError(f"the macro [{stanza}] does not name its arguments", "add args = first, second")
        signature = f"{named['name']}({', '.join(arguments)})" if arguments else named["name"]
        found[signature] = section["definition"].strip()
    return found
