"""Kusto's query language, as far as detections use it."""
