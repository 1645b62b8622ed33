"""What a market has shown: how its jobs ended, who was slashed on what evidence, and where the money went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import comb, sqrt
from typing import Any

from pallets.jobs.end import POT, WITNESSED
from pallets.jobs.pallet import Jobs
from pallets.primitives.evidence import SlashReason
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import job_commit_bytes
from pallets.primitives.job_record import Job, JobState, Seat, SeatPhase
from pallets.primitives.pots import treasury as agent_treasury
from pallets.slashing.pallet import Slashing
from tests.market.chain import MarketChain
from tests.market.crowd import Crowd, Role, right, wrong
from tests.pallets.job_chain import CHAIN_TREASURY, DEPOSIT


def chance_of_lying_majority(workers: int, liars: int, seats: int) -> float:
    """The hypergeometric figure: that more than half of so many seats, drawn without replacement, are liars'."""
    hits = range(seats // 2 + 1, min(seats, liars) + 1)
    return sum(comb(liars, k) * comb(workers - liars, seats - k) for k in hits) / comb(workers, seats)


def lying_majority(job: Job, role: Mapping[bytes, Role]) -> bool:
    """Whether the liars are a majority of a job's first round."""
    return sum(role[seat.worker] is Role.Liar for seat in job.voters if seat.round == 0) > job.replicas // 2


@dataclass
class Rate:
    """How often something happened, against how often by chance it would."""

    trials: int
    hits: int
    chance: float

    @property
    def sigma(self) -> float:
        """How many standard deviations the hits are from what is expected."""
        spread = sqrt(self.trials * self.chance * (1 - self.chance))
        return (self.hits - self.trials * self.chance) / spread

    @property
    def figures(self) -> dict[str, Any]:
        """For the report."""
        rate = round(self.hits / self.trials, 4)
        return {"jobs": self.trials, "rate": rate, "expected": round(self.chance, 4), "sigma": round(self.sigma, 2)}


@dataclass
class Findings:
    """Listens to a chain's events."""

    chain: MarketChain
    crowd: Crowd
    ended: Counter[str] = field(default_factory=Counter)
    rounds: Counter[int] = field(default_factory=Counter)
    wrong_by_thousand: Counter[int] = field(default_factory=Counter)
    """Wrong outputs among each thousand jobs."""
    lying_first_rounds: int = 0
    deferred: Counter[tuple[Role, SlashReason]] = field(default_factory=Counter)
    taken: Counter[Role] = field(default_factory=Counter)
    """What slashes took."""
    spent: int = 0
    """Fees, less what was released."""
    paid: int = 0
    """Credited to anyone."""
    faults: list[str] = field(default_factory=list)
    """What must not be."""
    unjust: list[int] = field(default_factory=list)
    """Slashes of workers that ran the job and told the truth, which a lying majority condemned."""
    opened: set[int] = field(default_factory=set)
    """Slashes that are neither carried out nor cancelled."""

    def __post_init__(self) -> None:
        self.issuance = self.chain.rt.balances.total_issuance
        self.before = {who: self._wealth(who) for who in self.crowd.role_of_operator}

    def hear(self, event: Any) -> None:
        """Takes in one event."""
        if isinstance(event, Jobs.Settled):
            self.spent += event.fee
            self._ended(event.job, event.output)
        elif isinstance(event, Jobs.Expired):
            self.spent += self.chain.job(event.job).max_fee - event.refunded
            self._ended(event.job, None)
        elif isinstance(event, Jobs.Paid):
            self.paid += event.amount
        elif isinstance(event, Slashing.Deferred):
            self._slash(event)
        elif isinstance(event, Slashing.Slashed):
            self.opened.discard(event.slash)
            self.taken[self.crowd.role[event.worker]] += event.taken
        elif isinstance(event, Slashing.Cancelled):
            self.opened.discard(event.slash)
        elif isinstance(event, Jobs.Abandoned | Slashing.Abandoned):
            self.faults.append(f"abandoned: {event}")

    # Jobs

    def _ended(self, id: int, output: bytes | None) -> None:
        job = self.chain.job(id)
        self.rounds[job.round + 1] += 1
        self.lying_first_rounds += lying_majority(job, self.crowd.role)
        lie = blake2_256(wrong(id))
        liars = sum(
            self.crowd.role[seat.worker] is Role.Liar or (seat.ballot is not None and seat.ballot.output == lie)
            for seat in job.voters
        )
        if output is None:
            self.ended["expired"] += 1
        elif output == lie:
            self.ended["wrong"] += 1
            self.wrong_by_thousand[id // 1_000] += 1
            if liars <= len(job.voters) // 2:
                self.faults.append(f"job {id}: a wrong output of {liars} liars among {len(job.voters)} seats")
        elif output == blake2_256(right(id)):
            self.ended["right"] += 1
        else:
            self.faults.append(f"job {id}: an output that nobody has")

    # Slashes

    def _slash(self, event: Slashing.Deferred) -> None:
        role = self.crowd.role[event.worker]
        self.opened.add(event.slash)
        self.deferred[role, event.reason] += 1
        job, attempt, seat = WITNESSED.decode_all(event.evidence)
        fault = self._proves(event, job, attempt, seat)
        if fault is not None:
            self.faults.append(f"slash {event.slash}, {event.reason.name}: {fault}")
        elif event.reason is SlashReason.WrongOutput and self._told_the_truth(job, seat):
            self.unjust.append(event.slash)
            self._condemned_by_liars(event.slash, job)

    def _proves(self, event: Slashing.Deferred, job: int, attempt: int, seat: Seat) -> str | None:
        """What is wrong with the evidence that the chain gives for what it saw."""
        genesis, commitment = self.chain.genesis_hash, seat.commitment
        if seat.worker != event.worker or commitment is None:
            return "the evidence is of another worker, or of one that has committed to nothing"
        signed = job_commit_bytes(genesis=genesis, job=job, attempt=attempt, hash=commitment.hash)
        if not self.chain.rt.verify(Ed25519(commitment.signature), signed, event.worker):
            return "the worker hasn't signed the commitment"
        outcome = self.chain.job(job).outcome
        if event.reason is SlashReason.NotRevealed:
            if seat.phase is not SeatPhase.Unrevealed or self.crowd.role[event.worker] is not Role.Copier:
                return "the worker has revealed, or never had to"
        elif event.reason is SlashReason.WrongOutput:
            if seat.ballot is None or outcome is None or seat.ballot.output == outcome.output:
                return "the worker's output is what a majority has"
        else:
            return "nobody here does that"
        return None

    def _told_the_truth(self, job: int, seat: Seat) -> bool:
        return seat.ballot is not None and seat.ballot.output == blake2_256(right(job))

    def _condemned_by_liars(self, slash: int, id: int) -> None:
        """A lying majority of the seats can condemn the others; nobody else can."""
        outcome = self.chain.job(id).outcome
        if outcome is None or outcome.output != blake2_256(wrong(id)):
            self.faults.append(f"slash {slash}: a worker that told the truth, and not by a lying majority")

    # Money

    def _wealth(self, operator: bytes) -> int:
        """What an operator has, held, free or to be claimed."""
        data = self.chain.rt.system.account[operator].data
        return data.free + data.reserved + self.chain.rt.jobs.claimable[operator]

    def gains(self) -> dict[str, int]:
        """What each kind of operator has more than in the beginning."""
        found = Counter[Role]()
        for who, before in self.before.items():
            found[self.crowd.role_of_operator[who]] += self._wealth(who) - before
        return {role.value: found[role] for role in Role}

    def audit(self) -> None:
        """When all jobs and slashes are over: the books balance, and nothing is left anywhere."""
        rt = self.chain.rt
        states = Counter(self.chain.job(id).state for id in range(rt.jobs.next_job))
        self._require(states.keys() <= {JobState.Settled, JobState.Expired}, f"jobs without an end: {states}")
        self._require(not self.opened and not list(rt.slashing.slash), "slashes without an end")
        accounts = [account.data for _, account in rt.system.account.items()]
        total = sum(account.free + account.reserved for account in accounts)
        self._require(total == rt.balances.total_issuance == self.issuance, "money was made or lost")
        self._require(self.spent == self.paid, f"{self.spent} was taken for jobs, {self.paid} credited")
        owed = sum(amount for _, amount in rt.jobs.claimable.items())
        self._require(rt.balances.free(POT) == DEPOSIT + owed, "the pot holds something else than is owed")
        self._require(owed == self.paid, "what was credited isn't owed")
        held = sum(account.reserved for account in accounts)
        stakes = sum(record.stake for _, record in rt.workers.worker.items())
        self._require(held == stakes, "something is held besides stakes")
        treasury = rt.balances.free(CHAIN_TREASURY)
        self._require(treasury == sum(self.taken.values()), "the treasury has something else than was slashed")
        self._require(self.taken[Role.Honest] == 0, "an honest operator lost its stake")
        for who, role in self.crowd.role_of_operator.items():
            if role is Role.Copier and not self.crowd.echoes and rt.jobs.claimable[who]:
                self.faults.append("a copier was paid")
        calendars: list[Iterable[object]] = [rt.jobs.deadlines, rt.jobs.draws, rt.jobs.retries, rt.jobs.parked]
        left = [
            *rt.jobs.candidate,
            *rt.jobs.input,
            *rt.jobs.assignments,
            *(entry for each in calendars for entry in each),
        ]
        self._require(not left, "something is left of jobs that are over")
        for who in self.crowd.role_of_operator:
            if rt.jobs.claimable[who]:
                self.chain.call(who, "Jobs", "claim")
        rest = sum(rt.jobs.claimable[who] for who in (CHAIN_TREASURY, agent_treasury(0)))
        self._require(
            rt.balances.free(POT) == DEPOSIT + rest, "after all claims the pot holds more than the treasuries'"
        )

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)
