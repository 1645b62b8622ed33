"""One model in a process of its own: started when it is first needed, killed and replaced when it fails.

Overview
    A bounded queue of requests, answered one after the other. The parts of an answer are taken from the process as
    fast as it makes them, so that who reads slowly holds up nobody. A request that nobody listens to any more is
    cancelled in the process, or left out if its turn hasn't come. A process that dies, hangs or talks nonsense costs
    the request that it had, and is replaced for the next.

Usage
    process = ModelProcess("chat", Patience())
    nursery.start_soon(process.run)
    answer = process.ask({"messages": …})
    weights = await answer.begun()
    async for part in answer: ...
    answer.end

Errors
    `Overloaded`, `ModelTimedOut`, `ModelFailed`, and `InvalidRequest` where the model itself refuses.

Out of scope
    What a request says: `smollm`, `minilm`. What the process does: `model_program`.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson
import trio

from offchain.ai.provider import AiError, InvalidRequest, JsonObject, ModelFailed, ModelTimedOut, Overloaded

MAX_LINE = 1 << 20
MAX_ANSWER = 16 << 20
"""Bytes of all parts of one answer; a model's bounds keep an honest one far below."""

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_PASSED_ON = ("LD_LIBRARY_PATH",)
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

log = logging.getLogger("offchain.ai")


@dataclass(frozen=True)
class Patience:
    """How many wait and how long for what. Times in seconds, for a busy machine."""

    waiting: int = 16
    start: float = 120.0
    silence: float = 60.0
    """Between two signs of life: a piece of an answer, or of the prompt read."""
    answer: float = 600.0
    """The whole of an answer, without its time in the queue."""
    idle: float = 600.0
    """Without a request, after which the process ends and gives its memory back."""


class Answer:
    """An answer as it comes: iterate over its parts. `close` says that nobody wants the rest."""

    def __init__(self, request: JsonObject) -> None:
        self.request = request
        self.end: JsonObject = {}
        """What the model said at the end."""
        self._weights = b""
        self._send, self._parts = trio.open_memory_channel[JsonObject](math.inf)  # bounded by MAX_ANSWER
        self._begun = trio.Event()
        self._failure: AiError | None = None
        self.unwanted = trio.Event()

    async def begun(self) -> bytes:
        """Waits until the model takes the request; the hash of its weights. Raises `AiError` where it fails first."""
        await self._begun.wait()
        if self._failure is not None and not self.started:
            raise self._failure
        return self._weights

    @property
    def started(self) -> bool:
        """Whether the model has taken it."""
        return bool(self._weights)

    def close(self) -> None:
        """Nobody wants the rest."""
        self.unwanted.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> JsonObject:
        try:
            return await self._parts.receive()
        except trio.EndOfChannel:
            if self._failure is not None:
                raise self._failure from None
            raise StopAsyncIteration from None

    def begin(self, weights: bytes) -> None:
        """For the process: it takes this request now."""
        self._weights = weights
        self._begun.set()

    def put(self, part: JsonObject) -> None:
        """For the process: one more part."""
        self._send.send_nowait(part)

    def finish(self, failure: AiError | None = None) -> None:
        """For the process: that was all, or it failed."""
        self._failure = failure
        self._begun.set()
        self._send.close()


