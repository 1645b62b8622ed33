"""The chain of `job_chain`, whose jobs leave effects: agents have stores and purses, accounts give mandates."""

from __future__ import annotations

from typing import Any

from pallets.anchors.pallet import Anchors
from pallets.mandates import Mandates
from pallets.primitives.effects import EFFECTS, Action, Condition, Effects, Update, enveloped
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import purse
from tests.pallets.job_chain import ALICE, CAROL, OPERATORS, UNIT, JobChain, JobRuntime, TestWorker

MAX_STORED = 64 * 1024


class Sent:
    """Other chains' outboxes, which take everything but a call `refused`."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, bytes, bytes, int]] = []

    def send(self, agent: int, job: int, chain: bytes, call: bytes, spends: int) -> None:
        if call == b"refused":
            raise Anchors.NoCrossings
        self.calls.append((agent, job, chain, call, spends))


class EffectRuntime(JobRuntime):
    """With anchors and mandates."""

    def compose(self) -> None:
        super().compose()
        self.sent = Sent()
        self.mandates = Mandates(
            index=34,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            curve_token=lambda curve: None,
            pool_token=lambda pool: None,
        )
        self.anchors = Anchors(
            index=33,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            agents=self.agents,
            deputies=self.mandates,
            outboxes=lambda: self.sent,
            max_stored=MAX_STORED,
        )
        self.jobs.effects = self.anchors


class EffectChain(JobChain):
    """The chain, with an agent of Carol's and a worker."""

    runtime = EffectRuntime
    rt: EffectRuntime

    def __init__(self) -> None:
        super().__init__()
        self.agent()
        self.hands: dict[bytes, TestWorker] = {}
        self.hire("a", OPERATORS[0])

    def hire(self, name: str, operator: bytes) -> None:
        """One more worker."""
        worker = self.worker(name, operator).register()
        self.hands[worker.key] = worker

    def at(self, job: int) -> TestWorker:
        """The worker that has a job."""
        return self.hands[self.job(job).workers[0]]

    def run(self, output: bytes, who: bytes = ALICE, agent: int = 0, **terms: Any) -> int:
        """A job that is settled with this output."""
        job = self.submit(who, agent, **terms)
        self.blocks(2)
        self.send(self.at(job).commit(job, output))
        return job

    def fill(self, amount: int = 100 * UNIT, per_job: int = 0, per_day: int = 0) -> bytes:
        """Gives to the agent's purse, under these limits; answers its account."""
        self.call(ALICE, "Anchors", "fill", agent=0, amount=amount)
        self.call(CAROL, "Anchors", "set_limits", agent=0, per_job=per_job, per_day=per_day)
        return purse(0)


def lock(key: bytes, value: bytes | None) -> Condition:
    """That a key still has a value."""
    return Condition(key, None if value is None else blake2_256(value))


def leave(
    *actions: Action,
    writes: dict[bytes, bytes | None] | None = None,
    locks: list[Condition] | None = None,
    output: bytes = b"done",
) -> bytes:
    """An output with effects."""
    updates = [Update(key, value) for key, value in (writes or {}).items()]
    return enveloped(EFFECTS.encode(Effects(locks or [], updates, list(actions))), output)
