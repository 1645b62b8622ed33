"""A chain in memory under contracts' runs: it answers what they ask, and takes what they leave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from offchain.sandbox.base import Answer, Ask, Context, Failure, Limits, Outcome, Success
from offchain.sandbox.engine_thread import EngineThread
from offchain.sandbox.ink.sandbox import ContractSandbox
from pallets.primitives.agent_record import Agent, AgentKind, AgentPolicy
from pallets.primitives.codec import codec_of
from pallets.primitives.contract import (
    CONTRACT_INPUT,
    CONTRACT_OUTPUT,
    CallMessage,
    ContractInput,
    ContractOutput,
    DeployMessage,
)
from pallets.primitives.hashing import Blake2_128Concat, blake2_256, storage_prefix
from pallets.primitives.job_record import Shares
from pallets.primitives.pots import purse
from pallets.primitives.scale import compact

ALICE, BOB, CHARLIE = b"\1" * 32, b"\2" * 32, b"\3" * 32
AGENT = 7
PRICE, LEAST = 3, 10**9
LIMITS = Limits(gas=10**9, wall_seconds=30, asks=256, ask_bytes=1 << 20, answer_bytes=4 << 20)
CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"seed")
_RECORD = codec_of(Agent)


class Contracts:
    """The sandbox of contracts on a thread that its runs fit on."""

    def __init__(self) -> None:
        self.inner = ContractSandbox()
        self.thread = EngineThread(self.inner.interrupt)

    def run(self, code: bytes, input: bytes, limits: Limits, context: Context, outside: Any) -> Outcome:
        return self.thread.run(lambda: self.inner.run(code, input, limits, context, outside), limits.wall_seconds)


@contextmanager
def contracts() -> Iterator[Contracts]:
    made = Contracts()
    yield made
    made.thread.close()


@dataclass
class Ledger:
    """Agents with contracts, their stores and balances."""

    sandbox: Contracts
    codes: dict[int, bytes] = field(default_factory=dict)
    uploaded: dict[bytes, bytes] = field(default_factory=dict)
    stores: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    free: dict[bytes, int] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    paid: list[tuple[bytes, int]] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    elsewhere: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """What other URLs answer."""

    def install(self, code: bytes, agent: int = AGENT) -> None:
        self.codes[agent] = self.uploaded[blake2_256(code)] = code
        self.stores.setdefault(agent, {})

    def upload(self, code: bytes) -> bytes:
        self.uploaded[blake2_256(code)] = code
        return blake2_256(code)

    # Runs

    def job(
        self,
        message: ContractInput | bytes,
        *,
        agent: int = AGENT,
        submitter: bytes = ALICE,
        mode: str = "Deterministic",
        limits: Limits = LIMITS,
        context: Context = CONTEXT,
    ) -> Outcome:
        """A job's run, whose effects are applied."""
        context = replace(context, pinned=mode == "Deterministic")
        input = message if isinstance(message, bytes) else CONTRACT_INPUT.encode(message)
        run = Run(self, agent, {"id": 1, "submitter": "0x" + submitter.hex(), "mode": mode})
        outcome = self.sandbox.run(self.codes[agent], input, limits, context, run.turn)
        if isinstance(outcome, Success):
            run.apply()
        return outcome

    def deploy(self, data: bytes, *, value: int = 0, **options: Any) -> ContractOutput:
        return output_of(self.job(DeployMessage(value, data), **options))

    def call(self, data: bytes, *, value: int = 0, **options: Any) -> ContractOutput:
        return output_of(self.job(CallMessage(value, data), **options))

    def fails(self, data: bytes, *, deploy: bool = False, **options: Any) -> Failure:
        outcome = self.job((DeployMessage if deploy else CallMessage)(0, data), **options)
        assert isinstance(outcome, Failure), outcome
        return outcome

    def ask(self, method: str, path: str, body: str = "", **queries: str) -> tuple[int, Any]:
        """A request by HTTP: status and JSON."""
        outcome = self.asks(method, path, body, **queries)
        assert isinstance(outcome, Success), outcome
        answer = json.loads(outcome.output)
        return answer["status"], json.loads(answer["body"])

    def asks(self, method: str, path: str, body: str = "", **queries: str) -> Outcome:
        """A request's run."""
        told = {"method": method, "path": path, "queries": {name: [value] for name, value in queries.items()}}
        input = json.dumps(told | {"headers": {}, "body": body}).encode()
        context = replace(CONTEXT, derive_key=b"k" * 32)
        return self.sandbox.run(self.codes[AGENT], input, LIMITS, context, Run(self, AGENT, None).turn)

    def query(self, data: bytes, **fields: Any) -> Any:
        status, body = self.ask("POST", "/call", json.dumps({"data": "0x" + data.hex()} | fields))
        assert status == 200, body
        return body

    # What the chain has

    def storage(self, key: bytes) -> bytes | None:
        for agent, code in self.codes.items():
            if key == storage_prefix("Agents", "Agent") + Blake2_128Concat.apply(agent.to_bytes(8, "little")):
                policy = AgentPolicy(PRICE, 10**9, Shares(1_000_000, 0, 0, 0), False)
                return _RECORD.encode(Agent(ALICE, b"a%d" % agent, AgentKind.Ink, policy, blake2_256(code)))
            for name, value in self.stores[agent].items():
                place = Blake2_128Concat.apply(agent.to_bytes(8, "little"))
                place += Blake2_128Concat.apply(compact(len(name)) + name)
                if key == storage_prefix("Anchors", "Value") + place:
                    return compact(len(value)) + value
        for hash, code in self.uploaded.items():
            if key == storage_prefix("Agents", "Code") + hash:
                return compact(len(code)) + code
        for account, free in self.free.items():
            if key == storage_prefix("System", "Account") + Blake2_128Concat.apply(account):
                return bytes(16) + free.to_bytes(16, "little") + bytes(48)
        return None


