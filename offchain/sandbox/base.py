"""What a sandbox is: a run's limits and context, and the outcomes a worker may sign or must abstain from.

Overview
    A sandbox executes one program on one input and returns an `Outcome`:

        Outcome
        ├── Success     the program's output; votes
        ├── Failure     the program is at fault, the same way on every worker; votes, and is charged
        └── Abstained   this worker could not say; never a vote

    A `Failure` carries one reason of this tree. Each has a `kind`, the word that stands in the job's output:

        ProgramFailure
        ├── InvalidCode      invalid-code       the program is not UTF-8, or no contract's module
        ├── InvalidInput     invalid-input      the input is not UTF-8, or no message to a contract
        ├── UncaughtError    uncaught-error     the program threw, or has a syntax error
        ├── StackOverflow    stack-overflow     the program recursed too deep
        ├── OutOfMemory      out-of-memory      the program wanted more than `Limits.memory_bytes`
        ├── OutOfGas         out-of-gas         the program wanted more than `Limits.gas`; charged in full
        ├── NoOutput         no-output          the program ended without a usable output
        ├── OutputTooLarge   output-too-large   the output exceeds `Limits.output_bytes`
        ├── EngineTrap       engine-trap        the program broke the engine inside its own memory
        └── ContractTrapped  contract-trapped   the contract panicked, or did what no contract may

    What a run wants of the world outside are `Ask`s, which a `World` answers in turns. The guest runs until it has
    nothing left to do; its new asks go to `World.turn`, and the one answer that comes back is settled in the guest. So
    the order of answers is all that the world decides: a world that gives the same answers again makes the same run.

    What goes wrong outside a run is raised:

        SandboxError
        ├── EngineMissing     the engine's Wasm file was not built
        ├── UntrustedCache    the directory of compiled code could be written by others
        ├── WrongAnswer       a world answered an ask that is not open
        ├── PoolFull          more runs are waiting than the pool admits
        └── SlotFailed        a worker slot's process could not be started

Out of scope
    Metering and isolation themselves: `javascript` for the engine, `pool` for the process around it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

MEBIBYTE = 1 << 20
PINNED_URL = "https://chain.fathom/"
"""Below it a run finds what its worker knows of the chain."""
MAX_CLOCK_MS = 1 << 43
"""A run's clock stays below it: the year 2248."""
MAX_MESSAGE_LENGTH = 1000
MAX_STACK_LENGTH = 4000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one run. All but the wall time are exact: every worker hits them at the same instruction.

    A run whose output is voted on uses the default memory, output and log bounds: they are part of the runtime id.
    """

    gas: int
    """Units of gas; 1 is one unit of wasmtime fuel, about a quarter of a nanosecond."""
    wall_seconds: float
    """Real time after which this worker gives up and abstains: a guard for liveness, never a result."""
    memory_bytes: int = 64 * MEBIBYTE
    """Linear memory, of which the idle engine takes about 1.5 MiB."""
    output_bytes: int = 65536
    log_bytes: int = 16384
    """Space for log lines, each with 4 bytes of its own; the rest is cut off."""
    asks: int = 0
    """How many asks a run with a world may make, sleeping included. Without a world there are none."""
    ask_bytes: int = 0
    """Heads and bodies of all asks together."""
    answer_bytes: int = 0
    """Heads and bodies of all answers together; what goes beyond is answered by an error in its place."""

    MIN_MEMORY: ClassVar[int] = 4 * MEBIBYTE
    MAX_MEMORY: ClassVar[int] = 1024 * MEBIBYTE
    MAX_ASKS: ClassVar[int] = 1 << 20

    def __post_init__(self) -> None:
        if not 0 <= self.gas < 1 << 63:
            raise ValueError(f"gas is {self.gas}: it must be from 0 to 2^63 - 1")
        if not 0 < self.wall_seconds <= 86_400:
            raise ValueError(f"wall_seconds is {self.wall_seconds}: it must be above 0 and at most a day")
        if not self.MIN_MEMORY <= self.memory_bytes <= self.MAX_MEMORY:
            raise ValueError(f"memory_bytes is {self.memory_bytes}: it must be from 4 MiB to 1 GiB")
        if not 0 <= self.output_bytes <= 16 * MEBIBYTE or not 0 <= self.log_bytes <= MEBIBYTE:
            raise ValueError("output_bytes must be at most 16 MiB and log_bytes at most 1 MiB")
        if not 0 <= self.asks <= self.MAX_ASKS:
            raise ValueError(f"asks is {self.asks}: it must be from 0 to {self.MAX_ASKS}")
        if not 0 <= self.ask_bytes <= 1024 * MEBIBYTE or not 0 <= self.answer_bytes <= 1024 * MEBIBYTE:
            raise ValueError("ask_bytes and answer_bytes must be at most 1 GiB")


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a run is told of the world: the same for every worker of an attempt."""

    block_time_ms: int
    """The program's clock at the start, in milliseconds since 1970.

    It moves with the world's answers alone, or, without a world, on to the time at which the next timer is due.
    """
    seed: bytes
    """Where `Math.random` and `crypto.getRandomValues` start; any bytes, 64 at most."""
    derive_key: bytes | None = None
    """32 bytes from which the program's own secrets are derived, each by a salt; it never sees the key itself.

    Whoever makes it binds it to the agent or the code. None: the program has no secrets, and asking for one throws.
    """
    pinned: bool = False
    """Whether the world, if there is one, has what is below `PINNED_URL` alone, and answers in no time.

    All else is as without a world: other asks fail, and the clock moves on to the next timer.
    """

    def __post_init__(self) -> None:
        if not 0 <= self.block_time_ms < MAX_CLOCK_MS:
            raise ValueError(f"block_time_ms is {self.block_time_ms}: it must be from 0 to 2^43 - 1")
        if len(self.seed) > 64:
            raise ValueError(f"the seed has {len(self.seed)} bytes: at most 64 are taken")
        if self.derive_key is not None and len(self.derive_key) != 32:
            raise ValueError(f"derive_key has {len(self.derive_key)} bytes, not 32")


