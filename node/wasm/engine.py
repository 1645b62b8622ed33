"""How wasmtime is set up, and the two modules of a runtime compiled for it.

Metering is by fuel, which counts instructions: the same call stops at the same place everywhere, and nothing needs to
keep time. It costs a tenth of the running time; epochs cost as much, and a thread that moves them.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from wasmtime import Config, Engine, Module, WasmtimeError, wat2wasm

from node.wasm.cache import CompiledCode
from node.wasm.companion import companion
from node.wasm.errors import InvalidRuntime
from node.wasm.module import DATA, Section, encoded, rearrange
from pallets.primitives.hashing import blake2_256
from pallets.primitives.runtime_code import InvalidRuntimeCode, decompress

CONFIGURATION = "1;fuel;speed;stack=1048576;no threads, no simd"
"""All that compiled code depends on beside wasmtime; the number is that of `module` and `companion`."""
MAX_WASM_STACK = 1 << 20


@cache
def engine() -> Engine:
    """The engine of this process."""
    config = Config()
    config.consume_fuel = True
    config.cranelift_opt_level = "speed"
    config.max_wasm_stack = MAX_WASM_STACK
    config.wasm_threads = False
    config.wasm_relaxed_simd = False
    config.wasm_simd = False
    return Engine(config)


@lru_cache(maxsize=4)
def _beside(memory_pages: int, data: bytes) -> Module:
    return Module(engine(), bytes(wat2wasm(companion(memory_pages))) + encoded(Section(DATA, data)))


class Compiled(NamedTuple):
    """A runtime's code, and its companion's."""

    runtime: Module
    companion: Module


def compiled(code: bytes, cache: CompiledCode) -> Compiled:
    """The modules of `:code`, of which the cache is asked first: compiling takes seconds. Raises `InvalidRuntime`."""
    code_hash = blake2_256(code)
    keys = code_hash + b"runtime", code_hash + b"companion"
    runtime, beside = (cache.load(engine(), key) for key in keys)
    if runtime is not None and beside is not None:
        return Compiled(runtime, beside)
    try:
        parts = rearrange(decompress(code))
    except InvalidRuntimeCode as error:
        raise InvalidRuntime(str(error)) from None
    try:
        runtime, beside = Module(engine(), parts.wasm), _beside(parts.memory_pages, parts.data)
    except WasmtimeError as error:
        raise InvalidRuntime(f"the runtime is no Wasm that could be run: {error}") from None
    for key, module in zip(keys, (runtime, beside), strict=True):
        cache.store(key, module)
    return Compiled(cache.load(engine(), keys[0]) or runtime, beside)  # a mapped file takes a tenth of the memory
