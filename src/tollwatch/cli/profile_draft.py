"""The start of a profile, guessed from the field names of a sample log."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import TIME_FIELDS, open_logs
from tollwatch.logs.schema import FIELDS

# What sources call a field, by the last part of its path, in lower case without signs.
_NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": tuple(name.rpartition(".")[2] for name in TIME_FIELDS),
    "request_id": ("requestid", "id", "correlationid", "xrequestid"),
    "user_id": ("userid", "user", "principal", "principalemail", "consumer", "actoruserid"),
    "api_key_id": ("apikeyid", "apikey", "accesskeyid", "userapikeyhash"),
    "org_unit": ("teamid", "team", "tenant", "orgid", "projectid"),
    "source_ip": ("sourceip", "sourceipaddress", "clientip", "callerip", "requesteripaddress", "src", "remoteaddress"),
    "user_agent": ("useragent", "httpuseragent"),
    "model_id": ("modelid", "model", "modelname", "requestmodel", "aimodel"),
    "operation": ("operation", "operationname", "calltype", "methodname"),
    "response_code": ("responsecode", "statuscode", "status", "httpstatus"),
    "error_code": ("errorcode", "errortype", "errorclass"),
    "tokens_used": ("tokensused", "totaltokens"),
    "prompt_tokens": ("prompttokens", "inputtokens", "tokensin", "inputtokencount"),
    "completion_tokens": ("completiontokens", "outputtokens", "tokensout", "outputtokencount"),
    "latency_ms": ("latencyms", "durationms"),
    "cost_usd": ("costusd", "cost", "spend", "responsecost"),
}


def draft(name: str, logs: Sequence[str]) -> str:
    """A profile's YAML: what could be guessed, then every path that is left, as comments."""
    blocks = islice(open_logs(logs, load_profile("none")), 1)
    paths = [str(column) for events in blocks for column in events.frame.columns]
    guessed = {field: path for field in FIELDS if (path := _guess(field, paths)) is not None}
    lines = [f"name: {name}", "description: TODO say which source writes this log", "sources:"]
    lines += ["  - {category: ai_api, service: gateway}", "fields:"]
    lines += [f"  {field}: {_quoted(path)}" for field, path in guessed.items()]
    lines += ["# Left over:", *(f"#   {path}" for path in paths if path not in guessed.values())]
    return "\n".join(lines)


def _guess(field: str, paths: Sequence[str]) -> str | None:
    wanted = (field.replace("_", ""), *(_plain(name) for name in _NAMES.get(field, ())))
    by_name = {_plain(path.rpartition(".")[2]): path for path in reversed(paths)}
    return next((by_name[name] for name in wanted if name in by_name), None)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _quoted(path: str) -> str:
    return path if path.replace(".", "").replace("_", "").isalnum() else "'" + path.replace("'", "''") + "'"
