"""Where programs of this user keep what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path | None:
    """The directory of the compiled sandbox; `None` for a user without a home."""
    given, home = os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME")
    base = Path(given) if given else Path(home) / ".cache" if home else None
    return None if base is None else base / "fathom" / "sandbox"
