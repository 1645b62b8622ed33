from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pallets.balances.pallet import Balances
from pallets.frame.events import BadOrigin
from pallets.frame.executive import Executive, InvalidBlock
from pallets.frame.genesis import InvalidGenesis, build_genesis
from pallets.frame.origin import NONE, ROOT, signed
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime
from pallets.primitives.hash_onion import (
    DEV_LAYERS,
    DEV_SECRET,
    IDENTIFIER,
    MAX_LAYERS,
    REVEAL,
    STRIDE,
    Commitment,
    HashOnion,
    HashOnions,
)
from pallets.primitives.hashing import blake2_256, storage_prefix
from pallets.primitives.runtime_code import RuntimeVersion
from pallets.randomness.pallet import Randomness
from pallets.runtime import DevRuntime
from pallets.session import Session
from tests.pallets.dev_chain import SPEC, DevChain
from tests.pallets.turn_chain import DEPOSIT, FINE, SESSION, TREASURY, plain_system

ALICE, BOB = b"\xa1" * 32, b"\xb0" * 32


class Turn:
    """Whose block it is."""

    author = ALICE
    authorities: ClassVar[list[bytes]] = [ALICE, BOB]
    current_slot = 0

    def current_author(self) -> bytes:
        return self.author


class Clock:
    """Whether the block's time is set."""

    did_update = True


class Drawer:
    """Remembers the mixes it is told, and whether the pallet had stored them by then."""

    def __init__(self, randomness: list[Randomness]) -> None:
        self.randomness, self.told = randomness, list[tuple[bytes, bool]]()

    def on_randomness(self, mix: bytes) -> None:
        self.told.append((mix, self.randomness[0].mix == mix))


class DrawRuntime(Runtime):
    """Nothing but randomness, and what only more authorities need."""

    version = RuntimeVersion("draws", "draws", 1, 1, 1, [], 1, 1)

    def compose(self) -> None:
        self.turn, self.clock, known = Turn(), Clock(), list[Randomness]()
        self.first, self.second = Drawer(known), Drawer(known)
        self.system = plain_system(self.version)
        self.balances = Balances(index=5, system=self.system, existential_deposit=DEPOSIT)
        self.session = Session(index=9, system=self.system)
        self.randomness = Randomness(
            index=14,
            system=self.system,
            authorship=self.turn,
            timestamp=self.clock,
            currency=self.balances,
            validators=self.session,
            treasury=TREASURY,
            fine=FINE,
            session=SESSION,
            listeners=(self.first, self.second),
        )
        known.append(self.randomness)


def drawing(onions: HashOnions, who: bytes = ALICE) -> DrawRuntime:
    runtime = DrawRuntime(Overlay(DictBackend()))
    runtime.randomness.genesis([(who, *onions.commitment(0))])
    return runtime


def reveal(runtime: DrawRuntime, onions: HashOnions) -> bytes:
    """One block's reveal by the author whose turn it is; answers the layer."""
    state = runtime.randomness.commitment[runtime.turn.author]
    layer, following = REVEAL.decode_all(onions.reveal(state.onion, state.layers_left))
    runtime.randomness.reveal(None, layer, following)
    runtime.randomness.on_finalize(1)
    return bytes(layer)


# The onion


def test_layers_are_hashes_of_the_layers_below() -> None:
    core = blake2_256(b"core")
    assert HashOnion(core).layer(0) == core
    assert HashOnion(core).layer(3) == blake2_256(blake2_256(blake2_256(core)))


@given(st.lists(st.integers(0, 3 * STRIDE + 2), min_size=1, max_size=8))
@settings(max_examples=30)
def test_layers_are_the_same_in_any_order(depths: list[int]) -> None:
    chain = [blake2_256(b"core")]
    while len(chain) <= max(depths):
        chain.append(blake2_256(chain[-1]))
    onion = HashOnion(chain[0])
    assert [onion.layer(depth) for depth in depths] == [chain[depth] for depth in depths]


@pytest.mark.parametrize("depth", [-1, MAX_LAYERS + 1])
def test_there_is_no_layer_outside_the_onion(depth: int) -> None:
    with pytest.raises(ValueError, match="there is no layer"):
        HashOnion(bytes(32)).layer(depth)


def test_asking_for_less_forgets_nothing() -> None:
    onion = HashOnion(bytes(32))
    onion.prepare(STRIDE)
    assert onion.prepare(1)
    assert onion.layer(2 * STRIDE) == HashOnion(bytes(32)).layer(2 * STRIDE)


@pytest.mark.parametrize("layers", [0, -1, MAX_LAYERS + 1])
def test_onions_have_a_bounded_number_of_layers(layers: int) -> None:
    with pytest.raises(ValueError, match="an onion has 1 to"):
        HashOnions(bytes(32), layers)


