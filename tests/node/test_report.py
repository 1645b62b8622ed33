"""A block in readable lines, as `fathom dev` prints them."""

from __future__ import annotations

import logging
import re

import pytest
import trio
from trio.testing import MockClock

from node.abbreviated import short_hash
from node.chain.feed import BUFFER, Imported
from node.informant import run_informant
from node.report import MAX_LINE, Reporter, Units
from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, UNIT, account, compact, keypair, remark, signed, transfer
from tests.node.nodes import running_node, send
from tests.node.scratch import scratch_directory


def lines_of(node: RunningNode, block: Imported) -> list[str]:
    lines = [line.text for line in Reporter(node.chain, Units.of(node.spec.properties)).lines(block)]
    assert all(line.isprintable() for line in lines)
    return lines


def batch(*calls: bytes) -> bytes:
    return bytes([8, 0]) + compact(len(calls)) + b"".join(calls)


def short(suri: str) -> str:
    address = keypair(suri).ss58_address
    return f"{address[:6]}…{address[-4:]}"


async def test_a_block_and_its_transactions(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            genesis = node.chain.genesis_hash
            send(
                node,
                signed(genesis, transfer(BOB, 3 * UNIT // 2), 0),
                signed(genesis, transfer(BOB, 2 * 10**18), 1),
                signed(genesis, remark(b"\x1b[31m\n" + bytes(100)), 2),
                signed(genesis, bytes([7, 0]) + remark(b""), 3),
                signed(genesis, bytes([8, 0]) + compact(2) + remark(b"a") + remark(b"b"), 4),
            )
            block = await node.producer.create_block(create_empty=True)
            head, good, bad, odd, sudo, several = lines_of(node, block)
            start, end = node.chain.genesis_hash.hex(), block.hash.hex()
            assert head == f"🏆 Imported #1 (0x{start[:4]}…{start[-4:]} → 0x{end[:4]}…{end[-4:]})"
            call = f"Balances.transfer_keep_alive(dest={short(BOB)}, value=1.5 UNIT)"
            assert good.startswith(f"   ✓ {short(ALICE)}  {call}")
            assert "Balances.Transfer" in good
            assert good.rpartition("  ")[2].startswith("fee 0.00")
            assert bad.startswith(f"   ✗ {short(ALICE)}  Balances.transfer_keep_alive(")
            assert "  Token.FundsUnavailable  fee 0.00" in bad
            assert "System.remark(remark=0x1b5b33" in odd
            assert "(106 bytes)" in odd
            assert "Sudo.sudo(call=System.remark(" in sudo
            assert "Utility.batch(calls=[System.remark(" in several


async def test_a_line_is_bounded_whatever_the_sender_wrote(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            nested = remark(b"deep")
            for _ in range(20):
                nested = batch(nested)
            wide = batch(*(remark(bytes([number]) * 40) for number in range(200)))
            for nonce, call in enumerate((nested, wide)):
                send(node, signed(node.chain.genesis_hash, call, nonce))
            _, deep, long = lines_of(node, await node.producer.create_block(create_empty=False))
            assert "Utility.batch(calls=…)" in deep and "remark" not in deep
            assert "[…]" in long and long.count("ItemCompleted") == 6
            assert all(len(line) <= MAX_LINE + 1 for line in (deep, long))


async def test_what_programs_are_told(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            send(node, signed(node.chain.genesis_hash, transfer(BOB, 2 * 10**18), 0))
            block = await node.producer.create_block(create_empty=False)
            imported, extrinsic = (line.fields for line in Reporter(node.chain, Units.of({})).lines(block))
            assert imported == {
                "number": 1,
                "hash": f"0x{block.hash.hex()}",
                "parent": f"0x{node.chain.genesis_hash.hex()}",
                "best": True,
                "extrinsics": len(block.extrinsics),
            }
            assert extrinsic.pop("fee") > 0
            assert extrinsic == {
                "number": 1,
                "index": len(block.extrinsics) - 1,
                "call": "Balances.transfer_keep_alive",
                "signer": keypair(ALICE).ss58_address,
                "success": False,
                "error": "Token.FundsUnavailable",
            }


async def test_the_informant_tells_blocks_reorgs_and_idle_time(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node, trio.open_nursery() as nursery:
            async with node.chain.imported.subscribe() as blocks:
                nursery.start_soon(run_informant, node, blocks)
                genesis = node.chain.genesis_hash
                lost = await node.producer.create_block(create_empty=True)
                beside = await node.producer.create_block(create_empty=True, parent=genesis)
                won = await node.producer.create_block(create_empty=True, parent=beside.hash)
                await trio.sleep(5.5)
                nursery.cancel_scope.cancel()
            start, ours, theirs, top = (short_hash(each) for each in (genesis, lost.hash, beside.hash, won.hash))
            assert [record.message for record in caplog.records if record.name == "node"] == [
                f"🏆 Imported #1 ({start} → {ours})",
                f"🆕 Imported #1 ({start} → {theirs})",
                f"♻️  Reorg on #1,{ours} to #2,{top}, common ancestor #0,{start}",
                f"🏆 Imported #2 ({theirs} → {top})",
                f"💤 Idle (0 peers), best: #2 ({top}), finalized #0 ({start}), ⬇ 0 ⬆ 0",
            ]
            told = [record.message for record in caplog.records if record.name == "node.producer"]
            assert told[0] == f"🙌 Starting consensus session on top of parent 0x{genesis.hex()} (#0)"
            assert re.fullmatch(
                rf"🎁 Prepared block for proposing at 1 \(\d+ ms\) hash: 0x[0-9a-f]{{64}}; parent_hash: {start}; "
                r"end: NoMoreTransactions; extrinsics_count: 2",
                told[1],
            )


async def test_an_informant_that_fell_behind_goes_on(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node, trio.open_nursery() as nursery:
            async with node.chain.imported.subscribe() as blocks:
                block = await node.producer.create_block(create_empty=True)
                for _ in range(BUFFER + 1):
                    blocks.offer(block)
                nursery.start_soon(run_informant, node, blocks)
                await trio.sleep(1)
                await node.producer.create_block(create_empty=True)
                await trio.sleep(1)
                nursery.cancel_scope.cancel()
            told = [record.message for record in caplog.records if record.name == "node"]
            assert "faster than they could be told" in told[-2]
            assert told[-1].startswith("🏆 Imported #2")


async def test_an_empty_block_is_one_line(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            assert len(lines_of(node, await node.producer.create_block(create_empty=True))) == 1


def test_amounts_and_addresses_in_the_chains_own_units() -> None:
    units = Units.of({"ss58Format": 30, "tokenDecimals": 12, "tokenSymbol": "PHA"})
    assert [units.amount(value) for value in (0, 1, 10**12, 1_200_000_000, 1_234_567 * 10**12 + 10**11)] == [
        "0 PHA",
        "0.000000000001 PHA",
        "1 PHA",
        "0.0012 PHA",
        "1,234,567.1 PHA",
    ]
    assert units.address(account(ALICE)) == "45R2pf…YDs2"
    assert Units.of({}).symbol == "UNIT"
    assert Units.of({"tokenDecimals": [10, 6], "tokenSymbol": ["DOT", "USDT"]}).amount(10**10) == "1 DOT"
