"""How a command ends that can't do what it was asked to: with one line, and exit code 1."""

from __future__ import annotations

import sys
from typing import NoReturn


def fail(reason: str) -> NoReturn:
    """Says on stderr what is wrong, and ends the process."""
    print(f"Error: {reason}", file=sys.stderr)
    raise SystemExit(1)
