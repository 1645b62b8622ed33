"""What a job calls back: one call of the chain, made once the job is settled, that takes its result.

A callback is a call's encoding without its last argument, a `Vec<u8>`; where the last argument is a call, or a list of
calls, without the last one's. When the job is settled the chain appends the SCALE encoding of `JobResult` as that
argument, and makes the call as the agent's callback account: keyless, and another than its treasury. Anybody who
submits a job chooses what is called, so that account should own nothing: that a call comes from it says that the chain
itself brings a result of this agent, and no more.

What may be called is on the runtime's list, at every level of calls within calls; nothing that makes jobs, moves an
agent's affairs, or calls by another's rights can be on it. All of that, and the weight with the longest result, is
checked when the job is submitted, and `submit` weighs, and so pays for, a callback of the greatest weight.

A callback runs in a storage layer of its own. That it fails is an event, and undoes nothing but itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import H256, U64, DispatchError, Weight, struct
from pallets.frame.origin import signed
from pallets.frame.runtime import Call
from pallets.primitives.codec import codec_of
from pallets.primitives.job import MAX_SEALED_OUTPUT, JobId
from pallets.primitives.pots import pot_account
from pallets.primitives.scale import DecodeError, compact

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs

MAX_CALLBACK = 1024
"""Bytes of a callback, the result left out."""
MAX_CALLBACK_WEIGHT = Weight(1_000_000_000, 100_000)
NEVER = frozenset({"Jobs", "Schedules", "Agents", "Sudo", "Proxy", "Multisig", "Cheats"})
"""Pallets no call of which may be called back, whatever the runtime lists."""


@struct(path="pallet_jobs::JobResult")
class JobResult:
    """What a callback is given."""

    job: JobId
    agent: U64
    output_hash: H256
    """As it was signed and voted on."""
    output: bytes
    """The bytes on the chain; of a sealed job, the vote hash and the box. None of one too large for the chain."""
    gas: U64


RESULT = codec_of(JobResult)
LONGEST = bytes(len(RESULT.encode(JobResult(0, 0, bytes(32), bytes(MAX_SEALED_OUTPUT), 0))))


def callback_account(agent: int) -> bytes:
    """The keyless account that an agent's callbacks come from."""
    return pot_account(b"fthmcall", agent)


def check_callback(jobs: Jobs, callback: bytes) -> Weight:
    """The most that a callback may weigh; raises why it can't be one."""
    if len(callback) > MAX_CALLBACK:
        raise jobs.CallbackTooLong
    try:
        call = _with_result(jobs, callback, LONGEST)
    except DecodeError:
        raise jobs.BadCallback from None
    # Equal to all zeros of this length: then it starts where the given bytes end, whatever they hold.
    if _last_argument(call) != LONGEST:
        raise jobs.BadCallback
    if any(each.name not in jobs.callable_back for each in call.nested()):
        raise jobs.CallbackNotAllowed
    weight = call.dispatch_info().weight
    if weight.any_gt(MAX_CALLBACK_WEIGHT):
        raise jobs.CallbackTooHeavy
    return weight


def call_back(jobs: Jobs, callback: bytes, result: JobResult) -> None:
    """Makes a settled job's callback, and says by an event how it went."""

    def check(inner: Call) -> None:
        if inner.name not in jobs.callable_back:
            raise jobs.CallbackNotAllowed

    error: DispatchError | None = None
    try:
        call = _with_result(jobs, callback, RESULT.encode(result))
        weight = call.dispatch_info().weight
        if weight.any_gt(MAX_CALLBACK_WEIGHT):
            raise jobs.CallbackTooHeavy
        jobs.system.register_weight(weight)
        jobs.runtime.dispatch(call, signed(callback_account(result.agent)).narrowed(check))
    except DispatchError as failure:
        error = failure
    except DecodeError:  # the runtime was upgraded meanwhile
        error = jobs.BadCallback()
    jobs.deposit(jobs.CalledBack(result.job, error))


def fit_to_call_back(names: frozenset[str]) -> bool:
    """Whether a runtime's list names nothing that must never be called back."""
    return NEVER.isdisjoint(name.partition(".")[0] for name in names)


def _with_result(jobs: Jobs, callback: bytes, result: bytes) -> Call:
    return jobs.runtime.decode_call(callback + compact(len(result)) + result)


def _last_argument(call: Call) -> object:
    """The last thing in a call's encoding."""
    last: object = call
    while isinstance(last, Call):
        last = last.arguments[-1] if last.arguments else None
        if isinstance(last, list) and last:
            last = last[-1]
    return last
