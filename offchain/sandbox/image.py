"""The engine's memory as every run begins with it: starting QuickJS-ng in a new Wasm instance, once, with the prelude.

Out of scope
    What is done with an image: `quickjs`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from offchain.sandbox.identity import JS_STACK
from offchain.sandbox.wasm import Instance

DOORS = ("prepare", "start", "handle", "settle", "due", "tick", "finish", "describe", "stack", "typeName")
HOST_FUNCTIONS = ("call", "ask", "wait", "load")

BLOCK = 4096
BOX = 8
BOXES = 96  # the scratch's second half: boxes of arguments
_SCRATCH = 192
_STRIP_SOURCE = 16  # the engine's JS_WRITE_OBJ_STRIP_SOURCE


class Constants(NamedTuple):
    """What the engine puts into the box of a value that has no parts: found by asking it, at boot."""

    exception: bytes
    undefined: bytes
    true: bytes
    false: bytes


class Image(NamedTuple):
    """The engine's memory after the prelude, and what the host uses of it."""

    blank: int
    """Bytes of zero in front: most of the engine's stack."""
    content: bytes
    """What follows."""
    stack_pointer: int
    runtime: int
    context: int
    global_object: int
    doors: dict[str, int]
    uint8_array_class: int
    scratch: int
    constants: Constants

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self.blank + len(self.content)


class Difference(NamedTuple):
    """How an engine's memory differs from the image that it began with."""

    stretches: tuple[tuple[int, bytes], ...]
    size: int

    @property
    def bytes(self) -> int:
        """What it takes to keep."""
        return sum(len(content) for _, content in self.stretches)


def compiled(instance: Instance, source: bytes) -> bytes:
    """The bytecode of the prelude, or of a late part, made in a new instance that is good for nothing else.

    It leaves out the source, of which each function would carry its part, and the image is spared what parsing leaves.
    """
    call, scratch = instance.call, _started(instance)
    address = call("wasm_malloc", len(source) + 1)
    instance.write(address, source + b"\0")
    instance.write(scratch, b"prelude.js\0")
    bytecode = call("qjs_compile", address, len(source), scratch, 0, _STRIP_SOURCE, scratch + BOXES)
    if bytecode == 0:
        raise _failed_prelude(instance)
    return instance.read(bytecode, instance.read_u32(scratch + BOXES))


def boot(instance: Instance, bytecode: bytes) -> Image:
    """Start the engine in a new instance and evaluate the prelude. Gives the same image in every process."""
    call, scratch = instance.call, _started(instance)

    def named(text: str) -> int:
        instance.write(scratch, text.encode() + b"\0")
        return scratch

    def box(value: int) -> bytes:
        return instance.read(value, BOX)

    def evaluated(source: bytes) -> int:
        instance.write(scratch, source + b"\0boot.js\0")
        return call("qjs_eval", scratch, len(source), scratch + len(source) + 1, 0)

    constants = Constants(
        exception=box(evaluated(b"throw 0")),
        undefined=box(call("qjs_get_undefined")),
        true=box(call("qjs_get_true")),
        false=box(call("qjs_get_false")),
    )
    call("qjs_get_exception")
    if box(evaluated(b"-2")) != number_box(-2):
        raise RuntimeError("the JavaScript engine boxes numbers otherwise than expected")
    global_object = call("qjs_get_global")
    host = call("qjs_new_object")
    for name in HOST_FUNCTIONS:
        call("qjs_set_prop_string", host, named(name), call("qjs_new_host_function", scratch, len(name), 0))
    address = call("wasm_malloc", len(bytecode))
    instance.write(address, bytecode)
    prelude = call("qjs_eval_bytecode", address, len(bytecode))
    call("wasm_free", address)
    instance.write(scratch, struct.pack("<I", host))
    doors = call("qjs_call", prelude, global_object, 1, scratch)
    if box(doors) == constants.exception:
        raise _failed_prelude(instance)
    handles = {name: call("qjs_get_prop_string", doors, named(name)) for name in DOORS}
    uint8_array_class = call("qjs_get_class_id", call("qjs_new_uint8_array", scratch, 0))
    call("qjs_run_gc")
    memory = instance.read(0, instance.memory_bytes)
    blank = (len(memory) - len(memory.lstrip(b"\0"))) // BLOCK * BLOCK
    return Image(
        blank=blank,
        content=memory[blank:],
        stack_pointer=instance.stack_pointer,
        runtime=call("qjs_get_runtime_ptr"),
        context=call("qjs_get_context_ptr"),
        global_object=global_object,
        doors=handles,
        uint8_array_class=uint8_array_class,
        scratch=scratch,
        constants=constants,
    )


def _started(instance: Instance) -> int:
    """Start the engine; an address that is the host's to use."""
    instance.call("_initialize")
    if instance.call("qjs_init") != 0:
        raise RuntimeError("the JavaScript engine did not start")
    instance.call("qjs_set_max_stack_size", JS_STACK)
    instance.call("qjs_set_promise_rejection_handler", 1)
    return instance.call("wasm_malloc", _SCRATCH)


def _failed_prelude(instance: Instance) -> RuntimeError:
    address = instance.call("qjs_get_string", instance.call("qjs_get_exception"))
    return RuntimeError(f"the prelude threw: {instance.read(address, 200).split(bytes(1))[0].decode()}")


def number_box(value: int) -> bytes:
    """The box of a number that is a whole one of 32 bits; more of an unsigned one's are taken as a negative's."""
    return struct.pack("<I4x", value & 0xFFFF_FFFF)
