"""Writes down what a world answers, and answers the same again.

Overview
    A run depends on its code, input, limits and context, and on what its world answers, in that order. So a world that
    gives the answers of a transcript makes the same run of it: same output, same gas. A replay trusts nothing in the
    transcript but uses all of it: each answer must be to what the run asks at this point.

Usage
    recording = Recording(world, context)
    outcome = await pool.run(code, input, limits, context, recording)
    root = transcript_root(recording.transcript)

    replaying = Replaying(transcript)
    context = replaying.context(derive_key=None)
    outcome = await pool.run(code, input, limits, context, replaying)
    replaying.finish()

Errors
    ReplayFailed
    ├── AskedDifferently   the run asks something else than the recorded one did
    ├── AskedTooMuch       the run waits for an answer, and there are no more
    ├── AskedTooLittle     the run has ended, and there are answers left
    └── NotKeyed           the run had a key, or had none, where the recorded one was the other way

Out of scope
    Comparing output and gas; that is whoever's who replays. Whether what came from outside was true.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from offchain.sandbox.base import Answer, Ask, Context, World
from pallets.primitives.transcript import Entry, Transcript, ask_hash
from pallets.primitives.worker import VERSION


class ReplayFailed(Exception):
    """A run isn't the one that the transcript is of."""


class AskedDifferently(ReplayFailed):
    """What the run asks at this point isn't what the recorded answer is to."""


class AskedTooMuch(ReplayFailed):
    """The recorded run got no further answers, this one waits for one."""


class AskedTooLittle(ReplayFailed):
    """The run ended before it was given all that was recorded."""


class NotKeyed(ReplayFailed):
    """Secrets derive from a key that must be given exactly where the recorded run had one."""


class Recording:
    """A world that answers what another one does, and keeps it.

    Once its answers have more than `answer_bytes` bytes, heads and bodies together, each is an error, as a run's own
    limit would have it: what a run isn't told has no place in its transcript.
    """

    def __init__(self, world: World, context: Context, answer_bytes: int | None = None) -> None:
        self._world, self._answer_bytes, self._answered = world, answer_bytes, 0
        self._asked: dict[int, bytes] = {}
        self.transcript = Transcript(VERSION, context.block_time_ms, context.seed, context.derive_key is not None, [])

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """As the other world's."""
        for ask in asks:
            self._asked[ask.id] = ask_hash(ask.op, ask.head, ask.body)
        answer = await self._world.turn(asks)
        self._answered += len(answer.head) + len(answer.body)
        if self._answer_bytes is not None and self._answered > self._answer_bytes:
            message = json.dumps({"error": f"this run may receive {self._answer_bytes} bytes"})
            answer = Answer(answer.id, False, message.encode(), now_ms=answer.now_ms)
        asked = self._asked.pop(answer.id)
        self.transcript.entries.append(Entry(answer.id, asked, answer.ok, answer.head, answer.body, answer.now_ms))
        return answer


class Replaying:
    """A world that gives the answers of a transcript."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._given = 0
        self._asked: dict[int, bytes] = {}
        self.emitted: list[Ask] = []
        """The parts of a streamed answer that were taken, in their order: what `emit` asks brought."""
        self._parts: dict[int, Ask] = {}

    def context(self, derive_key: bytes | None) -> Context:
        """What the recorded run was told. Raises `NotKeyed`."""
        recorded = self._transcript
        if recorded.keyed is not (derive_key is not None):
            had = "had a key that secrets derive from" if recorded.keyed else "had no key that secrets derive from"
            raise NotKeyed(f"the recorded run {had}: replay it the same way")
        return Context(block_time_ms=recorded.block_time_ms, seed=recorded.seed, derive_key=derive_key)

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """The next recorded answer. Raises `AskedDifferently`, `AskedTooMuch`."""
        for ask in asks:
            self._asked[ask.id] = ask_hash(ask.op, ask.head, ask.body)
            if ask.op == "emit":
                self._parts[ask.id] = ask
        if self._given == len(self._transcript.entries):
            raise AskedTooMuch(f"the run waits for an answer after the {self._given} that were recorded")
        entry = self._transcript.entries[self._given]
        if self._asked.pop(entry.id, None) != entry.ask:
            raise AskedDifferently(f"recorded answer {self._given} is to an ask {entry.id} that the run doesn't make")
        self._given += 1
        if entry.ok and entry.id in self._parts:
            self.emitted.append(self._parts[entry.id])
        return Answer(entry.id, entry.ok, entry.head, entry.body, entry.now_ms)

    def finish(self) -> None:
        """To be called when the run has ended. Raises `AskedTooLittle`."""
        left = len(self._transcript.entries) - self._given
        if left:
            raise AskedTooLittle(f"the run ended {left} recorded answers too early")
