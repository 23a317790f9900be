"""A slow and obvious reading of docs/semantics.md, to hold the evaluator against. It imports nothing of tollwatch."""
