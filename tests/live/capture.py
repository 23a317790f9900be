"""Capture the sample log: ``python tests/live/capture.py fixtures/profiles/litellm/sample.jsonl``.

Starts a LiteLLM proxy over mocked models (it needs ``litellm[proxy]``, see live_proxy.find_litellm), sends the
traffic of live_traffic.py, waits for the log and writes it to the given path, sorted as the proxy wrote it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from live_proxy import find_litellm, running
from live_traffic import KEYS, MODELS, whole_day


def capture(command: str, target: Path) -> int:
    """Write the log of a whole run to ``target``; the number of its records."""
    with tempfile.TemporaryDirectory() as folder, running(command, Path(folder), KEYS, MODELS) as proxy:
        lines = proxy.records(proxy.send(whole_day()))
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def main() -> int:
    """Exit code 3 on wrong use, as everywhere in this project."""
    command = find_litellm()
    if len(sys.argv) != 2 or command is None:
        sys.stderr.write("usage: capture.py TARGET.jsonl (needs the command litellm: pip install 'litellm[proxy]')\n")
        return 3
    sys.stdout.write(f"{capture(command, Path(sys.argv[1]))} records\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
