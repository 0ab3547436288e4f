"""The built-in BPF machine: runs objects without a kernel."""
