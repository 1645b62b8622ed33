"""The engine of contracts: compiling them, and instances with the seal functions in reach.

Overview
    One engine and one linker serve all contracts of a process, compiled when they are first seen and kept by the hash
    of their code. A slot may start no thread and open no file, so compiling does neither. Memories are small and
    contracts call contracts, so an instance takes few addresses, and little of the native stack: see `module`.

Out of scope
    What a run is: `run`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from wasmtime import Engine, FuncType, InstancePre, Linker, Module, ValType, WasmtimeError

from offchain.sandbox.ink.module import MAX_PAGES, STACK_UNITS, InvalidModule, Signature, guarded
from offchain.sandbox.memory import RecycledMemory
from offchain.sandbox.wasm import PAGE, Instance, Slots, define, metered_config

MAX_STACK = 4 * 8 * STACK_UNITS
"""Bytes of native stack for one instance, of which guards leave three quarters."""
KEPT_BYTES = 8 << 20
"""Of the code of contracts that stay compiled."""

Functions = Mapping[tuple[str, str], tuple[Signature, Callable[[Slots], None]]]
"""What contracts may import, by module and name."""

_KINDS = {"i": ValType.i32, "I": ValType.i64}


class ContractEngine:
    """Compiles contracts, and instantiates them. Belongs to one thread."""

    def __init__(self, functions: Functions) -> None:
        self._memory = RecycledMemory()
        config = metered_config(self._memory)
        config.max_wasm_stack = MAX_STACK
        config.parallel_compilation = False
        config.memory_reservation = MAX_PAGES * PAGE
        config.memory_reservation_for_growth = 0
        config.memory_guard_size = PAGE
        config.memory_may_move = False
        config.wasm_simd = config.wasm_multi_value = False  # guards count no frames of such
        self._engine = Engine(config)
        self._linker = Linker(self._engine)
        self._raised: list[BaseException] = []
        self._kept: list[object] = []
        self._seals = {name: signature for name, (signature, _) in functions.items()}
        for (module, name), ((parameters, results), function) in functions.items():
            type = FuncType([_KINDS[kind]() for kind in parameters], [_KINDS[kind]() for kind in results])
            self._kept.append(define(self._linker, module, name, type, function, self._raised))
        self._modules: OrderedDict[bytes, tuple[InstancePre, int]] = OrderedDict()
        self._bytes = 0

    def interrupt(self) -> None:
        """Trap the instance that runs now. From any thread."""
        self._engine.increment_epoch()

    def instantiate(self, hash: bytes, code: bytes, fuel: int) -> Instance:
        """A new instance of the contract of these bytes and their hash. Raises `InvalidModule`. Close it after use."""
        self._memory.expect(0)
        return Instance(self._engine, self._compiled(hash, code), MAX_PAGES * PAGE, fuel, self._raised)

    def _compiled(self, hash: bytes, code: bytes) -> InstancePre:
        found = self._modules.get(hash)
        if found is None:
            wasm = guarded(code, self._seals)
            try:
                Module.validate(self._engine, code)  # what it may not name must not be there for a guard's sake
                found = self._linker.instantiate_pre(Module(self._engine, wasm)), len(code)
            except WasmtimeError:  # its text is one version's
                raise InvalidModule("the module is not valid Wasm") from None
            self._modules[hash] = found
            self._bytes += len(code)
            while self._bytes > KEPT_BYTES:
                self._bytes -= self._modules.popitem(last=False)[1][1]
        self._modules.move_to_end(hash)
        return found[0]
