"""Whether a receipt is true, by all that can be checked of it from a genesis hash.

## Overview

| what is checked | by |
| --- | --- |
| the signature is the worker's, over exactly these fields | the file |
| request and response, where shown, have the hashes that were signed | the file |
| the receipt is a leaf of the batch, at its number's place | the file |
| the batch's root is on the chain | a read proof under a final header: the file's own, or the node's |
| the block that the receipt names is final | its hash in the state of later final blocks |
| worker and runtime were attested at that block, simulated or not as the file says | read proofs at that block |
| the code was the agent's approved code at that block | the same |

A batch that the chain has forgotten, days later, is looked for in the states before that, where the node has them.

What is checked is who answered, running what, on which request, and that it can't deny it. Whether what the script was
told by others is true, no receipt shows: it is asserted by one worker.

## Usage

```python
check_alone(file)
for line in await check_on_chain(file, finalized):
    print(line)
```

## Errors

`ReceiptRefused`: one line that names what fails. What `Finalized` raises passes through.

## Out of scope

The transcript, of which a receipt has the root alone.
"""

from __future__ import annotations

from offchain import records
from offchain.chain import Head
from offchain.light.errors import LightError, NotFinal, StateGone
from offchain.light.finalized import Finalized
from offchain.light.receipt_file import ASSERTED_BY_ONE, BatchPlace, BatchProof, ReceiptFile
from offchain.light.untrusted import checked, decoded_header
from offchain.serving.receipt_records import AGENT, RECEIPT_BATCH
from pallets.primitives import merkle
from pallets.primitives.header import Header
from pallets.primitives.http import canonical_request, canonical_response, request_hash, response_hash
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.receipt import AnsweredLeaf, SignedReceipt, leaf_bytes, receipt_bytes
from pallets.primitives.receipt_record import BatchRecord, BatchStage

NO_TRANSCRIPT = bytes(32)


class ReceiptRefused(Exception):
    """The receipt doesn't hold; the message names what fails."""


def check_alone(file: ReceiptFile) -> None:
    """Checks what the file shows by itself; raises `ReceiptRefused`."""
    receipt = file.receipt
    if not verify_ed25519(file.signature, receipt_bytes(file.genesis, receipt), file.worker):
        raise ReceiptRefused("`signature` is not the worker's signature of these fields")
    if file.request is not None:
        if canonical_request(file.request) != file.request:
            raise ReceiptRefused("`request` is not in the form that its hash covers")
        if request_hash(file.request) != receipt.request_hash:
            raise ReceiptRefused("`request` doesn't have the hash in `request_hash`")
    if file.response is not None:
        if canonical_response(file.response) != file.response:
            raise ReceiptRefused("`response` is not in the form that its hash covers")
        if response_hash(file.response) != receipt.response_hash:
            raise ReceiptRefused("`response` doesn't have the hash in `response_hash`")
    if file.batch is None:
        raise ReceiptRefused(
            "`batch` is null: the receipt is in no batch on the chain yet; workers commit every few seconds, so get "
            "the file again"
        )
    _check_place(file, file.batch)


def _check_place(file: ReceiptFile, batch: BatchPlace) -> None:
    receipt = file.receipt
    if batch.first + batch.index != receipt.sequence:
        raise ReceiptRefused("`batch.index` is not the place of `sequence` in a batch that starts at `batch.first`")
    leaf = leaf_bytes(file.genesis, AnsweredLeaf(SignedReceipt(receipt, file.signature)), receipt.sequence)
    if merkle.root_of(leaf, batch.index, batch.count, batch.path) != batch.root:
        raise ReceiptRefused("`batch.path` doesn't lead from the receipt to `batch.root`")


async def check_on_chain(file: ReceiptFile, final: Finalized) -> list[str]:
    """Checks what the chain says of a file that was checked by itself; what is proven, a line each."""
    if file.genesis != final.genesis:
        raise ReceiptRefused(f"`genesis` is of another chain than 0x{final.genesis.hex()}")
    newest, batch, receipt = await final.refresh(), file.batch, file.receipt
    assert batch is not None
    try:
        at = await final.ancestor(Head(receipt.block_number, receipt.block_hash))
    except NotFinal as error:
        raise ReceiptRefused(f"`block` is not final: {error}") from None
    attested = await _attestation(file, final, at)
    name = await _approval(file, final, at)
    place = await _commitment(file, batch, final)
    shown = [what for what, there in (("request", file.request), ("response", file.response)) if there is not None]
    outside = receipt.transcript_root != NO_TRANSCRIPT
    return [
        f"worker      0x{file.worker.hex()} signed it, as number {receipt.sequence} of its receipts",
        f"attested    at block {at.number}{attested}, runtime 0x{receipt.runtime_id.hex()}",
        f"code        0x{receipt.code.hex()}, approved for agent {receipt.agent} ({name}) at block {at.number}",
        f"messages    {' and '.join(shown) or 'neither request nor response'} shown, with the hashes that were signed",
        f"committed   {place}",
        f"final       block {newest.number}, 0x{newest.hash.hex()}",
        f"outside     {f'transcript 0x{receipt.transcript_root.hex()}' if outside else 'no transcript'}",
        f"origin      {ASSERTED_BY_ONE}",
    ]


