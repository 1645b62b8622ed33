"""`https://chains.fathom/`: what a run is told of the chains that its agent may reach, and how it sends there.

## Overview

`NAME` is what the agent's DAO calls a chain, as of the block that the run reads, or its genesis hash. Values are those
after the other chain's last final block, as one of its endpoints tells them: asserted by the worker that runs, and in
the run's transcript. Bytes are hex after `0x`; values as `plain_json` has them.

| request | answer |
| --- | --- |
| `GET /NAME` | `{"name", "genesis", "ss58", "account": {"address", "public"} or null}` |
| `GET /NAME/storage/PALLET/ITEM?keys=[…]` | `{"block": {"number", "hash"}, "key", "raw", "value"}`; `null` of nothing |
| `GET /NAME/constant/PALLET/CONSTANT` | `{"block", "raw", "value"}` |
| `POST /NAME/send` `{"call": "Pallet.call", "arguments", "spends"}` | 204; what it leaves is in `x-fathom-action` |

Nothing is sent here: what the run leaves is queued when its job is settled (`offchain.effects.leaving`). Of what isn't
an open job's run it is refused, 403.

## Errors

`{"error": NAME, "message"}` with a class of `errors` (400, 403, 404, 502), or `OnlyJobs` (403).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import orjson

from offchain.chain import Head
from offchain.chain import WrongChain as NoSuchItem
from offchain.crossings import records
from offchain.crossings.errors import (
    BadQuestion,
    ChainNotAllowed,
    CrossingError,
    NotDelivered,
    UnknownItem,
    Unreachable,
)
from offchain.crossings.other_chain import OtherChain, Others
from offchain.crossings.other_runtime import OtherRuntime, understood
from offchain.described import BadValue
from offchain.effects.chain_host import ACTION, ACTION_HEADER
from offchain.effects.plain_json import to_json
from offchain.light.finalized import Finalized
from offchain.outside.fetching import VirtualHost
from offchain.serving.agents import UNREADABLE
from offchain.serving.run_scope import RunScope
from pallets.primitives import ss58
from pallets.primitives.crossing import (
    CALL_NAME,
    MAX_CALL_NAME,
    MAX_CHAIN_NAME,
    MAX_SENDING,
    SENDING,
    AllowedChain,
    ByName,
)
from pallets.primitives.effects import MAX_ACTIONS, Send
from pallets.primitives.http import Headers
from pallets.primitives.scale import DecodeError

URL = "https://chains.fathom/"
MAX_RAW = 1 << 20
"""Bytes of one value."""


class OnlyJobs(CrossingError):
    """Only the run of a job that isn't sealed sends anything."""


STATUS = {ChainNotAllowed: 404, UnknownItem: 404, OnlyJobs: 403}
"""Of errors that aren't the question's (400) or the other chain's (502)."""


class Found(NamedTuple):
    """A chain that the agent may reach."""

    genesis: bytes
    terms: AllowedChain


class ChainsHosts:
    """The host, made for each run of one worker."""

    def __init__(self, final: Finalized, others: Others) -> None:
        self._final, self._others = final, others

    def of(self, scope: RunScope) -> Mapping[str, VirtualHost]:
        """What answers one run."""
        return {URL: partial(_answer, ChainsHost(self._final, self._others, scope))}


