"""Simulated traffic of an AI gateway, as canonical jsonl of about 410 bytes an event.

    python benchmarks/generate_events.py 1000000 -o events.jsonl [--seed 1] [--attacks 3]

The same arguments give the same bytes. Twenty events a second, so that a longer log is a longer time, not a denser
one: users with their own keys, addresses and habits, some retries and mistyped keys, and a few attacks of each of the
pack's three kinds, laid evenly over the log. Lines are slightly out of order, as gateways with several workers write.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

START = 1_772_355_600_000_000  # 2026-03-01T09:00:00Z in µs
GAP = 50_000  # µs between two events, on average
CHUNK = 200_000
USERS = 2_000
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet", "claude-haiku", "gemini-flash", "llama-70b", "embed-small")
AGENTS = ("python-sdk/1.40", "node-sdk/4.2", "curl/8.5.0", "batch-runner/2", "langgraph/0.3", "chat-ui/7")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """One array a field; ``user``, ``key`` and ``address`` are numbers that are written as ids."""

    time: Ints
    user: Ints
    key: Ints
    address: Ints
    model: Ints
    code: Ints
    prompt: Ints
    completion: Ints


def ordinary(count: int, first: int, rng: np.random.Generator) -> Traffic:
    """``count`` requests of users who keep to their address, key and two models; one in fifty fails."""
    time = START + (first + np.arange(count)) * GAP + rng.integers(0, 20 * GAP, count)
    # A few users make most requests.
    user = (USERS * rng.random(count) ** 3).astype(np.int64)
    code = rng.choice([200, 429, 500, 401], count, p=[0.98, 0.012, 0.005, 0.003])
    model = (user + rng.integers(0, 2, count)) % len(MODELS)
    answered = code == 200
    prompt = np.where(answered, rng.gamma(2.0, 300.0, count).astype(np.int64) + 1, 0)
    completion = np.where(answered, rng.gamma(1.5, 150.0, count).astype(np.int64) + 1, 0)
    return Traffic(time, user, user, user % 1_500, model, code, prompt, completion)


def with_attacks(traffic: Traffic, attacks: int, total: int, first: int) -> Traffic:
    """Overwrite the requests from each attack's place on with that attack, those of this chunk."""
    arrays = {name: getattr(traffic, name).copy() for name in Traffic.__slots__}
    for number in range(attacks * 3):
        start = (2 * number + 1) * total // (attacks * 6) - first
        rows = np.arange(start, start + 60)
        rows = rows[(rows >= 0) & (rows < len(traffic.time))]
        step = rows - start
        _attack(arrays, number, rows, step)
    return Traffic(**arrays)


def _attack(arrays: dict[str, Ints], number: int, rows: Ints, step: Ints) -> None:
    arrays["code"][rows] = 200
    match number % 3:
        case 0:  # stuffing: refused keys from one address, then one that works
            arrays["address"][rows] = 50_000 + number
            arrays["key"][rows] = 90_000 + number * 100 + step
            arrays["user"][rows] = np.where(step < 59, -1, 82_000 + number)
            arrays["code"][rows[step < 59]] = 401
        case 1:  # overspend: one user from many addresses, large requests
            arrays["user"][rows] = arrays["key"][rows] = 80_000 + number
            arrays["address"][rows] = 51_000 + number * 100 + step % 12
            arrays["prompt"][rows] = 60_000
        case _:  # probing: one user over all models with tiny requests
            arrays["user"][rows] = arrays["key"][rows] = 81_000 + number
            arrays["address"][rows] = 52_000 + number
            arrays["model"][rows] = step
            arrays["prompt"][rows] = step % 5 + 1
            arrays["completion"][rows] = 1


def lines(traffic: Traffic, rng: np.random.Generator) -> bytes:
    """The requests as JSON lines."""
    count = len(traffic.time)
    noise = rng.integers(0, 2**32, count)
    micros = pa.array(traffic.time).cast(pa.timestamp("us"))
    total = traffic.prompt + traffic.completion
    user = pa.array(traffic.user)
    operation = np.where(traffic.model % 7 == 6, 1, 0)
    parts: list[pa.Array | str] = [
        '{"timestamp":"', pc.strftime(micros, "%Y-%m-%dT%H:%M:%S"), 'Z","request_id":"req-', _text(noise),
        '","user_id":', _quoted("user-", user), ',"api_key_id":"key-', _text(traffic.key),
        '","org_unit":"team-', _text(traffic.user % 40), '","source_ip":"', _address(traffic.address),
        '","user_agent":"', _choice(AGENTS, traffic.key % len(AGENTS)), '","model_id":"',
        _choice((*MODELS, *(f"model-{i}" for i in range(60))), traffic.model), '","operation":"',
        _choice(("chat", "embeddings"), operation), '","response_code":', _text(traffic.code), ',"error_code":',
        _choice(('"authentication_error"', "null"), np.where(traffic.code == 401, 0, 1)), ',"tokens_used":',
        _text(total), ',"prompt_tokens":', _text(traffic.prompt), ',"completion_tokens":',
        _text(traffic.completion), ',"max_tokens":1024,"stream":', _choice(("false", "true"), noise % 2),
        ',"latency_ms":', _text(traffic.completion * 9 + 41), ".5", ',"cost_usd":0.', _padded(total * 3),
        ',"node":"gw-', _text(noise % 8), '"}\n',
    ]  # fmt: skip
    texts = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    joined = pc.binary_join_element_wise(*texts, "")
    return b"".join(joined.cast(pa.binary()).to_pylist())


def _text(numbers: Ints) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _quoted(prefix: str, numbers: pa.Array) -> pa.Array:
    texts = pc.binary_join_element_wise(f'"{prefix}', numbers.cast(pa.string()), '"', "")
    return pc.if_else(pc.less(numbers, 0), "null", texts)


def _padded(numbers: Ints) -> pa.Array:
    return pc.utf8_lpad(_text(np.minimum(numbers, 999_999)), 6, "0")


def _address(numbers: Ints) -> pa.Array:
    octets = (_text(numbers >> 16 & 255), _text(numbers >> 8 & 255), _text(numbers & 255))
    return pc.binary_join_element_wise("10", *octets, ".")


def _choice(texts: tuple[str, ...], index: Ints) -> pa.Array:
    return pa.array(texts).take(pa.array(index))


def chunks(total: int, seed: int, attacks: int) -> Iterator[bytes]:
    """The whole log, a piece at a time."""
    rng = np.random.default_rng(seed)
    for first in range(0, total, CHUNK):
        traffic = ordinary(min(CHUNK, total - first), first, rng)
        yield lines(with_attacks(traffic, attacks, total, first), rng)


def write(out: BinaryIO, total: int, seed: int, attacks: int) -> None:
    """Write the log."""
    out.writelines(chunks(total, seed, attacks))


def main() -> None:
    """Write to a file or standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=int)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attacks", type=int, default=3, help="of each kind")
    options = parser.parse_args()
    if options.output is None:
        write(sys.stdout.buffer, options.events, options.seed, options.attacks)
        return
    with options.output.open("wb") as out:
        write(out, options.events, options.seed, options.attacks)


if __name__ == "__main__":
    main()
