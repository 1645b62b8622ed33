"""The border between prelude and host, with a prelude that hides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from offchain.sandbox import identity, pure_ops
from offchain.sandbox.base import Abstained, Answer, Ask, Context, Failure, Limits, Success, WrongAnswer
from offchain.sandbox.identity import ASK_BYTE_GAS, HOST_CALL_GAS
from offchain.sandbox.javascript import JavaScriptSandbox
from offchain.sandbox.op_arguments import BadArgument
from offchain.sandbox.pure_ops import FAILED, Given, PureOp
from tests.offchain.sandbox.running import CONTEXT, LIMITS, fail, succeed

OPEN = replace(LIMITS, asks=10, ask_bytes=1000, answer_bytes=1000)


def refuse(*_arguments: bytes) -> bytes:
    raise BadArgument("not these: \0é")


def break_down() -> bytes:
    raise ValueError("the words of a library")


OPS = {
    "join": PureOp(lambda *parts: b"|".join(parts), gas=1000, byte_gas=3),
    "dear": PureOp(lambda *parts: b"", gas=1 << 40, byte_gas=1),
    "refuse": PureOp(refuse, gas=0, byte_gas=1),
    "break_down": PureOp(break_down, gas=0, byte_gas=1),
    "key": PureOp(lambda key, salt: key[:2] + salt, gas=0, byte_gas=1, given=Given.KEY),
    "seed": PureOp(lambda seed: seed, gas=0, byte_gas=1, given=Given.SEED),
}


@pytest.fixture(scope="module")
def bare(cache: Path) -> Iterator[JavaScriptSandbox]:
    """A sandbox whose scripts hold `host`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "PRELUDE", Path(__file__).with_name("bare_prelude"))
        sandbox = JavaScriptSandbox(cache)
        patch.setattr(pure_ops, "OPS", OPS)
        patch.setattr("offchain.sandbox.host_calls.OPS", OPS)
        yield sandbox
        sandbox.close()


class Scripted:
    """A world that answers as its list says: the number of the ask among those open, and with what."""

    def __init__(self, *answers: Callable[[Ask], Answer]) -> None:
        self.answers = list(answers)
        self.turns: list[tuple[Ask, ...]] = []
        self.open: list[Ask] = []

    def __call__(self, asks: Sequence[Ask]) -> Answer:
        self.turns.append(tuple(asks))
        self.open.extend(asks)
        return self.answers.pop(0)(self.open.pop(0))


def echo(ask: Ask) -> Answer:
    return Answer(ask.id, True, ask.head, ask.body)


def run(bare: JavaScriptSandbox, script: str, world: object, limits: Limits = OPEN) -> Success:
    outcome = bare.run(script.encode(), b"", limits, CONTEXT, world)  # type: ignore[arg-type]
    assert isinstance(outcome, Success), outcome
    return outcome


class TestPureFunctions:
    @pytest.mark.parametrize(
        ("arguments", "result"),
        [
            ("", b""),
            ("'a\\0é😀'", "a\0é😀".encode()),
            ("'', new Uint8Array([1, 2, 3]).subarray(1), new Uint8Array([0, 255]).buffer", b"|\x02\x03|\0\xff"),
            ("'\\ud800'", "\ufffd".encode()),
            ("new Uint8Array(100000).fill(7).subarray(50000)", b"\x07" * 50000),
        ],
    )
    def test_bytes_go_in_and_come_out(self, bare: JavaScriptSandbox, arguments: str, result: bytes) -> None:
        output = succeed(bare, f"scriptOutput = host.call('join'{',' if arguments else ''}{arguments})")
        assert (output.output, output.kind) == (result, "bytes")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("host.call('nothing')", "Error: the host has no such function"),
            ("host.call('constructor')", "Error: the host has no such function"),
            ("host.call('join', 5)", "Error: the host takes strings, Uint8Arrays and ArrayBuffers"),
            ("host.call('join', new Uint16Array(2))", "Error: the host takes strings"),
            ("host.call('join', {length: 1e9})", "Error: the host takes strings"),
            ("host.call('refuse')", "Error: not these: \0é"),
            ("host.call('break_down')", f"Error: {FAILED}"),
            ("host.call('key', 'salt')", "Error: this run has no key"),
            ("host.ask('fetch', '{}')", "Error: this run has no world outside"),
            ("host.wait(0)", "Error: there is no such ask"),
        ],
    )
    def test_refusals_are_errors_in_the_script(self, bare: JavaScriptSandbox, call: str, message: str) -> None:
        assert fail(bare, call).reason.message.startswith(message)
        assert succeed(bare, f"try {{ {call} }} catch (e) {{ scriptOutput = String(e) }}").output.startswith(
            message.encode()
        )

    def test_key_and_seed_come_from_the_context(self, bare: JavaScriptSandbox) -> None:
        code = b"const b = host.call('key', 's'); scriptOutput = new Uint8Array([...b, ...host.call('seed')])"
        outputs = []
        for seed in (b"one", b"two", b"one"):
            context = Context(block_time_ms=0, seed=seed, derive_key=bytes(range(32)))
            outcome = bare.run(code, b"", LIMITS, context)
            assert isinstance(outcome, Success)
            assert outcome.output[:3] == b"\x00\x01s"
            assert len(outcome.output) == 35
            outputs.append(outcome.output)
        assert outputs[0] == outputs[2] != outputs[1]

    def test_gas(self, bare: JavaScriptSandbox) -> None:
        def gas(length: int) -> int:
            return succeed(bare, f"const a = new Uint8Array({length}); host.call('join', a); scriptOutput = ''").gas

        small, large = gas(0), gas(50_000)
        assert small > HOST_CALL_GAS + 1000
        assert 300_000 < large - small < 1_000_000  # 3 a byte in and 3 out, and what the guest itself spends

    def test_what_costs_more_than_is_left_is_not_begun(self, bare: JavaScriptSandbox) -> None:
        failure = fail(bare, "host.call('dear')")
        assert (failure.reason.kind, failure.gas) == ("out-of-gas", LIMITS.gas)

    def test_results_do_not_pile_up(self, bare: JavaScriptSandbox) -> None:
        script = "const a = new Uint8Array(1e6); for (let i = 0; i < 40; i++) host.call('join', a); scriptOutput = ''"
        succeed(bare, script, limits=replace(LIMITS, memory_bytes=8 << 20))


