"""Channels: what a caller holds for vouchers, and how workers are paid from it.

A voucher is a caller's signature over all that a channel owes one worker for its answers in one agent's name, so far.
The newest is worth the most and needs no other. A channel for one worker can't be promised twice; of one for any worker
each must keep an eye on what is left, and claim early. Money goes back to the caller only after a notice; what falls
into a standstill of the chain begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.jobs.end import POT
from pallets.jobs.openings import credit_work, note_share
from pallets.jobs.shares import pay_agent
from pallets.primitives.extrinsic import Sr25519
from pallets.primitives.receipt import SignedVoucher, voucher_bytes
from pallets.primitives.receipt_record import MAX_CLAIMS, Channel, Claim
from pallets.primitives.worker_record import WorkerState

if TYPE_CHECKING:
    from pallets.jobs.pallet import Jobs


def open_channel(jobs: Jobs, who: bytes, worker: bytes | None, amount: int) -> None:
    """`Jobs.open_channel`."""
    if amount < jobs.min_channel:
        raise jobs.ChannelTooSmall
    if worker is not None:
        known = jobs.workers.worker.get(worker)
        if known is None or known.state is WorkerState.Left:
            raise jobs.NotAtStake
    jobs.currency.hold(jobs.HoldReason.Channel, who, amount, keep_alive=True)
    id = jobs.next_channel
    jobs.next_channel = id + 1
    jobs.channel[id] = Channel(who, worker, amount)
    jobs.deposit(jobs.ChannelOpened(id, who, worker, amount))


def top_up(jobs: Jobs, who: bytes, id: int, amount: int) -> None:
    """`Jobs.top_up`."""
    channel = _own(jobs, who, id)
    jobs.currency.hold(jobs.HoldReason.Channel, who, amount, keep_alive=True)
    channel.held += amount
    jobs.channel[id] = channel
    jobs.deposit(jobs.ChannelToppedUp(id, amount))


def close_channel(jobs: Jobs, who: bytes, id: int) -> None:
    """`Jobs.close_channel`."""
    channel = _own(jobs, who, id)
    channel.closes = jobs.timestamp.now + jobs.channel_notice
    jobs.channel[id] = channel
    jobs.deposit(jobs.ChannelClosing(id, channel.closes))


def withdraw_channel(jobs: Jobs, id: int) -> None:
    """`Jobs.withdraw_channel`."""
    channel, excused = jobs.channel[id], jobs.workers.excused_until
    closes = channel.closes
    if closes is not None and closes <= excused:
        closes = excused + jobs.channel_notice
    if closes is None or jobs.timestamp.now < closes:
        raise jobs.StillOpen
    del jobs.channel[id]
    if channel.held:
        jobs.currency.release(jobs.HoldReason.Channel, channel.payer, channel.held)
    jobs.deposit(jobs.ChannelClosed(id, channel.held))


def claim_voucher(jobs: Jobs, signed: SignedVoucher) -> None:
    """`Jobs.claim_voucher`."""
    voucher = signed.voucher
    channel = jobs.channel[voucher.channel]
    if voucher.payer != channel.payer or channel.worker not in (None, voucher.worker):
        raise jobs.WrongVoucher
    if voucher.expiry < jobs.timestamp.now:
        raise jobs.VoucherExpired
    content = voucher_bytes(jobs.system.block_hash[0], voucher)
    if not jobs.runtime.verify(Sr25519(signed.signature), content, voucher.payer):
        raise jobs.BadSignature
    if voucher.worker not in jobs.workers.worker:
        raise jobs.NotAtStake
    service = jobs.payees.service_terms(voucher.agent)
    if service is None:
        raise jobs.WrongVoucher
    claim = _claim_of(jobs, channel, voucher.worker, voucher.agent)
    amount = min(voucher.cumulative - claim.cumulative, channel.held)
    if amount <= 0:
        raise jobs.NothingToClaim
    jobs.currency.transfer_held(jobs.HoldReason.Channel, channel.payer, POT, amount)
    claim.cumulative += amount
    channel.held -= amount
    jobs.channel[voucher.channel] = channel
    agent = voucher.agent
    credit_work(jobs, voucher.worker, agent, amount, service.shares)
    pay_agent(jobs, POT, amount, service.shares, agent, lambda who, part: note_share(jobs, agent, who, part))
    jobs.deposit(jobs.VoucherClaimed(voucher.channel, voucher.worker, voucher.agent, amount))


def _own(jobs: Jobs, who: bytes, id: int) -> Channel:
    channel = jobs.channel[id]
    if channel.payer != who:
        raise jobs.NotPayer
    if channel.closes is not None:
        raise jobs.AlreadyClosing
    return channel


def _claim_of(jobs: Jobs, channel: Channel, worker: bytes, agent: int) -> Claim:
    """What the channel has paid a worker for an agent; a new entry of it if it is the first time."""
    for claim in channel.claims:
        if (claim.worker, claim.agent) == (worker, agent):
            return claim
    if len(channel.claims) == MAX_CLAIMS:
        raise jobs.TooManyClaims
    channel.claims.append(Claim(worker, agent, 0))
    return channel.claims[-1]
