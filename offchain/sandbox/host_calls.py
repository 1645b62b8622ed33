"""The engine's imports, and with them all that a guest can reach: the border between prelude and host.

Overview
    The prelude is one JavaScript function, `(host) => doors`: the files `prelude/*.js` in the order of their names are
    its body, the last one returns the doors. `host` is for the prelude alone; no script may ever hold it.

    What the prelude calls, on `host`:

        call(name, ...arguments) -> Uint8Array | string
            A function of `pure_ops.OPS`. Arguments are strings (taken as UTF-8), Uint8Arrays or ArrayBuffers. Throws
            an Error with the message of the function's BadArgument. A Uint8Array's buffer is new and its own.
        ask(op, head, body?) -> number
            Asks the world: `op` and `head` (JSON) are strings as in `base.Ask`, `body` a Uint8Array. The number is the
            ask's id, under which the answer comes later through the door `settle`. Throws an Error where there is no
            world, where `Limits` leave no more asks, and while a handler program is evaluated.
        wait(id) -> [ok, head, body]
            Stands still until this ask is answered, which then never comes through `settle`. `head` is a string,
            `body` a Uint8Array. Answers to other asks that come meanwhile are settled later, in their order. Several
            asks that are begun first and waited for one after the other run side by side.
        load(name) -> function
            One of the prelude's late parts: see `identity.LATE`.

    What the host calls, the doors:

        prepare(logBytes, s0, s1, s2, s3) -> ArrayBuffer
            First of all: make the log's buffer, of logBytes + 8, and seed `Math.random` with four u32. What follows is
            evaluated under a clock that shows 0.
        start(input, hasWorld, s0, s1, s2, s3)
            A run begins, from a snapshot or not: set `scriptArgs`, seed again. `hasWorld` is false of a pinned world,
            which takes no parts of answers. From here on the clock shows the run's
            time. A plain script is evaluated after this.
        handle()
            Instead of evaluating, for a handler program: call `globalThis.agent` with the input, and keep what it
            gives for `finish`.
        settle(id, ok, head, body)
            An answer to an ask; as in `wait`. Must not throw for an id that nobody waits for any more.
        due() -> number
            When the next timer is due, in milliseconds of the run's clock; Infinity without one.
        tick()
            Run one timer, the first that is due. What its callback throws fails the run.
        finish() -> string | Uint8Array | ArrayBuffer | undefined | any other
            The output, once there is one; undefined as long as there may still be one. Called each time that the guest
            has nothing left to do. Throws what the program failed with. Anything else is a failure by its type's name.
            A `Response` becomes the JSON text {"status", "headers": {name: value or [value]}, "body"} if its body is
            UTF-8, otherwise the msgpack of the same with bytes as body; a body that is a stream goes out by `emit`
            where there is a world, and the output is then the empty string.
        describe(thrown) -> string
            One line for what was thrown, and where; also puts stack and line into the log.
        stack(thrown) -> string
            What was thrown and the whole stack under it, as engines print it; empty if it is no Error.
        typeName(value) -> string
            As in "scriptOutput is a number".

    The order of a run: prepare, [evaluate | parse], (the snapshot is taken here,) start, [handle | evaluate], then in
    turns: promise jobs until none is left, finish; if that gave undefined, settle or tick, and round again. A run whose
    output is settled ends at once: open asks and timers are dropped.

    Gas: every call from the guest costs `identity.HOST_CALL_GAS`, and `BYTE_GAS` for each byte of an ask and an answer;
    a pure function costs what its `PureOp` says instead. A door costs what the guest does in it.
"""

from __future__ import annotations

import json
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from offchain.sandbox.base import (
    MAX_CLOCK_MS,
    OPERATIONS,
    PINNED_URL,
    Answer,
    Ask,
    Context,
    Limits,
    Outside,
    WrongAnswer,
)
from offchain.sandbox.identity import ASK_BYTE_GAS, HOST_CALL_GAS, LOADED_BYTE_GAS
from offchain.sandbox.op_arguments import BadArgument
from offchain.sandbox.pure_ops import FAILED, OPS, Given
from offchain.sandbox.quickjs import Machine, Thrown
from offchain.sandbox.wasm import Instance, Slots

MAX_REJECTIONS = 256
"""Notices of rejected promises that are kept: they only serve to explain a missing output."""

_NO_WORLD = "this run has no world outside: only jobs that record one, and requests, may ask it"
_EVALUATING = "the world can't be asked while the agent is evaluated: ask from its handler"


class Rejection(NamedTuple):
    """A promise was rejected with nobody listening, or (`handled`) somebody listened late. Handles."""

    promise: int
    reason: int
    handled: bool


class Refused(Exception):
    """A host function refuses; the message is that of the Error that it throws in the guest."""


