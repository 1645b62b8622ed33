"""py-substrate-interface clients that decode a runtime's metadata once a test run: that takes them seconds each."""

from __future__ import annotations

import warnings
from typing import Any

from substrateinterface import SubstrateInterface


class Decoded:
    """The library's `cache_region`: metadata that one of its clients has decoded, by the version of the runtime.

    Only for chains of the dev runtime, or two of one version would be taken for the same.
    """

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._found.get(key)

    def set(self, key: str, value: Any) -> None:
        self._found[key] = value


DECODED = Decoded()


def connect(url: str) -> SubstrateInterface:
    """A client of a dev chain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SubstrateInterface(url=url, cache_region=DECODED)
