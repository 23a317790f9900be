"""From rules to the Plan: what a rule means."""
