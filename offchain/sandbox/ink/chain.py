"""The chain as a run of contracts sees it, asked at `PINNED_URL`, and what a run leaves for it.

Storage is read by its key after the run's block; of the agent's own store, the host that answers remembers what was
read, so that what is written is refused if it has changed by then.

Errors: `ContractTrapped` where the chain can't be read; it may be that the run has no world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from offchain.sandbox.base import PINNED_URL, ContractTrapped
from offchain.sandbox.ink.outside import Fetched, Outside, Request
from offchain.sandbox.ink.state import Event, Payment
from pallets.primitives.agent_record import Agent, AgentKind
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.hashing import Blake2_128Concat, blake2_256, storage_prefix
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import U128

AGENT, BALANCE = codec_of(Agent), codec_of(U128)
_PREFIXES = {name: storage_prefix(*name.split(".")) for name in ("Agents.Agent", "Agents.Code", "System.Account")}
_VALUES = storage_prefix("Anchors", "Value")
_hashed: Callable[[bytes], bytes] = Blake2_128Concat.apply


@dataclass(frozen=True)
class Scope:
    """What a run is: of which agent, after which block; of a job, whose."""

    agent: int
    block: int
    submitter: bytes | None
    """`None` of a request by HTTP."""


class RunChain:
    """The chain for one run. What was read once isn't asked for again."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._scope: Scope | None = None
        self._read: dict[bytes, bytes | None] = {}
        self._codes: dict[bytes, bytes] = {}
        self._least: int | None = None

    @property
    def scope(self) -> Scope:
        """What this run is."""
        if self._scope is None:
            self._scope = _scope(self._needed("run"))
        return self._scope

    @property
    def agent(self) -> int:
        """Whose run this is."""
        return self.scope.agent

    # The run's block

    def block_number(self) -> int:
        """Of the block after which the run reads."""
        return self.scope.block

    def minimum_balance(self) -> int:
        """The existential deposit."""
        if self._least is None:
            self._least = int(_decoded(BALANCE, self._needed("constant/Balances/ExistentialDeposit")))
        return self._least

    def price(self) -> int:
        """Of a unit of gas."""
        record = self._record(self.agent)
        return 0 if record is None else record.policy.price

    # Storage

    def own_value(self, key: bytes) -> bytes | None:
        """Of the agent's own store."""
        return self._content(self._ask("GET", f"kv/0x{key.hex()}"))

    def value(self, agent: int, key: bytes) -> bytes | None:
        """Of another agent's store."""
        found = self._storage(_VALUES + _hashed(_u64(agent)) + _hashed(compact(len(key)) + key))
        return None if found is None else _stored_bytes(found)

    def code_of(self, agent: int) -> bytes | None:
        """The hash of an agent's approved code, if it is a contract's."""
        record = self._record(agent)
        return record.code if record is not None and record.kind is AgentKind.Ink else None

    def code(self, hash: bytes) -> bytes | None:
        """Code that was uploaded."""
        if hash not in self._codes:
            found = self._storage(_PREFIXES["Agents.Code"] + hash)
            if found is None:
                return None
            code = _stored_bytes(found)
            if blake2_256(code) != hash:
                raise ContractTrapped("the chain has other code under this hash")
            self._codes[hash] = code
        return self._codes[hash]

    def knows(self, code: bytes) -> None:
        """Code that needn't be asked for."""
        self._codes[blake2_256(code)] = code

    def free_balance(self, account: bytes) -> int:
        """What an account has, in the chain's smallest units."""
        return self._balances(account)[0]

    def reserved_balance(self, account: bytes) -> int:
        """What is held of an account beside."""
        return self._balances(account)[1]

    # What a run leaves

    def leave(self, writes: Mapping[bytes, bytes | None], happened: Sequence[Event | Payment], own: bytes) -> None:
        """Hand over all that a job's run has changed. `own` is the account of the agent's contract."""
        for key, value in writes.items():
            self._needed(f"kv/0x{key.hex()}", "DELETE" if value is None else "PUT", value or b"")
        for each in happened:
            if isinstance(each, Payment):
                self._needed("pay", "POST", orjson.dumps({"to": "0x" + each.to.hex(), "amount": str(each.amount)}))
            else:
                topics = each.topics if each.account == own else [*each.topics, each.account]
                told = {"topics": ["0x" + topic.hex() for topic in topics], "data": "0x" + each.data.hex()}
                self._needed("emit", "POST", orjson.dumps(told))

    def take(self, amount: int, own: bytes) -> None:
        """Have the submitter pay for the message, under a mandate."""
        arguments = {"dest": "0x" + own.hex(), "value": str(amount)}
        told = {"call": "Balances.transfer_keep_alive", "arguments": arguments}
        self._needed("call", "POST", orjson.dumps(told))

    # Inside

    def _record(self, agent: int) -> Agent | None:
        found = self._storage(_PREFIXES["Agents.Agent"] + _hashed(_u64(agent)))
        return None if found is None else _decoded(AGENT, found)

    def _balances(self, account: bytes) -> tuple[int, int]:
        found = self._storage(_PREFIXES["System.Account"] + _hashed(account))
        if found is None:
            return 0, 0
        free, reserved = found[16:32], found[32:48]
        return int.from_bytes(free, "little"), int.from_bytes(reserved, "little")

    def _storage(self, key: bytes) -> bytes | None:
        if key not in self._read:
            self._read[key] = self._content(self._ask("GET", f"storage/0x{key.hex()}"))
        return self._read[key]

    def _ask(self, method: str, path: str, body: bytes = b"") -> Fetched:
        return self._outside.fetch(Request(method, PINNED_URL + path, body=body))

    def _content(self, fetched: Fetched) -> bytes | None:
        status = fetched.head.get("status")
        if fetched.ok and status in (200, 204):
            return fetched.body
        if fetched.ok and status == 404:
            return None
        why = fetched.body.decode("utf-8", "replace") if fetched.ok else str(fetched.head.get("error"))
        raise ContractTrapped(f"the chain can't be asked: {why[:300]}")

    def _needed(self, path: str, method: str = "GET", body: bytes = b"") -> bytes:
        found = self._content(self._ask(method, path, body))
        if found is None:
            raise ContractTrapped(f"the chain has no {path}")
        return found


def _scope(answer: bytes) -> Scope:
    try:
        told = orjson.loads(answer)
        job = told["job"]
        submitter = None if job is None else bytes.fromhex(job["submitter"][2:])
        return Scope(int(told["agent"]), int(told["block"]["number"]), submitter)
    except (ValueError, KeyError, TypeError):
        raise ContractTrapped("Unreadable: it is not told what run it is") from None


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _stored_bytes(value: bytes) -> bytes:
    found: bytes = _decoded(BYTES, value)
    return found


def _decoded(codec: Codec[Any], value: bytes) -> Any:
    try:
        return codec.decode_all(value)
    except DecodeError:
        raise ContractTrapped("Unreadable: the chain's value is of another type") from None


BYTES = codec_of(bytes)
