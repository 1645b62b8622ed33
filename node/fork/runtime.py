"""A foreign chain's runtime behind the door of `node.executor`: its own Wasm, called in the engine's process.

## Overview

Every entry is called synchronously (`node.wasm.driver`), over the state that the caller has. A state that isn't all
here raises `Missing` (`node.state.remote`), which rises through everything below: what the call has changed is undone,
so it can be made again, and a block that is begun again begins in a session of its own.

The author's cheats are no inherents of such a runtime: they are written to the state behind its initialisation
(`cheats`), so the block's root is true, and nobody but the fork follows it. A mock signature counts where the state
says so, or the fork was started so.

## Errors

`RuntimeTrap` for whatever stops a call, `UnknownRuntimeApi`, `TransactionValidityError`, `DecodeError` for extrinsics
that are none. `UnknownRuntime` where `:code` can't be run at all.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Annotated, Any, cast

from node.executor import BlockEvents, BuiltBlock, ExtrinsicSummary, RuntimeTrap, UnknownRuntime
from node.fork.cheats import done_by_hand, is_impersonated
from node.fork.described import Described
from node.fork.held import Held, flat
from node.fork.trial import WasmTrial
from node.state.backend import Backend, State
from node.state.forked import name_of
from node.wasm import messages as m
from node.wasm.backend import FullState
from node.wasm.call import LogLine
from node.wasm.driver import DrivenSession, Driver
from node.wasm.errors import RuntimePanicked, UnknownEntry, WasmError
from node.wasm.process import LoadedRuntime
from pallets.cheats import IDENTIFIER
from pallets.frame import validity
from pallets.frame.events import DispatchError
from pallets.frame.executive import Claim, InherentData, InvalidBlock
from pallets.frame.json_values import InvalidJson
from pallets.frame.runtime import EventRecord
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.frame.storage_json import Entry, NamedEntry, Prefix
from pallets.frame.validity import (
    VALID_TRANSACTION,
    BadProof,
    ExhaustsResources,
    TransactionSource,
    TransactionValidityError,
    ValidTransaction,
)
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import is_bare, mock_signature
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.portable_values import UnreadableMetadata
from pallets.primitives.scale import DecodeError, compact, read_compact
from pallets.primitives.types import FixedBytes

EVENTS = storage_prefix("System", "Events")
INHERENTS = codec_of(list[tuple[Annotated[bytes, FixedBytes(8)], bytes]])
QUEUE_API = bytes.fromhex("d2bc9897eed08f15")
"""BLAKE2b-64 of `TaggedTransactionQueue`."""
ONLY_INHERENTS = b"\1"
NO_ROOT = bytes(32)
LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}

log = logging.getLogger("node.runtime")


class WasmBuilder:
    """A block built by a foreign runtime."""

    def __init__(self, runtime: WasmRuntime, state: State, header: Header, *, believes: bool = False) -> None:
        self._runtime, self._state, self._believes = runtime, state, believes
        self.session = runtime.open(state)
        self._held = Held(state)
        self._extrinsics: list[bytes] = []
        answer = self._call("Core_initialize_block", header.encode())
        self._takes_inherents_only = answer == ONLY_INHERENTS

    def inherents(self, data: InherentData) -> list[bytes]:
        cheats = data.get(IDENTIFIER)
        if cheats is not None:
            for key, value in done_by_hand(cheats, self._state, self._runtime.needs_described):
                self.session.put(key, value)
        given = sorted((name, value) for name, value in data.items() if name != IDENTIFIER)
        answer = self._call("BlockBuilder_inherent_extrinsics", INHERENTS.encode(given))
        return extrinsics_of(answer)

    def apply(self, extrinsic: bytes) -> DispatchError | None:
        if self._takes_inherents_only and not is_bare(extrinsic):
            raise ExhaustsResources
        self._runtime.judge_mock(extrinsic, self._state, believes=self._believes)
        with_undoing = partial(self._call, "BlockBuilder_apply_extrinsic", extrinsic, m.KEPT_IF_OK)
        answer = self._runtime.of_extrinsic(extrinsic, with_undoing)
        if answer[:1] != b"\0":
            raise validity_error(answer[1:])
        self._extrinsics.append(extrinsic)
        return None if answer[1:2] == b"\0" else self._runtime.error(answer[2:])

    def finalize(self) -> BuiltBlock:
        try:
            header = Header.decode(self._call("BlockBuilder_finalize_block", b""))
        except DecodeError as error:
            raise RuntimeTrap(f"the runtime answers no header: {error}") from None
        changes = flat(self.session.changes())
        self.session.close(header.state_root if header.state_root != NO_ROOT else None)
        return BuiltBlock(header, self._extrinsics, changes, self._runtime.events_in(changes))

    def _call(self, entry: str, data: bytes, kept: int = m.KEPT) -> bytes:
        return self._runtime.answer(lambda: self.session.call(self._held, entry, data, kept=kept))


class WasmValidator:
    """Transactions judged by a foreign runtime."""

    def __init__(self, runtime: WasmRuntime, state: State, best: Header) -> None:
        self._runtime, self._state, self._best = runtime, state, best.hash
        self._version = dict(runtime.version.apis).get(QUEUE_API, 1)

    def claim(self, extrinsic: bytes) -> Claim | None:
        """None: the runtime verifies signatures itself."""
        return None

    def validate(self, source: TransactionSource, extrinsic: bytes) -> ValidTransaction:
        self._runtime.judge_mock(extrinsic, self._state)
        data = extrinsic
        if self._version > 1:
            data = bytes((source.value,)) + data
        if self._version > 2:
            data += self._best
        entry = "TaggedTransactionQueue_validate_transaction"
        answer = self._runtime.of_extrinsic(extrinsic, lambda: self._runtime.call(self._state, entry, data))
        if answer[:1] != b"\0":
            raise validity_error(answer[1:])
        found: ValidTransaction = VALID_TRANSACTION.decode_all(answer[1:])
        return found


class WasmRuntime:
    """A foreign `:code`; a `node.executor.Runtime`."""

    def __init__(self, code: bytes, driver: Driver, *, mocks: bool = False) -> None:
        """Compiles it, or finds it compiled; raises `UnknownRuntime`. With `mocks`, the mock signature is anybody's."""
        self._code, self._driver, self._mocks = code, driver, mocks
        try:
            self._loaded = driver.load(code)
        except WasmError as error:
            raise UnknownRuntime(f"`:code` can't be run: {error}") from None
        self.version = self._loaded.version

    # What the door asks

    def build(self, backend: Backend, header: Header) -> WasmBuilder:
        return WasmBuilder(self, cast(State, backend), header)

    def execute(self, backend: Backend, header: Header, extrinsics: list[bytes], inherents: InherentData) -> BuiltBlock:
        state = cast(State, backend)
        session = self.open(state)
        block = header.encode() + compact(len(extrinsics)) + b"".join(extrinsics)
        try:
            self.answer(lambda: session.call(Held(state), "Core_execute_block", block))
        except RuntimeTrap as error:
            raise InvalidBlock(str(error)) from None
        changes = flat(session.changes())
        session.close()
        return BuiltBlock(header, extrinsics, changes, self.events_in(changes))

    def validator(self, backend: Backend, best: Header) -> WasmValidator:
        return WasmValidator(self, cast(State, backend), best)

    def call(self, backend: Backend, function: str, data: bytes) -> bytes:
        state = cast(State, backend)
        if function not in self._loaded.exports:
            raise UnknownRuntimeApi(function)
        return self.answer(lambda: self._driver.read(self._runtime(), name_of(state), Held(state), function, data))

    def decode_events(self, data: bytes) -> list[EventRecord]:
        return [] if self.described is None else list(self.described.events(data))

    def trial(self, backend: Backend, header: Header, *, believes_signatures: bool = False) -> WasmTrial:
        state = cast(State, backend)
        try:
            described = self.needs_described()
        except UnreadableMetadata as error:
            raise InvalidBlock(f"what this runtime does can't be shown: {error}") from None
        return WasmTrial(WasmBuilder(self, state, header, believes=believes_signatures), state, described)

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        if self.described is None:
            return ExtrinsicSummary(None, "?", (("bytes", None, extrinsic),), is_bare(extrinsic))
        return self.described.describe(extrinsic)

    def applied(self, result: DispatchError | TransactionValidityError | None) -> bytes:
        if result is None:
            return b"\0\0"
        return b"\1" + result.encode() if isinstance(result, TransactionValidityError) else b"\0\1" + result.encode({})

    def read_storage(self, document: Mapping[str, Any]) -> list[Entry | Prefix]:
        try:
            return list(self.needs_described().read_storage(document))
        except UnreadableMetadata as error:
            raise InvalidJson(f"{error}; entries can be set by their keys") from None

    def show_entry(self, key: bytes, value: bytes | None) -> NamedEntry | None:
        return None if self.described is None else self.described.show_entry(key, value)

    # What builders and validators ask

    @cached_property
    def described(self) -> Described | None:
        """The runtime by its own metadata, where that describes its types."""
        try:
            return self.needs_described()
        except UnreadableMetadata:
            return None

    @cached_property
    def _described(self) -> Described:
        nothing = FullState({})
        read = partial(self._driver.read, self._runtime(), bytes(32), nothing, "Metadata_metadata", b"")
        return Described(self.answer(read))

    def needs_described(self) -> Described:
        """The runtime by its own metadata; raises `UnreadableMetadata`."""
        return self._described

    def open(self, state: State) -> DrivenSession:
        """A session of its own over a state."""
        return self._driver.open(self._runtime(), name_of(state))

    def answer(self, work: Callable[[], Any]) -> bytes:
        """What a call answers, its failures being the door's."""
        try:
            reply = work()
        except UnknownEntry as error:
            raise UnknownRuntimeApi(str(error)) from None
        except RuntimePanicked as error:
            raise RuntimeTrap(str(error)) from error
        except WasmError as error:
            raise RuntimeTrap(f"{type(error).__name__}: {error}") from error
        _tell(reply.logs)
        result: bytes = reply.result
        return result

    def of_extrinsic(self, extrinsic: bytes, work: Callable[[], bytes]) -> bytes:
        """What a call with an extrinsic answers; bytes that are none stop a runtime, and are a `DecodeError` here."""
        try:
            return work()
        except RuntimeTrap:
            self.describe(extrinsic)
            raise

    def judge_mock(self, extrinsic: bytes, state: State, *, believes: bool = False) -> None:
        """Whether a mock signature counts from here on is decided by whose it is; raises `BadProof` if it doesn't."""
        is_mocked = mock_signature() in extrinsic
        if is_mocked and not (self._mocks or believes):
            signer = self.describe(extrinsic).signer
            if not is_impersonated(state, signer):
                raise BadProof
        self._driver.mock_signatures(is_mocked)

    def events_in(self, changes: Mapping[bytes, bytes | None]) -> Sequence[EventRecord]:
        """The events that a block leaves."""
        data = changes.get(EVENTS) or b"\0"
        return BlockEvents(lambda: iter(self.decode_events(data)))

    def error(self, data: bytes) -> DispatchError:
        """A `DispatchError` by its SCALE."""
        if self.described is None:
            raise RuntimeTrap(f"a dispatch error that this runtime's metadata doesn't describe: 0x{data.hex()}")
        return self.described.error(data)

    def _runtime(self) -> LoadedRuntime:
        if not self._driver.has(self._loaded):
            self._driver.load(self._code)
        return self._loaded


