"""A contract's message as a job or a request brings it, and the answer to it.

Overview
    A job's input is a SCALE `ContractInput`, its output then a `ContractOutput`; or it is a request in JSON, as HTTP
    has it, and so is its output. Of requests there are

        GET  /                        what stands here: {"address", "codeHash", "deployed"}
        GET  /call?data=0x…           a message, as below
        POST /call                    {"data": "0x…", "origin"?, "value"?, "deploy"?}; or the bytes of selector and
                                      arguments themselves, or their hex

    where `origin` says in whose name a query is asked, an address or a key in hex, and `value` what would be paid. A
    request by HTTP changes nothing, whatever the message: the answer says what a job would come to. It is what
    `contracts_call` answers, with the events:

        {"gasConsumed": {"refTime": …, "proofSize": 0}, "gasRequired": …, "storageDeposit": {"Charge": 0},
         "debugMessage": "…", "result": {"Ok": {"flags": 0, "data": "0x…"}},
         "events": [{"contract", "topics", "data"}]}

Errors
    `InvalidInput` for what is no message; `NotFound` for another path.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from offchain.sandbox.base import InvalidInput
from offchain.sandbox.ink.state import Event, Payment
from pallets.primitives import ss58
from pallets.primitives.contract import CONTRACT_INPUT, CONTRACT_OUTPUT, REVERT, ContractOutput, DeployMessage
from pallets.primitives.scale import DecodeError

NOBODY = bytes(32)


class Message(NamedTuple):
    """A message to the agent's contract; without data, the question what stands there."""

    deploys: bool
    value: int
    data: bytes | None
    origin: bytes | None
    """Who sends it, as a request says; a job's is who submitted it."""
    is_request: bool


class NotFound(Exception):
    """There is nothing at this path, or not by this method."""


def read_message(input: bytes) -> Message:
    """The message of a run's input. Raises `InvalidInput` and `NotFound`."""
    if input[:1] == b"{":
        return _request(input)
    try:
        found = CONTRACT_INPUT.decode_all(input)
    except DecodeError as error:
        raise InvalidInput(f"the input is no ContractInput: {error}") from None
    return Message(isinstance(found, DeployMessage), found.value, found.data, None, False)


def returned(flags: int, data: bytes) -> bytes:
    """A job's output."""
    return CONTRACT_OUTPUT.encode(ContractOutput(flags, data))


def answered(status: int, body: Any) -> bytes:
    """The answer to a request."""
    return orjson.dumps({"status": status, "body": orjson.dumps(body).decode()})


def description(account: bytes, code: bytes, deployed: bool) -> dict[str, Any]:
    """What stands at an agent's contract's account."""
    return {"address": ss58.encode(account), "codeHash": _text(code), "deployed": deployed}


def result(
    flags: int, data: bytes, gas: int, log: Sequence[str], happened: Sequence[Event | Payment]
) -> dict[str, Any]:
    """What a message came to, or would."""
    weight = {"refTime": gas, "proofSize": 0}
    events = [
        {"contract": ss58.encode(each.account), "topics": [*map(_text, each.topics)], "data": _text(each.data)}
        for each in happened
        if isinstance(each, Event)
    ]
    return {
        "gasConsumed": weight,
        "gasRequired": weight,
        "storageDeposit": {"Charge": 0},
        "debugMessage": "\n".join(log),
        "result": {"Ok": {"flags": flags, "data": _text(data)}},
        "events": [] if flags & REVERT else events,
    }


def _text(data: bytes) -> str:
    return "0x" + data.hex()


def _request(input: bytes) -> Message:
    try:
        told = orjson.loads(input)
    except orjson.JSONDecodeError:
        raise InvalidInput("the input is no request in JSON") from None
    method, path = told.get("method"), told.get("path")
    if path == "/" and method in ("GET", "HEAD"):
        return Message(False, 0, None, None, True)
    if path != "/call" or method not in ("GET", "POST"):
        raise NotFound
    fields = _fields(told)
    data, origin, value, deploys = (fields.get(name) for name in ("data", "origin", "value", "deploy"))
    if not isinstance(deploys, bool | None):
        raise InvalidInput("`deploy` is true or false")
    return Message(bool(deploys), _amount(value), _hex(data), None if origin is None else _account(origin), True)


def _fields(told: dict[str, Any]) -> dict[str, Any]:
    """Of a query, or of a body."""
    if told["method"] == "GET":
        return _of_query(told.get("queries"))
    try:
        raw = b64decode(str(told["bodyBase64"])) if "bodyBase64" in told else str(told.get("body", "")).encode()
    except ValueError:
        raise InvalidInput("the body is no base64") from None
    if raw.lstrip()[:1] == b"{":
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise InvalidInput("the body is no JSON") from None
        return dict(found)
    return {"data": raw.decode("ascii", "replace") if raw.startswith(b"0x") else "0x" + raw.hex()}


def _of_query(queries: Any) -> dict[str, Any]:
    """The first value of each name; gateways write them well, whoever submits a job may write anything."""
    if not isinstance(queries, dict):
        return {}
    fields = {name: values[0] for name, values in queries.items() if isinstance(values, list) and values}
    if fields.get("deploy") in ("true", "false"):
        fields["deploy"] = fields["deploy"] == "true"
    return fields


def _hex(given: Any) -> bytes:
    try:
        return bytes.fromhex(given.removeprefix("0x"))
    except (AttributeError, ValueError):
        raise InvalidInput("`data` is missing: selector and arguments in hex") from None


def _amount(given: Any) -> int:
    if given is None:
        return 0
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 39:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 1 << 128:
        raise InvalidInput("`value` is a whole number of the chain's smallest units")
    return given


def _account(given: Any) -> bytes:
    try:
        found = bytes.fromhex(given[2:]) if given.startswith("0x") else ss58.decode_account(given)
    except (AttributeError, ValueError):
        found = b""
    if len(found) != 32:
        raise InvalidInput("`origin` is no address, nor 32 bytes in hex")
    return found
