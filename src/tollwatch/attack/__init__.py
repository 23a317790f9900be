"""ATT&CK and ATLAS identifiers, offline: what a rule's tags name, and what is wrong with them."""
