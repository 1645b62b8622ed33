"""A chain that is nothing but an agent's store, for runs on this machine: what a job leaves there the next one finds.

Of the chain itself it knows nothing: `chain.storage` and `chain.call` fail.

    chain = LocalChain()
    host = chain.host(submitter)         # for a job; without a submitter, for a request
    ...                                  # a run in a `Leaving` world
    chain.apply(leaving.effects)
"""

from __future__ import annotations

from typing import Any, NoReturn

from offchain.chain import WrongChain
from offchain.described import Described
from offchain.effects.chain_host import ChainHost
from offchain.serving.run_scope import RunScope
from pallets.primitives.effects import Effects
from pallets.primitives.header import Header
from pallets.primitives.job import Mode

AGENT, NUMBER = 0, 1


class LocalChain:
    """The store of agent 0, after block 1."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._jobs = 0

    def host(self, submitter: bytes | None = None) -> ChainHost:
        """What answers one run: a job of this account's, or a request."""
        if submitter is None:
            return ChainHost(self, RunScope(agent=AGENT, header=_header))
        job, self._jobs = self._jobs, self._jobs + 1
        mode = Mode.Recorded
        return ChainHost(
            self, RunScope(agent=AGENT, header=_header, job=job, submitter=submitter, mode=mode, may_write=True)
        )

    def apply(self, effects: Effects) -> None:
        """Makes a run's writes; nobody else writes meanwhile, so every lock holds."""
        for update in effects.updates:
            self.values.pop(update.key, None)
            if update.value is not None:
                self.values[update.key] = update.value

    # What `ChainHost` reads

    async def earlier(self, header: Header, number: int) -> NoReturn:
        """There are no other blocks."""
        raise _absent()

    async def raw(self, header: Header, key: bytes) -> NoReturn:
        """There is no other state."""
        raise _absent()

    async def value(self, header: Header, agent: int, key: bytes) -> bytes | None:
        """What is kept under a key."""
        return self.values.get(key)

    async def keys(self, header: Header, agent: int, prefix: bytes, limit: int, after: bytes | None) -> list[bytes]:
        """Keys that begin so, in the order in which they were written."""
        found = [key for key in self.values if key.startswith(prefix)]
        start = 0 if after is None or after not in found else found.index(after) + 1
        return found[start : start + limit]

    async def entry(self, header: Header, pallet: str, item: str, keys: list[Any]) -> NoReturn:
        """There are no other entries."""
        raise _absent()

    async def runtime(self, header: Header) -> Described:
        """There is no runtime."""
        raise _absent()


def _absent() -> WrongChain:
    return WrongChain("a run on this machine has the agent's store, and no chain: deploy it to a development chain")


async def _header() -> Header:
    return Header(bytes(32), NUMBER, bytes(32), bytes(32), [])
