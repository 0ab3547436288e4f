"""Kernel facts as data tables."""
