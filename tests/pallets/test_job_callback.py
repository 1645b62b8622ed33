"""Callbacks: what may be called back, what it is given, and that its failure is its own."""

from __future__ import annotations

from typing import Any

import pytest

from pallets.balances.pallet import Balances
from pallets.frame.events import Token
from pallets.frame.origin import RawRoot, SystemOrigin
from pallets.frame.runtime import Call
from pallets.frame.testing import noop
from pallets.jobs.callback import (
    MAX_CALLBACK_WEIGHT,
    RESULT,
    JobResult,
    call_back,
    callback_account,
    check_callback,
    fit_to_call_back,
)
from pallets.jobs.pallet import Jobs
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import JobState
from pallets.primitives.keys import dev_keypair
from pallets.runtime import CALLABLE_BACK, DevRuntime
from pallets.schedules import Schedules
from pallets.system.pallet import System
from pallets.utility import Utility
from tests.pallets.dev_chain import DevChain
from tests.pallets.job_chain import ALICE, BOB, UNIT, JobChain, TestWorker

BACK = callback_account(0)


@pytest.fixture
def chain() -> JobChain:
    chain = JobChain()
    chain.agent()
    return chain


@pytest.fixture
def worker(chain: JobChain) -> TestWorker:
    return chain.worker("a").register()


def remark(chain: Any, name: str = "remark_with_event", text: bytes = b"") -> Call:
    call: Call = chain.rt.call("System", name, remark=text)
    return call


def batch(chain: JobChain, *calls: Call, name: str = "batch_all") -> Call:
    return chain.rt.call("Utility", name, calls=list(calls))


def send(chain: JobChain, amount: int) -> Call:
    return chain.rt.call("Balances", "transfer_keep_alive", dest=BOB, value=amount)


def outcome(rt: Any) -> tuple[int, str] | None:
    """Job and result of the last callback."""
    for event in reversed(rt.events):
        if isinstance(event, Jobs.CalledBack):
            return event.job, "ok" if event.result is None else repr(event.result)
    return None


def open_ended(call: Call) -> bytes:
    """A call's encoding without its last argument, an empty `Vec<u8>` so far."""
    encoded = call.encoded()
    assert encoded.endswith(b"\0")
    return encoded[:-1]


def settled(chain: JobChain, worker: TestWorker, call: Call | bytes) -> int:
    """A job that was just settled, with this callback."""
    job = chain.submit(callback=call if isinstance(call, bytes) else open_ended(call))
    chain.blocks(2)
    chain.send(worker.commit(job, b"output", gas=7))
    assert chain.job(job).state is JobState.Settled
    return job


def result_of(job: int) -> bytes:
    return RESULT.encode(JobResult(job, 0, blake2_256(b"output"), b"output", 7))


def test_a_result() -> None:
    fields = (5).to_bytes(8, "little"), (3).to_bytes(8, "little"), b"h" * 32, b"\x18output", (7).to_bytes(8, "little")
    assert RESULT.encode(JobResult(5, 3, b"h" * 32, b"output", 7)) == b"".join(fields)
    assert callback_account(3) == b"modlfthmcall\3" + bytes(19)


def test_called_back_when_settled(chain: JobChain, worker: TestWorker) -> None:
    callback = open_ended(remark(chain))
    job = chain.submit(callback=callback)
    chain.blocks(2)
    assert chain.rt.jobs.callback.get(job) == callback
    chain.send(worker.commit(job, b"output", gas=7))
    assert chain.events(System.Remarked) == [System.Remarked(BACK, blake2_256(result_of(job)))]
    kinds = [type(event) for event in chain.rt.events]
    assert kinds.index(Jobs.Settled) < kinds.index(System.Remarked) < kinds.index(Jobs.CalledBack)
    assert outcome(chain.rt) == (job, "ok")
    assert job not in chain.rt.jobs.callback


def test_the_result_goes_to_the_last_of_calls_in_calls(chain: JobChain, worker: TestWorker) -> None:
    inner = batch(chain, remark(chain, text=b"first"), remark(chain))
    job = settled(chain, worker, chain.rt.call("Utility", "as_derivative", index=9, call=inner))
    first, last = chain.events(System.Remarked)
    assert (first.hash, last.hash) == (blake2_256(b"first"), blake2_256(result_of(job)))
    assert first.sender == last.sender != BACK
    assert outcome(chain.rt) == (job, "ok")


