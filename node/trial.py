"""A block executed step by step by our own pallets, each step told: what was written, what happened, what changed.

## Usage

```python
trial = runtime.trial(state, header)
for extrinsic in extrinsics:
    step = trial.apply(extrinsic)
end = trial.finalize()
```
Nothing of it reaches the state. What is refused raises, as in a block, and leaves no trace in the trial.

## Out of scope

What people are shown of a step: `node.rpc.trace`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

from pallets.frame.events import DispatchError, Event
from pallets.frame.executive import Executive, InherentData
from pallets.frame.extensions import MetadataHashMode
from pallets.frame.origin import ROOT
from pallets.frame.runtime import PLAIN, Runtime
from pallets.frame.weights import DispatchInfo, Pays
from pallets.primitives.extrinsic import IMMORTAL, Sr25519, mock_signature, signed_extrinsic
from pallets.primitives.header import Header

Phase = Literal["Initialization", "Finalization"] | int
"""What a step is; a number is an extrinsic's index."""
Write = tuple[bytes, bytes | None]


class Change(NamedTuple):
    """An entry that a step left other than it was; `None` where there is none."""

    key: bytes
    before: bytes | None
    after: bytes | None


class Step(NamedTuple):
    """One step of a block. `writes` are all of them in order, those too that were undone; `changes` what came of it."""

    phase: Phase
    error: DispatchError | None
    info: DispatchInfo | None
    """What an extrinsic, or a call, cost."""
    events: list[Event]
    writes: list[Write]
    changes: list[Change]

    @property
    def fee(self) -> int | None:
        """What its signer paid, if anybody did."""
        paid = (getattr(e, "actual_fee", None) for e in self.events if type(e).__name__ == "TransactionFeePaid")
        return next(paid, None)


class BlockTrial(Protocol):
    """One block under trial, whichever runtime executes it."""

    opened: Step

    def inherents(self, data: InherentData) -> list[bytes]: ...

    def apply(self, extrinsic: bytes) -> Step: ...

    def as_signed(self, call: bytes, signer: bytes) -> bytes: ...

    def call_as_root(self, call: bytes) -> Step: ...

    def finalize(self) -> Step: ...


class Trial:
    """One block under trial, by our own pallets."""

    def __init__(self, runtime: Runtime, header: Header) -> None:
        """Opens the block of `header` on the state that the runtime has."""
        self._runtime, self._executive = runtime, Executive(runtime)
        self._values: dict[bytes, bytes | None] = {}  # after the last step, of what was written so far
        self._writes = runtime.state.journal = []
        self._events = 0
        self._index = 0
        self._executive.initialize_block(header)
        self.opened = self._step("Initialization")
        """The step that opened it."""

    def inherents(self, data: InherentData) -> list[bytes]:
        """The inherent extrinsics for an author's data."""
        return self._executive.create_inherents(data)

    def apply(self, extrinsic: bytes) -> Step:
        """An extrinsic; raises `TransactionValidityError`, `DecodeError` or `InvalidBlock` where it can't be."""
        try:
            error = self._executive.apply_extrinsic(extrinsic)
        except BaseException:
            self._writes.clear()
            raise
        self._index += 1
        return self._step(self._index - 1, error)

    def as_signed(self, call: bytes, signer: bytes) -> bytes:
        """What an account would send, with its next nonce and the mock signature; raises `DecodeError`."""
        runtime, system = self._runtime, self._executive.system
        runtime.decode_call(call)
        nonce = system.account[signer].nonce
        given = {"CheckMortality": IMMORTAL, "CheckNonce": nonce, "ChargeTransactionPayment": 0}
        given["CheckMetadataHash"] = MetadataHashMode.Disabled
        extra = self._executive.extensions.extra_codec.encode(
            tuple(given.get(kind.identifier) for kind in runtime.extensions)
        )
        return signed_extrinsic(signer, Sr25519(mock_signature()), extra, call)

    def call_as_root(self, call: bytes) -> Step:
        """A call that root makes, for which nobody pays; raises `DecodeError`."""
        decoded = self._runtime.decode_call(call)
        error: DispatchError | None = None
        try:
            post = self._runtime.dispatch(decoded, ROOT)
        except DispatchError as failure:
            error, post = failure, failure.post_info or PLAIN
        info = decoded.dispatch_info()
        self._index += 1
        weight = info.weight if post.actual_weight is None else post.actual_weight.min(info.weight)
        return self._step(self._index - 1, error)._replace(info=DispatchInfo(weight, info.class_, Pays.No))

    def finalize(self) -> Step:
        """The end of the block."""
        self._executive.finalize_block()
        return self._step("Finalization")

    def _step(self, phase: Phase, error: DispatchError | None = None) -> Step:
        events = self._runtime.events[self._events :]
        self._events += len(events)
        writes = list(self._writes)
        self._writes.clear()
        return Step(phase, error, cost_in(events), events, writes, list(self._changes(writes)))

    def _changes(self, writes: list[Write]) -> Iterator[Change]:
        state, values = self._runtime.state, self._values
        for key in dict(writes):
            before = values[key] if key in values else state.backend.get(key)
            after = values[key] = state.get(key)
            if before != after:
                yield Change(key, before, after)


def cost_in(events: list[Event]) -> DispatchInfo | None:
    """What the last extrinsic cost, by its events."""
    infos = (getattr(event, "dispatch_info", None) for event in reversed(events))
    return next((found for found in infos if isinstance(found, DispatchInfo)), None)
