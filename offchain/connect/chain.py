"""A chain that others serve, as this package asks it: blocks that are what their hash says, storage, runtimes.

## Overview

A header is taken when its own bytes have the hash that it was asked by, a block when its extrinsics have the root that
its header names: an endpoint that shows another is left. Values of storage and events are what the endpoint says they
are, unless they are asked for with a proof (`proven`).

A block is decoded by the runtime that executed it, the one of the state before it. Runtimes are kept by version.

## Usage

```python
chain = await RemoteChain.open(remote)
block = await chain.block(await chain.hash_of(18_468_942))
events = await chain.events(block.hash)
```

## Errors

`errors`; `UnreadableMetadata` and `Undecodable` where a runtime or its bytes can't be read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import trio

from offchain.connect.decoder import Decoder, Event, Extrinsic, Undecodable, item_of
from offchain.connect.errors import UNKNOWN_WORDS, NoSuchBlock, NotProven, WrongAnswer
from offchain.connect.extrinsics_root import extrinsics_root
from offchain.connect.portable import PortableDecoder
from offchain.connect.remote import Remote
from offchain.metadata import UnreadableMetadata
from offchain.rpc import CallFailed
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.metadata_schema import MAX_METADATA, unwrapped, version_of
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.storage_proof import InvalidProof, verify_proof

EVENTS_KEY = storage_prefix("System", "Events")
PAGE = 512
"""Storage keys of one page, and values of one question."""
MAX_EXTRINSICS = 100_000
MAX_PROOF_ENTRIES = 100_000
ENGINES = {b"aura": "aura", b"BABE": "BABE", b"FRNK": "GRANDPA", b"BEEF": "BEEFY", b"SPSP": "Sassafras"}


@dataclass(frozen=True)
class Block:
    """A block that has been checked against its hash."""

    hash: bytes
    header: Header
    extrinsics: list[bytes]

    @property
    def number(self) -> int:
        """Its height."""
        return int(self.header.number)


class Runtime(NamedTuple):
    """A runtime's names and versions, as the endpoint says them."""

    name: str
    spec: int
    transaction: int
    apis: dict[str, int]
    """Versions of runtime APIs, by the hex of their hashed names."""
    state_version: int


class DecodedBlock(NamedTuple):
    """A block with what it says. What can't be decoded is None, and `problems` has a line for it."""

    block: Block
    spec: int
    extrinsics: list[Extrinsic | None]
    events: list[Event] | None
    problems: list[str]


class Properties(NamedTuple):
    """What a chain says of its addresses and money."""

    prefix: int
    token: str
    decimals: int


