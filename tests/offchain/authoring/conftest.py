"""What tests of authoring need of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from offchain.authoring.bundle import find_bundler
from offchain.authoring.errors import NoBundler


def _missing() -> bool:
    try:
        find_bundler(Path(__file__).parent)
    except NoBundler:
        return True
    return False


needs_bundler = pytest.mark.skipif(_missing(), reason="esbuild is not installed: run npm ci")
