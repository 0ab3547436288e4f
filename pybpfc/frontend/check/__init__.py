"""The type checker."""
