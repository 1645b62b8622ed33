"""All that answers requests under one worker key: put together, and kept running.

## Overview

The log of receipts and callers' accounts are the key's own, in directories of its name; they are read beside everything
else that a worker does at its start: until they are, requests are refused as `worker-starting`. The store is the
worker's, whatever its key.

Where the log can't be trusted any more nothing is answered, and the worker goes on with its jobs.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import trio

from offchain import records
from offchain.chain import Chain
from offchain.cluster_secrets import AgentSubject, ClusterSecrets
from offchain.execution import SandboxPool
from offchain.keys import Entropy, WorkerKeys
from offchain.light.finalized import Finalized
from offchain.serving.accounts import Accounts
from offchain.serving.agents import UNREADABLE, Agents
from offchain.serving.batch_proofs import BatchProofs
from offchain.serving.batches import Batches, LogLost
from offchain.serving.channels import Channels
from offchain.serving.claims import Claims
from offchain.serving.files import DiskFiles, MemoryFiles
from offchain.serving.receipt_log import DamagedLog, ReceiptLog
from offchain.serving.server import Endpoint
from offchain.serving.service import Means, Service
from offchain.serving.store import Store
from offchain.serving.vouchers import Vouchers
from offchain.serving.worlds import WayOut
from pallets.primitives.keys import Keypair

RECEIPTS, ACCOUNTS, STORE, TRANSCRIPTS, GIVEN = "receipts", "accounts", "store", "transcripts", "given"
JOBS_BYTES = 1 << 30
"""Of what jobs need and leave, kept apart: no number of requests takes the place of what a challenge asks for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0

Log = logging.LoggerAdapter[logging.Logger]


class KeyHolder(Protocol):
    """Who knows agents' keys; `offchain.cluster.ClusterMember` does."""

    async def agent_key(self, subject: AgentSubject) -> bytes | None:
        """The 32 bytes of an agent's key; `None` where this worker doesn't hold it."""


class Standing(Protocol):
    """What `offchain.standing.Standing` says of the worker, and is told."""

    @property
    def simulated(self) -> bool:
        """Whether the chain marks the worker so."""

    def look_again(self, *, attest: bool = False, contradicted: bool = False) -> None:
        """Something doesn't fit: is it still the same chain?"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What requests are answered with, whatever the key. `commits` is whether receipts go on the chain, and `operator`
    claims what callers owe."""

    pool: SandboxPool
    slots: int
    operator: Keypair
    base_path: Path | None
    store: Store
    way_out: WayOut
    entropy: Entropy
    now: Callable[[], int]
    commits: bool = True


async def answer_requests(
    endpoint: Endpoint,
    setting: Setting,
    chain: Chain,
    final: Finalized,
    keys: WorkerKeys,
    secrets: ClusterSecrets,
    member: KeyHolder,
    standing: Standing,
    log: Log,
) -> None:
    """Answers what comes to the endpoint, under these keys, until cancelled."""

    async def key_of(code: bytes) -> bytes | None:
        return await member.agent_key(AgentSubject.of_code(code))

    name = keys.worker_key.hex()[:16]
    with (
        closing(_files(setting.base_path, RECEIPTS, name)) as files,
        closing(_files(setting.base_path, ACCOUNTS, name)) as account_files,
    ):
        try:
            receipts = await trio.to_thread.run_sync(ReceiptLog, files, chain.genesis)
            accounts = await trio.to_thread.run_sync(Accounts, account_files)
        except (DamagedLog, OSError) as error:
            log.error("answers no requests: %s; take a fresh --base-path", error)
            return
        batches = Batches(chain, keys, receipts, lambda: standing.look_again(contradicted=True), log)
        if not await _is_the_chains(batches, log):
            return
        await _is_attested(final, keys.worker_key, setting.pool.runtime_id, log)
        agents = Agents(chain, final, key_of, log)
        channels = Channels(final, lambda: {account.voucher.channel for account in accounts}, log, accounts.close)
        means = Means(
            keys=keys,
            genesis=chain.genesis,
            pool=setting.pool,
            slots=setting.slots,
            agents=agents,
            secrets=secrets,
            receipts=receipts,
            batches=batches,
            proofs=BatchProofs(final, keys.worker_key, batches.is_over, log),
            vouchers=Vouchers(chain.genesis, keys.worker_key, accounts, channels),
            store=setting.store,
            way_out=setting.way_out,
            entropy=setting.entropy,
            now=setting.now,
            simulated=lambda: standing.simulated,
        )
        hands = keys.worker_key, accounts, channels, setting.now, log
        claims = Claims(chain, setting.operator, *hands)
        service = Service(means, log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receipts.run)
            nursery.start_soon(agents.run)
            nursery.start_soon(channels.run)
            nursery.start_soon(_claim, claims)
            nursery.start_soon(service.run)
            if setting.commits:
                nursery.start_soon(batches.run)
            log.info("answers requests at %s", endpoint.url)
            await endpoint.serve(service)


async def _claim(claims: Claims) -> None:
    """Claims until cancelled, and a last time then."""
    try:
        await claims.run()
    finally:
        await claims.finish()


async def open_store(base_path: Path | None) -> Store:
    """What a worker keeps to show later. Raises `OSError`."""
    return await trio.to_thread.run_sync(Store, _files(base_path, STORE))


async def open_job_store(base_path: Path | None) -> Store:
    """The transcripts of jobs, which a worker is slashed for losing, and large inputs and outputs. Raises `OSError`."""
    return await trio.to_thread.run_sync(Store, _files(base_path, TRANSCRIPTS), JOBS_BYTES)


async def open_given_store(base_path: Path | None) -> Store:
    """What anybody puts there for jobs to come. Raises `OSError`."""
    return await trio.to_thread.run_sync(Store, _files(base_path, GIVEN))


def forget_receipts(base_path: Path | None, worker: bytes) -> None:
    """Drops the logs of a key that will sign no more."""
    if base_path is not None:
        for kind in (RECEIPTS, ACCOUNTS):
            shutil.rmtree(base_path / kind / worker.hex()[:16], ignore_errors=True)


async def _is_the_chains(batches: Batches, log: Log) -> bool:
    """Whether the chain knows no receipts that the log lacks."""
    pause = FIRST_PAUSE
    while True:
        try:
            await batches.check()
            return True
        except LogLost as error:
            log.error("answers no requests: %s", error)
            return False
        except UNREADABLE as error:
            log.info("requests have to wait: %s", error)
        await trio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def _is_attested(final: Finalized, worker: bytes, runtime_id: bytes, log: Log) -> None:
    """Waits until the worker is attested in a final block: nobody could verify receipts that name an earlier one."""
    while True:
        try:
            attested = await final.read_at(await final.newest(), records.ATTESTED, worker)
            if attested is not None and attested.runtime_id == runtime_id:
                return
        except UNREADABLE as error:
            log.info("requests have to wait: %s", error)
        await trio.sleep(FIRST_PAUSE)


def _files(base_path: Path | None, *names: str) -> DiskFiles | MemoryFiles:
    return MemoryFiles() if base_path is None else DiskFiles(base_path.joinpath(*names))
