"""Tollwatch: detection-as-code for the abuse of AI APIs."""

__version__ = "0.1.0"
