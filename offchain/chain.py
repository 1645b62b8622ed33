"""The chain as a worker sees it, over JSON-RPC: storage by key, heads, and extrinsics of its own.

## Overview

A `StorageItem` computes keys and decodes values; nothing is learnt from metadata. `Chain` reads them, submits bare
extrinsics, which what a worker signs travels in, and signs transactions for its operator. What a transaction failed of
is looked up in its block's events, because no pool can foresee it.

## Errors

```
ChainError
├── WrongChain          the node's answer is not of a chain that has workers
├── BlockGone           the node has no such block any more
├── CannotPay           the account can't pay the fee
├── TransactionRefused  the pool doesn't take the transaction, or dropped it; what it said
└── DispatchFailed      the transaction is in a block, and failed: the runtime's error
```
`offchain.rpc.CallFailed` passes through where the node refuses a bare extrinsic: its reason is the caller's to judge.

## Out of scope

Which items there are and what the worker does with them: `records`, `worker`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import trio

from offchain.metadata import UnreadableMetadata, constant_value, extrinsic_failure
from offchain.rpc import CallFailed, Client, ConnectionLost
from pallets.primitives import ss58
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import Era, Sr25519, bare_extrinsic, signed_extrinsic, signing_payload
from pallets.primitives.hashing import Blake2_128Concat, StorageHasher, storage_prefix
from pallets.primitives.keys import Keypair
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import (
    H256,
    U8,
    U32,
    U128,
    AccountId,
    Balance,
    BlockNumber,
    Bytes32,
    Compact,
    Nonce,
    struct,
)

T = TypeVar("T")

ERA_PERIOD = 1024
"""Blocks that a transaction lives: minutes at the dev chain's quickest, and still a lost one doesn't come back."""
UNKNOWN_BLOCK = re.compile("unknown ?block", re.IGNORECASE)
"""In Substrate's words for a block that it has no state of, which share a code with other failures."""
POOL_INVALID = 1010
IN_POOL = (1013, 1014)
"""The pool has the same extrinsic, or another in its place."""
UNPAYABLE = "Inability to pay some fees"
NAMED = re.compile(r"\((\w+)\)$")
EXTRA = codec_of(tuple[Era, Compact[Nonce], Compact[Balance], U8])
"""Era, nonce, tip, and no metadata hash: the explicit data of the chain's extensions, in their order."""
NUMBER = codec_of(BlockNumber)
FEE = codec_of(Balance)
VERSIONS = codec_of(tuple[U32, U32])
IMPLICIT = codec_of(tuple[U32, U32, H256, H256, Bytes32 | None])
"""Spec version, transaction version, genesis, the era's birth block, no metadata hash: signed, not sent."""


class ChainError(Exception):
    """The chain doesn't do what it was asked to."""


class WrongChain(ChainError):
    """The node serves another kind of chain."""


class BlockGone(ChainError):
    """The node has no block that it named a moment ago: it was replaced, or set back."""


class CannotPay(ChainError):
    """The account can't pay the transaction's fee."""


class TransactionRefused(ChainError):
    """The transaction is not in a block and won't be."""


class DispatchFailed(ChainError):
    """The transaction is in a block, its fee is paid, and its call failed; `error` is the runtime's name for why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.error = text.partition(":")[0].rpartition(".")[2]


class StorageItem(Generic[T]):
    """One storage item: `key` of it (32 bytes of prefix, then each key hashed), and `codec` of its values."""

    def __init__(self, pallet: str, item: str, value: Any, *keys: tuple[Any, StorageHasher]) -> None:
        """`keys` are pairs of annotation and hasher."""
        self.name = f"{pallet}.{item}"
        self.prefix = storage_prefix(pallet, item)
        self.codec = codec_of(value)
        self._parts = [(codec_of(kind).encode, hasher.apply) for kind, hasher in keys]

    def key(self, *keys: Any) -> bytes:
        """The storage key of an entry."""
        parts = zip(self._parts, keys, strict=True)
        return self.prefix + b"".join(hashed(encode(key)) for (encode, hashed), key in parts)

    def decode(self, data: bytes | None) -> T | None:
        """The value in a storage answer; `None` where there is none. Raises `WrongChain`."""
        try:
            return None if data is None else self.codec.decode_all(data)
        except DecodeError as error:
            raise WrongChain(f"the chain's {self.name} is of another type than expected: {error}") from None


@struct
class AccountData:
    """`pallet_balances::AccountData`."""

    free: Balance
    reserved: Balance
    frozen: Balance
    flags: U128


@struct
class AccountInfo:
    """`frame_system::AccountInfo`."""

    nonce: Nonce
    consumers: U32
    providers: U32
    sufficients: U32
    data: AccountData


ACCOUNT: StorageItem[AccountInfo] = StorageItem("System", "Account", AccountInfo, (AccountId, Blake2_128Concat))
EVENTS_KEY = storage_prefix("System", "Events")


class Head(NamedTuple):
    """A block by number and hash."""

    number: int
    hash: bytes


class Inclusion(NamedTuple):
    """A transaction in a block, its bytes with their length."""

    block: Head
    extrinsic: bytes


class Versions(NamedTuple):
    """The runtime's versions that a signature covers."""

    spec: int
    transaction: int


