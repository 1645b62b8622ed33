"""A real node in a process of its own, and clients that others wrote."""
