"""What a running node says for people: where it is at start, each block, and how it stands every five seconds.

The lines are those of Substrate's own informant, and more about transactions (`report`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Iterable
from contextlib import suppress

import trio

from node.abbreviated import short_hash
from node.chain.feed import FellBehind, Imported
from node.report import Reporter, Units
from node.service import NODE_NAME, NODE_VERSION, RunningNode

IDLE_SECONDS = 5.0

log = logging.getLogger("node")


def greet(running: RunningNode, warnings: Iterable[str] = ()) -> None:
    """The lines of a start."""
    config, spec, chain = running.config, running.spec, running.chain
    log.info("%s", NODE_NAME)
    log.info("✌️  version %s", NODE_VERSION)
    log.info("📋 Chain specification: %s", spec.name)
    log.info("🏷  Node name: %s", config.name)
    log.info("👤 Role: %s", "AUTHORITY" if config.author else "FULL")
    log.info("💾 Database: RocksDb at %s", chain.db.path)
    if chain.best.number == 0:
        root = short_hash(spec.genesis_header().state_root)
        log.info(
            "🔨 Initializing Genesis block/state (state: %s, header-hash: %s)", root, short_hash(chain.genesis_hash)
        )
    log.info("📦 Highest known block at #%d", chain.best.number)
    log.info("Running JSON-RPC server: addr=%s:%d", config.rpc_host, running.rpc_port)
    if config.prometheus is not None and running.metrics_port is not None:
        log.info("〽️  Prometheus exporter started at %s:%d", config.prometheus.host, running.metrics_port)
    for warning in warnings:
        log.warning("%s", warning)
    if config.author and not running.authors:
        where = running.keystore.path
        log.warning("🔑 No keys of this chain's authorities in %s: insert aura and gran keys, and start again", where)


async def run_informant(running: RunningNode, blocks: AsyncIterable[Imported]) -> None:
    """Tells of these blocks and of idle time, until cancelled."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_blocks, running, blocks)
        nursery.start_soon(_tell_standing, running)


async def _tell_blocks(running: RunningNode, blocks: AsyncIterable[Imported]) -> None:
    reporter = Reporter(running.chain, Units.of(running.spec.properties))
    with suppress(FellBehind):
        await _tell(reporter, blocks)
    while True:
        log.warning("… and more blocks, faster than they could be told")
        async with running.chain.imported.subscribe() as later:
            with suppress(FellBehind):
                await _tell(reporter, later)


async def _tell(reporter: Reporter, blocks: AsyncIterable[Imported]) -> None:
    """Raises `FellBehind`."""
    async for block in blocks:
        if not log.isEnabledFor(logging.INFO):
            continue
        try:
            for line in reporter.lines(block):
                log.info("%s", line.text, extra={"fields": line.fields})
        except Exception:  # a block that can't be told of costs its lines, not the node
            log.exception("❌ block #%d could not be reported", block.header.number)


async def _tell_standing(running: RunningNode) -> None:
    chain = running.chain
    while True:
        await trio.sleep(IDLE_SECONDS)
        best, final = chain.best, chain.finalized
        log.info(
            "💤 Idle (0 peers), best: #%d (%s), finalized #%d (%s), ⬇ 0 ⬆ 0",
            best.number,
            short_hash(best.hash),
            final.number,
            short_hash(final.hash),
            extra={"fields": {"best": best.number, "finalized": final.number, "peers": 0}},
        )
