"""Phala's own pallets as people ask for them: workers, sessions, stake pools, vaults, clusters, contracts.

Storage is read whole at one block, map by map, and joined by key. The maps of `phala-blockchain`'s pallets registry,
computation, stake_pool_v2, base_pool and phat are meant; a chain that lacks one says which.

Errors: `MissingPallet`; those of `chain`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from offchain.connect.chain import RemoteChain
from offchain.connect.errors import MissingPallet

REGISTRY, COMPUTATION, POOLS, STAKE_POOL = "PhalaRegistry", "PhalaComputation", "PhalaBasePool", "PhalaStakePoolv2"
CONTRACTS = "PhalaPhatContracts"
UNATTESTED = 128
"""The confidence level of a worker that shows no quote."""
FRACTION_BITS = 64
"""Of Phala's fixed-point numbers, `U64F64` in 128 bits."""

Seen = Callable[[int], object]


@dataclass(frozen=True)
class PhalaWorker:
    """A worker, from all maps that know it."""

    pubkey: str
    operator: str | None
    provider: str | None
    """Root, Ias or Dcap; none where nothing was attested."""
    confidence: int
    initial_score: int | None
    runtime_version: int
    last_updated: int
    """Seconds since the Unix epoch."""
    features: list[int]
    session: str | None = None
    state: str | None = None
    """Of its session: Ready, WorkerIdle, WorkerUnresponsive, WorkerCoolingDown."""
    v: float | None = None
    instant_score: int | None = None
    stake: int | None = None
    pool: int | None = None


async def workers(
    chain: RemoteChain, at: bytes, limit: int | None = None, seen: Seen = lambda n: None
) -> list[PhalaWorker]:
    """All registered workers, or `limit` of them, by key."""
    await _require(chain, at, REGISTRY, "Workers")
    records = await chain.entries(REGISTRY, "Workers", [], at, limit, seen)
    keys = [str(key[0]) for key, _ in records]
    sessions: dict[str, Any] = {}
    bindings = await _map(chain, at, COMPUTATION, "WorkerBindings", keys if limit is not None else None)
    accounts = [str(each) for each in bindings.values()]
    sessions = await _map(chain, at, COMPUTATION, "Sessions", accounts if limit is not None else None)
    stakes = await _map(chain, at, COMPUTATION, "Stakes", accounts if limit is not None else None)
    pools = await _map(chain, at, STAKE_POOL, "WorkerAssignments", keys if limit is not None else None)
    return [
        _worker(key, record, bindings, sessions, stakes, pools) for key, (_, record) in zip(keys, records, strict=True)
    ]


async def sessions(chain: RemoteChain, at: bytes, limit: int | None = None) -> list[dict[str, Any]]:
    """All sessions, with their workers and stakes."""
    await _require(chain, at, COMPUTATION, "Sessions")
    found = await chain.entries(COMPUTATION, "Sessions", [], at, limit)
    accounts = [str(key[0]) for key, _ in found] if limit is not None else None
    bound = await _map(chain, at, COMPUTATION, "SessionBindings", accounts)
    stakes = await _map(chain, at, COMPUTATION, "Stakes", accounts)
    return [
        {
            "session": key[0],
            "worker": bound.get(str(key[0])),
            "state": _name(record.get("state")),
            "v": fixed(record.get("v")),
            "p_init": _at(record, "benchmark", "p_init"),
            "p_instant": _at(record, "benchmark", "p_instant"),
            "stake": stakes.get(str(key[0])),
            "cool_down_start": record.get("cool_down_start"),
            "total_reward": _at(record, "stats", "total_reward"),
        }
        for key, record in found
    ]


async def pools(chain: RemoteChain, at: bytes, limit: int | None = None) -> list[dict[str, Any]]:
    """All stake pools and vaults."""
    await _require(chain, at, POOLS, "Pools")
    found = await chain.entries(POOLS, "Pools", [], at, limit)
    return sorted((_pool(int(key[0]), record) for key, record in found), key=lambda each: int(each["pool"]))