class ChainsHost:
    """What answers one run."""

    def __init__(self, final: Finalized, others: Others, scope: RunScope) -> None:
        self._final, self._others, self._scope = final, others, scope
        self._sent = 0

    async def ask(self, method: str, target: str, body: bytes) -> tuple[Any, bytes | None]:
        """The answer to a request, and the action that it leaves. Raises `CrossingError`."""
        path, _, query = target.partition("?")
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match method, parts:
            case "GET", [name] if name:
                return await self._about(await self._found(name)), None
            case "GET", [name, "storage", pallet, item]:
                keys = _json((parse_qs(query).get("keys") or ["[]"])[-1], list)
                return await self._storage(await self._found(name), pallet, item, keys), None
            case "GET", [name, "constant", pallet, constant]:
                return await self._constant(await self._found(name), pallet, constant), None
            case "POST", [name, "send"]:
                return None, await self._send(name, _json(body, dict))
        raise BadQuestion(f"nothing answers {method} /{'/'.join(parts)}")

    async def _found(self, name: str) -> Found:
        head, agent = await self._head(), self._scope.agent
        try:
            genesis = bytes.fromhex(name[2:]) if name.startswith("0x") and len(name) == 66 else None
        except ValueError:
            genesis = None
        try:
            if genesis is None and len(name) <= MAX_CHAIN_NAME:
                genesis = await self._final.read_at(head, records.BY_NAME, agent, name.encode())
            terms: AllowedChain | None = None
            if genesis is not None:
                terms = await self._final.read_at(head, records.ALLOWED, agent, genesis)
        except UNREADABLE as error:
            raise Unreachable(f"the worker can't read its own chain: {error}") from None
        if genesis is None or terms is None:
            raise ChainNotAllowed(f"the agent may reach no chain {name[:80]}: its DAO allows it")
        return Found(genesis, terms)

    async def _head(self) -> Head:
        try:
            header = await self._scope.header()
        except UNREADABLE as error:
            raise Unreachable(f"the worker can't read its own chain: {error}") from None
        return Head(header.number, header.hash)

    async def _about(self, found: Found) -> Any:
        account = await self._final.read_at(await self._head(), records.ACCOUNT, self._scope.agent, found.genesis)
        shown = None
        if account is not None:
            address = ss58.encode(account.account, found.terms.ss58)
            shown = {"address": address, "public": f"0x{account.account.hex()}"}
        name = found.terms.name.decode("ascii", "replace")
        return {"name": name, "genesis": f"0x{found.genesis.hex()}", "ss58": found.terms.ss58, "account": shown}

    async def _storage(self, found: Found, pallet: str, item: str, keys: list[Any]) -> Any:
        other, head, runtime = await self._other(found)
        with _known():
            key = runtime.described.storage_key(pallet, item, *keys)
        raw = await other.storage(key, head)
        if raw is not None and len(raw) > MAX_RAW:
            raise UnknownItem(f"{pallet}.{item} has {len(raw)} bytes there, and is read up to {MAX_RAW}")
        with _known():
            value = to_json(runtime.described.value_of(pallet, item, raw))
        shown = None if raw is None else f"0x{raw.hex()}"
        return {"block": _block(head), "key": f"0x{key.hex()}", "raw": shown, "value": value}

    async def _constant(self, found: Found, pallet: str, name: str) -> Any:
        _, head, runtime = await self._other(found)
        with _known():
            raw, plain = runtime.described.constant(pallet, name)
            value = to_json(plain)
        return {"block": _block(head), "raw": f"0x{raw.hex()}", "value": value}

    async def _other(self, found: Found) -> tuple[OtherChain, Head, OtherRuntime]:
        other = await self._others.chain(found.genesis, found.terms.endpoints)
        head = await other.final_head()
        return other, head, await other.runtime(head)

    async def _send(self, name: str, given: dict[str, Any]) -> bytes:
        if not self._scope.may_write:
            raise OnlyJobs("only a job can send something to another chain, and none that is sealed")
        if self._sent == MAX_ACTIONS:
            raise BadQuestion(f"a job leaves at most {MAX_ACTIONS} actions")
        found = await self._found(name)
        call, arguments, spends = str(given.get("call")), given.get("arguments"), str(given.get("spends"))
        if len(call) > MAX_CALL_NAME or CALL_NAME.fullmatch(call.encode()) is None or not isinstance(arguments, dict):
            raise BadQuestion('a call is {"call": "Pallet.call", "arguments": {…}, "spends": amount}')
        if not spends.isascii() or not spends.isdigit() or len(spends) > 39 or int(spends) >> 128:
            raise BadQuestion("spends is a whole number of the other chain's smallest units, fee included")
        encoded = SENDING.encode(ByName(call.encode(), orjson.dumps(arguments)))
        if len(encoded) > MAX_SENDING:
            raise BadQuestion(f"the call has {len(encoded)} bytes as JSON: at most {MAX_SENDING} are sent")
        self._sent += 1
        return ACTION.encode(Send(found.genesis, encoded, int(spends)))


async def _answer(
    host: ChainsHost, method: str, target: str, headers: Headers, body: bytes
) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
    action = None
    try:
        told, action = await host.ask(method, target, body)
        status = 200 if action is None else 204
        with understood():
            content = b"" if told is None else orjson.dumps(told)
    except CrossingError as error:
        kind = type(error)
        status = STATUS.get(kind, 502 if issubclass(kind, NotDelivered) else 400)
        content = orjson.dumps({"error": kind.__name__, "message": str(error)})
    sent = [("content-type", "application/json"), ("content-length", str(len(content)))]
    if action is not None:
        sent.append((ACTION_HEADER, f"0x{action.hex()}"))
    return status, sent, _once(content)


@contextmanager
def _known() -> Iterator[None]:
    """What the chain doesn't have, or not of these keys, is `UnknownItem`."""
    with understood():
        try:
            yield
        except (NoSuchItem, BadValue, DecodeError, LookupError) as error:
            raise UnknownItem(str(error)) from None


def _block(head: Head) -> dict[str, Any]:
    return {"number": head.number, "hash": f"0x{head.hash.hex()}"}


def _json(data: str | bytes, kind: type[Any]) -> Any:
    try:
        found = orjson.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        raise BadQuestion(f"a JSON {'object' if kind is dict else 'list'} is expected")
    return found


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