@given(st.integers(1, 500), st.integers(1, 200))
def test_an_onion_grows_in_slices(depth: int, steps: int) -> None:
    onion, slices = HashOnion(bytes(32)), 1
    while not onion.prepare(depth, steps):
        slices += 1
    assert slices == -(-depth // steps)
    assert onion.prepare(0)
    assert onion.layer(depth) == HashOnion(bytes(32)).layer(depth)


def test_onions_of_one_secret_differ() -> None:
    onions, others = HashOnions(b"\1" * 32, 5), HashOnions(b"\2" * 32, 5)
    assert len({onions.commitment(n)[0] for n in range(4)} | {others.commitment(n)[0] for n in range(4)}) == 8
    assert onions.commitment(0) == HashOnions(b"\1" * 32, 5).commitment(0)


def test_a_reveal_does_not_depend_on_the_length_of_new_onions() -> None:
    long = HashOnions(b"\1" * 32, 3_000)
    assert HashOnions(b"\1" * 32, 10).reveal(2, 2_500) == long.reveal(2, 2_500)


# The pallet


def test_a_reveal_is_mixed_in() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    first, second = reveal(runtime, onions), reveal(runtime, onions)
    assert blake2_256(first) == onions.commitment(0)[0]
    assert blake2_256(second) == first
    assert runtime.randomness.mix == blake2_256(blake2_256(bytes(32) + first) + second)
    assert runtime.randomness.commitment[ALICE] == Commitment(second, 8, 0)


def test_listeners_are_told_after_the_mix_is_stored() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    reveal(runtime, onions)
    assert runtime.first.told == runtime.second.told == [(runtime.randomness.mix, True)]


@given(st.integers(1, 6), st.integers(1, 25))
def test_onion_follows_onion(layers: int, blocks: int) -> None:
    onions = HashOnions(b"\1" * 32, layers)
    runtime = drawing(onions)
    revealed = [reveal(runtime, onions) for _ in range(blocks)]
    assert len({*revealed}) == blocks
    state = runtime.randomness.commitment[ALICE]
    assert (state.onion, state.layers_left) == (blocks // layers, layers - blocks % layers)


@given(st.binary(min_size=32, max_size=32))
def test_a_foreign_layer_is_refused(layer: bytes) -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    before = dict(runtime.state.changes)
    with pytest.raises(InvalidBlock, match="doesn't hash to the layer before it"):
        runtime.randomness.reveal(None, layer, None)
    assert runtime.state.changes == before


def test_no_layer_is_left_out_or_revealed_twice() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    used = reveal(runtime, onions)
    later = REVEAL.decode_all(onions.reveal(0, 8))[0]
    for layer in (used, later):
        with pytest.raises(InvalidBlock, match="doesn't hash"):
            runtime.randomness.reveal(None, layer, None)


def test_an_author_reveals_once_a_block() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    for layers_left in (10, 9):
        layer, _ = REVEAL.decode_all(onions.reveal(0, layers_left))
        if layers_left == 10:
            runtime.randomness.reveal(None, layer, None)
        else:
            with pytest.raises(InvalidBlock, match="twice in one block"):
                runtime.randomness.reveal(None, layer, None)


def test_an_author_reveals_when_the_time_is_set() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    runtime.clock.did_update = False
    with pytest.raises(InvalidBlock, match="before the block's time is set"):
        reveal(runtime, onions)
    assert runtime.first.told == []


def test_an_author_cannot_change_onions_early() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    layer, _ = REVEAL.decode_all(onions.reveal(0, 10))
    with pytest.raises(InvalidBlock, match="9 layers of the old one are left"):
        runtime.randomness.reveal(None, layer, (b"\7" * 32, 5))


@pytest.mark.parametrize(("following", "reason"), [(None, "without a commitment"), ((b"\7" * 32, 0), "has no layers")])
def test_the_innermost_layer_comes_with_the_next_onion(following: tuple[bytes, int] | None, reason: str) -> None:
    onions = HashOnions(b"\1" * 32, 1)
    runtime = drawing(onions)
    layer, _ = REVEAL.decode_all(onions.reveal(0, 1))
    with pytest.raises(InvalidBlock, match=reason):
        runtime.randomness.reveal(None, layer, following)


def test_a_block_without_a_reveal_is_refused_at_its_end() -> None:
    runtime = drawing(HashOnions(b"\1" * 32, 10))
    with pytest.raises(InvalidBlock, match=f"0x{ALICE.hex()} didn't reveal"):
        runtime.randomness.on_finalize(1)


def test_an_author_without_a_commitment_neither_reveals_nor_has_to() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    runtime.turn.author = BOB
    runtime.randomness.on_finalize(1)
    layer, _ = REVEAL.decode_all(onions.reveal(0, 10))
    with pytest.raises(InvalidBlock, match="nothing to reveal"):
        runtime.randomness.reveal(None, layer, None)


def test_each_authority_has_its_own_onion() -> None:
    alices, bobs = HashOnions(b"\1" * 32, 3), HashOnions(b"\2" * 32, 4)
    runtime = DrawRuntime(Overlay(DictBackend()))
    runtime.randomness.genesis([(ALICE, *alices.commitment(0)), (BOB, *bobs.commitment(0))])
    for turn in range(8):
        runtime.turn.author = (ALICE, BOB)[turn % 2]
        reveal(runtime, (alices, bobs)[turn % 2])
    assert runtime.randomness.commitment[ALICE].onion == 1
    assert runtime.randomness.commitment[ALICE].layers_left == 2
    assert runtime.randomness.commitment[BOB] == Commitment(*bobs.commitment(1), 1)


def test_only_the_chain_itself_reveals() -> None:
    onions = HashOnions(b"\1" * 32, 10)
    runtime = drawing(onions)
    call = runtime.randomness.create_inherent({IDENTIFIER: onions.reveal(0, 10)})
    assert call is not None
    for origin in (ROOT, signed(ALICE)):
        with pytest.raises(BadOrigin):
            runtime.dispatch(call, origin)
    runtime.dispatch(call, NONE)


def test_the_inherent_is_made_of_the_authors_data() -> None:
    runtime = drawing(HashOnions(b"\1" * 32, 10))
    make = runtime.randomness.create_inherent
    assert make({}) is None
    with pytest.raises(InvalidBlock, match="not a reveal"):
        make({IDENTIFIER: b"\1" * 31})
    call = make({IDENTIFIER: b"\7" * 32 + b"\1" + b"\x08" * 32 + b"\5\0\0\0"})
    assert call is not None
    assert runtime.encode_call(call).hex() == "0e00" + "07" * 32 + "01" + "08" * 32 + "05000000"


def test_genesis_refuses_an_onion_without_layers() -> None:
    with pytest.raises(InvalidGenesis, match="has no layers"):
        build_genesis(DevRuntime, {"randomness": {"commitments": [(ALICE, bytes(32), 0)]}})


def test_the_dev_chains_onion_is_the_public_one() -> None:
    ((_, layer, layers),) = SPEC["genesis"]["runtimeGenesis"]["patch"]["randomness"]["commitments"]
    found, count = HashOnions(DEV_SECRET, DEV_LAYERS).commitment(0)
    assert (bytes.fromhex(layer[2:]), layers) == (found, count)


def test_the_dev_chain_draws_in_every_block() -> None:
    chain, mixes = DevChain(), []
    for _ in range(4):
        chain.author()
        mixes.append(chain.runtime().randomness.mix)
    assert len({*mixes}) == 4
    assert storage_prefix("Randomness", "DidReveal") not in chain.state


def test_the_dev_chain_goes_on_with_a_new_onion() -> None:
    onions = HashOnions(b"\1" * 32, 2)
    authority = DevChain().runtime().aura.authorities[0]
    chain = DevChain(onions, randomness={"commitments": [(authority, *onions.commitment(0))]})
    for _ in range(5):
        chain.author()
    assert chain.runtime().randomness.commitment[authority].onion == 2


def test_a_block_of_the_dev_chain_without_a_reveal_is_refused() -> None:
    chain = DevChain()
    made = chain.make()
    without = [extrinsic for extrinsic in made.extrinsics if extrinsic[2:4] != b"\x0e\x00"]
    assert len(without) == len(made.extrinsics) - 1
    with pytest.raises(InvalidBlock, match="didn't reveal"):
        chain.execute(made.header, without)


def test_a_block_of_the_dev_chain_that_reveals_before_its_time_is_refused() -> None:
    chain = DevChain()
    made = chain.make()
    assert [extrinsic[2:4] for extrinsic in made.extrinsics] == [b"\x02\x00", b"\x0e\x00"]
    assert chain.execute(made.header, made.extrinsics)
    with pytest.raises(InvalidBlock, match=r"put Timestamp\.set first"):
        chain.execute(made.header, made.extrinsics[::-1])


def test_foreign_nodes_leave_the_reveal_to_execution() -> None:
    chain = DevChain()
    made = chain.make()
    Executive(chain.runtime()).check_inherents(
        made.extrinsics, {b"timstap0": chain.inherent_data(chain.slot + 1)[b"timstap0"]}
    )
