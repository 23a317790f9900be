"""The patterns that GROK knows by name: what each matches, in Python's regular expressions.

Elastic's reference, "Grok basics"; the names are those of the patterns for the Elastic Common Schema.
"""

from __future__ import annotations

from collections.abc import Mapping

_OCTET = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_FOUR = rf"{_OCTET}(?:[.]{_OCTET}){{3}}"
_BYTE = "[A-Fa-f0-9]{2}"
_HEX = "[0-9A-Fa-f]{1,4}"
# An IPv6 address: eight numbers, or fewer with a gap, and the last two perhaps as an IPv4 address.
_SIX = "|".join(
    [
        rf"(?:{_HEX}:){{7}}{_HEX}",
        rf"(?:{_HEX}:){{6}}{_FOUR}",
        *(
            rf"(?:{_HEX}:){{{before}}}(?::(?:{_HEX}:){{0,{5 - before}}}{_FOUR}|(?::{_HEX}){{1,{7 - before}}})"
            for before in range(5, 0, -1)
        ),
        rf"(?:{_HEX}:){{6}}:{_HEX}",
        rf":(?:(?::{_HEX}){{0,5}}:{_FOUR}|(?::{_HEX}){{1,7}}|:)",
        rf"(?:{_HEX}:){{1,7}}:",
    ]
)

PATTERNS: Mapping[str, str] = {
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": r'"(?:\\.|[^\\"])*"|' + r"'(?:\\.|[^\\'])*'|`(?:\\.|[^\\`])*`",
    "QS": "%{QUOTEDSTRING}",
    "INT": r"[+-]?[0-9]+",
    "POSINT": r"\b[1-9][0-9]*\b",
    "NONNEGINT": r"\b[0-9]+\b",
    "BASE10NUM": r"(?<![0-9.+-])(?>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": r"(?<![0-9A-Fa-f])[+-]?(?:0x)?[0-9A-Fa-f]+",
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": "%{USERNAME}",
    "EMAILLOCALPART": r"[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~]{1,64}(?:\.[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~]{1,62}){0,63}",
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "MAC": rf"(?:{_BYTE * 2}\.){{2}}{_BYTE * 2}|(?:{_BYTE}-){{5}}{_BYTE}|(?:{_BYTE}:){{5}}{_BYTE}",
    "IPV4": rf"(?<![0-9]){_FOUR}(?![0-9])",
    "IPV6": rf"(?:{_SIX})(?:%.+)?",
    "IP": "%{IPV6}|%{IPV4}",
    "HOSTNAME": r"\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*(?:\.?|\b)",
    "IPORHOST": "%{IP}|%{HOSTNAME}",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "UNIXPATH": r"(?:/[A-Za-z0-9_%!$@:.,+~-]*)+",
    "WINPATH": r"(?>[A-Za-z]+:|\\)(?:\\[^\\?*]*)+",
    "PATH": "%{UNIXPATH}|%{WINPATH}",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+\-.]+",
    "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_\-]*)+",
    "URIQUERY": r"[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\-\[\]<>]*",
    "URIPARAM": r"\?%{URIQUERY}",
    "URIPATHPARAM": r"%{URIPATH}(?:\?%{URIQUERY})?",
    "URI": r"%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:\?%{URIQUERY})?)?",
    "MONTHNUM": "0?[1-9]|1[0-2]",
    "MONTHDAY": "0[1-9]|[12][0-9]|3[01]|[1-9]",
    "YEAR": r"(?>\d\d){1,2}",
    "HOUR": "2[0-3]|[01]?[0-9]",
    "MINUTE": "[0-5][0-9]",
    "SECOND": "(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?",
    "ISO8601_TIMEZONE": "Z|[+-]%{HOUR}(?::?%{MINUTE})",
    "TIMESTAMP_ISO8601": (
        "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?"
    ),
}
