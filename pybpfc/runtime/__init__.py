"""Loading objects into the kernel, attaching them, talking to them."""