class Chain:
    """The chain behind one client."""

    def __init__(self, client: Client, genesis: bytes) -> None:
        self.client, self.genesis = client, genesis

    @classmethod
    async def open(cls, client: Client) -> Chain:
        """Asks for the genesis hash, which everything that is signed names."""
        return cls(client, _hash(await client.call("chain_getBlockHash", 0)))

    # Reading

    async def get(self, key: bytes, at: bytes | None = None) -> bytes | None:
        """A raw storage value, after block `at` or the best one."""
        with _known(at):
            found = await self.client.call("state_getStorage", _hex(key), *_optional(at))
        return None if found is None else _bytes(found)

    async def read(self, item: StorageItem[T], *keys: Any, at: bytes | None = None) -> T | None:
        """A storage value, after block `at` or the best one; raises `WrongChain` where it is of another type."""
        return item.decode(await self.get(item.key(*keys), at))

    async def get_all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Raw storage values after the best block, in one question."""
        found = await self.client.call("state_queryStorageAt", [_hex(key) for key in keys])
        with _expected("state_queryStorageAt"):
            values = {key: value for change in found for key, value in change["changes"]}
            return [None if values[_hex(key)] is None else _bytes(values[_hex(key)]) for key in keys]

    async def ask(self, function: str, argument: bytes, at: bytes | None = None) -> bytes:
        """What a runtime API answers, both as SCALE has them, after block `at` or the best one."""
        with _known(at):
            return _bytes(await self.client.call("state_call", function, _hex(argument), *_optional(at)))

    async def keys_under(
        self, prefix: bytes, count: int, start: bytes | None = None, at: bytes | None = None
    ) -> list[bytes]:
        """The first `count` storage keys under a prefix, at most 1000, behind `start`, after block `at` or the best."""
        further = _optional(start) if at is None else (None if start is None else _hex(start), _hex(at))
        with _known(at):
            found = await self.client.call("state_getKeysPaged", _hex(prefix), count, *further)
        with _expected("state_getKeysPaged"):
            return [_bytes(key) for key in found]

    async def constant(self, pallet: str, name: str) -> bytes:
        """The encoded value of a pallet's constant, looked up in the metadata: slow, for what is asked once."""
        metadata = await self.metadata()
        try:
            return await trio.to_thread.run_sync(constant_value, metadata, pallet, name)
        except (KeyError, UnreadableMetadata) as error:
            raise WrongChain(f"{error.args[0]}: is this a chain that has workers?") from None

    async def metadata(self, at: bytes | None = None) -> bytes:
        """What describes the runtime after block `at` or the best one: of version 14, with its magic."""
        with _known(at):
            return _bytes(await self.client.call("state_getMetadata", *_optional(at)))

    async def best(self) -> Head:
        """The best block."""
        return await self._head(_hash(await self.client.call("chain_getBlockHash")))

    async def finalized(self) -> Head:
        """The last finalised block."""
        return await self._head(_hash(await self.client.call("chain_getFinalizedHead")))

    async def hash_of(self, number: int) -> bytes | None:
        """The hash of the canonical block of a number, `None` beyond the best one."""
        found = await self.client.call("chain_getBlockHash", number)
        return None if found is None else _hash(found)

    async def follow(self, keys: Sequence[bytes], on_change: Callable[[bytes, bytes | None], object]) -> None:
        """Calls `on_change(key, value)` for each key's value now and at every change, until cancelled."""

        def on_news(news: Any) -> None:
            with _expected("state_subscribeStorage"):
                changes = [(_bytes(key), None if value is None else _bytes(value)) for key, value in news["changes"]]
            for key, value in changes:
                if key in keys:
                    on_change(key, value)

        params = ([_hex(key) for key in keys],)
        await self.client.follow("state_subscribeStorage", "state_unsubscribeStorage", params, on_news)

    # Writing

    async def submit_bare(self, call: bytes) -> None:
        """Hands the pool an unsigned extrinsic; raises `CallFailed` with the reason why not."""
        await self.client.call("author_submitExtrinsic", _hex(bare_extrinsic(call)))

    async def submit_signed(self, signer: Keypair, call: bytes) -> Inclusion:
        """Signs a transaction (sr25519, no tip) and waits for the block it gets into; it may have failed there.

        Raises `CannotPay` or `TransactionRefused`; `ConnectionLost` leaves open what became of it.
        """
        extrinsic = await self.sign(signer, call)
        try:
            block = await self._inclusion(extrinsic)
        except CallFailed as error:
            if error.code == POOL_INVALID and UNPAYABLE in str(error.data):
                raise CannotPay(f"{ss58.encode(signer.account_id)} can't pay the transaction's fee") from None
            raise TransactionRefused(str(error)) from None
        return Inclusion(await self._head(block), extrinsic)

    async def require_success(self, inclusion: Inclusion) -> None:
        """Raises `DispatchFailed` where the transaction failed. Slow: for who doesn't see the effect that it wanted."""
        block = inclusion.block.hash
        index, events = await self.index_of(inclusion), await self.get(EVENTS_KEY, block)
        metadata = await self.metadata(block)
        with _expected("state_getMetadata"):
            failure = await trio.to_thread.run_sync(extrinsic_failure, metadata, events or b"\0", index)
        if failure is not None:
            raise DispatchFailed(failure)

    async def index_of(self, inclusion: Inclusion) -> int:
        """The place of a transaction in its block."""
        block = inclusion.block.hash
        found = await self.client.call("chain_getBlock", _hex(block))
        if found is None:
            raise _gone(block)
        with _expected("chain_getBlock"):
            index: int = found["block"]["extrinsics"].index(_hex(inclusion.extrinsic))
        return index

    async def sign(self, signer: Keypair, call: bytes) -> bytes:
        """A signed extrinsic, born at the last finalised block."""
        versions = await self.versions()
        nonce = await self.client.call("system_accountNextIndex", ss58.encode(signer.account_id))
        birth = await self.finalized()
        with _expected("system_accountNextIndex"):
            extra = EXTRA.encode((Era.mortal(ERA_PERIOD, birth.number), int(nonce), 0, 0))
        implicit = IMPLICIT.encode((versions.spec, versions.transaction, self.genesis, birth.hash, None))
        signature = Sr25519(signer.sign(signing_payload(call, extra, implicit)))
        return signed_extrinsic(signer.account_id, signature, extra, call)

    async def fee(self, extrinsic: bytes) -> int:
        """What a signed extrinsic would cost now, without a tip."""
        found = await self.client.call("payment_queryInfo", _hex(extrinsic))
        with _expected("payment_queryInfo"):
            fee: int = FEE.decode_all(FEE.encode(int(found["partialFee"])))
        return fee

    async def versions(self, at: bytes | None = None) -> Versions:
        """The runtime's versions after block `at` or the best one."""
        with _known(at):
            found = await self.client.call("state_getRuntimeVersion", *_optional(at))
        with _expected("state_getRuntimeVersion"):
            return Versions(*VERSIONS.decode_all(VERSIONS.encode((found["specVersion"], found["transactionVersion"]))))

    # Inside

    async def _head(self, block: bytes) -> Head:
        header = await self.client.call("chain_getHeader", _hex(block))
        if header is None:
            raise _gone(block)
        with _expected("chain_getHeader"):
            number = int(header["number"], 16)
            return Head(NUMBER.decode_all(NUMBER.encode(number)), block)

    async def _inclusion(self, extrinsic: bytes) -> bytes:
        """The hash of the block that a transaction gets into."""
        method, end = "author_submitAndWatchExtrinsic", "author_unwatchExtrinsic"
        async with self.client.watch(method, end, _hex(extrinsic)) as statuses:
            async for status in statuses:
                if isinstance(status, dict) and ("inBlock" in status or "finalized" in status):
                    return _hash(status.get("inBlock") or status["finalized"])
                if status == "future":  # the nonce was asked for a moment ago
                    raise TransactionRefused("the transaction's nonce is of a chain that was set back")
                if status in ("dropped", "invalid") or (isinstance(status, dict) and "usurped" in status):
                    raise TransactionRefused(f"the transaction left the pool: {status}")
        raise ConnectionLost("the connection to the node ended before the transaction was in a block")


