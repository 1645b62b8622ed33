"""`fathom bench curves`: what trades on curves cost to execute, in sr25519 verifications.

## Overview

For each of the well-known curves a chain is made in this process: the development chain's runtime, an agent whose token
is on that curve, and traders with keys. Each trader buys, buys again, buys for money and sells, by signed extrinsics
whose signatures are known to be good, as those are that a node takes from its pool into a block. Two times are taken:
that of the *call*, decoded from its bytes and run in a layer of its own, and that of the whole *extrinsic*, with nonce,
fee and all events. Processor time, medians of the runs; verifications are timed in between, so that both see the same
machine. A transfer of money, taken the same way, is there to compare.

The figures without a curve's name are those of the dearest curve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import process_time
from typing import Any

from node.bench.accounts import Accounts
from node.bench.errors import BenchError
from node.bench.verification import PAYLOAD
from node.signing import sign_call
from pallets.balances.pallet import Balances
from pallets.curves.pallet import Curves
from pallets.frame import Event
from pallets.frame.executive import CheckedExtrinsic, Executive
from pallets.frame.genesis import build_genesis
from pallets.frame.origin import signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Call
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.curves.presets import PRESETS, Preset
from pallets.primitives.job_record import Shares
from pallets.primitives.keys import dev_keypair, verify_sr25519
from pallets.runtime import UNIT, DevRuntime

VERIFICATIONS = 100
"""Timed before each run."""
FUNDS = 10**9 * UNIT
PART = 10**7
"""A purchase is one in so many of all that a curve sells, and at least one unit."""
POLICY = AgentPolicy(1, 10**9, Shares(700_000, 200_000, 0, 100_000), narrow=True)
GENESIS = bytes(32)
NOW = 1_772_323_200_000
DONE: dict[str, type[Event]] = {
    "buy": Curves.Bought,
    "buy_for": Curves.Bought,
    "sell": Curves.Sold,
    "transfer": Balances.Transfer,
}
"""The kinds of calls, and the last event of each."""

Times = dict[str, list[float]]
"""Seconds of each run, by the kind of call."""


class Trading:
    """A chain with one curve and its traders; makes their calls, and sees that they did what they say."""

    def __init__(self, preset: Preset, traders: Accounts) -> None:
        endowed = [(traders.identifier(number), FUNDS) for number in range(traders.count)]
        creator = dev_keypair("Alice").account_id
        state = build_genesis(DevRuntime, {"balances": {"balances": [(creator, FUNDS), *endowed]}})
        self.runtime = runtime = DevRuntime(Overlay(DictBackend(state)))
        self.executive = Executive(runtime)
        runtime.system.initialize(1, GENESIS, [])
        runtime.timestamp.now = NOW
        self.traders, self.nonce = traders, 0
        runtime.agents.create(creator, b"agent", AgentKind.JavaScript, POLICY)
        runtime.curves.create(creator, 0, preset.shape, preset.terms, b"Agent", b"AGENT", preset.decimals)
        runtime.timestamp.now += preset.terms.launch_tax.duration
        self.each = max(preset.terms.last // PART, 1)

    def call(self, name: str) -> Call:
        """A call of this kind."""
        call, each = self.runtime.call, self.each
        if name == "transfer":
            return call("Balances", "transfer_keep_alive", dest=dev_keypair("Alice").account_id, value=UNIT)
        if name == "sell":
            return call("Curves", "sell", curve=0, units=each, min_refund=0)
        if name == "buy":
            return call("Curves", "buy", curve=0, units=each, max_cost=FUNDS)
        quote = self.runtime.curves.quote_buy(0, each * self.traders.count)
        assert quote is not None
        money = 2 * quote.net // self.traders.count  # pays the last of them, too, when the price has risen
        return call("Curves", "buy_for", curve=0, money=money, min_units=1)

    def extrinsics(self, call: Call) -> list[CheckedExtrinsic]:
        """The call by each trader, as a node has it when it builds a block."""
        made = []
        for number in range(self.traders.count):
            data = sign_call(self.runtime, call, self.traders.keypair(number), self.nonce, GENESIS)
            checked = self.executive.check(data)
            claim = self.executive.claim(checked)
            assert claim is not None
            claim.prove()
            made.append(checked)
        self.nonce += 1
        return made

    def apply(self, name: str) -> float:
        """Seconds of an extrinsic of this kind, on average over the traders."""
        extrinsics, apply = self.extrinsics(self.call(name)), self.executive.apply
        with self._checked(name):
            started = process_time()
            for checked in extrinsics:
                apply(checked)
            return (process_time() - started) / len(extrinsics)

    def dispatch(self, name: str) -> float:
        """Seconds of a call of this kind."""
        data, runtime = self.runtime.encode_call(self.call(name)), self.runtime
        origins = [signed(self.traders.identifier(number)) for number in range(self.traders.count)]
        with self._checked(name):
            started = process_time()
            for origin in origins:
                runtime.dispatch(runtime.decode_call(data), origin)
            return (process_time() - started) / len(origins)

    @contextmanager
    def _checked(self, name: str) -> Iterator[None]:
        """A block of its own, in which every trader does this once."""
        system, events = self.runtime.system, self.runtime.events
        system.initialize(system.number + 1, GENESIS, [])
        events.clear()
        yield
        done = sum(type(event) is DONE[name] for event in events)
        if done != self.traders.count:
            raise BenchError(f"{done} of {self.traders.count} traders could {name}")


def measure(traders: int, runs: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The figures, of so many traders on each curve."""
    accounts, verified = Accounts(traders), list[float]()
    if traders > accounts.signers:
        raise BenchError(f"no more than {accounts.signers} traders have keys")
    by_curve = dict[str, dict[str, float]]()
    extrinsics = dict[str, dict[str, float]]()
    for name, preset in PRESETS.items():
        progress(f"trading on {name}")
        calls, whole = Times(), Times()
        for _ in range(runs):
            verified.append(_verification())
            _trade(Trading(preset(UNIT), accounts), calls, whole)
        by_curve[name], extrinsics[name] = _medians(calls), _medians(whole)
    verify = median(verified)
    dearest = {kind: max(found[kind] for found in by_curve.values()) for kind in DONE}
    included = {kind: max(found[kind] for found in extrinsics.values()) for kind in DONE}
    return {
        "traders": traders,
        "runs": runs,
        "verify_us": round(verify * 1e6, 2),
        **{f"{kind}_us": round(seconds * 1e6, 1) for kind, seconds in dearest.items()},
        **{f"{kind}_verifications": round(seconds / verify, 3) for kind, seconds in dearest.items()},
        **{f"{kind}_extrinsic_verifications": round(seconds / verify, 3) for kind, seconds in included.items()},
        **{
            name: {f"{kind}_us": round(seconds * 1e6, 1) for kind, seconds in found.items()}
            for name, found in by_curve.items()
        },
    }


def _trade(trading: Trading, calls: Times, whole: Times) -> None:
    """A run: everybody does everything once by itself and once as an extrinsic; the first purchases are others."""
    trading.dispatch("buy")  # opens their accounts of the token
    for kind in DONE:
        calls.setdefault(kind, []).append(trading.dispatch(kind))
        whole.setdefault(kind, []).append(trading.apply(kind))


def _medians(times: Times) -> dict[str, float]:
    return {kind: median(found) for kind, found in times.items()}


def _verification() -> float:
    """Processor seconds of one verification."""
    pair = dev_keypair("Alice")
    signature, public = pair.sign(PAYLOAD), pair.public
    started = process_time()
    for _ in range(VERIFICATIONS):
        verify_sr25519(signature, PAYLOAD, public)
    return (process_time() - started) / VERIFICATIONS
