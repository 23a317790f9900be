"""Elastic's ES|QL, as far as detections use it."""
