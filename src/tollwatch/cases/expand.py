"""Steps → canonical records. The same step gives the same records on every run and machine."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import assert_never

from tollwatch.cases.model import Cycle, Items, Ramp, Record, Step, Template


def expand(step: Step, case: str) -> Iterator[dict[str, object]]:
    """The step's events, each with ``timestamp`` in µs since the epoch, UTC, and the fields of its template."""
    for i in range(step.repeat):
        time = step.at + i * step.every + (_jitter(case, step, i) if step.jitter else 0)
        yield {"timestamp": time, **{name: _value(field, i, step.repeat) for name, field in step.event.pairs}}


def _jitter(case: str, step: Step, i: int) -> int:
    """Within ± ``step.jitter``, each µs as likely as any other, from a digest of the case's name, the step and i."""
    digest = blake2b(f"{case}\0{step.index}\0{i}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (2 * step.jitter + 1) - step.jitter


def _value(template: Template, i: int, count: int) -> object:
    match template:
        case str():
            return template.replace("{i}", str(i))
        case Cycle():
            return _value(template.items[i % len(template.items)], i, count)
        case Ramp():
            return _linear(template, i, count)
        case Record():
            return {name: _value(value, i, count) for name, value in template.pairs}
        case Items():
            return [_value(item, i, count) for item in template.items]
        case None | bool() | int() | float():
            return template
        case _:
            assert_never(template)


def _linear(ramp: Ramp, i: int, count: int) -> int | float:
    """``first`` at i = 0, ``last`` at i = count − 1. Between whole numbers, the nearest whole one; halves go up."""
    if i == 0:
        return ramp.first
    if i == count - 1:
        return ramp.last
    span, steps = ramp.last - ramp.first, count - 1
    if isinstance(ramp.first, int) and isinstance(ramp.last, int):
        return ramp.first + int((2 * span * i + steps) // (2 * steps))
    return ramp.first + span * i / steps
