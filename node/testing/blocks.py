"""The blocks of one chain, decoded: which runtime each is read by, and what happened in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from node.chain.stored import BlockRef
from node.chain.tree import Chain
from node.report import Reporter, Units
from node.testing.accounts import account
from node.testing.events import Events
from node.testing.names import Names
from node.testing.receipt import Receipt
from pallets.frame.events import ApplyExtrinsic
from pallets.frame.extensions import extension_codecs
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import EventRecord, Runtime
from pallets.primitives.extrinsic import UncheckedExtrinsic
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.sudo import Sudo
from pallets.system.pallet import System
from pallets.transaction_payment import TransactionPayment

EVENTS_KEY = storage_prefix("System", "Events")
UNITS = Units(decimals=12, symbol="UNIT", prefix=42)
OUTCOMES = System.ExtrinsicSuccess, System.ExtrinsicFailed


NAMES: WeakKeyDictionary[type[Runtime], Names] = WeakKeyDictionary()
"""What runtimes declare, read once each."""


class Blocks:
    """Reads blocks by hash; each method raises `UnknownBlock` where the chain doesn't have it."""

    def __init__(self, chain: Chain, runtimes: Mapping[int, type[Runtime]]) -> None:
        self.chain, self._runtimes = chain, runtimes
        self._events: dict[bytes, list[EventRecord]] = {}
        self._at_head: dict[int, Runtime] = {}

    def runtime(self, block_hash: bytes) -> Runtime:
        """The pallets over the state after a block; it holds until the head moves."""
        state = self.chain.state_at(block_hash)
        version = self.chain.executor.runtime_at(state).version.spec_version
        if state is not self.chain.states.head:
            return self._runtimes[version](Overlay(state))
        if version not in self._at_head:  # which stays the same object when it moves on
            self._at_head = {version: self._runtimes[version](Overlay(state))}
        return self._at_head[version]

    def names(self, block_hash: bytes) -> Names:
        """What the runtime of the state after a block declares."""
        runtime = self._runtimes[self.chain.runtime_at(block_hash).version.spec_version]
        found = NAMES.get(runtime)
        if found is None:
            found = NAMES[runtime] = Names(runtime(Overlay(DictBackend())))
        return found

    def events(self, block_hash: bytes) -> list[EventRecord]:
        """What happened in a block."""
        found = self._events.get(block_hash)
        if found is None:
            state = self.chain.state_at(block_hash)
            data = state.get(EVENTS_KEY)
            decoded = [] if data is None else self.chain.executor.runtime_at(state).decode_events(data)
            found = self._events[block_hash] = decoded
        return found

    def all_events(self) -> list[EventRecord]:
        """What happened on the whole chain, oldest first."""
        hashes = [self.chain.hash_of(number) or b"" for number in range(self.chain.best.number + 1)]
        return [record for block_hash in hashes for record in self.events(block_hash)]

    def receipt(self, block: BlockRef, tx_hash: bytes) -> Receipt | None:
        """What came of the transaction in a block, if it is there."""
        body = self.chain.body(block.hash) or []
        index = next((place for place, data in enumerate(body) if blake2_256(data) == tx_hash), None)
        if index is None:
            return None
        runtime, names = self.runtime(block.hash), self.names(block.hash)
        extra_codec, _ = extension_codecs(runtime.extensions, runtime.codecs)
        unchecked = UncheckedExtrinsic.decode(body[index], extra_codec)
        phase = ApplyExtrinsic(index)
        events = Events([record.event for record in self.events(block.hash) if record.phase == phase], names.event)
        end: Any = next(event for event in reversed(events) if isinstance(event, OUTCOMES))
        paid = events.of(TransactionPayment.TransactionFeePaid)
        by_sudo: list[Any] = [*events.of(Sudo.Sudid), *events.of(Sudo.SudoAsDone)]
        return Receipt(
            hash=tx_hash,
            block=block,
            index=index,
            signer=None if unchecked.preamble is None else account(unchecked.preamble.signer),
            call=runtime.decode_call(unchecked.call),
            events=events,
            fee=sum(event.actual_fee for event in paid),
            weight=end.dispatch_info.weight,
            error=getattr(end, "dispatch_error", None) or next((event.sudo_result for event in by_sudo), None),
        )

    def told(self, receipt: Receipt) -> str:
        """A receipt's call and who made it, for people."""
        return f"{Reporter(self.chain, UNITS).plain(receipt.call)} by {receipt.signer!r}"

    def forget(self) -> None:
        """Blocks were taken back."""
        self._events.clear()
