"""Starting a node: what keeps it from starting is one line, and what it opened it closes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.config import InvalidSealing, NodeConfig, parse_sealing
from node.dev_spec import DEV_SPEC
from node.service import Effects, StartError, run_node
from node.web import open_listeners
from tests.node.nodes import NOON, height, running_node
from tests.node.rpc.client import CallFailed, connected
from tests.node.scratch import scratch_directory
from tests.vectors import vector

HOST = Effects(wall=lambda: NOON)


async def start_error(**config: Any) -> str:
    """Why a node of this configuration doesn't start."""
    with pytest.raises(StartError) as refused, trio.fail_after(30):
        await run_node(NodeConfig(**{"chain": DEV_SPEC, "rpc_port": 0, **config}), HOST)
    message = str(refused.value)
    assert "\n" not in message
    return message


async def test_a_base_path_in_use_is_told(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory):
            assert "in use by another node" in await start_error(base_path=directory)
        async with running_node(directory) as node:
            await height(node, 1)


async def test_another_chain_in_the_base_path_is_told(autojump_clock: MockClock, tmp_path: Path) -> None:
    document = json.loads(DEV_SPEC.read_text())
    document["genesis"]["runtimeGenesis"]["patch"]["sudo"]["key"] = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            genesis = node.chain.genesis_hash
        message = await start_error(base_path=directory, chain=other)
        assert f"holds the chain of genesis 0x{genesis.hex()}" in message
        assert message.endswith("choose another --base-path or another --chain")


async def test_a_taken_port_is_told(autojump_clock: MockClock) -> None:
    (listener,) = await open_listeners("127.0.0.1", 0)
    async with listener:
        port = listener.socket.getsockname()[1]
        assert await start_error(rpc_port=port) == f"cannot listen on 127.0.0.1:{port}: Address already in use"


@pytest.mark.parametrize("name", ["westend", "dot-coretime"])
async def test_a_runtime_that_nobody_here_can_run_is_told(autojump_clock: MockClock, name: str) -> None:
    with scratch_directory() as directory:
        message = await start_error(base_path=directory, chain=vector(f"chainspecs/{name}.raw.json.gz"))
    assert message.startswith("`:code` is ")
    assert message.endswith("this program runs fathom 1")


async def test_what_else_keeps_it_from_starting(autojump_clock: MockClock, tmp_path: Path) -> None:
    assert "No such file" in await start_error(chain=tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    assert "choose another --base-path" in await start_error(base_path=tmp_path / "file")
    damaged = tmp_path / "chains" / "fathom_dev" / "db"
    damaged.mkdir(parents=True)
    (damaged / "CURRENT").write_text("garbage")
    assert "can't be opened: Corruption" in await start_error(base_path=tmp_path)


async def test_two_nodes_side_by_side(autojump_clock: MockClock) -> None:
    with scratch_directory() as first, scratch_directory() as second:
        async with running_node(first) as one, running_node(second) as other:
            assert one.rpc_port != other.rpc_port
            async with connected(one) as client:
                assert await client.call("system_chain") == "Fathom Development"
            await height(one, 1)
            await height(other, 1)


async def test_without_a_base_path_nothing_is_left(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        node = await nursery.start(run_node, NodeConfig(chain=DEV_SPEC, rpc_port=0), HOST)
        path = trio.Path(node.chain.db.path)
        assert await path.is_dir()
        nursery.cancel_scope.cancel()
    assert not await path.exists()


async def test_a_node_that_authors_nothing_seals_nothing(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with trio.open_nursery() as nursery:
            config = NodeConfig(chain=DEV_SPEC, base_path=directory, rpc_port=0, author=False)
            node = await nursery.start(run_node, config, HOST)
            async with connected(node) as client:
                assert not [name for name in (await client.call("rpc_methods"))["methods"] if "engine" in name]
                with pytest.raises(CallFailed) as refused:
                    await client.call("engine_createBlock", True, False)
                assert refused.value.code == -32601
            await trio.sleep(60)
            assert node.chain.best.number == 0
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("text", "mode"), [("instant", "instant"), ("manual", "manual"), ("500", 500), ("1", 1)])
def test_sealing_modes(text: str, mode: Any) -> None:
    assert parse_sealing(text) == mode


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "fast", "500ms", " 500"])
def test_what_is_no_sealing_mode(text: str) -> None:
    with pytest.raises(InvalidSealing, match="--sealing takes instant, manual or milliseconds"):
        parse_sealing(text)