class RemoteChain:
    """A chain behind a `Remote`."""

    def __init__(self, remote: Remote, properties: Properties, name: str) -> None:
        """`name` is what the chain calls itself. `open` makes one."""
        self.remote, self.properties, self.name = remote, properties, name
        self._decoders: dict[int, Decoder] = {}
        self._latest: tuple[int, bytes] | None = None

    @classmethod
    async def open(cls, remote: Remote) -> RemoteChain:
        """Asks a chain that `remote` has connected to for its name and properties."""
        name, found = str(await remote.call("system_chain")), await remote.call("system_properties")
        return cls(remote, _properties(remote, found), name)

    # Blocks

    async def best(self) -> bytes:
        """The hash of the best block."""
        return _hash(await self.remote.call("chain_getBlockHash", check=_is_hash))

    async def finalized(self) -> bytes:
        """The hash of the last final block."""
        return _hash(await self.remote.call("chain_getFinalizedHead", check=_is_hash))

    async def hash_of(self, number: int) -> bytes:
        """The hash of the canonical block of a number; raises `NoSuchBlock`."""
        found = await self.remote.call("chain_getBlockHash", number)
        if found is None:
            raise NoSuchBlock(f"{self.remote.network.title} has no block {number} yet")
        return _hash(found)

    async def resolve(self, text: str | None) -> bytes:
        """The hash of what a person means: a hash, a number, `best`, `final`; the best block unless told."""
        if text is None or text == "best":
            return await self.best()
        if text in ("final", "finalized"):
            return await self.finalized()
        if text.isdecimal():
            return await self.hash_of(int(text))
        try:
            found = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            found = b""
        if len(found) != 32:
            raise NoSuchBlock(f"{text!r} names no block: give a number, a hash, `best` or `final`")
        return found

    async def header(self, block: bytes) -> Header:
        """The header of this hash, checked; raises `NoSuchBlock`."""
        found = await self.remote.call("chain_getHeader", _hex(block), check=_header_of(block))
        return _known(found, block)  # type: ignore[no-any-return]

    async def block(self, block: bytes) -> Block:
        """The block of this hash, checked; raises `NoSuchBlock`."""
        try:
            found = await self.remote.call("chain_getBlock", _hex(block), check=_block_of(block))
        except CallFailed as error:
            if UNKNOWN_WORDS.search(error.message) is None:
                raise
            found = None
        return _known(found, block)  # type: ignore[no-any-return]

    # State

    async def get(self, key: bytes, at: bytes) -> bytes | None:
        """A value of the state after a block."""
        found: bytes | None = await self._of_state("state_getStorage", _hex(key), _hex(at), check=_optional_bytes)
        return found

    async def get_all(self, keys: Sequence[bytes], at: bytes) -> list[bytes | None]:
        """The values of these keys, in their order, by as few questions as there can be."""
        found: dict[bytes, bytes | None] = {}
        for start in range(0, len(keys), PAGE):
            page = [_hex(key) for key in keys[start : start + PAGE]]
            found |= await self._of_state("state_queryStorageAt", page, _hex(at), check=_changes)
        return [found.get(key) for key in keys]

    async def proven(self, key: bytes, at: bytes) -> bytes | None:
        """A value, believed on a proof against the block's state root; raises `NotProven`."""
        header = await self.header(at)

        def value(found: Any) -> bytes | None:
            try:
                entries = [_bytes(entry) for entry in found["proof"][:MAX_PROOF_ENTRIES]]
                return verify_proof(header.state_root, entries, [key])[key]
            except InvalidProof as error:
                raise NotProven(f"the read proof doesn't hold: {error}") from None
            except (TypeError, LookupError):
                raise WrongAnswer("it is no read proof") from None

        return await self._of_state("state_getReadProof", [_hex(key)], _hex(at), check=value)  # type: ignore[no-any-return]

    async def keys_under(self, prefix: bytes, at: bytes, limit: int | None = None) -> AsyncIterator[bytes]:
        """The storage keys under a prefix, ascending, page by page."""
        last: bytes | None = None
        count = 0
        while limit is None or count < limit:
            size = PAGE if limit is None else min(PAGE, limit - count)
            check = _page(prefix, last)
            start = _hex(prefix if last is None else last)
            page = await self._of_state("state_getKeysPaged", _hex(prefix), size, start, _hex(at), check=check)
            for key in page:
                yield key
            count += len(page)
            if len(page) < size:
                return
            last = page[-1]

    async def entries(
        self,
        pallet: str,
        item: str,
        keys: Sequence[Any],
        at: bytes,
        limit: int | None = None,
        seen: Callable[[int], object] = lambda count: None,
    ) -> list[tuple[list[Any], Any]]:
        """The entries of a storage map, or those under its first keys: each with its plain keys and plain value."""
        decoder = await self.decoder(at)
        of, form = item_of(decoder, pallet, item)
        names, found = [], list[tuple[list[Any], Any]]()
        async for key in self.keys_under(decoder.key(of.name, form.name, keys), at, limit):
            names.append(key)
            if len(names) == PAGE:
                found += await self._decoded_entries(decoder, of.name, form.name, names, at)
                seen(len(found))
                names = []
        return found + await self._decoded_entries(decoder, of.name, form.name, names, at)

    async def value(self, pallet: str, item: str, keys: Sequence[Any], at: bytes, *, proven: bool = False) -> Any:
        """The plain value of a storage entry: its default, or `None`, where nothing is stored."""
        decoder = await self.decoder(at)
        of, form = item_of(decoder, pallet, item)
        key = decoder.key(of.name, form.name, keys)
        data = await (self.proven(key, at) if proven else self.get(key, at))
        return decoder.value(of.name, form.name, data)

    # Runtimes

    async def runtime(self, at: bytes) -> Runtime:
        """The runtime in the state after a block."""
        return await self._of_state("state_getRuntimeVersion", _hex(at), check=_runtime)  # type: ignore[no-any-return]

    async def metadata(self, at: bytes) -> bytes:
        """What describes the runtime in the state after a block, with its magic."""
        return await self._of_state("state_getMetadata", _hex(at), check=_metadata)  # type: ignore[no-any-return]

    async def decoder(self, at: bytes) -> Decoder:
        """Who decodes the state after a block."""
        if self._latest is not None and self._latest[1] == at:
            return self._decoders[self._latest[0]]
        spec = (await self.runtime(at)).spec
        decoder = await self._decoder(spec, at)
        self._latest = spec, at
        return decoder

    async def executor(self, header: Header) -> tuple[int, Decoder]:
        """Version and decoder of the runtime that executed a block: that of the state before it."""
        before = header.parent_hash if header.number else header.hash
        spec = (await self.runtime(before)).spec
        return spec, await self._decoder(spec, before)

    async def events(self, header: Header) -> list[Event]:
        """A block's events."""
        _, decoder = await self.executor(header)
        return decoder.events(await self.get(EVENTS_KEY, header.hash))

    async def decoded(self, block: Block) -> DecodedBlock:
        """A block with what it says; what can't be decoded is left out with a line that says so."""
        spec, decoder = await self.executor(block.header)
        problems: list[str] = []
        extrinsics: list[Extrinsic | None] = []
        for number, data in enumerate(block.extrinsics):
            try:
                extrinsics.append(decoder.extrinsic(data))
            except Undecodable as error:
                extrinsics.append(None)
                problems.append(f"extrinsic {number}: {error}")
        events: list[Event] | None = None
        try:
            events = decoder.events(await self.get(EVENTS_KEY, block.hash))
        except Undecodable as error:
            problems.append(f"events: {error}")
        return DecodedBlock(block, spec, extrinsics, events, problems)

    # Inside

    async def _of_state(self, method: str, *params: Any, check: Callable[[Any], Any]) -> Any:
        try:
            return await self.remote.call(method, *params, check=check)
        except CallFailed as error:
            if UNKNOWN_WORDS.search(error.message) is None:
                raise
            raise NoSuchBlock(f"{self.remote.network.title} has no block {params[-1]}") from None

    async def _decoder(self, spec: int, at: bytes) -> Decoder:
        if spec not in self._decoders:
            metadata = await self.metadata(at)
            network = self.remote.network
            self._decoders[spec] = await trio.to_thread.run_sync(
                decoder_of, metadata, self.properties.prefix, network.types, spec
            )
        return self._decoders[spec]

    async def _decoded_entries(
        self, decoder: Decoder, pallet: str, item: str, keys: list[bytes], at: bytes
    ) -> list[tuple[list[Any], Any]]:
        values = await self.get_all(keys, at) if keys else []
        return [
            (decoder.keys_in(pallet, item, key), decoder.value(pallet, item, value))
            for key, value in zip(keys, values, strict=True)
        ]


