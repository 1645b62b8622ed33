"""JJarvis and its advisers on a chain in memory: scripts read real state, and what a job leaves is settled on it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, NamedTuple, cast

import trio

from offchain.agents.shipping import HERE
from offchain.authoring.local import LocalAgent
from offchain.described import Described
from offchain.effects.chain_host import ChainHost
from offchain.effects.leaving import Leaving
from offchain.effects.local import LocalChain
from offchain.effects.pinned import PinnedWorld
from offchain.outside.fetching import VirtualHost
from offchain.outside.network import Network, SystemResolver, public_roots
from offchain.outside.policy import Reach
from offchain.sandbox.base import Answer, Ask, Context, Limits, Outcome, Success, World
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.pool import Pool
from offchain.serving.calls import URL as AGENTS
from offchain.serving.requests import script_input
from offchain.serving.run_scope import RunScope
from pallets.curves.pallet import Curves
from pallets.frame import Event
from pallets.frame.metadata import metadata_bytes
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.pools import Pools
from pallets.primitives.agent_record import AgentKind
from pallets.primitives.curves.presets import PRESETS
from pallets.primitives.effects import Effects, opened
from pallets.primitives.hashing import Blake2_128Concat, blake2_256, storage_prefix
from pallets.primitives.header import Header
from pallets.primitives.http import Headers, HttpRequest
from pallets.primitives.job import Mode
from tests.pallets.effect_chain import EffectChain, EffectRuntime
from tests.pallets.job_chain import ALICE, BOB, CAROL, CHAIN_TREASURY, OPERATORS, POLICY, UNIT

MAX_GAS = 4_000_000_000
LIMITS = Limits(gas=MAX_GAS, wall_seconds=30, output_bytes=1 << 16, asks=1024, ask_bytes=4 << 20, answer_bytes=4 << 20)
ADVISERS = ("jjarvis-quotes", "jjarvis-forecast", "jjarvis-risk")
WHALE = OPERATORS[3]


class NoGovernment:
    """Lets every launch be."""

    def check_launch(self, agent: int, supply: int) -> None:
        pass


class TradeRuntime(EffectRuntime):
    """With curves and pools."""

    def compose(self) -> None:
        super().compose()
        self.pools = Pools(index=26, currency=self.balances, tokens=self.assets, fee=3_000)
        self.curves = Curves(
            index=24,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            companies=self.agents,
            holders=self.dividends,
            pools=self.pools,
            government=NoGovernment,
            chain_treasury=CHAIN_TREASURY,
            max_fees=250_000,
            max_tax_duration=86_400_000,
        )
        self.mandates.curve_token = self.curves.token_of
        self.mandates.pool_token = self.pools.token_of


@cache
def description() -> Described:
    """Of the runtime: decoding its metadata takes a while."""
    return Described(metadata_bytes(TradeRuntime(Overlay(DictBackend({}))), 14))


class TradeChain(EffectChain):
    """The chain, with JJarvis and the token of `weather`; it remembers the state after each block."""

    runtime = TradeRuntime
    rt: TradeRuntime

    def __init__(self, preset: str = "straight") -> None:
        self.states: dict[int, dict[bytes, bytes]] = {}
        super().__init__()
        self.jjarvis = self.agent(b"jjarvis")
        self.weather = self.launch(b"weather", b"WTHR", preset)

    def launch(self, name: bytes, symbol: bytes, preset: str = "straight") -> int:
        """An agent of Carol's with a token on a curve."""
        agent = self.rt.agents.next_agent
        self.call(CAROL, "Agents", "create", name=name, kind=AgentKind.JavaScript, policy=POLICY)
        curve = PRESETS[preset](UNIT)
        words = {"name": name, "symbol": symbol, "decimals": curve.decimals}
        self.call(CAROL, "Curves", "create", agent=agent, shape=curve.shape, terms=curve.terms, **words)
        return agent

    def next_block(self, after: int = 100) -> None:
        number = self.rt.system.number
        self.head = self.executive.finalize_block().hash
        backend = cast(DictBackend, self.rt.state.backend)
        changed = backend.pairs | self.rt.state.changes
        self.states[number] = {key: value for key, value in changed.items() if value is not None}
        self._open(self.rt.timestamp.now + after)

    def grant(self, who: bytes, mandate: dict[str, Any]) -> None:
        """The mandate that a plan asks for, as its account signs it."""
        given = mandate["arguments"]
        call = description().encode_call({"Mandates": {"grant": given}})
        self.rt.dispatch(self.rt.decode_call(call), signed(who))

    def units(self, who: bytes) -> int:
        """What an account has of the token of `weather`."""
        return self.rt.assets.balance(self.rt.curves.curve[0].token, who)

    def money(self, who: bytes) -> int:
        return self.rt.balances.free(who)

    def happened(self, *kinds: type[Event]) -> list[Event]:
        """The open block's events of these kinds."""
        return [event for event in self.rt.events if isinstance(event, kinds)]

    # What `ChainHost` reads: the state after closed blocks

    async def earlier(self, header: Header, number: int) -> Header:
        return header_of(number)

    async def raw(self, header: Header, key: bytes) -> bytes | None:
        return self.states[header.number].get(key)

    async def value(self, header: Header, agent: int, key: bytes) -> bytes | None:
        found = await self.entry(header, "Anchors", "Value", [agent, key])
        return None if found is None else bytes(found)

    async def keys(self, header: Header, agent: int, prefix: bytes, limit: int, after: bytes | None) -> list[bytes]:
        under = storage_prefix("Anchors", "Value") + Blake2_128Concat.apply(agent.to_bytes(8, "little"))
        names = [key[len(under) + 17 :] for key in self.states[header.number] if key.startswith(under)]
        found = sorted(name for name in names if name.startswith(prefix))
        return [name for name in found if after is None or name > after][:limit]

    async def entry(self, header: Header, pallet: str, item: str, keys: list[Any]) -> Any:
        raw = await self.raw(header, description().storage_key(pallet, item, *keys))
        return description().value_of(pallet, item, raw)

    async def runtime_of(self, header: Header) -> Described:
        return description()


