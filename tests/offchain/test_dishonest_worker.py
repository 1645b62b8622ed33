"""What a worker can't get away with: made of the honest worker's own pieces, sent to a real node.

Each test ends with the chain's answer by name, and with what the chain holds then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import trio

from offchain import records
from offchain.attestation import SimulatedEnclave, worker_info
from offchain.chain import Head, refusal_of
from offchain.execution import Program, signed_output
from offchain.journal import SignedOutput
from offchain.keys import WorkerKeys
from offchain.rpc import CallFailed
from offchain.sandbox.base import Success
from offchain.simulated_tee import Authority
from pallets.attestation.pallet import Attestation
from pallets.jobs.pallet import Jobs
from pallets.primitives.job import NO_TRANSCRIPT
from pallets.primitives.job_record import Job, JobState
from pallets.primitives.keys import Keypair
from pallets.primitives.worker import WorkerInfo, heartbeat_bytes
from pallets.primitives.worker_record import WorkerState
from pallets.workers.pallet import Workers
from tests.offchain.real_node import ECHO, STAKE, Scene, call_bytes, entropy

OPERATOR, ACCOMPLICE = (Keypair.from_suri(f"//Worker//{number}") for number in (1, 2))
BAD_SIGNATURE = "Transaction has a bad signature"
MINUTE = 60_000


class Liar:
    """A worker's keys, operator and enclave, to be misused one by one."""

    def __init__(self, scene: Scene, runtime_id: bytes, seed: int = 1, operator: Keypair = OPERATOR) -> None:
        self.scene, self.runtime_id, self.operator = scene, runtime_id, operator
        self.keys = WorkerKeys.generate(entropy(seed))
        self.enclave = SimulatedEnclave.of(self.keys.worker_key, runtime_id)

    @property
    def info(self) -> WorkerInfo:
        return worker_info(self.keys, self.operator.account_id, self.scene.chain.genesis, self.runtime_id)

    async def quote(self, info: WorkerInfo | None = None, block: Head | None = None) -> bytes:
        block = block or await self.scene.chain.best()
        return self.enclave.quote((info or self.info).report_data(block.hash))

    async def register(self, info: WorkerInfo | None = None, quote: bytes | None = None) -> str:
        """The name of the error that a registration comes to, empty if none."""
        call = records.register(info or self.info, quote or await self.quote(), STAKE)
        return error_name(await self.scene.outcome(self.operator, call))

    async def given_a_job(self, agent: int, input: bytes = b"hello") -> tuple[int, Job]:
        id = await self.scene.submit(agent, input)
        assigned = await self.scene.seen(Jobs.Assigned, job=id)
        assert assigned.workers == [self.keys.worker_key]
        return id, self.scene.state.jobs.job[id]

    def output(self, id: int, job: Job, output: bytes = b"hello!", gas: int = 100, attempt: int = 1) -> SignedOutput:
        found = Success(output, gas)
        program, genesis = Program(b"", b""), self.scene.chain.genesis
        return signed_output(self.keys, genesis, id, attempt, job, program, found, self.runtime_id)

    async def commit(self, id: int, signed: SignedOutput, attempt: int = 1, worker: bytes | None = None) -> str:
        """What the pool says of a commit, empty if it takes it."""
        key = worker or self.keys.worker_key
        call = records.commit(id, attempt, signed.on_chain, NO_TRANSCRIPT, signed.gas, key, signed.signature)
        return await self.bare(call)

    async def bare(self, call: bytes) -> str:
        try:
            await self.scene.chain.submit_bare(call)
        except CallFailed as error:
            return refusal_of(error)
        return ""


def error_name(error: Exception | None) -> str:
    return "" if error is None else type(error).__name__


@pytest.fixture
async def liar(scene: Scene, runtime_id: bytes) -> Liar:
    return Liar(scene, runtime_id)


@pytest.fixture
async def seated(liar: Liar) -> AsyncIterator[Liar]:
    """A registered worker that will be given every job."""
    assert await liar.register() == ""
    yield liar


# Keys and quotes


async def test_a_quote_serves_no_other_key(liar: Liar, runtime_id: bytes) -> None:
    other = Liar(liar.scene, runtime_id, seed=2)
    assert await liar.register(info=other.info, quote=await liar.quote()) == "InfoNotBound"
    assert await liar.register(info=replace(liar.info, seal_key=bytes(32)), quote=await liar.quote()) == "InfoNotBound"
    assert list(liar.scene.state.workers.worker) == []


async def test_a_quote_serves_no_other_operator(liar: Liar, runtime_id: bytes) -> None:
    stolen, info = await liar.quote(), replace(liar.info, operator=ACCOMPLICE.account_id)
    thief = Liar(liar.scene, runtime_id, operator=ACCOMPLICE)
    assert await thief.register(info=liar.info, quote=stolen) == "NotOperator"
    assert await thief.register(info=info, quote=stolen) == "InfoNotBound"


