"""`dev_*`: what only a dev chain lets its owner do."""

from __future__ import annotations

from typing import Any

from node.chain.snapshots import Snapshot, Snapshots, TooManySnapshots, UnknownSnapshot
from node.rpc.context import Context, to_hex
from node.rpc.errors import client_error
from node.rpc.registry import method
from node.state.errors import WriteFailed


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
