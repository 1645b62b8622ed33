"""The QuickJS-ng engine inside its Wasm instance: booting, restoring, and the calls of its C interface.

Overview
    `boot` starts the engine once and keeps an `Image` of its memory just after the prelude. A `Machine` is an instance
    restored from that image; it serves one run and is thrown away, so nothing allocated in it is ever freed.
    Values of the guest are handles: addresses, in guest memory, of boxed values. They mean nothing to the host, and
    what is read through them is only ever copied.

    `Host` is all that the engine can reach of the outside. Every other import of the module traps.

Out of scope
    What a run's ending means: `javascript`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from wasmtime import FuncType, Linker, Module

from offchain.sandbox.base import OutOfMemory
from offchain.sandbox.identity import HOST_CALL_GAS, JOB_GAS, JS_STACK
from offchain.sandbox.wasm import CorruptGuest, Instance

MAX_REJECTIONS = 256
"""Notices of rejected promises that are kept: they only serve to explain a missing output."""

_BLOCK = 4096
_SCRATCH = 64
_LOG_HEADER = 8
_DOORS = ("start", "describe", "typeName")


class Thrown(Exception):
    """The guest threw the value whose handle is given."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


class Rejection(NamedTuple):
    """A promise was rejected with nobody listening, or (`handled`) somebody listened late. Handles."""

    promise: int
    reason: int
    handled: bool


class Host:
    """The engine's imports. They serve the instance that entered last; each call is charged."""

    def __init__(self) -> None:
        self._instance: Instance | None = None
        self._clock = b""
        self._rejections: list[Rejection] = []

    def enter(self, instance: Instance, block_time_ms: int) -> list[Rejection]:
        """Serve `instance` from now on; the list fills with its notices of rejected promises."""
        self._instance = instance
        self._clock = struct.pack("<Q", block_time_ms * 1_000_000)
        self._rejections = []
        return self._rejections

    def leave(self) -> None:
        """Serve nobody, and keep nothing of who was served."""
        self._instance = None
        self._rejections = []

    def define(self, linker: Linker, module: Module) -> None:
        """Give `module` what it may have, and traps in the place of the rest."""
        functions: dict[str, Callable[..., int | None]] = {
            "clock_time_get": self._clock_time_get,
            "random_get": self._random_get,
            "host_get_timezone_offset": self._timezone_offset,
            "host_promise_rejection": self._promise_rejection,
        }
        for wanted in module.imports:
            if isinstance(wanted.type, FuncType) and wanted.name in functions:
                linker.define_func(wanted.module, wanted.name, wanted.type, functions[wanted.name])
        linker.define_unknown_imports_as_traps(module)

    def _charged(self) -> Instance:
        assert self._instance is not None, "an instance runs only after it entered"
        self._instance.burn(HOST_CALL_GAS)
        return self._instance

    def _clock_time_get(self, _clock: int, _precision: int, result: int) -> int:
        self._charged().write(result, self._clock)
        return 0

    def _random_get(self, address: int, length: int) -> int:
        # Asked once, while the engine's C library starts, and so the same for every run. Scripts never get here.
        self._charged().write(address, bytes(length))
        return 0

    def _timezone_offset(self, _high: int, _low: int) -> int:
        self._charged()
        return 0

    def _promise_rejection(self, promise: int, reason: int, handled: int) -> None:
        self._charged()
        if len(self._rejections) < MAX_REJECTIONS:
            self._rejections.append(Rejection(promise, reason, handled != 0))


class Image(NamedTuple):
    """The engine after the prelude: how its memory differs from a new instance's, and what the host uses of it."""

    changes: tuple[tuple[int, bytes], ...]
    size: int
    stack_pointer: int
    runtime: int
    context: int
    global_object: int
    doors: dict[str, int]
    uint8_array_class: int
    scratch: int


