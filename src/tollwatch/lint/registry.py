"""All checks. One check is one module with one function, and one code."""

from __future__ import annotations

from tollwatch.diagnostics import Severity
from tollwatch.lint import (
    always_holds,
    content,
    everything,
    falsepositives,
    metadata,
    names,
    regex,
    renamed_tags,
    response,
    tactics,
    techniques,
    timespans,
    titles,
    ungrouped,
    unknown_tags,
    unused,
    wildcards,
)
from tollwatch.lint.check import Check

CHECKS: tuple[Check, ...] = (
    Check("LNT001", Severity.WARNING, metadata.find),
    Check("LNT002", Severity.WARNING, falsepositives.find),
    Check("LNT003", Severity.WARNING, techniques.find),
    Check("LNT004", Severity.WARNING, response.find),
    Check("LNT005", Severity.ERROR, content.find),
    Check("LNT006", Severity.WARNING, regex.find),
    Check("LNT007", Severity.INFO, ungrouped.find),
    Check("LNT008", Severity.WARNING, always_holds.find),
    Check("LNT009", Severity.WARNING, timespans.find),
    Check("LNT010", Severity.WARNING, unused.find),
    Check("LNT011", Severity.INFO, names.find),
    Check("LNT012", Severity.WARNING, titles.find),
    Check("LNT013", Severity.WARNING, wildcards.find),
    Check("LNT014", Severity.WARNING, everything.find),
    Check("ATT001", Severity.ERROR, unknown_tags.find),
    Check("ATT002", Severity.WARNING, tactics.find),
    Check("ATT003", Severity.WARNING, renamed_tags.find),
)
"""By code. The severity is that of a finding; an ERROR means that the rule does not do what it says."""