class ModelProcess:
    """A model's queue and its process, which lives while `run` does."""

    def __init__(self, model: str, patience: Patience) -> None:
        self._command = [sys.executable, "-P", "-m", "offchain.ai.model_program", model]
        self._model = model
        self._patience = patience
        self._queue, self._next = trio.open_memory_channel[Answer](patience.waiting)
        self._process: trio.Process | None = None
        self._weights = b""
        self._unread = bytearray()
        self._number = 0

    @property
    def pid(self) -> int | None:
        """Process id, while there is a process."""
        return self._process.pid if self._process else None

    def ask(self, request: JsonObject) -> Answer:
        """Put a request into the queue. Raises `Overloaded`."""
        answer = Answer(request)
        try:
            self._queue.send_nowait(answer)
        except trio.WouldBlock:
            raise Overloaded(
                f"The model is busy, and {self._patience.waiting} requests wait for it already; try again later."
            ) from None
        return answer

    async def run(self, early: bool = False) -> None:
        """Answer requests until cancelled; with `early` the process is started at once. Raises nothing else."""
        try:
            if early:
                try:
                    await self._ready()
                except AiError as error:
                    log.warning("the embedded model for %s didn't start, and is tried again: %s", self._model, error)
                    await self._end()
            while True:
                answer: Answer | None = None
                with trio.move_on_after(self._patience.idle):
                    answer = await self._next.receive()
                if answer is None:
                    await self._end()
                elif not answer.unwanted.is_set():
                    await self._serve(answer)
        finally:
            await self._end()

    async def _serve(self, answer: Answer) -> None:
        failure: AiError | None = ModelFailed("The model's process was stopped.")
        try:
            await self._ready()
            answer.begin(self._weights)
            await self._converse(answer)
            failure = None
        except InvalidRequest as refusal:
            failure = refusal
        except AiError as error:
            failure = error
            log.warning("the embedded model for %s failed and is replaced: %s", self._model, error)
            await self._end()
        finally:
            answer.finish(failure)

    async def _ready(self) -> None:
        """Have a process that is ready. Raises `ModelFailed` and `ModelTimedOut`."""
        if self._process is not None and self._process.poll() is None:
            return
        await self._end()
        try:
            self._process = await trio.lowlevel.open_process(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_ONE_THREAD
                | {"PYTHONPATH": str(_PACKAGE_ROOT)}
                | {name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                cwd="/",
                start_new_session=True,  # an interrupt at the terminal is the parent's to handle
            )
        except OSError as error:
            raise ModelFailed(f"The model's process can't be started: {error}") from error
        hello: JsonObject = {}
        with trio.move_on_after(self._patience.start):
            hello = await self._receive()
        match hello:
            case {"ready": str(weights)}:
                self._weights = bytes.fromhex(weights.removeprefix("0x"))
            case {"failed": str(reason)}:
                raise ModelFailed(f"The model can't be loaded: {reason}")
            case _:
                raise ModelTimedOut(f"The model wasn't loaded within {self._patience.start:g} s.")

    async def _converse(self, answer: Answer) -> None:
        """One request and its answer. Raises `AiError`."""
        self._number += 1
        await self._write({"id": self._number, "request": answer.request})
        failure: AiError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._cancel_if_unwanted, answer, self._number)
            try:
                await self._hear_out(answer)
            except AiError as error:  # a nursery would make a group of it
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _hear_out(self, answer: Answer) -> None:
        deadline = trio.current_time() + self._patience.answer
        size = 0
        while True:
            silence = trio.current_time() + self._patience.silence
            with trio.CancelScope(deadline=min(silence, deadline)) as scope:
                message = await self._receive()
            if scope.cancelled_caught:
                raise ModelTimedOut("The model took too long, and was stopped.")
            match message:
                case {"id": self._number, "part": dict(part)} if (size := size + len(str(part))) <= MAX_ANSWER:
                    answer.put(part)
                case {"id": self._number, "end": dict(end)}:
                    answer.end = end
                    return
                case {"id": self._number, "refused": {"message": str(reason), "param": param, "code": code}}:
                    raise InvalidRequest(reason, param, code)
                case _:
                    raise ModelFailed("The model's process talks nonsense.")

    async def _cancel_if_unwanted(self, answer: Answer, number: int) -> None:
        await answer.unwanted.wait()
        with suppress(ModelFailed):  # whoever hears the answer out notices
            await self._write({"cancel": number})

    async def _write(self, message: JsonObject) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            with trio.fail_after(self._patience.silence):
                await self._process.stdin.send_all(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            raise ModelFailed("The model's process has ended.") from error

    async def _receive(self) -> JsonObject:
        """The next line. Raises `ModelFailed`."""
        assert self._process is not None and self._process.stdout is not None
        while (end := self._unread.find(b"\n")) < 0:
            if len(self._unread) > MAX_LINE:
                raise ModelFailed("The model's process talks nonsense.")
            content = await self._process.stdout.receive_some()
            if not content:
                raise ModelFailed("The model's process has ended.")
            self._unread += content
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ModelFailed("The model's process talks nonsense.") from error
        if not isinstance(message, dict):
            raise ModelFailed("The model's process talks nonsense.")
        return message

    async def _end(self) -> None:
        """Kill the process, if there is one, and see it gone."""
        process, self._process = self._process, None
        self._unread.clear()
        if process is not None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
                assert process.stdin is not None and process.stdout is not None
                await process.stdin.aclose()
                await process.stdout.aclose()
