"""The door: the one place where the node enters a runtime.

## Overview

`Executor.runtime_at(backend)` finds the runtime of a state by the version its `:code` names. What comes back is a
`Runtime`: a protocol that says what the node needs (build blocks, judge transactions, answer API calls) and nothing of
how it is done. `NativeRuntime` runs our own pallets in this process; a foreign chain's Wasm is `node.fork`'s
`WasmRuntime`, which an executor has where it is given a way to load it. The runtime that executes a block is that of
its parent's state, so a chain that is upgraded is read, executed again and taken back block by block with the runtime
of each. No block is built from which this program couldn't go on: see `Executor.refusal`.

A runtime decodes an extrinsic once and remembers what came of it, and over which data its signature was found to be
good, until the extrinsic is in a block (`forget`) or too many are remembered. Whoever asks `Validator.claim` first can
have the signature verified elsewhere; who doesn't has it verified here, when it is needed.

## Errors

`UnknownRuntime`: `:code` names a version this program has no native code for. `RuntimeTrap`: an API call failed where
it must not. What a runtime itself refuses are
`TransactionValidityError`, `DecodeError`, `InvalidBlock` and `UnknownRuntimeApi`, all of `pallets.frame`.

## Out of scope

Roots: a builder answers a header without them, and the changes; the trie belongs to `node.state`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, Protocol, overload

from node.state.backend import Backend
from node.state.remote.missing import Missing
from node.trial import BlockTrial, Trial
from pallets.frame.events import DispatchError
from pallets.frame.executive import CheckedExtrinsic, Claim, Executive, InherentData, Refusal
from pallets.frame.extrinsic_types import ApplyExtrinsicResult
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import EventRecord, Verify
from pallets.frame.runtime import Runtime as PalletRuntime
from pallets.frame.runtime_api import ApiDispatcher, UnknownRuntimeApi
from pallets.frame.storage_json import Entry, NamedEntry, Prefix, read_storage, show_entry
from pallets.frame.validity import TransactionSource, TransactionValidityError, ValidTransaction
from pallets.primitives.extrinsic import verify_signature
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import CODE_KEY, InvalidRuntimeCode, RuntimeVersion, runtime_version
from pallets.primitives.scale import DecodeError

MAX_DECODED, MAX_DECODED_BYTES = 1 << 15, 32 * 1024 * 1024
"""Extrinsics remembered by a runtime: more than a pool holds."""


class UnknownRuntime(Exception):
    """The chain's runtime is of a version that this program can't run."""


class RuntimeTrap(Exception):
    """A runtime API call failed inside the runtime, as a panic of a Wasm runtime would."""


class BlockEvents(Sequence[EventRecord]):
    """A block's events, put together when somebody looks at them."""

    def __init__(self, read: Callable[[], Iterator[EventRecord]]) -> None:
        self._read = read

    @cached_property
    def _records(self) -> list[EventRecord]:
        return list(self._read())

    def __iter__(self) -> Iterator[EventRecord]:
        return self._read()

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> EventRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[EventRecord]: ...
    def __getitem__(self, index: int | slice) -> EventRecord | list[EventRecord]:
        return self._records[index]


class BuiltBlock(NamedTuple):
    """What execution leaves: a header whose roots are zero, the body, the changes, and the events."""

    header: Header
    extrinsics: list[bytes]
    changes: Mapping[bytes, bytes | None]
    events: Sequence[EventRecord]


class ExtrinsicSummary(NamedTuple):
    """An extrinsic for people: who, which call, and its arguments as name, annotation and value."""

    signer: bytes | None
    name: str
    arguments: tuple[tuple[str, Any, Any], ...]
    inherent: bool


class BlockBuilder(Protocol):
    """A block under construction."""

    def inherents(self, data: InherentData) -> list[bytes]:
        """The inherent extrinsics for the author's data."""
        ...

    def apply(self, extrinsic: bytes) -> DispatchError | None:
        """Includes an extrinsic; where it can't be, raises `TransactionValidityError` or `DecodeError`."""
        ...

    def finalize(self) -> BuiltBlock: ...


class Validator(Protocol):
    """Judges transactions for the block after one state."""

    def claim(self, extrinsic: bytes) -> Claim | None:
        """What its signature has to prove before `validate` looks further; `None` where nothing is left to prove.

        Raises `TransactionValidityError` or `DecodeError`, as `validate` would.
        """
        ...

    def validate(self, source: TransactionSource, extrinsic: bytes) -> ValidTransaction:
        """How the pool should order it; raises `TransactionValidityError` or `DecodeError`."""
        ...


