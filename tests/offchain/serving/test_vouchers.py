"""Vouchers and accounts: which count, and that no money is served twice, whenever the machine stops."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Any, cast

import pytest
import trio

from offchain import records
from offchain.chain import Chain, Head
from offchain.light.finalized import Finalized
from offchain.serving import accounts as accounts_module
from offchain.serving.accounts import Accounts
from offchain.serving.agents import ServedAgent
from offchain.serving.channels import Channels
from offchain.serving.claims import EXPIRY_MS, WORTH, WORTH_EARLY, Claims
from offchain.serving.files import MemoryFiles
from offchain.serving.payment import PaymentRequired, Tariff
from offchain.serving.receipt_records import CHANNEL, claim_voucher
from offchain.serving.vouchers import CLAIM_MS, VoucherRefused, Vouchers
from pallets.primitives.agent_record import Agent, AgentKind, AgentPolicy
from pallets.primitives.header import Header
from pallets.primitives.job_record import MILLION, Shares
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.receipt import SignedVoucher, Voucher, voucher_bytes
from pallets.primitives.receipt_record import MAX_CLAIMS, Channel, Claim
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS, AccessPolicy, ServicePolicy
from tests.offchain.real_node import call_bytes
from tests.offchain.serving.crashing_disk import Crash, CrashingDisk

GENESIS, WORKER, OTHER = b"\7" * 32, b"\1" * 32, b"\2" * 32
ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
NOW = 1_700_000_000_000
LOG = logging.LoggerAdapter(logging.getLogger(__name__), {})
MAX_GAS, PRICE = 100, 2
MOST = MAX_GAS * PRICE


class FinalState:
    """Channels under a last final block: what `Finalized` is asked for."""

    def __init__(self) -> None:
        self.channels: dict[int, Channel] = {}
        self.number, self.reads = 1, 0
        self.now = NOW

    def block(self) -> None:
        self.number += 1

    async def newest(self) -> Head:
        await trio.lowlevel.checkpoint()
        header = await self.header()
        return Head(header.number, header.hash)

    async def header(self) -> Header:
        await trio.lowlevel.checkpoint()
        return Header(bytes(32), self.number, bytes(32), bytes(32), [])

    async def get_all(self, header: Header, keys: Sequence[bytes]) -> list[bytes | None]:
        await trio.lowlevel.checkpoint()
        self.reads += 1
        found = {CHANNEL.key(id): CHANNEL.codec.encode(channel) for id, channel in self.channels.items()}
        return [records.NOW.codec.encode(self.now) if key == records.NOW.key() else found.get(key) for key in keys]


class Stage:
    """One worker's vouchers."""

    def __init__(self, files: Any = None, state: FinalState | None = None) -> None:
        self.state = state or FinalState()
        self.accounts = Accounts(files or MemoryFiles())
        owing = lambda: {account.voucher.channel for account in self.accounts}  # noqa: E731
        self.channels = Channels(cast(Finalized, self.state), owing, LOG, self.accounts.close)
        self.vouchers = Vouchers(GENESIS, WORKER, self.accounts, self.channels)

    async def served(self, signed: SignedVoucher, gas: int = MAX_GAS, agent: ServedAgent | None = None) -> int:
        """What a request is charged; raises `VoucherRefused`."""
        async with self.vouchers.reserved(agent or served_agent(), signed, NOW) as reservation:
            await trio.lowlevel.checkpoint()
            reservation.charge(gas)
            await reservation.on_disk()
        return (agent or served_agent()).cost(gas)

    async def refusal(self, signed: SignedVoucher, agent: ServedAgent | None = None) -> str:
        with pytest.raises(VoucherRefused) as refused:
            await self.served(signed, agent=agent)
        return refused.value.error


def served_agent(
    id: int = 7, service: ServicePolicy = NO_SERVICE, price: int = PRICE, call_price: int = 0
) -> ServedAgent:
    policy = AgentPolicy(price, MAX_GAS, Shares(MILLION, 0, 0, 0), narrow=True)
    record = Agent(ALICE.account_id, b"a", AgentKind.JavaScript, policy)
    access = AccessPolicy(call_price, None, 0) if call_price else OPEN_ACCESS
    return ServedAgent(id, record, None, service, access, None, 0, None, Head(1, bytes(32)))


def voucher(cumulative: int, *, signer: Keypair = BOB, genesis: bytes = GENESIS, **changes: Any) -> SignedVoucher:
    fields: dict[str, Any] = {
        "payer": BOB.account_id,
        "agent": 7,
        "worker": WORKER,
        "channel": 3,
        "expiry": NOW + 10**8,
    }
    made = Voucher(cumulative=cumulative, **(fields | changes))
    return SignedVoucher(made, signer.sign(voucher_bytes(genesis, made)))