def extrinsics_of(data: bytes) -> list[bytes]:
    """Extrinsics from their list, each with its length in front; raises `RuntimeTrap`."""
    try:
        count, at = read_compact(data, 0)
        found = []
        for _ in range(count):
            length, start = read_compact(data, at)
            found.append(data[at : start + length])
            at = start + length
    except DecodeError as error:
        raise RuntimeTrap(f"the runtime answers no list of extrinsics: {error}") from None
    return found


def validity_error(data: bytes) -> TransactionValidityError:
    """A `TransactionValidityError` from its SCALE."""
    kind, index = data[0], data[1] if len(data) > 1 else 0
    if (kind, index) == (0, validity.Custom.index):
        return validity.Custom(data[2] if len(data) > 2 else 0)
    for known in _kinds((validity.InvalidTransaction, validity.UnknownTransaction)):
        if (known.kind, getattr(known, "index", None)) == (kind, index):
            return known()
    return validity.CannotLookup()


def _kinds(roots: Iterable[type[TransactionValidityError]]) -> Iterable[type[TransactionValidityError]]:
    for root in roots:
        yield from root.__subclasses__()


def _tell(lines: Iterable[LogLine]) -> None:
    for line in lines:
        log.log(LEVELS.get(line.level, logging.DEBUG), "%s: %s", line.target or "runtime", line.message)
