"""Channels and vouchers: what a caller holds, what a worker gets of it, and how the rest goes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pallets.frame.events import Error, Token
from pallets.frame.testing import noop
from pallets.jobs.end import POT
from pallets.jobs.pallet import Jobs
from pallets.primitives.keys import Keypair
from pallets.primitives.pots import treasury
from pallets.primitives.receipt import SignedVoucher
from pallets.primitives.receipt_record import MAX_CLAIMS
from tests.pallets.job_chain import BOB, CHAIN_TREASURY, DEPOSIT, OPERATORS, UNIT, JobChain, TestWorker
from tests.pallets.receipt_chain import PAYER, serving_chain, voucher

NOTICE = 300_000
STEP = 50_000
WHO = PAYER.account_id
ALL = 1000


@pytest.fixture
def chain() -> JobChain:
    return serving_chain()


@pytest.fixture
def worker(chain: JobChain) -> TestWorker:
    return chain.worker("w").register()


def open_channel(chain: JobChain, worker: TestWorker | None, amount: int = 10 * UNIT) -> None:
    chain.call(WHO, "Jobs", "open_channel", worker=None if worker is None else worker.key, amount=amount)


def claim(chain: JobChain, shown: SignedVoucher) -> None:
    chain.call(BOB, "Jobs", "claim_voucher", voucher=shown)


def wait(chain: JobChain, time: int) -> None:
    until = chain.rt.timestamp.now + time
    while chain.rt.timestamp.now < until:
        chain.next_block(min(STEP, until - chain.rt.timestamp.now))


def held(chain: JobChain) -> int:
    return chain.rt.balances.held(Jobs.HoldReason.Channel, WHO)


def test_a_voucher_pays_what_is_new_in_it(chain: JobChain, worker: TestWorker) -> None:
    open_channel(chain, worker)
    assert chain.events(Jobs.ChannelOpened) == [Jobs.ChannelOpened(0, WHO, worker.key, 10 * UNIT)]
    claim(chain, voucher(worker, 2 * UNIT))
    newer = voucher(worker, 5 * UNIT)
    claim(chain, newer)
    amounts = [event.amount for event in chain.events(Jobs.VoucherClaimed)]
    assert amounts == [2 * UNIT, 3 * UNIT] and held(chain) == chain.rt.jobs.channel[0].held == 5 * UNIT
    for old in (newer, voucher(worker, 4 * UNIT)):
        with noop(chain.rt, Jobs.NothingToClaim):
            claim(chain, old)
    owed = dict(chain.rt.jobs.claimable.items())
    assert owed == {OPERATORS[0]: 7 * UNIT // 2, treasury(0): 5 * UNIT // 4, CHAIN_TREASURY: UNIT // 4}
    assert chain.rt.balances.free(POT) == DEPOSIT + 5 * UNIT


def test_what_a_channel_lacks_is_paid_once_it_has_more(chain: JobChain, worker: TestWorker) -> None:
    open_channel(chain, worker, UNIT)
    owed = voucher(worker, 3 * UNIT)
    claim(chain, owed)
    with noop(chain.rt, Jobs.NothingToClaim):
        claim(chain, owed)
    chain.call(WHO, "Jobs", "top_up", channel=0, amount=5 * UNIT)
    claim(chain, owed)
    assert [event.amount for event in chain.events(Jobs.VoucherClaimed)] == [UNIT, 2 * UNIT]
    assert held(chain) == 3 * UNIT


def test_each_worker_and_agent_has_its_own_count(chain: JobChain, worker: TestWorker) -> None:
    chain.agent(b"second")
    other = chain.worker("x", OPERATORS[1]).register()
    open_channel(chain, None)
    for shown in (voucher(worker, UNIT), voucher(other, UNIT), voucher(worker, UNIT, agent=1)):
        claim(chain, shown)
    assert held(chain) == 7 * UNIT
    for number in range(MAX_CLAIMS - 1):
        chain.agent(b"agent-%d" % number)
        if number < MAX_CLAIMS - 3:
            claim(chain, voucher(other, 10, agent=number + 2))
    with noop(chain.rt, Jobs.TooManyClaims):
        claim(chain, voucher(other, 10, agent=MAX_CLAIMS - 1))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"channel": 1}, Jobs.UnknownChannel),
        ({"payer": Keypair.from_suri("//Other")}, Jobs.WrongVoucher),
        ({"payee": bytes(32)}, Jobs.WrongVoucher),
        ({"agent": 9}, Jobs.WrongVoucher),
        ({"expiry": 1}, Jobs.VoucherExpired),
    ],
)
def test_a_voucher_is_for_its_channel(
    chain: JobChain, worker: TestWorker, change: dict[str, object], error: type[Error]
) -> None:
    open_channel(chain, worker)
    with noop(chain.rt, error):
        claim(chain, voucher(worker, UNIT, **change))  # type: ignore[arg-type]


def test_only_its_payer_signs_a_voucher(chain: JobChain, worker: TestWorker) -> None:
    open_channel(chain, worker)
    right = voucher(worker, UNIT)
    for wrong in (
        replace(right, signature=bytes(64)),
        replace(right, voucher=replace(right.voucher, cumulative=2 * UNIT)),
        replace(right, signature=voucher(worker, UNIT, expiry=right.voucher.expiry + 1).signature),
    ):
        with noop(chain.rt, Jobs.BadSignature):
            claim(chain, wrong)
    open_channel(chain, None)
    unknown = voucher(chain.worker("unknown"), UNIT, channel=1)
    with noop(chain.rt, Jobs.NotAtStake):
        claim(chain, unknown)


def test_the_rest_goes_back_after_a_notice(chain: JobChain, worker: TestWorker) -> None:
    open_channel(chain, worker)
    before = chain.rt.balances.free(WHO)
    with noop(chain.rt, Jobs.StillOpen):
        chain.call(BOB, "Jobs", "withdraw_channel", channel=0)
    for name, more in (("close_channel", {}), ("top_up", {"amount": 1})):
        with noop(chain.rt, Jobs.NotPayer):
            chain.call(BOB, "Jobs", name, channel=0, **more)
    chain.call(WHO, "Jobs", "close_channel", channel=0)
    for name, more in (("close_channel", {}), ("top_up", {"amount": 1})):
        with noop(chain.rt, Jobs.AlreadyClosing):
            chain.call(WHO, "Jobs", name, channel=0, **more)
    wait(chain, NOTICE - 100)
    with noop(chain.rt, Jobs.StillOpen):
        chain.call(BOB, "Jobs", "withdraw_channel", channel=0)
    claim(chain, voucher(worker, 4 * UNIT))
    wait(chain, 100)
    last = voucher(worker, 5 * UNIT)
    claim(chain, last)  # as long as nobody has taken it back
    chain.call(BOB, "Jobs", "withdraw_channel", channel=0)
    assert chain.events(Jobs.ChannelClosed) == [Jobs.ChannelClosed(0, 5 * UNIT)]
    assert held(chain) == 0 and chain.rt.balances.free(WHO) == before + 5 * UNIT
    with noop(chain.rt, Jobs.UnknownChannel):
        claim(chain, last)


def test_a_notice_that_ends_in_a_standstill_begins_anew(chain: JobChain, worker: TestWorker) -> None:
    open_channel(chain, worker)
    chain.call(WHO, "Jobs", "close_channel", channel=0)
    chain.next_block(NOTICE + 60_100)
    with noop(chain.rt, Jobs.StillOpen):
        chain.call(WHO, "Jobs", "withdraw_channel", channel=0)
    wait(chain, NOTICE)
    chain.call(WHO, "Jobs", "withdraw_channel", channel=0)


def test_a_channel_needs_money_and_a_worker_at_stake(chain: JobChain, worker: TestWorker) -> None:
    with noop(chain.rt, Jobs.ChannelTooSmall):
        open_channel(chain, worker, UNIT - 1)
    with noop(chain.rt, Jobs.NotAtStake):
        open_channel(chain, chain.worker("unknown"))
    with noop(chain.rt, Token("FundsUnavailable")):
        open_channel(chain, worker, ALL * UNIT)
