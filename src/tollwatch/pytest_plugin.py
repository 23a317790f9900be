"""The package as a pytest plugin: each case is an item."""
