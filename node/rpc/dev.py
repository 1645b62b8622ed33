"""`dev_*`: what only a dev chain lets its owner do.

Names, parameters and answers are Chopsticks' where it has the method, and its code 1 is for what can't be done. Amounts
of time are in milliseconds.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from node.chain.cheats import Cheats, Refused
from node.chain.snapshots import Snapshot, Snapshots, TooManySnapshots, UnknownSnapshot
from node.config import Sealing
from node.rpc.context import Context, to_hex
from node.rpc.errors import RpcError, client_error, invalid_params
from node.rpc.moment import InvalidMoment, moment_ms
from node.rpc.registry import GatedBy, Hash, hash_bytes, hex_bytes, method
from node.state.backend import StateDiscarded, UnknownBlock
from node.state.errors import WriteFailed
from pallets.primitives.ss58 import InvalidAddress, decode_account

REFUSED = 1
"""The code of Chopsticks' errors."""
BUILD_MODES: dict[str, Sealing] = {"Batch": "instant", "Instant": "instant", "Manual": "manual"}
OF_PARACHAINS = ("dmp", "ump", "hrmp", "relayChainStateOverrides", "relayParentNumber")
MAX_INTERVAL_MS = 24 * 60 * 60 * 1000
DEFAULT_FUNDS = 1000  # tokens


def account_id(value: Any) -> bytes:
    """An account by address or public key; raises `ValueError`."""
    if isinstance(value, str) and value.startswith("0x"):
        return hash_bytes(value)
    try:
        return decode_account(value) if isinstance(value, str) else hash_bytes(value)
    except InvalidAddress as error:
        raise ValueError(f"{value[:80]!r} is no account: {error}") from None


Account = Annotated[bytes, GatedBy(account_id)]


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
    count = max(_whole(wish, "count", 1), 1)
    if "to" in wish:
        count = max(_whole(wish, "to", 0) - best, 1)
    height = _whole(wish, "unsafeBlockHeight", best + 1)
    if height <= best:
        raise RpcError(REFUSED, "unsafeBlockHeight must be greater than current block height")
    cheats = _cheats(node)
    try:
        count += height - best - 1
        return to_hex((await cheats.mine(count, _transactions(wish))).hash)
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


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
        values = _pairs(values)
    try:
        return to_hex((await _cheats(node).set_storage(values)).hash)
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


@method()
async def dev_fund(node: Context, account: Account, amount: Any = None) -> str:
    """Issues units to an account, 1,000 tokens unless told; the hash of the block that has it.

    The amount is in the smallest units, a number or a string, or in tokens with their symbol: `"2.5 UNIT"`.
    """
    try:
        return to_hex((await _cheats(node).fund(account, _amount(node, amount))).hash)
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


@method()
async def dev_impersonate(node: Context, who: Any) -> str:
    """Whose signature the mock one counts as: an account's, everybody's (`true`) or nobody's any more (`false`).

    The mock signature is Chopsticks': `0xdeadbeef` and then `0xcd` to the end, in any scheme. The answer is the hash of
    the block from which on it counts.
    """
    cheats = _cheats(node)
    try:
        if who is False:
            return to_hex((await cheats.stop_impersonating()).hash)
        return to_hex((await cheats.impersonate(None if who is True else account_id(who))).hash)
    except ValueError as error:
        raise invalid_params(f"who is an account, true or false: {error}") from None
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


@method()
async def dev_failNext(node: Context, count: int | None = None) -> str:
    """Makes the next signed extrinsics (1) fail with `Cheats.MadeToFail`, fee paid; the block's hash."""
    if count is not None and count >= 1 << 32:
        raise invalid_params("'count' is a u32")
    try:
        return to_hex((await _cheats(node).fail_next(1 if count is None else count)).hash)
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


@method()
async def dev_timeTravel(node: Context, date: Any) -> int:
    """Moves the chain's clock to a date, in words or milliseconds, and seals a block there; the milliseconds."""
    try:
        moment = moment_ms(date)
        await _cheats(node).travel(moment)
    except (InvalidMoment, Refused, WriteFailed) as error:
        raise _refusal(error) from None
    return moment


