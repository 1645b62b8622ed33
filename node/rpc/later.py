"""A result that is still to come, without a task that waits for it.

## Usage

A method that can't answer at once returns a `Later`; whoever comes to know the outcome calls `settle` or `fail`, once.
It is for what is asked thousands of times a second, as a task for each would cost more than the rest of the call. Any
other method that waits is a coroutine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import trio


class Later:
    """The outcome of one call; it can be awaited, too."""

    __slots__ = ("_error", "_is_settled", "_listener", "_result")

    def __init__(self) -> None:
        self._result: Any = None
        self._error: Exception | None = None
        self._is_settled = False
        self._listener: Callable[[], None] | None = None

    def settle(self, result: Any) -> None:
        """This is the result."""
        self._result = result
        self._tell()

    def fail(self, error: Exception) -> None:
        """There is none, and this is why."""
        self._error = error
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls `listener`, the only one, once there is an outcome: now, if there is one. It must not raise."""
        self._listener = listener
        if self._is_settled:
            listener()

    def result(self) -> Any:
        """The result of a settled call; raises what it failed with."""
        if self._error is not None:
            raise self._error
        return self._result

    def __await__(self) -> Generator[Any, Any, Any]:
        if not self._is_settled:
            settled = trio.Event()
            self.listen(settled.set)
            yield from settled.wait().__await__()
        return self.result()

    def _tell(self) -> None:
        self._is_settled = True
        if self._listener is not None:
            self._listener()
