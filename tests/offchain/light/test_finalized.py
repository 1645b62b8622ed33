"""Final state of a real node, of nodes that lie about it, and of a chain whose authorities change."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from node.config import NodeConfig
from node.service import RunningNode
from node.state.proof import prove
from node.state.trie import Trie
from offchain.chain import Chain, Head, StorageItem
from offchain.keys import ExposedKeyFile, MalformedKeyFile
from offchain.light.authorities import AUTHORITIES, CHANGE
from offchain.light.errors import NotFinal, NotProven, OtherChain, StateGone, WentBack, WrongGenesis
from offchain.light.finalized import BLOCK_HASH, REFRESH_SECONDS, Finalized
from offchain.light.seal import FINALITY_FILE, FinalitySeal
from offchain.light.untrusted import PROOF
from offchain.rpc import CallFailed
from pallets.primitives.codec import codec_of
from pallets.primitives.header import GRANDPA_ENGINE, Consensus, DigestItem, Header
from pallets.primitives.justification import Commit, Justification, SignedPrecommit, precommit_payload
from pallets.primitives.keys import Keypair, Scheme
from pallets.primitives.types import BlockNumber
from tests.offchain.hearing import PATIENCE
from tests.offchain.real_node import SPEC, real_node

WORKER = bytes(range(32))
NUMBER: StorageItem[int] = StorageItem("System", "Number", BlockNumber)
ABSENT: StorageItem[int] = StorageItem("System", "NoSuchItem", BlockNumber)
DIGEST_ITEM = codec_of(DigestItem)
KEYS = {name: Keypair.from_suri(f"//{name}", Scheme.ED25519) for name in ("Alice", "Bob", "Charlie", "Dave", "Eve")}


class Liar:
    """A node's client that changes some answers, and counts the questions."""

    def __init__(self, client: Any, lies: dict[str, Callable[[Any], Any]]) -> None:
        self._client, self.lies, self.asked = client, lies, dict[str, int]()

    async def call(self, method: str, *params: Any) -> Any:
        self.asked[method] = self.asked.get(method, 0) + 1
        answer = await self._client.call(method, *params)
        return self.lies.get(method, lambda same: same)(answer)


def final_of(chain: Chain, path: Path | None = None, genesis: bytes | None = None, **lies: Any) -> Finalized:
    """The final state as told through lies."""
    trusted = Chain(Liar(chain.client, lies), genesis or chain.genesis)  # type: ignore[arg-type]
    return Finalized(trusted, FinalitySeal(path, WORKER, trusted.genesis))


@pytest.fixture
async def node() -> AsyncIterator[RunningNode]:
    """Seals and finalises by hand."""
    async with real_node(NodeConfig(SPEC, rpc_port=0, sealing="manual")) as running:
        yield running


async def make_final(node: RunningNode, blocks: int) -> Head:
    """Seals so many blocks, and finalises them."""
    for _ in range(blocks):
        await node.producer.create_block(create_empty=True)
    best = node.chain.best
    node.finalizer.finalize(best.hash, best.number)
    return Head(best.number, best.hash)


# A node that says the truth


async def test_values_of_the_last_final_block(node: RunningNode, chain: Chain) -> None:
    final = final_of(chain)
    assert await final.newest() == Head(0, chain.genesis) and await final.read(NUMBER) is None
    third = await make_final(node, 3)
    await node.producer.create_block(create_empty=True)  # not final
    assert await final.refresh() == third
    assert await final.read(NUMBER) == 3 and await final.read(ABSENT) is None
    second = Head(2, node.chain.hash_of(2) or b"")
    assert await final.read_at(second, NUMBER) == 2 and await final.read_at(third, NUMBER) == 3
    assert (await final.ancestor(Head(0, chain.genesis))).number == 0
    for unknown in (Head(2, third.hash), Head(2, bytes(32)), Head(4, node.chain.best.hash), Head(3, second.hash)):
        with pytest.raises(NotFinal):
            await final.ancestor(unknown)