class TestAsking:
    def test_asks_go_out_in_turns_and_answers_come_in(self, bare: JavaScriptSandbox) -> None:
        script = """
            const one = ask('fetch', {n: 1}, new Uint8Array([65]));
            const two = ask('fetch', {n: 2});
            (async () => {
                const first = await two, second = await ask('read', {n: 3}), last = await one;
                scriptOutput = JSON.stringify([first, second, last]);
            })();
        """
        world = Scripted(
            lambda ask: Answer(1, True, b'{"got":"two"}', b"B"),
            lambda ask: Answer(2, True, b"{}", b"C"),
            lambda ask: Answer(0, True, b'{"got":"one"}', b"\0"),
        )
        assert json.loads(run(bare, script, world).output) == [
            {"head": {"got": "two"}, "body": "B"},
            {"head": {}, "body": "C"},
            {"head": {"got": "one"}, "body": "\0"},
        ]
        assert world.turns == [
            (Ask(0, "fetch", b'{"n":1}', b"A"), Ask(1, "fetch", b'{"n":2}')),
            (Ask(2, "read", b'{"n":3}'),),
            (),
        ]

    def test_the_same_answers_make_the_same_run(self, bare: JavaScriptSandbox) -> None:
        script = "ask('fetch').then(({body}) => { scriptOutput = body + Date.now() })"
        runs = [run(bare, script, lambda asks: Answer(0, True, b"{}", b"x", 1_800_000_000_000)) for _ in range(3)]
        assert runs[0] == runs[1] == runs[2]
        assert runs[0].output == b"x1800000000000"

    def test_the_clock_never_goes_back(self, bare: JavaScriptSandbox) -> None:
        script = "const t = Date.now(); ask('fetch').then(() => { scriptOutput = String(Date.now() - t) })"
        assert run(bare, script, lambda asks: Answer(0, True, b"{}", now_ms=5)).output == b"0"

    def test_errors_reject(self, bare: JavaScriptSandbox) -> None:
        script = "ask('fetch').catch((error) => { scriptOutput = error.message })"
        assert run(bare, script, lambda asks: Answer(0, False, b'{"error":"gone"}')).output == b"gone"

    def test_standing_still(self, bare: JavaScriptSandbox) -> None:
        script = """
            const order = [];
            ask('fetch', {n: 0}).then(() => order.push('settled'));
            const a = host.ask('fetch', '{"n":1}'), b = host.ask('fetch', '{"n":2}');
            for (const id of [b, a]) {
                const [ok, head, body] = host.wait(id);
                order.push(ok, head, text(body));
            }
            ask('fetch').then(() => { scriptOutput = JSON.stringify(order) });
        """
        world = Scripted(echo, echo, echo, echo)
        assert json.loads(run(bare, script, world).output) == [
            *(True, '{"n":2}', ""),
            *(True, '{"n":1}', ""),
            "settled",
        ]
        assert [len(turn) for turn in world.turns] == [3, 0, 0, 1]

    @pytest.mark.parametrize(
        ("limits", "message"),
        [
            (replace(OPEN, asks=2), "this run may ask the world 2 times"),
            (replace(OPEN, ask_bytes=100), "this run may send 100 bytes"),
        ],
    )
    def test_limits_of_asking(self, bare: JavaScriptSandbox, limits: Limits, message: str) -> None:
        script = """
            let n = 0;
            (async () => { for (;;) { await ask('fetch', {}, new Uint8Array(40)); n++ } })()
                .catch((error) => { scriptOutput = n + error.message });
        """
        assert run(bare, script, lambda asks: Answer(asks[0].id, True, b"{}"), limits).output == f"2{message}".encode()

    def test_limit_of_answers(self, bare: JavaScriptSandbox) -> None:
        script = "ask('fetch').catch((error) => { scriptOutput = error.message })"
        output = run(bare, script, lambda asks: Answer(0, True, b"{}", bytes(999))).output
        assert output == b"this run may receive 1000 bytes"

    def test_what_is_no_operation_is_not_asked(self, bare: JavaScriptSandbox) -> None:
        outcome = bare.run(b"host.ask('open', '{}')", b"", OPEN, CONTEXT, echo)  # type: ignore[arg-type]
        assert isinstance(outcome, Failure)
        assert outcome.reason.message == "Error: the world does not know open"

    def test_gas_counts_bytes(self, bare: JavaScriptSandbox) -> None:
        script = "ask('fetch').then(() => { scriptOutput = '' })"
        limits = replace(OPEN, answer_bytes=100_000)

        def gas(length: int) -> int:
            return run(bare, script, lambda asks: Answer(0, True, b'"' + b"x" * length + b'"'), limits).gas

        assert gas(50_000) - gas(0) > 50_000 * ASK_BYTE_GAS

    def test_what_the_world_raises_is_raised(self, bare: JavaScriptSandbox) -> None:
        def broken(_asks: Sequence[Ask]) -> Answer:
            raise LookupError("no such world")

        for script in (b"ask('fetch')", b"host.wait(host.ask('fetch', '{}'))"):
            with pytest.raises(LookupError, match="no such world"):
                bare.run(script, b"", OPEN, CONTEXT, broken)
        assert succeed(bare, "scriptOutput = 'goes on'").output == b"goes on"

    @pytest.mark.parametrize("id", [1, 7])
    def test_answers_to_nothing_are_refused(self, bare: JavaScriptSandbox, id: int) -> None:
        with pytest.raises(WrongAnswer, match=f"ask {id}"):
            bare.run(b"ask('fetch')", b"", OPEN, CONTEXT, lambda asks: Answer(id, True, b"{}"))

    def test_many_answers_do_not_pile_up(self, bare: JavaScriptSandbox) -> None:
        limits = replace(OPEN, asks=100, answer_bytes=40 << 20, memory_bytes=8 << 20, gas=10**11)
        for script, length in (
            ("for (let i = 0; i < 30; i++) host.wait(host.ask('read', '{}')); scriptOutput = ''", 1 << 20),
            ("(async () => { for (let i = 0; i < 100; i++) await ask('read'); scriptOutput = '' })()", 50_000),
        ):
            run(bare, script, lambda asks, n=length: Answer(asks[0].id, True, b"{}", bytes(n)), limits)


