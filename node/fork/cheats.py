"""What the owner of a fork does to its state by hand, as writes: a foreign runtime knows no cheats (`pallets.cheats`).

Whom the mock signature counts for is kept in the state, under names that no foreign runtime has, so it goes with
snapshots and forks. The runtime's own metadata says how balances are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from node.fork.described import Described
from node.state.backend import State
from node.state.trie import keys_of
from pallets.cheats import CHEATS, FailNext, Fund, Impersonate, KillPrefix, SetStorage, StopImpersonating
from pallets.frame.executive import InvalidBlock
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.portable_values import UnreadableMetadata

EVERYBODY, IMPERSONATED = storage_prefix("Cheats", "Everybody"), storage_prefix("Cheats", "Impersonated")
YES = b"\1"


def done_by_hand(
    encoded: bytes, state: State, described: Callable[[], Described]
) -> Iterator[tuple[bytes, bytes | None]]:
    """The writes that cheats come to, in order; raises `InvalidBlock` for one that can't be here."""
    for cheat in CHEATS.decode_all(encoded):
        match cheat:
            case SetStorage(items):
                yield from items
            case KillPrefix(prefix):
                yield from ((key, None) for key in keys_of(state, prefix))
            case Fund(who, amount):
                try:
                    yield from _funded(state, described(), who, amount)
                except UnreadableMetadata as error:
                    raise InvalidBlock(f"nobody can be funded on this chain: {error}") from None
            case Impersonate(who):
                yield EVERYBODY if who is None else IMPERSONATED + who, YES
            case StopImpersonating():
                yield EVERYBODY, None
                yield from ((key, None) for key in keys_of(state, IMPERSONATED))
            case FailNext():
                raise InvalidBlock("a foreign runtime can't be made to fail: dev_failNext is for Fathom's own")


def is_impersonated(state: State, who: bytes | None) -> bool:
    """Whether the mock signature counts for an account."""
    return state.get(EVERYBODY) is not None or (who is not None and state.get(IMPERSONATED + who) is not None)


def _funded(state: State, described: Described, who: bytes, amount: int) -> Iterator[tuple[bytes, bytes | None]]:
    try:
        account, issuance = described.item("System", "Account"), described.item("Balances", "TotalIssuance")
    except LookupError as error:
        raise InvalidBlock(f"nobody can be funded on this chain: {error}") from None
    key = described.key(account, who)
    data = state.get(key)
    found = described.least(account.value) if data is None else described.decode(account.value, data)
    if not isinstance(found.get("data"), dict) or "free" not in found["data"]:
        raise InvalidBlock("nobody can be funded on this chain: its accounts have no free balance")
    found["data"]["free"] += amount
    if "providers" in found:
        found["providers"] = max(found["providers"], 1)
    yield key, described.encode(account.value, found, "System.Account")
    before = int.from_bytes(state.get(issuance.prefix) or b"", "little")
    yield issuance.prefix, described.encode(issuance.value, before + amount, "Balances.TotalIssuance")
