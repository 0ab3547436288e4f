"""Bytes to objects and back, without policy: ELF, BTF, instructions."""