def boot(instance: Instance, prelude: bytes) -> Image:
    """Start the engine in a new instance and evaluate the prelude. Gives the same image in every process."""
    call = instance.call
    blank = instance.read(0, instance.memory_bytes)
    call("_initialize")
    if call("qjs_init") != 0:
        raise RuntimeError("the JavaScript engine did not start")
    call("qjs_set_max_stack_size", JS_STACK)
    call("qjs_set_promise_rejection_handler", 1)
    scratch = call("wasm_malloc", _SCRATCH)

    def named(text: str) -> int:
        instance.write(scratch, text.encode() + b"\0")
        return scratch

    source = call("wasm_malloc", len(prelude) + 1)
    instance.write(source, prelude + b"\0")
    doors = call("qjs_eval", source, len(prelude), named("prelude.js"), 0)
    if call("qjs_is_exception", doors):
        raise RuntimeError("the sandbox's prelude threw")
    call("wasm_free", source)
    handles = {name: call("qjs_get_prop_string", doors, named(name)) for name in _DOORS}
    global_object = call("qjs_get_global")
    uint8_array_class = call("qjs_get_class_id", call("qjs_new_uint8_array", scratch, 0))
    call("qjs_run_gc")
    size = instance.memory_bytes
    return Image(
        changes=tuple(_changes(blank.ljust(size, b"\0"), instance.read(0, size))),
        size=size,
        stack_pointer=instance.stack_pointer,
        runtime=call("qjs_get_runtime_ptr"),
        context=call("qjs_get_context_ptr"),
        global_object=global_object,
        doors=handles,
        uint8_array_class=uint8_array_class,
        scratch=scratch,
    )


def _changes(before: bytes, after: bytes) -> Iterator[tuple[int, bytes]]:
    """The stretches of `after` that differ, with their addresses. A sixth of it: copying all would cost most."""
    start = 0
    for address in range(0, len(after) + _BLOCK, _BLOCK):
        block = slice(address, address + _BLOCK)
        if after[block] == before[block]:
            if start < address:
                yield start, after[start:address]
            start = address + _BLOCK


