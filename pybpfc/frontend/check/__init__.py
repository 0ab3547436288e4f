"""The type checker: from syntax to the typed tree."""
