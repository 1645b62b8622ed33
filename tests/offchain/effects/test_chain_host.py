"""What scripts are told of their store, what they may leave, and how that gets into an output: without a chain."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from offchain.effects.chain_host import URL, ChainHost
from offchain.effects.leaving import Leaving
from offchain.effects.local import LocalChain
from offchain.effects.pinned import PinnedWorld
from offchain.effects.verified import NotTheChains, Verified
from offchain.sandbox.base import Answer, Ask, Context, Failure, Limits, Outcome, Sandbox, Success
from pallets.primitives.effects import (
    MAGIC,
    MAX_ACTIONS,
    MAX_LOCKS,
    MAX_VALUE,
    Condition,
    Effects,
    Emit,
    Pay,
    Update,
    opened,
)
from pallets.primitives.hashing import blake2_256

BOB = bytes(range(32))
CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"seed", pinned=True)
LIMITS = Limits(gas=10**10, wall_seconds=30, output_bytes=1 << 20, asks=1024, ask_bytes=4 << 20, answer_bytes=4 << 20)


def ran(sandbox: Sandbox, script: str, host: ChainHost) -> tuple[Outcome, Effects]:
    """What a script comes to, its output in an envelope where it needs one."""
    leaving = Leaving(PinnedWorld(host))
    outcome = sandbox.run(script.encode(), b"", LIMITS, CONTEXT, lambda asks: at_once(leaving.turn(asks)))
    return leaving.enveloped(outcome), leaving.effects


def at_once(turn: Coroutine[Any, Any, Answer]) -> Answer:
    """What comes of a turn that waits for nothing."""
    try:
        turn.send(None)
    except StopIteration as done:
        answer: Answer = done.value
        return answer
    raise AssertionError("the turn waits")


def left(sandbox: Sandbox, script: str, chain: LocalChain) -> tuple[object, Effects]:
    """The JSON that a job's script says, and what it leaves, which the chain then has."""
    outcome, _ = ran(sandbox, f"scriptOutput = JSON.stringify((() => {{ {script} }})() ?? null)", chain.host(BOB))
    assert isinstance(outcome, Success), outcome
    envelope = opened(outcome.output)
    effects, output = (Effects(), outcome.output) if envelope is None else envelope
    chain.apply(effects)
    return orjson.loads(output), effects


def test_a_store(sandbox: Sandbox) -> None:
    chain = LocalChain()
    said, effects = left(
        sandbox,
        """kv.set('text', 'é'); kv.set('json', { a: [1, 2n] }); kv.set(Uint8Array.of(255), Uint8Array.of(0, 1));
        return [kv.getText('text'), kv.getJson('json'), [...kv.get(Uint8Array.of(255))], kv.keys().length, job]""",
        chain,
    )
    assert said == ["é", {"a": [1, "2"]}, [0, 1], 3, {"id": 0, "submitter": f"0x{BOB.hex()}", "agent": 0}]
    # a value that the run wrote first is no lock
    written = [(b"text", "é".encode()), (b"json", b'{"a":[1,"2"]}'), (b"\xff", b"\x00\x01")]
    assert effects == Effects([], [Update(*each) for each in written], [])
    said, effects = left(
        sandbox,
        """const before = [kv.getText('text'), kv.get('gone'), kv.getText('json', { lock: false }) !== undefined];
        kv.set('text', 'one'); kv.set('text', 'two'); kv.delete('json'); kv.set('te', '');
        return [before, kv.getText('text'), kv.get('json'), kv.get('te').length,
            kv.keys('te'), kv.keys('', { limit: 1 })]""",
        chain,
    )
    assert said == [["é", None, True], "two", None, 0, ["text", "te"], ["text"]]
    assert effects.conditions == [Condition(b"text", blake2_256("é".encode())), Condition(b"gone", None)]
    assert effects.updates == [Update(b"text", b"two"), Update(b"json", None), Update(b"te", b"")]
    assert chain.values == {b"text": b"two", b"te": b"", b"\xff": b"\x00\x01"}
    # reading alone leaves nothing
    said, effects = left(sandbox, "return [kv.getText('text'), chain.block.number]", chain)
    assert (said, effects) == (["two", 1], Effects())


def test_actions(sandbox: Sandbox) -> None:
    to = f"0x{BOB.hex()}"
    _, effects = left(
        sandbox,
        f"""chain.pay('{to}', 5n); chain.emit(['topic', '{to}', Uint8Array.fromHex('{BOB.hex()}')], {{ a: 1 }});
        chain.pay(Uint8Array.fromHex('{BOB.hex()}'), '7')""",
        LocalChain(),
    )
    assert effects.actions == [
        Pay(BOB, 5),
        Emit([blake2_256(b"topic"), BOB, BOB], b'{"a":1}'),
        Pay(BOB, 7),
    ]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (f"kv.set('k', new Uint8Array({MAX_VALUE + 1}))", f"at most {MAX_VALUE} are kept"),
        ("kv.set('k'.repeat(129), '')", "at most 128 are taken"),
        ("kv.set('k')", "undefined is no value"),
        (f"for (let i = 0; i <= {MAX_LOCKS}; i++) kv.set(`k${{i}}`, '')", f"writes at most {MAX_LOCKS} keys"),
        (f"for (let i = 0; i <= {MAX_LOCKS}; i++) kv.get(`k${{i}}`)", "lock: false"),
        (f"for (let i = 0; i <= {MAX_ACTIONS}; i++) chain.emit([], '')", f"at most {MAX_ACTIONS} actions"),
        ("chain.pay('5Grwva', 1)", "is no address"),
        ("chain.pay('0x00', 1)", "an account has 32 bytes"),
        (f"chain.pay('0x{BOB.hex()}', -1)", "is no amount"),
        (f"chain.pay('0x{BOB.hex()}', 1.5)", "is no amount"),
        ("chain.emit(['a', 'b', 'c', 'd', 'e'], '')", "at most 4"),
        ("chain.call('Balances', {})", "Pallet.name"),
        ("chain.call('Balances.transfer', {})", "no chain"),
        ("kv.keys('', { limit: 0 })", "limit is a number"),
        ("fetch('https://example.com').catch((error) => { throw error })", "no world outside"),
    ],
)
def test_what_is_refused_is_thrown_and_the_run_leaves_nothing(sandbox: Sandbox, script: str, message: str) -> None:
    outcome, _ = ran(
        sandbox,
        f"(async () => {{ kv.set('a', 'b'); {script.replace('fetch', 'await fetch')}; scriptOutput = 'done' }})()",
        LocalChain().host(BOB),
    )
    assert isinstance(outcome, Failure) and message in outcome.reason.message, outcome
    assert not outcome.output.startswith(MAGIC)


