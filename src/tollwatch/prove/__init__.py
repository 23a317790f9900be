"""Executes compiled queries on a case's logs and holds their rows against the local evaluator's alerts."""
