"""The package's version, for all who must not import more."""

__version__ = "0.1.0"
