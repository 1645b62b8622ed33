"""A worker whose sealed final block is gone from its chain, or whose chain is another."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import orjson
import pytest
import trio

from node.config import NodeConfig
from node.web import connect_websocket
from offchain.journal import JOURNAL_FILE
from offchain.light.seal import FINALITY_FILE
from offchain.worker import Effects, WorkerConfig, WorkerError, serve
from pallets.workers.pallet import Workers
from tests.offchain.hearing import PATIENCE, Lines
from tests.offchain.real_node import OPERATOR, SPEC, InlineSandbox, entropy, real_node, scene_of, worker_of


async def test_a_fresh_key_where_the_sealed_block_is_gone(inline: InlineSandbox, tmp_path: Path, lines: Lines) -> None:
    """The journal, which would tell as well, is lost; a chain with another genesis is no chain of the key's either."""
    sealed = tmp_path / FINALITY_FILE
    async with real_node(NodeConfig(SPEC, rpc_port=0, finalize_delay=0.0)) as node, scene_of(node) as scene:
        assert node.snapshots is not None
        async with worker_of(node.ws_url, inline, base_path=tmp_path) as running:
            before, number = node.snapshots.take().id, node.chain.best.number
            with trio.fail_after(PATIENCE):
                while not sealed.exists() or orjson.loads(sealed.read_bytes())["number"] <= number:  # noqa: ASYNC110  # a file
                    await trio.sleep(0.05)
        first = running.worker_key
        await node.snapshots.revert(before)
        (tmp_path / JOURNAL_FILE).unlink()
        scene.events.clear()
        async with worker_of(node.ws_url, inline, base_path=tmp_path, seed=2) as running:
            assert running.worker_key == first
            second = (await scene.seen(Workers.Registered)).worker
            assert second != first
        fields = orjson.loads(sealed.read_bytes())
        sealed.write_bytes(orjson.dumps({**fields, "worker": second.hex(), "genesis": bytes(32).hex()}))
        async with worker_of(node.ws_url, inline, base_path=tmp_path, seed=3) as running:
            assert running.worker_key not in (first, second)
        assert "takes a fresh key" in lines.text


async def test_a_chain_that_was_named_is_the_only_one(inline: InlineSandbox) -> None:
    async with real_node() as node:
        config = WorkerConfig(node.ws_url, OPERATOR, genesis=bytes(32))
        effects = Effects(partial(connect_websocket, node.ws_url), entropy(), inline)
        with pytest.raises(WorkerError, match="serves another chain, with genesis 0x"):
            await serve(config, effects)
