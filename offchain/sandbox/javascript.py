"""JavaScript programs on QuickJS-ng, compiled to Wasm and run by wasmtime under exact metering.

Overview
    A program is a plain script. It finds its input in `globalThis.scriptArgs[0]` (a string), and leaves its output in
    `globalThis.scriptOutput`: a string (taken as UTF-8), a Uint8Array or an ArrayBuffer. Promise jobs are run until
    none is left, then the output is read. `prelude.js` is what it finds beside the language.

    Every run gets a fresh instance, restored from an image of the engine's memory just after the prelude, so no run
    sees another's traces and none is cheaper for what ran before. Gas is wasmtime fuel: parsing the program and reading
    its output count. Where a few instructions of the guest make the host work, `identity.HOST_CALL_GAS` or `JOB_GAS` is
    added.

Usage
    sandbox = JavaScriptSandbox(cache=Path("..."))
    outcome = sandbox.run(code, input, Limits(gas=10**9, wall_seconds=5), Context(block_time_ms=0, seed=b""))

Out of scope
    Network, timers, streams and bundles that want them. A process around the engine: `pool`.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from wasmtime import Linker, Trap, TrapCode, WasmtimeError

from offchain.sandbox.base import (
    Abstained,
    Context,
    EngineTrap,
    Failure,
    InvalidCode,
    InvalidInput,
    Limits,
    NoOutput,
    Outcome,
    OutOfGas,
    OutOfMemory,
    OutputTooLarge,
    ProgramFailure,
    StackOverflow,
    Success,
    UncaughtError,
)
from offchain.sandbox.engine_thread import EngineThread
from offchain.sandbox.identity import PRELUDE, engine_wasm, runtime_id
from offchain.sandbox.quickjs import Host, Image, Machine, Rejection, Thrown, boot
from offchain.sandbox.wasm import CorruptGuest, Instance, compile_module, metered_engine

_BOOT_GAS = 10**10
_BOOT_SECONDS = 60.0
_OUTCOME_MEMORY = 1 << 20
"""Beyond the program's limit, so that its error can still be described once its memory is full."""


class JavaScriptSandbox:
    """A `Sandbox` for scripts. Belongs to one thread; `close` it when done.

    Compiling the engine takes a second or more, and is skipped where `cache` (see `wasm.compile_module`) has it.
    """

    def __init__(self, cache: Path | None) -> None:
        self.runtime_id = runtime_id()
        self._engine = metered_engine()
        self._host = Host()
        linker = Linker(self._engine)
        module = compile_module(self._engine, engine_wasm(), cache)
        self._host.define(linker, module)
        self._module = linker.instantiate_pre(module)
        self._thread = EngineThread(self._engine.increment_epoch)
        self._image = self._thread.run(self._boot, _BOOT_SECONDS)

    def close(self) -> None:
        """End the engine's thread."""
        self._thread.close()

    def run(self, code: bytes, input: bytes, limits: Limits, context: Context) -> Outcome:
        """Evaluate the script `code` with `input` as `scriptArgs[0]`. Gas 0 if either is not UTF-8."""
        if (at := _invalid_utf8(code)) is not None:
            return Failure(InvalidCode(f"the program is not UTF-8 from byte {at} on"), gas=0)
        if (at := _invalid_utf8(input)) is not None:
            return Failure(InvalidInput(f"the input is not UTF-8 from byte {at} on"), gas=0)
        return self._thread.run(lambda: self._run(code, input, limits, context), limits.wall_seconds)

    def _boot(self) -> Image:
        first = Instance(self._engine, self._module, Limits.memory_bytes, _BOOT_GAS)
        self._host.enter(first, 0)
        return boot(first, PRELUDE.read_bytes())

    def _run(self, code: bytes, input: bytes, limits: Limits, context: Context) -> Outcome:
        instance = Instance(self._engine, self._module, limits.memory_bytes, _BOOT_GAS)
        machine = Machine(instance, self._image)
        rejections = self._host.enter(instance, context.block_time_ms)
        try:
            machine.wake()
            instance.fuel = limits.gas
            output = _execute(machine, code, input, limits, context, rejections)
            return Success(output, limits.gas - instance.fuel, machine.log_lines())
        except ProgramFailure as failure:
            reason = type(failure)(failure.message)  # without a traceback, which would keep the instance alive
            return Failure(reason, limits.gas - instance.fuel, machine.log_lines())
        except Trap as trap:
            return _trapped(trap, machine, limits)
        except CorruptGuest as error:
            return Failure(EngineTrap(str(error)), limits.gas, machine.log_lines())
        except WasmtimeError:  # its text shows this machine's settings
            return Failure(EngineTrap("the engine called what it may not"), limits.gas, machine.log_lines())
        finally:
            self._host.leave()