async def test_a_block_that_is_known_costs_nothing(node: RunningNode, chain: Chain) -> None:
    final = final_of(chain)
    await make_final(node, 3)
    await final.refresh()
    asked = final.node._client.asked  # type: ignore[attr-defined]
    before = dict(asked)
    for _ in range(100):
        await final.newest()
    assert {name: count - before.get(name, 0) for name, count in asked.items() if count != before.get(name)} == {}
    assert before["grandpa_proveFinality"] == 1  # three blocks, one justification


async def test_what_becomes_final_is_heard_of(node: RunningNode, chain: Chain, nursery: trio.Nursery) -> None:
    final = Finalized(chain, FinalitySeal(None, WORKER, chain.genesis))
    nursery.start_soon(final.run)
    await final.newest()
    for number in (2, 4):
        head = await make_final(node, 2)
        assert head.number == number
        with trio.fail_after(PATIENCE):
            while await final.newest() != head:  # noqa: ASYNC110  # as its users ask
                await trio.sleep(REFRESH_SECONDS)


# A node that goes back, and one that is another


async def test_a_node_that_shows_less_is_refused(node: RunningNode, chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / FINALITY_FILE
    contradictions: list[int] = []
    final = Finalized(chain, FinalitySeal(path, WORKER, chain.genesis), lambda: contradictions.append(1))
    await make_final(node, 3)
    await final.refresh()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fourth = await make_final(node, 1)
    restarted = Finalized(chain, FinalitySeal(path, WORKER, chain.genesis))
    assert await restarted.refresh() == fourth
    node.chain.revert(1)
    assert contradictions == []
    for _ in range(2):  # and goes on being so
        with pytest.raises(WentBack):
            await final.refresh()
        with pytest.raises(WentBack):
            await final.newest()
    assert contradictions
    with pytest.raises(WentBack):
        await Finalized(chain, FinalitySeal(path, WORKER, chain.genesis)).newest()
    await make_final(node, 6)  # beyond, on another branch
    for refused in (final, restarted):
        with pytest.raises(WentBack, match="is not of the node's chain any more"):
            await refused.refresh()
    another = Finalized(chain, FinalitySeal(path, bytes(32), chain.genesis))  # a fresh key begins anew
    assert (await another.refresh()).number == 7


async def test_the_seal_is_this_keys_on_this_chain(node: RunningNode, chain: Chain, tmp_path: Path) -> None:
    path = tmp_path / FINALITY_FILE
    await make_final(node, 1)
    await Finalized(chain, FinalitySeal(path, WORKER, chain.genesis)).refresh()
    with pytest.raises(OtherChain):
        FinalitySeal(path, WORKER, bytes(32))
    path.chmod(0o644)
    with pytest.raises(ExposedKeyFile):
        FinalitySeal(path, WORKER, chain.genesis)
    path.write_bytes(b"{}")
    path.chmod(0o600)
    with pytest.raises(MalformedKeyFile):
        FinalitySeal(path, WORKER, chain.genesis)


async def test_another_genesis_is_refused(chain: Chain) -> None:
    with pytest.raises(WrongGenesis):
        await final_of(chain, genesis=bytes(32)).refresh()


# A node that lies


def garbled(text: str) -> str:
    """The same hex with another last digit."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


async def test_no_changed_answer_is_believed(node: RunningNode, chain: Chain) -> None:
    await make_final(node, 3)
    truth = final_of(chain)
    await truth.refresh()

    async def refused(error: type[Exception], match: str, **lies: Any) -> None:
        with pytest.raises(error, match=match):
            final = final_of(chain, **lies)
            await final.refresh()
            await final.read(NUMBER)

    header = "chain_getHeader"
    await refused(NotProven, "has another hash", **{header: lambda h: {**h, "stateRoot": garbled(h["stateRoot"])}})
    await refused(NotProven, "expected shape", **{header: lambda h: {**h, "digest": None}})
    await refused(NotProven, "where hex was expected", chain_getFinalizedHead=lambda _: "0x12")
    await refused(NotProven, "can't be read", grandpa_proveFinality=lambda proof: proof + "00")
    await refused(NotProven, "doesn't hold", state_getReadProof=lambda found: {"proof": found["proof"][1:]})
    garbled_entries = {"state_getReadProof": lambda found: {"proof": [*map(garbled, found["proof"])]}}
    await refused(NotProven, "doesn't hold", **garbled_entries)
    await refused(NotProven, "expected shape", state_getReadProof=lambda found: found["proof"])

    def resigned(text: str, **changes: Any) -> str:
        target, data, headers = PROOF.decode_all(bytes.fromhex(text[2:]))
        made = Justification.decode(data)
        (vote,) = made.commit.precommits
        key = changes.get("key", KEYS["Alice"])
        payload = precommit_payload(vote.target_hash, vote.target_number, made.round, changes.get("set_id", 0))
        signed = replace(vote, id=key.public, signature=key.sign(payload))
        made = replace(made, commit=replace(made.commit, precommits=[signed]))
        return "0x" + PROOF.encode((target, made.encode(), headers)).hex()

    assert (await final_of(chain, grandpa_proveFinality=resigned).refresh()).number == 3
    await refused(NotFinal, "not an authority", grandpa_proveFinality=lambda text: resigned(text, key=KEYS["Eve"]))
    await refused(NotFinal, "does not verify", grandpa_proveFinality=lambda text: resigned(text, set_id=1))


async def test_state_that_is_pruned_is_named(node: RunningNode, chain: Chain) -> None:
    def gone(_: Any) -> Any:
        raise CallFailed("state_getReadProof", 4003, "UnknownBlock: State already discarded for 0x00")

    with pytest.raises(StateGone, match="no state of block 0 any more"):
        await final_of(chain, state_getReadProof=gone).newest()


# A chain whose authorities change


class ShortChain:
    """A chain in memory behind a client: its states name few earlier blocks, its authorities change."""

    KEPT = 2

    def __init__(self, *names: str) -> None:
        self.sets: list[list[str]] = [list(names)]
        self.states = [Trie({AUTHORITIES.key(): self.encoded(names)}, 1)]
        self.headers = [Header(bytes(32), 0, self.states[0].root, bytes(32))]
        self.justified: dict[int, bytes] = {}
        self.ends: list[int] = []
        """The last block of each set but the newest."""

    @staticmethod
    def encoded(names: Any) -> bytes:
        return AUTHORITIES.codec.encode([(KEYS[name].public, 1) for name in names])

    def block(self, *change: str, delay: int = 0, kind: int = 1) -> Header:
        number = len(self.headers)
        parent = self.headers[-1]
        kept = self.headers[-self.KEPT :]
        pairs = {BLOCK_HASH.key(each.number): each.hash for each in kept} | {NUMBER.key(): number.to_bytes(4, "little")}
        self.states.append(Trie(pairs, 1))
        log = bytes((kind,)) + CHANGE.encode(([(KEYS[name].public, 1) for name in change], delay))
        digest: list[DigestItem] = [Consensus(GRANDPA_ENGINE, log)] if change else []
        self.headers.append(Header(parent.hash, number, self.states[-1].root, bytes(32), digest))
        if change:
            self.finalize(number)
            self.ends.append(number)
            self.sets.append(list(change))
        return self.headers[-1]

    def finalize(self, number: int, voters: list[str] | None = None, set_id: int | None = None) -> None:
        header, of = self.headers[number], len(self.sets) - 1 if set_id is None else set_id
        payload = precommit_payload(header.hash, number, 9, of)
        votes = [
            SignedPrecommit(header.hash, number, KEYS[name].sign(payload), KEYS[name].public)
            for name in voters or self.sets[-1]
        ]
        self.justified[number] = Justification(9, Commit(header.hash, number, votes), []).encode()

    async def call(self, method: str, *params: Any) -> Any:
        last = max(self.justified, default=0)
        if method == "chain_getFinalizedHead":
            return "0x" + self.headers[last].hash.hex()
        if method == "grandpa_proveFinality":
            target = next((end for end in self.ends if params[0] <= end), last)
            found = (self.headers[target].hash, self.justified[target], self.headers[params[0] + 1 : target + 1])
            return "0x" + PROOF.encode(found).hex()
        block = bytes.fromhex(params[-1][2:])
        number = next(each.number for each in self.headers if each.hash == block)
        header = self.headers[number]
        if method == "state_getReadProof":
            proof = prove(self.states[number], [bytes.fromhex(key[2:]) for key in params[0]])
            return {"at": params[1], "proof": ["0x" + entry.hex() for entry in proof]}
        assert method == "chain_getHeader"
        return {
            "parentHash": "0x" + header.parent_hash.hex(),
            "number": hex(header.number),
            "stateRoot": "0x" + header.state_root.hex(),
            "extrinsicsRoot": "0x" + header.extrinsics_root.hex(),
            "digest": {"logs": ["0x" + DIGEST_ITEM.encode(item).hex() for item in header.digest]},
        }

    def final(self, path: Path | None = None) -> Finalized:
        genesis = self.headers[0].hash
        return Finalized(Chain(self, genesis), FinalitySeal(path, WORKER, genesis))  # type: ignore[arg-type]


async def test_sets_are_followed_from_one_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offchain.light.finalized.KEPT_HASHES", ShortChain.KEPT)
    chain = ShortChain("Alice", "Bob", "Charlie", "Dave")
    chain.block()
    chain.block("Bob", "Charlie", "Dave", "Eve")
    chain.block()
    chain.block("Eve")
    for _ in range(3):
        chain.block()
    chain.finalize(7)
    path = tmp_path / FINALITY_FILE
    assert (await chain.final(path).refresh()).number == 7
    chain.block("Alice")
    chain.block()
    chain.finalize(9)
    final = chain.final(path)  # from the seal on
    assert (await final.refresh()).number == 9 and await final.read(NUMBER) == 9
    old = chain.headers[1]  # no hash of it is in the state any more
    assert await final.ancestor(Head(1, old.hash)) == old
    with pytest.raises(NotFinal, match="not of the final chain"):
        await final.ancestor(Head(1, chain.headers[2].hash))


async def test_a_set_s_votes_count_up_to_its_end() -> None:
    chain = ShortChain("Alice", "Bob", "Charlie", "Dave")
    chain.block("Eve")
    final = chain.final()
    assert (await final.refresh()).number == 1
    chain.block()
    chain.finalize(2, ["Alice", "Bob", "Charlie", "Dave"], set_id=0)
    with pytest.raises(NotFinal, match="is not an authority of set 1"):
        await final.refresh()
    chain.finalize(2)
    assert (await final.refresh()).number == 2


async def test_two_thirds_are_not_enough() -> None:
    chain = ShortChain("Alice", "Bob", "Charlie")
    chain.block()
    chain.finalize(1, ["Alice", "Bob"])
    with pytest.raises(NotFinal, match="2 of 3 authorities voted, 3 are needed"):
        await chain.final().refresh()


@pytest.mark.parametrize(("delay", "kind", "reason"), [(5, 1, "5 blocks later"), (0, 2, "forces a change")])
async def test_changes_that_can_t_be_followed_are_named(delay: int, kind: int, reason: str) -> None:
    chain = ShortChain("Alice")
    chain.block("Bob", delay=delay, kind=kind)
    with pytest.raises(NotFinal, match=reason):
        await chain.final().refresh()
