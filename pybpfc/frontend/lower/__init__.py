"""From the typed tree to IR."""
