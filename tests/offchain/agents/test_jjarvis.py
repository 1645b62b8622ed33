"""JJarvis on a chain in memory: plans that are the chain's own arithmetic, trades within them, once or never."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from offchain.agents.shipping import HERE
from offchain.described import Described
from offchain.sandbox.javascript import JavaScriptSandbox
from pallets.anchors.pallet import Anchors
from pallets.curves.pallet import Curves
from pallets.frame.events import DispatchError
from pallets.frame.metadata import metadata_bytes
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.validity import Custom
from pallets.jobs.pallet import Jobs
from pallets.mandates import Mandates
from pallets.pools import Pools
from pallets.primitives.curves.pool import Side
from pallets.primitives.curves.presets import PRESETS
from pallets.primitives.effects import opened
from pallets.primitives.job_record import JobState
from pallets.runtime import DevRuntime
from tests.offchain.agents.trade_stage import ALICE, BOB, UNIT, WHALE, Desk, TradeChain, desk_of, said
from tests.pallets.effect_chain import leave
from tests.pallets.job_chain import OPERATORS

FIVE = "buy 5 UNIT of the token of weather if it costs under 0.3, at most 2 % slippage"
INJECTIONS: dict[str, Any] = json.loads((Path(__file__).parent / "injections.json").read_text())["plans"]


@pytest.fixture(scope="module")
def sandboxes(sandbox: JavaScriptSandbox, cache: Path) -> Iterator[list[JavaScriptSandbox]]:
    other = JavaScriptSandbox(cache)
    yield [sandbox, other]
    other.close()


@pytest.fixture
async def desk(sandboxes: list[JavaScriptSandbox]) -> AsyncIterator[Desk]:
    async with desk_of(TradeChain(), sandboxes) as desk:
        yield desk


def refusals(chain: TradeChain) -> list[tuple[int, type[DispatchError]]]:
    """The jobs of the open block whose effects were refused, and why."""
    return [(each.job, type(each.error)) for each in chain.rt.events if isinstance(each, Anchors.Refused)]


async def test_quotes_are_the_chains_own_to_the_last_unit(sandboxes: list[JavaScriptSandbox]) -> None:
    chain = TradeChain()
    agents = [chain.launch(name.encode().replace(b".", b""), b"S%d" % i, name) for i, name in enumerate(PRESETS)]
    async with desk_of(chain, sandboxes) as desk:
        curves, pools = chain.rt.curves, chain.rt.pools

        async def quoted(agent: int, **trade: Any) -> tuple[int, int]:
            told = await desk.ask("GET", f"/quote?{urlencode({'agent': agent} | trade)}", agent="jjarvis-quotes")
            assert told.status == 200, told.body
            return int(told.body["units"]), int(told.body["net"])

        for money in (2 * UNIT, 700 * UNIT):
            for agent in agents:
                curve = curves.of_agent.get(agent)
                assert curve is not None
                if curves.level[curve].pool is None:
                    chain.call(WHALE, "Curves", "buy_for", curve=curve, money=money, min_units=0)
            chain.next_block()
            now = chain.rt.timestamp.now
            chain.rt.timestamp.now = now - 100  # a request reads the block before this one
            for agent in agents:
                curve = curves.of_agent.get(agent)
                assert curve is not None
                level, decimals = curves.level[curve], curves.curve[curve].decimals
                for units in (13 * 10**decimals + min(decimals, 1),):
                    paid = 5 * UNIT + units % 7
                    if level.pool is None:
                        bought, spent, sold = (
                            curves.quote_buy(curve, units),
                            curves.quote_buy_for(curve, paid),
                            curves.quote_sell(curve, units),
                        )
                        assert bought is not None and spent is not None and sold is not None
                        expected = [(each.units, each.net) for each in (bought, spent, sold)]
                    else:
                        out, given = (
                            pools.quote_exact_in(level.pool, Side.Buy, paid),
                            pools.quote_exact_out(level.pool, Side.Buy, units),
                        )
                        got = pools.quote_exact_in(level.pool, Side.Sell, units)
                        assert out is not None and given is not None and got is not None
                        expected = [(units, given), (out, paid), (units, got)]
                    assert [
                        await quoted(agent, action="buy", units=units),
                        await quoted(agent, action="buy", money=paid),
                        await quoted(agent, action="sell", units=units),
                    ] == expected
            chain.rt.timestamp.now = now
        assert any(curves.level[curve].pool is not None for curve in range(len(PRESETS)))


async def test_from_an_intent_to_a_trade_that_is_explained(desk: Desk) -> None:
    chain = desk.chain
    told = await desk.plan(FIVE)
    plan, quote = told["plan"], chain.rt.curves.quote_buy_for(0, 5 * UNIT)
    assert quote is not None and plan["expected"]["units"] == str(quote.units)
    assert told["quote"]["agrees"] is True and len(told["receipts"]) == 3
    assert told["job"]["body"]["plan"] == plan["id"] and told["mandate"]["arguments"]["until"] == plan["expires"]

    without, _ = await desk.trade(told["job"]["body"])
    assert refusals(chain) == [(without, Mandates.NoMandate)]
    assert chain.units(ALICE) == 0

    chain.next_block()
    chain.grant(ALICE, told["mandate"])
    before = chain.money(ALICE)
    job, answer = await desk.trade(told["job"]["body"])
    assert answer.status == 200 and answer.body["plan"] == plan
    (bought,) = (each for each in chain.rt.events if isinstance(each, Curves.Bought))
    assert (bought.who, bought.units, bought.cost) == (ALICE, quote.units, quote.net)
    assert chain.units(ALICE) == quote.units and before - chain.money(ALICE) < 5 * UNIT + UNIT // 100
    chain.next_block()
    for path in (f"/trades/{plan['id']}", f"/trades/{plan['id']}?job={job}"):
        found = (await desk.ask("GET", path)).body
        assert (found["outcome"], found["units"], found["money"]) == ("traded", str(quote.units), str(quote.net))
        assert found["worse"] == 0 and "as planned" in found["text"]
    refused = (await desk.ask("GET", f"/trades/{plan['id']}?job={without}")).body
    assert (refused["outcome"], refused["error"]) == ("refused", "Mandates.NoMandate")
    assert (await desk.ask("GET", f"/trades/{'0' * 32}?job={job}")).body["error"] == "another-plan"

    # and back: a sale gives away what its mandate names, no more
    sale = await desk.plan(f"sell {quote.units} WTHR, slippage 1 %")
    assert sale["mandate"]["arguments"]["allowance"] == "0"
    chain.grant(ALICE, sale["mandate"])
    _, answer = await desk.trade(sale["job"]["body"])
    assert answer.status == 200 and chain.units(ALICE) == 0
    chain.next_block()
    found = (await desk.ask("GET", f"/trades/{sale['plan']['id']}")).body
    assert found["outcome"] == "traded" and found["text"].startswith(f"Sold {quote.units} WTHR")


async def test_a_price_that_moves_in_the_same_block_trades_nothing(desk: Desk) -> None:
    """A whale buys right before the settlement: whatever the words, nothing is paid beyond their bounds."""
    chain = desk.chain
    chain.call(BOB, "Curves", "buy", curve=0, units=40, max_cost=10**18)
    chain.next_block()
    for whale, intent in (
        (1, "buy 5 UNIT of the token of weather, at most 1 % slippage"),
        (1, "buy 10 WTHR, no slippage"),
        (1, "buy 10 WTHR, 50 % slippage, for at most {} UNIT in all"),
        (30, "buy 5 UNIT of the token of weather if it costs under 0.9, 50 % slippage"),
        (-3, "sell 10 tokens of weather, no slippage"),
    ):
        cost = chain.rt.curves.quote_buy(0, 10)
        assert cost is not None
        told = await desk.plan(intent.format(f"{cost.net // UNIT}.{cost.net % UNIT:012}"), BOB)
        chain.grant(BOB, told["mandate"])
        job = desk.submit(told["job"]["body"], BOB)
        output = await desk.output(job)
        assert said(output).status == 200
        if whale > 0:
            chain.call(WHALE, "Curves", "buy", curve=0, units=whale, max_cost=10**18)
        else:
            chain.call(WHALE, "Curves", "sell", curve=0, units=-whale, min_refund=0)
        units, money, left = chain.units(BOB), chain.money(BOB), chain.rt.mandates.mandate.get(BOB, chain.jjarvis)
        fee = chain.job(job).max_fee - 1_000 * chain.job(job).price
        chain.send(chain.at(job).commit(job, output))
        assert refusals(chain) == [(job, Curves.Slippage)]
        assert chain.job(job).state is JobState.Settled and not chain.happened(Mandates.Used)
        assert (chain.units(BOB), chain.money(BOB)) == (units, money + fee)  # what was held of the fee comes back
        assert chain.rt.mandates.mandate.get(BOB, chain.jjarvis) == left
        chain.next_block()
        found = (await desk.ask("GET", f"/trades/{told['plan']['id']}?job={job}")).body
        assert (found["outcome"], found["error"]) == ("refused", "Curves.Slippage") and "nothing moved" in found["text"]
        assert (await desk.ask("GET", f"/trades/{told['plan']['id']}")).status == 404


async def test_in_a_pool_as_on_a_curve(sandboxes: list[JavaScriptSandbox]) -> None:
    chain = TradeChain("pump.fun")
    chain.call(WHALE, "Curves", "buy_for", curve=0, money=100 * UNIT, min_units=0)
    async with desk_of(chain, sandboxes) as desk:
        for intent, call in (
            ("buy 2 UNIT of the token of weather, at most 1 % slippage", "Pools.swap_exact_in"),
            ("buy 100000 WTHR, at most 1 % slippage, for at most 1 UNIT", "Pools.swap_exact_out"),
            ("sell 50000.5 WTHR, at most 1 % slippage", "Pools.swap_exact_in"),
        ):
            told = await desk.plan(intent)
            assert told["plan"]["call"][0] == call and told["quote"]["agrees"]
            chain.grant(ALICE, told["mandate"])
            job = desk.submit(told["job"]["body"])
            output, units = await desk.output(job), chain.units(ALICE)
            side, amount = (Side.Buy, 3 * UNIT) if told["plan"]["action"] == "buy" else (Side.Sell, 10**13)
            chain.call(WHALE, "Pools", "swap_exact_in", pool=0, side=side, amount_in=amount, min_out=0)
            chain.send(chain.at(job).commit(job, output))
            assert refusals(chain) == [(job, Pools.Slippage)] and chain.units(ALICE) == units
            chain.next_block()

            told = await desk.plan(intent)
            chain.grant(ALICE, told["mandate"])
            await desk.trade(told["job"]["body"])
            chain.next_block()
            found = (await desk.ask("GET", f"/trades/{told['plan']['id']}")).body
            assert (found["outcome"], found["worse"]) == ("traded", 0) and chain.units(ALICE) != units


async def test_within_the_bound_it_trades_at_the_price_that_there_is(desk: Desk) -> None:
    chain = desk.chain
    chain.call(BOB, "Curves", "buy", curve=0, units=200, max_cost=10**18)
    chain.next_block()
    told = await desk.plan("buy 20 WTHR, at most 3 % slippage")
    chain.grant(ALICE, told["mandate"])
    job = desk.submit(told["job"]["body"])
    output = await desk.output(job)
    chain.call(WHALE, "Curves", "buy", curve=0, units=4, max_cost=10**18)
    chain.send(chain.at(job).commit(job, output))
    bound = int(told["plan"]["bound"]["pays"])
    (bought,) = (each for each in chain.rt.events if isinstance(each, Curves.Bought) and each.who == ALICE)
    assert int(told["plan"]["expected"]["money"]) < bought.cost <= bound and bought.units == 20
    chain.next_block()
    found = (await desk.ask("GET", f"/trades/{told['plan']['id']}")).body
    assert 0 < found["worse"] <= 30_000 and "worse than planned" in found["text"]


async def test_a_worker_that_is_killed_at_any_step_trades_once_at_most(desk: Desk) -> None:
    chain = desk.chain
    for name, operator in (("b", OPERATORS[1]), ("c", OPERATORS[2])):
        chain.hire(name, operator)

    async def ready() -> tuple[dict[str, Any], int]:
        told = await desk.plan("buy 1 WTHR, slippage 20 %")
        mandate = told["mandate"]["arguments"] | {"allowance": str(1000 * UNIT)}  # more than twice what one costs
        chain.grant(ALICE, {"arguments": mandate})
        return told["job"]["body"], chain.units(ALICE)

    # before it commits: another attempt trades, and what the first comes with then is too late
    order, units = await ready()
    job = desk.submit(order)
    first, output = chain.at(job), await desk.output(job)
    late = first.commit(job, output)
    for _ in range(2):
        chain.next_block(10_050)
    while chain.job(job).state is not JobState.Assigned:
        chain.next_block()
    assert chain.job(job).attempt == 2
    chain.next_block()
    chain.send(chain.at(job).commit(job, await desk.output(job)))
    assert chain.units(ALICE) == units + 1
    with pytest.raises(Custom):
        chain.send(late)

    # after it has committed: what its journal sends again changes nothing
    order, units = await ready()
    job = desk.submit(order)
    commit = chain.at(job).commit(job, await desk.output(job))
    chain.send(commit)
    for _ in range(2):
        with pytest.raises(Custom):
            chain.send(commit)
        chain.next_block()
    assert chain.units(ALICE) == units + 1

    # at the settlement: of three that vote one dies between its hash and its output
    order, units = await ready()
    job = desk.submit(order, replicas=3, deadline=120_000)
    output = await desk.output(job)
    crew = [chain.hands[key] for key in chain.job(job).workers]
    for worker in crew:
        chain.send(worker.commit_hash(job, output))
    for worker in crew[1:]:
        chain.send(worker.reveal(job, output))
    for _ in range(9):
        if chain.job(job).state is JobState.Settled:
            break
        chain.next_block(10_000)
    assert chain.job(job).state is JobState.Settled and chain.units(ALICE) == units + 1
    with pytest.raises(Custom):
        chain.send(crew[0].reveal(job, output))
    assert chain.units(ALICE) == units + 1

    # the same plan again: side by side the chain takes one, and afterwards none
    order, units = await ready()
    jobs = [desk.submit(order), desk.submit(order)]
    outputs = [await desk.output(each) for each in jobs]
    for each, output in zip(jobs, outputs, strict=True):
        chain.send(chain.at(each).commit(each, output))
    assert refusals(chain) == [(jobs[1], Anchors.Conflict)]
    assert chain.units(ALICE) == units + 1
    chain.next_block()
    _, answer = await desk.trade(order)
    assert (answer.status, answer.body["error"]) == (409, "already-traded")
    assert chain.units(ALICE) == units + 1 and not chain.happened(Jobs.Expired)


async def test_records_of_what_is_long_over_are_dropped(desk: Desk) -> None:
    chain = desk.chain
    week, now = 7 * 86_400_000, chain.rt.timestamp.now
    old, kept = (b"trade/" + name * 32 for name in (b"x", b"y"))
    records = {key: json.dumps({"expires": at}).encode() for key, at in ((old, now - week - 1), (kept, now))}
    chain.run(leave(writes={**records}), agent=chain.jjarvis)
    assert chain.rt.anchors.value.get(chain.jjarvis, old) is not None
    chain.next_block()
    told = await desk.plan(FIVE)
    chain.grant(ALICE, told["mandate"])
    await desk.trade(told["job"]["body"])
    assert chain.units(ALICE) > 0 and chain.rt.anchors.value.get(chain.jjarvis, old) is None
    assert chain.rt.anchors.value.get(chain.jjarvis, kept) is not None


async def test_only_the_plan_that_was_made_is_traded(desk: Desk) -> None:
    chain = desk.chain
    told = await desk.plan(FIVE)
    order = told["job"]["body"]
    chain.grant(ALICE, told["mandate"])
    chain.grant(BOB, told["mandate"])
    for who, change, error in (
        (BOB, {}, "not-the-plan"),
        (ALICE, {"intent": FIVE.replace("2 %", "3 %")}, "not-the-plan"),
        (ALICE, {"intent": FIVE.replace("5 UNIT", "50 UNIT")}, "condition-not-met"),
        (ALICE, {"action": "sell"}, "bad-input"),
        (ALICE, {"block": 10**6}, "bad-input"),
        (ALICE, {"block": order["block"] + 1}, "not-the-plan"),
        (ALICE, {"plan": "0" * 32}, "not-the-plan"),
        (ALICE, {"max_cost": 10**20}, "bad-input"),
    ):
        job = desk.submit(order | change, who)
        output = await desk.output(job)
        assert said(output).body["error"] == error and opened(output) is None, change
        chain.send(chain.at(job).commit(job, output))
    late = chain.submit(ALICE, chain.jjarvis)
    for _ in range(11):
        chain.next_block(60_000)
    assert chain.rt.timestamp.now > told["plan"]["expires"] and chain.job(late).state is JobState.Expired
    assert chain.units(ALICE) == chain.units(BOB) == 0
    with pytest.raises(Mandates.EndInThePast):  # nor would the chain: the mandate ends with the plan
        chain.grant(ALICE, told["mandate"])


async def test_what_other_agents_say_widens_nothing(desk: Desk) -> None:
    honest = (await desk.plan(FIVE))["plan"]
    for lies in INJECTIONS["advisers"]:
        desk.lies = lies
        told = await desk.plan(FIVE)
        assert told["plan"] == honest, lies
        quote, risk = told["quote"], told["risk"]
        if "/quote" in lies:
            assert quote.get("agrees") is not True, lies
        assert {each["id"] for each in risk.get("findings", [])} <= {"pot", "concentration", "impact", "paused"}
        text = json.dumps({name: value for name, value in told.items() if name != "plan"})
        assert "5FHneW46" not in text and "IGNORE" not in text
        if any(each["level"] == "stop" for each in risk.get("findings", [])):
            assert "job" not in told and "mandate" not in told
    desk.lies = {}


async def test_words_that_mean_to_mislead(desk: Desk) -> None:
    """Amounts are those of the words, and contradicting words are no plan."""
    honest = await desk.plan(FIVE)
    for words in INJECTIONS["intents"]:
        answer = await desk.ask("POST", "/plans", {"intent": words, "account": f"0x{ALICE.hex()}"})
        if answer.status == 200:  # what was added is no number, no token and no other action: it says nothing
            assert answer.body["plan"]["call"] == honest["plan"]["call"], words
            assert answer.body["mandate"] == honest["mandate"]
        else:
            assert (answer.status, answer.body["field"]) == (400, "intent"), (words, answer.body)


REFUSED = [
    ("buy 5 UNIT of the token of wether", 400, "the agent wether"),
    ("buy 5 UNIT of the token of echo", 400, "has no token"),
    ("buy 5 RAIN", 400, "no token is called"),
    ("buy 5 TWIN", 400, "both have"),
    ("buy 1.5 WTHR", 400, "decimal places"),
    ("buy 0 WTHR", 400, "amount is 0"),
    ("sell 5 WTHR", 409, "not so many"),
    ("sell 5 UNIT of weather", 400, "for how much money"),
    ("buy 5 UNIT of weather if it costs under 0.01", 409, "limit isn't met"),
    ("buy 0.00001 UNIT of weather", 409, "pays for nothing"),
    ("buy 2000000 WTHR", 409, "only 1000000 left"),
    ("buy weather", 400, "no amount"),
]


async def test_what_it_refuses(desk: Desk) -> None:
    chain = desk.chain
    for name in (b"twin-a", b"twin-b"):
        chain.launch(name, b"TWIN")
    chain.next_block()
    for intent, status, message in REFUSED:
        refused = await desk.plan(intent, status=status)
        assert message in refused["message"], (intent, refused)
    assert "account" in (await desk.ask("POST", "/plans", {"intent": FIVE})).body["message"]
    for account in ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ", "0x12", "hello"):
        answer = await desk.ask("POST", "/plans", {"intent": FIVE, "account": account})
        assert (answer.status, answer.body["field"]) == (400, "account")
    there = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"  # //Alice, who has nothing here
    stopped = (await desk.ask("POST", "/plans", {"intent": FIVE, "account": there})).body
    assert stopped["stopped"] and "job" not in stopped
    assert [each["id"] for each in stopped["risk"]["findings"] if each["level"] == "stop"] == ["too-little-money"]
    asked = await desk.plan("what does weather's token cost?")
    assert asked["quote"]["agrees"] and asked["forecast"]["known"] is False and "job" not in asked
    by_job = await desk.ask("POST", "/trades", {})
    assert (by_job.status, by_job.body["error"]) == (409, "only-by-job")


async def test_a_forecast_is_how_far_the_price_went(desk: Desk) -> None:
    chain = desk.chain
    for turn in range(20):
        chain.call(BOB, "Curves", "buy", curve=0, units=1 + turn % 3, max_cost=10**18)
        chain.blocks(2)
    path = f"/forecast?agent={chain.weather}&ahead=2"
    told = (await desk.ask("GET", path, agent="jjarvis-forecast")).body
    assert told["known"] and told["expected"] == told["price"] == str(chain.rt.curves.price(0))
    assert int(told["low"]) < int(told["expected"]) < int(told["high"])
    assert 0 <= told["held"] <= told["tried"] and told["moved"] == told["steps"]
    early = (await desk.ask("GET", f"{path}&at=5", agent="jjarvis-forecast")).body
    assert early["known"] is False


def test_errors_are_named_as_the_chain_names_them() -> None:
    told: dict[str, Any] = json.loads((HERE / "jjarvis" / "src" / "errors.json").read_text())
    described = Described(metadata_bytes(DevRuntime(Overlay(DictBackend({}))), 14))
    for index, (pallet, names) in told.items():
        for number, name in enumerate(names):
            module = {"index": int(index), "error": bytes((number, 0, 0, 0))}
            assert described.error({"Module": module}).startswith(f"{pallet}.{name}:")