def _is_pinned(op: str, head: bytes) -> bool:
    """Whether a world of the chain alone answers an ask."""
    try:
        found = json.loads(head)
    except ValueError:
        return False
    url = found.get("url") if isinstance(found, dict) else None
    return op == "fetch" and isinstance(url, str) and url.startswith(PINNED_URL)


@dataclass
class Session:
    """What the host knows of one run: made for its evaluation, opened by `begin` once its own time starts."""

    limits: Limits
    seed: bytes
    clock_ms: int = 0
    key: bytes | None = None
    outside: Outside | None = None
    refusal: str = _EVALUATING
    pinned: bool = False
    rejections: list[Rejection] = field(default_factory=list)
    arrived: deque[Answer] = field(default_factory=deque)
    """Answers that came while the guest stood still for another."""
    _new: list[Ask] = field(default_factory=list)
    _open: dict[int, int | None] = field(default_factory=dict)
    """Asks without an answer; of the host's own, that wait for a timer, until when."""
    _asks: int = 0
    _ask_bytes: int = 0
    _answer_bytes: int = 0

    def begin(self, context: Context, outside: Outside | None) -> None:
        """The run's own time starts: what was evaluated before was the same for every run."""
        self.seed = blake2b(context.seed, digest_size=32).digest()
        self.clock_ms, self.key, self.outside = context.block_time_ms, context.derive_key, outside
        self.refusal, self.pinned = _NO_WORLD, context.pinned

    @property
    def waiting(self) -> bool:
        """Whether an answer can still come."""
        return bool(self._open)

    def is_open(self, id: float) -> bool:
        """Whether the guest waits for an answer to this ask."""
        return id in self._open and self._open[int(id)] is None

    def ask(self, op: str, head: bytes, body: bytes, until: int | None = None) -> int:
        """Ask with the next turn; the ask's id. Raises `Refused`."""
        if self.outside is None or (self.pinned and not _is_pinned(op, head)):
            raise Refused(self.refusal)
        known = next((known for known in OPERATIONS if known == op), None)
        if known is None:
            raise Refused(f"the world does not know {op[:100]}")
        if self._asks >= self.limits.asks:
            raise Refused(f"this run may ask the world {self.limits.asks} times")
        self._ask_bytes += len(head) + len(body)
        if self._ask_bytes > self.limits.ask_bytes:
            raise Refused(f"this run may send {self.limits.ask_bytes} bytes")
        id = self._asks
        self._asks += 1
        self._new.append(Ask(id, known, head, body))
        self._open[id] = until
        return id

    def sleep(self, until_ms: int) -> None:
        """Have the world answer by `until_ms` of the run's clock at the latest."""
        if all(until is None or until > until_ms for until in self._open.values()):
            self.ask("sleep", json.dumps({"until_ms": until_ms}, separators=(",", ":")).encode(), b"", until_ms)

    def turn(self) -> Answer | None:
        """Let the world answer once; None if it only woke the run up."""
        assert self.outside is not None, "only a world can be waited for"
        asks, self._new = tuple(self._new), []
        answer = self.outside(asks)
        if answer.id not in self._open:
            raise WrongAnswer(f"the world answered ask {answer.id}, which is not open")
        if answer.now_ms >= MAX_CLOCK_MS:
            raise WrongAnswer(f"the world answered at {answer.now_ms} ms, which is beyond a run's clock")
        until = self._open.pop(answer.id)
        self.clock_ms = max(self.clock_ms, answer.now_ms, until or 0)
        if until is not None:
            return None
        self._answer_bytes += len(answer.head) + len(answer.body)
        if self._answer_bytes > self.limits.answer_bytes:
            message = json.dumps({"error": f"this run may receive {self.limits.answer_bytes} bytes"})
            return Answer(answer.id, False, message.encode())
        return answer


