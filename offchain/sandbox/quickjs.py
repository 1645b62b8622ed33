"""The QuickJS-ng engine inside its Wasm instance: restoring it, and the calls of its C interface.

Overview
    A `Machine` is a new instance restored from an `Image` of the engine's memory just after the prelude, its own
    memory's difference from it being kept by `Machine.difference` for a program that will run again. It serves one run
    and is thrown away.

    Values of the guest are handles: addresses, in guest memory, of boxed values of 8 bytes. They mean nothing to the
    host, and what is read through them is only ever copied. A handle that is not freed keeps its value alive to the end
    of the run; where a script decides how many there are, they are freed.

Out of scope
    What the engine may call: `host_calls`. What a run's ending means: `javascript`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from offchain.sandbox.base import OutOfMemory
from offchain.sandbox.identity import JOB_GAS
from offchain.sandbox.image import BLOCK, BOX, BOXES, Difference, Image, number_box
from offchain.sandbox.wasm import CorruptGuest, Instance

MAX_LENGTH = 1 << 31

_VALUE = 184  # the scratch's end: the box of what a parsed script came to
_LOG_HEADER = 8
_COMPILE_ONLY = 32  # the engine's JS_EVAL_FLAG_COMPILE_ONLY


class Thrown(Exception):
    """The guest threw the value whose handle is given."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


class TooLong(Exception):
    """A value has more bytes than its reader takes."""