def _invalid_utf8(content: bytes) -> int | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _execute(
    machine: Machine, code: bytes, input: bytes, limits: Limits, context: Context, rejections: list[Rejection]
) -> bytes:
    """The script's output, or the `ProgramFailure` it came to."""
    machine.start(input, limits.log_bytes, blake2b(context.seed, digest_size=16).digest())
    try:
        machine.evaluate(code)
        machine.run_jobs()
        return _output(machine, limits, rejections)
    except Thrown as thrown:
        machine.instance.limit_memory(limits.memory_bytes + _OUTCOME_MEMORY)
        raise _uncaught(machine, thrown.value) from None


def _output(machine: Machine, limits: Limits, rejections: list[Rejection]) -> bytes:
    value = machine.property(None, b"scriptOutput")
    if machine.is_a("string", value):
        if machine.string_length(value) <= limits.output_bytes:
            output = machine.text_of(value).encode()
            if len(output) <= limits.output_bytes:
                return output
        raise OutputTooLarge(f"scriptOutput has more than {limits.output_bytes} bytes")
    if machine.is_a("array_buffer", value) or machine.is_uint8_array(value):
        address, length = machine.span_of(value)
        if length <= limits.output_bytes:
            return machine.instance.read(address, length)
        raise OutputTooLarge(f"scriptOutput has {length} bytes, more than {limits.output_bytes}")
    if not machine.is_a("undefined", value):
        found = machine.text_of(machine.enter_door("typeName", value))
        raise NoOutput(f"scriptOutput is {found}: assign a string, a Uint8Array or an ArrayBuffer")
    unheard = _unheard(machine, rejections)
    if unheard is None:
        raise NoOutput("the script ended and did not set scriptOutput")
    raise Thrown(unheard)


def _unheard(machine: Machine, rejections: list[Rejection]) -> int | None:
    """The reason of the first promise that was rejected and that nothing ever listened to."""
    reasons: dict[int, int] = {}
    for rejection in rejections:
        promise = machine.identity(rejection.promise)
        if rejection.handled:
            reasons.pop(promise, None)
        else:
            reasons[promise] = rejection.reason
    return next(iter(reasons.values()), None)


def _uncaught(machine: Machine, thrown: int) -> ProgramFailure:
    if machine.is_a("null", thrown):  # what the engine throws once it has no room even for an error
        return OutOfMemory("the script used all its memory, or threw null")
    try:
        line = machine.text_of(machine.enter_door("describe", thrown))
    except Thrown:
        return UncaughtError("thrown: a value that can't be shown")
    if line.startswith("InternalError: out of memory"):
        return OutOfMemory("the script used all its memory")
    if line.startswith("RangeError: Maximum call stack size exceeded"):
        return StackOverflow("the script recursed too deep")
    return UncaughtError(line)


def _trapped(trap: Trap, machine: Machine, limits: Limits) -> Outcome:
    """What a trap means. Where all gas is charged, none of it hangs on the exact place of the trap."""
    match trap.trap_code:
        case TrapCode.OUT_OF_FUEL:
            reason: ProgramFailure = OutOfGas(f"the script used all its {limits.gas} gas")
        case TrapCode.INTERRUPT:
            return Abstained(f"the script ran longer than {limits.wall_seconds} s")
        case TrapCode.STACK_OVERFLOW:
            # How deep the native stack reaches is this machine's affair, so it can't be voted on.
            return Abstained("the engine reached the end of the native stack")
        case code:
            reason = EngineTrap(f"the engine stopped at {code.name if code else 'a trap without a name'}")
    return Failure(reason, limits.gas, machine.log_lines())
