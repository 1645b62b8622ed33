"""What agents send arrives on another chain once, in order, or not at all: two chains, real transactions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from offchain.crossings.accounts import crossing_key
from offchain.crossings.other_chain import OtherChain, Others
from pallets.crossings.pallet import Crossings
from pallets.primitives.crossing import Failed, Reason, Succeeded
from pallets.primitives.hashing import blake2_256
from tests.offchain.crossings.stage import DEST, ERA, NETWORK, SECRET, Home, two_chains
from tests.offchain.real_node import call_bytes
from tests.pallets.crossing_chain import TRANSFER
from tests.pallets.job_chain import UNIT

SIGN, REPORT = 5, 6


async def ready(home: Home, *, fund: bool = True) -> None:
    """The chain is allowed, holders run, and the account is announced."""
    home.allow()
    for holder in home.chain.holders:
        home.run(holder)
    announced = await home.seen(Crossings.AccountAnnounced)
    assert announced.account == home.account
    if fund:
        await home.fund()


async def test_what_is_sent_arrives_once_in_order_or_fails_by_name(jumping_clock: MockClock, tmp_path: Path) -> None:
    async with two_chains(tmp_path) as home:
        await ready(home, fund=False)
        poor = await home.over(home.queue(UNIT))
        assert isinstance(poor, Crossings.Failed) and poor.reason is Reason.Unfunded and b"has 0" in poor.detail
        await home.fund()
        batch: dict[str, Any] = {"calls": [{"System": {"remark": {"remark": "0x00"}}}]}
        two: dict[str, Any] = {
            "calls": [{"Balances": {"transfer_keep_alive": {"dest": f"0x{DEST.hex()}", "value": UNIT}}}] * 2
        }
        numbers = [
            home.queue(2 * UNIT),
            home.queue(3 * UNIT),
            home.queue(0, "Assets.transfer", id=99, target=f"0x{DEST.hex()}", amount=1),
            home.queue(0, "Utility.batch_all", **two, spends=3 * UNIT),
        ]
        ends = [await home.over(number) for number in numbers]
        assert [each.job for each in ends] == sorted(each.job for each in ends)
        verdicts = [each.verdict for each in ends if isinstance(each, Crossings.Delivered)]
        assert verdicts[:2] == [Succeeded()] * 2 and verdicts[3] == Succeeded() and home.arrived() == 7 * UNIT
        assert isinstance(verdicts[2], Failed) and verdicts[2].error.startswith(b"Assets.Unknown")
        for told in ends:
            assert isinstance(told, Crossings.Delivered)
            (body,) = [home.other.node.chain.body(told.block)]
            assert body is not None and blake2_256(body[told.extrinsic]) == told.hash
        refused = [
            (home.queue(UNIT, spends=UNIT), Reason.SpendsTooLittle),  # the fee comes on top
            (home.queue(0, "Utility.batch_all", **two, spends=2 * UNIT), Reason.SpendsTooLittle),
            (home.queue(0, "Balances.transfer_all", dest="0x00", keep_alive=True), Reason.BadCall),
        ]
        assert [await home.reason(number) for number, _ in refused] == [reason for _, reason in refused]
        refused = [
            (home.queue(0, "Balances.transfer_all", dest=f"0x{DEST.hex()}", keep_alive=True), Reason.SpendsTooLittle),
            (home.queue(0, "Utility.batch_all", **batch), Reason.CallNotAllowed),
            (home.queue(0, TRANSFER, dest=f"0x{DEST.hex()}"), Reason.BadCall),
        ]
        assert [await home.reason(number) for number, _ in refused] == [reason for _, reason in refused]
        assert home.arrived() == 7 * UNIT and home.other.state.system.account[home.account].nonce == 4


async def test_workers_that_die_or_race_deliver_once(jumping_clock: MockClock, tmp_path: Path) -> None:
    async with two_chains(tmp_path) as home:
        await ready(home)
        home.kill()
        home.pace = 10_000
        steps = [(SIGN, False), (SIGN, True), (REPORT, False), (REPORT, True)]
        for count, step in enumerate(steps, 1):
            for holder in home.chain.holders:
                home.run(holder)
            number = home.queue(UNIT)
            mortal = home.whose(number)
            home.running[mortal.key][1].dies = step
            told = await home.over(number)
            await home.until(lambda: home.died == count)  # noqa: B023
            assert isinstance(told, Crossings.Delivered) and told.verdict == Succeeded(), step
            assert home.arrived() == count * UNIT
            assert (told.by == mortal.key) is (step == (REPORT, True))
            home.kill()
        holder = home.whose(home.chain.box(home.genesis).next)
        for _ in range(3):  # of one key: it is the turn of all of them
            home.run(holder)
        numbers = [home.queue(UNIT) for _ in range(3)]
        for number in numbers:
            assert isinstance(await home.over(number), Crossings.Delivered)
        assert home.arrived() == 7 * UNIT and home.other.state.system.account[home.account].nonce == 7


async def test_a_dead_transaction_is_made_again_and_a_used_nonce_is_found(
    jumping_clock: MockClock, tmp_path: Path
) -> None:
    async with two_chains(tmp_path) as home:
        await ready(home)
        home.kill()
        home.pace = 5_000
        holder = home.whose(0)
        home.run(holder, dies=(SIGN, True))
        number = home.queue(UNIT)
        await home.until(lambda: home.died == 1)
        await home.grow(ERA)
        home.run(holder)
        retried = await home.seen(Crossings.Retried)
        assert retried.entry == number and retried.hash == home.all(Crossings.Sent)[0].hash
        told = await home.over(number)
        assert isinstance(told, Crossings.Delivered) and home.arrived() == UNIT
        assert [each.nonce for each in home.all(Crossings.Sent)] == [0, 0]

        home.kill()
        holder = home.whose(number + 1)
        home.run(holder, dies=(SIGN, True))
        stolen = home.queue(UNIT)
        await home.until(lambda: home.died == 2)
        key = crossing_key(SECRET, home.chain.agent_number, home.genesis)
        assert await home.other.outcome(key, call_bytes("System", "remark", remark=b"by somebody else")) is None
        await home.grow(ERA)
        home.run(holder)
        told = await home.over(stolen)
        assert isinstance(told, Crossings.Failed) and told.reason is Reason.NonceMoved
        assert isinstance(await home.over(home.queue(UNIT)), Crossings.Delivered) and home.arrived() == 2 * UNIT


class Slow(Others):
    """Connections that are waited for until the gate is open."""

    gate = trio.Event()
    waits = trio.Event()

    async def chain(self, genesis: bytes, endpoints: Sequence[bytes]) -> OtherChain:
        Slow.waits.set()
        await Slow.gate.wait()
        return await super().chain(genesis, endpoints)


async def test_what_is_over_before_a_step_ends_troubles_nobody(jumping_clock: MockClock, tmp_path: Path) -> None:
    async with two_chains(tmp_path) as home:
        await ready(home)
        home.kill()
        holder = home.whose(0)
        home.run(holder, kind=Slow)
        number = home.queue(UNIT)
        await Slow.waits.wait()
        home.chain.govern("withdraw", chain=home.genesis)
        await trio.sleep(4)
        Slow.gate.set()
        await trio.sleep(4)
        assert await home.reason(number) is Reason.Withdrawn
        assert isinstance(await home.over(home.queue(UNIT)), Crossings.Delivered)


async def test_what_one_endpoint_says_of_a_chain_another_has_not_said(jumping_clock: MockClock, tmp_path: Path) -> None:
    async with two_chains(tmp_path) as home:
        others = Others(lambda: NETWORK, allow_private=True)
        home.nursery.start_soon(others.run)
        runtimes = []
        for endpoint in (*home.endpoints * 2, home.endpoints[0].replace(b"127.0.0.1", b"localhost")):
            other = await others.chain(home.genesis, [endpoint])
            runtimes.append(await other.runtime(await other.final_head()))
        assert runtimes[0] is runtimes[1] and runtimes[0] is not runtimes[2]


async def test_a_chain_out_of_reach_or_another_is_named(jumping_clock: MockClock, tmp_path: Path) -> None:
    async with two_chains(tmp_path) as home:
        await ready(home)
        home.pace = 20_000
        good, home.endpoints = home.endpoints, [b"ws://127.0.0.1:9"]
        home.allow()
        told = await home.over(home.queue(UNIT))
        assert (
            isinstance(told, Crossings.Failed) and told.reason is Reason.Unreachable and b"127.0.0.1:9" in told.detail
        )
        home.kill()
        home.endpoints = good
        home.allow()
        for holder in home.chain.holders:
            home.run(holder, allow_private=False)
        told = await home.over(home.queue(UNIT))
        assert isinstance(told, Crossings.Failed) and b"no address that agents may reach" in told.detail
        home.kill()
        for holder in home.chain.holders:
            home.run(holder)
        home.genesis = blake2_256(b"a third chain")
        home.allow(name=b"third")
        await home.seen(Crossings.AccountAnnounced, chain=home.genesis)
        told = await home.over(home.queue(UNIT))
        assert isinstance(told, Crossings.Failed) and told.reason is Reason.WrongChain
        assert home.arrived() == 0
