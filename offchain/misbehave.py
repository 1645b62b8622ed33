"""Workers that break the rules: for tests, and for people who want to see what the chain does about it.

## Overview

Each mode does the real thing: what a worker with changed code could send, it sends, and logs what the chain answers.
All else it does as honest workers do.

| mode | what the worker does |
| --- | --- |
| `lie` | has a wrong output, the same as every other liar |
| `overcharge` | claims twice the gas |
| `late` | acknowledges its job, and commits when the time for that is up |
| `crash` | acknowledges its first job, and is gone without a word |
| `copy` | runs nothing: passes other workers' hashes and outputs off as its own |
| `no-reveal` | commits to an output and keeps it to itself |
| `double-commit` | commits to two hashes of one output |
| `forge-quote` | shows quotes with a wrong signature, and under a root of its own |
| `stale-quote` | shows a quote over an old block |
| `double-receipt` | signs two receipts of one number, and publishes both |
| `withhold-receipts` | answers requests, and commits no receipt |

Only chains of development take such workers, and only those that accept simulated enclaves: on a chain with real money
the operator would lose it.

## Errors

`Misbehaved`: the chain isn't one of development, the worker has crashed as it was told to, or none of its quotes was
taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import orjson
import trio

from offchain import records
from offchain.attestation import worker_info
from offchain.chain import Chain, ChainError, Head
from offchain.dishonest_seats import Misbehaved, Misbehaviour
from offchain.keys import WorkerKeys
from offchain.peers import SIMULATED_ALLOWED
from offchain.registration import STAKE, Identity
from offchain.rpc import CallFailed, RpcError
from offchain.simulated_tee.faults import corrupt
from pallets.primitives.codec import codec_of
from pallets.primitives.evidence import EVIDENCE, DoubleReceipt
from pallets.primitives.job import NO_TRANSCRIPT
from pallets.primitives.receipt import Receipt, SignedReceipt, receipt_bytes
from pallets.primitives.types import Moment

RECEIPTS_FILE = "double-receipt.json"
REMEMBERED_BLOCKS = 4_000
"""The chain knows the hashes of a few more."""
FORGERIES = ("signature", "root")
"""Of `simulated_tee.faults`."""
AGE = codec_of(Moment)

Log = logging.LoggerAdapter[logging.Logger]


async def begin(mode: Misbehaviour, chain: Chain, identity: Identity, log: Log) -> None:
    """Warns of what is coming; all there is of the modes about quotes. Raises `Misbehaved`."""
    kind = await chain.client.call("system_chainType")
    if kind != "Development" or not await chain.read(SIMULATED_ALLOWED):
        raise Misbehaved("--misbehave is for chains of development that take simulated enclaves: this is none")
    log.warning("MISBEHAVES: %s. Its operator's stake is at risk", mode.value)
    if mode is Misbehaviour.FORGE_QUOTE:
        await _forge(chain, identity, log)
    elif mode is Misbehaviour.STALE_QUOTE:
        await _show_old_block(chain, identity, log)


# Quotes


async def _forge(chain: Chain, identity: Identity, log: Log) -> None:
    for fault in FORGERIES:
        now = await chain.read(records.NOW) or 0

        def forged(quote: bytes, fault: str = fault, now: int = now) -> bytes:
            return corrupt(quote, fault, now // 1000).quote

        await _show(chain, identity, await chain.best(), forged, f"a quote with a wrong {fault}", log)
    raise Misbehaved("the chain takes none of the worker's forged quotes")


async def _show_old_block(chain: Chain, identity: Identity, log: Log) -> None:
    number = max((await chain.best()).number - REMEMBERED_BLOCKS, 1)
    age = AGE.decode_all(await chain.constant("Attestation", "MaxQuoteAge"))
    old = await chain.hash_of(number)
    if old is None:
        raise Misbehaved("the chain has no block yet that could be old")
    try:
        sealed = await chain.read(records.NOW, at=old) or 0
    except CallFailed:
        sealed = 0  # its state is gone: it is old enough
    waits = False
    while (await chain.read(records.NOW) or 0) <= sealed + age:
        if not waits:
            log.warning(
                "MISBEHAVES: waits until block #%d is %d s old, and the chain has a later one", number, age // 1000
            )
        waits = True
        await trio.sleep(1)
    await _show(chain, identity, Head(number, old), lambda quote: quote, f"a quote over block #{number}", log)
    raise Misbehaved("the chain doesn't take the worker's stale quote")


async def _show(
    chain: Chain, identity: Identity, block: Head, change: Callable[[bytes], bytes], what: str, log: Log
) -> None:
    """Registers the worker, or attests it again, with a changed quote over a block; logs what the chain answers."""
    keys = identity.keys
    info = worker_info(keys, identity.operator.account_id, chain.genesis, identity.runtime_id)
    quote = change(identity.enclave.quote(info.report_data(block.hash)))
    if await chain.read(records.WORKER, keys.worker_key) is None:
        stake = identity.stake
        if stake is None:
            stake = STAKE.decode_all(await chain.constant("Workers", "MinStake"))
        call = records.register(info, quote, stake)
    else:
        call = records.reattest(info, quote)
    try:
        await chain.require_success(await chain.submit_signed(identity.operator, call))
    except (ChainError, RpcError) as error:
        log.warning("MISBEHAVES: shows %s: refused, %s", what, error)
        return
    raise Misbehaved(f"the chain has taken {what}")


# Receipts


async def sign_twice(chain: Chain, keys: WorkerKeys, runtime_id: bytes, directory: Path | None, log: Log) -> None:
    """Signs two receipts of one number, and publishes them: in a file of `directory`, else in the log."""
    head, nothing = await chain.best(), bytes(32)
    receipts = [
        Receipt(0, nothing, nothing, response, NO_TRANSCRIPT, 0, runtime_id, 0, head.number, head.hash, 0)
        for response in (b"\1" * 32, b"\2" * 32)
    ]
    bodies = [receipt_bytes(chain.genesis, receipt) for receipt in receipts]
    signatures = [keys.sign(body) for body in bodies]
    first, second = map(SignedReceipt, receipts, signatures)
    published = {
        "worker": _hex(keys.worker_key),
        "receipts": [
            {"signed": _hex(body), "signature": _hex(by)} for body, by in zip(bodies, signatures, strict=True)
        ],
        "evidence": _hex(EVIDENCE.encode(DoubleReceipt(keys.worker_key, first, second))),
    }
    text = orjson.dumps(published).decode()
    where = "here they are: " + text
    if directory is not None:
        path = trio.Path(directory / RECEIPTS_FILE)
        await path.write_text(text)
        where = f"they are in {path}"
    log.warning("MISBEHAVES: has signed two receipts of number 0 over block #%d; %s", head.number, where)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
