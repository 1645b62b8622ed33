"""Seats of workers that break the rules: each mode of `misbehave` that is about jobs is a class of its own.

What they do differently is the run, the commit or the reveal; the rest is the honest worker's own.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import trio

from offchain import records
from offchain.assignments import SALT_BYTES, Assignments
from offchain.chain import refusal_of
from offchain.duty import Duty
from offchain.execution import Program, signed_output
from offchain.journal import SignedOutput
from offchain.outside_runs import Found
from offchain.rpc import CallFailed
from offchain.sandbox.base import Abstained, Failure, Success
from pallets.primitives.codec import codec_of
from pallets.primitives.job import NO_TRANSCRIPT, InlineOutput, Input, Word, commit_hash
from pallets.primitives.job_record import Job, Seat, Stage, Task
from pallets.primitives.scale import DecodeError

LOOK_SECONDS = 0.5
OVERTIME = 1_000
"""How late a commit is that is late, in milliseconds."""
BARE_REVEAL = bytes((4, records.JOBS, 2))
EXTRINSIC = codec_of(bytes)


class Misbehaviour(StrEnum):
    """What a worker does wrong."""

    LIE = "lie"
    LATE = "late"
    CRASH = "crash"
    COPY = "copy"
    NO_REVEAL = "no-reveal"
    OVERCHARGE = "overcharge"
    FORGE_QUOTE = "forge-quote"
    STALE_QUOTE = "stale-quote"
    DOUBLE_COMMIT = "double-commit"
    DOUBLE_RECEIPT = "double-receipt"
    WITHHOLD_RECEIPTS = "withhold-receipts"


class Misbehaved(Exception):
    """The worker ends because of what it was told to do wrong, or isn't allowed to do it here."""


def assignments_of(mode: Misbehaviour | None) -> type[Assignments]:
    """Who does a worker's jobs."""
    return Assignments if mode is None else SEATS.get(mode, Assignments)


class _Tried(Assignments):
    """Sends what the chain may refuse, and says so."""

    async def _try(self, call: bytes, what: str) -> str:
        """The name of the chain's refusal; empty if it takes the call, as far as the pool knows."""
        try:
            await self._chain.submit_bare(call)
        except CallFailed as error:
            reason = refusal_of(error)
            self._log.warning("MISBEHAVES: %s: refused, %s", what, reason)
            return reason
        self._log.warning("MISBEHAVES: %s: sent", what)
        return ""


class _Liar(Assignments):
    """Has another output than the honest ones, and the same as other liars."""

    async def _run(self, id: int, job: Job, program: Program) -> Found:
        outcome, root = await super()._run(id, job, program)
        if isinstance(outcome, Abstained):
            return Found(outcome, root)
        self._log.warning("MISBEHAVES: lies about the output of job %d", id)
        return Found(Success(b"not " + outcome.output, outcome.gas), root)


class _Overcharger(Assignments):
    """Claims twice the gas."""

    async def _run(self, id: int, job: Job, program: Program) -> Found:
        outcome, root = await super()._run(id, job, program)
        if isinstance(outcome, Abstained):
            return Found(outcome, root)
        self._log.warning("MISBEHAVES: claims gas %d of job %d in place of %d", 2 * outcome.gas, id, outcome.gas)
        return Found(replace(outcome, gas=2 * outcome.gas), root)


class _Withholder(Assignments):
    """Commits, and never reveals."""

    async def _reveal(self, duty: Duty, signed: SignedOutput) -> None:
        self._log.warning("MISBEHAVES: keeps the output of %s to itself", duty)


class _Crasher(Assignments):
    """Takes a job and is gone."""

    async def _work(self, duty: Duty) -> None:
        await self._say(duty, Word.Acknowledge)
        raise Misbehaved(f"MISBEHAVES: crashes with {duty}")


class _Equivocator(_Tried):
    """Commits to an output twice, with different salts."""

    async def _do(self, duty: Duty, signed: SignedOutput) -> None:
        if signed.salt and duty.task is not Task.Run:  # the first is in a block: the pool has room for another
            salt, key = self._entropy(SALT_BYTES), self._keys.worker_key
            second = commit_hash(signed.message, salt=salt, worker=key, attempt=duty.attempt)
            await self._try(self._commitment(duty, second), f"a second hash of {duty}")
        else:
            await super()._do(duty, signed)


class _Outlasting(_Tried):
    """Does things about jobs that the chain has taken from it."""

    async def run(self) -> None:
        """Works, also on what isn't assigned any more, until cancelled."""
        async with trio.open_nursery() as self._outlasting:
            self._outlasting.start_soon(super().run)


class _Latecomer(_Outlasting):
    """Commits when the time for that is up."""

    async def _commit(self, duty: Duty, signed: SignedOutput) -> None:
        self._outlasting.start_soon(self._commit_late, duty, signed)
        await self._say(duty, Word.Acknowledge)

    async def _commit_late(self, duty: Duty, signed: SignedOutput) -> None:
        job, now = await self._job_and_time(duty.job)
        until = now if job is None else job.commit_by + OVERTIME
        while now < until:
            await trio.sleep(LOOK_SECONDS)
            _, now = await self._job_and_time(duty.job)
        if signed.salt:
            call = self._commitment(duty, self._hash(duty, signed))
        else:
            fields = (duty.job, duty.attempt, signed.on_chain, signed.transcript_root, signed.gas)
            call = records.commit(*fields, self._keys.worker_key, signed.signature)
        await self._try(call, f"the late output of {duty}")


