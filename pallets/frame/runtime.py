"""Composition: pallets put together into a chain, and calls dispatched into them.

## Overview

```python
class DevRuntime(Runtime):
    version = RuntimeVersion("fathom", ...)
    extensions = (CheckNonZeroSender, ...)

    def compose(self) -> None:
        self.system = System(index=0, ...)
        self.balances = Balances(index=5, system=self.system, ...)
```
Plain constructor calls are the wiring; attribute order is hook order, `index` is the wire. An instance is cheap (tables
are compiled once per class), so pool, block builder and RPC each own one over their own overlay.

## Out of scope

The order of a block and of a transaction (`executive`); the chain's own list of pallets (`pallets.runtime`).
Mirrors `construct_runtime!`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, NamedTuple

from pallets.frame.events import (
    Arithmetic,
    BadOrigin,
    CannotLookup,
    DispatchError,
    Error,
    Event,
    Exhausted,
    Phase,
    decode_dispatch_error,
)
from pallets.frame.extrinsic_types import extrinsic_codecs
from pallets.frame.origin import Origin
from pallets.frame.overlay import Overlay
from pallets.frame.pallet import CallSpec, Pallet, PostInfo, call_specs
from pallets.frame.storage import Item
from pallets.frame.weights import DispatchInfo, Weight
from pallets.primitives.annotations import tuple_type
from pallets.primitives.codec import Codec, Codecs, RuntimeCodec
from pallets.primitives.extrinsic import MultiSignature, verify_signature
from pallets.primitives.hashing import blake2_64
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.scale import DecodeError, EncodeError, OtherAddress
from pallets.primitives.types import H256, RuntimeType, struct

MAX_CALL_DEPTH = 32
"""How deep calls may nest in calls. Python's stack is scarce: a fixed bound keeps every node's answer the same."""
MAX_ELEMENTS = 1 << 14
"""How many list elements a call may hold in all, nested ones included: more than `batched_calls_limit`, and few enough
that decoding what nobody has paid for yet takes milliseconds."""

Verify = Callable[[MultiSignature, bytes, bytes], bool]
"""`(signature, payload, signer) -> bool`; a node hands in one that remembers what it has verified."""


def api_id(name: str) -> bytes:
    """The identifier of a runtime API, 8 bytes."""
    return blake2_64(name.encode())


class Call:
    """A decoded call: which, and its arguments. Belongs to a runtime class, not to an instance.

    `source` is what it was decoded from: the bytes, and where in them it starts and ends.
    """

    __slots__ = ("spec", "arguments", "_source", "_info")

    def __init__(
        self, spec: CallSpec, arguments: tuple[Any, ...], source: tuple[bytes, int, int] | None = None
    ) -> None:
        self.spec, self.arguments, self._source = spec, arguments, source
        self._info: DispatchInfo | None = None

    @property
    def name(self) -> str:
        """As people write it: `Balances.transfer_keep_alive`."""
        return f"{self.spec.pallet_name}.{self.spec.name}"

    def __repr__(self) -> str:
        given = ", ".join(
            f"{name}={value!r}" for (name, _), value in zip(self.spec.params, self.arguments, strict=True)
        )
        return f"{self.name}({given})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and (self.name, self.arguments) == (other.name, other.arguments)

    def __hash__(self) -> int:
        raise TypeError("calls are not keys")

    def encoded(self) -> bytes:
        """SCALE of a `RuntimeCall`: of a decoded one the bytes it came from, since only canonical forms are decoded."""
        if self._source is None:
            return self.spec.encode(self)
        data, start, end = self._source
        return data[start:end]

    def dispatch_info(self) -> DispatchInfo:
        """Weight and class before it runs; computed once, since a batch asks every call in it, at every level."""
        if self._info is None:
            self._info = self.spec.mark.info or self._weighed()
        return self._info

    def nested(self) -> Iterator[Call]:
        """This call and all calls in it, at every level."""
        yield self
        for argument in self.arguments:
            for each in argument if isinstance(argument, list) else (argument,):
                if isinstance(each, Call):
                    yield from each.nested()

    def _weighed(self) -> DispatchInfo:
        weight = self.spec.mark.weight
        found = weight if isinstance(weight, Weight) else weight(*self.arguments)
        return found if isinstance(found, DispatchInfo) else DispatchInfo(found, self.spec.mark.dispatch_class)


RuntimeCall = Annotated[Call, RuntimeType("RuntimeCall")]
RuntimeEvent = Annotated[Event, RuntimeType("RuntimeEvent")]
RuntimeHoldReason = Annotated[Any, RuntimeType("RuntimeHoldReason")]
DispatchErrorType = Annotated[DispatchError, RuntimeType("DispatchError")]
DispatchResult = Annotated[DispatchError | None, RuntimeType("DispatchResult")]
"""`Result<(), DispatchError>`: `None` is success."""


@struct(path="frame_system::EventRecord")
class EventRecord:
    """An event as `System.Events` keeps it."""

    __type_arguments__ = (("E", RuntimeEvent), ("T", H256))

    phase: Phase
    event: RuntimeEvent
    topics: list[H256]


class Tables(NamedTuple):
    """What is derived once from a runtime class."""

    codecs: Codecs
    calls: dict[tuple[int, int], CallSpec]
    events: dict[type[Event], Codec[Any]]  # behind the indices of the pallet and the event
    errors: dict[tuple[int, int], type[Error]]
    pallet_of: dict[type[Error], int]
    decode_call: Callable[[bytes, int], tuple[Call, int]]
    layouts: dict[Item, Any]  # of the storage items used so far


class Runtime:
    """Subclass, and assign pallets in `compose`."""

    version: ClassVar[RuntimeVersion]
    crate: ClassVar[str] = "fathom_runtime"  # first segment of the composed types' paths
    extensions: ClassVar[tuple[type[Any], ...]] = ()
    apis: ClassVar[tuple[type[Any], ...]] = ()
    _tables: ClassVar[Tables | None] = None

    def __init_subclass__(cls) -> None:
        cls._tables = None

    def __init__(self, state: Overlay, verify: Verify = verify_signature) -> None:
        self.state, self.verify = state, verify
        self.events: list[Event] = []  # of the current block
        self.deposit = self.events.append
        self.compose()
        self.pallets: tuple[Pallet, ...] = tuple(thing for thing in vars(self).values() if isinstance(thing, Pallet))
        self.by_index = {pallet.index: pallet for pallet in self.pallets}
        if len(self.by_index) != len(self.pallets):
            raise TypeError(f"{type(self).__name__}: two pallets share an index")
        if type(self)._tables is None:
            type(self)._tables = _build_tables(self.pallets)
        tables = type(self)._tables
        assert tables is not None
        self.tables, self.codecs = tables, tables.codecs
        for pallet in self.pallets:
            pallet.attach(self, tables.codecs)

    def compose(self) -> None:
        """Assigns the chain's pallets to attributes."""
        raise NotImplementedError(f"{type(self).__name__} composes no pallets")

    def impersonates(self, signer: bytes) -> bool:
        """Whether the mock signature counts as this signer's: never but on a development chain that says so."""
        return False

    def made_to_fail(self) -> DispatchError | None:
        """Why the next signed extrinsic fails whatever it calls: none but on a development chain that says so."""
        return None

    @contextmanager
    def transactional(self) -> Iterator[None]:
        """A storage layer: an exception that leaves it undoes state and events."""
        mark = len(self.events)
        self.state.begin()
        try:
            yield
        except BaseException:
            self.state.rollback()
            del self.events[mark:]
            raise
        self.state.commit()

    def dispatch(self, call: Call, origin: Origin) -> PostInfo:
        """Runs a call in a layer of its own; raises `DispatchError`, leaving no trace."""
        spec = call.spec
        for check in origin.filters:
            check(call)
        if spec.origin != origin.kind and spec.origin != "any":
            raise BadOrigin
        for place in spec.addresses:
            if type(call.arguments[place]) is OtherAddress:
                raise CannotLookup
        state, events = self.state, self.events
        if state.depth > MAX_CALL_DEPTH:
            raise Exhausted
        mark = len(events)
        state.begin()
        try:
            given = origin if spec.origin == "any" else origin.who
            post = spec.method(self.by_index[spec.pallet_index], given, *call.arguments)
        except DispatchError:
            state.rollback()
            del events[mark:]
            raise
        except EncodeError:
            state.rollback()
            del events[mark:]
            raise Arithmetic("Overflow") from None
        except BaseException:
            state.rollback()
            del events[mark:]
            raise
        state.commit()
        return post if post is not None else PLAIN

    def call(self, pallet: str, name: str, /, **arguments: Any) -> Call:
        """A call by name, for people and tests: `rt.call("Balances", "transfer_all", dest=BOB, keep_alive=False)`."""
        for spec in self.tables.calls.values():
            if spec.pallet_name == pallet and spec.name == name:
                return Call(spec, tuple(arguments[param] for param, _ in spec.params))
        raise KeyError(f"{pallet}.{name} is not a call of this runtime")

    def encode_call(self, call: Call) -> bytes:
        """SCALE of a `RuntimeCall`."""
        return call.encoded()

    def decode_call(self, data: bytes) -> Call:
        """The call of exactly these bytes; raises `DecodeError`."""
        call, end = self.tables.decode_call(data, 0)
        if end != len(data):
            raise DecodeError(f"{len(data) - end} bytes follow the call {call.name}")
        return call

    def encode_event(self, event: Event) -> bytes:
        """SCALE of a `RuntimeEvent`."""
        return self.tables.events[type(event)].encode(event)

    def decode_events(self, data: bytes) -> list[EventRecord]:
        """The value of `System.Events`; raises `DecodeError`."""
        return self.codecs.of(list[EventRecord]).decode_all(data)  # type: ignore[no-any-return]

    def encode_error(self, error: DispatchError) -> bytes:
        """SCALE of a `DispatchError`."""
        return error.encode(self.tables.pallet_of)

    def integrity_test(self) -> None:
        """Asks every pallet whether its constants make sense; raises where not."""
        for pallet in self.pallets:
            hook = getattr(pallet, "integrity_test", None)
            if hook is not None:
                hook()


