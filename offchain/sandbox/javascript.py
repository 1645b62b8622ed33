"""JavaScript programs on QuickJS-ng, compiled to Wasm and run by wasmtime under exact metering.

Overview
    A program is a plain script, or a handler program. A script finds its input in `globalThis.scriptArgs[0]` (a string)
    and leaves its output in `globalThis.scriptOutput`: a string (taken as UTF-8), a Uint8Array, an ArrayBuffer, a
    Response, or a promise of one of these. A function that it leaves in `module.exports` is called for that. Of a
    script that leaves nothing, a string or bytes that its last expression came to are the output. A handler program
    begins with the directive 'use agent' and leaves `globalThis.agent`, a function or an object with `fetch`, which is
    called with the input.

    Every run gets a fresh instance, restored from an image of the engine's memory: as it was just after a script was
    parsed, or a handler program was evaluated (with no input, its clock at 0, `Math.random` seeded by its own hash).
    No run sees another's traces and none is cheaper for what ran before: parsing and evaluating are part of each
    run's gas, whether they were done this time or are remembered. Gas is wasmtime fuel; where a few instructions of
    the guest make the host work, a charge of `identity` is added.

    A run goes in turns. The guest runs until no promise job is left. If there is no output yet, then the next answer
    of the world is settled, or the next timer is run; and so on. Without a world, or in one that is pinned, the clock
    jumps to the next timer.

Usage
    sandbox = JavaScriptSandbox(cache=Path("..."))
    outcome = sandbox.run(code, input, Limits(gas=10**9, wall_seconds=5), Context(block_time_ms=0, seed=b""))

Out of scope
    What scripts find beside the language: the prelude. A process around the engine: `pool`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeVar

from wasmtime import Trap, TrapCode, WasmtimeError

from offchain.sandbox.base import (
    MAX_CLOCK_MS,
    Abstained,
    Answer,
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
    Outside,
    ProgramFailure,
    StackOverflow,
    Success,
    UncaughtError,
)
from offchain.sandbox.engine_thread import EngineThread
from offchain.sandbox.host_calls import Host, Refused, Rejection, Session
from offchain.sandbox.identity import JOB_GAS, engine_wasm, late_parts, prelude, runtime_id
from offchain.sandbox.image import Image, boot, compiled
from offchain.sandbox.programs import Program, ProgramKey, Programs, is_handler
from offchain.sandbox.quickjs import Machine, Thrown, TooLong
from offchain.sandbox.wasm import CorruptGuest, Instance, MeteredModule

_BOOT_GAS = 10**11
_BOOT_SECONDS = 60.0
_OUTCOME_MEMORY = 1 << 20
"""Beyond the program's limit, so that its error can still be described once its memory is full."""
_KEPT_PROGRAMS = 64 << 20

Made = TypeVar("Made")


class OutOfTime(Exception):
    """Raised by an `Outside` that waited past the run's wall time, or was told that nobody wants the run any more."""


