"""A chain of workers and jobs in memory: real blocks, real inherents, real keys, quotes of simulated hardware."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypeVar, cast

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from offchain.simulated_tee import (
    Platform,
    SgxMeasurements,
    TdxMeasurements,
    collateral,
    dev_root,
    mint_quote,
)
from offchain.simulated_tee import Tee as TeeName
from offchain.simulated_tee.gpu import dev_gpu_root
from pallets.agents.pallet import Agents
from pallets.attestation.pallet import Attestation
from pallets.aura import Aura
from pallets.balances.pallet import Balances
from pallets.frame import Event
from pallets.frame.executive import Executive
from pallets.frame.genesis import build_genesis
from pallets.frame.origin import ROOT, signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.frame.validity import TransactionSource, ValidTransaction
from pallets.frame.weights import REF_TIME_PER_SECOND, DbWeight, block_length, block_weights
from pallets.jobs.pallet import Jobs
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.attestation_record import Tee
from pallets.primitives.codec import codec_of
from pallets.primitives.extrinsic import bare_extrinsic
from pallets.primitives.hash_onion import IDENTIFIER, HashOnions
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import AURA_ENGINE, SLOT, Header, PreRuntime
from pallets.primitives.job import (
    NO_TRANSCRIPT,
    InlineInput,
    InlineOutput,
    Input,
    Mode,
    Output,
    Word,
    commit_hash,
    job_commit_bytes,
    job_output_bytes,
    job_record_bytes,
    job_word_bytes,
)
from pallets.primitives.job_record import Job, Shares
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.primitives.types import Moment
from pallets.primitives.worker import VERSION, WorkerInfo, heartbeat_bytes, runtime_id
from pallets.primitives.worker_record import Worker
from pallets.randomness.pallet import Randomness
from pallets.runtime import CALLABLE_BACK
from pallets.schedules import Schedules
from pallets.session import Session
from pallets.slashing.pallet import Slashing
from pallets.system.pallet import System
from pallets.timestamp import Timestamp
from pallets.triggers import Triggers
from pallets.utility import Utility
from pallets.workers.pallet import Workers
from tests.pallets.dividend_chain import TokenRuntime

UNIT = 10**12
DEPOSIT = UNIT // 1000
STAKE = 100 * UNIT
SLOT_DURATION = 100
ONION_LAYERS = 1000
START = 1_772_323_200_000
"""2026-03-01 in milliseconds: block 1."""
ISSUED, TEN_YEARS = 1_767_225_600, 10 * 365 * 86_400
"""2026-01-01 in seconds, when the simulated hardware's collateral is issued; it holds ten years."""

AUTHORITY = b"\xaa" * 32
ALICE, BOB, CAROL = b"\xa1" * 32, b"\xb0" * 32, b"\xca" * 32
OPERATORS = tuple(bytes((0xD0 + i,)) * 32 for i in range(4))
CHAIN_TREASURY = b"modlpy/trsry".ljust(32, b"\0")

RUNTIME_ID = runtime_id("engine", "1.0", b"wasm", b"prelude", b"config")
SGX, TDX = SgxMeasurements.of_runtime(RUNTIME_ID), TdxMeasurements.of_runtime(RUNTIME_ID)
CODE = b"export default async function main(input) { return input }"
POLICY = AgentPolicy(price=3, max_gas=10**9, shares=Shares(700_000, 200_000, 50_000, 50_000), narrow=False)

SALT = b"\x5a" * 32

E = TypeVar("E", bound=Event)


