"""Whether workers live: the chain challenges each from time to time, and it answers by a heartbeat.

A worker that isn't leaving has one entry in the calendar `silence`. It is first when the worker is challenged: drawn
from the block's randomness around a mean that grows with the number of workers, so that challenges come one
`ChallengeSpacing` apart, however many they are. From then on it is when the answer has to be there. A heartbeat that
nobody asked for counts as well, and puts the next challenge off.

What fell due while the chain stood still is armed again: a challenge stays one, with all of its time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pallets.calendar import GAP, carry_out, due
from pallets.frame import DispatchError
from pallets.primitives.extrinsic import Ed25519
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import pot_account
from pallets.primitives.worker import benchmark_bytes, heartbeat_bytes
from pallets.primitives.worker_record import FULL_SPEED, LEAST_SPEED, LEAVING, SERVING, Worker, WorkerState, heaviest
from pallets.workers.classes import CLASS_WEIGHT, match
from pallets.workers.draw import weight_of

if TYPE_CHECKING:
    from pallets.workers.pallet import Workers

REWARDS = pot_account(b"fthmrwrd")
"""The keyless account that rewards for answers come from."""
BENCHMARK_INTERVAL = 3_600_000
"""The least time between two reports of a worker's speed, in milliseconds."""


def notice(workers: Workers, mix: bytes) -> int:
    """Challenges whose turn it is, and notes who hasn't answered; how many entries were due."""
    now = workers.timestamp.now
    workers.mix = mix
    parent = workers.attestation.recent_block(workers.system.parent_hash)
    if parent is not None and now - parent.moment > GAP:
        workers.excused_until = now
    fallen = due(workers.silence, now, workers.max_due)
    step = partial(_fall_due, workers)
    for entry in fallen:
        carry_out(workers.runtime, workers.silence, entry, step, partial(_give_up, workers))
    return len(fallen)


def _give_up(workers: Workers, worker: bytes, error: DispatchError) -> None:
    workers.deposit(workers.Abandoned(worker, error))


def note_life(workers: Workers, worker: bytes, record: Worker) -> None:
    """The worker lives and is attested: it is watched anew, and may be drawn if enough is staked on it."""
    record.last_heartbeat, record.challenged = workers.timestamp.now, False
    # A GPU is shown after the worker is attested, and may be lost to another one.
    if record.matched != workers.class_changes or not record.classes or record.info.gpu_evidence is not None:
        match(workers, worker, record)
        workers.system.register_weight(CLASS_WEIGHT * len(workers.classes))
    _watch(workers, worker, record)
    serving = WorkerState.Working if record.load else WorkerState.Idle
    workers.enter(worker, record, serving if record.stake >= workers.min_stake else WorkerState.Registered)


def forget(workers: Workers, worker: bytes, record: Worker) -> None:
    """The worker isn't challenged any more."""
    record.challenged = False
    if (record.due, worker) in workers.silence:
        del workers.silence[record.due, worker]


def check_heartbeat(workers: Workers, worker: bytes, number: int, hash: bytes, signature: bytes) -> Worker:
    """The record of the worker whose heartbeat this is; raises why it doesn't count."""
    record = workers.worker[worker]
    signed = heartbeat_bytes(workers.system.block_hash[0], worker, number, hash)
    if not workers.runtime.verify(Ed25519(signature), signed, worker):
        raise workers.BadSignature
    if record.state in LEAVING:
        raise workers.NotServing
    if not _is_fresh(workers, number, hash) or number <= record.heartbeat_block:
        raise workers.StaleHeartbeat
    soonest = record.last_heartbeat + workers.heartbeat_interval
    lives = record.state in SERVING or record.stake < workers.min_stake
    if lives and not record.challenged and workers.timestamp.now < soonest:
        raise workers.TooSoon
    fault = workers.attestation.fault(worker)
    if fault is not None:
        raise fault
    return record


def check_benchmark(
    workers: Workers, worker: bytes, work: int, elapsed: int, number: int, hash: bytes, signature: bytes
) -> Worker:
    """The record of the worker whose speed this is; raises why the report doesn't count."""
    record = workers.worker[worker]
    signed = benchmark_bytes(workers.system.block_hash[0], worker, work, elapsed, number, hash)
    if not workers.runtime.verify(Ed25519(signature), signed, worker):
        raise workers.BadSignature
    if record.state in LEAVING:
        raise workers.NotServing
    if not _is_fresh(workers, number, hash):
        raise workers.StaleBenchmark
    fault = workers.attestation.fault(worker)
    if fault is not None:
        raise fault
    attested_at = workers.attestation.attested[worker].attested_at
    if record.speed_at and (
        attested_at <= record.speed_at or workers.timestamp.now < record.speed_at + BENCHMARK_INTERVAL
    ):
        raise workers.BenchmarkTooSoon
    return record


def pay_answer(workers: Workers, record: Worker) -> None:
    """Pays for the answer to a challenge, by the worker's weight, as long as the pot has it."""
    limit = heaviest(workers.max_counted_stake)
    amount = workers.challenge_reward * weight_of(workers, record) // limit
    if 0 < amount <= workers.currency.reducible(REWARDS, keep_alive=True):
        workers.reward(record.info.operator, amount, REWARDS)


def speed_of(work: int, elapsed: int, reference: int) -> int:
    """A benchmark score: gas in so many milliseconds of the enclave's clock, against the reference's in one."""
    return max(LEAST_SPEED, min(FULL_SPEED, FULL_SPEED * work // (max(elapsed, 1) * reference)))


def _is_fresh(workers: Workers, number: int, hash: bytes) -> bool:
    """Whether a block is the newest, or no older than a worker may be silent."""
    block = workers.attestation.recent_block(hash)
    if block is None or block.number != number:
        raise workers.UnknownBlock
    newest = number == workers.system.number - 1
    return newest or workers.timestamp.now - block.moment <= workers.heartbeat_window


def _fall_due(workers: Workers, when: int, worker: bytes) -> None:
    record = workers.worker[worker]
    if when <= workers.excused_until:
        _watch(workers, worker, record)
    elif record.challenged:
        forget(workers, worker, record)
        workers.enter(worker, record, WorkerState.Unresponsive)
        return
    else:
        forget(workers, worker, record)
        record.challenged = True
        _watch(workers, worker, record)
        workers.deposit(workers.Challenged(worker, record.due))
    workers.worker[worker] = record


def _watch(workers: Workers, worker: bytes, record: Worker) -> None:
    """Arms a worker's entry: until when it has to answer, or when it is challenged next."""
    if (record.due, worker) in workers.silence:
        del workers.silence[record.due, worker]
    now = workers.timestamp.now
    record.due = now + (workers.heartbeat_window if record.challenged else _pause(workers, worker, now))
    workers.silence[record.due, worker] = None


def _pause(workers: Workers, worker: bytes, now: int) -> int:
    """How long until a worker is challenged: evenly drawn from half to one and a half of the mean."""
    mean = max(workers.challenge_interval, len(workers.silence) * workers.challenge_spacing)
    chance = blake2_256(workers.mix + worker + now.to_bytes(8, "little"))
    return mean // 2 + int.from_bytes(chance[:8], "little") % mean