class JavaScriptSandbox:
    """A `Sandbox` for scripts. Belongs to one thread; `close` it when done.

    Compiling the engine takes a second or more, and is skipped where `cache` (see `wasm.compile_module`) has it.
    """

    def __init__(self, cache: Path | None) -> None:
        self.runtime_id = runtime_id()
        self._host = Host()
        self._module = MeteredModule(engine_wasm(), cache, self._host.imports)
        self._programs = Programs(_KEPT_PROGRAMS)
        self.thread = EngineThread(self._module.interrupt)
        self._image = self.thread.run(self._boot, _BOOT_SECONDS)

    def close(self) -> None:
        """End the engine's thread."""
        self.thread.close()

    def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Outside | None = None
    ) -> Outcome:
        """Run the program `code` on `input`. Gas 0 if either is not UTF-8."""
        return self.thread.run(lambda: self.run_here(code, input, limits, context, outside), limits.wall_seconds)

    def run_here(
        self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Outside | None = None
    ) -> Outcome:
        """As `run`, but called on `thread`, and by somebody who watches over the wall time and calls `interrupt`."""
        if (at := _invalid_utf8(code)) is not None:
            return Failure(InvalidCode(f"the program is not UTF-8 from byte {at} on"), gas=0)
        if (at := _invalid_utf8(input)) is not None:
            return Failure(InvalidInput(f"the input is not UTF-8 from byte {at} on"), gas=0)
        return self._run(code, input, limits, context, outside)

    def interrupt(self) -> None:
        """Make the run that goes on an abstention. From any thread; without effect on a later run."""
        self._module.interrupt()

    def _boot(self) -> Image:
        bytecode = self._in_a_new_engine(lambda instance: compiled(instance, prelude()))
        for name, source in late_parts().items():
            self._host.late[name] = self._in_a_new_engine(partial(compiled, source=source))
        return self._in_a_new_engine(lambda instance: boot(instance, bytecode))

    def _in_a_new_engine(self, work: Callable[[Instance], Made]) -> Made:
        instance = self._module.instantiate(Limits.memory_bytes, _BOOT_GAS)
        self._host.boot(instance)
        try:
            return work(instance)
        finally:
            self._host.leave()
            instance.close()

    def _run(self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Outside | None) -> Outcome:
        key = ProgramKey(blake2b(code, digest_size=32).digest(), limits.memory_bytes, limits.log_bytes)
        program = self._programs.find(key)
        instance = self._module.instantiate(limits.memory_bytes, _BOOT_GAS, self._image.size)
        try:
            machine = Machine(instance, self._image, program.difference if program else None)
            session = Session(limits, key.code_hash)
            self._host.enter(machine, session)
            run = _Run(machine, self._host, session, limits)
            try:
                machine.wake()
                instance.fuel = limits.gas
                if program is None:
                    program = run.prepare(code, key)
                    self._programs.keep(key, program)
                else:
                    run.resume(program)
                return run.finish(program, input, context, outside)
            except ProgramFailure as failure:
                reason = type(failure)(failure.message, failure.stack)  # without a traceback, which keeps all alive
                return run.failed(reason)
            except Trap as trap:
                return run.trapped(trap)
            except OutOfTime as error:
                return Abstained(str(error))
            except CorruptGuest as error:
                return run.failed(EngineTrap(str(error)), limits.gas)
            except WasmtimeError:  # its text shows this machine's settings
                return run.failed(EngineTrap("the engine called what it may not"), limits.gas)
        finally:
            self._host.leave()
            instance.close()


def _invalid_utf8(content: bytes) -> int | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


