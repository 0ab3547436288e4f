"""Facts computed about the IR."""
