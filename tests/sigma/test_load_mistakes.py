from __future__ import annotations

from pathlib import Path

import pytest
from sigma_inputs import FAILURE, SUCCESS, keys, load_text, short

from tollwatch.diagnostics import Severity, render

Mistake = tuple[str, int, int, str, str | None]

# ---------------------------------------------------------------- one event rule: a head of 3 lines, then the text

HEAD = "title: A rule\nlogsource: {category: ai_api}\ndetection:\n"

DETECTION: dict[str, tuple[str, list[Mistake]]] = {
    "unknown modifier": (
        "  s:\n    user_id|contians: x\n  condition: s\n",
        [("SIG020", 5, 5, "unknown modifier 'contians'", "did you mean contains?")],
    ),
    "no modifier after the bar": (
        "  s:\n    user_id|: x\n  condition: s\n",
        [("SIG020", 5, 5, "a modifier is missing after `|`", None)],
    ),
    "a modifier that does not take the value": (
        "  s:\n    tokens_used|gt: [5, many]\n  condition: s\n",
        [("SIG021", 5, 25, "`gt` cannot be applied to the text 'many'", "`gt` needs a number")],
    ),
    "a modifier before the one it needs": (
        "  s:\n    user_id|i: x\n  condition: s\n",
        [("SIG021", 5, 16, "`i` cannot be applied to the text 'x'", "`i` must follow `re`")],
    ),
    "a value of the second of a list of mappings": (
        "  s:\n    - user_id: a\n    - user_id|exists: 3\n  condition: s\n",
        [("SIG021", 6, 23, "`exists` cannot be applied to the number '3'", "`exists` needs true or false")],
    ),
    "a number as pattern": (
        "  s: {user_agent|re: 5}\n  condition: s\n",
        [("SIG021", 4, 22, "`re` needs a text", "put the value in quotes")],
    ),
    "no network": (
        "  s: {source_ip|cidr: [10.0.0.0/8, ten]}\n  condition: s\n",
        [
            (
                "SIG021",
                4,
                36,
                "`cidr`: Invalid CIDR expression: 'ten' does not appear to be an IPv4 or IPv6 network",
                None,
            )
        ],
    ),
    "wide of what is not ASCII": (
        "  s: {user_agent|wide: é}\n  condition: s\n",
        [("SIG021", 4, 24, "`wide`: Wide modifier only allowed for ascii strings, input string 'é' isn't one", None)],
    ),
    "utf16 in Base64": (
        "  s: {user_agent|utf16|base64: x}\n  condition: s\n",
        [("SIG021", 4, 32, "`utf16` with `base64` is not supported", "use `utf16le|base64offset|contains`")],
    ),
    "Base64 of an escaped wildcard": (
        "  s: {user_agent|base64: 'a\\*'}\n  condition: s\n",
        [("SIG021", 4, 26, "`base64` of a text with an escaped wildcard is not supported", "encode the text by hand")],
    ),
    "dashes without end": (
        "  s: {user_agent|windash: -a -b -c -d -e -f -g}\n  condition: s\n",
        [
            (
                "SIG021",
                4,
                27,
                "`windash` makes more than 20,000 texts",
                "split the value into several, with `all`",
            )
        ],
    ),
    "a placeholder without value": (
        "  s: {user_id|expand: 'x-%admin%'}\n  condition: s\n",
        [("SIG024", 4, 26, "the placeholder %admin% has no value", "did you mean admins?")],
    ),
    "a placeholder nowhere near": (
        "  s: {user_id|expand: '%zzz%'}\n  condition: s\n",
        [
            (
                "SIG024",
                4,
                24,
                "the placeholder %zzz% has no value",
                "give it one in rules.toml: under [placeholders], zzz = [...]",
            )
        ],
    ),
    "several values that must all be there": (
        "  s: {user_id|expand|contains|all: ['%admins%', b]}\n  condition: s\n",
        [
            (
                "SIG024",
                4,
                37,
                "`all` cannot be combined with a placeholder of several values",
                "write one item for each value, without `all`",
            )
        ],
    ),
    "unknown field": (
        "  s: {user_id: a}\n  t:\n    - userid|startswith: b\n  condition: s or t\n",
        [("SIG022", 6, 7, "unknown field 'userid'", "did you mean user_id?")],
    ),
    "unknown field referred to": (
        "  s: {user_id|fieldref: sourceip}\n  condition: s\n",
        [("SIG022", 4, 25, "unknown field 'sourceip'", "did you mean source_ip?")],
    ),
    "a mapping below a field": (
        "  s: {user_id: {contains: x}}\n  condition: s\n",
        [
            (
                "SIG021",
                4,
                16,
                "a value cannot be a mapping",
                "is the indentation wrong? a selection has no levels below its fields",
            )
        ],
    ),
    "no values": (
        "  s: {user_id: []}\n  condition: s\n",
        [("SIG021", 4, 7, "the list of values is empty", "`null` matches no value")],
    ),
    "empty selections": (
        "  s:\n  t: []\n  u: [null]\n  condition: 1 of them\n",
        [
            ("SIG023", 4, 3, "the selection is empty", None),
            ("SIG023", 5, 3, "the selection is empty", None),
            ("SIG023", 6, 7, "null is no keyword", None),
        ],
    ),
    "no selection": (
        "  condition: s\n",
        [
            ("SIG023", 3, 1, "the detection has no selection", None),
            ("SIG031", 4, 14, "the condition names the selection 's', which does not exist", None),
        ],
    ),
    "no condition": (
        "  s: {user_id: a}\n  conditions: s\n",
        [("SIG010", 3, 1, "the detection has no `condition`", "did you mean conditions?")],
    ),
    "a condition that is no text": (
        "  s: {user_id: a}\n  condition: [s, {s: t}]\n",
        [("SIG030", 5, 18, "a condition must be a text", None)],
    ),
    "old counting": (
        "  s: {user_id: a}\n  timeframe: 5m\n  condition: s | count() > 5\n",
        [
            ("SIG013", 5, 3, "`timeframe` is no longer part of Sigma", "write a correlation with a `timespan`"),
            ("SIG030", 6, 16, "`|` is not expected here", "counting (`| count()`) is written as a correlation"),
        ],
    ),
    "a selection that does not exist": (
        "  sel_a: {user_id: a}\n  condition: sel_a and not sel_b\n",
        [
            (
                "SIG031",
                5,
                28,
                "the condition names the selection 'sel_b', which does not exist",
                "did you mean sel_a?",
            )
        ],
    ),
    "the second condition, the second time, in a folded text": (
        "  s: {user_id: a}\n  condition:\n    - s\n    - >-\n      s or\n      (s and t)\n      or t\n",
        [
            ("SIG031", 9, 14, "the condition names the selection 't', which does not exist", None),
            ("SIG031", 10, 10, "the condition names the selection 't', which does not exist", None),
        ],
    ),
    "a pattern that matches nothing": (
        "  sel_a: {user_id: a}\n  _sel: {user_id: b}\n  condition: sel_a or 1 of sol_*\n",
        [("SIG032", 6, 28, "no selection matches 'sol_*'", "did you mean sel_a?")],
    ),
    "operators in capitals": (
        "  s: {user_id: a}\n  condition: s AND s\n",
        [("SIG030", 5, 16, "`AND` is not expected here", "operators are written in lower case: `and`")],
    ),
    "a wildcard without quantifier": (
        "  s: {user_id: a}\n  condition: s*\n",
        [("SIG030", 5, 14, "`s*` is not expected here", "write `1 of s*` or `all of s*`")],
    ),
    "brackets": (
        "  s: {user_id: a}\n  condition: (s and (s)\n",
        [("SIG030", 5, 23, "a closing bracket is missing", None)],
    ),
    "two of them": (
        "  s: {user_id: a}\n  condition: 2 of them\n",
        [("SIG030", 5, 14, "`2 of` is not defined", "use `1 of`, `any of` or `all of`")],
    ),
    "every mistake at once": (
        "  s:\n    userid: a\n    model_id|contains: 5\n    user_id|foo: x\n  condition: s and t\n",
        [
            ("SIG022", 5, 5, "unknown field 'userid'", "did you mean user_id?"),
            (
                "SIG021",
                6,
                24,
                "`contains` cannot be applied to the number '5'",
                "`contains` needs a text, and goes with few other modifiers",
            ),
            ("SIG020", 7, 5, "unknown modifier 'foo'", None),
            ("SIG031", 8, 20, "the condition names the selection 't', which does not exist", None),
        ],
    ),
    "an octal number": (
        "  s: {response_code: 0401}\n  condition: s\n",
        [
            (
                "SIG006",
                4,
                22,
                "0401 is an octal number to some readers and a decimal to others",
                "put it in quotes, or leave out the zero",
            )
        ],
    ),
    "a tag": (
        "  s: {user_id: !!binary eHg=}\n  condition: s\n",
        [("SIG004", 4, 16, "the tag !!binary is not supported here", None)],
    ),
    "a duplicate key beside another mistake": (
        "  s: {user_id: a, user_id: b}\n  condition: t\n",
        [
            ("SIG005", 4, 19, "the key 'user_id' is already in line 4", "merge the two"),
            ("SIG031", 5, 14, "the condition names the selection 't', which does not exist", None),
        ],
    ),
}


