"""Splunk's search language, as far as detections use it."""