@method()
async def dev_setHead(node: Context, hashOrNumber: Any) -> str:
    """Makes a block the best one: by hash, by number, or 0 and less, counted from the best; its hash."""
    try:
        block = _named_block(node, hashOrNumber)
        await _cheats(node).set_head(block)
    except UnknownBlock:
        raise RpcError(REFUSED, f"Block not found {hashOrNumber}") from None
    except StateDiscarded:
        raise RpcError(
            REFUSED, f"the state of block {hashOrNumber} is not kept any more: see --state-pruning"
        ) from None
    except WriteFailed as error:
        raise _refusal(error) from None
    return to_hex(block)


@method()
def dev_setBlockBuildMode(node: Context, mode: Any) -> None:
    """When blocks are sealed: `Batch` and `Instant` when transactions are ready, `Manual`, or every so many ms."""
    sealing = BUILD_MODES.get(mode) if isinstance(mode, str) else None
    if isinstance(mode, int) and not isinstance(mode, bool) and 0 < mode <= MAX_INTERVAL_MS:
        sealing = mode
    if sealing is None:
        raise RpcError(REFUSED, f"Invalid mode {str(mode)[:80]}", "Batch, Instant, Manual, or an interval in ms")
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
    try:
        return to_hex((await _cheats(node).reorganise(1 if depth is None else depth)).hash)
    except (Refused, WriteFailed) as error:
        raise _refusal(error) from None


def _cheats(node: Context) -> Cheats:
    return Cheats(node.producer, node.finalizer)


def _refusal(error: Exception) -> RpcError:
    return RpcError(REFUSED, str(error))


def _pairs(values: Any) -> list[tuple[bytes, bytes | None]]:
    if not isinstance(values, list):
        raise invalid_params("entries are an object of pallets and items, or a list of [key, value]")
    pairs = []
    for pair in values:
        if not isinstance(pair, list) or len(pair) != 2:
            raise invalid_params("an entry is a pair of key and value, in hex; null deletes it")
        key, value = pair
        try:
            pairs.append((hex_bytes(key), None if value is None else hex_bytes(value)))
        except ValueError as error:
            raise invalid_params(f"an entry is a pair of key and value, in hex: {error}") from None
    return pairs


def _amount(node: Context, given: Any) -> int:
    """An amount in the smallest units."""
    decimals, symbol = node.spec.properties.get("tokenDecimals", 12), str(node.spec.properties.get("tokenSymbol", ""))
    one = 10 ** (decimals if isinstance(decimals, int) else 12)
    amount: Any = DEFAULT_FUNDS * one if given is None else given
    if isinstance(amount, str):
        tokens = amount.removesuffix(symbol).rstrip() if symbol and amount.endswith(symbol) else None
        try:
            if tokens is None:
                amount = int(amount, 0)
            elif (exact := Decimal(tokens.replace(",", "").replace("_", "")) * one) == exact.to_integral_value():
                amount = int(exact)
        except (ValueError, InvalidOperation, OverflowError):
            amount = None
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount < 1 << 128:
        raise invalid_params(f"an amount is a whole number of the smallest units, or tokens like '2.5 {symbol}'")
    return amount


def object_of(params: Any, *names: str) -> dict[str, Any]:
    """The members of the one object that is the parameter; what is `null` isn't there."""
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise invalid_params(f"an object is expected, of {', '.join(names)}")
    for name in params:
        if name in OF_PARACHAINS:
            raise invalid_params(f"{name!r} is for parachains and relay chains, and this chain is neither")
        if name not in names:
            raise invalid_params(f"there is no {name!r}: known are {', '.join(names)}")
    return {name: value for name, value in params.items() if value is not None}


def _whole(wish: dict[str, Any], name: str, default: int) -> int:
    value = wish.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_params(f"{name!r} should be a whole number")
    return value


def _transactions(wish: dict[str, Any]) -> list[bytes] | None:
    given = wish.get("transactions")
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise invalid_params("'transactions' should be a list of at least one extrinsic")
    try:
        return [hex_bytes(extrinsic) for extrinsic in given]
    except ValueError as error:
        raise invalid_params(f"'transactions': {error}") from None


def _named_block(node: Context, name: Any) -> bytes:
    """The hash of a block by hash, number, or distance from the best one as 0 and less; raises `UnknownBlock`."""
    if isinstance(name, int) and not isinstance(name, bool):
        number = name if name > 0 else node.chain.best.number + name
        found = node.chain.hash_of(number)
        if found is None:
            raise UnknownBlock(b"")
        return found
    try:
        return hash_bytes(name)
    except ValueError as error:
        raise invalid_params(f"a block is a number, 0 or less from the best one, or a hash: {error}") from None