async def test_a_quote_counts_once(seated: Liar) -> None:
    quote = await seated.quote()
    reattest = records.reattest(seated.info, quote)
    assert await seated.scene.outcome(OPERATOR, reattest) is None
    assert error_name(await seated.scene.outcome(OPERATOR, reattest)) == "QuoteReused"
    longer = records.reattest(seated.info, quote + b"\0")  # another spelling of the same quote
    assert error_name(await seated.scene.outcome(OPERATOR, longer)) == "QuoteReused"
    assert len(seated.scene.all(Attestation.Attested)) == 2


async def test_a_quote_is_of_this_chain_and_of_now(liar: Liar, runtime_id: bytes) -> None:
    scene = liar.scene
    foreign = replace(liar.info, genesis=b"f" * 32)
    assert await liar.register(foreign, await liar.quote(foreign)) == "WrongGenesis"
    unknown = await liar.quote(block=Head(1, b"u" * 32))
    assert await liar.register(quote=unknown) == "StaleQuote"
    old = await scene.chain.best()
    await scene.travel(11 * MINUTE)
    assert await liar.register(quote=await liar.quote(block=old)) == "StaleQuote"
    assert await liar.register() == ""


async def test_an_enclave_is_one_that_is_known_and_sound(liar: Liar) -> None:
    honest = liar.enclave
    elsewhere = SimulatedEnclave.of(liar.keys.worker_key, b"another runtime".ljust(32)).measurements
    attempts = [
        (replace(honest, measurements=elsewhere), "MeasurementNotAllowed"),
        (replace(honest, measurements=replace(honest.measurements, debug=True)), "DebugEnclave"),
        (replace(honest, authority=Authority(b"somebody's own root".ljust(32))), "UnknownRoot"),
        (replace(honest, platform=replace(honest.platform, fmspc=b"ALIENS")), "NoCollateral"),
    ]
    for liar.enclave, error in attempts:
        assert await liar.register() == error
    liar.enclave = honest
    unlisted = replace(liar.info, runtime_id=b"another runtime".ljust(32))
    assert await liar.register(unlisted, await liar.quote(unlisted)) == "RuntimeNotAllowed"


# Heartbeats


async def test_a_heartbeat_is_the_workers_own_and_of_a_later_block(seated: Liar, runtime_id: bytes) -> None:
    scene, key, genesis = seated.scene, seated.keys.worker_key, seated.scene.chain.genesis
    other = WorkerKeys.generate(entropy(2))
    await scene.travel(50_000)
    before = scene.state.workers.worker[key]
    head = await scene.chain.best()

    def beat(block: Head, keys: WorkerKeys = seated.keys, chain: bytes = genesis, number: int | None = None) -> bytes:
        named = block.number if number is None else number
        signature = keys.sign(heartbeat_bytes(chain, key, named, block.hash))
        return records.heartbeat(key, named, block.hash, signature)

    assert await seated.bare(beat(head, keys=other)) == BAD_SIGNATURE
    assert await seated.bare(beat(head, chain=b"f" * 32)) == BAD_SIGNATURE
    assert await seated.bare(beat(head, number=head.number + 1)) == "UnknownBlock"
    assert await seated.bare(beat(Head(head.number, b"u" * 32))) == "UnknownBlock"
    signature = other.sign(heartbeat_bytes(genesis, other.worker_key, head.number, head.hash))
    assert await seated.bare(records.heartbeat(other.worker_key, head.number, head.hash, signature)) == "UnknownWorker"
    first = Head(before.heartbeat_block, await scene.chain.hash_of(before.heartbeat_block) or b"")
    assert await seated.bare(beat(first)) == "StaleHeartbeat"
    assert scene.state.workers.worker[key] == before
    assert await seated.bare(beat(head)) == ""
    await scene.node.producer.create_block(create_empty=True)
    assert scene.state.workers.worker[key].heartbeat_block == head.number
    assert await seated.bare(beat(head)) in ("StaleHeartbeat", "TooSoon")


# Outputs


async def test_an_output_under_another_key_counts_for_nobody(seated: Liar, runtime_id: bytes) -> None:
    scene, other = seated.scene, Liar(seated.scene, runtime_id, seed=2, operator=ACCOMPLICE)
    id, job = await seated.given_a_job(await scene.deploy(ECHO))
    theirs = other.output(id, job)
    assert await seated.commit(id, theirs) == BAD_SIGNATURE
    assert await other.commit(id, theirs) == "WrongWorker"  # it is not even registered
    assert await other.register() == ""
    assert await other.commit(id, theirs) == "WrongWorker"
    assert await other.commit(id, seated.output(id, job)) == BAD_SIGNATURE
    assert scene.state.jobs.job[id].state is JobState.Assigned
    assert await seated.commit(id, seated.output(id, job)) == ""
    await scene.seen(Jobs.Settled, job=id)


