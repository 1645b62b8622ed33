"""One market: so many jobs put to a crowd of which a third lies and a third copies, and what that showed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.market.chain import MarketChain
from tests.market.crowd import GAS, Crowd, Role
from tests.market.findings import Findings, Rate, chance_of_lying_majority, lying_majority
from tests.pallets.draw_steering import Coalition
from tests.pallets.job_chain import ALICE, BOB, POLICY


class Terms(NamedTuple):
    """What kind of market."""

    jobs: int
    replicas: int = 3
    seed: int = 0
    operators: int = 90
    batch: int = 16
    """Jobs that are submitted in a block."""
    even: bool = True
    """Whether records don't count and governance cancels every slash, so that all weigh the same; else only those of
    workers that told the truth, when these appeal."""
    echoes: bool = False
    """Whether copiers repeat what earlier rounds of a dispute have revealed."""
    steered: bool = False
    """Whether an author and a submitter are in league with the liars."""


class Batches:
    """The jobs that one block has, as what a coalition steers: their draw went well if more of them than expected are
    the liars'."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.jobs = dict[int, list[int]]()

    def submit(self, id: int) -> None:
        """A batch of jobs."""
        market = self.market
        self.jobs[id] = market.submit()

    def went_well(self, id: int) -> bool | None:
        """Of the first round."""
        market, jobs = self.market, [self.market.chain.job(job) for job in self.jobs[id]]
        if not all(job.seats for job in jobs):
            return None
        won = sum(lying_majority(job, market.crowd.role) for job in jobs)
        return won > len(jobs) * market.chance

    def remember(self) -> Callable[[], None]:
        """Nothing is submitted in thought."""
        return lambda: None


class Market:
    """A chain, its crowd, and those who submit, govern and note what happens."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.chain = MarketChain(terms.operators, 3 if terms.steered else 1, even=terms.even, seed=terms.seed)
        self.crowd = Crowd(self.chain, echoes=terms.echoes)
        self.findings = Findings(self.chain, self.crowd)
        self.chain.after_block = self.look
        liars = [worker for worker, role in self.crowd.role.items() if role is Role.Liar]
        self.chance = chance_of_lying_majority(terms.operators, len(liars), terms.replicas)
        self.coalition = Coalition(self.chain, Batches(self), {2}, liars) if terms.steered else None

    def look(self) -> None:
        """A block is open: everyone does what there is to do."""
        self.crowd.look(self.findings.hear)
        self.govern()

    def govern(self) -> None:
        """Cancels slashes: all, or those of which somebody who ran the job again says that they are unjust."""
        findings, chain = self.findings, self.chain
        if self.terms.even:
            cancelled = sorted(findings.opened)
        else:
            cancelled = [slash for slash in findings.unjust if slash in findings.opened]
            for slash in cancelled:
                operator = chain.rt.slashing.slash[slash].operator
                chain.call(operator, "Slashing", "appeal", slash=slash, text=b"run it again")
        for slash in cancelled:
            chain.sudo("Slashing", "cancel", slash=slash)
            findings.opened.discard(slash)

    def submit(self) -> list[int]:
        """A batch of jobs, of two submitters."""
        replicas = self.terms.replicas
        count = min(self.terms.batch, self.terms.jobs - self.chain.rt.jobs.next_job)
        terms: dict[str, Any] = {"replicas": replicas, "max_fee": 4 * POLICY.price * GAS * replicas}
        return [self.chain.submit((ALICE, BOB)[i % 2], **terms) for i in range(count)]

    def run(self, told: Callable[[str], None]) -> None:
        """All jobs, and whatever comes of them, to the end."""
        rt, jobs, batch = self.chain.rt, self.terms.jobs, 0
        while rt.jobs.next_job < jobs:
            if self.coalition is not None:
                self.coalition.play(batch)
            else:
                self.submit()
                self.chain.next_block()
            batch += 1
            if not batch % 64:
                told(f"{rt.jobs.next_job} jobs, {dict(self.findings.ended)}")
        while list(rt.jobs.deadlines) or self.findings.opened:
            self.chain.next_block()
        self.findings.audit()

    def report(self) -> dict[str, Any]:
        """The figures."""
        terms, found, crowd = self.terms, self.findings, self.crowd
        rate = Rate(terms.jobs, found.lying_first_rounds, self.chance)
        report: dict[str, Any] = {
            **terms._asdict(),
            "ended": dict(found.ended),
            "rounds": {str(count): jobs for count, jobs in sorted(found.rounds.items())},
            "wrong_of_each_thousand": [found.wrong_by_thousand[i] for i in range(-(-terms.jobs // 1_000))],
            "lying_majority_in_first_round": rate.figures,
            "slashes": {
                f"{role.value}: {why.name}": count
                for (role, why), count in sorted(
                    found.deferred.items(), key=lambda item: (item[0][0].value, item[0][1].value)
                )
            },
            "unjust_slashes_of_lying_majorities": len(found.unjust),
            "refused": {f"{role.value}: {why}": count for (role, why), count in crowd.refused.items()},
            "skipped_turns": 0 if self.coalition is None else self.coalition.skipped,
            "taken": {role.value: found.taken[role] for role in Role},
            "gains": found.gains(),
            "copiers": {
                f"{way.value}: {answer}": count
                for (way, answer), count in sorted(crowd.tried.items(), key=lambda item: (item[0][0].value, item[0][1]))
            },
            "faults": found.faults[:20],
        }
        if terms.even and abs(rate.sigma) > 3:
            report["faults"].append(f"lying majorities are {rate.sigma:.1f} sigma from the hypergeometric figure")
        if crowd.refused:
            report["faults"].append("workers that did all they had to were refused")
        if not crowd.echoes and report["gains"]["copier"] > 0:
            report["faults"].append("copiers gained")
        return report


def market(terms: Terms, told: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Runs one market; its figures, `faults` empty where all is as it must be."""
    opened = Market(terms)
    opened.run(told)
    return opened.report()
