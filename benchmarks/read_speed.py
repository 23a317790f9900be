"""How long reading and normalising a log takes, and how much memory at its peak, without any rule.

    python benchmarks/read_speed.py LOG... [--profile canonical] [--fields user_id,source_ip,…] [--block-mb 32]

The default fields are those that the pack reads. Blocks are dropped as they come, as the evaluator does.
"""

from __future__ import annotations

import argparse
import resource
import time

from tollwatch.logs.profile import load_profile
from tollwatch.logs.read import open_logs

FIELDS = (
    *("user_id", "api_key_id", "source_ip", "model_id", "operation", "response_code", "error_code", "request_id"),
    *("tokens_used", "prompt_tokens", "completion_tokens", "max_tokens"),
)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+")
    parser.add_argument("--profile", default="canonical")
    parser.add_argument("--fields", default=",".join(FIELDS), help="with commas between; 'all' for every field")
    parser.add_argument("--block-mb", type=int, default=32)
    options = parser.parse_args()
    fields = None if options.fields == "all" else options.fields.split(",")
    profile = load_profile(options.profile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    started = time.perf_counter()
    log = open_logs(options.logs, profile, fields=fields, block_bytes=options.block_mb << 20)
    events = sum(len(block) for block in log)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"{events:,} events in {seconds:.2f} s, peak {peak:.0f} MB ({before:.0f} MB before the first byte)")
    for issue in log.issues:
        print(f"{issue.path}: {issue.kind} {issue.count:,}: {issue.detail}")


if __name__ == "__main__":
    main()
