"""From the Plan to query languages: SPL, KQL, ES|QL and others, each query with its fidelity."""
