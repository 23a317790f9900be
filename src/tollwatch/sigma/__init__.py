"""Reading Sigma YAML into an immutable RuleSet."""
