"""Who works on the market: a third honest, a third that lie in concert, a third that live by what others send.

A copier tries, by every way there is, to pass off another's commit or reveal as its own. The wire lets it commit to
another's hash, which it can't reveal, and nothing else of the kind. One thing is left to it that no commit can prevent:
in a later round of a dispute, to repeat an output that an earlier round has revealed. It does that only where the
market is opened with `echoes`, for whoever repeats a lie has lied.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

from pallets.frame.runtime import Call
from pallets.frame.validity import BadProof, Custom
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import NO_TRANSCRIPT, InlineOutput, Word, commit_hash, job_commit_bytes
from pallets.primitives.job_record import Job, SeatPhase, Stage
from pallets.workers.pallet import Workers
from tests.market.chain import MarketChain
from tests.pallets.turn_chain import takes_transactions

GAS = 1_000


class Role(Enum):
    """What a worker does."""

    Liar = "liar"
    Copier = "copier"
    Honest = "honest"


ROLES = tuple(Role)


class Way(Enum):
    """How a copier goes about one seat."""

    Silence = "says nothing"
    Abstention = "abstains"
    Hash = "signs another's hash, later another's output and salt"
    Name = "puts its name to another's signature"
    Waiting = "waits for a reveal to commit to"
    Echo = "repeats an output of an earlier round"


WAYS = (Way.Silence, Way.Abstention, Way.Hash, Way.Name, Way.Waiting)


def right(job: int) -> bytes:
    """What running a job gives."""
    return b"right %d" % job


def wrong(job: int) -> bytes:
    """What the liars agreed to say it gives."""
    return b"wrong %d" % job


class Crowd:
    """All workers of a chain, in turns liars, copiers and honest ones."""

    def __init__(self, chain: MarketChain, *, echoes: bool) -> None:
        self.chain, self.echoes = chain, echoes
        self.worker = {worker.key: worker for worker in chain.workers}
        self.role = {worker.key: ROLES[i % 3] for i, worker in enumerate(chain.workers)}
        self.role_of_operator = {worker.info.operator: self.role[worker.key] for worker in chain.workers}
        self.tried = Counter[tuple[Way, str]]()
        """What copiers tried, and how the chain answered."""
        self.refused = Counter[tuple[Role, str]]()
        """What honest workers and liars were refused, who do what they are asked to as soon as they can."""
        self.borrowed = dict[tuple[int, bytes], bytes]()
        """Outputs of earlier rounds that copiers have committed to, by job and copier."""
        self._seen = 0
        self._waiting = deque[Callable[[], None]]()
        """What is said as soon as a block takes it."""
        self._looked_at = set[int]()
        self._stranded = set[int]()
        """Votes that wait for more seats, though some have committed: if nobody can be drawn these are to reveal."""

    def look(self, heard: Callable[[Any], None]) -> None:
        """What the crowd does once a block is open; `heard` is told each event."""
        events = self.chain.rt.events
        self._seen = 0
        self._looked_at |= self._stranded
        self._stranded.clear()
        while True:
            while self._seen < len(events):
                event = events[self._seen]
                self._seen += 1
                self._note(event)
                heard(event)
            if not takes_transactions(self.chain.rt.system) or not (self._waiting or self._looked_at):
                return
            if self._waiting:
                self._waiting.popleft()()
            else:
                self._reveal(self._looked_at.pop())

    def _note(self, event: Any) -> None:
        if isinstance(event, Jobs.Assigned):
            # Copiers come last, so that there is something to copy.
            order = sorted(event.workers, key=lambda worker: self.role[worker] is Role.Copier)
            self._waiting.extend(partial(self._take_seat, event.job, worker) for worker in order)
        elif isinstance(event, Jobs.HashCommitted | Jobs.Vacated):
            self._looked_at.add(event.job)
        elif isinstance(event, Workers.Challenged):
            self._waiting.append(partial(self._beat, event.worker))

    def _beat(self, worker: bytes) -> None:
        self._say(self.role[worker], self.worker[worker].heartbeat())

    def _take_seat(self, id: int, worker: bytes) -> None:
        job = self.chain.job(id)
        seat = job.seat_of(worker)
        if seat is None or seat.phase is not SeatPhase.Drawn or job.stage is not Stage.Commits:
            return
        role = self.role[worker]
        if role is Role.Copier:
            self._copy(id, job, worker)
        else:
            self._say(role, self._commit(id, worker, self._hash(id, job, worker, self._content(id, role))))

    def _reveal(self, id: int) -> None:
        job = self.chain.job(id)
        if job.stage is Stage.Draw and any(seat.phase is SeatPhase.Committed for seat in job.voters):
            self._stranded.add(id)
        if job.stage is not Stage.Reveals:
            return
        seen: dict[str, Any] | None = None
        for seat in job.voters:
            content = self._answer(id, seat.worker)
            if seat.phase is SeatPhase.Committed and content is not None:
                if seen is not None:
                    self._copy_reveals(id, job, seen)
                seen = self._reveal_of(id, job, seat.worker, content)
                self._say(self.role[seat.worker], self._call("reveal", seen))

    # What copiers try

    def way(self, id: int, job: Job, worker: bytes) -> Way:
        """How a copier goes about a seat."""
        if self.echoes and job.round and any(seat.ballot is not None for seat in job.voters):
            return Way.Echo
        return WAYS[blake2_256(b"%d" % id + worker)[0] % len(WAYS)]

    def _copy(self, id: int, job: Job, worker: bytes) -> None:
        way, others = self.way(id, job, worker), [seat for seat in job.voters if seat.phase is SeatPhase.Committed]
        if way is Way.Abstention:
            self._try(way, self.worker[worker].word(id, Word.Abstain))
        elif way is Way.Waiting:
            self._try(way, self.worker[worker].word(id))
        elif way is Way.Echo:
            (output, *_), _ = job.tally().most_common(1)[0]
            content = self.chain.rt.jobs.candidate[id, output]
            self.borrowed[id, worker] = content
            self._try(way, self._commit(id, worker, self._hash(id, job, worker, content)))
        elif others and others[0].commitment is not None:
            other = others[0].commitment
            if way is Way.Hash:
                self._try(way, self._commit(id, worker, other.hash))
            elif way is Way.Name:
                self._try(way, self._commit(id, worker, other.hash, signature=other.signature))

    def _copy_reveals(self, id: int, job: Job, seen: dict[str, Any]) -> None:
        """The copiers try to make a reveal that was just seen theirs."""
        for worker in (seat.worker for seat in job.voters if self.role[seat.worker] is Role.Copier):
            way, content = self.way(id, job, worker), seen["output"].data
            own = self._reveal_of(id, job, worker, content)
            if way in (Way.Name, Way.Hash):
                self._try(way, self._call("reveal", seen | {"worker": worker}))
            if way is Way.Hash:
                self._try(way, self._call("reveal", own | {"salt": seen["salt"]}))
            if way is Way.Waiting:
                self._try(way, self._commit(id, worker, self._hash(id, job, worker, content)))
                self._try(way, self._call("reveal", own))

    def _call(self, name: str, arguments: dict[str, Any]) -> Call:
        return self.chain.rt.call("Jobs", name, **arguments)

    def _try(self, way: Way, call: Call) -> None:
        self.tried[way, self._sent(call) or call.spec.name + " taken"] += 1

    def _say(self, role: Role, call: Call) -> None:
        refusal = self._sent(call)
        if refusal is not None:
            self.refused[role, f"{call.spec.name}: {refusal}"] += 1

    def _sent(self, call: Call) -> str | None:
        """The name of what a call is refused for."""
        try:
            self.chain.send(call)
        except Custom as error:
            refusing = Workers if call.name == "Workers.heartbeat" else Jobs
            return refusing.errors[error.code].__name__ if error.code < 128 else f"Custom {error.code}"
        except BadProof:
            return BadProof.__name__
        return None

    # What is signed

    def _content(self, id: int, role: Role) -> bytes:
        return wrong(id) if role is Role.Liar else right(id)

    def _answer(self, id: int, worker: bytes) -> bytes | None:
        role = self.role[worker]
        return self.borrowed.get((id, worker)) if role is Role.Copier else self._content(id, role)

    def _salt(self, id: int, worker: bytes) -> bytes:
        return blake2_256(b"salt %d" % id + worker)

    def _output_bytes(self, id: int, job: Job, worker: bytes, content: bytes) -> bytes:
        runtime_id = self.worker[worker].info.runtime_id
        return job.output_bytes(self.chain.genesis_hash, id, 1, blake2_256(content), NO_TRANSCRIPT, GAS, runtime_id)

    def _hash(self, id: int, job: Job, worker: bytes, content: bytes) -> bytes:
        signed = self._output_bytes(id, job, worker, content)
        return commit_hash(signed, salt=self._salt(id, worker), worker=worker, attempt=1)

    def _sign(self, worker: bytes, content: bytes) -> bytes:
        return self.worker[worker].signer.sign(content).signature

    def _commit(self, id: int, worker: bytes, hash: bytes, signature: bytes | None = None) -> Call:
        if signature is None:
            signed = job_commit_bytes(genesis=self.chain.genesis_hash, job=id, attempt=1, hash=hash)
            signature = self._sign(worker, signed)
        given = {"job": id, "attempt": 1, "hash": hash, "worker": worker, "signature": signature}
        return self._call("commit_hash", given)

    def _reveal_of(self, id: int, job: Job, worker: bytes, content: bytes) -> dict[str, Any]:
        """The arguments of a reveal."""
        return {
            "job": id,
            "attempt": 1,
            "output": InlineOutput(content),
            "transcript_root": NO_TRANSCRIPT,
            "gas": GAS,
            "salt": self._salt(id, worker),
            "worker": worker,
            "signature": self._sign(worker, self._output_bytes(id, job, worker, content)),
        }
