"""The vendors' own parsers as test tools: each reads a query and says what its platform would refuse (docs/vendors.md)."""
