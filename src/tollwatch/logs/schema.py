"""The canonical fields of an AI API event: the names that the pack's rules are written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    """The canonical type of a field. MONEY is integer micro-dollars inside, dollars in rules and logs."""

    TIMESTAMP = "timestamp"
    TEXT = "text"
    IP = "ip"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MONEY = "money"


class Privacy(StrEnum):
    """NONE: says nothing of a person. IDENTIFIER: points at one. CONTENT: what was said; never a field of ours."""

    NONE = "none"
    IDENTIFIER = "identifier"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field."""

    name: str
    type: FieldType
    description: str
    unit: str | None = None
    privacy: Privacy = Privacy.NONE


def _field(
    name: str, type_: FieldType, description: str, unit: str | None = None, privacy: Privacy = Privacy.NONE
) -> Field:
    return Field(name, type_, description, unit, privacy)


_TEXT, _INTEGER, _ID = FieldType.TEXT, FieldType.INTEGER, Privacy.IDENTIFIER

CANONICAL: tuple[Field, ...] = (
    _field("timestamp", FieldType.TIMESTAMP, "when the request was received, UTC"),
    _field("request_id", _TEXT, "the gateway's id of the request"),
    _field("user_id", _TEXT, "the principal that the request is accounted to", privacy=_ID),
    _field("api_key_id", _TEXT, "the id or hash of the key (never the key)", privacy=_ID),
    _field("org_unit", _TEXT, "the team or tenant"),
    _field("source_ip", FieldType.IP, "the client's address; the profile says which one", privacy=_ID),
    _field("user_agent", _TEXT, "the client's software, as it names itself"),
    _field("region", _TEXT, "the cloud region that served the request"),
    _field("provider", _TEXT, "who runs the model"),
    _field("model_id", _TEXT, "the model that was asked for"),
    _field("operation", _TEXT, "chat, completion, embeddings, list_models, batch_create, …"),
    _field("response_code", _INTEGER, "the HTTP status of the answer"),
    _field("error_code", _TEXT, "the error's type, in the source's own words"),
    _field("tokens_used", _INTEGER, "prompt_tokens + completion_tokens where the source has no total", "tokens"),
    _field("prompt_tokens", _INTEGER, "tokens of the prompt", "tokens"),
    _field("completion_tokens", _INTEGER, "tokens of the completion", "tokens"),
    _field("reasoning_tokens", _INTEGER, "tokens spent on hidden reasoning", "tokens"),
    _field("cached_tokens", _INTEGER, "prompt tokens read from a cache", "tokens"),
    _field("prompt_length", _INTEGER, "length of the prompt", "characters"),
    _field("completion_length", _INTEGER, "length of the completion", "characters"),
    _field("max_tokens", _INTEGER, "the most tokens that the request allows", "tokens"),
    _field("stream", FieldType.BOOLEAN, "whether the answer was streamed"),
    _field("finish_reason", _TEXT, "why the model stopped: stop, length, content_filter, tool_calls"),
    _field("latency_ms", FieldType.NUMBER, "from request to the end of the answer", "ms"),
    _field("cost_usd", FieldType.MONEY, "what the request cost", "USD"),
    _field("session_id", _TEXT, "the conversation or agent session", privacy=_ID),
    _field("prompt_hash", _TEXT, "a hash of the prompt, so that repetition shows without its text"),
    _field("action", _TEXT, "the control-plane action"),
    _field("target", _TEXT, "what the control-plane action was done to"),
)

FIELDS: dict[str, Field] = {field.name: field for field in CANONICAL}