class _Copier(_Outlasting):
    """Runs nothing that others run as well.

    Of every other job it sends the hash that it sees first as its own; of those between it waits, without a hash, for
    what others reveal. In a later round, when outputs are known, it commits to the most frequent one.
    """

    async def _work(self, duty: Duty) -> None:
        job, _ = await self._job_and_time(duty.job)
        if job is None or not job.voted or job.tally():
            await super()._work(duty)
        elif duty.job % 2:
            self._outlasting.start_soon(self._copy_output, duty)
            await self._say(duty, Word.Acknowledge)
        else:
            await self._say(duty, Word.Acknowledge)
            await self._copy_hash(duty)

    async def _found(self, duty: Duty, job: Job, input: Input | None) -> tuple[Program, Success | Failure, bytes]:
        tally = job.tally()
        if not tally:
            return await super()._found(duty, job, input)
        (output, _, gas, _), _ = tally.most_common(1)[0]
        content = await self._chain.read(records.CANDIDATE, duty.job, output)
        self._log.warning("MISBEHAVES: takes the output of %s that most workers of earlier rounds have found", duty)
        return Program(b"", b""), Success(content or b"", gas), NO_TRANSCRIPT

    async def _copy_hash(self, duty: Duty) -> None:
        key = self._keys.worker_key
        other = await self._other_seat(duty)
        assert other.commitment is not None
        hash, signature = other.commitment.hash, other.commitment.signature
        theirs = records.commit_hash(duty.job, duty.attempt, hash, key, signature)
        await self._try(theirs, f"another's hash of {duty} under its signature")
        await self._try(self._commitment(duty, hash), f"another's hash of {duty}, signed anew")
        revealed = await self._first_reveal(duty)
        if revealed is None:
            return
        output, gas, salt, signature = revealed
        fields = (duty.job, duty.attempt, InlineOutput(output), NO_TRANSCRIPT, gas, salt, key)
        await self._try(records.reveal(*fields, signature), f"another's output of {duty} under its signature")
        signed = await self._copied(duty, output, gas, salt)
        await self._try(records.reveal(*fields, signed.signature), f"another's output of {duty}, signed anew")

    async def _copy_output(self, duty: Duty) -> None:
        """Waits for the others' outputs without a hash of its own."""
        revealed = await self._first_reveal(duty)
        if revealed is not None:
            output, gas, _, _ = revealed
            signed = await self._copied(duty, output, gas, self._entropy(SALT_BYTES))
            await self._try(self._commitment(duty, self._hash(duty, signed)), f"the hash of another's output of {duty}")

    async def _copied(self, duty: Duty, output: bytes, gas: int, salt: bytes) -> SignedOutput:
        job = (await self._job_and_time(duty.job))[0]
        assert job is not None
        genesis, program, found = self._chain.genesis, Program(b"", b""), Success(output, gas)
        runtime_id = self._pool.runtime_id
        return signed_output(self._keys, genesis, duty.job, duty.attempt, job, program, found, runtime_id, salt)

    async def _other_seat(self, duty: Duty) -> Seat:
        """The first seat that has committed to something."""
        while True:
            job, _ = await self._job_and_time(duty.job)
            for seat in [] if job is None else job.voters:
                if seat.commitment is not None and seat.worker != self._keys.worker_key:
                    return seat
            await trio.sleep(LOOK_SECONDS)

    async def _first_reveal(self, duty: Duty) -> tuple[bytes, int, bytes, bytes] | None:
        """Output, gas, salt and signature of the first reveal in the pool or in a block; none if the job ends so."""
        number = (await self._chain.best()).number
        while True:
            job, _ = await self._job_and_time(duty.job)
            texts: list[str] = await self._chain.client.call("author_pendingExtrinsics")
            while (block := await self._chain.hash_of(number)) is not None:
                found = await self._chain.client.call("chain_getBlock", f"0x{block.hex()}")
                texts += found["block"]["extrinsics"]
                number += 1
            for text in texts:
                fields = _reveal_in(bytes.fromhex(text[2:]), duty)
                if fields is not None:
                    return fields
            if job is None or job.stage is Stage.Over:
                return None
            await trio.sleep(LOOK_SECONDS)


def _reveal_in(extrinsic: bytes, duty: Duty) -> tuple[bytes, int, bytes, bytes] | None:
    try:
        bare = EXTRINSIC.decode_all(extrinsic)
        if not bare.startswith(BARE_REVEAL):
            return None
        fields = records.REVEAL.decode_all(bare.removeprefix(BARE_REVEAL))
    except DecodeError:
        return None
    job, attempt, output, _, gas, salt, _, signature = fields
    if (job, attempt) != (duty.job, duty.attempt) or not isinstance(output, InlineOutput):
        return None
    return output.data, gas, salt, signature


SEATS: dict[Misbehaviour, type[Assignments]] = {
    Misbehaviour.LIE: _Liar,
    Misbehaviour.LATE: _Latecomer,
    Misbehaviour.CRASH: _Crasher,
    Misbehaviour.COPY: _Copier,
    Misbehaviour.NO_REVEAL: _Withholder,
    Misbehaviour.OVERCHARGE: _Overcharger,
    Misbehaviour.DOUBLE_COMMIT: _Equivocator,
}
