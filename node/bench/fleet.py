"""The workers of a bench, all from a number: keys, operators, quotes, and what they sign.

Each worker has an operator of its own. All live on one simulated machine: its certificates and its quoting enclave's
part of a quote are made once, and a quote takes one signature. What the chain verifies of each is all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.bench.accounts import FUNDS, RECORD, account_key
from node.signing import sign_call
from offchain.attestation import worker_info
from offchain.keys import WorkerKeys
from offchain.simulated_tee import DEV_AUTHORITY, DEV_PLATFORM, SgxMeasurements, mint_quote
from offchain.simulated_tee.certificates import sign_raw
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.extrinsic import bare_extrinsic
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import InlineOutput, job_output_bytes
from pallets.primitives.job_record import Job
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.worker import heartbeat_bytes
from pallets.runtime import UNIT, DevRuntime
from pallets.system.account import AccountData, AccountInfo

STAKE = 400 * UNIT
OUTPUT = b"done"
GAS = 1000
REPORT_DATA_END = 48 + 384
"""Where the part of an SGX quote ends that its signature covers; its last 64 bytes are report data."""


class Quotes:
    """Quotes of the one machine."""

    def __init__(self, runtime_id: bytes) -> None:
        made = mint_quote(bytes(64), SgxMeasurements.of_runtime(runtime_id))
        self._head = made[: REPORT_DATA_END - 64]
        self._length = made[REPORT_DATA_END : REPORT_DATA_END + 4]
        self._rest = made[REPORT_DATA_END + 4 + 64 :]
        self._key = DEV_AUTHORITY.attestation_key(DEV_PLATFORM)

    def over(self, report_data: bytes) -> bytes:
        """A quote over 64 bytes."""
        signed = self._head + report_data
        return signed + self._length + sign_raw(self._key, signed) + self._rest


class Fleet:
    """So many workers of a chain."""

    def __init__(self, count: int, genesis: bytes, runtime_id: bytes) -> None:
        self.count, self.genesis, self.runtime_id = count, genesis, runtime_id
        self.keys = [WorkerKeys(_digest(b"bench worker", number), bytes(32)) for number in range(count)]
        self.numbers = {keys.worker_key: number for number, keys in enumerate(self.keys)}
        self._quotes = Quotes(runtime_id)
        self._runtime = DevRuntime(Overlay(DictBackend()))

    def registration(self, number: int, block_hash: bytes) -> bytes:
        """The extrinsic by which a worker's operator registers it, with a quote over a block."""
        operator = operator_of(number)
        info = worker_info(self.keys[number], operator.account_id, self.genesis, self.runtime_id)
        quote = self._quotes.over(info.report_data(block_hash))
        call = self._runtime.call("Workers", "register", info=info, quote=quote, stake=STAKE)
        return sign_call(self._runtime, call, operator, 0, self.genesis)

    def heartbeat(self, number: int, block: int, block_hash: bytes) -> bytes:
        """A worker's heartbeat over a block."""
        keys = self.keys[number]
        signature = keys.sign(heartbeat_bytes(self.genesis, keys.worker_key, block, block_hash))
        return self._bare(
            "Workers", "heartbeat", worker=keys.worker_key, number=block, hash=block_hash, signature=signature
        )

    def commit(self, id: int, job: Job, worker: bytes) -> bytes:
        """What a worker commits of a job that it was given."""
        signed = job_output_bytes(
            genesis=self.genesis,
            job=id,
            attempt=job.attempt,
            code=job.code,
            input=job.input,
            output=blake2_256(OUTPUT),
            gas=GAS,
            runtime_id=self.runtime_id,
        )
        return self._bare(
            "Jobs",
            "commit",
            job=id,
            attempt=job.attempt,
            output=InlineOutput(OUTPUT),
            transcript_root=bytes(32),
            gas=GAS,
            worker=worker,
            signature=self.keys[self.numbers[worker]].sign(signed),
        )

    def _bare(self, pallet: str, name: str, /, **arguments: object) -> bytes:
        return bare_extrinsic(self._runtime.encode_call(self._runtime.call(pallet, name, **arguments)))


def operator_of(number: int) -> Keypair:
    """The account that stakes on a worker."""
    return Keypair.from_seed(_digest(b"bench operator", number), Scheme.SR25519)


def operator_records(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Storage keys and values of the operators' accounts, as genesis would fund them."""
    record = RECORD.encode(AccountInfo(providers=1, data=AccountData(free=FUNDS)))
    for number in range(count):
        yield account_key(operator_of(number).account_id), record


def _digest(what: bytes, number: int) -> bytes:
    return blake2_256(what + number.to_bytes(8, "little"))
