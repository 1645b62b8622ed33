"""The metrics of real nodes, read over HTTP by Prometheus' own parser, against what JSON-RPC answers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from node.config import PrometheusConfig
from node.service import RunningNode
from node.signing import sign_call
from node.verifier.verifier import start_process
from node.web import open_listeners, request
from pallets.frame.overlay import Overlay
from pallets.frame.validity import TransactionSource
from pallets.primitives.job_record import JobState
from pallets.primitives.keys import DEV_ACCOUNTS, dev_keypair
from pallets.primitives.worker_record import WorkerState
from pallets.runtime import DevRuntime
from tests.node.extrinsics import BOB, UNIT, remark, signed, transfer
from tests.node.metrics.scraped import Scraped, scraped
from tests.node.nodes import NOON, running_node, send, storage_key
from tests.node.rpc.client import connected
from tests.node.scratch import scratch_directory

FREE = PrometheusConfig(port=0)

GAUGES = (
    "build_info node_roles process_start_time_seconds block_height number_leaves ready_transactions_number "
    "database_cache_bytes finality_grandpa_round proposer_number_of_transactions"
)
COUNTERS = (
    "sub_txpool_submitted_transactions sub_txpool_validations_scheduled sub_txpool_validations_finished "
    "sub_txpool_validations_invalid sub_txpool_block_transactions_pruned sub_txpool_block_transactions_resubmitted "
    "proposer_end_proposal_reason rpc_calls_started rpc_calls_finished rpc_sessions_opened rpc_sessions_closed"
)
HISTOGRAMS = (
    "proposer_block_constructed proposer_block_proposal_time proposer_create_inherents_time rpc_calls_time "
    "rpc_sessions_time"
)
SUBSTRATE = {
    f"substrate_{name}": kind
    for names, kind in ((GAUGES, "gauge"), (COUNTERS, "counter"), (HISTOGRAMS, "histogram"))
    for name in names.split()
}
FATHOM = ("workers_eligible", "workers_operators", "workers_arrivals", "jobs_submitted", "agents")
BY_STATE = {"workers": ("Workers", WorkerState), "jobs": ("Jobs", JobState)}
POOL = "substrate_sub_txpool_"


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    """On the real clock, so that what takes time is seen to."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", prometheus=FREE) as running:
            yield running


async def mine(node: RunningNode, parent: bytes | None = None) -> bytes:
    return (await node.producer.create_block(create_empty=True, parent=parent)).hash


def pool_counts(metrics: Scraped) -> dict[str, float]:
    return {name[len(POOL) :]: metrics.value(name) for name in metrics.types if name.startswith(POOL)}