async def clusters(chain: RemoteChain, at: bytes, limit: int | None = None) -> list[dict[str, Any]]:
    """All clusters of contracts."""
    await _require(chain, at, CONTRACTS, "Clusters")
    found = await chain.entries(CONTRACTS, "Clusters", [], at, limit)
    ids = [str(key[0]) for key, _ in found] if limit is not None else None
    held = await _map(chain, at, CONTRACTS, "ClusterContracts", ids)
    at_work = await _map(chain, at, CONTRACTS, "ClusterWorkers", ids)
    keys = await _map(chain, at, REGISTRY, "ClusterKeys", ids)
    return [
        {
            "cluster": key[0],
            **{name: record.get(name) for name in ("owner", "permission", "system_contract", "gas_price")},
            "deposit_per_item": record.get("deposit_per_item"),
            "deposit_per_byte": record.get("deposit_per_byte"),
            "pubkey": keys.get(str(key[0])),
            "workers": at_work.get(str(key[0])) or [],
            "contracts": len(held.get(str(key[0])) or []),
        }
        for key, record in found
    ]


async def contracts(chain: RemoteChain, at: bytes, limit: int | None = None) -> list[dict[str, Any]]:
    """All contracts."""
    await _require(chain, at, CONTRACTS, "Contracts")
    found = await chain.entries(CONTRACTS, "Contracts", [], at, limit)
    ids = [str(key[0]) for key, _ in found] if limit is not None else None
    keys = await _map(chain, at, REGISTRY, "ContractKeys", ids)
    stakes = await _map(chain, at, "PhalaPhatTokenomic", "ContractTotalStakes", ids)
    return [
        {"contract": key[0], **record, "pubkey": keys.get(str(key[0])), "stake": stakes.get(str(key[0]), 0)}
        for key, record in found
    ]


def fixed(bits: Any) -> float | None:
    """A number that Phala keeps in fixed point."""
    if isinstance(bits, dict):
        bits = bits.get("bits")
    return None if not isinstance(bits, int) else bits / (1 << FRACTION_BITS)


# Inside


def _worker(
    key: str,
    record: Any,
    bindings: dict[str, Any],
    sessions: dict[str, Any],
    stakes: dict[str, Any],
    pools: dict[str, Any],
) -> PhalaWorker:
    session = bindings.get(key)
    running = sessions.get(str(session)) or {}
    return PhalaWorker(
        key,
        record.get("operator"),
        _name(record.get("attestation_provider")),
        int(record.get("confidence_level", UNATTESTED)),
        record.get("initial_score"),
        int(record.get("runtime_version", 0)),
        int(record.get("last_updated", 0)),
        _words(record.get("features")),
        session,
        _name(running.get("state")),
        fixed(running.get("v")),
        _at(running, "benchmark", "p_instant"),
        stakes.get(str(session)),
        pools.get(key),
    )


def _pool(number: int, record: Any) -> dict[str, Any]:
    """A stake pool or a vault: an enum of the two, both around a `basepool`."""
    ((kind, inner),) = record.items()
    base = inner.get("basepool", {})
    commission = inner.get("payout_commission", inner.get("commission"))
    return {
        "pool": number,
        "kind": kind,
        "owner": base.get("owner"),
        "commission_ppm": commission,
        "cap": inner.get("cap"),
        "total_value": base.get("total_value"),
        "total_shares": base.get("total_shares"),
        "workers": len(inner.get("workers") or []),
        "withdrawing": len(base.get("withdraw_queue") or []),
        "account": base.get("pool_account_id"),
    }


async def _require(chain: RemoteChain, at: bytes, pallet: str, item: str) -> None:
    if not await _has(chain, at, pallet, item):
        name = chain.remote.network.title
        raise MissingPallet(f"{name} has no storage {pallet}.{item}: this is shown of Phala and Khala")


async def _has(chain: RemoteChain, at: bytes, pallet: str, item: str) -> bool:
    decoder = await chain.decoder(at)
    return any(each.name == pallet and any(one.name == item for one in each.storage) for each in decoder.pallets)


async def _map(chain: RemoteChain, at: bytes, pallet: str, item: str, keys: list[str] | None) -> dict[str, Any]:
    """A map by its first key, or its entries of these keys; nothing where the chain has no such map."""
    if not await _has(chain, at, pallet, item):
        return {}
    if keys is None:
        return {str(key[0]): value for key, value in await chain.entries(pallet, item, [], at)}
    decoder = await chain.decoder(at)
    values = await chain.get_all([decoder.key(pallet, item, [key]) for key in keys], at)
    return {key: decoder.value(pallet, item, data) for key, data in zip(keys, values, strict=True) if data is not None}


def _words(found: Any) -> list[int]:
    return [int(each) for each in found] if isinstance(found, list) else []


def _name(value: Any) -> str | None:
    """The name of an enum's alternative."""
    named = next(iter(value)) if isinstance(value, dict) else value
    return None if named is None else str(named)


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