class Host:
    """The engine's imports. They serve the machine that entered last; each call is charged."""

    def __init__(self) -> None:
        self._instance: Instance | None = None
        self._machine: Machine | None = None
        self._session: Session | None = None
        self.imports: dict[str, Callable[[Slots], None]] = {
            "clock_time_get": self._clock_time_get,
            "random_get": self._random_get,
            "host_get_timezone_offset": self._timezone_offset,
            "host_promise_rejection": self._promise_rejection,
            "host_call": self._host_call,
        }
        self.late: dict[str, bytes] = {}
        """Bytecode of the prelude's late parts."""
        self._functions: dict[bytes, Callable[..., int]] = {
            b"call": self._call,
            b"ask": self._ask,
            b"wait": self._wait,
            b"load": self._load,
        }

    def boot(self, instance: Instance) -> None:
        """Serve an engine that has not started yet."""
        self._instance = instance

    def enter(self, machine: Machine, session: Session) -> None:
        """Serve `machine` from now on."""
        self._instance, self._machine, self._session = machine.instance, machine, session

    def leave(self) -> None:
        """Serve nobody, and keep nothing of who was served."""
        self._instance = self._machine = self._session = None

    def _charged(self) -> Instance:
        assert self._instance is not None, "an instance runs only after it entered"
        self._instance.burn(HOST_CALL_GAS)
        return self._instance

    def _clock_time_get(self, slots: Slots) -> None:
        now = self._session.clock_ms if self._session else 0
        self._charged().write(slots[2].i32, struct.pack("<Q", now * 1_000_000))
        slots[0].i32 = 0

    def _random_get(self, slots: Slots) -> None:
        # Asked once, while the engine's C library starts, and so the same for every run. Scripts never get here.
        self._charged().write(slots[0].i32, bytes(slots[1].i32))
        slots[0].i32 = 0

    def _timezone_offset(self, slots: Slots) -> None:
        self._charged()
        slots[0].i32 = 0

    def _promise_rejection(self, slots: Slots) -> None:
        self._charged()
        if self._session is not None and len(self._session.rejections) < MAX_REJECTIONS:
            self._session.rejections.append(Rejection(slots[0].i32, slots[1].i32, slots[2].i32 != 0))

    def _host_call(self, slots: Slots) -> None:
        name_at, name_length, count, values_at = slots[0].i32, slots[1].i32, slots[3].i32, slots[4].i32
        instance = self._charged()
        machine, session = self._machine, self._session
        if machine is None or session is None:
            raise RuntimeError("the prelude may not call the host while it is evaluated")
        serve = self._functions[instance.read(name_at, name_length)]
        try:
            made = serve(machine, session, *machine.handles(values_at, count))
        except Refused as refused:
            machine.throw(str(refused))
            made = 0
        except Thrown as thrown:
            machine.instance.call("qjs_throw", thrown.value)
            made = 0
        slots[0].i32 = made

    def _call(self, machine: Machine, session: Session, name: int, *values: int) -> int:
        op = OPS.get(machine.text_of(name))
        if op is None:
            raise Refused("the host has no such function")
        arguments = [self._bytes_of(machine, value) for value in values]
        machine.instance.burn(op.gas + op.byte_gas * sum(map(len, arguments)))
        if machine.instance.fuel == 0:  # not even begun
            return machine.undefined()
        if op.given is Given.KEY:
            if session.key is None:
                raise Refused("this run has no key that secrets could be derived from")
            arguments.insert(0, session.key)
        elif op.given is Given.SEED:
            arguments.insert(0, session.seed)
        try:
            result = op.run(*arguments)
        except BadArgument as error:
            raise Refused(str(error)) from None
        except ValueError:
            raise Refused(FAILED) from None
        machine.instance.burn(op.byte_gas * len(result))
        return machine.string(result) if op.text else machine.uint8_array(result)

    def _load(self, machine: Machine, session: Session, name: int) -> int:
        bytecode = self.late[machine.text_of(name)]
        machine.instance.burn(LOADED_BYTE_GAS * len(bytecode))
        return machine.evaluate_bytecode(bytecode)

    def _ask(self, machine: Machine, session: Session, op: int, head: int, body: int | None = None) -> int:
        content = b"" if body is None or machine.is_undefined(body) else self._bytes_of(machine, body)
        head_bytes = machine.utf8_of(head)
        machine.instance.burn(ASK_BYTE_GAS * (len(head_bytes) + len(content)))
        return machine.number(session.ask(machine.text_of(op), head_bytes, content))

    def _wait(self, machine: Machine, session: Session, id: int) -> int:
        wanted = machine.float_of(id)
        if machine.instance.fuel == 0:
            return machine.undefined()
        for answer in session.arrived:
            if answer.id == wanted:
                session.arrived.remove(answer)
                break
        else:
            answer = self._answer_to(session, wanted)
        self.charge_answer(machine, answer)
        parts = machine.boolean(answer.ok), machine.string(answer.head), machine.uint8_array(answer.body)
        return machine.array(*parts)

    def _answer_to(self, session: Session, wanted: float) -> Answer:
        if not session.is_open(wanted):
            raise Refused("there is no such ask to wait for")
        while True:
            answer = session.turn()
            if answer is not None and answer.id == wanted:
                return answer
            if answer is not None:
                session.arrived.append(answer)

    def charge_answer(self, machine: Machine, answer: Answer) -> None:
        """Burn what it costs to take an answer in."""
        machine.instance.burn(HOST_CALL_GAS + ASK_BYTE_GAS * (len(answer.head) + len(answer.body)))

    def _bytes_of(self, machine: Machine, value: int) -> bytes:
        if machine.is_a("string", value):
            return machine.utf8_of(value)
        if machine.is_a("array_buffer", value) or machine.is_uint8_array(value):
            return machine.bytes_of(value)
        raise Refused("the host takes strings, Uint8Arrays and ArrayBuffers")