Operation = Literal["fetch", "read", "cancel", "sleep", "emit"]
OPERATIONS: tuple[Operation, ...] = ("fetch", "read", "cancel", "sleep", "emit")


@dataclass(frozen=True)
class Ask:
    """What a run asks of the world outside.

    Heads are JSON objects in UTF-8, bodies any bytes. They, and the heads of answers, are:

        fetch    {"method", "url", "headers": [[name, value]], "redirect": "follow" | "manual" | "error", "timeout_ms"?}
                 and the request's body -> {"status", "status_text", "headers": [[name, value]], "url", "redirected",
                 "stream": number or null}; with a null stream the answer's body is the whole body, else it is read.
                 With "timeout_ms", a time for the whole exchange, the stream is always null
        read     {"stream"} -> {"done": boolean} and the next part as body
        cancel   {"stream"}, or {"fetch": the ask's id}, answered or not -> {}
        sleep    {"until_ms"} -> {}, at that time of the run's clock or later
        emit     {"status", "headers": [[name, value]]} first, then {"chunk": true} with a body, last {"end": true}:
                 parts of an answer that the program streams -> {}

    An answer that is not `ok` has the head {"error": text, "reason": word}; the host's own have no reason.
    """

    id: int
    """Counts from 0 within a run."""
    op: Operation
    head: bytes
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What the world answers to one ask."""

    id: int
    ok: bool
    head: bytes
    body: bytes = b""
    now_ms: int = 0
    """The run's clock from here on, in milliseconds since 1970; it never goes back, whatever this says.

    Below `MAX_CLOCK_MS`.
    """


class World(Protocol):
    """All that a run can reach of the outside. Serves one run."""

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """Begin `asks`, of which there may be none, then wait for one of all that are open, and answer it.

        What it raises ends the run, and is raised to whoever started it.
        """


class ProgramFailure(Exception):
    """The program is at fault, and every worker that runs it finds the same."""

    kind: ClassVar[str]

    def __init__(self, message: str, stack: str = "") -> None:
        self.message = message[:MAX_MESSAGE_LENGTH]
        self.stack = stack[:MAX_STACK_LENGTH]
        """What was thrown and from where, a line for each call; empty where nothing was thrown. Not voted on."""
        super().__init__(self.message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProgramFailure) and (self.kind, self.message) == (other.kind, other.message)

    def __hash__(self) -> int:
        return hash((self.kind, self.message))


class InvalidCode(ProgramFailure):
    """The program is not valid UTF-8; or it is Wasm, and no contract that may run."""

    kind = "invalid-code"


class InvalidInput(ProgramFailure):
    """The input is not valid UTF-8, so that no string can be made of it; or no message that the contract takes."""

    kind = "invalid-input"


class UncaughtError(ProgramFailure):
    """The program threw what nothing caught, or did not parse."""

    kind = "uncaught-error"


class StackOverflow(ProgramFailure):
    """The program recursed deeper than the engine's stack."""

    kind = "stack-overflow"


