"""What `dev_*` are given, read: objects, accounts, amounts, blocks, and how a cheat that can't be is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any

from node.chain.cheats import Refused
from node.rpc.context import Context
from node.rpc.errors import RpcError, invalid_params
from node.rpc.moment import InvalidMoment
from node.rpc.registry import GatedBy, hash_bytes, hex_bytes
from node.state.backend import UnknownBlock
from node.state.errors import WriteFailed
from pallets.primitives.ss58 import InvalidAddress, decode_account

REFUSED = 1
"""The code of Chopsticks' errors."""
OF_PARACHAINS = ("dmp", "ump", "hrmp", "relayChainStateOverrides", "relayParentNumber")
DEFAULT_FUNDS = 1000  # tokens
TOKENS = re.compile(r"[0-9][0-9_,]{0,60}(\.[0-9]{1,30})?")


@contextmanager
def refusals() -> Iterator[None]:
    """A cheat that can't be is an error that says why."""
    try:
        yield
    except (Refused, InvalidMoment, WriteFailed) as error:
        raise RpcError(REFUSED, str(error)) from None


def account_id(value: Any) -> bytes:
    """An account by address or public key; raises `ValueError`."""
    if not isinstance(value, str) or value.startswith("0x"):
        return hash_bytes(value)
    try:
        return decode_account(value)
    except InvalidAddress as error:
        raise ValueError(f"{value[:80]!r} is no account: {error}") from None


Account = Annotated[bytes, GatedBy(account_id)]


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
            raise invalid_params(f"there is no {name[:80]!r}: known are {', '.join(names)}")
    return {name: value for name, value in params.items() if value is not None}


def whole_in(wish: dict[str, Any], name: str, default: int) -> int:
    """A member that is a whole number."""
    value = wish.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_params(f"{name!r} should be a whole number")
    return value


def hash_in(wish: dict[str, Any], name: str) -> bytes | None:
    """A member that is a block's hash, if it is there."""
    try:
        return hash_bytes(wish[name]) if name in wish else None
    except ValueError as error:
        raise invalid_params(f"{name!r}: {error}") from None


def bytes_of(given: Any, name: str) -> bytes:
    """Bytes from hex; `name` is what they are a part of."""
    try:
        return hex_bytes(given)
    except ValueError as error:
        raise invalid_params(f"{name!r}: {error}") from None


def extrinsics_in(wish: dict[str, Any], name: str) -> list[bytes] | None:
    """A member that is a list of at least one extrinsic, if it is there."""
    given = wish.get(name)
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise invalid_params(f"{name!r} should be a list of at least one extrinsic")
    return [bytes_of(extrinsic, name) for extrinsic in given]


def pairs_of(values: Any) -> list[tuple[bytes, bytes | None]]:
    """Entries of the state as pairs of key and value."""
    if not isinstance(values, list):
        raise invalid_params("entries are an object of pallets and items, or a list of [key, value]")
    pairs = []
    for pair in values:
        if not isinstance(pair, list) or len(pair) != 2:
            raise invalid_params("an entry is a pair of key and value, in hex; null deletes it")
        key, value = pair
        pairs.append((bytes_of(key, "key"), None if value is None else bytes_of(value, "value")))
    return pairs


def amount_of(node: Context, given: Any) -> int:
    """An amount in the smallest units: of these a number, in any base, or of tokens one that their symbol follows."""
    decimals, symbol = node.spec.properties.get("tokenDecimals", 12), str(node.spec.properties.get("tokenSymbol", ""))
    one = 10 ** (decimals if isinstance(decimals, int) else 12)
    amount: Any = DEFAULT_FUNDS * one if given is None else given
    if isinstance(amount, str):
        tokens = amount.removesuffix(symbol).rstrip() if symbol and amount.endswith(symbol) else None
        try:
            amount = int(amount, 0) if tokens is None else _smallest(tokens, one)
        except ValueError:
            amount = None
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 < amount < 1 << 128:
        raise invalid_params(f"an amount is a whole number of the smallest units, or tokens like '2.5 {symbol}'")
    return amount


def _smallest(tokens: str, one: int) -> int:
    if not TOKENS.fullmatch(tokens):
        raise ValueError(tokens)
    numerator, denominator = Decimal(tokens.replace(",", "").replace("_", "")).as_integer_ratio()
    units, rest = divmod(numerator * one, denominator)
    if rest:
        raise ValueError(f"{tokens} has more decimals than the token")
    return units


def named_block(node: Context, name: Any) -> bytes:
    """The hash of a block by hash, number, or distance from the best one as 0 and less; raises `UnknownBlock`."""
    if isinstance(name, int) and not isinstance(name, bool):
        found = node.chain.hash_of(name if name > 0 else node.chain.best.number + name)
        if found is None:
            raise UnknownBlock(b"")
        return found
    try:
        return hash_bytes(name)
    except ValueError as error:
        raise invalid_params(f"a block is a number, 0 or less from the best one, or a hash: {error}") from None
