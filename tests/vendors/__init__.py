"""The vendors' own parsers as test tools: what would each platform refuse? See docs/vendors.md."""