class OutOfMemory(ProgramFailure):
    """The program wanted more memory than its limit, and did not catch the engine's refusal."""

    kind = "out-of-memory"


class OutOfGas(ProgramFailure):
    """The program wanted more gas than its limit; no program can catch this, and all gas is charged."""

    kind = "out-of-gas"


class NoOutput(ProgramFailure):
    """The program ended and left no output, or one of a type that has no bytes."""

    kind = "no-output"


class OutputTooLarge(ProgramFailure):
    """The program's output is longer than its limit."""

    kind = "output-too-large"


class EngineTrap(ProgramFailure):
    """The program drove the engine into a trap. The engine's memory is the program's own: nobody else is hurt."""

    kind = "engine-trap"


class ContractTrapped(ProgramFailure):
    """A contract panicked, or did what no contract may; all that it did is undone."""

    kind = "contract-trapped"


REASONS: dict[str, type[ProgramFailure]] = {
    reason.kind: reason
    for reason in (
        InvalidCode,
        InvalidInput,
        UncaughtError,
        StackOverflow,
        OutOfMemory,
        OutOfGas,
        NoOutput,
        OutputTooLarge,
        EngineTrap,
        ContractTrapped,
    )
}


@dataclass(frozen=True)
class Success:
    """The program left an output."""

    output: bytes
    gas: int
    logs: tuple[str, ...] = ()
    kind: Literal["text", "bytes"] = "text"
    """Whether the program's output was a string, or bytes. What a `Response` comes to: see `host_calls`."""


@dataclass(frozen=True)
class Failure:
    """The program failed in a way that every worker reproduces: output and gas are voted on like a success's."""

    reason: ProgramFailure
    gas: int
    logs: tuple[str, ...] = ()
    output: bytes = field(init=False)
    """The job's output: compact JSON `{"error": kind, "message": text}` in UTF-8, so that the requester learns why.

    A program may print the same bytes itself. The chain knows only outputs, and draws no line between the two.
    """

    def __post_init__(self) -> None:
        body = {"error": self.reason.kind, "message": self.reason.message}
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        object.__setattr__(self, "output", text.encode())


@dataclass(frozen=True)
class Abstained:
    """This worker has no result: its time was up or its process died. Says nothing about the program."""

    reason: str


Outcome = Success | Failure | Abstained


Outside = Callable[[Sequence[Ask]], Answer]
"""`World.turn` as a plain function, for those who stand next to the engine."""


class Sandbox(Protocol):
    """Runs programs one at a time, each in a world of its own that ends with the run."""

    @property
    def runtime_id(self) -> bytes:
        """32 bytes that name engine, prelude and configuration: equal ids mean equal outputs and gas."""

    def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Outside | None = None
    ) -> Outcome:
        """Execute `code` on `input`. Never raises for anything the program does; what `outside` raises is raised."""


class SandboxError(Exception):
    """A sandbox can't do its work, whatever the program."""


class EngineMissing(SandboxError):
    """The engine's Wasm file is not where the package expects it."""


class UntrustedCache(SandboxError):
    """The cache of compiled code is not ours alone. It holds native code: whoever writes there runs as us."""


class WrongAnswer(SandboxError):
    """A world answered what it was not asked, or twice, or at a time that no clock shows.

    There is no run that this could belong to.
    """


class PoolFull(SandboxError):
    """Every slot is busy and as many runs are waiting as the pool admits: try later, or elsewhere."""


class SlotFailed(SandboxError):
    """A slot's process could not be started, or is not the runtime that the pool serves."""
