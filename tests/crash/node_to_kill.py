"""`fathom node`, with a moment at which it dies: `python -m tests.crash.node_to_kill PLAN PIPE node --dev …`.

The process kills itself before or after a write, or tells its parent through the pipe that the write begins. It can't
do that itself: the write holds Python's lock.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from node import cli
from node.chain.tree import Chain
from node.state.db import Database
from node.state.identity import Identity
from pallets.primitives.header import Header
from tests.crash.plans import Operation, Plan


class Death:
    """Waits for its moment."""

    def __init__(self, plan: Plan, pipe: int) -> None:
        self.plan, self.pipe = plan, pipe
        self.operation: Operation = "open"
        self.left = plan.nth

    @contextmanager
    def within(self, operation: Operation) -> Iterator[None]:
        before, self.operation = self.operation, operation
        try:
            yield
        finally:
            self.operation = before

    def around(self, write: Callable[..., None]) -> Callable[..., None]:
        """The write, and death where it is the one."""

        def watched(*arguments: Any) -> None:
            moment = self.plan.moment if self._is_it() else None
            if moment == "before":
                die()
            if moment == "during":
                os.write(self.pipe, b"!")
            write(*arguments)
            if moment == "after":
                die()

        return watched

    def _is_it(self) -> bool:
        if self.operation != self.plan.operation:
            return False
        self.left -= 1
        return self.left == 0


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def install(death: Death) -> None:
    """Puts death beside every write of this process."""
    open_chain, insert, finalize = Chain.open, Chain.insert, Chain.finalize

    def opened(*arguments: Any, **options: Any) -> Chain:
        chain = open_chain(*arguments, **options)
        death.operation = "anything"
        return chain

    def inserted(chain: Chain, header: Header, *arguments: Any, **options: Any) -> Any:
        operation: Operation = "extend"
        if header.parent_hash != chain.best.hash:
            operation = "reorg" if header.number > chain.best.number else "fork"
        with death.within(operation):
            return insert(chain, header, *arguments, **options)

    def finalized(chain: Chain, block_hash: bytes, *arguments: Any) -> Any:
        operation: Operation = "finalize" if chain.keep_states is None else "prune"
        with death.within(operation if chain.is_canonical(block_hash) else "choose"):
            return finalize(chain, block_hash, *arguments)

    Chain.open = opened  # type: ignore[method-assign]
    Chain.insert = inserted  # type: ignore[method-assign, assignment]
    Chain.finalize = finalized  # type: ignore[method-assign, assignment]
    Database.write = death.around(Database.write)  # type: ignore[method-assign]
    Identity.write = death.around(Identity.write)  # type: ignore[method-assign]


if __name__ == "__main__":
    install(Death(Plan.decode(sys.argv[1]), int(sys.argv[2])))
    sys.argv[1:3] = []
    cli.main()
