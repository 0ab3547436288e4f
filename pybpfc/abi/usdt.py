"""The tables of statically defined probes, as libbpf lays them out in objects."""

from __future__ import annotations

CONSTANT, REGISTER, MEMORY, INDEXED = 0, 1, 2, 3
"""Where an argument is: itself in the table, in a register, in memory by one register, or by two (libbpf 1.7)."""

MAX_ARGUMENTS = 12
MAX_PLACES = 256

SPECS = "__bpf_usdt_specs"
"""The map of the places: an array."""

BY_ADDRESS = "__bpf_usdt_ip_to_spec_id"
"""The map that leads from addresses to places on kernels before 5.15, which libbpf wants to find in each object."""
