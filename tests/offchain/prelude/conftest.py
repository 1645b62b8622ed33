from __future__ import annotations

from tests.offchain.sandbox.conftest import cache, sandbox

__all__ = ["cache", "sandbox"]