class TestTimers:
    SCRIPT = """
        const began = Date.now(), order = [];
        after(86400000, () => { order.push('day', Date.now() - began); scriptOutput = JSON.stringify(order) });
        after(50, () => { order.push('soon', Date.now() - began); Promise.resolve().then(() => order.push('then')) });
        after(50.5, () => order.push('half'));
    """
    ORDER = ["soon", 50, "then", "half", "day", 86400000]

    def test_time_is_virtual_without_a_world(self, bare: JavaScriptSandbox) -> None:
        assert json.loads(succeed(bare, self.SCRIPT).output) == self.ORDER

    def test_the_world_is_slept_in(self, bare: JavaScriptSandbox) -> None:
        def sleeper(asks: Sequence[Ask]) -> Answer:
            (ask,) = asks
            assert ask.op == "sleep"
            times.append(json.loads(ask.head)["until_ms"] - CONTEXT.block_time_ms)
            return Answer(ask.id, True, b"{}")

        times: list[int] = []
        assert json.loads(run(bare, self.SCRIPT, sleeper).output) == self.ORDER
        assert times == [50, 51, 86400000]

    def test_one_sleep_is_open_at_a_time(self, bare: JavaScriptSandbox) -> None:
        script = """
            after(1000, () => { scriptOutput = 'timer' });
            ask('fetch').then(() => ask('fetch')).then(() => after(500, () => { scriptOutput = 'earlier' }));
        """
        world = Scripted(echo, lambda ask: Answer(2, True, b"{}"), lambda ask: Answer(3, True, b"{}"))
        assert run(bare, script, world).output == b"earlier"
        assert [[ask.op for ask in turn] for turn in world.turns] == [["fetch", "sleep"], ["fetch"], ["sleep"]]

    def test_what_a_timer_throws_fails_the_run(self, bare: JavaScriptSandbox) -> None:
        failure = fail(bare, "after(1, function late() { throw new RangeError('x') })")
        assert failure.reason.message == "RangeError: x"
        assert failure.reason.stack.startswith("RangeError: x\n    at late (agent.js:1:")

    def test_timers_for_ever_run_out_of_gas(self, bare: JavaScriptSandbox) -> None:
        assert fail(bare, "(function f() { after(1, f) })()").reason.kind == "out-of-gas"