PLAIN = PostInfo()


def _build_tables(pallets: tuple[Pallet, ...]) -> Tables:
    calls: dict[tuple[int, int], CallSpec] = {}
    errors = {(pallet.index, error.index): error for pallet in pallets for error in pallet.errors}
    pallet_of = {error: index for (index, _), error in errors.items()}
    events: dict[type[Event], Codec[Any]] = {}
    events_by_head: dict[bytes, Codec[Any]] = {}
    dispatch_result = _result_codec(errors, pallet_of)
    codecs = Codecs(
        {
            "RuntimeEvent": _event_codec(events, events_by_head),
            "RuntimeCall": _call_codec(calls, lambda: codecs),
            "RuntimeHoldReason": _hold_reason_codec(pallets),
            "DispatchError": _error_codec(errors, pallet_of),
            "DispatchResult": dispatch_result,
            **extrinsic_codecs(dispatch_result),
        }
    )
    for pallet in pallets:
        names = vars(type(pallet))
        for spec in call_specs(pallet, codecs.runtime_types["RuntimeCall"].encode).values():
            calls[pallet.index, spec.index] = spec
        for event in pallet.events:
            head = bytes((pallet.index, event.index))
            events[event] = events_by_head[head] = codecs.tagged(head, event, names)
    return Tables(codecs, calls, events, errors, pallet_of, codecs.runtime_types["RuntimeCall"].decode, {})