class JobRuntime(TokenRuntime):
    """The pallets of a job's life, and those they stand on."""

    version = RuntimeVersion("jobs", "jobs", 1, 1, 1, [], 1, 1)
    block_seconds = 2
    """What fits into a block, by reference time."""

    def compose(self) -> None:
        self.system = System(
            index=0,
            block_weights=block_weights(self.block_seconds * REF_TIME_PER_SECOND, (1 << 64) - 1),
            block_length=block_length(1 << 22),
            block_hash_count=64,
            db_weight=DbWeight(25_000_000, 100_000_000),
            version=self.version,
            ss58_prefix=42,
        )
        self.aura = Aura(index=3, system=self.system, slot_duration=SLOT_DURATION)
        self.timestamp = Timestamp(index=2, minimum_period=SLOT_DURATION // 2, on_set=self.aura)
        self.session = Session(index=9, system=self.system)
        self.balances = Balances(index=5, system=self.system, existential_deposit=DEPOSIT)
        self.utility = Utility(index=8, system=self.system)
        self.attestation = Attestation(
            index=21,
            system=self.system,
            timestamp=self.timestamp,
            max_quote_age=600_000,
            on_gpu=lambda worker: self.workers.rematch(worker),
        )
        self.workers = Workers(
            index=20,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            min_stake=STAKE,
            max_counted_stake=4 * STAKE,
            max_load=2,
            heartbeat_interval=5_000,
            heartbeat_window=65_000,
            challenge_interval=20_000,
            challenge_spacing=50,
            challenge_reward=UNIT,
            reference_speed=1_000,
            unbonding=3_600_000,
            min_delegation=UNIT,
            max_due=8,
        )
        self.slashing = Slashing(
            index=27,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            workers=self.workers,
            jobs=lambda: self.jobs,
            chain_treasury=CHAIN_TREASURY,
            defer=600_000,
            discovery=1_800_000,
            equivocation=STAKE // 2,
            report_bond=UNIT,
            max_due=2,
        )
        self.compose_tokens()
        self.agents = Agents(
            index=23,
            timestamp=self.timestamp,
            currency=self.balances,
            holders=self.dividends,
            classes=self.workers,
            max_gas=10**10,
            requirements_deposit=UNIT,
        )
        self.jobs = Jobs(
            index=22,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            attestation=self.attestation,
            workers=self.workers,
            payees=self.agents,
            beacon=lambda: self.randomness,
            penalties=self.slashing,
            chain_treasury=CHAIN_TREASURY,
            callable_back=CALLABLE_BACK | {"Balances.transfer_keep_alive"},
            max_gas=10**10,
            min_deadline=45_000,
            acknowledge_within=20_000,
            max_window=300_000,
            challenge_bond=UNIT,
            min_slash=STAKE // 10,
            max_deadline=900_000,
            max_due=8,
            receipt_time=300_000,
            open_within=60_000,
            leaves_drawn=4,
            batch_interval=1_000,
            batches_kept=3_600_000,
            min_channel=UNIT,
            channel_notice=300_000,
        )
        self.schedules = Schedules(
            index=31,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            jobs=self.jobs,
            min_interval=10_000,
            max_ahead=86_400_000,
            max_schedules=3,
            max_due=2,
            run_fee=UNIT // 50,
            deposit_base=UNIT,
            deposit_byte=UNIT // 1000,
        )
        self.triggers = Triggers(
            index=36,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            jobs=self.jobs,
            min_interval=1_000,
            max_interval=86_400_000,
            max_triggers=3,
            max_of_kind=4,
            max_waiting=5,
            max_due=2,
            run_fee=UNIT // 50,
            deposit_base=UNIT,
            deposit_byte=UNIT // 1000,
        )
        listeners = (self.jobs, self.slashing, self.schedules, self.triggers)
        self.randomness = Randomness(
            index=14,
            system=self.system,
            authorship=self.aura,
            timestamp=self.timestamp,
            currency=self.balances,
            validators=self.session,
            treasury=CHAIN_TREASURY,
            fine=UNIT,
            session=120,
            listeners=listeners,
            queues=(self.jobs,),
        )


def dev_collateral(tee: TeeName, issued: int = ISSUED, expires: int = ISSUED + TEN_YEARS, **terms: Any) -> bytes:
    """Collateral of the simulated hardware."""
    return collateral(tee, issued=issued, expires=expires, **terms)


COLLATERAL = [(Tee.Sgx, dev_collateral("sgx")), (Tee.Tdx, dev_collateral("tdx"))]


class TestWorker:
    """A worker off the chain: its key, its enclave, and what it says."""

    __test__ = False

    def __init__(
        self, chain: JobChain, name: str, operator: bytes, measurements: SgxMeasurements | TdxMeasurements
    ) -> None:
        self.chain, self.measurements = chain, measurements
        self.signer = SigningKey(sha256(name.encode()).digest())
        self.key = self.signer.verify_key.encode()
        self.platform = Platform(ppid=sha256(self.key).digest()[:16])
        self.seal_secret = sha256(self.key).digest()
        seal_key = PrivateKey(self.seal_secret).public_key.encode()
        self.info = WorkerInfo(VERSION, self.key, seal_key, operator, chain.genesis_hash, RUNTIME_ID, b"", [])

    @property
    def record(self) -> Worker:
        """What the chain knows of it."""
        return self.chain.rt.workers.worker[self.key]

    def quote(self, block: bytes | None = None, info: WorkerInfo | None = None, **minted: Any) -> bytes:
        """Its enclave's quote, over the last block unless told otherwise."""
        report_data = (info or self.info).report_data(self.chain.head if block is None else block)
        return mint_quote(report_data, minted.pop("measurements", self.measurements), self.platform, **minted)

    def register(self, stake: int = STAKE) -> TestWorker:
        """Registers by its operator."""
        self.chain.call(self.info.operator, "Workers", "register", info=self.info, quote=self.quote(), stake=stake)
        return self

    def heartbeat(self, number: int | None = None, hash: bytes | None = None, genesis: bytes | None = None) -> Call:
        """A signed heartbeat, over the last block unless told otherwise."""
        number = self.chain.rt.system.number - 1 if number is None else number
        hash = self.chain.head if hash is None else hash
        signed = heartbeat_bytes(genesis or self.chain.genesis_hash, self.key, number, hash)
        signature = self.signer.sign(signed).signature
        call = self.chain.rt.call
        return call("Workers", "heartbeat", worker=self.key, number=number, hash=hash, signature=signature)

    def commit(
        self,
        job: int,
        content: bytes = b"output",
        *,
        gas: int = 1_000,
        attempt: int | None = None,
        output: Output | None = None,
        transcript_root: bytes = NO_TRANSCRIPT,
        signing: dict[str, Any] | None = None,
    ) -> Call:
        """A signed commit for a job; `signing` has fields for which something else is signed than is committed."""
        record = self.chain.job(job)
        attempt = record.attempt if attempt is None else attempt
        truth: dict[str, Any] = {
            "genesis": self.chain.genesis_hash,
            "job": job,
            "attempt": attempt,
            "code": record.code,
            "input": record.input,
            "output": blake2_256(content),
            "transcript_root": transcript_root,
            "gas": gas,
            "runtime_id": self.info.runtime_id,
        }
        signature = self.signer.sign(job_output_bytes(**(truth | (signing or {})))).signature
        return self.chain.rt.call(
            "Jobs",
            "commit",
            job=job,
            attempt=attempt,
            output=output or InlineOutput(content),
            transcript_root=transcript_root,
            gas=gas,
            worker=self.key,
            signature=signature,
        )

    def word(self, job: int, word: Word = Word.Acknowledge, attempt: int | None = None) -> Call:
        """A signed word about a job: that it is at work, unless told otherwise."""
        attempt = self.chain.job(job).attempt if attempt is None else attempt
        signed = job_word_bytes(genesis=self.chain.genesis_hash, job=job, attempt=attempt, word=word)
        signature = self.signer.sign(signed).signature
        call = self.chain.rt.call
        return call("Jobs", "word", job=job, attempt=attempt, word=word, worker=self.key, signature=signature)

    def hash_of(
        self,
        job: int,
        content: bytes = b"output",
        *,
        gas: int = 1_000,
        salt: bytes = SALT,
        transcript_root: bytes = NO_TRANSCRIPT,
    ) -> bytes:
        """What it commits to before it reveals an output."""
        signed = self._output_bytes(job, content, gas, transcript_root)
        return commit_hash(signed, salt=salt, worker=self.key, attempt=self.chain.job(job).attempt)

    def commit_hash(self, job: int, content: bytes = b"output", *, hash: bytes | None = None, **found: Any) -> Call:
        """A signed commit to the hash of an output, or to another hash."""
        hash = self.hash_of(job, content, **found) if hash is None else hash
        attempt = self.chain.job(job).attempt
        signed = job_commit_bytes(genesis=self.chain.genesis_hash, job=job, attempt=attempt, hash=hash)
        signature = self.signer.sign(signed).signature
        call = self.chain.rt.call
        return call("Jobs", "commit_hash", job=job, attempt=attempt, hash=hash, worker=self.key, signature=signature)

    def reveal(
        self,
        job: int,
        content: bytes = b"output",
        *,
        gas: int = 1_000,
        salt: bytes = SALT,
        transcript_root: bytes = NO_TRANSCRIPT,
        output: Output | None = None,
    ) -> Call:
        """A signed reveal of an output."""
        return self.chain.rt.call(
            "Jobs",
            "reveal",
            job=job,
            attempt=self.chain.job(job).attempt,
            output=output or InlineOutput(content),
            transcript_root=transcript_root,
            gas=gas,
            salt=salt,
            worker=self.key,
            signature=self.signer.sign(self._output_bytes(job, content, gas, transcript_root)).signature,
        )

    def record_transcript(self, job: int, transcript_root: bytes, attempt: int | None = None) -> Call:
        """A leader's signed word which transcript the others replay."""
        attempt = self.chain.job(job).attempt if attempt is None else attempt
        genesis = self.chain.genesis_hash
        signed = job_record_bytes(genesis=genesis, job=job, attempt=attempt, transcript_root=transcript_root)
        fields = {"job": job, "attempt": attempt, "transcript_root": transcript_root}
        signature = self.signer.sign(signed).signature
        return self.chain.rt.call("Jobs", "record", **fields, worker=self.key, signature=signature)

    def _output_bytes(self, job: int, content: bytes, gas: int, transcript_root: bytes) -> bytes:
        record = self.chain.job(job)
        output = blake2_256(content)
        genesis, runtime = self.chain.genesis_hash, self.info.runtime_id
        return record.output_bytes(genesis, job, record.attempt, output, transcript_root, gas, runtime)


class JobChain:
    """The chain, a block always open with its inherents in. Alice, Bob and Carol and four operators have money."""

    runtime = JobRuntime
    slot_duration, onion_layers, secret = SLOT_DURATION, ONION_LAYERS, b""

    def __init__(self, authorities: int = 1, narrow: bool = True, attestation: dict[str, Any] | None = None) -> None:
        keys = [AUTHORITY, *(bytes((i,)) * 32 for i in range(1, authorities))]
        self.onions = {key: HashOnions(blake2_256(self.secret + key), self.onion_layers) for key in keys}
        people = (ALICE, BOB, CAROL, *OPERATORS)
        genesis: dict[str, dict[str, Any]] = {
            "aura": {"authorities": keys},
            "balances": {"balances": [(who, 10_000 * UNIT) for who in people]},
            "attestation": {
                "simulated_allowed": True,
                "simulated_root": dev_root(),
                "simulated_gpu_root": dev_gpu_root(),
                "collateral": COLLATERAL,
                "measurements": [(SGX.measurement, b"dev sgx", b"1"), (TDX.measurement, b"dev tdx", b"1")],
                "runtimes": [RUNTIME_ID],
                **(attestation or {}),
            },
            "jobs": {"narrow": narrow},
            "randomness": {"commitments": [(key, *onions.commitment(0)) for key, onions in self.onions.items()]},
        }
        self.rt = self.runtime(Overlay(DictBackend(build_genesis(self.runtime, genesis))))
        self.rt.integrity_test()
        self.executive = Executive(self.rt)
        self.genesis_hash = self.head = blake2_256(b"a genesis block")
        self._open(START)

    def next_block(self, after: int = SLOT_DURATION) -> None:
        """Closes the open block, and opens the next so many milliseconds later."""
        self.head = self.executive.finalize_block().hash
        self._open(self.rt.timestamp.now + after)

    def blocks(self, count: int) -> None:
        """Closes and opens so many blocks."""
        for _ in range(count):
            self.next_block()

    def _open(self, now: int) -> None:
        rt = self.rt
        slot = -(-now // self.slot_duration)
        author = rt.aura.author(slot)
        rt.state.begin()
        asked = rt.randomness.next_reveal(author, slot)
        rt.state.rollback()
        digest = [PreRuntime(AURA_ENGINE, SLOT.encode(slot))]
        self.executive.initialize_block(Header(self.head, rt.system.number + 1, bytes(32), bytes(32), list(digest)))
        moment = codec_of(Moment).encode(slot * self.slot_duration)
        data = {b"timstap0": moment}
        if asked is not None:
            data[IDENTIFIER] = self.onions[author].reveal_with(asked.onion, asked.layers_left, asked.following)
        for extrinsic in self.executive.create_inherents(data):
            error = self.executive.apply_extrinsic(extrinsic)
            assert error is None, error

    def validate(self, call: Call) -> ValidTransaction:
        """Closes the open block, asks the pool about a bare transaction as of that block, and opens the next."""
        self.head = self.executive.finalize_block().hash
        backend = cast(DictBackend, self.rt.state.backend)
        state = {key: value for key, value in (backend.pairs | self.rt.state.changes).items() if value is not None}
        pool = self.runtime(Overlay(DictBackend(state)))
        pool.system.initialize(pool.system.number + 1, self.head, [])
        extrinsic = bare_extrinsic(pool.encode_call(call))
        try:
            return Executive(pool).validate_transaction(TransactionSource.External, extrinsic)
        finally:
            self._open(self.rt.timestamp.now + SLOT_DURATION)

    def call(self, who: bytes, pallet: str, name: str, /, **arguments: Any) -> None:
        """Dispatches a signed call; raises what it raises."""
        self.rt.dispatch(self.rt.call(pallet, name, **arguments), signed(who))

    def sudo(self, pallet: str, name: str, /, **arguments: Any) -> None:
        """Dispatches a call as root."""
        self.rt.dispatch(self.rt.call(pallet, name, **arguments), ROOT)

    def send(self, call: Call) -> None:
        """Includes a bare transaction; raises its refusal, or the error it ends with."""
        error = self.executive.apply_extrinsic(bare_extrinsic(self.rt.encode_call(call)))
        if error is not None:
            raise error

    def events(self, kind: type[E]) -> list[E]:
        """The open block's events of one kind."""
        return [event for event in self.rt.events if isinstance(event, kind)]

    def worker(
        self, name: str, operator: bytes = OPERATORS[0], measurements: SgxMeasurements | TdxMeasurements = SGX
    ) -> TestWorker:
        """A worker that the chain doesn't know yet."""
        return TestWorker(self, name, operator, measurements)

    def agent(self, name: bytes = b"echo", policy: AgentPolicy = POLICY, code: bytes = CODE) -> int:
        """An agent of Carol's with approved code."""
        agent = self.rt.agents.next_agent
        self.call(CAROL, "Agents", "create", name=name, kind=AgentKind.JavaScript, policy=policy)
        self.call(CAROL, "Agents", "upload_code", code=code)
        self.call(CAROL, "Agents", "approve_code", agent=agent, hash=blake2_256(code))
        return agent

    def submit(self, who: bytes = ALICE, agent: int = 0, input: bytes | Input = b"input", **terms: Any) -> int:
        """Submits a job; answers its number."""
        given = {
            "input": InlineInput(input) if isinstance(input, bytes) else input,
            "mode": Mode.Deterministic,
            "replicas": 1,
            "max_fee": UNIT,
            "deadline": 60_000,
            "callback": None,
        }
        id = self.rt.jobs.next_job
        self.call(who, "Jobs", "submit", agent=agent, **(given | terms))
        return id

    def job(self, id: int) -> Job:
        """A job's record."""
        return self.rt.jobs.job[id]
