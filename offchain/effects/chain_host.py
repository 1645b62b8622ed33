"""`https://chain.fathom/`: what a run is told of the chain, and where it leaves what its job is to do there.

## Overview

Everything is read after one block, the run's. Keys are hex after `0x`; errors are `text/plain`.

| request | answer |
| --- | --- |
| `GET /run` | `{"agent", "block": {"number", "hash"}, "job": null or {"id", "submitter", "mode"}, "writes": boolean}` |
| `GET /kv/KEY` | the agent's value, with what the run itself has written; 404. `?lock=no`: whatever becomes of it |
| `GET /keys?prefix=&limit=&after=` | a list of the agent's keys |
| `GET /storage/KEY` | any value of the chain's, as it is stored; 404 |
| `GET /entry/PALLET/ITEM?keys=[…]` | the same by name, as JSON (`plain_json`); `&at=NUMBER`: after an earlier block |
| `GET /constant/PALLET/NAME` | its bytes |
| `PUT`, `DELETE /kv/KEY` | 204 |
| `POST /pay` `{"to", "amount"}`, `/call` `{"call": "Pallet.name", "arguments"}`, `/emit` `{"topics", "data"}` | 204 |

Nothing is written here: `leaving` gathers what a run has been told 204 to. An action comes back as the header
`x-fathom-action`, as it goes into the effects. Of what isn't an open job's run they are refused, 403.

## Usage

    hosts = ChainHosts(ChainState(chain, final.get_all), log)
    way_out.within(hosts.of)

## Errors

What can't be read of the node is 503, but in a run that replicas vote on: `ask` raises it there.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

import orjson

from offchain.chain import WrongChain
from offchain.described import Described
from offchain.effects.plain_json import to_json
from offchain.metadata import UnreadableMetadata
from offchain.outside.fetching import VirtualHost
from offchain.serving.agents import UNREADABLE
from offchain.serving.run_scope import RunScope
from pallets.primitives import ss58
from pallets.primitives.codec import codec_of
from pallets.primitives.effects import (
    MAX_ACTIONS,
    MAX_CALL,
    MAX_DATA,
    MAX_KEY,
    MAX_LOCKS,
    MAX_TOPICS,
    MAX_VALUE,
    Action,
    CallAction,
    Emit,
    Pay,
)
from pallets.primitives.header import Header
from pallets.primitives.http import Headers

URL = "https://chain.fathom/"
ACTION_HEADER = "x-fathom-action"
ACTION = codec_of(Action)
MAX_LISTED = 1000


class Told(NamedTuple):
    """An answer."""

    status: int
    body: bytes = b""
    type: str = "application/octet-stream"
    action: bytes | None = None


class Refused(Exception):
    """A request that isn't done; the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class State(Protocol):
    """The state after final blocks; `offchain.effects.state.ChainState` is one, which says what each of these does."""

    async def earlier(self, header: Header, number: int) -> Header:
        """The header of a block before another one."""

    async def raw(self, header: Header, key: bytes) -> bytes | None:
        """The bytes under a storage key."""

    async def value(self, header: Header, agent: int, key: bytes) -> bytes | None:
        """What an agent keeps under a key."""

    async def keys(self, header: Header, agent: int, prefix: bytes, limit: int, after: bytes | None) -> list[bytes]:
        """Keys of an agent that begin so."""

    async def entry(self, header: Header, pallet: str, item: str, keys: list[Any]) -> Any:
        """The plain value of a storage entry."""

    async def runtime(self, header: Header) -> Described:
        """What the runtime after a block is described as."""


