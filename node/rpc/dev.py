"""`dev_*`: what only a dev chain lets its owner do.

Names, parameters and answers are Chopsticks' where it has the method, and its code 1 is for what can't be done. Amounts
of time are in milliseconds.
"""

from __future__ import annotations

import reprlib
from typing import Any

from node.chain.cheats import Cheats
from node.chain.snapshots import Snapshot, Snapshots, TooManySnapshots, UnknownSnapshot
from node.config import Sealing
from node.rpc.context import Context, to_hex
from node.rpc.dev_parameters import (
    REFUSED,
    Account,
    account_id,
    amount_of,
    extrinsics_in,
    named_block,
    object_of,
    pairs_of,
    refusals,
    whole_in,
)
from node.rpc.errors import RpcError, client_error, invalid_params
from node.rpc.moment import moment_ms
from node.rpc.registry import Hash, method
from node.state.backend import StateDiscarded, UnknownBlock
from node.state.errors import WriteFailed

BUILD_MODES: dict[str, Sealing] = {"Batch": "instant", "Instant": "instant", "Manual": "manual"}
MAX_INTERVAL_MS = 24 * 60 * 60 * 1000


def snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot, its time in milliseconds since the Unix epoch."""
    return {
        "id": snapshot.id,
        "hash": to_hex(snapshot.block.hash),
        "number": snapshot.block.number,
        "timestamp": snapshot.taken_at_ms,
    }


def _snapshots(node: Context) -> Snapshots:
    assert node.snapshots is not None  # the methods are there only where snapshots are
    return node.snapshots


@method()
def dev_snapshot(node: Context) -> int:
    """Remembers the chain as it is now; the id to come back with."""
    try:
        return _snapshots(node).take().id
    except (TooManySnapshots, WriteFailed) as error:
        raise client_error(str(error)) from None


@method()
async def dev_revert(node: Context, id: int) -> Any:
    """Goes back to a snapshot, which stays and can be gone back to again. Transactions that wait are dropped."""
    try:
        return snapshot_json(await _snapshots(node).revert(id))
    except UnknownSnapshot as error:
        raise client_error(f"{error}; dev_listSnapshots names those there are") from None
    except WriteFailed as error:
        raise client_error(str(error)) from None


@method()
def dev_listSnapshots(node: Context) -> Any:
    """All snapshots, oldest first."""
    return [snapshot_json(snapshot) for snapshot in _snapshots(node).list()]


@method()
async def dev_newBlock(node: Context, params: Any = None) -> str:
    """Seals blocks: `count` of them, or up to number `to`; the hash of the last.

    With `transactions` the first block has just these, and the pool's wait. `unsafeBlockHeight` is the number of the
    first block that is asked for: those before it are sealed, too.
    """
    wish = object_of(params, "count", "to", "transactions", "unsafeBlockHeight")
    best = node.chain.best.number
    count = max(whole_in(wish, "count", 1), 1)
    if "to" in wish:
        count = max(whole_in(wish, "to", 0) - best, 1)
    height = whole_in(wish, "unsafeBlockHeight", best + 1)
    if height <= best:
        raise RpcError(REFUSED, "unsafeBlockHeight must be greater than current block height")
    count += height - best - 1
    with refusals():
        return to_hex((await _cheats(node).mine(count, extrinsics_in(wish, "transactions"))).hash)


@method()
async def dev_setStorage(node: Context, values: Any, blockHash: Hash | None = None) -> str:
    """Changes the state, and seals a block that says so; its hash.

    `values` are entries by pallet and item, or pairs of key and value in hex, where `null` deletes. Earlier blocks
    are what they are: only the best one has a state that can be changed.
    """
    if blockHash is not None and blockHash != node.chain.best.hash:
        raise RpcError(
            REFUSED, "the state of a sealed block can't be changed: leave the block out, or dev_setHead first"
        )
    if not isinstance(values, dict):
        values = pairs_of(values)
    with refusals():
        return to_hex((await _cheats(node).set_storage(values)).hash)


@method()
async def dev_fund(node: Context, account: Account, amount: Any = None) -> str:
    """Issues units to an account, 1,000 tokens unless told; the hash of the block that has it.

    The amount is in the smallest units, a number or a string, or in tokens with their symbol: `"2.5 UNIT"`.
    """
    with refusals():
        return to_hex((await _cheats(node).fund(account, amount_of(node, amount))).hash)


@method()
async def dev_impersonate(node: Context, who: Any) -> str:
    """Whose signature the mock one counts as: an account's, everybody's (`true`) or nobody's any more (`false`).

    The mock signature is Chopsticks': `0xdeadbeef` and then `0xcd` to the end, in any scheme. The answer is the hash of
    the block from which on it counts.
    """
    cheats = _cheats(node)
    with refusals():
        if who is False:
            return to_hex((await cheats.stop_impersonating()).hash)
        try:
            account = None if who is True else account_id(who)
        except ValueError as error:
            raise invalid_params(f"who is an account, true or false: {error}") from None
        return to_hex((await cheats.impersonate(account)).hash)


@method()
async def dev_failNext(node: Context, count: int | None = None) -> str:
    """Makes the next signed extrinsics (1) fail with `Cheats.MadeToFail`, fee paid; the block's hash."""
    if count is not None and count >= 1 << 32:
        raise invalid_params("'count' is a u32")
    with refusals():
        return to_hex((await _cheats(node).fail_next(1 if count is None else count)).hash)