@pytest.mark.parametrize("case", DETECTION)
def test_a_mistake_in_a_detection(tmp_path: Path, case: str) -> None:
    text, expected = DETECTION[case]
    found = load_text(tmp_path, HEAD + text, SUCCESS)
    assert short(found) == expected
    assert keys(found) == ["success"]


# ---------------------------------------------------------------- whole documents

SIGMA = "a Sigma document is a mapping with a title, and a logsource and a detection, a correlation or a filter"

DOCUMENTS: dict[str, tuple[str, list[Mistake]]] = {
    "another kind of file": ("name: x\non: push\n", [("SIG007", 1, 1, "this is no Sigma document", SIGMA)]),
    "a title alone": (
        "title: x\n",
        [
            ("SIG010", 1, 1, "the rule has no `detection`", None),
            ("SIG010", 1, 1, "the rule has no `logsource`", None),
        ],
    ),
    "slips in keys": (
        "titel: x\nlog-source: {category: a}\ndetections: {}\nlevle: high\n",
        [
            ("SIG010", 1, 1, "the document has no `title`", "did you mean titel?"),
            ("SIG010", 1, 1, "the rule has no `detection`", "did you mean detections?"),
            ("SIG010", 1, 1, "the rule has no `logsource`", "did you mean log-source?"),
            ("SIG013", 4, 1, "'levle' is no key of Sigma and is ignored", "did you mean level?"),
        ],
    ),
    "wrong values": (
        (
            "title: 5\nid: x\nname: ''\nstatus: testing\nlevel: hgih\ndate: 2026-13-01\nmodified: yesterday\n"
            "tags: [a, attack.t1110, 5]\nreferences: http\nauthor: [a]\nrelated: [{id: x}, "
            "{id: 5638f7c0-ac70-491d-8465-2a65075e0d86, type: simlar}]\n"
            "logsource: {category: 5}\ndetection: x\n"
        ),
        [
            ("SIG011", 1, 8, "`title` must be a text", "put it in quotes"),
            ("SIG011", 2, 5, "`id` must be a UUID", "to give the rule a readable name, use `name`"),
            ("SIG011", 3, 7, "`name` must be a text that is not empty", None),
            ("SIG011", 4, 9, "'testing' is no status", "did you mean test?"),
            ("SIG011", 5, 8, "'hgih' is no level", "did you mean high?"),
            ("SIG011", 6, 7, "`date` is no date", "write it as 2026-03-01"),
            ("SIG011", 7, 11, "`modified` is no date", "write it as 2026-03-01"),
            ("SIG011", 8, 8, "'a' is no tag", "write it as namespace.name, such as attack.t1110.004"),
            ("SIG011", 8, 25, "5 is no tag", "write it as namespace.name, such as attack.t1110.004"),
            ("SIG011", 9, 13, "`references` must be a list", None),
            ("SIG011", 10, 9, "`author` must be a text", None),
            ("SIG011", 11, 11, "an entry of `related` must have an `id` that is a UUID", None),
            ("SIG011", 11, 69, "'simlar' is no type of relation", "did you mean similar?"),
            ("SIG011", 12, 23, "`category` must be a text", None),
            (
                "SIG023",
                13,
                12,
                "`detection` must be a mapping of selections and a condition",
                None,
            ),
        ],
    ),
    "a log source of nothing": (
        "title: x\nlogsource: {definition: y}\ndetection: {s: {a: b}, condition: s}\n",
        [
            (
                "SIG011",
                2,
                1,
                "`logsource` names no category, product or service",
                "give it a category, product or service",
            )
        ],
    ),
    "tollwatch": (
        (
            "title: x\nlogsource: {category: a}\ndetection: {s: {a: b}, condition: s}\n"
            "tollwatch: {respose: x, response: [], schedule: x, entities: {a: [b]}}\n"
        ),
        [
            ("SIG013", 4, 13, "unknown key 'respose' under `tollwatch`", "did you mean response?"),
            ("SIG011", 4, 35, "`response` must be a text", None),
            ("SIG011", 4, 49, "`schedule` must be a mapping of names to texts", None),
            ("SIG011", 4, 62, "`entities` must be a mapping of names to texts", None),
        ],
    ),
    "no mapping": (
        "- title: x\n---\njust text\n",
        [
            (
                "SIG007",
                line,
                1,
                "this document is no mapping",
                SIGMA,
            )
            for line in (1, 3)
        ],
    ),
    "collections of the old kind": (
        "action: global\ntitle: x\ndetection: {s: {a: b}}\n---\nlogsource: {category: a}\n---\naction: repeat\n",
        [
            (
                "SIG007",
                line,
                1,
                f"`action: {action}` is not supported",
                "write each rule out in full, or move what is shared into a correlation",
            )
            for line, action in ((1, "global"), (7, "repeat"))
        ],
    ),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_mistake_in_a_document(tmp_path: Path, case: str) -> None:
    text, expected = DOCUMENTS[case]
    found = load_text(tmp_path, text, SUCCESS)
    assert short(found) == expected
    assert keys(found) == ["success"]


# ---------------------------------------------------------------- broken YAML

BROKEN: dict[str, tuple[str, list[Mistake]]] = {
    "a wildcard without quotes": (
        f"title: x\ndetection: {{s: {{a: *b}}}}\n---\n{FAILURE}",
        [
            (
                "SIG003",
                2,
                20,
                "broken YAML: found undefined alias",
                "a value that starts with * or & must stand in quotes",
            )
        ],
    ),
    "a colon without quotes": (
        f"title: a: b\n---\n{FAILURE}",
        [
            (
                "SIG003",
                1,
                9,
                "broken YAML: mapping values are not allowed in this context",
                "a value that contains ': ' must stand in quotes; or is the indentation wrong?",
            )
        ],
    ),
    "a tab": (
        f"title: x\ndetection:\n\ts: x\n---\n{FAILURE}",
        [
            (
                "SIG003",
                3,
                1,
                (
                    "broken YAML: found character that cannot start any token while scanning for the next token"
                    " that began in line 3"
                ),
                "indent with spaces, not with tabs",
            )
        ],
    ),
    "a bracket that stays open": (
        f"title: x\ntags: [a, b\n---\n{FAILURE}",
        [
            (
                "SIG003",
                3,
                1,
                "broken YAML: did not find expected ',' or ']' while parsing a flow sequence that began in line 2",
                None,
            )
        ],
    ),
    "two of three": (
        f"a: [\n---\n{FAILURE}---\n'x\n",
        [
            (
                "SIG003",
                2,
                1,
                "broken YAML: did not find expected node content while parsing a flow node that began in line 2",
                None,
            ),
            (
                "SIG003",
                11,
                1,
                "broken YAML: found unexpected end of stream while scanning a quoted scalar that began in line 10",
                None,
            ),
        ],
    ),
    "aliases on the line of the document's start": (
        f"--- *a\n--- *b\n---\n{FAILURE}",
        [
            (
                "SIG003",
                line,
                5,
                "broken YAML: found undefined alias",
                "a value that starts with * or & must stand in quotes",
            )
            for line in (1, 2)
        ],
    ),
    "keys that are no texts": (
        f"[a, b]: c\n? {{x: y}}\n: z\n<<: {{d: e}}\n---\n{FAILURE}",
        [
            ("SIG004", 1, 1, "a key must be a single text", None),
            ("SIG004", 2, 3, "a key must be a single text", None),
            ("SIG004", 4, 1, "merge keys (<<) are not supported", "write the keys out"),
        ],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_yaml_costs_its_own_document_only(tmp_path: Path, case: str) -> None:
    text, expected = BROKEN[case]
    found = load_text(tmp_path, text)
    assert short(found) == expected
    assert keys(found) == ["failure"]


def test_the_same_name_or_id_twice_is_told_at_the_second(tmp_path: Path) -> None:
    one = FAILURE + "id: 5638f7c0-ac70-491d-8465-2a65075e0d86\n"
    two = SUCCESS + "id: 5638F7C0-AC70-491D-8465-2A65075E0D86\n"
    found = load_text(tmp_path, one, two, FAILURE)
    assert [(d.path, *mistake[:4]) for d, mistake in zip(found.diagnostics, short(found), strict=True)] == [
        (
            str(tmp_path / "b.yml"),
            "SIG012",
            7,
            5,
            f"the id '5638f7c0-ac70-491d-8465-2a65075e0d86' is already that of {tmp_path}/a.yml:1",
        ),
        (str(tmp_path / "c.yml"), "SIG012", 2, 7, f"the name 'failure' is already that of {tmp_path}/a.yml:1"),
    ]
    assert keys(found) == ["failure"]


def test_more_mistakes_than_anyone_reads_are_cut(tmp_path: Path) -> None:
    items = "".join(f"    f{number}|contains: {number}\n" for number in range(500))
    found = load_text(tmp_path, f"title: x\nlogsource: {{product: p}}\ndetection:\n  s:\n{items}  condition: s\n")
    assert len(found.diagnostics) == 51
    assert found.diagnostics[0].message == "more than 50 mistakes in this document; the others are not shown"


def test_the_text_of_a_mistake(tmp_path: Path) -> None:
    found = load_text(tmp_path, HEAD + "  selection:\n    user_id|contians: x\n  condition: selction\n")
    assert [render(d).replace(str(tmp_path), "rules") for d in found.diagnostics] == [
        (
            "rules/a.yml:5:5: SIG020 unknown modifier 'contians'\n"
            "    5 |     user_id|contians: x\n"
            "      |     ^\n"
            "      hint: did you mean contains?"
        ),
        (
            "rules/a.yml:6:14: SIG031 the condition names the selection 'selction', which does not exist\n"
            "    6 |   condition: selction\n"
            "      |              ^\n"
            "      hint: did you mean selection?"
        ),
    ]


def test_a_key_that_looks_like_a_slip_is_a_warning(tmp_path: Path) -> None:
    found = load_text(tmp_path, FAILURE + "levl: high\nmine: 1\n")
    assert short(found) == [("SIG013", 7, 1, "'levl' is no key of Sigma and is ignored", "did you mean level?")]
    assert found.diagnostics[0].severity is Severity.WARNING
    assert keys(found) == ["failure"]
