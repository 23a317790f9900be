"""Checks over rules that can be read."""