async def _attestation(file: ReceiptFile, final: Finalized, at: Header) -> str:
    key, where = records.ATTESTED.key(file.worker), f"at block {at.number}"
    attested_value, moment = await final.get_all(at, [key, records.NOW.key()])
    attested, now = records.ATTESTED.decode(attested_value), records.NOW.decode(moment) or 0
    if attested is None:
        raise ReceiptRefused(f"`worker` was not attested {where}")
    if attested.revoked:
        raise ReceiptRefused(f"`worker` was revoked {where}")
    if attested.expires <= now:
        raise ReceiptRefused(f"`worker` had let its attestation expire {where}")
    if attested.runtime_id != file.receipt.runtime_id:
        raise ReceiptRefused(f"`runtime_id` is not what the worker was attested to run {where}")
    if attested.simulated != file.simulated:
        raise ReceiptRefused(f"`simulated` is not what the chain says of the worker's hardware {where}")
    return f" ({attested.tee.name}, {'simulated' if attested.simulated else 'real hardware'})"


async def _approval(file: ReceiptFile, final: Finalized, at: Header) -> str:
    receipt = file.receipt
    agent = AGENT.decode((await final.get_all(at, [AGENT.key(receipt.agent)]))[0])
    if agent is None:
        raise ReceiptRefused(f"`agent` {receipt.agent} didn't exist at block {at.number}")
    if agent.code != receipt.code:
        raise ReceiptRefused(f"`code` was not approved for agent {receipt.agent} at block {at.number}")
    return agent.name.decode("ascii", "replace")


async def _commitment(file: ReceiptFile, batch: BatchPlace, final: Finalized) -> str:
    """Where the batch is proven to be on the chain."""
    key = RECEIPT_BATCH.key(file.worker, batch.first)
    newest = await final.header()
    found = RECEIPT_BATCH.decode((await final.get_all(newest, [key]))[0])
    _check_record(batch, found, newest)
    at: Header | None = newest
    if found is None:
        at = await _last_seen(file, batch, final)
    if file.proof is not None:
        at = await check_proof(file, batch, file.proof, final)
    if at is None:
        raise ReceiptRefused(
            f"`batch` is not on the chain, as of final block {newest.number}: where it was committed a moment ago it "
            "will be final in a few seconds"
        )
    return f"place {batch.index} of {batch.count} from {batch.first}, in the state of block {at.number}"


async def check_proof(file: ReceiptFile, batch: BatchPlace, proof: BatchProof, final: Finalized) -> Header:
    """The final header under which a file's own proof shows its batch; raises `ReceiptRefused`."""
    at = await _proven_header(proof, final)
    shown = RECEIPT_BATCH.decode(_read_proof(proof, at, RECEIPT_BATCH.key(file.worker, batch.first)))
    if shown is None:
        raise ReceiptRefused(f"`proof.storage` shows no such batch at block {at.number}")
    _check_record(batch, shown, at)
    return at


async def _proven_header(proof: BatchProof, final: Finalized) -> Header:
    """The header of a file's proof, which its justification makes final."""
    try:
        header = decoded_header(proof.header)
        final.authorities_at(header.number).accept(header, proof.justification)
    except LightError as error:
        raise ReceiptRefused(f"`proof.justification` doesn't make `proof.header` final: {error}") from None
    if header.number <= (await final.header()).number:
        try:
            await final.ancestor(Head(header.number, header.hash))
        except NotFinal as error:
            raise ReceiptRefused(f"`proof.header` is of another chain: {error}") from None
    return header


def _read_proof(proof: BatchProof, header: Header, key: bytes) -> bytes | None:
    try:
        return checked(header, proof.storage, [key])[key]
    except LightError as error:
        raise ReceiptRefused(f"`proof.storage`: {error}") from None


async def _last_seen(file: ReceiptFile, batch: BatchPlace, final: Finalized) -> Header | None:
    """The last final block whose state has a batch that the newest one has not any more; `None` if it hasn't yet.

    The chain remembers a batch for far longer than a worker has to commit it, so a few looks, further and further from
    the receipt's block, don't miss it; from there its end is halved in on, where it is known what became of it.
    """
    key = RECEIPT_BATCH.key(file.worker, batch.first)
    start, end, step = file.receipt.block_number, (await final.header()).number, 1
    seen: Header | None = None
    try:
        while start + step < end:
            header = await final.at_height(start + step)
            found = RECEIPT_BATCH.decode((await final.get_all(header, [key]))[0])
            if found is not None:
                _check_record(batch, found, header)
                seen, start, step = header, header.number, max(1, (end - header.number) // 2)
            elif seen is None:
                step *= 2
            else:
                end, step = header.number, max(1, (header.number - start) // 2)
    except StateGone:
        if file.proof is None:
            raise  # else the file's own proof has to do
    return seen


def _check_record(batch: BatchPlace, found: BatchRecord | None, at: Header) -> None:
    if found is None:
        return
    if found.count != batch.count:
        raise ReceiptRefused(f"`batch.count` is {batch.count}, on the chain it is {found.count}")
    if found.root != batch.root:
        raise ReceiptRefused(f"`batch.root` is not the root on the chain, 0x{found.root.hex()}")
    if found.stage is BatchStage.Void:
        raise ReceiptRefused(f"`batch` is void on the chain at block {at.number}: its worker couldn't stand for it")


async def batch_proof(final: Finalized, worker: bytes, first: int) -> BatchProof | None:
    """What shows a batch in the newest final state, for a receipt's file; `None` while it isn't there."""
    header = await final.header()
    key, justification = RECEIPT_BATCH.key(worker, first), final.justification
    entries = await final.node.read_proof(header, [key])
    if justification is None or checked(header, entries, [key])[key] is None:
        return None
    return BatchProof(header.encode(), tuple(entries), justification)
