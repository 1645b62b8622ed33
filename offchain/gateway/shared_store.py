"""The workers' store, by HTTP: bytes that jobs name by their hash, for inputs and outputs too large for the chain.

## Overview

| path | |
| --- | --- |
| `POST /store` | has a body of up to 4 MiB kept by three workers: gives `{"hash", "cid", "size", "workers"}` |
| `GET /store/{0x… or CID}` | the bytes, from the first worker that has them |

Bytes are named by their BLAKE2b-256, or by the CID of version 1 that says it (`raw`, `blake2b-256`). What a worker
gives is checked against the name.

## Errors

A name that is none is `BadRequest`, bytes that nobody has `UnknownBytes`, a body that no worker took `NoWorker`.

## Out of scope

Whose page may put bytes there: `control`.
"""

from __future__ import annotations

from dataclasses import replace

import trio
from starlette.requests import Request

from offchain.chain import Chain, ChainError
from offchain.gateway.asked import RequestLimits
from offchain.gateway.cid import BLAKE2B_256, RAW, Cid, InvalidCid, parse
from offchain.gateway.doorway import whole_body
from offchain.gateway.errors import BadRequest, ChainUnreachable, NoWorker, TooManyRequests, UnknownBytes
from offchain.gateway.links import LinkLost, Links
from offchain.rpc import CallFailed
from offchain.serving.keepers import KEEPERS, keepers_of
from offchain.serving.wire import Found, GetBytes, PutBytes
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_STORED

MAX_AT_ONCE = 8
"""Bodies, and answers, of up to 4 MiB that are in memory together."""
ANSWER_SECONDS = 10.0


class SharedStore:
    """What workers keep, through one gateway."""

    def __init__(self, chain: Chain, links: Links, limits: RequestLimits) -> None:
        self._chain, self._links = chain, links
        self._limits = replace(limits, max_body=MAX_STORED)
        self._places = trio.CapacityLimiter(MAX_AT_ONCE)

    async def put(self, request: Request) -> dict[str, object]:
        """Keeps a request's body; what the caller is told."""
        self._take_place(request)
        try:
            length = int(request.headers.get("content-length", "0"))
            data = await whole_body(request.receive, length, self._limits)
            if not data:
                raise BadRequest("the body has no bytes: what is to be kept is the body itself")
            hash, kept = blake2_256(data), 0
            for worker in await self._keepers(hash):
                if kept < KEEPERS and await self._ask(worker, hash, data) == hash:
                    kept += 1
            if not kept:
                raise NoWorker(
                    "no worker that can be reached has kept it: are workers running, and have they endpoints?"
                )
            cid = Cid(RAW, BLAKE2B_256, hash).text
            return {"hash": f"0x{hash.hex()}", "cid": cid, "size": len(data), "workers": kept}
        finally:
            self._places.release_on_behalf_of(request)

    async def get(self, request: Request) -> bytes:
        """The bytes of the hash, or CID, that a request names."""
        hash = hash_of(request.path_params["name"])
        self._take_place(request)
        try:
            for worker in await self._keepers(hash):
                data = await self._ask(worker, hash)
                if data is not None and blake2_256(data) == hash:
                    return data
        finally:
            self._places.release_on_behalf_of(request)
        raise UnknownBytes("no worker that should keep bytes of this hash has them, or none any more")

    def _take_place(self, request: Request) -> None:
        try:
            self._places.acquire_on_behalf_of_nowait(request)
        except trio.WouldBlock:
            raise TooManyRequests(f"{MAX_AT_ONCE} callers move bytes already") from None

    async def _keepers(self, hash: bytes) -> list[bytes]:
        with trio.move_on_after(ANSWER_SECONDS):
            try:
                return [keeper.worker for keeper in await keepers_of(self._chain, hash)]
            except (CallFailed, ChainError) as error:
                raise ChainUnreachable(f"the node doesn't say which workers keep bytes: {error}") from None
        raise ChainUnreachable("the node doesn't answer which workers keep bytes")

    async def _ask(self, worker: bytes, hash: bytes, data: bytes | None = None) -> bytes | None:
        """What a worker has of a hash, or the hash of what it has kept; `None` where it can't be asked."""
        link = self._links.get(worker)
        if link is None:
            return None
        exchange = link.begin()
        try:
            with trio.move_on_after(ANSWER_SECONDS):
                await link.ask(GetBytes(exchange.id, hash) if data is None else PutBytes(exchange.id, data))
                await exchange.arrived()
                answer = exchange.parts.popleft()
                return answer.file if isinstance(answer, Found) else None
        except LinkLost:
            pass
        finally:
            link.end(exchange)
        return None


def hash_of(name: str) -> bytes:
    """The hash that `0x…` or a CID names. Raises `BadRequest`."""
    if name.startswith("0x"):
        try:
            hash = bytes.fromhex(name[2:])
        except ValueError:
            hash = b""
        if len(hash) == 32:
            return hash
        raise BadRequest("a hash is `0x` and 64 hexadecimal digits")
    try:
        cid = parse(name)
    except InvalidCid as error:
        raise BadRequest(str(error)) from None
    if cid.code_hash is None:
        raise BadRequest("the store's CIDs are raw content by blake2b-256: `POST /store` tells them")
    return cid.code_hash