class ChainHosts:
    """The host, made for each run of one worker."""

    def __init__(self, state: State, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._state, self._log = state, log

    def of(self, scope: RunScope) -> Mapping[str, VirtualHost]:
        """What answers a run that reaches the world outside."""
        return {URL: partial(self._answer, self.host(scope))}

    def host(self, scope: RunScope) -> ChainHost:
        """What answers any run."""
        return ChainHost(self._state, scope)

    async def _answer(
        self, host: ChainHost, method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        try:
            return await host.answer(method, target, headers, body)
        except UNREADABLE as error:
            self._log.warning("the chain can't be read for a run of agent %d: %s", host.scope.agent, error)
            told = Told(503, b"the worker can't read the chain from its node", "text/plain")
            return told.status, headers_of(told), _once(told.body)


def route_of(target: str) -> tuple[list[str], dict[str, str]]:
    """The parts of a path, and its query."""
    path, _, query = target.partition("?")
    return path.strip("/").split("/"), {name: values[-1] for name, values in parse_qs(query).items()}


def locks(given: Mapping[str, str]) -> bool:
    """Whether a value that is read has to stay the same until the job is settled, by the request's query."""
    return given.get("lock") != "no"


def headers_of(told: Told) -> Headers:
    """The headers of an answer."""
    headers = [("content-type", told.type), ("content-length", str(len(told.body)))]
    return headers if told.action is None else [*headers, (ACTION_HEADER, f"0x{told.action.hex()}")]


class ChainHost:
    """What answers one run. It remembers what the run has written, to tell it so."""

    def __init__(self, state: State, scope: RunScope) -> None:
        self.scope = scope
        self._state = state
        self._written: dict[bytes, bytes | None] = {}
        self._locked: set[bytes] = set()
        self._actions = 0

    async def answer(
        self, method: str, target: str, headers: Headers, body: bytes
    ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        """As a `VirtualHost`. Raises as `ask`."""
        told = await self.ask(method, target, body)
        return told.status, headers_of(told), _once(told.body)

    async def ask(self, method: str, target: str, body: bytes) -> Told:
        """Answers a request. Raises `UNREADABLE`, where the chain can't be read."""
        parts, given = route_of(target)
        try:
            return await self._route(method, parts, given, body)
        except Refused as refused:
            return Told(refused.status, str(refused).encode(), "text/plain")
        except (ValueError, WrongChain, UnreadableMetadata) as error:  # a `BadValue`, or digits without an end
            return Told(400, str(error).encode(), "text/plain")

    async def _route(self, method: str, parts: list[str], given: dict[str, str], body: bytes) -> Told:
        match method, parts:
            case "GET", ["run"]:
                return await self._run()
            case "GET", ["kv", key]:
                return await self._value(_bytes(key), lock=locks(given))
            case "GET", ["keys"]:
                return await self._keys(given)
            case "GET", ["storage", key]:
                return _found(await self._state.raw(await self.scope.header(), _bytes(key)))
            case "GET", ["entry", pallet, item]:
                keys = _json(given.get("keys", "[]").encode(), list)
                header = await self._block(given.get("at"))
                return _json_told(to_json(await self._state.entry(header, pallet, item, keys)))
            case "GET", ["constant", pallet, name]:
                runtime = await self._state.runtime(await self.scope.header())
                return Told(200, runtime.constant(pallet, name)[0])
            case "PUT" | "DELETE", ["kv", key]:
                return self._write(_bytes(key), body if method == "PUT" else None)
            case "POST", [("pay" | "call" | "emit") as kind]:
                return await self._act(kind, _json(body, dict))
        raise Refused(404, f"nothing answers {method} /{'/'.join(parts)}")

    # Reading

    async def _block(self, number: str | None) -> Header:
        """The header of the run's block, or of an earlier one."""
        header = await self.scope.header()
        if number is None:
            return header
        if not number.isascii() or not number.isdigit() or len(number) > 10 or int(number) > header.number:
            raise Refused(400, f"at is the number of a block up to {header.number}, the run's")
        return await self._state.earlier(header, int(number))

    async def _run(self) -> Told:
        scope, header = self.scope, await self.scope.header()
        job = None
        if scope.job is not None and scope.submitter is not None and scope.mode is not None:
            job = {"id": scope.job, "submitter": f"0x{scope.submitter.hex()}", "mode": scope.mode.name}
        block = {"number": header.number, "hash": f"0x{header.hash.hex()}"}
        return _json_told({"agent": scope.agent, "block": block, "job": job, "writes": scope.may_write})

    async def _value(self, key: bytes, *, lock: bool) -> Told:
        _check_key(key)
        if key in self._written:
            return _found(self._written[key])
        if lock and self.scope.may_write and key not in self._locked:
            if len(self._locked) == MAX_LOCKS:
                raise Refused(409, f"a job reads at most {MAX_LOCKS} keys with a lock: read others with lock: false")
            self._locked.add(key)
        return _found(await self._state.value(await self.scope.header(), self.scope.agent, key))

    async def _keys(self, given: Mapping[str, str]) -> Told:
        limit = given.get("limit", "100")
        if not limit.isascii() or not limit.isdigit() or not 0 < int(limit) <= MAX_LISTED:
            raise Refused(400, f"limit is a number from 1 to {MAX_LISTED}")
        prefix, after = _bytes(given.get("prefix", "0x")), _bytes(given["after"]) if given.get("after") else None
        header = await self.scope.header()
        found = await self._state.keys(header, self.scope.agent, prefix, int(limit), after)
        left = [key for key in found if self._written.get(key, b"") is not None]
        if len(found) < int(limit):  # behind those that are there, in the order in which they were written
            there = set(left) if after is None else {*left, after}
            new = [key for key, value in self._written.items() if value is not None and key.startswith(prefix)]
            left += [key for key in new if key not in there] if after is None else []
        return _json_told([f"0x{key.hex()}" for key in left[: int(limit)]])

    # What is left for the chain

    def _check_writes(self) -> None:
        if self.scope.job is None:
            raise Refused(403, "only a job can write")
        if not self.scope.may_write:
            raise Refused(403, "a sealed job can't write: the chain can't read what it leaves")

    def _write(self, key: bytes, value: bytes | None) -> Told:
        self._check_writes()
        _check_key(key)
        if value is not None and len(value) > MAX_VALUE:
            raise Refused(413, f"the value has {len(value)} bytes: at most {MAX_VALUE} are kept under a key")
        if key not in self._written and len(self._written) == MAX_LOCKS:
            raise Refused(409, f"a job writes at most {MAX_LOCKS} keys")
        self._written[key] = value
        return Told(204)

    async def _act(self, kind: str, given: Mapping[str, Any]) -> Told:
        self._check_writes()
        if self._actions == MAX_ACTIONS:
            raise Refused(409, f"a job leaves at most {MAX_ACTIONS} actions")
        match kind:
            case "pay":
                action: Action = Pay(_account(given.get("to")), _amount(given.get("amount")))
            case "emit":
                action = _event(given)
            case _:
                action = CallAction(await self._call(given))
        self._actions += 1
        return Told(204, action=ACTION.encode(action))

    async def _call(self, given: Mapping[str, Any]) -> bytes:
        pallet, dot, name = str(given.get("call")).partition(".")
        arguments = given.get("arguments", {})
        if not dot or not isinstance(arguments, dict):
            raise Refused(400, 'a call is {"call": "Pallet.name", "arguments": {…}}')
        runtime = await self._state.runtime(await self.scope.header())
        call = runtime.encode_call({pallet: {name: arguments}})
        if len(call) > MAX_CALL:
            raise Refused(413, f"the call has {len(call)} bytes: at most {MAX_CALL} are made")
        return call


def _event(given: Mapping[str, Any]) -> Emit:
    topics, data = given.get("topics", []), _bytes(given.get("data", "0x"))
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        raise Refused(400, f"topics are a list of at most {MAX_TOPICS}")
    if len(data) > MAX_DATA:
        raise Refused(413, f"the event's data has {len(data)} bytes: at most {MAX_DATA} are told")
    found = [_bytes(topic) for topic in topics]
    if any(len(topic) != 32 for topic in found):
        raise Refused(400, "a topic has 32 bytes")
    return Emit(found, data)


def _check_key(key: bytes) -> None:
    if len(key) > MAX_KEY:
        raise Refused(413, f"the key has {len(key)} bytes: at most {MAX_KEY} are taken")


def _bytes(text: object) -> bytes:
    if isinstance(text, str) and text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            pass
    raise Refused(400, f"{str(text)[:40]!r} isn't hex after 0x")


def _account(given: object) -> bytes:
    if isinstance(given, str) and not given.startswith("0x"):
        try:
            return ss58.decode_account(given)
        except ss58.InvalidAddress as error:
            raise Refused(400, f"{given[:60]!r} is no address: {error}") from None
    found = _bytes(given)
    if len(found) != 32:
        raise Refused(400, f"an account has 32 bytes, not {len(found)}")
    return found


def _amount(given: object) -> int:
    text = str(given)
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or len(text) > 39 or int(text) >> 128:
        raise Refused(400, f"{text[:40]!r} is no amount: it is a whole number of the chain's smallest units")
    return int(text)


def _json(data: bytes, kind: type[Any]) -> Any:
    try:
        found = orjson.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, kind):
        raise Refused(400, f"a JSON {'object' if kind is dict else 'list'} is expected")
    return found


def _found(value: bytes | None) -> Told:
    return Told(404) if value is None else Told(200, value)


def _json_told(value: Any) -> Told:
    return Told(200, orjson.dumps(value), "application/json")


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