def header_of(number: int) -> Header:
    return Header(bytes(32), number, bytes(32), bytes(32), [])


class State:
    """A `TradeChain` by the names that `ChainHost` has."""

    def __init__(self, chain: TradeChain) -> None:
        self.earlier, self.raw, self.value = chain.earlier, chain.raw, chain.value
        self.keys, self.entry, self.runtime = chain.keys, chain.entry, chain.runtime_of


class Reading(LocalChain):
    """What requests read: the chain as it is after its last closed block, of the agent that is asked."""

    def __init__(self, chain: TradeChain, agent: int) -> None:
        super().__init__()
        self._chain, self._agent = chain, agent

    def host(self, submitter: bytes | None = None) -> ChainHost:
        number = max(self._chain.states)

        async def header() -> Header:
            return header_of(number)

        return ChainHost(State(self._chain), RunScope(agent=self._agent, header=header))

    def apply(self, effects: Effects) -> None:
        assert not effects.updates and not effects.actions


class Told(NamedTuple):
    """An answer."""

    status: int
    body: Any


class Sandboxes:
    """Two, in threads of the test's own process: one for JJarvis, and one that its advisers share meanwhile."""

    def __init__(self, sandboxes: Sequence[JavaScriptSandbox]) -> None:
        self._back, self._free = trio.open_memory_channel[JavaScriptSandbox](len(sandboxes))
        for each in sandboxes:
            self._back.send_nowait(each)

    async def run(
        self, code: bytes, input: bytes, limits: Limits, context: Context, world: World | None = None
    ) -> Outcome:
        """A run, as `Pool.run`."""
        assert world is not None
        sandbox, turn, token = await self._free.receive(), world.turn, trio.lowlevel.current_trio_token()

        def outside(asks: Sequence[Ask]) -> Answer:
            return trio.from_thread.run(turn, asks, trio_token=token)

        try:
            return await trio.to_thread.run_sync(sandbox.run, code, input, limits, context, outside)
        finally:
            self._back.send_nowait(sandbox)


