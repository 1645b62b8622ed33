"""The door: the one place where the node enters a runtime.

## Overview

`Executor.runtime_at(backend)` finds the runtime of a state by the version its `:code` names. What comes back is a
`Runtime`: a protocol that says what the node needs (build blocks, judge transactions, answer API calls) and nothing of
how it is done. `NativeRuntime` runs our own pallets in this process; a foreign chain's Wasm will be the second
implementation.

## Errors

`UnknownRuntime`: `:code` names a version this program has no native code for. `RuntimeTrap`: an API call failed where
it must not. What a runtime itself refuses are
`TransactionValidityError`, `DecodeError`, `InvalidBlock` and `UnknownRuntimeApi`, all of `pallets.frame`.

## Out of scope

Roots: a builder answers a header without them, and the changes; the trie belongs to `node.state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from node.state.backend import Backend
from pallets.frame.events import DispatchError
from pallets.frame.executive import Executive, InherentData
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import EventRecord, Verify
from pallets.frame.runtime import Runtime as PalletRuntime
from pallets.frame.runtime_api import ApiDispatcher, UnknownRuntimeApi
from pallets.frame.validity import TransactionSource, ValidTransaction
from pallets.primitives.header import Header
from pallets.primitives.runtime_code import InvalidRuntimeCode, RuntimeVersion, runtime_version
from pallets.primitives.scale import DecodeError

CODE_KEY = b":code"


class UnknownRuntime(Exception):
    """The chain's runtime is of a version that this program can't run."""


class RuntimeTrap(Exception):
    """A runtime API call failed inside the runtime, as a panic of a Wasm runtime would."""


class BuiltBlock(NamedTuple):
    """What execution leaves: a header whose roots are zero, the body, the changes, and the events."""

    header: Header
    extrinsics: list[bytes]
    changes: Mapping[bytes, bytes | None]
    events: list[EventRecord]


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

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        """Takes an extrinsic apart; raises `DecodeError`."""
        ...


class NativeBuilder:
    """A block built by our own pallets."""

    def __init__(self, runtime: PalletRuntime, header: Header) -> None:
        self._runtime, self._executive = runtime, Executive(runtime)
        self._extrinsics: list[bytes] = []
        self._executive.initialize_block(header)

    def inherents(self, data: InherentData) -> list[bytes]:
        return self._executive.create_inherents(data)

    def apply(self, extrinsic: bytes) -> DispatchError | None:
        error = self._executive.apply_extrinsic(extrinsic)
        self._extrinsics.append(extrinsic)
        return error

    def finalize(self) -> BuiltBlock:
        header = self._executive.finalize_block()
        return _built(self._runtime, header, self._extrinsics)


class NativeValidator:
    """Transactions judged by our own pallets; every judgement is undone."""

    def __init__(self, runtime: PalletRuntime, best: Header) -> None:
        self._overlay = runtime.state
        self._executive = Executive(runtime)
        self._executive.system.initialize(best.number + 1, best.hash, [])

    def validate(self, source: TransactionSource, extrinsic: bytes) -> ValidTransaction:
        self._overlay.begin()
        try:
            return self._executive.validate_transaction(source, extrinsic)
        finally:
            self._overlay.rollback()


class NativeRuntime:
    """Our own pallets behind the door."""

    def __init__(self, runtime: type[PalletRuntime], verify: Verify) -> None:
        self._class, self._verify = runtime, verify
        self.version = runtime.version
        self._apis: ApiDispatcher | None = None

    def build(self, backend: Backend, header: Header) -> NativeBuilder:
        return NativeBuilder(self._over(backend), header)

    def execute(self, backend: Backend, header: Header, extrinsics: list[bytes], inherents: InherentData) -> BuiltBlock:
        runtime = self._over(backend)
        executive = Executive(runtime)
        executive.check_inherents(extrinsics, inherents)
        return _built(runtime, executive.execute_block(header, extrinsics), extrinsics)

    def validator(self, backend: Backend, best: Header) -> NativeValidator:
        return NativeValidator(self._over(backend), best)

    def call(self, backend: Backend, function: str, data: bytes) -> bytes:
        runtime = self._over(backend)
        try:
            return self._dispatcher(runtime).call(runtime, function, data)
        except (UnknownRuntimeApi, DecodeError):
            raise
        except Exception as error:
            raise RuntimeTrap(f"{function}: {error!r}") from error

    def decode_events(self, data: bytes) -> list[EventRecord]:
        return self._over(DictBackend()).decode_events(data)

    def describe(self, extrinsic: bytes) -> ExtrinsicSummary:
        checked = Executive(self._over(DictBackend())).check(extrinsic)
        spec = checked.call.spec
        arguments = tuple(
            (name, kind, value) for (name, kind), value in zip(spec.params, checked.call.arguments, strict=True)
        )
        return ExtrinsicSummary(checked.signer, checked.call.name, arguments, spec.mark.inherent)

    def _over(self, backend: Backend) -> PalletRuntime:
        return self._class(Overlay(backend), self._verify)

    def _dispatcher(self, runtime: PalletRuntime) -> ApiDispatcher:
        if self._apis is None:
            self._apis = ApiDispatcher(runtime, self._class.apis)
        return self._apis


def _built(runtime: PalletRuntime, header: Header, extrinsics: list[bytes]) -> BuiltBlock:
    records: list[EventRecord] = runtime.system.events_item  # type: ignore[attr-defined]
    return BuiltBlock(header, extrinsics, runtime.state.changes, records)


class Executor:
    """Finds the runtime of a state."""

    def __init__(self, known: Mapping[int, type[PalletRuntime]], verify: Verify) -> None:
        self._known = {version: NativeRuntime(runtime, verify) for version, runtime in known.items()}
        self._by_code: dict[bytes, Runtime] = {}

    def runtime_at(self, backend: Backend) -> Runtime:
        """The runtime that executes on this state; raises `UnknownRuntime`."""
        code = backend.get(CODE_KEY)
        if not code:
            raise UnknownRuntime("the state has no `:code`")
        found = self._by_code.get(code)
        if found is None:
            found = self._by_code[code] = self._native(code)
        return found

    def _native(self, code: bytes) -> Runtime:
        try:
            version = runtime_version(code)
        except InvalidRuntimeCode as error:
            raise UnknownRuntime(f"`:code` can't be read: {error}") from None
        native = None if version is None else self._known.get(version.spec_version)
        if version is None or native is None or native.version.spec_name != version.spec_name:
            named = "an old runtime" if version is None else f"{version.spec_name} {version.spec_version}"
            raise UnknownRuntime(
                f"`:code` is {named}; this program runs "
                + ", ".join(f"{runtime.version.spec_name} {number}" for number, runtime in self._known.items())
            )
        return native
