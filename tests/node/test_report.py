"""A block in readable lines, as `fathom dev` prints them."""

from __future__ import annotations

from trio.testing import MockClock

from node.chain.feed import Imported
from node.report import Reporter, Units
from node.service import RunningNode
from tests.node.extrinsics import ALICE, BOB, UNIT, account, compact, keypair, remark, signed, transfer
from tests.node.nodes import running_node, send
from tests.node.scratch import scratch_directory


def lines_of(node: RunningNode, block: Imported) -> list[str]:
    lines = list(Reporter(node.chain, Units.of(node.spec.properties)).lines(block))
    assert all(line.isprintable() for line in lines)
    return lines


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
            head, good, bad, odd, sudo, batch = lines_of(node, block)
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
            assert "Utility.batch(calls=[System.remark(" in batch


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