class Machine:
    """An engine in a new instance, as it was just after the prelude. Serves one run.

    Any method may raise `Thrown`, `OutOfMemory` (no room even for the engine's own answer), wasmtime's `Trap`, or
    `CorruptGuest`, where the script has spoilt its own engine.
    """

    def __init__(self, instance: Instance, image: Image) -> None:
        self.instance = instance
        self._image = image
        self._log: tuple[int, int] | None = None
        instance.grow_to(image.size)
        for address, block in image.changes:
            instance.write(address, block)
        instance.stack_pointer = image.stack_pointer

    def wake(self) -> None:
        """Tell the engine where the image has its state: the first code of the guest to run, so it too may trap."""
        self.instance.call("qjs_set_runtime_and_context", self._image.runtime, self._image.context)

    def start(self, input: bytes, log_bytes: int, seed: bytes) -> None:
        """Set `scriptArgs`, seed `Math.random` with 16 bytes, and make room for the log."""
        words = [self._made("qjs_new_number", float(word)) for word in struct.unpack("<4I", seed)]
        size = self._made("qjs_new_number", float(log_bytes))
        try:
            buffer = self.enter_door("start", self.string(input), size, *words)
        except Thrown:  # it has no other reason to
            raise OutOfMemory("the script's memory has no room for its input and its log") from None
        self._log = (self._array_buffer(buffer)[0], log_bytes)

    def evaluate(self, code: bytes) -> None:
        """Evaluate a script in the global scope."""
        source = self._bytes(code + b"\0")
        self.instance.write(self._image.scratch, b"agent.js\0")
        self._made("qjs_eval", source, len(code), self._image.scratch, 0)

    def run_jobs(self) -> None:
        """Run promise jobs until none is left."""
        while ran := self.instance.call("qjs_execute_pending_job"):
            self.instance.burn(JOB_GAS)
            if ran < 0:
                raise self._thrown()

    def string(self, text: bytes) -> int:
        """A JavaScript string of UTF-8 bytes, zero bytes included."""
        return self._made("qjs_new_string", self._bytes(text), len(text))

    def enter_door(self, name: str, *arguments: int) -> int:
        """Call a function that the prelude keeps for the host."""
        scratch = self._image.scratch
        self.instance.write(scratch, struct.pack(f"<{len(arguments)}I", *arguments))
        return self._made("qjs_call", self._image.doors[name], self._image.global_object, len(arguments), scratch)

    def property(self, owner: int | None, name: bytes) -> int:
        """A property of an object, or of the global object."""
        self.instance.write(self._image.scratch, name + b"\0")
        return self._made("qjs_get_prop_string", owner or self._image.global_object, self._image.scratch)

    def is_a(self, kind: str, value: int) -> bool:
        """Whether the engine's own `qjs_is_…` holds of a value."""
        return self.instance.call(f"qjs_is_{kind}", value) != 0

    def is_uint8_array(self, value: int) -> bool:
        """Whether a value is a Uint8Array, whatever its prototype says."""
        return self.instance.call("qjs_get_class_id", value) == self._image.uint8_array_class

    def string_length(self, value: int) -> int:
        """Length of a string in UTF-16 units: no more than its bytes of UTF-8."""
        return int(self.instance.call_f64("qjs_get_float64", self.property(value, b"length")))

    def text_of(self, value: int) -> str:
        """A string value. Lone surrogates, which UTF-8 can't carry, become U+FFFD."""
        address = self._made("qjs_get_string_len", value, self._image.scratch, boxed=False)
        raw = self.instance.read(address, self.instance.read_u32(self._image.scratch))
        try:
            units = raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError as error:
            raise CorruptGuest(f"the engine made a string that is not UTF-8: {error.reason}") from error
        return units.decode("utf-16-le", "replace")

    def span_of(self, value: int) -> tuple[int, int]:
        """Address and length of the bytes of an ArrayBuffer or a Uint8Array."""
        if self.is_a("array_buffer", value):
            return self._array_buffer(value)
        scratch = self._image.scratch
        buffer = self._made("qjs_get_typed_array_buffer", value, scratch, scratch + 4, scratch + 8)
        offset, length = self.instance.read_u32(scratch), self.instance.read_u32(scratch + 4)
        return self._array_buffer(buffer)[0] + offset, length

    def identity(self, value: int) -> int:
        """Equal for two handles of the same object."""
        return self.instance.call("qjs_get_value_ptr", value)

    def log_lines(self) -> tuple[str, ...]:
        """What the script logged so far. Reads memory alone, so it works after a trap."""
        if self._log is None:
            return ()
        address, capacity = self._log
        try:
            used, cut = struct.unpack("<II", self.instance.read(address, _LOG_HEADER))
            content = self.instance.read(address + _LOG_HEADER, min(used, capacity))
        except CorruptGuest:
            return ()
        lines = []
        at = 0
        while at + 4 <= len(content):
            end = at + 4 + int.from_bytes(content[at : at + 4], "little")
            lines.append(content[at + 4 : end].decode("utf-8", "replace"))
            at = end
        return (*lines, f"[the log is cut off at {capacity} bytes]") if cut else tuple(lines)

    def _array_buffer(self, value: int) -> tuple[int, int]:
        address = self.instance.call("qjs_get_array_buffer", value, self._image.scratch)
        return address, self.instance.read_u32(self._image.scratch)

    def _bytes(self, content: bytes) -> int:
        address = self._made("wasm_malloc", len(content), boxed=False)
        self.instance.write(address, content)
        return address

    def _made(self, function: str, *arguments: int | float, boxed: bool = True) -> int:
        """Call what returns a new handle or address: zero is the engine's word for no memory."""
        made = self.instance.call(function, *arguments)
        if made == 0:
            raise OutOfMemory("the script used all its memory")
        if made < 0:
            raise CorruptGuest(f"{function} answered an address outside the guest's memory")
        if boxed and self.instance.call("qjs_is_exception", made):
            raise self._thrown()
        return made

    def _thrown(self) -> Thrown:
        return Thrown(self._made("qjs_get_exception", boxed=False))
