"""Where the third-party vectors lie: beside the checkout, read and never written."""

from __future__ import annotations

from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"


def vector(relative: str) -> Path:
    """The path of one vector file; skips the calling test where the collection is not at hand."""
    path = VECTORS / relative
    if not path.exists():
        pytest.skip(f"third-party vector {relative} is not present beside the checkout")
    return path
