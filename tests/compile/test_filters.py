"""The languages that filter: whole queries of constructs, and what each refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reference.canonical import plan_of
from tollwatch.compile.model import Mode, Options, Query, Tolerance
from tollwatch.compile.registry import compile_node, language
from tollwatch.logs.profile import load_profile

ODD = "a\"b\\c|d]e\nf//g`h$(i)'é"


def compiled(target: str, detection: dict[str, Any], profile: str = "ecs", **options: Any) -> Query:
    """A rule over one event."""
    if "condition" not in detection:
        detection = {"selection": detection, "condition": "selection"}
    rule = {"title": "one", "logsource": {"category": "ai_api", "service": "gateway"}, "detection": detection}
    (node,) = plan_of([rule]).detections
    return compile_node(node, language(target), load_profile(profile), Options(Mode.HUNT, **options))


def last_line(query: Query) -> str:
    """The query without its comment, or why there is none."""
    if query.text is None:
        return f"refused: {query.refused[0].reason}"
    return query.text.rstrip("\n").rpartition("\n")[2]


NUMBER = {"response_code": 401}
NEITHER = {"a": {"user_id": None}, "b": {"response_code|gte": 400}, "condition": "not (a or b)"}

LUCENE = [
    (NUMBER, "ecs", 'http.response.status_code:"401"'),
    ({"response_code|gt": 399}, "ecs", "http.response.status_code:{399 TO *}"),
    ({"user_id": "Ab1"}, "ecs", "user.id:/[aA][bB]1/"),
    ({"user_id|cased": "Ab1"}, "ecs", 'user.id:"Ab1"'),
    ({"user_id|contains": "1/2"}, "ecs", "user.id:/.*1\\/2.*/"),
    ({"source_ip|cidr": "10.0.0.0/8"}, "ecs", 'source.ip:"10.0.0.0/8"'),
    ({"source_ip|cidr": "10.0.0.0/8"}, "litellm", "refused: it is a text there and no ip field"),
    (NEITHER, "ecs", "(*:* AND NOT ((*:* AND NOT _exists_:user.id) OR http.response.status_code:[400 TO *]))"),
    ({"tokens_used|gt": 5}, "ecs", "refused: in the profile ecs it is a sum of columns"),
    (NUMBER, "litellm", '(error_information.error_code:/ *\\+?0*401(\\.0*)? */ AND NOT status:"success")'),
    ({"latency_ms|gt": 2}, "ecs", "event.duration:{2000000 TO *}"),
    (
        {"operation": "chat"}, "ecs",
        (
            '(gen_ai.operation.name:"generate_content" OR (gen_ai.operation.name:/[cC][hH][aA][tT]/ AND NOT '
            'gen_ai.operation.name:"text_completion" AND NOT gen_ai.operation.name:"generate_content"))'
        ),
    ),
    ({"user_id|re": "^a[bc]+$"}, "ecs", "user.id:/a([bc])+/"),
]  # fmt: skip
KUERY = [
    (NUMBER, "ecs", "http.response.status_code: 401"),
    ({"response_code|gt": 399}, "ecs", "http.response.status_code > 399"),
    ({"user_id": "Ab1"}, "ecs", "refused: kuery compares keywords with case"),
    ({"user_id|cased": "Ab1"}, "ecs", 'user.id: "Ab1"'),
    ({"user_id|startswith": "1("}, "ecs", "user.id: 1\\(*"),
    ({"source_ip|cidr": "10.0.0.0/8"}, "ecs", 'source.ip: "10.0.0.0/8"'),
    (NEITHER, "ecs", "not (not user.id: * or http.response.status_code >= 400)"),
    ({"user_id|re": "a"}, "ecs", "refused: kuery has no regular expressions"),
]
EQL = [
    (NUMBER, "ecs", "any where http.response.status_code == 401"),
    ({"user_id": "Ab1"}, "ecs", 'any where user.id : "Ab1"'),
    ({"user_id|cased": "Ab1"}, "ecs", 'any where user.id == "Ab1"'),
    ({"user_id|contains": "\\*"}, "ecs", 'any where user.id regex ".*\\\\*.*"'),
    ({"source_ip|cidr": "10.0.0.0/8"}, "ecs", 'any where cidrMatch(source.ip, "10.0.0.0/8")'),
    (
        NEITHER, "ecs",
        "any where (user.id != null and (http.response.status_code == null or not http.response.status_code >= 400))",
    ),
    ({"user_id|fieldref": "org_unit"}, "ecs", "refused: EQL compares no two fields"),
]  # fmt: skip
STREAM = '{job="ai_gateway"} | json'
IS_401 = r'http_response_status_code =~ " *\\+?0*401(\\.0*)? *"'
LOGQL = [
    (NUMBER, "ecs", f'{STREAM} http_response_status_code="http.response.status_code" | {IS_401}'),
    ({"user_id": "Ab1"}, "ecs", f'{STREAM} user_id="user.id" | user_id =~ "(?is)Ab1"'),
    ({"user_id|cased": "Ab1"}, "ecs", f'{STREAM} user_id="user.id" | user_id = "Ab1"'),
    ({"source_ip|cidr": "10.0.0.0/8"}, "ecs", f'{STREAM} source_ip="source.ip" | source_ip = ip("10.0.0.0/8")'),
    ({"user_id": None}, "ecs", f'{STREAM} user_id="user.id" | user_id = ""'),
    ({"user_id|fieldref": "org_unit"}, "ecs", "refused: LogQL compares no two labels"),
]
CASES = [
    *(("lucene", *case) for case in LUCENE),
    *(("kuery", *case) for case in KUERY),
    *(("eql", *case) for case in EQL),
    *(("logql", *case) for case in LOGQL),
]


@pytest.mark.parametrize(("target", "detection", "profile", "expected"), CASES)
def test_one_event(target: str, detection: dict[str, Any], profile: str, expected: str) -> None:
    assert last_line(compiled(target, detection, profile)) == expected


def correlation(target: str, body: dict[str, Any], *rules: tuple[str, dict[str, Any]], profile: str = "ecs") -> Query:
    """A correlation over named single events."""
    documents: list[dict[str, Any]] = [
        {
            "title": name,
            "name": name,
            "logsource": {"category": "ai_api", "service": "gateway"},
            "detection": {"selection": detection, "condition": "selection"},
        }
        for name, detection in rules
    ]
    names = [name for name, _ in rules]
    documents.append({"title": "many", "correlation": {"rules": names, "timespan": "1h", **body}})
    (node,) = plan_of(documents).detections
    return compile_node(node, language(target), load_profile(profile), Options(Mode.SCHEDULED))


REFUSED = ("refused", NUMBER)
ACCEPTED = ("accepted", {"response_code": 200})
COUNT = {"type": "event_count", "group-by": ["source_ip"], "condition": {"gte": 3}}
VALUES = {"type": "value_count", "group-by": ["source_ip"], "condition": {"field": "api_key_id", "gt": 4}}
ORDER = {"type": "temporal_ordered", "group-by": ["source_ip"]}


def test_a_count_is_a_threshold_rule() -> None:
    query = correlation("kuery", COUNT, REFUSED)
    assert json.loads(query.text or "") == {
        "type": "threshold",
        "language": "kuery",
        "index": ["logs-ai_gateway-*"],
        "query": "http.response.status_code: 401",
        "threshold": {"field": ["source.ip"], "value": 3, "cardinality": []},
        "interval": "300s",
        "from": "now-3600s",
    }
    assert query.tolerance == Tolerance(
        600, 0, "what fits in 50m of the 1h is always found; nothing longer than 1h fires"
    )
    values = json.loads(correlation("kuery", VALUES, REFUSED).text or "")
    assert values["threshold"] == {
        "field": ["source.ip"], "value": 1, "cardinality": [{"field": "labels.api_key_id", "value": 5}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "rules", "expected"),
    [
        (COUNT, (REFUSED,), (
            "sequence by source.ip with maxspan=1h",
            "  [any where (source.ip != null and http.response.status_code == 401)] with runs=3",
        )),
        (ORDER, (REFUSED, ACCEPTED), (
            "sequence by source.ip with maxspan=1h",
            "  [any where (source.ip != null and http.response.status_code == 401)]",
            "  [any where (source.ip != null and http.response.status_code == 200)]",
        )),
    ],
)  # fmt: skip
def test_sequences(body: dict[str, Any], rules: tuple[Any, ...], expected: tuple[str, ...]) -> None:
    query = correlation("eql", body, *rules)
    assert tuple(line for line in (query.text or "").splitlines() if not line.startswith("//")) == expected


def test_metric_queries() -> None:
    code = 'http_response_status_code="http.response.status_code"'
    refused = f'{STREAM} source_ip="source.ip", {code} | {IS_401} | source_ip != ""'
    accepted = refused.replace("401", "200")
    looked = "[3600001ms] offset 300s"
    assert last_line(correlation("logql", COUNT, REFUSED)) == (
        f"sum by (source_ip) (count_over_time({refused} {looked})) >= 3"
    )
    query = correlation("logql", ORDER, REFUSED, ACCEPTED)
    stamp = '| label_format at="{{ __timestamp__ | unixEpochMillis }}" | unwrap at'
    assert (query.text or "").splitlines()[-3:] == [
        f"max by (source_ip) (max_over_time({accepted} {stamp} {looked}))",
        "> on (source_ip)",
        f"min by (source_ip) (min_over_time({refused} {stamp} {looked}))",
    ]
    keyed = refused.replace("json source", 'json labels_api_key_id="labels.api_key_id", source')
    counted = f'{keyed} | labels_api_key_id != ""'
    assert last_line(correlation("logql", VALUES, REFUSED)) == (
        f"count by (source_ip) (sum by (source_ip, labels_api_key_id) (count_over_time({counted} {looked}))) > 4"
    )
