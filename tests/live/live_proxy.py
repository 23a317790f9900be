"""A real LiteLLM proxy as a subprocess, and requests to it from any loopback address."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
RECORDER = HERE.parents[1] / "docs" / "litellm" / "recorder.py"
START_SECONDS = 120
LOG_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request and the status that it must get. ``words`` is the length of the prompt."""

    source: str
    key: str
    model: str = "small"
    words: int = 4
    max_tokens: int = 64
    path: str = "/v1/chat/completions"
    status: int = 200

    @property
    def logged(self) -> bool:
        """Whether the proxy writes a record: of a list of models or a health check only where it is refused."""
        return self.path == "/v1/chat/completions" or self.status != 200

    def body(self) -> str | None:
        """A streamed chat: only of those does a mocked model count the tokens (else it says 10 and 20 for any)."""
        if self.path != "/v1/chat/completions":
            return None
        messages = [{"role": "user", "content": "word " * self.words}]
        return json.dumps(
            {"model": self.model, "messages": messages, "max_tokens": self.max_tokens, "stream": True},
        )


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy. ``log`` is the file that its callback writes."""

    port: int
    log: Path

    def send(self, requests: Iterable[Request]) -> int:
        """Send them one after the other; the number of records that the proxy will have written for them."""
        written = 0
        for request in requests:
            status = self._status(request)
            if status != request.status:
                message = f"{request} was answered with {status}"
                raise AssertionError(message)
            written += request.logged
        return written

    def _status(self, request: Request) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, 60, source_address=(request.source, 0))
        try:
            headers = {"Authorization": f"Bearer {request.key}", "User-Agent": "live-test/1"}
            body = request.body()
            headers |= {"Content-Type": "application/json"} if body else {}
            connection.request("POST" if body else "GET", request.path, body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def records(self, count: int) -> list[str]:
        """The log's lines, once there are ``count`` of them.

        The proxy logs after it has answered and offers nothing to wait for, so the file is looked at again and
        again, at most LOG_SECONDS long.
        """
        for _ in range(LOG_SECONDS * 10):
            lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
            if len(lines) >= count:
                return lines
            time.sleep(0.1)
        message = f"the proxy wrote {len(lines)} records of {count} within {LOG_SECONDS} s"
        raise AssertionError(message)


def find_litellm() -> str | None:
    """The command ``litellm``: from TOLLWATCH_LITELLM, beside this Python, or on the path; None where there is none."""
    beside = Path(sys.executable).with_name("litellm")
    return os.environ.get("TOLLWATCH_LITELLM") or (str(beside) if beside.exists() else shutil.which("litellm"))


@contextmanager
def running(
    command: str, folder: Path, keys: Mapping[str, Mapping[str, str]], models: Mapping[str, str]
) -> Iterator[Proxy]:
    """A proxy that knows these keys. ``models`` are mocked: each name with the answer that it gives.

    It needs no network and no database.
    """
    proxy = Proxy(_free_port(), folder / "litellm.jsonl")
    _lay_out(folder, keys, models)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TOLLWATCH_LITELLM_LOG": str(proxy.log),
    }
    arguments = [command, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(proxy.port)]
    with (folder / "proxy.log").open("wb") as output:
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            _wait_until_ready(proxy.port, process, folder / "proxy.log")
            yield proxy
        finally:
            process.terminate()
            process.wait(30)


def _lay_out(folder: Path, keys: Mapping[str, Mapping[str, str]], models: Mapping[str, str]) -> None:
    config = {
        "model_list": [
            {
                "model_name": model,
                "litellm_params": {"model": f"openai/{model}", "api_key": "none", "mock_response": answer},
            }
            for model, answer in models.items()
        ],
        "router_settings": {"disable_cooldowns": True, "num_retries": 0},
        "litellm_settings": {"callbacks": ["recorder.recorder"]},
        "general_settings": {"custom_auth": "litellm_gate.authenticate", "master_key": "sk-master-of-a-test"},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
    shutil.copy(RECORDER, folder)
    shutil.copy(HERE / "litellm_gate.py", folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], output: Path) -> None:
    """Ask for its health until it answers; the proxy says in no other way that it has started."""
    for _ in range(START_SECONDS * 2):
        if process.poll() is not None:
            break
        if _healthy(port):
            return
        time.sleep(0.5)
    message = "the proxy did not start:\n" + output.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise AssertionError(message)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, 5)
    try:
        connection.request("GET", "/health/liveliness")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
