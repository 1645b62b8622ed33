"""Reading and signing against a real node, the judge of every byte; py-substrate-interface judges the payload."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from functools import partial

import orjson
import pytest
import trio
from substrateinterface import SubstrateInterface

from node.config import NodeConfig
from node.service import RunningNode
from node.web import WebSocket, connect_websocket
from offchain.chain import (
    ACCOUNT,
    EXTRA,
    IMPLICIT,
    CannotPay,
    Chain,
    ChainError,
    DispatchFailed,
    Head,
    Inclusion,
    StorageItem,
    TransactionRefused,
    WrongChain,
)
from offchain.rpc import CallFailed, Client
from pallets.primitives.extrinsic import Era, UncheckedExtrinsic, signing_payload, verify_signature
from pallets.primitives.hashing import Blake2_128Concat, blake2_256
from pallets.primitives.keys import Keypair, dev_keypair
from pallets.primitives.scale import compact
from pallets.primitives.types import U64, AccountId, Moment
from tests.offchain.real_node import SPEC, chain_of, real_node
from tests.offchain.scripted_node import answer, serving

ALICE, BOB = dev_keypair("Alice"), dev_keypair("Bob")
UNIT = 10**12
NOW: StorageItem[int] = StorageItem("Timestamp", "Now", Moment)


def remark(text: bytes) -> bytes:
    return b"\0\0" + compact(len(text)) + text


def transfer(dest: bytes, value: int) -> bytes:
    return b"\x05\x03\0" + dest + compact(value)


async def test_reads_values_and_heads(node: RunningNode, chain: Chain) -> None:
    assert chain.genesis == node.chain.genesis_hash
    account = await chain.read(ACCOUNT, ALICE.account_id)
    assert account is not None and account.nonce == 0 and account.data.free > UNIT
    assert await chain.read(ACCOUNT, b"\7" * 32) is None
    best = await chain.best()
    assert best.hash == node.chain.best.hash and await chain.hash_of(best.number) == best.hash
    assert await chain.hash_of(best.number + 1000) is None
    assert await chain.read(NOW) == (node.chain.best_header().slot() or 0) * 100
    assert await chain.read(NOW, at=chain.genesis) is None


async def test_a_value_of_another_type_is_told(chain: Chain) -> None:
    wrong: StorageItem[int] = StorageItem("System", "Account", U64, (AccountId, Blake2_128Concat))
    with pytest.raises(WrongChain, match=r"System\.Account is of another type"):
        await chain.read(wrong, ALICE.account_id)


async def test_signed_transactions_follow_each_other(chain: Chain) -> None:
    first = await chain.submit_signed(ALICE, transfer(BOB.account_id, UNIT))
    await chain.require_success(first)
    before = await chain.read(ACCOUNT, BOB.account_id, at=first.block.hash)
    second = await chain.submit_signed(ALICE, transfer(BOB.account_id, UNIT))
    after = await chain.read(ACCOUNT, BOB.account_id, at=second.block.hash)
    assert before is not None and after is not None
    assert after.data.free == before.data.free + UNIT
    assert second.block.number > first.block.number


async def test_the_signed_payload_is_that_of_another_client(node: RunningNode, chain: Chain) -> None:
    """The same call, era and nonce: py-substrate-interface signs the same bytes, with the layout read from metadata."""
    async with node.chain.finality.subscribe() as finality:
        await chain.submit_signed(ALICE, remark(b"so that nonce and era are not zero"))
        await anext(aiter(finality))
    text = b"x" * 300
    mine = UncheckedExtrinsic.decode(await chain.sign(ALICE, remark(text)), EXTRA)
    assert mine.preamble is not None
    era, nonce, tip, mode = mine.preamble.extra
    assert (nonce, tip, mode) == (1, 0, 0) and isinstance(era, Era) and era.period == 1024

    def theirs() -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = SubstrateInterface(url=node.ws_url)
            call = client.compose_call("System", "remark", {"remark": f"0x{text.hex()}"})
            payload = client.generate_signature_payload(
                call, {"period": 1024, "current": era.birth(node.chain.best.number)}, nonce
            )
            client.close()
        return bytes(payload.data)

    payload = await trio.to_thread.run_sync(theirs)
    assert len(payload) == 32
    birth = await chain.hash_of(era.birth(node.chain.best.number))
    versions = await chain.versions()
    implicit = IMPLICIT.encode((versions.spec, versions.transaction, chain.genesis, birth, None))
    assert signing_payload(mine.call, mine.preamble.extra_bytes, implicit) == payload
    assert verify_signature(mine.preamble.signature, payload, ALICE.public)


async def test_a_failed_call_is_named(chain: Chain) -> None:
    with pytest.raises(DispatchFailed, match=r"^Sudo\.RequireSudo: Sender must be the Sudo account"):
        await chain.require_success(await chain.submit_signed(BOB, b"\x07\x02\0" + BOB.account_id))
    with pytest.raises(DispatchFailed, match=r"^Token\.FundsUnavailable$"):
        await chain.require_success(await chain.submit_signed(BOB, transfer(ALICE.account_id, 5 * 10**18)))


async def test_an_account_without_funds_is_told(chain: Chain) -> None:
    pauper = Keypair.from_suri("//Pauper")
    with pytest.raises(CannotPay, match=r"^5\w+ can't pay the transaction's fee"):
        await chain.submit_signed(pauper, remark(b""))


async def test_a_call_that_does_not_exist_is_refused(chain: Chain) -> None:
    with pytest.raises(TransactionRefused, match="author_submitAndWatchExtrinsic failed with"):
        await chain.submit_signed(ALICE, b"\xff\xff")
    with pytest.raises(CallFailed):
        await chain.submit_bare(b"\xff\xff")


async def test_changes_are_heard_at_once(chain: Chain) -> None:
    send, heard = trio.open_memory_channel[tuple[bytes, bytes | None]](9)
    fresh = b"\7" * 32
    key = ACCOUNT.key(fresh)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chain.follow, [key], lambda *change: send.send_nowait(change))
        await chain.submit_signed(ALICE, transfer(fresh, UNIT))
        with trio.fail_after(5):
            assert await heard.receive() == (key, None)
            changed, value = await heard.receive()
        nursery.cancel_scope.cancel()
    account = ACCOUNT.decode(value)
    assert changed == key and account is not None and account.data.free == UNIT


async def test_a_transaction_waits_for_its_block() -> None:
    included: list[int] = []

    async def send(chain: Chain) -> None:
        included.append((await chain.submit_signed(ALICE, remark(b""))).block.number)

    manual = NodeConfig(SPEC, rpc_port=0, sealing="manual")
    async with real_node(manual) as node, chain_of(node.ws_url) as chain:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, chain)
            with trio.fail_after(5):
                await node.transactions.wait_ready()
            assert not included
            await node.producer.create_block(create_empty=False)
        assert included == [1]
        assert blake2_256(node.chain.best_header().encode()) == node.chain.best.hash


@pytest.mark.parametrize(
    "nonsense", [1, -1, "x", "0xzz", "0x00", [], [1], {}, {"number": "0x" + "f" * 9}, True, [[[]]]]
)
async def test_a_node_that_answers_nonsense_is_told_from_a_chain(nonsense: object) -> None:
    """Whatever a node answers, it is an error of its own kind, which a worker reports or outlives."""

    async def babble(socket: WebSocket) -> None:
        async for message in socket:
            await socket.send(answer(orjson.loads(message), nonsense))

    async with serving(babble) as port:
        with pytest.RaisesGroup(WrongChain):
            async with chain_of(f"ws://127.0.0.1:{port}"):
                pass
        async with trio.open_nursery() as nursery:
            client = Client(partial(connect_websocket, f"ws://127.0.0.1:{port}"), "babbler")
            await nursery.start(client.run)
            chain = Chain(client, bytes(32))
            questions: list[Callable[[], Awaitable[object]]] = [
                chain.best,
                chain.finalized,
                chain.versions,
                partial(chain.hash_of, 1),
                partial(chain.read, ACCOUNT, ALICE.account_id),
                partial(chain.get_all, [b"key"]),
                partial(chain.sign, ALICE, b""),
                partial(chain.require_success, Inclusion(Head(1, bytes(32)), b"")),
            ]
            for question in questions:
                with pytest.raises(ChainError):
                    await question()
            nursery.cancel_scope.cancel()