def output_of(outcome: Outcome) -> ContractOutput:
    """Of a job."""
    assert isinstance(outcome, Success) and outcome.kind == "bytes", outcome
    found: ContractOutput = CONTRACT_OUTPUT.decode_all(outcome.output)
    return found


class Run:
    """The world of one run: `https://chain.fathom/` and what the ledger has elsewhere."""

    def __init__(self, ledger: Ledger, agent: int, job: Any) -> None:
        self.ledger, self.agent, self.job = ledger, agent, job
        self.left: list[tuple[str, str, bytes]] = []
        self.open: list[Ask] = []

    def turn(self, asks: Sequence[Ask]) -> Answer:
        self.open += asks
        ask = self.open.pop(0)
        head = json.loads(ask.head)
        status, body = self.answer(head["method"], head["url"], ask.body)
        return Answer(ask.id, True, json.dumps({"status": status, "headers": []}).encode(), body)

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        ledger, path = self.ledger, url.removeprefix("https://chain.fathom/")
        ledger.asked.append(f"{method} {url}")
        if path == url:
            return ledger.elsewhere[f"{method} {url}"]
        if path == "run":
            return 200, json.dumps({"agent": self.agent, "block": {"number": 42}, "job": self.job}).encode()
        if path == "constant/Balances/ExistentialDeposit":
            return 200, LEAST.to_bytes(16, "little")
        if path.startswith("storage/"):
            found = ledger.storage(bytes.fromhex(path[10:]))
            return (404, b"") if found is None else (200, found)
        if method == "GET":
            found = ledger.stores[self.agent].get(bytes.fromhex(path[5:]))
            return (404, b"") if found is None else (200, found)
        self.left.append((method, path, body))
        return 204, b""

    def apply(self) -> None:
        store = self.ledger.stores[self.agent]
        for method, path, body in self.left:
            told: Any = json.loads(body) if method == "POST" else None
            match method, path:
                case "PUT", _:
                    store[bytes.fromhex(path[5:])] = body
                case "DELETE", _:
                    del store[bytes.fromhex(path[5:])]
                case _, "pay":
                    self.ledger.paid.append((bytes.fromhex(told["to"][2:]), int(told["amount"])))
                case _, "emit":
                    self.ledger.events.append(told)
                case _, "call":
                    self.ledger.taken.append(told)


def world_of(ledger: Ledger) -> Run:
    """The world of a job of Alice's, whose effects nobody applies."""
    return Run(ledger, AGENT, {"id": 1, "submitter": "0x" + ALICE.hex(), "mode": "Recorded"})


def account(agent: int = AGENT) -> bytes:
    return purse(agent)
