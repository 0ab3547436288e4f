"""Spans, sources, the catalogue of errors and their rendering."""
