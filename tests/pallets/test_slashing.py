"""Slashing: what convicts a worker, what a slash takes and of whom, deferral, and who gets the money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from struct import pack
from typing import Any

import pytest

from pallets.frame.events import BadOrigin, Token
from pallets.frame.origin import signed
from pallets.frame.testing import noop
from pallets.primitives.evidence import (
    EVIDENCE,
    DoubleCommit,
    DoubleOutput,
    DoubleReceipt,
    Evidence,
    SignedCommit,
    SignedOutput,
    SlashReason,
    VoidAndReceipt,
    attempt_subject,
)
from pallets.primitives.job import job_commit_bytes, job_output_bytes
from pallets.primitives.receipt import Receipt, SignedReceipt, receipt_bytes, receipt_void_bytes
from pallets.primitives.stake import Part
from pallets.primitives.worker_record import WorkerState
from pallets.slashing.pallet import POT, Slash, Slashing
from pallets.workers.pallet import Workers
from tests.pallets.job_chain import (
    ALICE,
    BOB,
    CAROL,
    CHAIN_TREASURY,
    DEPOSIT,
    OPERATORS,
    STAKE,
    UNIT,
    JobChain,
    TestWorker,
)

UNBONDING, DEFER, BOND, EQUIVOCATION = 3_600_000, 600_000, UNIT, STAKE // 2
OPERATOR = OPERATORS[0]
STEP = 50_000
"""Milliseconds between blocks, below what counts as standing still."""


@pytest.fixture
def chain() -> JobChain:
    made = JobChain()
    made.rt.balances.mint_into(CHAIN_TREASURY, DEPOSIT)
    return made


def wait(chain: JobChain, time: int) -> None:
    """Lets so many milliseconds pass without standing still."""
    until = chain.rt.timestamp.now + time
    while chain.rt.timestamp.now < until:
        chain.next_block(min(STEP, until - chain.rt.timestamp.now))


def receipt(chain: JobChain, **fields: Any) -> Receipt:
    """A receipt over the last block, unless told otherwise."""
    number, head = chain.rt.system.number - 1, chain.head
    whole = Receipt(7, b"\1" * 32, b"\2" * 32, b"\3" * 32, bytes(32), 9, b"\4" * 32, 5, number, head, 0)
    return replace(whole, **fields)


def sign(worker: TestWorker, content: bytes) -> bytes:
    return worker.signer.sign(content).signature


def signed_receipt(worker: TestWorker, one: Receipt, genesis: bytes | None = None) -> SignedReceipt:
    return SignedReceipt(one, sign(worker, receipt_bytes(genesis or worker.chain.genesis_hash, one)))


def double_receipt(worker: TestWorker, **fields: Any) -> DoubleReceipt:
    """Two receipts of one number that say something else."""
    first, second = receipt(worker.chain, **fields), receipt(worker.chain, response_hash=b"\7" * 32, **fields)
    return DoubleReceipt(worker.key, signed_receipt(worker, first), signed_receipt(worker, second))


def void_and_receipt(worker: TestWorker) -> VoidAndReceipt:
    one = receipt(worker.chain)
    void = sign(worker, receipt_void_bytes(worker.chain.genesis_hash, one.sequence))
    return VoidAndReceipt(worker.key, signed_receipt(worker, one), void)


def double_commit(worker: TestWorker, job: int = 0, hashes: tuple[int, int] = (1, 2)) -> DoubleCommit:
    commits = []
    for seed in hashes:
        content = job_commit_bytes(genesis=worker.chain.genesis_hash, job=job, attempt=1, hash=bytes((seed,)) * 32)
        commits.append(SignedCommit(bytes((seed,)) * 32, sign(worker, content)))
    return DoubleCommit(job, 1, worker.key, *commits)


def double_output(worker: TestWorker, job: int = 0, gas: tuple[int, int] = (1, 2)) -> DoubleOutput:
    outputs = []
    for one in gas:
        said: dict[str, Any] = {"code": b"\1" * 32, "input": b"\2" * 32, "output": b"\3" * 32}
        said |= {"transcript_root": bytes(32), "gas": one, "runtime_id": b"\5" * 32}
        content = job_output_bytes(genesis=worker.chain.genesis_hash, job=job, attempt=1, **said)
        outputs.append(SignedOutput(**said, signature=sign(worker, content)))
    return DoubleOutput(job, 1, worker.key, *outputs)


def report(chain: JobChain, evidence: Evidence, who: bytes = BOB) -> None:
    chain.call(who, "Slashing", "report", evidence=evidence)


def punish(
    chain: JobChain, worker: TestWorker, amount: int, *, at: int | None = None, subject: bytes = b"", **more: Any
) -> int:
    at = chain.rt.timestamp.now if at is None else at
    reason = SlashReason.WrongOutput
    return chain.rt.slashing.punish(worker.key, reason, amount, subject=subject, evidence=b"seen", at=at, **more)


def delegate(chain: JobChain, who: bytes, amount: int) -> None:
    chain.call(who, "Workers", "delegate", operator=OPERATOR, amount=amount)


def staked(chain: JobChain, who: bytes) -> int:
    reasons = (Workers.HoldReason.Stake, Workers.HoldReason.Delegation)
    return sum(chain.rt.balances.held(reason, who) for reason in reasons)


# Evidence

KINDS: list[tuple[Callable[[TestWorker], Evidence], SlashReason]] = [
    (double_commit, SlashReason.DoubleCommit),
    (double_output, SlashReason.DoubleOutput),
    (double_receipt, SlashReason.DoubleReceipt),
    (void_and_receipt, SlashReason.DoubleReceipt),
]


@pytest.mark.parametrize(("make", "reason"), KINDS)
def test_evidence_convicts_by_signatures_alone(
    chain: JobChain, make: Callable[[TestWorker], Evidence], reason: SlashReason
) -> None:
    worker = chain.worker("w").register()
    chain.agent()
    chain.submit()
    chain.next_block()
    evidence, treasury = make(worker), chain.rt.balances.free(CHAIN_TREASURY)
    report(chain, evidence)
    due = chain.rt.timestamp.now + DEFER
    (deferred,) = chain.events(Slashing.Deferred)
    assert deferred == Slashing.Deferred(0, worker.key, OPERATOR, reason, EQUIVOCATION, EVIDENCE.encode(evidence), due)
    assert chain.rt.balances.held(Slashing.HoldReason.Report, BOB) == BOND
    assert chain.rt.slashing.next_due() == due
    for who in (BOB, CAROL):
        with noop(chain.rt, Slashing.AlreadyReported):
            report(chain, evidence, who)
    wait(chain, DEFER - 100)
    assert staked(chain, OPERATOR) == STAKE and not chain.events(Slashing.Slashed)
    free = chain.rt.balances.free(BOB)
    wait(chain, 100)
    assert chain.events(Slashing.Slashed) == [
        Slashing.Slashed(0, worker.key, OPERATOR, EQUIVOCATION, BOB, EQUIVOCATION // 10)
    ]
    assert staked(chain, OPERATOR) == worker.record.stake == STAKE - EQUIVOCATION
    assert chain.rt.balances.free(BOB) == free + BOND + EQUIVOCATION // 10
    assert chain.rt.balances.free(CHAIN_TREASURY) == treasury + EQUIVOCATION * 9 // 10
    assert chain.rt.balances.free(POT) == DEPOSIT and chain.rt.balances.held(Slashing.HoldReason.Report, BOB) == 0
    assert worker.record.slashed == 1
    with noop(chain.rt, Slashing.AlreadyReported):
        report(chain, evidence)


def test_what_convicts_nobody(chain: JobChain) -> None:
    worker, other = chain.worker("w").register(), chain.worker("o", OPERATORS[1]).register()
    chain.agent()
    chain.submit()
    chain.next_block()

    def refused(error: Any, evidence: Evidence) -> None:
        with noop(chain.rt, error):
            report(chain, evidence)

    commits, outputs, receipts = double_commit(worker), double_output(worker), double_receipt(worker)
    refused(Workers.UnknownWorker, double_commit(chain.worker("nobody")))
    refused(Slashing.NoContradiction, double_commit(worker, hashes=(1, 1)))
    refused(Slashing.NoContradiction, double_output(worker, gas=(1, 1)))
    refused(Slashing.NoContradiction, DoubleReceipt(worker.key, receipts.first, receipts.first))
    next_number = signed_receipt(worker, receipt(chain, sequence=6))
    refused(Slashing.NoContradiction, DoubleReceipt(worker.key, receipts.first, next_number))
    # Another's signature, another job, another attempt, another chain.
    refused(Slashing.BadSignature, replace(commits, second=double_commit(other).second))
    refused(Slashing.BadSignature, replace(commits, worker=other.key))
    refused(Slashing.BadSignature, replace(commits, attempt=2))
    refused(Slashing.BadSignature, replace(outputs, job=1))
    refused(Slashing.BadSignature, replace(outputs, first=replace(outputs.first, output=b"\7" * 32)))
    elsewhere = signed_receipt(worker, receipts.second.receipt, genesis=b"\x99" * 32)
    refused(Slashing.BadSignature, DoubleReceipt(worker.key, receipts.first, elsewhere))
    voids = void_and_receipt(worker)
    refused(Slashing.BadSignature, replace(voids, void=voids.receipt.signature))
    refused(Slashing.BadSignature, replace(voids, void=sign(worker, receipt_void_bytes(chain.genesis_hash, 6))))
    refused(Slashing.UnknownJob, double_commit(worker, job=1))
    refused(Slashing.UnknownBlock, double_receipt(worker, block_number=chain.rt.system.number, block_hash=b"\0" * 32))
    assert chain.rt.slashing.next_slash == 0 and not list(chain.rt.slashing.deferred)
    with noop(chain.rt, Token("FundsUnavailable")):
        report(chain, commits, b"\x55" * 32)


def test_what_is_signed_of_a_receipt() -> None:
    genesis, hashes = b"\x10" * 32, [bytes((i,)) * 32 for i in range(6)]
    code, request, response, root, runtime_id, block = hashes
    one = Receipt(1, code, request, response, root, 2, runtime_id, 3, 4, block, 5)
    expected = b"fathom/receipt\x01" + genesis + pack("<Q", 1) + code + request + response + root + pack("<Q", 2)
    expected += runtime_id + pack("<QI", 3, 4) + block + (5).to_bytes(16, "little")
    assert receipt_bytes(genesis, one) == expected
    assert receipt_void_bytes(genesis, 3) == b"fathom/receipt-void\x01" + genesis + pack("<Q", 3)


def test_a_charge_raises_the_price_of_a_false_receipt(chain: JobChain) -> None:
    worker = chain.worker("w").register(20 * STAKE)
    chain.next_block()
    report(chain, double_receipt(worker, charge=10 * UNIT))
    assert chain.events(Slashing.Deferred)[0].amount == 640 * UNIT


def test_an_operator_may_report_itself_but_earns_nothing(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    report(chain, void_and_receipt(worker), OPERATOR)
    wait(chain, DEFER)
    (slashed,) = chain.events(Slashing.Slashed)
    assert (slashed.taken, slashed.reporter, slashed.reward) == (EQUIVOCATION, OPERATOR, 0)
    assert chain.rt.balances.held(Slashing.HoldReason.Report, OPERATOR) == 0


def test_an_operator_cant_have_its_delegators_money_by_another_reporter(chain: JobChain) -> None:
    worker, accomplice = chain.worker("w").register(), BOB
    delegate(chain, ALICE, 5_000 * UNIT)
    chain.next_block()
    report(chain, double_receipt(worker, charge=10**9 * UNIT), accomplice)
    wait(chain, DEFER)
    (slashed,) = chain.events(Slashing.Slashed)
    assert (slashed.taken, slashed.reward) == (STAKE + 5_000 * UNIT, STAKE // 10)
    assert staked(chain, ALICE) == 0


def test_what_was_bonded_after_a_fault_is_spared_though_nothing_older_is_left(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.agent()
    job = chain.submit(CAROL)
    chain.next_block()
    evidence = double_commit(worker, job)
    assert punish(chain, worker, STAKE) == STAKE
    wait(chain, DEFER)  # all that was at stake in the job is gone
    chain.call(OPERATOR, "Workers", "bond_more", worker=worker.key, amount=STAKE)
    delegate(chain, ALICE, 10 * UNIT)
    with noop(chain.rt, Slashing.NothingAtRisk):
        report(chain, evidence)


def test_a_bond_that_cant_be_released_stops_no_block(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    report(chain, double_receipt(worker))
    chain.rt.balances.transfer_held(Slashing.HoldReason.Report, BOB, CAROL, BOND)  # as nobody but a bug can
    wait(chain, DEFER)
    assert chain.events(Slashing.Slashed)[0].taken == EQUIVOCATION
    chain.rt.slashing.deferred[chain.rt.timestamp.now, 7] = None  # nor does what root has taken away
    chain.next_block()
    assert len(chain.events(Slashing.Abandoned)) == 1
    assert not list(chain.rt.slashing.deferred) and chain.rt.workers.pool[OPERATOR].slashes == 0


def test_old_evidence_is_refused(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.agent()
    chain.submit()
    chain.next_block()
    receipts, commits, now = double_receipt(worker), double_commit(worker), chain.rt.timestamp.now
    chain.next_block(UNBONDING)
    with noop(chain.rt, Slashing.TooOld):
        report(chain, receipts)  # its block was the one before `now`
    assert punish(chain, worker, UNIT, at=now - 1) == 0 and chain.rt.slashing.next_slash == 0
    assert punish(chain, worker, UNIT, at=now) == UNIT
    with noop(chain.rt, Slashing.TooOld):
        report(chain, commits)


def test_the_moment_of_a_block_is_known_for_as_long_as_unbonding_takes(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.blocks(64)
    evidence, now = double_receipt(worker), chain.rt.timestamp.now
    chain.blocks(66)  # the hash is forgotten, the 64 blocks around it aren't
    assert chain.rt.attestation.recent_block(evidence.first.receipt.block_hash) is None
    moment = chain.rt.slashing.moment[evidence.first.receipt.block_number // 64]
    assert now - 6_400 <= moment <= now
    report(chain, evidence)
    assert chain.rt.slashing.slash[0].at == moment
    lasting = double_receipt(worker, sequence=6)
    chain.next_block(2 * UNBONDING)
    chain.blocks(3 * 64)
    assert [place for place, _ in chain.rt.slashing.moment.items()] == sorted(
        {chain.rt.slashing.first_moment, *range(3, chain.rt.system.number // 64 + 1)}
    )
    with noop(chain.rt, Slashing.TooOld):
        report(chain, lasting)
    chain.next_block(2 * UNBONDING)
    chain.blocks(128)
    with noop(chain.rt, Slashing.UnknownBlock):
        report(chain, lasting)


# What is taken, and of whom


def test_the_operator_pays_first_then_delegators_pro_rata(chain: JobChain) -> None:
    worker, other = chain.worker("w").register(), chain.worker("x").register()
    delegate(chain, ALICE, 30 * UNIT)
    delegate(chain, BOB, 10 * UNIT)
    chain.call(ALICE, "Workers", "undelegate", operator=OPERATOR, amount=29 * UNIT)
    at = chain.rt.timestamp.now
    chain.next_block()
    # Bonded after the fault: spared.
    chain.call(OPERATOR, "Workers", "bond_more", worker=worker.key, amount=5 * UNIT)
    delegate(chain, BOB, 50 * UNIT)
    delegate(chain, CAROL, 40 * UNIT)
    assert punish(chain, worker, 2 * STAKE, at=at) == STAKE + 40 * UNIT
    assert punish(chain, worker, STAKE + 20 * UNIT, at=at, subject=b"another") == STAKE + 20 * UNIT
    wait(chain, DEFER)
    slashed = chain.events(Slashing.Slashed)
    assert [event.taken for event in slashed] == [STAKE + 40 * UNIT, 0]  # the second found nothing left
    assert {who: staked(chain, who) for who in (ALICE, BOB, CAROL)} == {ALICE: 0, BOB: 50 * UNIT, CAROL: 40 * UNIT}
    assert staked(chain, OPERATOR) == STAKE + 5 * UNIT  # its other worker did nothing
    assert (worker.record.stake, other.record.stake) == (5 * UNIT, STAKE)
    pool = chain.rt.workers.pool[OPERATOR]
    assert (pool.delegated, pool.delegators, pool.slashes) == (90 * UNIT, 2, 0)
    assert (OPERATOR, ALICE) not in chain.rt.workers.delegation


def test_pro_rata_to_the_last_unit(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    for who, amount in ((ALICE, 30 * UNIT), (BOB, 10 * UNIT), (CAROL, 3 * UNIT)):
        delegate(chain, who, amount)
    punish(chain, worker, STAKE + 7 * UNIT + 1)
    wait(chain, DEFER)
    assert chain.events(Slashing.Slashed)[0].taken == STAKE + 7 * UNIT + 1
    for who, amount in ((ALICE, 30 * UNIT), (BOB, 10 * UNIT), (CAROL, 3 * UNIT)):
        assert 0 <= abs(amount - staked(chain, who) - (7 * UNIT + 1) * amount // (43 * UNIT)) <= 1


def test_money_on_its_way_out_is_taken_as_well(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    delegate(chain, ALICE, 10 * UNIT)
    at = chain.rt.timestamp.now
    chain.call(OPERATOR, "Workers", "exit", worker=worker.key)
    chain.call(ALICE, "Workers", "undelegate", operator=OPERATOR, amount=10 * UNIT)
    wait(chain, UNBONDING - 100)
    punish(chain, worker, STAKE + 4 * UNIT, at=at)
    wait(chain, DEFER + 100)
    assert (staked(chain, OPERATOR), staked(chain, ALICE)) == (0, 6 * UNIT)
    chain.call(OPERATOR, "Workers", "withdraw", worker=worker.key)  # a stake of nothing comes to its end as well
    chain.call(ALICE, "Workers", "withdraw_delegation", operator=OPERATOR, delegator=ALICE)
    assert worker.record.state is WorkerState.Left and staked(chain, ALICE) == 0


def test_a_worker_slashed_below_the_least_stake_is_not_drawn_until_more_is_bonded(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    punish(chain, worker, 1)
    wait(chain, DEFER)
    assert worker.record.stake == STAKE - 1 and worker.record.state is not WorkerState.Idle
    chain.next_block()
    chain.send(worker.heartbeat())
    assert (worker.record.state, chain.rt.workers.eligible_count[0]) == (WorkerState.Registered, 0)
    chain.call(OPERATOR, "Workers", "bond_more", worker=worker.key, amount=1)
    chain.next_block()
    chain.send(worker.heartbeat())
    assert (worker.record.state, chain.rt.workers.eligible_count[0]) == (WorkerState.Idle, 1)


def test_a_serving_worker_leaves_the_list_with_its_slash(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    punish(chain, worker, 1)
    for _ in range(DEFER // STEP):
        chain.next_block(STEP)
        if chain.rt.slashing.next_due() is not None:
            chain.send(worker.heartbeat())
    assert chain.events(Workers.StateChanged) == [
        Workers.StateChanged(worker.key, WorkerState.Idle, WorkerState.Registered)
    ]
    assert not chain.rt.workers.eligible_count[0]


def test_money_that_cant_be_moved_stops_no_slash(chain: JobChain, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = chain.worker("w").register()
    delegate(chain, ALICE, 10 * UNIT)
    delegate(chain, BOB, 10 * UNIT)
    punish(chain, worker, STAKE + 20 * UNIT)
    info = chain.rt.system.account[ALICE]
    info.data.frozen = info.data.free + info.data.reserved  # as a lock over all would
    chain.rt.system.account[ALICE] = info
    wait(chain, DEFER)
    assert chain.events(Workers.NotTaken) == [Workers.NotTaken(ALICE, 10 * UNIT, Token("Frozen"))]
    assert chain.events(Slashing.Slashed)[0].taken == STAKE + 10 * UNIT
    assert (staked(chain, ALICE), staked(chain, BOB)) == (10 * UNIT, 0)
    assert chain.rt.workers.pool[OPERATOR].slashes == 0 and chain.rt.workers.pool[OPERATOR].delegated == 10 * UNIT


def test_dust_for_a_treasury_that_is_not_there_waits_for_the_next_slash(chain: JobChain) -> None:
    chain.rt.balances.transfer(CHAIN_TREASURY, ALICE, DEPOSIT)
    worker = chain.worker("w").register()
    punish(chain, worker, 1)
    wait(chain, DEFER)
    assert chain.rt.balances.free(POT) == DEPOSIT + 1
    punish(chain, worker, DEPOSIT, subject=b"next")
    wait(chain, DEFER)
    assert (chain.rt.balances.free(POT), chain.rt.balances.free(CHAIN_TREASURY)) == (DEPOSIT, DEPOSIT + 1)


def test_old_and_new_bonds_stay_apart_while_a_slash_is_open(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    delegate(chain, ALICE, 10 * UNIT)
    at = chain.rt.timestamp.now
    chain.next_block()
    delegate(chain, ALICE, 5 * UNIT)
    chain.next_block(UNBONDING - 100)
    assert punish(chain, worker, STAKE + 100 * UNIT, at=at) == STAKE + 10 * UNIT
    chain.next_block()
    delegate(chain, ALICE, UNIT)  # no other evidence could tell the first two bonds apart any more
    wait(chain, DEFER)
    assert chain.events(Slashing.Slashed)[0].taken == STAKE + 10 * UNIT
    assert staked(chain, ALICE) == 6 * UNIT
    delegate(chain, ALICE, UNIT)
    chain.next_block(UNBONDING)
    delegate(chain, ALICE, UNIT)  # now they are joined
    assert [part.amount for part in chain.rt.workers.delegation[OPERATOR, ALICE].position.parts] == [7 * UNIT, UNIT]


# Deferral


def test_governance_cancels(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    evidence = double_receipt(worker)
    report(chain, evidence)
    assert punish(chain, worker, UNIT, subject=b"more") == UNIT
    with noop(chain.rt, BadOrigin):
        chain.rt.dispatch(chain.rt.call("Slashing", "cancel", slash=0), signed(OPERATOR))
    chain.sudo("Slashing", "cancel", slash=0)
    assert chain.events(Slashing.Cancelled) == [Slashing.Cancelled(0)]
    assert chain.rt.balances.held(Slashing.HoldReason.Report, BOB) == 0
    assert chain.rt.workers.pool[OPERATOR].slashes == 1
    for gone in (0, 7):
        with noop(chain.rt, Slashing.UnknownSlash):
            chain.sudo("Slashing", "cancel", slash=gone)
    with noop(chain.rt, Slashing.AlreadyReported):
        report(chain, evidence)
    wait(chain, DEFER)
    assert [event.slash for event in chain.events(Slashing.Slashed)] == [1]
    assert staked(chain, OPERATOR) == STAKE - UNIT and worker.record.slashed == 1


def test_an_appeal_is_an_event(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    delegate(chain, ALICE, UNIT)
    punish(chain, worker, UNIT)
    with noop(chain.rt, Slashing.NotConcerned):
        chain.call(BOB, "Slashing", "appeal", slash=0, text=b"me too")
    for who in (OPERATOR, ALICE):
        chain.call(who, "Slashing", "appeal", slash=0, text=b"the clock was wrong")
    assert chain.events(Slashing.Appealed) == [
        Slashing.Appealed(0, who, b"the clock was wrong") for who in (OPERATOR, ALICE)
    ]
    chain.sudo("Slashing", "cancel", slash=0)
    with noop(chain.rt, Slashing.UnknownSlash):
        chain.call(OPERATOR, "Slashing", "appeal", slash=0, text=b"")


def test_what_falls_due_in_a_standstill_is_deferred_once_more(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    punish(chain, worker, UNIT)
    chain.next_block(2 * DEFER)
    now = chain.rt.timestamp.now
    assert chain.events(Slashing.DeferredAgain) == [Slashing.DeferredAgain(0, now + DEFER)]
    assert chain.rt.slashing.next_due() == now + DEFER and staked(chain, OPERATOR) == STAKE
    chain.next_block(2 * DEFER)  # a chain that always stands still does it at last
    assert [event.taken for event in chain.events(Slashing.Slashed)] == [UNIT]
    assert chain.rt.slashing.next_due() is None


def test_a_block_carries_out_so_many(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    for i in range(5):
        punish(chain, worker, 1, subject=bytes((i,)))
    wait(chain, DEFER)
    done = []
    for _ in range(3):
        done.append([event.slash for event in chain.events(Slashing.Slashed)])
        chain.next_block()
    assert done == [[0, 1], [2, 3], [4]]


# What the chain itself sees


def test_a_fault_counts_once_whoever_shows_it(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.agent()
    job = chain.submit()
    chain.next_block()
    slashing, subject = chain.rt.slashing, attempt_subject(job, 1)
    for expected in (UNIT, 0):
        stake = slashing.punish(
            worker.key, SlashReason.DoubleCommit, UNIT, subject=subject, evidence=b"", at=chain.rt.timestamp.now
        )
        assert stake == expected
    with noop(chain.rt, Slashing.AlreadyReported):
        report(chain, double_commit(worker, job))
    assert punish(chain, chain.worker("nobody"), UNIT) == 0
    assert punish(chain, worker, UNIT, subject=subject) == UNIT  # of the same attempt, but another fault
    now = chain.rt.timestamp.now
    assert slashing.slash[1] == Slash(
        worker.key, OPERATOR, SlashReason.WrongOutput, UNIT, now, now + DEFER, reporter=None, bond=0
    )


def test_whoever_made_the_chain_look_is_rewarded(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    punish(chain, worker, 10 * UNIT, reporter=CAROL)
    free = chain.rt.balances.free(CAROL)
    wait(chain, DEFER)
    assert chain.rt.balances.free(CAROL) == free + UNIT
    assert chain.events(Slashing.Slashed)[0].reward == UNIT


def test_nothing_at_risk(chain: JobChain) -> None:
    worker = chain.worker("w").register()
    chain.next_block()
    evidence = double_receipt(worker)
    assert punish(chain, worker, STAKE) == STAKE
    assert punish(chain, worker, 1, at=chain.rt.timestamp.now - 200, subject=b"before it bonded") == 0
    wait(chain, DEFER)
    with noop(chain.rt, Slashing.NothingAtRisk):
        report(chain, evidence)
    assert chain.rt.workers.position[worker.key].parts == list[Part]()


def test_constants_that_make_no_sense_are_refused(chain: JobChain) -> None:
    slashing = chain.rt.slashing
    for name, value in (("defer", 0), ("max_due", 0), ("equivocation", 0), ("discovery", UNBONDING - 2 * DEFER)):
        kept = getattr(slashing, name)
        setattr(slashing, name, value)
        with pytest.raises(ValueError):
            slashing.integrity_test()
        setattr(slashing, name, kept)
    slashing.integrity_test()