def decoder_of(metadata: bytes, prefix: int, types: str | None = None, spec: int | None = None) -> Decoder:
    """Who decodes a runtime: `types` is scalecodec's list of a chain's old ones. Raises `UnreadableMetadata`."""
    metadata = unwrapped(metadata)
    if version_of(metadata) >= 14:
        return PortableDecoder(metadata, prefix)
    from offchain.connect.named import NamedDecoder  # scalecodec takes a while to load, and is hardly ever needed

    return NamedDecoder(metadata, prefix, types, spec)


def header_from(found: Any) -> Header:
    """A header as JSON-RPC has it; raises `WrongAnswer`."""
    try:
        roots = [_hash(found[name]) for name in ("stateRoot", "extrinsicsRoot")]
        logs = [_bytes(item) for item in found["digest"]["logs"]]
        number = compact(int(found["number"], 16))
        data = _hash(found["parentHash"]) + number + b"".join(roots) + compact(len(logs)) + b"".join(logs)
        return Header.decode(data)
    except (TypeError, ValueError, LookupError, DecodeError):
        raise WrongAnswer("it is no header") from None


def _header_of(block: bytes) -> Callable[[Any], Header | None]:
    def check(found: Any) -> Header | None:
        if found is None:
            return None
        header = header_from(found)
        if header.hash != block:
            raise WrongAnswer(f"the header of block 0x{block.hex()} has the hash 0x{header.hash.hex()}")
        return header

    return check