class Desk:
    """JJarvis, to be asked and to be given jobs; `lies` are what advisers say in place of the truth, by their path."""

    def __init__(self, chain: TradeChain, pool: Sandboxes, tasks: trio.Nursery) -> None:
        self.chain, self._pool = chain, pool
        self.lies: dict[str, Any] = {}
        self._orders: dict[int, bytes] = {}
        reach, network = Reach(hosts=(), allow_private=False), Network(SystemResolver(), public_roots())
        self._agents: dict[str, LocalAgent] = {}
        for name in ("jjarvis", *ADVISERS):
            agent = LocalAgent(cast(Pool, pool), tasks, code_of(name), reach, network)
            agent.chain = Reading(chain, chain.jjarvis)
            self._agents[name] = agent

    async def ask(self, method: str, path: str, body: Any = None, agent: str = "jjarvis") -> Told:
        """What an agent answers to a request."""
        name, _, query = path.partition("?")
        content = b"" if body is None else json.dumps(body).encode()
        calls = {f"{AGENTS}{each}/": self._adviser(each) for each in ADVISERS}
        answer = await self._agents[agent].ask(
            HttpRequest(method, name, query, [], content),
            now_ms=self.chain.rt.timestamp.now,
            virtual=calls if agent == "jjarvis" else {},
        )
        try:
            return Told(answer.response.status, json.loads(answer.response.body))
        except ValueError:
            return Told(answer.response.status, answer.response.body.decode())

    async def plan(self, intent: str, who: bytes = ALICE, status: int = 200) -> Any:
        """The plan of an intent, or why there is none."""
        answer = await self.ask("POST", "/plans", {"intent": intent, "account": f"0x{who.hex()}"})
        assert answer.status == status, answer.body
        return answer.body

    def submit(self, order: dict[str, Any], who: bytes = ALICE, **terms: Any) -> int:
        """Submits a job, which is then a worker's."""
        request = {"method": "POST", "path": "/trades", "body": json.dumps(order)}
        job = self.chain.submit(who, self.chain.jjarvis, input=json.dumps(request).encode(), **terms)
        self._orders[job] = request["body"].encode()
        self.chain.blocks(3)
        return job

    async def output(self, job: int) -> bytes:
        """What a worker's run of a job comes to: of a `Deterministic` one, by the state at its assignment."""
        record = self.chain.job(job)
        request = HttpRequest("POST", "/trades", "", [], self._orders[job])

        async def header() -> Header:
            return header_of(record.reads_at)

        scope = RunScope(
            agent=self.chain.jjarvis,
            header=header,
            job=job,
            submitter=record.submitter,
            mode=Mode.Deterministic,
            may_write=True,
        )
        leaving = Leaving(PinnedWorld(ChainHost(State(self.chain), scope)))
        context = Context(block_time_ms=record.submitted_at, seed=bytes(32), pinned=True)
        outcome = await self._pool.run(code_of("jjarvis"), script_input(request, "localhost"), LIMITS, context, leaving)
        outcome = leaving.enveloped(outcome)
        assert isinstance(outcome, Success), outcome
        return outcome.output

    async def trade(self, order: dict[str, Any], who: bytes = ALICE) -> tuple[int, Told]:
        """Submits a job and has it settled in the open block; what the script said."""
        job = self.submit(order, who)
        output = await self.output(job)
        self.chain.send(self.chain.at(job).commit(job, output))
        return job, said(output)

    def _adviser(self, name: str) -> VirtualHost:
        async def answer(
            method: str, target: str, headers: Headers, body: bytes
        ) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
            path = target.removeprefix(f"/{name}")
            told = await self.ask(method, path, agent=name)
            place = path.partition("?")[0]
            content = json.dumps(self.lies.get(place, told.body)).encode()
            given = [("content-type", "application/json"), ("x-fathom-receipt", f"0x{blake2_256(content).hex()}")]

            async def chunks() -> AsyncGenerator[bytes, None]:
                yield content

            return 200 if place in self.lies else told.status, given, chunks()

        return answer


def said(output: bytes) -> Told:
    """The HTTP answer that a job's output is."""
    answer = json.loads((opened(output) or (None, output))[1])
    return Told(answer["status"], json.loads(answer["body"]))


def code_of(agent: str) -> bytes:
    return (HERE / agent.replace("-", "_") / "agent.js").read_bytes()


@asynccontextmanager
async def desk_of(chain: TradeChain, sandboxes: Sequence[JavaScriptSandbox]) -> AsyncIterator[Desk]:
    """JJarvis on a chain, whose next block is opened first."""
    chain.next_block()
    async with trio.open_nursery() as tasks:
        yield Desk(chain, Sandboxes(sandboxes), tasks)
        tasks.cancel_scope.cancel()


__all__ = ["ALICE", "BOB", "CAROL", "UNIT", "WHALE", "Desk", "TradeChain", "desk_of", "said"]
