"""pybpfc: eBPF programs as typed Python functions."""