def _block_of(block: bytes) -> Callable[[Any], Block | None]:
    def check(found: Any) -> Block | None:
        if found is None:
            return None
        try:
            body, extrinsics = found["block"], [_bytes(each) for each in found["block"]["extrinsics"][:MAX_EXTRINSICS]]
            header = _header_of(block)(body["header"])
        except (TypeError, LookupError):
            raise WrongAnswer("it is no block") from None
        if header is None or extrinsics_root(extrinsics) != header.extrinsics_root:
            raise WrongAnswer(f"the extrinsics of block 0x{block.hex()} are not those that its header names")
        return Block(block, header, extrinsics)

    return check


def _known(found: Any, block: bytes) -> Any:
    if found is None:
        raise NoSuchBlock(f"the chain has no block 0x{block.hex()}")
    return found


def _page(prefix: bytes, last: bytes | None) -> Callable[[Any], list[bytes]]:
    def check(found: Any) -> list[bytes]:
        if not isinstance(found, list):
            raise WrongAnswer("it is no list of keys")
        keys = [_bytes(key) for key in found]
        before = prefix if last is None else last
        for key in keys:
            if not key.startswith(prefix) or (key <= before and (last is not None or key != prefix)):
                raise WrongAnswer(f"key 0x{key.hex()} is not behind those before it")
            before = key
        return keys

    return check


def _changes(found: Any) -> dict[bytes, bytes | None]:
    try:
        return {_bytes(key): _optional_bytes(value) for each in found for key, value in each["changes"]}
    except (TypeError, ValueError, LookupError):
        raise WrongAnswer("it is no set of changes") from None


def _runtime(found: Any) -> Runtime:
    try:
        apis = {str(name): int(version) for name, version in found.get("apis", [])}
        return Runtime(
            str(found["specName"]),
            int(found["specVersion"]),
            int(found.get("transactionVersion", 1)),
            apis,
            int(found.get("stateVersion", found.get("systemVersion", 0)) or 0),
        )
    except (TypeError, ValueError, LookupError, AttributeError):
        raise WrongAnswer("it is no runtime version") from None


def _metadata(found: Any) -> bytes:
    data = _bytes(found)
    if len(data) > MAX_METADATA:
        raise WrongAnswer(f"it has {len(data):,} bytes, more than {MAX_METADATA:,}")
    try:
        return unwrapped(data)
    except UnreadableMetadata as error:
        raise WrongAnswer(str(error)) from None


def _properties(remote: Remote, found: Any) -> Properties:
    network = remote.network
    said = found if isinstance(found, dict) else {}
    prefix, token, decimals = (_first(said.get(name)) for name in ("ss58Format", "tokenSymbol", "tokenDecimals"))
    return Properties(
        network.prefix if network.prefix is not None else prefix if isinstance(prefix, int) else 42,
        network.token or (token if isinstance(token, str) and token.isascii() and token.isprintable() else "UNIT"),
        network.decimals if network.decimals is not None else decimals if isinstance(decimals, int) else 12,
    )


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _is_hash(found: Any) -> Any:
    _hash(found)
    return found


def _hash(found: Any) -> bytes:
    data = _bytes(found)
    if len(data) != 32:
        raise WrongAnswer(f"{len(data)} bytes are no hash")
    return data


def _optional_bytes(found: Any) -> bytes | None:
    return None if found is None else _bytes(found)


def _bytes(found: Any) -> bytes:
    try:
        if found.startswith("0x"):
            return bytes.fromhex(found[2:])
    except (AttributeError, TypeError, ValueError):
        pass
    raise WrongAnswer(f"{found!r:.80} is no hex")


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