async def test_a_nodes_metrics_are_what_it_answers_by_rpc(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    first = await mine(node)
    paid = [signed(genesis, transfer(BOB, UNIT), nonce) for nonce in range(3)]
    send(node, *paid[:2])
    block = await mine(node)
    await mine(node, first)  # another leaf
    node.finalizer.finalize(first, 1)
    send(node, paid[2])
    for refused in (paid[2], signed(genesis, remark(b""), 9, forged=True)):
        with pytest.raises(Exception, match=r"already|bad signature"):
            node.transactions.submit(refused, TransactionSource.External)
    metrics = await scraped(node)

    assert metrics.types == {**SUBSTRATE, **{f"fathom_{name}": "gauge" for name in (*FATHOM, *BY_STATE)}}
    assert {labels["chain"] for labels in metrics.labels()} == {node.spec.id}
    async with connected(node) as client:
        heads = await client.call("chain_getHeader"), await client.call("chain_getHeader", f"0x{first.hex()}")
        best, final = (int(head["number"], 16) for head in heads)
        assert await client.call("chain_getFinalizedHead") == f"0x{first.hex()}"
        assert (best, final) == (2, 1)
        assert metrics.value("substrate_block_height", status="best") == best
        assert metrics.value("substrate_block_height", status="sync_target") == best
        assert metrics.value("substrate_block_height", status="finalized") == final
        assert metrics.value("substrate_finality_grandpa_round") == final
        pending = await client.call("author_pendingExtrinsics")
        assert metrics.value("substrate_ready_transactions_number") == len(pending) == 1
        version = await client.call("system_version")
        assert metrics.value("substrate_build_info", name=node.config.name, version=version) == 1
        assert await client.call("system_nodeRoles") == ["Authority"]
        assert metrics.value("substrate_node_roles") == 4
        included = await client.call("chain_getBlock", f"0x{block.hex()}")
        size = len(included["block"]["extrinsics"])
    assert metrics.value("substrate_number_leaves") == 2
    assert NOON // 1000 <= metrics.value("substrate_process_start_time_seconds") <= NOON // 1000 + trio.current_time()
    inherents = size - 2
    assert pool_counts(metrics) == {
        "submitted_transactions": 5,
        "validations_scheduled": 4,  # one was known
        "validations_finished": 4,
        "validations_invalid": 0,
        "block_transactions_pruned": size + inherents,
        "block_transactions_resubmitted": 0,
    }
    assert metrics.value("substrate_proposer_number_of_transactions") == inherents  # of the fork's block
    assert metrics.value("substrate_proposer_end_proposal_reason", reason="no_more_transactions") == 3
    assert metrics.value("substrate_proposer_end_proposal_reason", reason="hit_block_weight_limit") == 0
    times = [
        metrics.value(f"substrate_proposer_{name}_sum")
        for name in ("create_inherents_time", "block_constructed", "block_proposal_time")
    ]
    assert 0 < times[0] < times[1] < times[2] < trio.current_time()
    for name in ("create_inherents_time", "block_constructed", "block_proposal_time"):
        assert metrics.value(f"substrate_proposer_{name}_count") == 3
        assert metrics.value(f"substrate_proposer_{name}_bucket", le="+Inf") == 3


async def test_a_reorg_is_counted(node: RunningNode) -> None:
    root = await mine(node)
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    await mine(node)
    before = pool_counts(await scraped(node))
    await mine(node, await mine(node, root))
    after = pool_counts(await scraped(node))
    more = {name: after[name] - before[name] for name in after}
    assert more.pop("validations_scheduled") == more.pop("validations_finished") >= 1  # inherents are tried too
    assert more == {
        "submitted_transactions": 0,
        "validations_invalid": 0,
        "block_transactions_pruned": 4,  # two blocks of two inherents
        "block_transactions_resubmitted": 1,
    }


async def test_what_falls_out_of_the_pool_is_counted_as_invalid(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    send(node, signed(genesis, remark(b"first"), 0))
    fork = await mine(node)
    assert node.chain.best.hash == fork
    send(node, signed(genesis, remark(b"second"), 1))
    waiting = node.transactions.pool.transactions()[0]
    node.transactions.drop_invalid(waiting.hash, "because")
    assert pool_counts(await scraped(node))["validations_invalid"] == 1


async def test_those_in_line_for_their_signature_are_counted() -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", prometheus=FREE, start_verifier=start_process) as node:
            genesis = node.chain.genesis_hash
            good, bad = signed(genesis, remark(b""), 0), signed(genesis, remark(b""), 1, forged=True)
            line = [node.transactions.enqueue(data, TransactionSource.External) for data in (good, bad)]
            counts = node.transactions.counts
            assert (counts.submitted, counts.scheduled) == (2, 2)
            await line[0]
            with pytest.raises(Exception, match="bad signature"):
                await line[1]
            counted = pool_counts(await scraped(node))
    assert [counted[f"validations_{name}"] for name in ("scheduled", "finished", "invalid")] == [2, 2, 0]


async def test_workers_jobs_and_agents_are_the_states(node: RunningNode) -> None:
    """Written by root: what is read is what any client would read."""
    items = {
        "workers_eligible": (storage_key("Workers", "EligibleCount") + bytes(4), 4),
        "workers_operators": (storage_key("Workers", "EligibleOperators") + bytes(4), 4),
        "workers_arrivals": (storage_key("Workers", "Arrivals"), 8),
        "jobs_submitted": (storage_key("Jobs", "NextJob"), 8),
        "agents": (storage_key("Agents", "NextAgent"), 8),
    }
    assert tuple(items) == FATHOM
    values = dict(zip(items, range(1_000_001, 1_000_006), strict=True))

    async def compared() -> dict[str, float]:
        metrics = await scraped(node)
        found = {name: metrics.value(f"fathom_{name}") for name in items}
        for name, (key, _) in items.items():
            assert found[name] == int.from_bytes(node.chain.states.head.get(key) or b"", "little")
        for what, (pallet, states) in BY_STATE.items():
            for at, state in enumerate(states):
                raw = node.chain.states.head.get(storage_key(pallet, "InState") + bytes((at,))) or b""
                assert metrics.value(f"fathom_{what}", state=state.name) == int.from_bytes(raw, "little")
        return found

    assert set((await compared()).values()) == {0}
    runtime = DevRuntime(Overlay(node.chain.states.head))
    written = [(key, values[name].to_bytes(size, "little")) for name, (key, size) in items.items()]
    written += [
        (storage_key(pallet, "InState") + bytes((at,)), (50 + at).to_bytes(4, "little"))
        for pallet, states in BY_STATE.values()
        for at in range(len(states))
    ]
    call = runtime.call("Sudo", "sudo", call=runtime.call("System", "set_storage", items=written))
    send(node, sign_call(runtime, call, dev_keypair("Alice"), 0, node.chain.genesis_hash))
    await mine(node)
    assert await compared() == values


async def test_only_a_get_of_its_path_is_answered(node: RunningNode) -> None:
    assert node.metrics_url is not None
    root = node.metrics_url.removesuffix("/metrics")
    upgrade = (("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"))
    statuses = {
        (method, path): (await request(root + path, method)).status
        for method, path in (("GET", "/"), ("GET", "/metrics/"), ("POST", "/metrics"), ("HEAD", "/other"))
    }
    assert statuses == {
        ("GET", "/"): 404,
        ("GET", "/metrics/"): 404,
        ("POST", "/metrics"): 405,
        ("HEAD", "/other"): 404,
    }
    assert (await request(node.metrics_url, "DELETE")).header("allow") == "GET"
    assert (await request(node.metrics_url, "POST", body=b"x")).status == 413
    assert (await request(f"{node.metrics_url}?name=x", headers=upgrade)).status == 200
    assert (await request(node.metrics_url, headers=(("origin", "https://example.org"),))).status == 403


async def test_a_port_that_is_taken_costs_the_metrics_alone(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    (listener,) = await open_listeners("127.0.0.1", 0)
    async with listener:
        port = listener.socket.getsockname()[1]
        with scratch_directory() as directory, caplog.at_level(logging.WARNING, "node.metrics"):
            async with running_node(directory, sealing="manual", prometheus=PrometheusConfig(port)) as node:
                assert node.metrics_url is None
                await mine(node)
    told = f"no metrics are served: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert [told in record.message for record in caplog.records] == [True]


async def test_two_nodes_count_each_for_itself(autojump_clock: MockClock) -> None:
    with scratch_directory() as first, scratch_directory() as second:
        async with (
            running_node(first, sealing="manual", prometheus=FREE) as one,
            running_node(second, sealing="manual", prometheus=FREE) as other,
        ):
            await mine(one)
            heights = [(await scraped(node)).value("substrate_block_height", status="best") for node in (one, other)]
            built = [(await scraped(node)).value("substrate_proposer_block_constructed_count") for node in (one, other)]
    assert (heights, built) == ([1, 0], [1, 0])


async def test_a_block_that_is_full_is_told_from_one_that_took_all(node: RunningNode) -> None:
    """Two fit. Eight that don't are passed over in the hope of smaller ones; the ninth ends the block."""
    large = remark(bytes(1536 * 1024))
    senders = [f"//{name}{stash}" for name in DEV_ACCOUNTS for stash in ("", "//stash")]
    send(node, *(signed(node.chain.genesis_hash, large, 0, by=sender) for sender in senders))

    async def ended() -> tuple[float, ...]:
        name, metrics = "substrate_proposer_end_proposal_reason", await scraped(node)
        return tuple(
            metrics.value(name, reason=reason) for reason in ("hit_block_weight_limit", "no_more_transactions")
        )

    await mine(node)
    assert (await ended(), node.transactions.pool.ready_count) == ((1, 0), 10)
    await mine(node)
    assert (await ended(), node.transactions.pool.ready_count) == ((1, 1), 8)
