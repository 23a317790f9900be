"""A LiteLLM proxy callback that writes one JSON line for each request: the log that ``--profile litellm`` reads.

Put this file beside the proxy's config.yaml and name it there::

    litellm_settings:
      callbacks: [recorder.recorder]

The path of the log is ``TOLLWATCH_LITELLM_LOG``, or ``litellm.jsonl`` in the proxy's working directory.

Each line is the proxy's own StandardLoggingPayload, without what was said (``messages``, and of ``response`` only
the finish reasons are kept) and without the bulk that says nothing of the request (price tables, tracebacks).

Failures are written from ``async_post_call_failure_hook`` and not from ``async_log_failure_event``, for two reasons.
LiteLLM 1.109 leaves ``requester_ip_address`` and ``user_agent`` empty in the payload of a request that failed
authentication, so that no rule could say where wrong keys come from; the hook is given both. And the hook runs once
for each request, not once for each retry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

DROPPED = ("messages", "response", "model_map_information", "hidden_params", "cost_breakdown", "classifier_input")
FROM_REQUEST = ("requester_ip_address", "user_agent")
SHA256 = re.compile(r"[0-9a-f]{64}")


def without_content(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload as it is logged: no text of prompts and completions, no tracebacks, no request headers."""
    kept = {key: value for key, value in payload.items() if key not in DROPPED}
    choices = (payload.get("response") or {}).get("choices") or []
    kept["response"] = {"choices": [{"finish_reason": choice.get("finish_reason")} for choice in choices]}
    kept["error_information"] = {**(payload.get("error_information") or {}), "traceback": ""}
    metadata = {**(payload.get("metadata") or {}), "requester_metadata": None}
    metadata["user_api_key_hash"] = hashed(metadata.get("user_api_key_hash"))
    kept["metadata"] = metadata
    return kept


def hashed(key: str | None) -> str | None:
    """The key's hash. The proxy hashes only keys that begin with ``sk-``; any other it would log as it came."""
    if not key or SHA256.fullmatch(key):
        return key
    return hashlib.sha256(key.encode()).hexdigest()


def with_client(payload: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The payload with the client's address and software, where the proxy left them out."""
    known = request.get("metadata") or request.get("litellm_metadata") or {}
    return {**payload, **{name: payload.get(name) or known.get(name) for name in FROM_REQUEST}}


class Recorder(CustomLogger):
    """Appends to the log; each line is one request."""

    def write(self, payload: dict[str, Any]) -> None:
        """Append one line. A single ``write`` of a line in append mode is not torn by other workers' lines."""
        line = json.dumps(without_content(payload), default=str) + "\n"
        with Path(os.environ.get("TOLLWATCH_LITELLM_LOG", "litellm.jsonl")).open("a", encoding="utf-8") as log:
            log.write(line)

    async def async_log_success_event(self, kwargs: dict[str, Any], *_: object, **__: object) -> None:
        """LiteLLM calls this once a request has been answered."""
        self.write(kwargs["standard_logging_object"])

    async def async_post_call_failure_hook(self, request_data: dict[str, Any], *_: object, **__: object) -> None:
        """LiteLLM calls this once a request has failed, for whatever reason."""
        payload = request_data.get("standard_logging_object")
        if payload is not None:
            self.write(with_client(payload, request_data))


recorder = Recorder()
