"""A receipt with those of all calls of agents below it, each verified: what came of what, and what it cost in all.

## Overview

The root of a run's transcript is in its receipt, and with each answer to a call the transcript has the receipt's id,
the charge and the worker. So from one receipt, or one job, all below it is found: transcripts and receipts are asked of
the workers that keep them, and believed only where they have the root or id that is named. Of each receipt is checked
what `fathom verify` checks; of each call, that its receipt says the same of it as its caller was told.

## Errors

`BrokenTree`: something below doesn't hold, or can't be had any more. Those of `offchain.light.receipt_check`.

## Out of scope

Running anything again: `fathom receipt replay`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from offchain.chain import Chain
from offchain.light.finalized import Finalized
from offchain.light.receipt_check import check_alone, check_on_chain
from offchain.light.receipt_file import MAX_FILE, BadReceiptFile, ReceiptFile
from offchain.serving.asking import endpoints_of, first_answer
from offchain.serving.calls import CALLER, DEPTH, MAX_DEPTH, URL
from offchain.serving.transcripts import find_transcript
from offchain.serving.wire import GetReceipt
from pallets.primitives.transcript import Transcript

MAX_RECEIPTS = 1024
"""Of one tree: gateways of ours allow fewer."""


class BrokenTree(Exception):
    """What a run was told of a call isn't so, or can't be shown any more; the message says of which."""


class Told(NamedTuple):
    """What a run's transcript has of an answer to a call."""

    receipt: bytes
    charge: int
    worker: bytes


@dataclass
class Branch:
    """A receipt, and those of the calls that its run made, in the order of their answers."""

    file: ReceiptFile
    calls: list[Branch] = field(default_factory=list)

    def all(self) -> Iterator[Branch]:
        """This one and all below, each before those below it."""
        yield self
        for call in self.calls:
            yield from call.all()

    @property
    def charge(self) -> int:
        """What all of it cost."""
        return sum(each.file.receipt.charge for each in self.all())


class Tree:
    """Trees of receipts on one chain; `final` is what is believed of it."""

    def __init__(self, chain: Chain, final: Finalized) -> None:
        self._chain, self._final = chain, final
        self._count = 0

    async def of(self, file: ReceiptFile) -> Branch:
        """A receipt's tree. Raises `BrokenTree`, and why a receipt is refused."""
        check_alone(file)
        await check_on_chain(file, self._final)
        self._count += 1
        if self._count > MAX_RECEIPTS:
            raise BrokenTree(f"there are more than {MAX_RECEIPTS} receipts in the tree")
        depth = _depth(file)
        transcript = await self._transcript(file.receipt.transcript_root, [file.worker])
        calls = await self.below(transcript, file.receipt.agent, depth)
        return Branch(file, calls)

    async def below(self, transcript: Transcript, agent: int, depth: int) -> list[Branch]:
        """The trees of the calls that a run of an agent made, below so many others; raises as `of`."""
        found = []
        for told in calls_of(transcript):
            file = await self._file(told)
            headers = {} if file.request is None else dict(file.request.headers)
            name = f"the call's receipt 0x{told.receipt.hex()}"
            if (file.receipt.charge, file.worker) != (told.charge, told.worker):
                raise BrokenTree(f"{name} is of another charge or worker than its caller was told")
            if (headers.get(CALLER), headers.get(DEPTH)) != (str(agent), str(depth + 1)) or depth >= MAX_DEPTH:
                raise BrokenTree(f"{name} is of no call by agent {agent}, below {depth} others")
            found.append(await self.of(file))
        return found

    async def _transcript(self, root: bytes, workers: list[bytes]) -> Transcript:
        transcript = await find_transcript(self._chain, root, workers)
        if transcript is None:
            raise BrokenTree(f"no worker gives the transcript 0x{root.hex()} any more")
        return transcript

    async def _file(self, told: Told) -> ReceiptFile:
        def read(content: bytes) -> ReceiptFile | None:
            try:
                file = ReceiptFile.parse(content)
            except BadReceiptFile:
                return None
            return file if file.id == told.receipt else None

        endpoints = await endpoints_of(self._chain, [told.worker])
        file = await first_answer(endpoints, GetReceipt(1, told.receipt), MAX_FILE, read)
        if file is None:
            raise BrokenTree(f"worker 0x{told.worker.hex()} doesn't give the receipt 0x{told.receipt.hex()} any more")
        return file


def calls_of(transcript: Transcript) -> list[Told]:
    """The answers to calls that a transcript has; raises `BrokenTree` where one is without its receipt."""
    found = []
    for entry in transcript.entries:
        if not entry.ok or URL.encode() not in entry.head:
            continue
        head = orjson.loads(entry.head)
        if not str(head.get("url", "")).startswith(URL):
            continue
        said: dict[str, str] = dict(head.get("headers", []))
        try:
            receipt, worker = (bytes.fromhex(said[f"x-fathom-{name}"][2:]) for name in ("receipt", "worker"))
            found.append(Told(receipt, int(said["x-fathom-charge"]), worker))
        except (KeyError, ValueError):
            raise BrokenTree("an answer to a call is in the transcript without its receipt") from None
    return found


def _depth(file: ReceiptFile) -> int:
    said = {} if file.request is None else dict(file.request.headers)
    depth = said.get(DEPTH, "0")
    return int(depth) if depth.isdigit() and len(depth) < 4 else 0