def test_who_may_not_write(sandbox: Sandbox) -> None:
    chain = LocalChain()
    request, job = chain.host(), chain.host(BOB)
    sealed = ChainHost(chain, replace(job.scope, may_write=False))
    for write in ("kv.set('k', 1)", "kv.delete('k')", f"chain.pay('0x{BOB.hex()}', 1)", "chain.emit([], '')"):
        for host, why in ((request, "only a job can write"), (sealed, "a sealed job can't write")):
            outcome, effects = ran(sandbox, f"{write}; scriptOutput = ''", host)
            assert isinstance(outcome, Failure) and why in outcome.reason.message
            assert effects.changes_nothing


def test_outputs(sandbox: Sandbox) -> None:
    host = LocalChain().host
    outcome, _ = ran(sandbox, f"scriptOutput = {MAGIC.decode()!r} + 'x'", host(BOB))
    assert isinstance(outcome, Success) and opened(outcome.output) == (Effects(), MAGIC + b"x")
    outcome, _ = ran(sandbox, "kv.set('k', 'v'); 'the last value'", host(BOB))
    assert isinstance(outcome, Success)
    assert opened(outcome.output) == (Effects([], [Update(b"k", b"v")], []), b"the last value")
    outcome, _ = ran(sandbox, "kv.set('k', 'v'); scriptOutput = 'x'.repeat(65536)", host(BOB))
    assert isinstance(outcome, Failure) and outcome.reason.kind == "output-too-large"
    outcome, _ = ran(sandbox, "kv.get('k'); scriptOutput = 'x'.repeat(65537)", host(BOB))
    assert isinstance(outcome, Success) and len(outcome.output) == 65537


def test_but_for_the_chain_a_pinned_world_is_as_none(sandbox: Sandbox) -> None:
    for script in (
        "setTimeout(() => { scriptOutput = String(Date.now()) }, 5000)",
        "new Promise(() => {}); fetch('https://example.com').catch((error) => { scriptOutput = error.message })",
        "scriptOutput = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); c.close() } }))",
        "for (let i = 0; i < 60; i++) setTimeout(() => {}, i); setTimeout(() => { scriptOutput = 'late' }, 1e7)",
    ):
        pinned, _ = ran(sandbox, script, LocalChain().host(BOB))
        assert pinned == sandbox.run(script.encode(), b"", LIMITS, replace(CONTEXT, pinned=False))
        assert isinstance(pinned, Success)


class Lying:
    """A recorder's word: what its own host says, but where `lies` has another status and body for a request."""

    def __init__(self, host: ChainHost, lies: dict[str, tuple[int, bytes]]) -> None:
        self._world, self._lies = PinnedWorld(host), lies

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        (ask,) = asks
        answer = await self._world.turn(asks)
        head = orjson.loads(ask.head)
        lie = self._lies.get(f"{head['method']} {head['url'].removeprefix(URL)}")
        if lie is None:
            return answer
        return replace(answer, head=orjson.dumps(orjson.loads(answer.head) | {"status": lie[0]}), body=lie[1])


@pytest.mark.parametrize(
    "lies",
    [
        {},
        {"GET kv/0x61": (503, b"")},  # what can't be read is nobody's lie
        {"GET kv/0x61": (200, b"100")},
        {"GET kv/0x61": (409, b"")},
        {"GET kv/0x62": (200, b"100")},
        {"GET keys": (200, b"[]")},
        {"PUT kv/0x61": (403, b"only a job can write")},
        {"PUT kv/0x61": (409, b"")},
        {"POST emit": (409, b"")},
        {"GET run": (200, b"{}")},
    ],
)
def test_what_a_recorder_says_of_the_chain_is_looked_up_again(lies: dict[str, tuple[int, bytes]]) -> None:
    """Of what the run has written itself, too: else it would be told of money that it hasn't."""
    here, there = LocalChain(), LocalChain()
    here.values[b"b"] = there.values[b"b"] = b"1"
    world = Verified(Lying(there.host(BOB), lies), lambda: here.host(BOB))
    requests = [("PUT", "kv/0x61", b"2"), ("GET", "kv/0x61", b""), ("GET", "kv/0x62", b""), ("GET", "keys", b"")]
    asked = [*requests, ("POST", "emit", b"{}"), ("GET", "run", b"")]

    def replay() -> None:
        for id, (method, path, body) in enumerate(asked):
            at_once(world.turn([Ask(id, "fetch", orjson.dumps({"method": method, "url": URL + path}), body)]))

    if any(status != 503 for status, _ in lies.values()):
        with pytest.raises(NotTheChains):
            replay()
    else:
        replay()
