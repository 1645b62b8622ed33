"""A block executed step by step by a foreign runtime; a `node.trial.BlockTrial`.

The engine tells what is changed, not each write: a step's writes are its changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from node.fork.described import Described
from node.state.backend import State
from node.trial import Change, Phase, Step, cost_in
from pallets.frame.events import DispatchError, Event
from pallets.frame.executive import InherentData, InvalidBlock
from pallets.primitives.hashing import storage_prefix

if TYPE_CHECKING:
    from node.fork.runtime import WasmBuilder

EVENTS = storage_prefix("System", "Events")
NO_ROOT = (
    "a foreign runtime lets nobody be root in a dry run: make the call as an account, or put it into Scheduler.Agenda "
    "by dev_setStorage"
)


class WasmTrial:
    """One block under trial."""

    def __init__(self, builder: WasmBuilder, state: State, described: Described) -> None:
        """Of a block that was just opened on a state."""
        self._builder, self._state, self._described = builder, state, described
        self._values: Mapping[bytes, bytes | None] = {}
        self._events = self._index = 0
        self.opened = self._step("Initialization")

    def inherents(self, data: InherentData) -> list[bytes]:
        """The inherent extrinsics for an author's data."""
        return self._builder.inherents(data)

    def apply(self, extrinsic: bytes) -> Step:
        """An extrinsic; raises `TransactionValidityError` or `DecodeError` where it can't be."""
        error = self._builder.apply(extrinsic)
        self._index += 1
        return self._step(self._index - 1, error)

    def as_signed(self, call: bytes, signer: bytes) -> bytes:
        """What an account would send, with its next nonce and the mock signature; raises `DecodeError`."""
        self._described.check_call(call)
        account = self._described.item("System", "Account")
        data = self._state.get(self._described.key(account, signer))
        shown = self._described.least(account.value) if data is None else self._described.decode(account.value, data)
        return self._described.signed(call, signer, int(shown["nonce"]))

    def call_as_root(self, call: bytes) -> Step:
        """Raises `InvalidBlock`: nobody is root here."""
        raise InvalidBlock(NO_ROOT)

    def finalize(self) -> Step:
        """The end of the block."""
        return self._step("Finalization", None, self._builder.finalize().changes)

    def _step(
        self, phase: Phase, error: DispatchError | None = None, values: Mapping[bytes, bytes | None] | None = None
    ) -> Step:
        values = self._builder.session.changes().top if values is None else values
        changes = list(self._changes(values))
        self._values = values
        records = list(self._described.events(values.get(EVENTS) or b"\0"))
        events: list[Event] = [record.event for record in records[self._events :]]
        self._events = len(records)
        return Step(phase, error, cost_in(events), events, [(c.key, c.after) for c in changes], changes)

    def _changes(self, values: Mapping[bytes, bytes | None]) -> Iterator[Change]:
        for key in {**self._values, **values}:
            before = self._values[key] if key in self._values else self._state.get(key)
            after = values[key] if key in values else self._state.get(key)
            if before != after:
                yield Change(key, before, after)