class TestHandlers:
    CODE = """// an agent
        'use strict'; 'use agent';
        let count = 0;
        const made = [Date.now(), Math.random === undefined, typeof scriptArgs];
        globalThis.agent = async (input) => JSON.stringify([input, ++count, made, Date.now(), calls.length]);
        Promise.resolve().then(() => { count = 10 });
    """

    def test_are_evaluated_once_and_called_each_time(self, bare: JavaScriptSandbox) -> None:
        outcomes = [succeed(bare, self.CODE, b"in") for _ in range(3)]
        assert json.loads(outcomes[0].output) == ["in", 11, [0, False, "undefined"], CONTEXT.block_time_ms, 2]
        assert outcomes[0] == outcomes[1] == outcomes[2]

    def test_gas_is_as_if_evaluated_afresh(self, bare: JavaScriptSandbox) -> None:
        busy = "'use agent'; let n = 0; for (let i = 0; i < 100000; i++) n += i; agent = () => String(n)"
        idle = "'use agent'; let n = 0; agent = () => String(n)"
        first = succeed(bare, busy)
        assert first.gas > succeed(bare, idle).gas + 10**6
        for gas, kind in ((first.gas, None), (first.gas - 100, "out-of-gas"), (1000, "out-of-gas")):
            outcome = bare.run(busy.encode(), b"", replace(LIMITS, gas=gas), CONTEXT)
            assert (outcome.reason.kind if isinstance(outcome, Failure) else None) == kind
            assert isinstance(outcome, Success | Failure)
            assert outcome.gas == gas

    def test_no_call_sees_another(self, bare: JavaScriptSandbox) -> None:
        code = "'use agent'; const seen = []; agent = (input) => { seen.push(input); return seen.join() }"
        assert [succeed(bare, code, name).output for name in (b"a", b"secret", b"c")] == [b"a", b"secret", b"c"]

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("'use agent'; ask('fetch').catch((e) => { globalThis.why = e }); agent = () => String(why)", "the world"),
            (
                "'use agent'; try { host.call('key', '') } catch (e) { globalThis.why = e }; agent = () => why.message",
                "t",
            ),
        ],
    )
    def test_nothing_is_asked_while_evaluated(self, bare: JavaScriptSandbox, code: str, message: str) -> None:
        outcome = bare.run(code.encode(), b"", OPEN, replace(CONTEXT, derive_key=bytes(32)), lambda asks: echo(asks[0]))
        assert isinstance(outcome, Success)
        assert "while the agent is evaluated" in outcome.output.decode() or "has no key" in outcome.output.decode()

    def test_failures(self, bare: JavaScriptSandbox) -> None:
        assert fail(bare, "'use agent'; throw new Error('at once')").reason.message == "Error: at once"
        assert fail(bare, "'use agent'; agent = () => { throw new Error('late') }").reason.message == "Error: late"
        assert "not a function" in fail(bare, "'use agent'").reason.message

    @pytest.mark.parametrize(
        "script",
        [
            "scriptOutput = typeof agent; 'use agent'",
            "'use agent' + ''; scriptOutput = 'undefined'",
            "('use agent'); scriptOutput = typeof agent",
            "/* 'use agent'; */ scriptOutput = typeof agent",
            "`use agent`; scriptOutput = typeof agent",
        ],
    )
    def test_the_directive_is_the_first_statement(self, bare: JavaScriptSandbox, script: str) -> None:
        assert succeed(bare, script).output == b"undefined"


def test_seeds_and_doors(bare: JavaScriptSandbox) -> None:
    first, second = (json.loads(succeed(bare, f"scriptOutput = JSON.stringify(calls) //{n}").output) for n in range(2))
    assert [call[:2] for call in first] == [["prepare", 0], ["start", CONTEXT.block_time_ms]]
    assert all(-(2**31) <= word < 2**31 for call in first for word in call[-4:])
    assert first[0] != second[0]
    assert first[1] == second[1]


def test_a_world_that_takes_too_long(bare: JavaScriptSandbox) -> None:
    from offchain.sandbox.javascript import OutOfTime

    def slow(_asks: Sequence[Ask]) -> Answer:
        raise OutOfTime("the world did not answer in time")

    outcome = bare.run(b"ask('fetch')", b"", OPEN, CONTEXT, slow)
    assert outcome == Abstained("the world did not answer in time")
