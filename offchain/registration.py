"""A worker's place on the chain: how it is registered, and attested again, by its operator's transactions.

```python
registration = Registration(chain, identity, log)
place = await registration.register(await chain.best())
```

The chain may still give jobs to keys that nobody has any more, also after a load of an older state. Of an operator with
one worker alone it is known which these are: they leave in the transaction that registers the fresh key.

## Errors

```
StandingError
├── InsufficientFunds   the operator's account can't hold the stake
├── NotOurs             the worker key is registered to another operator
├── StillLeaving        at start: the worker's stake is still cooling down
└── KeyRevoked          governance revoked the key (in `standing`)
```
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

from offchain import records
from offchain.attestation import Enclave, Gpu, gpu_evidence, worker_info
from offchain.chain import ACCOUNT, Chain, Head
from offchain.keys import WorkerKeys
from pallets.primitives import ss58
from pallets.primitives.attestation_record import WorkerAttestation
from pallets.primitives.codec import codec_of
from pallets.primitives.gpu import GpuEvidence
from pallets.primitives.keys import Keypair
from pallets.primitives.types import Balance
from pallets.primitives.worker import WorkerInfo
from pallets.primitives.worker_record import LEAVING, Worker, WorkerState

STAKE = codec_of(Balance)
MAX_WORKERS, MAX_LOST = 1000, 16
"""How many workers of a chain are looked at for lost keys, and how many of these leave together."""


class StandingError(Exception):
    """The worker can't serve; the message says what to do."""


class InsufficientFunds(StandingError):
    """The operator's account has less than the stake."""


class NotOurs(StandingError):
    """The worker key is registered, and its operator is another account."""


class StillLeaving(StandingError):
    """The worker was told to leave, and its stake has not been released yet."""


@dataclass(frozen=True)
class Identity:
    """Who a worker is: its keys, who pays for it, what it runs and what quotes it. `stake` of `None` is the least.

    Of the operator of an `alone` worker no other one serves. A worker with a `gpu` shows it whenever it attests.
    `endpoint` is the URL at which it answers requests; empty if it answers none.
    """

    keys: WorkerKeys
    operator: Keypair
    runtime_id: bytes
    enclave: Enclave
    stake: int | None = None
    alone: bool = False
    gpu: Gpu | None = None
    endpoint: str = ""


class Place(NamedTuple):
    """What the chain has of a worker, after a block."""

    record: Worker | None
    attestation: WorkerAttestation | None
    block: Head


class Registration:
    """Transactions of an operator that give one worker its place."""

    def __init__(self, chain: Chain, identity: Identity, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._chain, self._identity, self._log = chain, identity, log

    def check_ours(self, record: Worker | None) -> None:
        """Raises why a place that is taken is not this worker's to serve in."""
        if record is None or record.state is WorkerState.Left:
            return
        if record.info.operator != self._identity.operator.account_id:
            raise NotOurs(f"the worker's operator is {ss58.encode(record.info.operator)}: start it with that account")
        if record.state is WorkerState.CoolingDown:
            raise StillLeaving("the worker is leaving: withdraw its stake when it has cooled down, then start it again")

    async def register(self, head: Head) -> Place:
        """Registers the worker with a quote over a block, on a stake; raises `InsufficientFunds`."""
        identity = self._identity
        stake = await self._stake() if identity.stake is None else identity.stake
        who = identity.operator.account_id
        account = await self._chain.read(ACCOUNT, who)
        free = 0 if account is None else account.data.free
        if free < stake:
            raise InsufficientFunds(
                f"the operator {ss58.encode(who)} has {free}, and the stake is {stake}: fund it first"
            )
        evidence = self._gpu_evidence(head)
        info = self._info(evidence)
        quote = identity.enclave.quote(info.report_data(head.hash))
        lost = await self._lost_keys() if identity.alone else []
        if lost:
            self._log.info("keys that are lost leave: %s", ", ".join(f"0x{key[:4].hex()}" for key in lost))
        place = await self._signed([*map(records.leave, lost), records.register(info, quote, stake)], evidence, head)
        self._log.info("is registered, with a stake of %d by %s", stake, ss58.encode(who))
        return place

    async def _lost_keys(self) -> list[bytes]:
        """Other keys that serve for the operator, as many as one transaction may end."""
        keys = await self._chain.keys_under(records.WORKER.prefix, MAX_WORKERS)
        found = [records.WORKER.decode(value) for value in await self._chain.get_all(keys)]
        serving = [each.info for each in found if each is not None and each.state not in LEAVING]
        operator, own = self._identity.operator.account_id, self._identity.keys.worker_key
        return [info.worker_key for info in serving if info.operator == operator and info.worker_key != own][:MAX_LOST]

    async def attest(self, head: Head) -> Place:
        """Attests a worker that is registered again, with a quote over a block later than the last one's."""
        evidence = self._gpu_evidence(head)
        info = self._info(evidence)
        quote = self._identity.enclave.quote(info.report_data(head.hash))
        place = await self._signed([records.reattest(info, quote)], evidence, head)
        self._log.info("is attested again, over block #%d", head.number)
        return place

    async def _signed(self, calls: list[bytes], evidence: GpuEvidence | None, quoted: Head) -> Place:
        """Sends a transaction of the operator's, with a quote over block `quoted`; answers what comes of it.

        Evidence of a GPU counts in the same transaction: the worker is never seen without.
        """
        key = self._identity.keys.worker_key
        if evidence is not None:
            calls = [*calls, records.attest_gpu(key, evidence)]
        call = calls[0] if len(calls) == 1 else records.together(calls)
        inclusion = await self._chain.submit_signed(self._identity.operator, call)
        block = inclusion.block.hash
        attestation = await self._chain.read(records.ATTESTED, key, at=block)
        if attestation is None or attestation.block != quoted.number:
            await self._chain.require_success(inclusion)
        record: Worker | None = await self._chain.read(records.WORKER, key, at=block)
        return Place(record, attestation, inclusion.block)

    async def _stake(self) -> int:
        """The least that the chain lets an operator stake on a worker."""
        least: int = STAKE.decode_all(await self._chain.constant("Workers", "MinStake"))
        return least

    def _gpu_evidence(self, head: Head) -> GpuEvidence | None:
        gpu, key = self._identity.gpu, self._identity.keys.worker_key
        return None if gpu is None else gpu_evidence(gpu, key, self._chain.genesis, head.hash)

    def _info(self, evidence: GpuEvidence | None) -> WorkerInfo:
        identity = self._identity
        operator, genesis = identity.operator.account_id, self._chain.genesis
        return worker_info(identity.keys, operator, genesis, identity.runtime_id, evidence, identity.endpoint)