class Runtime(Protocol):
    """A runtime as the node sees it."""

    version: RuntimeVersion

    def build(self, backend: Backend, header: Header) -> BlockBuilder:
        """Opens the block of `header` (parent, number, pre-runtime digest) on its parent's state."""
        ...

    def execute(self, backend: Backend, header: Header, extrinsics: list[bytes], inherents: InherentData) -> BuiltBlock:
        """Executes somebody else's block; raises `InvalidBlock`."""
        ...

    def validator(self, backend: Backend, best: Header) -> Validator:
        """Judges what the block after `best` could include."""
        ...

    def call(self, backend: Backend, function: str, data: bytes) -> bytes:
        """Calls a runtime API; raises `UnknownRuntimeApi`, `DecodeError` or `RuntimeTrap`. Changes are dropped."""
        ...

    def decode_events(self, data: bytes) -> list[EventRecord]:
        """The value of `System.Events`."""
        ...

    def trial(self, backend: Backend, header: Header, *, believes_signatures: bool = False) -> BlockTrial:
        """Opens a block that is executed step by step to be looked at; one that believes doesn't verify signatures."""
        ...

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        """Takes an extrinsic apart; raises `DecodeError`."""
        ...

    def applied(self, result: DispatchError | TransactionValidityError | None) -> bytes:
        """SCALE of an `ApplyExtrinsicResult`."""
        ...

    def read_storage(self, document: Mapping[str, Any]) -> list[Entry | Prefix]:
        """Storage that people have written down by names; raises `InvalidJson`."""
        ...

    def show_entry(self, key: bytes, value: bytes | None) -> NamedEntry | None:
        """An entry of the state by names; `None` where it has none."""
        ...


LoadRuntime = Callable[[bytes], Runtime]
"""Makes a runtime of a `:code`; raises `UnknownRuntime`."""


class DecodedExtrinsics:
    """What one runtime has decoded, by an extrinsic's bytes, the oldest forgotten first.

    Whatever is refused must be forgotten at once: then it can't push out what is in the pool.
    """

    def __init__(self) -> None:
        self._found: dict[bytes, CheckedExtrinsic] = {}
        self._size = 0

    def known(self, executive: Executive, extrinsic: bytes) -> CheckedExtrinsic | None:
        found = self._found.get(extrinsic)
        return executive.renew(found) if found is not None and found.was_dispatched else found

    def of(self, executive: Executive, extrinsic: bytes) -> CheckedExtrinsic:
        """Decodes what isn't known yet; raises as `Executive.check`."""
        found = self.known(executive, extrinsic)
        if found is None:
            found = self._found[extrinsic] = executive.check(extrinsic)
            self._size += len(extrinsic)
            while len(self._found) > MAX_DECODED or self._size > MAX_DECODED_BYTES:
                self.forget((next(iter(self._found)),))
        return found

    def forget(self, extrinsics: Iterable[bytes]) -> None:
        for extrinsic in extrinsics:
            if self._found.pop(extrinsic, None) is not None:
                self._size -= len(extrinsic)


class NativeBuilder:
    """A block built by our own pallets."""

    def __init__(self, runtime: PalletRuntime, header: Header, decoded: DecodedExtrinsics, refusal: Refusal) -> None:
        self._runtime, self._executive, self._decoded = runtime, Executive(runtime, refusal), decoded
        self._extrinsics: list[bytes] = []
        self._executive.initialize_block(header)

    def inherents(self, data: InherentData) -> list[bytes]:
        return self._executive.create_inherents(data)

    def apply(self, extrinsic: bytes) -> DispatchError | None:
        executive = self._executive
        error = executive.apply(self._decoded.known(executive, extrinsic) or executive.check(extrinsic))
        self._extrinsics.append(extrinsic)
        return error

    def finalize(self) -> BuiltBlock:
        header = self._executive.finalize_block()
        return _built(self._runtime, header, self._extrinsics)


class NativeValidator:
    """Transactions judged by our own pallets; every judgement is undone."""

    def __init__(self, runtime: PalletRuntime, best: Header, decoded: DecodedExtrinsics) -> None:
        self._overlay, self._decoded = runtime.state, decoded
        self._executive = Executive(runtime)
        self._executive.system.initialize(best.number + 1, best.hash, [])

    def claim(self, extrinsic: bytes) -> Claim | None:
        checked = self._decoded.of(self._executive, extrinsic)
        try:
            return self._executive.claim(checked)
        except TransactionValidityError:
            self._decoded.forget((extrinsic,))
            raise

    def validate(self, source: TransactionSource, extrinsic: bytes) -> ValidTransaction:
        checked = self._decoded.of(self._executive, extrinsic)
        self._overlay.begin()
        try:
            return self._executive.validate(source, checked)
        except BaseException:
            self._decoded.forget((extrinsic,))
            raise
        finally:
            self._overlay.rollback()


