"""ATT&CK and ATLAS identifiers, offline."""