def channel(held: int = 10**6, worker: bytes | None = WORKER, **fields: Any) -> Channel:
    return Channel(BOB.account_id, worker, held, **fields)


async def test_which_vouchers_count_and_what_is_said_of_others() -> None:
    stage = Stage()
    state = stage.state
    assert await stage.refusal(voucher(MOST)) == "unknown-channel"
    assert await stage.refusal(voucher(MOST)) == "unknown-channel" and state.reads == 1, "it is known as missing"
    state.channels[3] = channel()
    state.block()
    assert await stage.refusal(voucher(MOST, worker=OTHER)) == "voucher-for-another"
    assert await stage.refusal(voucher(MOST, agent=8)) == "voucher-for-another"
    assert await stage.refusal(voucher(MOST, signer=ALICE)) == "voucher-not-signed"
    assert await stage.refusal(voucher(MOST, genesis=OTHER)) == "voucher-not-signed"
    assert await stage.refusal(voucher(MOST, payer=ALICE.account_id, signer=ALICE)) == "voucher-for-another"
    assert await stage.refusal(voucher(MOST, expiry=NOW + CLAIM_MS - 1)) == "voucher-expires"
    state.now, before = NOW + 10**8, state.now
    state.block()
    state.channels[4] = channel()
    assert await stage.refusal(voucher(MOST, channel=4)) == "voucher-expires", "the chain's time counts, too"
    state.now = before
    assert await stage.refusal(voucher(MOST - 1)) == "voucher-too-small"
    state.block()
    assert await stage.served(voucher(MOST), gas=10) == 20
    with pytest.raises(VoucherRefused, match=f"owes this worker 20 .* costs {MOST} at most: sign one over {MOST + 20}"):
        await stage.served(voucher(MOST))
    assert await stage.served(voucher(MOST + 20)) == MOST
    capped = served_agent(service=ServicePolicy(0, [], 5))
    assert await stage.refusal(voucher(MOST + 24), agent=capped) == "voucher-too-small"
    assert await stage.served(voucher(MOST + 25), agent=capped) and stage.accounts.get(3, 7).charged == MOST + 25  # type: ignore[union-attr]

    for id, record, error in (
        (5, channel(worker=OTHER), "voucher-for-another"),
        (6, channel(closes=NOW + CLAIM_MS - 1), "channel-closing"),
        (7, channel(held=MOST - 1), "channel-too-small"),
        (8, channel(worker=None, claims=[Claim(OTHER, n, 1) for n in range(MAX_CLAIMS)]), "channel-full"),
        (9, channel(claims=[Claim(WORKER, 7, 10**5)]), "voucher-too-small"),  # it was paid for what isn't in the log
    ):
        state.channels[id] = record
        state.block()
        assert await stage.refusal(voucher(10**5, channel=id)) == error
    state.channels[7] = channel(held=MOST)
    state.block()
    assert await stage.served(voucher(MOST, channel=7)), "topped up: it looks again before it refuses"
    assert await stage.refusal(voucher(MOST, channel=7, agent=8), agent=served_agent(8)) == "channel-too-small"
    state.channels[7] = channel(held=MOST, claims=[Claim(WORKER, 7, MOST)])
    state.block()
    assert await stage.served(voucher(MOST, channel=7, agent=8), agent=served_agent(8)), "what is paid is owed no more"


async def test_what_runs_at_once_shares_a_voucher_and_what_fails_is_not_charged() -> None:
    stage = Stage()
    stage.state.channels[3] = channel()
    signed = voucher(2 * MOST)
    async with stage.vouchers.reserved(served_agent(), signed, NOW):
        async with stage.vouchers.reserved(served_agent(), signed, NOW) as second:
            assert await stage.refusal(signed) == "voucher-too-small"
            second.charge(1)
        assert await stage.refusal(signed) == "voucher-too-small"
    assert await stage.served(signed), "the first came to nothing"
    account = stage.accounts.get(3, 7)
    assert account is not None and (account.charged, account.reserved) == (PRICE + MOST, 0)


async def test_a_call_has_a_price_beside_its_gas_which_its_caller_pays() -> None:
    stage = Stage()
    stage.state.channels[3] = channel()
    dear = served_agent(service=ServicePolicy(10**6, [], 5), call_price=1000)
    assert await stage.refusal(voucher(1004), agent=dear) == "voucher-too-small"
    assert await stage.served(voucher(1005), gas=MAX_GAS, agent=dear) == 1005
    assert await stage.served(voucher(2010), gas=1, agent=dear) == 1002
    account = stage.accounts.get(3, 7)
    assert account is not None and account.charged == 2007
    tariff, gasless = Tariff(GENESIS, WORKER), served_agent(price=0, call_price=1)
    assert await stage.refusal(voucher(2007), agent=gasless) == "voucher-too-small"
    assert await stage.served(voucher(2008), agent=gasless) == 1
    with pytest.raises(PaymentRequired, match="x-fathom-voucher"):
        tariff.admit(gasless, bytes(32), None, NOW)
    assert tariff.admit(served_agent(price=0), bytes(32), None, NOW) is False, "nobody pays for what costs nothing"