def test_a_failure_undoes_the_callback_and_nothing_else(chain: JobChain, worker: TestWorker) -> None:
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=BACK, value=UNIT)
    before = chain.rt.balances.free(BOB)
    job = settled(chain, worker, batch(chain, send(chain, UNIT // 2), send(chain, UNIT), remark(chain)))
    assert outcome(chain.rt) == (job, repr(Token("FundsUnavailable")))
    assert not chain.events(System.Remarked) and not chain.events(Utility.ItemCompleted)
    assert (chain.rt.balances.free(BACK), chain.rt.balances.free(BOB)) == (UNIT, before)
    assert chain.events(Jobs.Settled) and chain.rt.jobs.output.get(job) == b"output"
    assert chain.rt.jobs.claimable[worker.info.operator] > 0
    assert job not in chain.rt.jobs.callback


def test_what_succeeds_stays(chain: JobChain, worker: TestWorker) -> None:
    chain.call(ALICE, "Balances", "transfer_keep_alive", dest=BACK, value=UNIT)
    chain.blocks(1)
    settled(chain, worker, batch(chain, send(chain, UNIT // 2), remark(chain)))
    assert chain.rt.balances.free(BACK) == UNIT // 2
    assert len(chain.events(Balances.Transfer)) == 1


def test_a_callback_weighs_where_it_runs(chain: JobChain, worker: TestWorker) -> None:
    def mandatory_weight(callback: bytes | None) -> int:
        job = chain.submit(callback=callback)
        chain.blocks(2)
        before = chain.rt.system.block_weight.mandatory
        chain.send(worker.commit(job, b"output", gas=7))
        return chain.rt.system.block_weight.mandatory.ref_time - before.ref_time

    call = remark(chain)
    assert mandatory_weight(None) == 0
    longer = chain.rt.decode_call(open_ended(call) + bytes((4 * len(result_of(0)),)) + result_of(0))
    assert len(result_of(0)) < 64
    assert mandatory_weight(open_ended(call)) == longer.dispatch_info().weight.ref_time


def test_nobody_calls_back_for_a_job_that_expires(chain: JobChain) -> None:
    job = chain.submit(callback=open_ended(remark(chain)))
    chain.call(ALICE, "Jobs", "cancel", job=job)
    assert job not in chain.rt.jobs.callback and not chain.events(Jobs.CalledBack)


def test_a_callback_is_prepaid(chain: JobChain) -> None:
    def weight(callback: bytes | None) -> Any:
        terms: dict[str, Any] = {"agent": 0, "input": InlineInput(b""), "mode": Mode.Deterministic, "replicas": 1}
        terms |= {"max_fee": 1, "deadline": 1, "callback": callback}
        return chain.rt.call("Jobs", "submit", **terms).dispatch_info().weight

    assert weight(b"") == weight(None) + MAX_CALLBACK_WEIGHT


def heavy(chain: JobChain) -> bytes:
    return open_ended(batch(chain, *[send(chain, 1)] * 7, remark(chain)))


@pytest.mark.parametrize(
    ("callback", "error"),
    [
        (lambda chain: b"", Jobs.BadCallback),
        (lambda chain: b"\xff\xff", Jobs.BadCallback),
        (lambda chain: remark(chain).encoded(), Jobs.BadCallback),
        (lambda chain: open_ended(remark(chain)) + b"\4", Jobs.BadCallback),
        (lambda chain: open_ended(remark(chain)) + b"\x5a\x04\x04\x00", Jobs.BadCallback),
        (lambda chain: send(chain, 1).encoded(), Jobs.BadCallback),
        (lambda chain: send(chain, 1).encoded()[:-1], Jobs.BadCallback),
        (lambda chain: batch(chain, remark(chain), send(chain, 1)).encoded(), Jobs.BadCallback),
        (lambda chain: batch(chain).encoded()[:-1], Jobs.BadCallback),
        (lambda chain: open_ended(remark(chain)) + bytes(1025), Jobs.CallbackTooLong),
        (lambda chain: open_ended(chain.rt.call("Agents", "upload_code", code=b"")), Jobs.CallbackNotAllowed),
        (heavy, Jobs.CallbackTooHeavy),
    ],
)
def test_refused_at_submission(chain: JobChain, callback: Any, error: Any) -> None:
    given = callback(chain)
    with noop(chain.rt, error):
        chain.submit(callback=given)
    with noop(chain.rt, error):  # a schedule's too
        chain.call(
            ALICE,
            "Schedules",
            "schedule",
            agent=0,
            input=InlineInput(b""),
            mode=Mode.Deterministic,
            replicas=1,
            max_fee=UNIT,
            deadline=60_000,
            callback=given,
            first=chain.rt.timestamp.now + 1,
            interval=0,
            count=1,
        )


def test_a_schedule_calls_back(chain: JobChain, worker: TestWorker) -> None:
    terms: dict[str, Any] = {"agent": 0, "input": InlineInput(b""), "mode": Mode.Deterministic, "replicas": 1}
    terms |= {"max_fee": UNIT, "deadline": 60_000, "callback": open_ended(remark(chain))}
    chain.call(ALICE, "Schedules", "schedule", **terms, first=chain.rt.timestamp.now + 100, interval=0, count=1)
    chain.next_block()
    assert chain.events(Schedules.Ran) == [Schedules.Ran(0, 0)]
    chain.blocks(2)
    chain.send(worker.commit(0, b"output", gas=7))
    assert outcome(chain.rt) == (0, "ok")


# The development chain's own list


WHO = dev_keypair("Alice").account_id
FORBIDDEN: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Balances", "transfer_keep_alive", {"dest": WHO, "value": 1}),
    ("Jobs", "claim", {}),
    ("Jobs", "cancel", {"job": 0}),
    ("Schedules", "unschedule", {"schedule": 0}),
    ("Agents", "pause", {"agent": 0}),
    ("Sudo", "remove_key", {}),
    ("Proxy", "remove_proxies", {}),
    ("Workers", "exit", {"worker": WHO}),
    ("System", "set_code", {"code": b""}),
)


@pytest.fixture(scope="module")
def dev() -> DevRuntime:
    return DevChain().runtime()


def around(rt: DevRuntime, call: Call) -> list[Call]:
    """A call, and calls that make it."""
    return [
        call,
        rt.call("Sudo", "sudo", call=call),
        rt.call("Proxy", "proxy", real=WHO, force_proxy_type=None, call=call),
        rt.call("Multisig", "as_multi_threshold_1", other_signatories=[WHO], call=call),
        rt.call("Utility", "as_derivative", index=0, call=call),
        rt.call("Utility", "batch", calls=[call]),
        rt.call("Utility", "dispatch_as", as_origin=SystemOrigin(RawRoot()), call=call),
    ]


@pytest.mark.parametrize(("pallet", "name", "arguments"), FORBIDDEN)
def test_nothing_else_is_called_back_however_deep(
    dev: DevRuntime, pallet: str, name: str, arguments: dict[str, Any]
) -> None:
    end = dev.call("System", "remark", remark=b"")
    for each in around(dev, dev.call(pallet, name, **arguments)):
        for outer in ("batch", "batch_all", "force_batch"):
            call = dev.call("Utility", outer, calls=[end, dev.call("Utility", outer, calls=[each, end])])
            with pytest.raises(Jobs.CallbackNotAllowed):
                check_callback(dev.jobs, open_ended(call))
        with pytest.raises(Jobs.CallbackNotAllowed):
            check_callback(dev.jobs, open_ended(dev.call("Utility", "if_else", main=each, fallback=end)))


def test_nor_is_an_allowed_call_by_anothers_right(dev: DevRuntime) -> None:
    end = dev.call("System", "remark", remark=b"")
    allowed, refused = [], []
    for call in around(dev, end):
        ending = dev.call("Utility", "batch", calls=[call, end])
        try:
            check_callback(dev.jobs, open_ended(ending))
        except Jobs.CallbackNotAllowed:
            refused.append(call.name)
        else:
            allowed.append(call.name)
    assert allowed == ["System.remark", "Utility.as_derivative", "Utility.batch"]
    assert refused == ["Sudo.sudo", "Proxy.proxy", "Multisig.as_multi_threshold_1", "Utility.dispatch_as"]


def test_what_makes_jobs_or_calls_by_anothers_right_can_not_be_listed() -> None:
    assert fit_to_call_back(CALLABLE_BACK)
    for name in ("Jobs.submit", "Schedules.schedule", "Agents.create", "Sudo.sudo", "Proxy.proxy", "Multisig.as_multi"):
        assert not fit_to_call_back(CALLABLE_BACK | {name})


def test_calls_are_checked_again_when_they_are_made(dev: DevRuntime) -> None:
    """A list that an upgrade has shortened meanwhile counts, within allowed calls too."""
    end = dev.call("System", "remark", remark=b"")
    inner = dev.call("Balances", "transfer_keep_alive", dest=WHO, value=1)
    for call in (dev.call("Agents", "upload_code", code=b""), dev.call("Utility", "batch_all", calls=[inner, end])):
        call_back(dev.jobs, open_ended(call), JobResult(0, 0, bytes(32), b"output", 1))
        assert outcome(dev) == (0, "CallbackNotAllowed()")
    call_back(dev.jobs, b"\xff\xff", JobResult(0, 0, bytes(32), b"output", 1))
    assert outcome(dev) == (0, "BadCallback()")