async def test_what_is_signed_is_what_counts(seated: Liar) -> None:
    scene = seated.scene
    id, job = await seated.given_a_job(await scene.deploy(ECHO))
    signed = seated.output(id, job)
    assert await seated.commit(id, replace(signed, output=b"something else")) == BAD_SIGNATURE
    assert await seated.commit(id, replace(signed, gas=signed.gas + 1)) == BAD_SIGNATURE
    assert await seated.commit(id, signed, attempt=2) == BAD_SIGNATURE
    assert await seated.commit(id, seated.output(id, replace(job, code=bytes(32)))) == BAD_SIGNATURE
    assert await seated.commit(id, seated.output(id, replace(job, input=bytes(32)))) == BAD_SIGNATURE
    assert await seated.commit(id, seated.output(id + 1, job)) == BAD_SIGNATURE
    assert await seated.commit(id + 1, seated.output(id + 1, job)) == "UnknownJob"
    assert await seated.commit(id, seated.output(id, job, attempt=2), attempt=2) == "WrongAttempt"
    seated.runtime_id = b"another runtime".ljust(32)
    assert await seated.commit(id, seated.output(id, job)) == BAD_SIGNATURE
    assert scene.state.jobs.job[id].state is JobState.Assigned


async def test_gas_has_a_limit(seated: Liar) -> None:
    id, job = await seated.given_a_job(await seated.scene.deploy(ECHO))
    greedy = seated.output(id, job, gas=job.gas_limit + 1)
    assert await seated.commit(id, greedy) == "GasAboveLimit"
    assert await seated.commit(id, seated.output(id, job, gas=job.gas_limit)) == ""
    settled = await seated.scene.seen(Jobs.Settled, job=id)
    assert settled.fee == job.gas_limit * job.price <= job.max_fee


async def test_a_job_is_committed_once(seated: Liar) -> None:
    scene = seated.scene
    id, job = await seated.given_a_job(await scene.deploy(ECHO))
    assert await seated.commit(id, seated.output(id, job)) == ""
    await scene.seen(Jobs.Settled, job=id)
    owed = scene.state.jobs.claimable[OPERATOR.account_id]
    assert owed > 0
    assert await seated.commit(id, seated.output(id, job)) == "AlreadyCommitted"
    assert await seated.commit(id, seated.output(id, job, b"on second thoughts", 200)) == "AlreadyCommitted"
    await scene.node.producer.create_block(create_empty=True)
    assert scene.state.jobs.output.get(id) == b"hello!"
    assert scene.state.jobs.claimable[OPERATOR.account_id] == owed
    assert len(scene.all(Jobs.Committed, job=id)) == len(scene.all(Jobs.Settled, job=id)) == 1


async def test_two_outputs_at_once_settle_one(seated: Liar) -> None:
    scene = seated.scene
    id, job = await seated.given_a_job(await scene.deploy(ECHO))
    first, second = seated.output(id, job), seated.output(id, job, b"another", 200)
    said: list[str] = []

    async def send(signed: SignedOutput) -> None:
        said.append(await seated.commit(id, signed))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, first)
        nursery.start_soon(send, second)
    await scene.seen(Jobs.Settled, job=id)
    assert said.count("") == 1
    assert len(scene.all(Jobs.Committed, job=id)) == 1


async def test_late_is_too_late(seated: Liar) -> None:
    scene = seated.scene
    agent = await scene.deploy(ECHO)
    id, job = await seated.given_a_job(agent)
    late = seated.output(id, job)
    await scene.travel(16_000)
    await scene.seen(Jobs.Assigned, job=id, attempt=2)
    assert await seated.commit(id, late) == "WrongAttempt"
    for _ in range(2):
        await scene.travel(16_000)
    await scene.seen(Jobs.Expired, job=id, refunded=job.max_fee)
    assert await seated.commit(id, late) == "NotAssigned"
    assert not scene.all(Jobs.Committed) and scene.state.jobs.output.get(id) is None
    assert scene.state.workers.worker[seated.keys.worker_key].missed == 3


async def test_a_revoked_key_earns_nothing(seated: Liar) -> None:
    scene = seated.scene
    id, job = await seated.given_a_job(await scene.deploy(ECHO))
    await scene.sudo("Attestation", "revoke", worker=seated.keys.worker_key)
    assert await seated.commit(id, seated.output(id, job)) == "KeyRevoked"
    assert (
        error_name(await scene.outcome(OPERATOR, records.reattest(seated.info, await seated.quote()))) == "KeyRevoked"
    )


async def test_nobody_leaves_with_the_stake_at_once(seated: Liar) -> None:
    scene, key = seated.scene, seated.keys.worker_key
    exit, withdraw = (call_bytes("Workers", name, worker=key) for name in ("exit", "withdraw"))
    assert error_name(await scene.outcome(OPERATOR, withdraw)) == "NotLeaving"
    assert error_name(await scene.outcome(ACCOMPLICE, exit)) == "NotOperator"
    assert await scene.outcome(OPERATOR, exit) is None
    assert error_name(await scene.outcome(OPERATOR, withdraw)) == "StillCoolingDown"
    assert await seated.register() == "AlreadyRegistered"
    assert scene.state.workers.worker[key].state is WorkerState.CoolingDown
    assert not scene.all(Workers.Withdrawn)
