"""Whether what a worker says of an agent's account or entry counts: signed by it, a holder, about what is there now.

Each function raises the pallet's error that says why not, the signature's first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pallets.attestation.pallet import refusal
from pallets.crossings.outbox import check_outcome
from pallets.frame import Error, ValidTransaction
from pallets.frame.validity import BadProof
from pallets.primitives.crossing import (
    ACCOUNT_TAG,
    OUTCOME_TAG,
    SIGNED_TAG,
    Entry,
    Outcome,
    account_subject,
    crossing_bytes,
    outcome_subject,
    signed_subject,
)
from pallets.primitives.extrinsic import Ed25519, MultiSignature, Sr25519

if TYPE_CHECKING:
    from pallets.crossings.pallet import Crossings

LONGEVITY = 64
PRIORITY = 1 << 31
MAX_ERA = 1 << 16
"""Blocks that a transaction lives at most."""


def check_account(
    crossings: Crossings,
    agent: int,
    chain: bytes,
    generation: int,
    account: bytes,
    worker: bytes,
    signature: bytes,
    proof: bytes,
) -> None:
    """Whether this becomes an agent's account on another chain."""
    said = _said(crossings, ACCOUNT_TAG, worker, agent, chain, 0, 0, account_subject(generation, account))
    _check_signature(crossings, Ed25519(signature), said, worker)
    _check_signature(crossings, Sr25519(proof), said, account)
    _check_holder(crossings, worker)
    if (agent, chain) not in crossings.allowed:
        raise crossings.ChainNotAllowed
    if (agent, chain) in crossings.account:
        raise crossings.HasAccount
    if generation != crossings.holders.generation:
        raise crossings.NoSuchGeneration


def check_signed(
    crossings: Crossings,
    agent: int,
    chain: bytes,
    number: int,
    attempt: int,
    nonce: int,
    birth: int,
    death: int,
    transaction: bytes,
    worker: bytes,
    signature: bytes,
) -> Entry:
    """The first entry, of which this may become the transaction."""
    subject = signed_subject(nonce, birth, death, transaction)
    said = _said(crossings, SIGNED_TAG, worker, agent, chain, number, attempt, subject)
    _check_signature(crossings, Ed25519(signature), said, worker)
    _check_holder(crossings, worker)
    entry, box = _first(crossings, agent, chain, number, attempt), crossings.outbox[agent, chain]
    if (agent, chain) not in crossings.account:
        raise crossings.NoAccount
    if entry.signed is not None:
        raise crossings.AlreadySigned
    if box.nonce not in (None, nonce):
        raise crossings.WrongNonce
    if not box.seen <= birth < death <= birth + MAX_ERA:
        raise crossings.BadEra
    return entry


def check_reported(
    crossings: Crossings,
    agent: int,
    chain: bytes,
    number: int,
    attempt: int,
    outcome: Outcome,
    worker: bytes,
    signature: bytes,
) -> Entry:
    """The first entry, of which this may have become."""
    said = _said(crossings, OUTCOME_TAG, worker, agent, chain, number, attempt, outcome_subject(outcome))
    _check_signature(crossings, Ed25519(signature), said, worker)
    _check_holder(crossings, worker)
    entry = _first(crossings, agent, chain, number, attempt)
    if not check_outcome(entry, crossings.outbox[agent, chain], outcome):
        raise crossings.BadOutcome
    return entry


def _first(crossings: Crossings, agent: int, chain: bytes, number: int, attempt: int) -> Entry:
    box = crossings.outbox[agent, chain]
    if number != box.first or number == box.next:
        raise crossings.NotHead
    entry = crossings.entry[agent, chain, number]
    if entry.attempt != attempt:
        raise crossings.WrongAttempt
    return entry


def _said(
    crossings: Crossings, tag: bytes, worker: bytes, agent: int, chain: bytes, entry: int, attempt: int, subject: bytes
) -> bytes:
    return crossing_bytes(tag, crossings.system.block_hash[0], worker, agent, chain, entry, attempt, subject)


def _check_signature(crossings: Crossings, signature: MultiSignature, said: bytes, signer: bytes) -> None:
    if not crossings.runtime.verify(signature, said, signer):
        raise crossings.BadSignature


def _check_holder(crossings: Crossings, worker: bytes) -> None:
    if not crossings.holders.holds_key(worker):
        raise crossings.NotHolder


def once(tag: bytes, agent: int, chain: bytes, entry: int = 0, attempt: int = 0, more: bytes = b"") -> ValidTransaction:
    """What the pool takes once of an entry's attempt."""
    subject = agent.to_bytes(8, "little") + chain + entry.to_bytes(4, "little") + bytes((attempt,)) + more
    return ValidTransaction(PRIORITY, [], [tag + subject], LONGEVITY, True)


@contextmanager
def refusing(crossings: Crossings) -> Iterator[None]:
    """An error becomes a refusal; a wrong signature one that names nothing else."""
    try:
        yield
    except crossings.BadSignature:
        raise BadProof from None
    except Error as error:
        raise refusal(error) from None
