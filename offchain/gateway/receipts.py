"""Receipts as a gateway sees them: whether one holds for the answer that it came with, and who has its file.

## Overview

A receipt holds if the worker that the chain knows under its key signed it, and if it names this request, this answer,
this agent and its code. Nothing else shows who answered. Who signed what is remembered for a while, so that the file
can be asked of the one worker that has it.

## Out of scope

Whether the receipt was committed on the chain, which is what `fathom verify` finds out.
"""

from __future__ import annotations

from dataclasses import dataclass

from offchain.gateway.agent_entry import AgentEntry
from offchain.serving.wire import End, Whole
from pallets.primitives.hashing import blake2_256
from pallets.primitives.http import HttpResponse, response_hash
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.receipt import RECEIPT, Receipt, receipt_bytes
from pallets.primitives.scale import DecodeError, EncodeError

MAX_REMEMBERED = 65_536


class BadReceipt(Exception):
    """A receipt that doesn't hold for its answer; the text is the reason in one word."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who has a receipt's file, and under which id."""

    receipt: bytes
    worker: bytes


class Receipts:
    """The receipts of one chain."""

    def __init__(self, genesis: bytes) -> None:
        self._genesis = genesis
        self._signers: dict[str, Signer] = {}

    def check(
        self,
        worker: bytes,
        end: End | Whole,
        agent: AgentEntry,
        code: bytes | None,
        asked: bytes,
        response: HttpResponse,
    ) -> bytes:
        """The receipt's id, 32 bytes, if it holds for this answer to the request of hash `asked`.

        `code` is what the caller asked for, if the caller named it. Raises `BadReceipt`.
        """
        try:
            receipt: Receipt = RECEIPT.decode_all(end.receipt)
            answered = response_hash(response)
        except (DecodeError, EncodeError):
            raise BadReceipt("malformed") from None
        if receipt.request_hash != asked:
            raise BadReceipt("other-request")
        if receipt.response_hash != answered:
            raise BadReceipt("other-response")
        if receipt.agent != agent.id or (code is not None and receipt.code != code):
            raise BadReceipt("other-agent")
        if end.worker != worker:
            raise BadReceipt("other-worker")
        signed = receipt_bytes(self._genesis, receipt)
        if not verify_ed25519(end.signature, signed, worker):
            raise BadReceipt("bad-signature")
        return blake2_256(signed)

    def remember(self, receipt: bytes, worker: bytes, later: str | None = None) -> None:
        """Notes who has a receipt, to be found by its id, and by another word that its caller was given."""
        signer = Signer(receipt, worker)
        self._signers[receipt.hex()] = signer
        if later is not None:
            self._signers[later] = signer
        while len(self._signers) > MAX_REMEMBERED:
            del self._signers[next(iter(self._signers))]

    def signer(self, name: str) -> Signer | None:
        """Who has the receipt of this id (hex), or of the word that was given for it."""
        return self._signers.get(name)