class _Run:
    """One run, in a machine of its own. What the program does wrong is raised as a `ProgramFailure`."""

    def __init__(self, machine: Machine, host: Host, session: Session, limits: Limits) -> None:
        self._machine = machine
        self._host = host
        self._session = session
        self._limits = limits
        self._log: tuple[int, int] | None = None
        self._value: int | None = None
        """What a script's last expression came to."""

    def prepare(self, code: bytes, key: ProgramKey) -> Program:
        """Bring the machine to where each run of the program starts."""
        machine = self._machine
        parsed = None
        try:
            self._log = machine.prepare(self._limits.log_bytes, key.code_hash[:16])
            if is_handler(code):
                machine.evaluate(code)
                machine.run_jobs()
            else:
                parsed = machine.parse(code)
        except Thrown as thrown:
            raise self._uncaught(thrown.value) from None
        return Program(machine.difference(), self._gas, parsed, self._log, tuple(self._session.rejections))

    def resume(self, program: Program) -> None:
        """Be as if the program had been prepared here."""
        self._machine.instance.burn(program.gas)
        self._log = program.log
        self._session.rejections.extend(program.rejections)

    def finish(self, program: Program, input: bytes, context: Context, outside: Outside | None) -> Success:
        """Run the program to its end."""
        try:
            self._start(program, input, context, outside)
            return self._success(self._output())
        except Thrown as thrown:
            raise self._uncaught(thrown.value) from None

    def failed(self, reason: ProgramFailure, gas: int | None = None) -> Failure:
        """The outcome of a run that failed; `gas` where that doesn't depend on where it did."""
        return Failure(reason, self._gas if gas is None else gas, self._machine.log_lines(self._log))

    def trapped(self, trap: Trap) -> Outcome:
        """What a trap means. Where all gas is charged, none of it hangs on the exact place of the trap."""
        limits = self._limits
        match trap.trap_code:
            case TrapCode.OUT_OF_FUEL:
                return self.failed(OutOfGas(f"the script used all its {limits.gas} gas"), limits.gas)
            case TrapCode.INTERRUPT:
                return Abstained(f"the script ran longer than {limits.wall_seconds} s")
            case TrapCode.STACK_OVERFLOW:
                # How deep the native stack reaches is this machine's affair, so it can't be voted on.
                return Abstained("the engine reached the end of the native stack")
            case code:
                name = code.name if code else "a trap without a name"
                return self.failed(EngineTrap(f"the engine stopped at {name}"), limits.gas)

    @property
    def _gas(self) -> int:
        return self._limits.gas - self._machine.instance.fuel

    def _start(self, program: Program, input: bytes, context: Context, outside: Outside | None) -> None:
        machine = self._machine
        self._session.begin(context, outside)
        has_world = outside is not None and not context.pinned
        machine.start(input, has_world, blake2b(context.seed, digest_size=16).digest())
        if program.parsed is None:
            machine.free(machine.door("handle"))
        else:
            self._value = machine.evaluate_parsed(program.parsed)

    def _output(self) -> int:
        machine = self._machine
        machine.run_jobs()
        while machine.is_undefined(output := machine.door("finish")):
            machine.free(output)
            machine.instance.burn(JOB_GAS)
            if not machine.run_jobs():
                if not self._go_on():
                    return self._last_value()
                machine.run_jobs()
        return output

    def _last_value(self) -> int:
        """The output of a script that set none: its last expression, if that can be one."""
        machine, value = self._machine, self._value
        if _unheard(machine, self._session.rejections) is None and value is not None and machine.is_content(value):
            return value
        raise self._no_output()

    def _go_on(self) -> bool:
        """Let the next thing happen, an answer or a timer; False where nothing can any more."""
        machine, session = self._machine, self._session
        if session.arrived:
            self._settle(session.arrived.popleft())
            return True
        due = machine.due()
        if due <= session.clock_ms:
            machine.free(machine.door("tick"))
            return True
        if MAX_CLOCK_MS <= due < math.inf:
            raise UncaughtError("RangeError: a timer is due at a time that the clock can't show")
        if due < math.inf and (session.outside is None or (session.pinned and not session.waiting)):
            session.clock_ms = math.ceil(due)
            return True
        try:
            if due < math.inf and not session.pinned:
                session.sleep(math.ceil(due))
        except Refused as refused:
            raise UncaughtError(f"Error: {refused}") from None
        if not session.waiting:
            return False
        if (answer := session.turn()) is not None:
            self._settle(answer)
        return True

    def _settle(self, answer: Answer) -> None:
        self._host.charge_answer(self._machine, answer)
        self._machine.settle(answer.id, answer.ok, answer.head, answer.body)

    def _success(self, value: int) -> Success:
        machine, limit = self._machine, self._limits.output_bytes
        try:
            if machine.is_a("string", value):
                return self._succeeded(machine.utf8_of(value, limit), "text")
            if machine.is_content(value):
                return self._succeeded(machine.bytes_of(value, limit), "bytes")
        except TooLong:
            raise OutputTooLarge(f"the output has more than {limit} bytes") from None
        found = machine.text_of(machine.door("typeName", value))
        raise NoOutput(f"scriptOutput is {found}: assign a string, a Uint8Array, an ArrayBuffer or a Response")

    def _succeeded(self, output: bytes, kind: Literal["text", "bytes"]) -> Success:
        return Success(output, self._gas, self._machine.log_lines(self._log), kind)

    def _no_output(self) -> ProgramFailure:
        reason = _unheard(self._machine, self._session.rejections)
        if reason is None:
            return NoOutput("the script ended and did not set scriptOutput")
        return self._uncaught(reason)

    def _uncaught(self, thrown: int) -> ProgramFailure:
        machine = self._machine
        machine.instance.limit_memory(self._limits.memory_bytes + _OUTCOME_MEMORY)
        if machine.is_a("null", thrown):  # what the engine throws once it has no room even for an error
            return OutOfMemory("the script used all its memory, or threw null")
        try:
            line = machine.text_of(machine.door("describe", thrown))
            stack = machine.text_of(machine.door("stack", thrown))
        except Thrown:
            return UncaughtError("thrown: a value that can't be shown")
        if line.startswith("InternalError: out of memory"):
            return OutOfMemory("the script used all its memory")
        if line.startswith("RangeError: Maximum call stack size exceeded"):
            return StackOverflow("the script recursed too deep", stack)
        return UncaughtError(line, stack)


def _unheard(machine: Machine, rejections: Iterable[Rejection]) -> int | None:
    """The reason of the first promise that was rejected and that nothing ever listened to."""
    reasons: dict[int, int] = {}
    for rejection in rejections:
        promise = machine.identity(rejection.promise)
        if rejection.handled:
            reasons.pop(promise, None)
        else:
            reasons[promise] = rejection.reason
    return next(iter(reasons.values()), None)
