"""The local evaluator: a Plan over events."""
