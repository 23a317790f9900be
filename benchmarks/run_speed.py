"""How long ``rules run`` takes over generated logs, start-up included, and how much memory at its peak.

    python benchmarks/run_speed.py [--events 100000 1000000 4000000] [--repeat 3] [--rules rules]

The logs are simulated (benchmarks/generate_events.py, one seed) and written to a temporary folder. Prints a
Markdown table of medians; every ratio in it is of one run of this script.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def measure(command: list[str]) -> tuple[float, float]:
    """Wall-clock seconds and peak memory in MB of one child process."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in {0, 1}:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


def median_of(command: list[str], repeat: int) -> tuple[float, float]:
    """The medians over ``repeat`` runs."""
    runs = [measure(command) for _ in range(repeat)]
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def generate(events: int, folder: Path) -> Path:
    """A log of that many simulated events."""
    log = folder / f"{events}.jsonl"
    subprocess.run([sys.executable, str(HERE / "generate_events.py"), str(events), "-o", str(log)], check=True)
    os.sync()  # or the first runs would share the machine with the writing of the log
    return log


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 2_000_000, 4_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rules", default=str(HERE.parent / "rules"))
    options = parser.parse_args()
    rules = [sys.executable, "-m", "tollwatch.cli.main"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, simulated events\n")
    print("| command | log | seconds | peak MB | seconds per million events |\n|---|---|---|---|---|")
    seconds, memory = median_of([*rules, "--help"], options.repeat)
    print(f"| rules --help | | {seconds:.2f} | {memory:.0f} | |")
    seconds, memory = median_of([*rules, "test"], options.repeat)
    print(f"| rules test | the pack's cases | {seconds:.2f} | {memory:.0f} | |")
    with tempfile.TemporaryDirectory() as folder:
        for events in options.events:
            log = generate(events, Path(folder))
            command = [*rules, "run", str(log), "--rules", options.rules, "--format", "jsonl"]
            seconds, memory = median_of(command, options.repeat)
            size = log.stat().st_size / 1e6
            rate = seconds / events * 1e6
            print(f"| rules run | {events:,} events, {size:.0f} MB | {seconds:.2f} | {memory:.0f} | {rate:.2f} |")
            log.unlink()


if __name__ == "__main__":
    main()
