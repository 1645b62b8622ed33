"""A result that is still to come, without a task that waits for it.

## Usage

What can't answer at once returns a `Later`; whoever comes to know the outcome calls `settle` or `fail`, once. It is for
what is asked thousands of times a second, as a task for each would cost more than the rest of the call. Anything else
that waits is a coroutine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import trio


class Later:
    """The outcome of one call; it can be awaited, too."""

    __slots__ = ("is_settled", "error", "_result", "_listener")

    def __init__(self) -> None:
        self.is_settled = False
        self.error: Exception | None = None
        """What it failed with, once it is settled."""
        self._result: Any = None
        self._listener: Callable[[], None] | None = None

    def settle(self, result: Any) -> None:
        """This is the result."""
        self._result = result
        self._tell()

    def fail(self, error: Exception) -> None:
        """There is none, and this is why."""
        self.error = error
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls `listener`, the only one, once there is an outcome: now, if there is one. It must not raise."""
        self._listener = listener
        if self.is_settled:
            listener()

    def result(self) -> Any:
        """The result, once it is settled; raises what it failed with."""
        if self.error is not None:
            raise self.error
        return self._result

    def __await__(self) -> Generator[Any, Any, Any]:
        if not self.is_settled:
            settled = trio.Event()
            self.listen(settled.set)
            yield from settled.wait().__await__()
        return self.result()

    def _tell(self) -> None:
        self.is_settled = True
        if self._listener is not None:
            self._listener()
