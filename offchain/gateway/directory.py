"""Who is asked for what: the chain's agents and the workers that serve, kept up to date by subscriptions.

## Overview

A request is answered out of this memory, without a question to the node. Agents have numbers without gaps, so the keys
of those to come are followed too: an agent is known in the moment that its block is. Where the memory has no answer the
chain is asked once before a caller is told no, because a block may be known to the caller a moment earlier.

| followed | bound |
| --- | --- |
| agents: record, requirements, service, access | the first `GROUP * MAX_GROUPS`; others are asked for each time |
| workers that may be drawn, and their records | `MAX_WORKERS` |
| chain time | |

## Usage

```python
directory = Directory(chain)
await nursery.start(directory.run)
agent = await directory.find("echo")
```

## Errors

`errors.UnknownAgent`, `AgentPaused`, `NoApprovedCode`, `UnknownCode`, `NoClusterKey`, `ChainUnreachable`.

## Out of scope

Connections to workers (`links`). Nothing here is proven: what an agent's code is the worker proves for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import trio

from offchain.chain import Chain, ChainError
from offchain.cluster_records import GENERATION, KEY
from offchain.gateway import cid as cids
from offchain.gateway.agent_entry import ITEMS, PARTS, AgentEntry, Known
from offchain.gateway.errors import (
    AgentPaused,
    ChainUnreachable,
    NoApprovedCode,
    NoClusterKey,
    UnknownAgent,
    UnknownCode,
)
from offchain.gateway.records import (
    ELIGIBLE,
    NEXT_AGENT,
    SETTLED,
    WHO,
)
from offchain.records import CODE, NOW, WORKER
from offchain.rpc import RpcError
from offchain.serving.receipt_records import AGENT_BY_NAME
from pallets.primitives.agent_record import MAX_NAME
from pallets.primitives.scale import DecodeError
from pallets.primitives.worker_record import EVERYONE, SERVING, Worker

GROUP = 128
"""Agents that one subscription follows."""
MAX_GROUPS = 128
MAX_WORKERS = 64
ASK_SECONDS = 5.0
MAX_QUESTIONS = 8
"""Questions to the node at once, of all callers."""
NEWS_SECONDS = 0.25
"""For how long the block that approves a code may still be on its way here."""


class Directory:
    """The agents and workers of one chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.now_ms = 0
        """The chain's time, in milliseconds."""
        self.workers: dict[bytes, Worker] = {}
        """Those that serve and have an endpoint, by their key."""
        self.on_workers: Callable[[], None] = lambda: None
        """Called whenever `workers` has changed."""
        self._agents: dict[int, Known] = {}
        self._names: dict[str, int] = {}
        self._codes: dict[bytes, dict[int, None]] = {}
        self._cids: dict[cids.Cid, bytes] = {}
        self._indexed: set[bytes] = set()
        self._indexing = trio.Lock()
        self._questions = trio.CapacityLimiter(MAX_QUESTIONS)
        self._changed = trio.Event()
        self._groups = 0
        self._next_agent: int | None = None
        self._seated: dict[bytes, bytes] = {}
        self._followed: dict[bytes, trio.CancelScope] = {}
        self._kick = trio.Event()

    # Finding

    def agents(self) -> list[AgentEntry]:
        """All that take requests, in the order of their numbers."""
        return [known.entry for _, known in sorted(self._agents.items()) if known.entry is not None]

    async def find(self, name: str) -> AgentEntry:
        """The agent of a number or name; raises `UnknownAgent`, `AgentPaused` or `NoApprovedCode`."""
        known = self._agents.get(int(name) if name.isdecimal() and len(name) < 20 else self._names.get(name, -1))
        if known is not None and known.entry is not None:
            return known.entry
        return await self._ask(name)

    async def find_code(self, text: str) -> tuple[AgentEntry, bytes]:
        """The first agent whose approved script has a CID, and the script's hash; raises `UnknownCode`."""
        try:
            cid = cids.parse(text)
        except cids.InvalidCid as error:
            raise UnknownCode(str(error)) from None
        found = await self._by_code(cid)
        with trio.move_on_after(NEWS_SECONDS):
            while found is None:
                await self._changed.wait()
                found = await self._by_code(cid)
        if found is None:
            raise UnknownCode(
                f"no agent's approved script has the CID {text}: upload it and have it approved, see `fathom agent`"
            )
        return found

    async def _by_code(self, cid: cids.Cid) -> tuple[AgentEntry, bytes] | None:
        hash = cid.code_hash
        if hash is None:
            await self._index()
            hash = self._cids.get(cid)
        entries = (self._agents[id].entry for id in sorted(self._codes.get(hash or b"", ())))
        return next(((entry, entry.code) for entry in entries if entry is not None), None)

    async def _index(self) -> None:
        """Works out the CIDs of approved scripts that are new."""
        if self._indexed >= self._codes.keys():
            return
        async with self._indexing:
            for hash in [hash for hash in self._codes if hash not in self._indexed]:
                with _answered():
                    code = await self.chain.read(CODE, hash)
                if code is not None:
                    self._cids.update(dict.fromkeys(await trio.to_thread.run_sync(cids.sha2_cids, code), hash))
                    self._indexed.add(hash)

    async def _ask(self, name: str) -> AgentEntry:
        """What the chain says at this moment."""
        with _answered():
            async with self._questions:
                id: int | None = None
                if name.isdecimal() and len(name) < 20:
                    id = int(name)
                elif len(name) <= MAX_NAME:
                    id = await self.chain.read(AGENT_BY_NAME, name.encode())
                values = None
                if id is not None and id < 1 << 64:
                    keys = [item.key(id) for item in ITEMS]
                    values = await self.chain.get_all(keys)
        if values is None or values[0] is None:
            raise UnknownAgent(f"there is no agent {name!r}; `GET /agents` lists those there are")
        known = Known()
        for part, value in zip(PARTS, values, strict=True):
            part(known, value)
        if known.paused:
            raise AgentPaused(f"the agent {name!r} is paused: its DAO has it take no requests")
        if known.code is None:
            raise NoApprovedCode(f"the agent {name!r} has no approved script: its DAO calls Agents.approve_code")
        known.settle(id or 0)
        assert known.entry is not None
        return known.entry

    async def cluster_key(self) -> tuple[int, bytes]:
        """The cluster's generation and the key to seal secrets to, both final. Raises `NoClusterKey`."""
        with _answered():
            final = (await self.chain.finalized()).hash
            generation = await self.chain.read(GENERATION, at=final) or 1
            key = await self.chain.read(KEY, generation, at=final)
        if key is None:
            raise NoClusterKey("the chain's cluster has no final key yet, so no secret can be sealed: try again soon")
        return generation, key.seal_key

    async def settled(self, agent: int, who: bytes) -> int:
        """How much of an agent's token an account has had locked for an epoch, and has yet, in the newest block."""
        with _answered():
            async with self._questions:
                return SETTLED.decode_all(await self.chain.ask("DaoApi_settled", WHO.encode((agent, who)))) or 0

    # Following

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Keeps up with the chain until cancelled; started once all that there is now is known."""
        async with trio.open_nursery() as nursery:
            places = [ELIGIBLE.key((EVERYONE, place)) for place in range(MAX_WORKERS)]
            nursery.start_soon(self.chain.follow, [NEXT_AGENT.key(), NOW.key()], self._on_value)
            nursery.start_soon(self.chain.follow, places, self._on_place)
            started = False
            while True:
                kick = self._kick
                if self._next_agent is not None:
                    while self._groups < MAX_GROUPS and self._groups * GROUP <= self._next_agent:
                        await self._follow_group(nursery, self._groups)
                        self._groups += 1
                await self._follow_workers(nursery)
                if not started and self._next_agent is not None:
                    started = True
                    task_status.started()
                await kick.wait()

    def _wake(self) -> None:
        self._kick.set()
        self._kick = trio.Event()

    def _on_value(self, key: bytes, value: bytes | None) -> None:
        if key == NOW.key():
            self.now_ms = NOW.decode(value) or 0
        else:
            self._next_agent = NEXT_AGENT.decode(value) or 0
            self._wake()

    async def _follow_group(self, nursery: trio.Nursery, group: int) -> None:
        keys = {
            item.key(id): (part, id)
            for id in range(group * GROUP, (group + 1) * GROUP)
            for item, part in zip(ITEMS, PARTS, strict=True)
        }
        first = trio.Event()

        def on_change(key: bytes, value: bytes | None) -> None:
            part, id = keys[key]
            self._learn(id, part, value)
            first.set()

        nursery.start_soon(self.chain.follow, list(keys), on_change)
        await first.wait()

    def _learn(self, id: int, part: Callable[[Known, bytes | None], None], value: bytes | None) -> None:
        known = self._agents.get(id)
        if known is None:
            if value is None:
                return
            known = self._agents[id] = Known()
        before = known.name, known.code
        part(known, value)
        known.settle(id)
        if (known.name, known.code) != before:
            name, code = before
            if self._names.get(name) == id:
                del self._names[name]
            if code is not None:
                self._codes[code].pop(id, None)
                if not self._codes[code]:
                    del self._codes[code]
            if known.exists:
                self._names[known.name] = id
            if known.code is not None:
                self._codes.setdefault(known.code, {})[id] = None
        self._changed.set()
        self._changed = trio.Event()

    def _on_place(self, key: bytes, value: bytes | None) -> None:
        worker = ELIGIBLE.decode(value)
        if worker is None:
            self._seated.pop(key, None)
        else:
            self._seated[key] = worker
        self._wake()

    async def _follow_workers(self, nursery: trio.Nursery) -> None:
        seated = set(self._seated.values())
        for worker in self._followed.keys() - seated:
            self._followed.pop(worker).cancel()
            if self.workers.pop(worker, None) is not None:
                self.on_workers()
        for worker in seated - self._followed.keys():
            scope = self._followed[worker] = trio.CancelScope()
            nursery.start_soon(self._follow_worker, worker, scope)

    async def _follow_worker(self, key: bytes, scope: trio.CancelScope) -> None:
        def on_change(_: bytes, value: bytes | None) -> None:
            record = WORKER.decode(value)
            if record is not None and record.state in SERVING and record.info.endpoint:
                self.workers[key] = record
            else:
                self.workers.pop(key, None)
            self.on_workers()

        with scope:
            await self.chain.follow([WORKER.key(key)], on_change)


@contextmanager
def _answered() -> Iterator[None]:
    """A question that the node doesn't answer raises `ChainUnreachable`."""
    try:
        with trio.fail_after(ASK_SECONDS):
            yield
    except (trio.TooSlowError, RpcError, ChainError, DecodeError) as error:
        raise ChainUnreachable(f"the chain's node doesn't answer: {error or 'no connection'}") from None


def serves(worker: Worker, agent: AgentEntry) -> bool:
    """Whether a worker may serve an agent."""
    return agent.class_id == EVERYONE or agent.class_id in worker.classes


def endpoints(workers: Iterable[Worker]) -> dict[bytes, str]:
    """Where workers say that they listen, by their key; what is no URL of a WebSocket is left out."""
    found = {}
    for worker in workers:
        url = worker.info.endpoint.decode("ascii", errors="replace")
        if url.startswith(("ws://", "wss://")) and url.isprintable():
            found[worker.info.worker_key] = url
    return found
