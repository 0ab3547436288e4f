"""The pybpfc command."""