class Machine:
    """An engine in a new instance, as an image and a difference have it. Serves one run.

    Any method may raise `Thrown`, `OutOfMemory` (no room even for the engine's own answer), wasmtime's `Trap`, or
    `CorruptGuest`, where the script has spoilt its own engine.
    """

    def __init__(self, instance: Instance, image: Image, difference: Difference | None = None) -> None:
        self.instance = instance
        self.image = image
        self._scratch = image.scratch
        instance.grow_to(max(image.size, difference.size if difference else 0))
        instance.clear(image.blank)
        instance.write(image.blank, image.content)
        for address, content in difference.stretches if difference else ():
            instance.write(address, content)
        instance.stack_pointer = image.stack_pointer

    def wake(self) -> None:
        """Tell the engine where the image has its state: the first code of the guest to run, so it too may trap."""
        self.instance.call("qjs_set_runtime_and_context", self.image.runtime, self.image.context)

    def difference(self) -> Difference:
        """What is in memory now and not in the image. Only between two calls of the guest."""
        return Difference(tuple(self._stretches()), self.instance.memory_bytes)

    def _stretches(self) -> Iterator[tuple[int, bytes]]:
        size = self.instance.memory_bytes
        changed = self.instance.differing_blocks(self.image.blank, self.image.content, BLOCK)
        start = end = 0
        for block in changed:
            if block != end:
                if start < end:
                    yield start, self.instance.read(start, end - start)
                start = block
            end = min(block + BLOCK, size)
        if start < end:
            yield start, self.instance.read(start, end - start)

    # --- Evaluating

    def prepare(self, log_bytes: int, seed: bytes) -> tuple[int, int]:
        """Make room for a log and seed `Math.random` with 16 bytes; the log's address, and its length."""
        try:
            buffer = self.door("prepare", *self._numbers(log_bytes, *struct.unpack("<4I", seed)))
        except Thrown:  # it has no other reason to
            raise OutOfMemory("the script's memory has no room for its log") from None
        return self._array_buffer(buffer)[0], log_bytes

    def start(self, input: bytes, has_world: bool, seed: bytes) -> None:
        """Set `scriptArgs`, and seed `Math.random` with 16 bytes."""
        try:
            self.door("start", self.string(input), *self._numbers(has_world, *struct.unpack("<4I", seed)))
        except Thrown:
            raise OutOfMemory("the script's memory has no room for its input") from None

    def parse(self, code: bytes) -> int:
        """Parse a script; what `evaluate_parsed` takes."""
        return self._eval(code, _COMPILE_ONLY)

    def evaluate(self, code: bytes) -> None:
        """Evaluate a script in the global scope."""
        self._eval(code, 0)

    def evaluate_parsed(self, function: int) -> int:
        """Evaluate a parsed script in the global scope; once. The value of its last expression."""
        (value,) = struct.unpack("<q", self.instance.read(function, BOX))
        result = self.instance.call_i64("JS_EvalFunction", self.image.context, value)
        if (box := struct.pack("<q", result)) == self.image.constants.exception:
            raise self._thrown()
        self.instance.write(self._scratch + _VALUE, box)
        return self._scratch + _VALUE

    def evaluate_bytecode(self, bytecode: bytes) -> int:
        """What bytecode of the host's own evaluates to."""
        return self._of_bytes("qjs_eval_bytecode", bytecode)

    def run_jobs(self) -> bool:
        """Run promise jobs until none is left; whether there were any."""
        any_ran = False
        while ran := self.instance.call("qjs_execute_pending_job"):
            any_ran = True
            self.instance.burn(JOB_GAS)
            if ran < 0:
                raise self._thrown()
        return any_ran

    def door(self, name: str, *arguments: int) -> int:
        """Call a function that the prelude keeps for the host, on handles; its result's."""
        self.instance.write(self._scratch, struct.pack(f"<{len(arguments)}I", *arguments))
        return self._made("qjs_call", self.image.doors[name], self.image.global_object, len(arguments), self._scratch)

    def settle(self, id: int, ok: bool, head: bytes, body: bytes) -> None:
        """Give an answer to the prelude."""
        made = self.string(head), self.uint8_array(body)
        constants = self.image.constants
        number, truth = self._boxes(number_box(id), constants.true if ok else constants.false)
        self.free(self.door("settle", number, truth, *made), *made)

    def due(self) -> float:
        """When the next timer is due; infinite without one."""
        return self.float_of(self.door("due"))

    # --- Making values

    def string(self, text: bytes) -> int:
        """A JavaScript string of UTF-8 bytes, zero bytes included."""
        return self._of_bytes("qjs_new_string", text)

    def uint8_array(self, content: bytes) -> int:
        """A Uint8Array with a buffer of its own."""
        return self._of_bytes("qjs_new_uint8_array", content)

    def number(self, value: float) -> int:
        """A number."""
        value_handle = self.instance.call_of_f64("qjs_new_number", value)
        if value_handle == 0:
            raise OutOfMemory("the script used all its memory")
        return value_handle

    def array(self, *values: int) -> int:
        """An Array of the values of handles, which are freed."""
        array = self._made("qjs_new_array")
        for index, value in enumerate(values):
            self._made_nothing("qjs_set_prop_uint32", array, index, value)
        self.free(*values)
        return array

    def boolean(self, value: bool) -> int:
        """A boolean."""
        return self._made("qjs_get_true" if value else "qjs_get_false")

    def undefined(self) -> int:
        """What has no value."""
        return self._made("qjs_get_undefined")

    def throw(self, message: str) -> None:
        """Have the host function that runs now throw an `Error`."""
        error = self._made("qjs_new_error")
        self.instance.write(self._scratch, b"message\0")
        self._made_nothing("qjs_set_prop_string", error, self._scratch, self.string(message.encode()))
        self.instance.call("qjs_throw", error)

    def free(self, *values: int) -> None:
        """Free handles."""
        for value in values:
            self.instance.call("qjs_free_value", value)

    # --- Reading values

    def is_undefined(self, value: int) -> bool:
        """Whether a value is undefined."""
        return self.instance.read(value, BOX) == self.image.constants.undefined

    def is_a(self, kind: str, value: int) -> bool:
        """Whether the engine's own `qjs_is_…` holds of a value."""
        return self.instance.call(f"qjs_is_{kind}", value) != 0

    def is_uint8_array(self, value: int) -> bool:
        """Whether a value is a Uint8Array, whatever its prototype says."""
        return self.instance.call("qjs_get_class_id", value) == self.image.uint8_array_class

    def is_content(self, value: int) -> bool:
        """Whether a value is a string or has bytes."""
        return self.is_a("string", value) or self.is_a("array_buffer", value) or self.is_uint8_array(value)

    def handles(self, address: int, count: int) -> Sequence[int]:
        """The handles in an array of them."""
        return struct.unpack(f"<{count}I", self.instance.read(address, 4 * count))

    def float_of(self, value: int) -> float:
        """A number value."""
        return self.instance.call_f64("qjs_get_float64", value)

    def utf8_of(self, value: int, limit: int = MAX_LENGTH) -> bytes:
        """A string value in UTF-8. Lone surrogates, which UTF-8 can't carry, become U+FFFD. Raises `TooLong`."""
        address = self._made("qjs_get_string_len", value, self._scratch, boxed=False)
        length = self.instance.read_u32(self._scratch)
        if length > limit:
            raise TooLong(f"more than {limit} bytes")
        raw = self.instance.read(address, length)
        self.instance.call("qjs_free_cstring", address)
        try:
            raw.decode()
        except UnicodeDecodeError:
            return _without_lone_surrogates(raw)
        return raw

    def text_of(self, value: int) -> str:
        """A string value, as `utf8_of`."""
        return self.utf8_of(value).decode()

    def bytes_of(self, value: int, limit: int = MAX_LENGTH) -> bytes:
        """The bytes of an ArrayBuffer or a Uint8Array. Raises `TooLong`."""
        scratch, offset, buffer = self._scratch, 0, value
        if not self.is_a("array_buffer", value):
            buffer = self._made("qjs_get_typed_array_buffer", value, scratch, scratch + 4, scratch + 8)
            offset, length = struct.unpack("<II", self.instance.read(scratch, 8))
        address, whole = self._array_buffer(buffer)
        if buffer == value:
            length = whole
        else:
            self.free(buffer)
        if length > limit:
            raise TooLong(f"more than {limit} bytes")
        return self.instance.read(address + offset, length)

    def identity(self, value: int) -> int:
        """Equal for two handles of the same object."""
        return self.instance.call("qjs_get_value_ptr", value)

    def log_lines(self, log: tuple[int, int] | None) -> tuple[str, ...]:
        """What the script logged so far. Reads memory alone, so it works after a trap."""
        if log is None:
            return ()
        address, capacity = log
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

    # --- The C interface

    def _eval(self, code: bytes, flags: int) -> int:
        source = self._bytes(code + b"\0")
        self.instance.write(self._scratch, b"agent.js\0")
        value = self._made("qjs_eval", source, len(code), self._scratch, flags)
        self.instance.call("wasm_free", source)
        return value

    def _numbers(self, *values: int) -> Sequence[int]:
        return self._boxes(*map(number_box, values))

    def _boxes(self, *boxes: bytes) -> Sequence[int]:
        """Handles of values that have no parts, good until the next call of a door."""
        first = self._scratch + BOXES
        self.instance.write(first, b"".join(boxes))
        return range(first, first + BOX * len(boxes), BOX)

    def _array_buffer(self, value: int) -> tuple[int, int]:
        address = self.instance.call("qjs_get_array_buffer", value, self._scratch)
        return address, self.instance.read_u32(self._scratch)

    def _of_bytes(self, function: str, content: bytes) -> int:
        address = self._bytes(content)
        value = self._made(function, address, len(content))
        self.instance.call("wasm_free", address)
        return value

    def _bytes(self, content: bytes) -> int:
        address = self._made("wasm_malloc", len(content) or 1, boxed=False)
        self.instance.write(address, content)
        return address

    def _made(self, function: str, *arguments: int, boxed: bool = True) -> int:
        """Call what returns a new handle or address: zero is the engine's word for no memory."""
        made = self.instance.call(function, *arguments)
        if made == 0:
            raise OutOfMemory("the script used all its memory")
        if made < 0:
            raise CorruptGuest(f"{function} answered an address outside the guest's memory")
        if boxed and self.instance.read(made, BOX) == self.image.constants.exception:
            raise self._thrown()
        return made

    def _made_nothing(self, function: str, *arguments: int) -> None:
        if self.instance.call(function, *arguments) < 0:
            raise self._thrown()

    def _thrown(self) -> Thrown:
        return Thrown(self._made("qjs_get_exception", boxed=False))


def _without_lone_surrogates(raw: bytes) -> bytes:
    try:
        units = raw.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
    except UnicodeDecodeError as error:
        raise CorruptGuest(f"the engine made a string that is not UTF-8: {error.reason}") from error
    return units.decode("utf-16-le", "replace").encode()
