"""The final state of a chain, believed of a node that isn't.

## Overview

`Finalized` trusts a genesis hash and its own seal. The authorities of genesis are proven under its header; from there
each set makes blocks final and announces the next. A block is final by a justification that more than two thirds of the
weight of the set in place have signed, and a value of its state is read with a proof under its state root.

Not every block is looked at. Heads are followed by one subscription, which only says that there is something new; a
justification is verified when somebody asks for the newest final block, at most once in `REFRESH_SECONDS`. Each newest
block is one that has the one before it among its ancestors, by the block hashes in its state; its height and hash are
sealed before it is told.

## Usage

```python
finalized = Finalized(chain, FinalitySeal(path, worker_key, chain.genesis))
nursery.start_soon(finalized.run)
head = await finalized.newest()
agent = await finalized.read(AGENT, 7)             # after that block
code = await finalized.read_at(head, CODE, hash)   # after any block that `newest` or `ancestor` gave
```

## Errors

`light.errors`, of which `WentBack` says that the node shows less than it did: `on_contradiction` is called, too. Those
of `offchain.rpc` pass through.

## Out of scope

Delayed and forced changes of authorities; which items there are (`offchain.records`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import trio

from offchain.chain import Chain, Head, StorageItem
from offchain.light.authorities import AUTHORITIES, AuthoritySet
from offchain.light.errors import NotFinal, NotProven, StateGone, TooFarBehind, WentBack, WrongGenesis
from offchain.light.seal import FinalitySeal, Sealed
from offchain.light.untrusted import UntrustedNode
from pallets.primitives.hashing import Twox64Concat
from pallets.primitives.header import Header
from pallets.primitives.types import H256, BlockNumber

T = TypeVar("T")

REFRESH_SECONDS = 0.1
"""How often at most `newest` asks the node for a newer final block; who asks sooner waits."""
MAX_CHANGES = 256
"""Changes of authorities that one look follows."""
KEPT_HASHES = 4096
"""How many earlier blocks a state names: `System.BlockHashCount`."""
MAX_HEADERS = 64
"""Headers of final blocks that are remembered."""
BLOCK_HASH: StorageItem[bytes] = StorageItem("System", "BlockHash", H256, (BlockNumber, Twox64Concat))


class Finalized:
    """The final blocks of one chain, and their state."""

    def __init__(self, chain: Chain, seal: FinalitySeal, on_contradiction: Callable[[], object] | None = None) -> None:
        """`chain.genesis` is trusted, and nothing else of the chain; `on_contradiction` hears of every `WentBack`."""
        self.genesis = chain.genesis
        self.node = UntrustedNode(chain.client)
        self.justification: bytes | None = None
        """Of the newest final block, if this process has verified it."""
        self._client, self._seal = chain.client, seal
        self._on_contradiction = on_contradiction
        self._headers: OrderedDict[bytes, Header] = OrderedDict()
        self._newest: Header | None = None
        self._news = True
        self._asked_at = -float("inf")
        self._refused: WentBack | None = None
        self._ended: list[tuple[int, AuthoritySet]] = []
        self._lock = trio.Lock()

    async def run(self) -> None:
        """Follows what becomes final, until cancelled; without it only `refresh` looks for newer blocks."""
        await self._client.follow("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", (), self._on_news)

    def _on_news(self, _: Any) -> None:
        self._news = True

    # Blocks

    async def newest(self) -> Head:
        """The last final block that the node has told of; it is verified now, if it wasn't yet."""
        async with self._lock:
            if self._news:
                await trio.sleep_until(max(self._asked_at + REFRESH_SECONDS, trio.current_time()))
                await self._refresh()
            if self._refused is not None:
                raise self._refused
            return _head(await self._known())

    async def refresh(self) -> Head:
        """The last final block, as the node has it now."""
        async with self._lock:
            await self._refresh()
            return _head(await self._known())

    async def header(self) -> Header:
        """The header of the last final block that `newest` or `refresh` gave; of the newest where neither was asked."""
        if self._newest is None:
            await self.newest()
        async with self._lock:
            return await self._known()

    async def ancestor(self, block: Head) -> Header:
        """The header of a block that the last final one descends from; raises `NotFinal` for any other."""
        newest = await self.header()
        if block.hash in self._headers:
            header = self._headers[block.hash]
        elif block.number >= newest.number:
            raise NotFinal(f"block {block.number} is not before block {newest.number}, the last final one")
        else:
            if await self._hash_before(newest, block.number) != block.hash:
                raise NotFinal(f"block {block.number}, 0x{block.hash.hex()}, is not of the final chain")
            header = await self._header(block.hash)
        if header.number != block.number:
            raise NotFinal(f"block 0x{block.hash.hex()} has number {header.number}, not {block.number}")
        self._remember(header)
        return header

    async def at_height(self, number: int) -> Header:
        """The header of the final block of a number; raises `NotFinal` where the last final block is before it."""
        newest = await self.header()
        hash = newest.hash if number == newest.number else None
        if number < newest.number:
            hash = await self._hash_before(newest, number)
        if hash is None:
            raise NotFinal(f"block {number} is not before block {newest.number}, the last final one")
        return await self._header(hash)

    def authorities_at(self, number: int) -> AuthoritySet:
        """The set that makes the block of a number final, as far back as this process has followed the sets."""
        return next((each for end, each in self._ended if number <= end), self._authorities)

    # State

    async def read(self, item: StorageItem[T], *keys: Any) -> T | None:
        """A value after the last final block that `newest` or `refresh` gave."""
        key = item.key(*keys)
        return item.decode((await self.get_all(await self.header(), [key]))[0])

    async def read_at(self, block: Head, item: StorageItem[T], *keys: Any) -> T | None:
        """A value after a final block."""
        return item.decode(await self.get_at(block, item.key(*keys)))

    async def get_at(self, block: Head, key: bytes) -> bytes | None:
        """A raw value after a final block."""
        return (await self.get_all(await self.ancestor(block), [key]))[0]

    async def get_all(self, header: Header, keys: Sequence[bytes]) -> list[bytes | None]:
        """Raw values after the block of a header, which must be known to be final."""
        try:
            found = await self.node.proven(header, keys)
        except StateGone:
            self._news = True  # a chain that was set back tells nobody
            if self._newest is not None and header.hash == self._newest.hash:
                await self.refresh()
            raise
        return [found[key] for key in keys]

    # Inside

    async def _known(self) -> Header:
        if self._newest is None:
            sealed = self._seal.sealed
            if sealed is None:
                sealed = Sealed(Head(0, self.genesis), await self._first_set())
                self._seal.sealed = sealed
            header = await self.node.header(sealed.block.hash)
            if header is None:
                raise self._went_back(f"the node doesn't know block {sealed.block.number}, which was final")
            self._newest = header
            self._remember(header)
        return self._newest

    async def _first_set(self) -> AuthoritySet:
        header = await self.node.header(self.genesis)
        if header is None or header.number != 0:
            raise WrongGenesis(f"the node's chain doesn't start with block 0x{self.genesis.hex()}")
        found = AUTHORITIES.decode((await self.node.proven(header, [AUTHORITIES.key()]))[AUTHORITIES.key()])
        if not found:
            raise WrongGenesis("the chain has no authorities at genesis that could make blocks final")
        return AuthoritySet(tuple(found), 0)

    async def _refresh(self) -> None:
        """Goes to the node's last final block; raises `LightError`."""
        self._news, self._asked_at = False, trio.current_time()
        try:
            known = await self._known()
            for _ in range(MAX_CHANGES):
                last = await self.node.last_final()
                if last == known.hash:
                    self._refused = None
                    return
                header = await self._header(last)
                if header.number <= known.number:
                    raise self._went_back(f"the node's last final block is {header.number}, and {known.number} was")
                proof = await self.node.finality_proof(header.number)
                if proof is None:
                    return  # nothing is justified since a chain of development was set back
                if proof.target != last:
                    header = await self._header(proof.target)
                try:
                    await self._take(known, header, proof.justification)
                    self._refused = None
                    return
                except NotFinal as reason:
                    await self._change(known, reason)
                known = await self._known()
        except BaseException:
            self._news = True
            raise
        self._news = True
        raise TooFarBehind(f"the authorities have changed more than {MAX_CHANGES} times since block {known.number}")

    async def _change(self, known: Header, reason: NotFinal) -> None:
        """Goes to the last block of the set in place, which announces the next; raises `reason` if there is none."""
        before = self._authorities
        proof = await self.node.finality_proof(known.number + 1)
        if proof is None:
            raise reason
        await self._take(known, await self._header(proof.target), proof.justification)
        if self._authorities is before:
            raise reason

    async def _take(self, known: Header, header: Header, justification: bytes) -> None:
        """Makes a block the newest final one if it is justified and leads on from `known`."""
        following = self._authorities.accept(header, justification)
        if header.number <= known.number:
            raise NotFinal(f"block {header.number} is not after block {known.number}")
        key = BLOCK_HASH.key(known.number)
        before = BLOCK_HASH.decode((await self.node.proven(header, [key]))[key])
        if before is not None and before != known.hash:  # after thousands of blocks it isn't in the state any more
            raise self._went_back(f"block {known.number}, which was final, is not of the node's chain any more")
        if following is not self._authorities:
            self._ended.append((header.number, self._authorities))
        self._seal.keep(Sealed(_head(header), following))
        self._newest, self.justification = header, justification
        self._remember(header)

    @property
    def _authorities(self) -> AuthoritySet:
        assert self._seal.sealed is not None
        return self._seal.sealed.authorities

    async def _hash_before(self, header: Header, number: int) -> bytes | None:
        """The hash of the block of a number before a final one, from states that name earlier and earlier blocks."""
        while True:
            before = max(number, header.number - KEPT_HASHES)
            key = BLOCK_HASH.key(before)
            found = BLOCK_HASH.decode((await self.node.proven(header, [key]))[key])
            if found is None or before == number:
                return found
            header = await self._header(found)

    async def _header(self, hash: bytes) -> Header:
        header = await self.node.header(hash)
        if header is None:
            raise NotProven(f"the node names block 0x{hash.hex()}, and doesn't have its header")
        return header

    def _remember(self, header: Header) -> None:
        self._headers[header.hash] = header
        self._headers.move_to_end(header.hash)
        if len(self._headers) > MAX_HEADERS:
            self._headers.popitem(last=False)

    def _went_back(self, reason: str) -> WentBack:
        if self._on_contradiction is not None:
            self._on_contradiction()
        self._refused = WentBack(reason)
        return self._refused


def _head(header: Header) -> Head:
    return Head(header.number, header.hash)