async def test_a_closed_channel_is_forgotten() -> None:
    stage = Stage()
    stage.state.channels[3] = channel()
    await stage.served(voucher(MOST))
    del stage.state.channels[3]
    stage.state.block()
    await stage.channels.get(3)
    assert not list(stage.accounts)


class Life:
    """What left a worker over all its starts, and what it was promised."""

    def __init__(self, seed: int) -> None:
        self.state = FinalState()
        self.state.channels = {3: channel(), 4: channel(worker=None)}
        self.promised: dict[tuple[int, int], int] = {}
        self.left: dict[tuple[int, int], int] = {}
        self.answers = 0
        self._chance = random.Random(seed)

    async def live(self, disk: CrashingDisk, turns: int) -> None:
        stage = Stage(disk, self.state)
        for key, left in self.left.items():
            account = stage.accounts.get(*key)
            assert account is not None and account.charged >= left, "what has left is owed after every start"
            assert account.charged <= account.voucher.cumulative <= self.promised[key]
        for _ in range(turns):
            async with trio.open_nursery() as nursery:
                for _ in range(self._chance.randint(1, 4)):
                    nursery.start_soon(self.request, stage)

    async def request(self, stage: Stage) -> None:
        key = id, agent = self._chance.choice([3, 4]), self._chance.choice([7, 8])
        self.promised[key] = self.promised.get(key, 0) + self._chance.randint(0, MOST)
        less = self._chance.choice([0, 0, 30])  # an older one than the newest now and then
        signed = voucher(max(self.promised[key] - less, 0), channel=id, agent=agent)
        try:
            charge = await stage.served(signed, self._chance.randint(0, MAX_GAS), served_agent(agent))
        except VoucherRefused as refused:
            assert refused.error == "voucher-too-small"
            return
        self.left[key] = self.left.get(key, 0) + charge
        self.answers += 1
        assert self.left[key] <= self.promised[key], "more has left than was promised"


async def test_no_money_is_served_twice_whenever_the_machine_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_module, "SEGMENT_BYTES", 2_000)
    for crash_at in range(50):
        life = Life(crash_at)
        files: dict[str, bytes] = {}
        for start in range(3):  # it stops soon after a start, too
            disk = CrashingDisk(crash_at // (start + 1), seed=crash_at, files=files)
            try:
                await life.live(disk, turns=60)
            except* Crash:
                pass
            assert disk.crashed
            files = disk.survivors()
        await life.live(CrashingDisk(10_000, files=files), turns=12)
        assert life.answers >= 4


async def test_when_a_voucher_is_worth_a_claim(autojump_clock: trio.testing.MockClock) -> None:
    stage = Stage()
    state = stage.state
    claims = Claims(cast(Chain, None), ALICE, WORKER, stage.accounts, stage.channels, lambda: NOW, LOG)

    async def dues(last: bool = False) -> list[tuple[int, int, int]]:
        state.block()
        for id in state.channels:
            await stage.channels.get(id)
        return [(due.account.voucher.channel, due.earned, due.worth) for due in claims.due(last)]

    state.channels = {3: channel(), 4: channel(worker=None)}
    assert await dues() == []
    await stage.served(voucher(5 * MOST))
    await stage.served(voucher(MOST, channel=4), gas=10)
    assert await dues() == [(3, MOST, WORTH), (4, 20, WORTH_EARLY)]
    assert await dues(last=True) == [(3, MOST, WORTH_EARLY), (4, 20, WORTH_EARLY)]
    state.channels[4].claims.append(Claim(WORKER, 7, MOST))  # more than was earned, as the voucher allows
    state.channels[3].held = 7
    assert await dues() == [(3, 7, WORTH)]
    state.channels[3].closes = NOW + 10**8
    assert await dues() == [(3, 7, WORTH_EARLY)]
    state.channels[3].closes = None
    state.channels[3].held = 10**6
    await dues()
    await stage.served(voucher(6 * MOST, expiry=NOW + EXPIRY_MS), gas=0)
    assert await dues() == [(3, MOST, WORTH_EARLY)]
    state.channels[3].held = 0
    assert await dues() == []


def test_the_call_is_the_runtimes() -> None:
    signed = voucher(5)
    assert claim_voucher(signed) == call_bytes("Jobs", "claim_voucher", voucher=signed)
