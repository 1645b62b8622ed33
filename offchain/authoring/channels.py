"""Channels that a caller pays from, and the vouchers that it signs: on a chain, by its account.

Errors: `NoChannel`, `NoSuchAgent`, and those of `offchain.chain`.
"""

from __future__ import annotations

from typing import NamedTuple

from offchain.authoring.deployment import BY_NAME
from offchain.authoring.errors import NoChannel, NoSuchAgent
from offchain.chain import Chain, StorageItem
from offchain.records import JOBS, NOW
from offchain.serving.receipt_records import ACCESS, AGENT, CHANNEL, SERVICE
from pallets.primitives import ss58
from pallets.primitives.codec import codec_of
from pallets.primitives.keys import Keypair
from pallets.primitives.receipt import SignedVoucher, Voucher, voucher_bytes
from pallets.primitives.receipt_record import Channel, ChannelId
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS, caller_owes
from pallets.primitives.types import Balance, Compact
from pallets.primitives.worker import WorkerKey

NEXT_CHANNEL: StorageItem[int] = StorageItem("Jobs", "NextChannel", ChannelId)
OPEN = codec_of(tuple[WorkerKey | None, Compact[Balance]])
TOP_UP = codec_of(tuple[ChannelId, Compact[Balance]])
NUMBER = codec_of(ChannelId)
SIGNED = codec_of(SignedVoucher)


class Opened(NamedTuple):
    """A new channel."""

    channel: int
    most: int | None
    """What a request to the agent costs at most, where one was named."""


async def open_channel(chain: Chain, payer: Keypair, worker: bytes | None, amount: int, agent: str | None) -> Opened:
    """Holds an amount for vouchers to a worker, or to any."""
    most = None if agent is None else await most_of_a_request(chain, await agent_number(chain, agent))
    before = await chain.read(NEXT_CHANNEL) or 0
    inclusion = await chain.submit_signed(payer, bytes((JOBS, 14)) + OPEN.encode((worker, amount)))
    end = await chain.read(NEXT_CHANNEL, at=inclusion.block.hash) or 0
    for id in range(end - 1, before - 1, -1):
        found = await chain.read(CHANNEL, id, at=inclusion.block.hash)
        if found is not None and (found.payer, found.worker, found.held) == (payer.account_id, worker, amount):
            return Opened(id, most)
    await chain.require_success(inclusion)
    raise NoChannel("the chain has no channel of this payer, although the transaction is in a block")


async def top_up(chain: Chain, payer: Keypair, channel: int, amount: int) -> Channel:
    """Holds more; answers the channel after it."""
    return await _changed(chain, payer, channel, bytes((JOBS, 15)) + TOP_UP.encode((channel, amount)))


async def close_channel(chain: Chain, payer: Keypair, channel: int) -> Channel:
    """Asks for the money back; answers the channel, which says from when on it may be withdrawn."""
    return await _changed(chain, payer, channel, bytes((JOBS, 16)) + NUMBER.encode(channel))


async def withdraw_channel(chain: Chain, payer: Keypair, channel: int) -> Channel:
    """Takes back what is left, once the notice is over; answers the channel as it was before."""
    known = await _known(chain, channel)
    inclusion = await chain.submit_signed(payer, bytes((JOBS, 17)) + NUMBER.encode(channel))
    await chain.require_success(inclusion)
    return known


async def sign_voucher(
    chain: Chain, payer: Keypair, channel: int, agent: str, worker: bytes | None, cumulative: int, milliseconds: int
) -> str:
    """The hex of a voucher that expires in so many milliseconds of the chain's time."""
    known = await _known(chain, channel)
    if known.payer != payer.account_id:
        raise NoChannel(f"channel {channel} is paid by {ss58.encode(known.payer)}: sign as that")
    if known.worker is None and worker is None:
        raise NoChannel(f"channel {channel} pays any worker: say which by --worker")
    if worker not in (None, known.worker) and known.worker is not None:
        raise NoChannel(f"channel {channel} pays worker 0x{known.worker.hex()} alone")
    payee = known.worker or worker
    assert payee is not None
    expiry = (await chain.read(NOW) or 0) + milliseconds
    number = await agent_number(chain, agent)
    voucher = Voucher(payer.account_id, number, payee, channel, cumulative, expiry)
    signed = SignedVoucher(voucher, payer.sign(voucher_bytes(chain.genesis, voucher)))
    return f"0x{SIGNED.encode(signed).hex()}"


async def agent_number(chain: Chain, agent: str) -> int:
    """An agent's number, by its number or name."""
    found: int | None
    if agent.isascii() and agent.isdigit():
        found = int(agent)
    else:
        found = await chain.read(BY_NAME, agent.encode())
    if found is None or await chain.read(AGENT, found) is None:
        raise NoSuchAgent(f"there is no agent {agent!r} on this chain")
    return found


async def most_of_a_request(chain: Chain, agent: int) -> int:
    """What a request costs its caller at most."""
    record = await chain.read(AGENT, agent)
    service, access = await chain.read(SERVICE, agent) or NO_SERVICE, await chain.read(ACCESS, agent) or OPEN_ACCESS
    assert record is not None
    return caller_owes(record.policy.max_gas, record.policy.price, service, access)


async def _changed(chain: Chain, payer: Keypair, channel: int, call: bytes) -> Channel:
    await _known(chain, channel)
    inclusion = await chain.submit_signed(payer, call)
    await chain.require_success(inclusion)
    return await _known(chain, channel, inclusion.block.hash)


async def _known(chain: Chain, channel: int, at: bytes | None = None) -> Channel:
    found = await chain.read(CHANNEL, channel, at=at)
    if found is None:
        raise NoChannel(f"there is no channel {channel}: it was never opened, or is closed")
    return found
