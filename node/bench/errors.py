"""What can go wrong while measuring."""

from __future__ import annotations


class BenchError(Exception):
    """A bench can't go on; the message is one line that says why."""