class NativeRuntime:
    """Our own pallets behind the door."""

    def __init__(self, runtime: type[PalletRuntime], verify: Verify, refusal: Refusal) -> None:
        """`refusal` keeps blocks that nobody here could follow from being built."""
        self._class, self._verify, self._refusal = runtime, verify, refusal
        self.version, self.decoded = runtime.version, DecodedExtrinsics()
        self._apis: ApiDispatcher | None = None

    def build(self, backend: Backend, header: Header) -> NativeBuilder:
        return NativeBuilder(self._over(backend), header, self.decoded, self._refusal)

    def execute(self, backend: Backend, header: Header, extrinsics: list[bytes], inherents: InherentData) -> BuiltBlock:
        runtime = self._over(backend)
        executive = Executive(runtime)
        decode = partial(self.decoded.of, executive)
        try:
            executive.check_inherents(extrinsics, inherents, decode)
            return _built(runtime, executive.execute_block(header, extrinsics, decode), extrinsics)
        except BaseException:
            self.decoded.forget(extrinsics)
            raise

    def validator(self, backend: Backend, best: Header) -> NativeValidator:
        return NativeValidator(self._over(backend), best, self.decoded)

    def call(self, backend: Backend, function: str, data: bytes) -> bytes:
        runtime = self._over(backend)
        try:
            return self._dispatcher(runtime).call(runtime, function, data)
        except (UnknownRuntimeApi, DecodeError, Missing):
            raise
        except Exception as error:
            raise RuntimeTrap(f"{function}: {error!r}") from error

    def decode_events(self, data: bytes) -> list[EventRecord]:
        return self._stateless.runtime.decode_events(data)

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        executive = self._stateless
        checked = self.decoded.known(executive, extrinsic) or executive.check(extrinsic)
        spec = checked.call.spec
        arguments = tuple(
            (name, kind, value) for (name, kind), value in zip(spec.params, checked.call.arguments, strict=True)
        )
        return ExtrinsicSummary(checked.signer, checked.call.name, arguments, spec.mark.inherent)

    def trial(self, backend: Backend, header: Header, *, believes_signatures: bool = False) -> Trial:
        verify: Verify = (lambda signature, payload, signer: True) if believes_signatures else self._verify
        return Trial(self._class(Overlay(backend), verify), header)

    def applied(self, result: DispatchError | TransactionValidityError | None) -> bytes:
        codecs = self._stateless.runtime.codecs
        return codecs.of(ApplyExtrinsicResult).encode(result)

    def read_storage(self, document: Mapping[str, Any]) -> list[Entry | Prefix]:
        return list(read_storage(self._class, document))

    def show_entry(self, key: bytes, value: bytes | None) -> NamedEntry | None:
        return show_entry(self._class, key, value)

    @cached_property
    def _stateless(self) -> Executive:
        """For decoding alone."""
        return Executive(self._over(DictBackend()))

    def _over(self, backend: Backend) -> PalletRuntime:
        return self._class(Overlay(backend), self._verify)

    def _dispatcher(self, runtime: PalletRuntime) -> ApiDispatcher:
        if self._apis is None:
            self._apis = ApiDispatcher(runtime, self._class.apis)
        return self._apis


def _built(runtime: PalletRuntime, header: Header, extrinsics: list[bytes]) -> BuiltBlock:
    system: Any = runtime.system  # type: ignore[attr-defined]
    return BuiltBlock(header, extrinsics, runtime.state.changes, BlockEvents(system.event_records))


class Executor:
    """Finds the runtime of a state."""

    def __init__(
        self,
        known: Mapping[int, type[PalletRuntime]],
        verify: Verify = verify_signature,
        load: LoadRuntime | None = None,
    ) -> None:
        """`load` makes a runtime of a `:code` that none of the known ones is; without it such a code is unknown."""
        self._known = {version: NativeRuntime(runtime, verify, self.refusal) for version, runtime in known.items()}
        self._load = load
        self._by_code: dict[bytes, Runtime] = {}

    def runtime_at(self, backend: Backend) -> Runtime:
        """The runtime that executes on this state; raises `UnknownRuntime`."""
        return self.runtime_of(backend.get(CODE_KEY))

    def runtime_of(self, code: bytes | None) -> Runtime:
        """The runtime that a `:code` names; raises `UnknownRuntime`."""
        if not code:
            raise UnknownRuntime("the state has no `:code`")
        found = self._by_code.get(code)
        if found is None:
            found = self._by_code[code] = self._native(code)
        return found

    def refusal(self, code: bytes | None) -> str | None:
        """Why this program couldn't execute the blocks behind one that sets this `:code`; `None` where it could."""
        try:
            self.runtime_of(code)
        except UnknownRuntime as error:
            return str(error)
        return None

    def forget(self, extrinsics: Sequence[bytes]) -> None:
        """These are in a block, or refused: nobody will ask for them again soon."""
        for runtime in self._known.values():
            runtime.decoded.forget(extrinsics)

    def _native(self, code: bytes) -> Runtime:
        try:
            version = runtime_version(code)
        except InvalidRuntimeCode as error:
            raise UnknownRuntime(f"`:code` can't be read: {error}") from None
        native = None if version is None else self._known.get(version.spec_version)
        if version is None or native is None or native.version.spec_name != version.spec_name:
            if self._load is not None:
                return self._load(code)
            named = "an old runtime" if version is None else f"{version.spec_name} {version.spec_version}"
            raise UnknownRuntime(
                f"`:code` is {named}; this program runs "
                + ", ".join(f"{runtime.version.spec_name} {number}" for number, runtime in self._known.items())
            )
        return native