def refusal_of(error: CallFailed) -> str:
    """Why the pool refused an extrinsic: the runtime's name for it in brackets where there is one, else the text."""
    text = str(error.data if error.data is not None else error.message)
    named = NAMED.search(text)
    return named[1] if named else text


@contextmanager
def _known(block: bytes | None) -> Iterator[None]:
    """A node that doesn't know the block that it is asked about raises `BlockGone`."""
    try:
        yield
    except CallFailed as error:
        if block is None or UNKNOWN_BLOCK.search(error.message) is None:
            raise
        raise _gone(block) from None


def _gone(block: bytes) -> BlockGone:
    return BlockGone(f"the node has no block {_hex(block)} any more")


@contextmanager
def _expected(method: str) -> Iterator[None]:
    """An answer that is not of the method's shape raises `WrongChain`."""
    try:
        yield
    except (TypeError, ValueError, LookupError):
        raise WrongChain(f"the node's answer to {method} is not of the expected shape") from None


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise WrongChain(f"the node answered {text!r:.80} where hex was expected")
    with _expected("a question for bytes"):
        return bytes.fromhex(text[2:])


def _hash(text: Any) -> bytes:
    found = _bytes(text)
    if len(found) != 32:
        raise WrongChain(f"the node answered {len(found)} bytes where a hash was expected")
    return found


def _optional(block: bytes | None) -> tuple[str, ...]:
    return () if block is None else (_hex(block),)
