"""The chain's state after a final block, as runs read it: each value proven under the block's header.

What describes the state, the metadata, is the node's word, and so is which keys there are.

Errors: what asking the node raises, `UNREADABLE`; `BadValue` and `WrongChain` of what the chain doesn't have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from offchain.chain import Chain, StorageItem, WrongChain
from offchain.described import BadValue, Described
from offchain.light.finalized import BLOCK_HASH
from offchain.light.untrusted import UntrustedNode
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat, storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U64

VALUE: StorageItem[bytes] = StorageItem("Anchors", "Value", bytes, (U64, Blake2_128Concat), (bytes, Blake2_128Concat))
AGENT = codec_of(U64)
BYTES = codec_of(bytes)
UPGRADE = storage_prefix("System", "LastRuntimeUpgrade")
PAGE, MAX_PAGES = 512, 32
"""Keys that the node is asked for at once, and how often for one listing."""
KEPT_RUNTIMES = 4
_hashed = Blake2_128Concat.apply
HASH = 16
"""Bytes before a key that is hashed."""


Prove = Callable[[Header, Sequence[bytes]], Awaitable[Sequence[bytes | None]]]
"""The values of keys in the state after a block, proven under its header; `Finalized.get_all` is one."""


class ChainState:
    """One chain's states. `runtime` takes the metadata from the node once a runtime."""

    def __init__(self, chain: Chain, prove: Prove) -> None:
        self._chain, self._prove = chain, prove
        self._runtimes: dict[bytes, Described] = {}

    async def earlier(self, header: Header, number: int) -> Header:
        """The header of a block before another one, or that itself; of one that the state names no more `BadValue`."""
        if number == header.number:
            return header
        hash = BLOCK_HASH.decode(await self.raw(header, BLOCK_HASH.key(number)))
        if hash is None or number > header.number:
            raise BadValue(f"block {number} isn't among the last ones before block {header.number}")
        found = await UntrustedNode(self._chain.client).header(hash)
        if found is None:
            raise WrongChain(f"the node has no block 0x{hash.hex()} any more")
        return found

    async def raw(self, header: Header, key: bytes) -> bytes | None:
        """The bytes under a storage key."""
        return (await self._prove(header, [key]))[0]

    async def value(self, header: Header, agent: int, key: bytes) -> bytes | None:
        """What an agent keeps under a key."""
        return VALUE.decode(await self.raw(header, VALUE.key(agent, key)))

    async def keys(self, header: Header, agent: int, prefix: bytes, limit: int, after: bytes | None) -> list[bytes]:
        """Keys of an agent that begin so, at most `limit`, in the order of their hashes, after one of them."""
        under = VALUE.prefix + _hashed(AGENT.encode(agent))
        start = None if after is None else under + _hashed(BYTES.encode(after))
        found: list[bytes] = []
        for _ in range(MAX_PAGES):
            page = await self._chain.keys_under(under, PAGE, start, header.hash)
            found += [name for key in page if (name := _name(key[len(under) + HASH :])).startswith(prefix)]
            if len(page) < PAGE or len(found) >= limit:
                return found[:limit]
            start = page[-1]
        raise BadValue(f"the store has more than {PAGE * MAX_PAGES} keys: list them by shorter steps, with `after`")

    async def entry(self, header: Header, pallet: str, item: str, keys: list[Any]) -> Any:
        """The plain value of a storage entry."""
        runtime = await self.runtime(header)
        raw = await self.raw(header, runtime.storage_key(pallet, item, *keys))
        try:
            return runtime.value_of(pallet, item, raw)
        except DecodeError as error:
            raise BadValue(f"{pallet}.{item} can't be read: {error}") from None

    async def runtime(self, header: Header) -> Described:
        """What the runtime after a block is described as."""
        name = await self.raw(header, UPGRADE) or b""
        if name not in self._runtimes:
            self._runtimes[name] = await Described.at(self._chain, header.hash)
            while len(self._runtimes) > KEPT_RUNTIMES:
                del self._runtimes[next(iter(self._runtimes))]
        return self._runtimes[name]


def _name(encoded: bytes) -> bytes:
    """A key of an agent's, at the end of a storage key. Raises `WrongChain`."""
    try:
        name: bytes = BYTES.decode_all(encoded)
    except DecodeError as error:
        raise WrongChain(f"a key of {VALUE.name} can't be read: {error}") from None
    return name