@method()
async def dev_timeTravel(node: Context, date: Any) -> int:
    """Moves the chain's clock to a date, in words or milliseconds, and seals a block there; the milliseconds."""
    with refusals():
        moment = moment_ms(date)
        await _cheats(node).travel(moment)
    return moment


@method()
async def dev_setHead(node: Context, hashOrNumber: Any) -> str:
    """Makes a block the best one: by hash, by number, or 0 and less, counted from the best; its hash."""
    try:
        block = named_block(node, hashOrNumber)
        with refusals():
            await _cheats(node).set_head(block)
    except UnknownBlock:
        raise RpcError(REFUSED, f"Block not found {hashOrNumber}") from None
    except StateDiscarded:
        raise RpcError(
            REFUSED, f"the state of block {hashOrNumber} is not kept any more: see --state-pruning"
        ) from None
    return to_hex(block)


@method()
def dev_setBlockBuildMode(node: Context, mode: Any) -> None:
    """When blocks are sealed: `Batch` and `Instant` when transactions are ready, `Manual`, or every so many ms."""
    sealing = BUILD_MODES.get(mode) if isinstance(mode, str) else None
    if isinstance(mode, int) and not isinstance(mode, bool) and 0 < mode <= MAX_INTERVAL_MS:
        sealing = mode
    if sealing is None:
        shown = mode[:80] if isinstance(mode, str) else reprlib.repr(mode)
        raise RpcError(REFUSED, f"Invalid mode {shown}", "Batch, Instant, Manual, or an interval in ms")
    _cheats(node).seal_as(sealing)


@method()
def dev_delayFinality(node: Context, delay: Any = None) -> None:
    """How many ms after its seal a block becomes final, or `paused`; without a delay, two slots as usual."""
    cheats = _cheats(node)
    if delay == "paused":
        cheats.hold_finality_up()
    elif delay is None:
        cheats.delay_finality(None)
    elif isinstance(delay, int) and not isinstance(delay, bool) and 0 <= delay <= MAX_INTERVAL_MS:
        cheats.delay_finality(delay / 1000)
    else:
        raise invalid_params(f"a delay is a number of ms up to {MAX_INTERVAL_MS}, 'paused', or null for two slots")


@method()
async def dev_reorg(node: Context, depth: int | None = None) -> str:
    """Replaces the last `depth` (1) blocks by one more, empty ones on a fork; the transactions go back to the pool."""
    with refusals():
        return to_hex((await _cheats(node).reorganise(1 if depth is None else depth)).hash)


def _cheats(node: Context) -> Cheats:
    return Cheats(node.producer, node.finalizer)
