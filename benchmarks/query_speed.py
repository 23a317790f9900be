"""How long the pack's queries take over 100,000 events, in passes of the local evaluator for the same rule.

    python benchmarks/query_speed.py [--events 100000] [--repeat 3]

The events are simulated (benchmarks/generate_events.py). They are read once; what is timed is the evaluation of one
rule over the events in memory, and the execution of its query, hunt mode, over the same events as a table. Prints a
Markdown table of medians; every ratio in it is of one run of this script.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from run_speed import generate

from tollwatch.compile.model import Mode, Options
from tollwatch.compile.registry import compile_node, language
from tollwatch.evaluate.run import run
from tollwatch.logs.profile import load_profile
from tollwatch.logs.raw_records import raw_records
from tollwatch.logs.read import open_logs
from tollwatch.plan.lower import lower
from tollwatch.plan.nodes import Plan
from tollwatch.prove.tables import logged, tables
from tollwatch.query.engines import ENGINES, Request, TimeRange, execute
from tollwatch.sigma.load import load


def seconds(work: Callable[[], object], repeat: int) -> float:
    """The median of so many runs, after one that is not counted."""
    work()
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    profile = load_profile("canonical")
    with tempfile.TemporaryDirectory() as folder:
        log = generate(options.events, Path(folder))
        blocks = list(open_logs([log], profile))
        logs = logged([record.values for record in raw_records([log])], profile)
    plan, _ = lower(load([Path(__file__).parents[1] / "rules"]))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.events:,} events\n"
    )
    print("| rule | evaluator | " + " | ".join(f"{name} | passes" for name in ENGINES) + " |")
    print("|---" * (2 + 2 * len(ENGINES)) + "|")
    for node in plan.detections:
        one = Plan((node,))
        own = seconds(lambda one=one: run(one, iter(blocks)), options.repeat)  # type: ignore[misc]
        cells = [node.header.key, f"{own:.3f} s"]
        for target in ENGINES:
            query = compile_node(node, language(target), profile, Options(Mode.HUNT))
            held = tables(target, profile, logs, query.columns)
            request = Request(query.text or "", held, TimeRange(int(logs.times.max()) + 1))
            taken = seconds(lambda target=target, request=request: execute(target, request), options.repeat)  # type: ignore[misc]
            cells += [f"{taken:.2f} s", f"{taken / own:.1f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