def _event_codec(events: dict[type[Event], Codec[Any]], by_head: dict[bytes, Codec[Any]]) -> RuntimeCodec:
    def encode(event: Event) -> bytes:
        return events[type(event)].encode(event)

    def decode(data: bytes, at: int) -> tuple[Event, int]:
        found = by_head.get(data[at : at + 2])
        if found is None:
            raise DecodeError(f"no event of this runtime at byte {at}")
        return found.decode(data, at + 2)

    return RuntimeCodec(encode, decode)


def _call_codec(calls: dict[tuple[int, int], CallSpec], codecs: Callable[[], Codecs]) -> RuntimeCodec:
    compiled: dict[bytes, tuple[CallSpec, Codec[Any]]] = {}
    depth = 0

    def compile_arguments(head: bytes) -> tuple[CallSpec, Codec[Any]]:
        spec = calls.get((head[0], head[1])) if len(head) == 2 else None
        if spec is None:
            raise DecodeError(f"the runtime has no call 0x{head.hex()}: a pallet's index, and a call's in it")
        kinds = tuple(kind for _, kind in spec.params)
        found = compiled[head] = spec, codecs().of(tuple_type(kinds))
        return found

    def encode(call: Call) -> bytes:
        head = bytes((call.spec.pallet_index, call.spec.index))
        _, codec = compiled.get(head) or compile_arguments(head)
        return head + codec.encode(call.arguments)

    def decode(data: bytes, at: int) -> tuple[Call, int]:
        nonlocal depth
        head = data[at : at + 2]
        spec, codec = compiled.get(head) or compile_arguments(head)
        if depth >= MAX_CALL_DEPTH:
            raise DecodeError(f"calls nest deeper than {MAX_CALL_DEPTH}")
        budget = codecs().budget
        if not depth:
            budget.left = MAX_ELEMENTS
        depth += 1
        try:
            arguments, end = codec.decode(data, at + 2)
        finally:
            depth -= 1
            if not depth:
                budget.left = None
        return Call(spec, arguments or (), (data, at, end)), end

    return RuntimeCodec(encode, decode)


def _hold_reason_codec(pallets: tuple[Pallet, ...]) -> RuntimeCodec:
    heads = {
        reason: bytes((pallet.index, reason.value))
        for pallet in pallets
        if pallet.hold_reasons is not None
        for reason in pallet.hold_reasons
    }
    reasons = {head: reason for reason, head in heads.items()}

    def encode(reason: Any) -> bytes:
        if reason not in heads:
            raise EncodeError(f"{reason} is not a hold reason of this runtime")
        return heads[reason]

    def decode(data: bytes, at: int) -> tuple[Any, int]:
        found = reasons.get(data[at : at + 2])
        if found is None:
            raise DecodeError(f"no hold reason of this runtime at byte {at}")
        return found, at + 2

    return RuntimeCodec(encode, decode)


def _error_codec(errors: dict[tuple[int, int], type[Error]], pallet_of: dict[type[Error], int]) -> RuntimeCodec:
    return RuntimeCodec(
        lambda error: error.encode(pallet_of),
        lambda data, at: decode_dispatch_error(data, at, errors),
    )


def _result_codec(errors: dict[tuple[int, int], type[Error]], pallet_of: dict[type[Error], int]) -> RuntimeCodec:
    def decode(data: bytes, at: int) -> tuple[DispatchError | None, int]:
        if data[at : at + 1] == b"\0":
            return None, at + 1
        if data[at : at + 1] != b"\1":
            raise DecodeError(f"no Result at byte {at}")
        return decode_dispatch_error(data, at + 1, errors)

    return RuntimeCodec(lambda error: b"\0" if error is None else b"\1" + error.encode(pallet_of), decode)
