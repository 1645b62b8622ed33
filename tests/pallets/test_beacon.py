from __future__ import annotations

from collections.abc import Sequence

import pytest

from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import ExhaustsResources
from pallets.jobs.queue import SEED
from pallets.primitives.evidence import SlashReason
from pallets.primitives.hash_onion import REVEAL, Commitment, HashOnion
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job_record import JobState
from pallets.randomness.beacon import PATIENCE, NextReveal
from pallets.workers.pallet import Workers
from tests.pallets.job_chain import ALICE, BOB, SLOT_DURATION, STAKE, UNIT, JobChain, TestWorker
from tests.pallets.turn_chain import DEPOSIT, FINE, SESSION, TREASURY, TurnChain, takes_transactions

# Turns and layers


def mixed(mix: bytes, layers: Sequence[bytes]) -> bytes:
    for layer in layers:
        mix = blake2_256(mix + layer)
    return mix


def layers_of(chain: TurnChain, place: int) -> list[bytes]:
    """An authority's layers in the order of its turns."""
    core = blake2_256(b"fathom/hash-onion" + blake2_256(chain.keys[place]) + bytes(4))
    onion = HashOnion(core)
    return [onion.layer(depth) for depth in range(999, 900, -1)]


@pytest.mark.parametrize("authorities", [3, 5])
def test_each_turn_has_its_layer_whoever_skips(authorities: int) -> None:
    chain = TurnChain(authorities)
    expected = [layers_of(chain, place)[turn] for turn in range(3) for place in range(authorities)]
    chain.blocks(2 * authorities - 1)
    assert chain.randomness.mix == mixed(bytes(32), expected[: 2 * authorities])
    skipping = TurnChain(authorities)
    skipping.next_block()
    skipping.next_block(slots=2)  # the third misses its first turn
    assert skipping.randomness.mix == mixed(bytes(32), expected[:2])
    skipping.blocks(authorities - 2)
    assert skipping.randomness.mix == mixed(bytes(32), expected[:2])
    assert [turn.layer is None for turn in skipping.randomness.turns] == [True] + [False] * (authorities - 1)
    skipping.next_block()
    assert skipping.randomness.mix == mixed(bytes(32), expected[: authorities + 3])
    assert skipping.randomness.turns == []
    assert skipping.randomness.commitment[skipping.keys[2]].layers_left == 998


def test_several_skip_in_one_rotation() -> None:
    chain, honest = TurnChain(5), TurnChain(5)
    for slots in (2, 2, 1, 1, 1, 1, 1, 1):
        chain.next_block(slots=slots)
    honest.blocks(chain.slot - honest.slot)
    assert chain.randomness.turns == [] and chain.randomness.mix == honest.randomness.mix


def test_a_layer_of_another_turn_is_refused() -> None:
    chain = TurnChain(3)
    first, second, third = layers_of(chain, 1)[:3]
    for wrong in (second, third):
        other = TurnChain(3)
        with pytest.raises(InvalidBlock, match="doesn't hash to the layer before it"):
            other.next_block(reveal=REVEAL.encode((wrong, None)))
    chain.next_block(slots=2)
    chain.blocks(1)
    with pytest.raises(InvalidBlock, match="2 turns ago"):  # the layer it skipped is not the one of this turn
        chain.next_block(reveal=REVEAL.encode((first, None)))


def test_whoever_has_a_layer_reveals_it() -> None:
    chain = TurnChain(3)
    chain.next_block(reveal=b"")
    with pytest.raises(InvalidBlock, match="didn't reveal"):
        chain.close()


def test_a_rotation_without_a_block_is_nobodys_fault() -> None:
    chain = TurnChain(3)
    chain.blocks(2)
    chain.next_block(slots=4)
    assert chain.randomness.turns == [] and not chain.rt.balances.free(TREASURY)
    assert chain.randomness.commitment[chain.author].layers_left == 998
    chain.next_block(slots=3)  # two missed, and one was there
    assert len(chain.randomness.turns) == 3
    assert chain.rt.balances.free(TREASURY) == 2 * FINE


# Fines, and who is left out


def test_a_skipped_slot_is_fined() -> None:
    chain = TurnChain(3)
    chain.next_block(slots=2)
    key = chain.keys[1]
    assert chain.randomness.Fined(key, key, FINE, 0) in chain.rt.events
    assert (chain.rt.balances.free(key), chain.rt.balances.free(TREASURY)) == (100_000 - FINE, FINE)
    chain.blocks(1)
    chain.next_block()
    assert chain.rt.balances.free(TREASURY) == FINE


def test_the_validators_account_is_fined() -> None:
    chain = TurnChain(3)
    owners = [b"\x51" * 32, b"\x52" * 32, b"\x53" * 32]
    chain.rt.session.validators = owners
    chain.rt.balances.mint_into(owners[1], 5 * FINE)
    chain.next_block(slots=2)
    assert chain.rt.balances.free(owners[1]) == 4 * FINE


def test_whoever_has_nothing_owes_its_fines() -> None:
    chain = TurnChain(3, money=0)
    key = chain.keys[1]
    chain.next_block(slots=2)
    assert chain.randomness.Fined(key, key, 0, FINE) in chain.rt.events
    chain.rt.balances.mint_into(key, FINE + FINE // 2)
    chain.blocks(1)
    chain.next_block(slots=2)
    left = FINE // 2 + DEPOSIT  # its account lives on
    assert chain.randomness.Fined(key, key, FINE + FINE // 2 - DEPOSIT, left) in chain.rt.events
    assert chain.randomness.owed[key] == left and chain.rt.balances.free(key) == DEPOSIT


@pytest.mark.parametrize("authorities", [3, 5])
def test_whoever_skips_twice_is_left_out_until_a_session_after_its_return(authorities: int) -> None:
    chain = TurnChain(authorities)
    key = chain.keys[1]
    events = chain.blocks(authorities - 1, dark={1})
    assert chain.randomness.LeftOut(key) not in events and chain.randomness.turns
    events = chain.blocks(2, dark={1})
    assert events.count(chain.randomness.LeftOut(key)) == 1
    assert chain.randomness.turns == [] and chain.randomness.commitment[key].layers_left == 0
    fined = chain.rt.balances.free(TREASURY)
    events = chain.blocks(4 * authorities, dark={1})
    assert chain.rt.balances.free(TREASURY) == fined and not chain.randomness.turns
    while chain.author != key:
        mix = chain.randomness.mix
        chain.next_block()
    assert chain.randomness.mix == mix  # it had nothing to reveal
    following, back = chain.randomness.successor[key], chain.slot
    assert (following.onion, following.starts) == (1, back + SESSION)
    while chain.randomness.commitment[key].layers_left == 0:
        chain.next_block()
    assert chain.author == key and back + SESSION <= chain.slot < back + SESSION + authorities
    assert chain.randomness.commitment[key] == Commitment(
        HashOnion(blake2_256(b"fathom/hash-onion" + blake2_256(key) + b"\1\0\0\0")).layer(999), 999, 1
    )


def test_a_skip_now_and_then_is_forgiven() -> None:
    chain = TurnChain(3)
    events = []
    for _ in range(3):
        while chain.slot % 3:
            chain.next_block()
        chain.next_block(slots=2)
        events += chain.blocks(3 * PATIENCE)
    assert not [event for event in events if isinstance(event, chain.randomness.LeftOut)]
    assert chain.rt.balances.free(TREASURY) == 3 * FINE


def test_the_last_one_goes_on_alone() -> None:
    chain = TurnChain(3)
    chain.blocks(20, dark={0, 1})
    mix = chain.randomness.mix
    assert not chain.randomness.turns
    chain.blocks(1, dark={0, 1})
    assert chain.randomness.mix != mix


# Onion after onion


@pytest.mark.parametrize(("authorities", "layers"), [(3, 7), (5, 9), (3, 2)])
def test_a_new_onion_starts_a_session_after_it_was_committed_to(authorities: int, layers: int) -> None:
    chain = TurnChain(authorities, layers=layers)
    committed = dict[tuple[bytes, int], int]()
    used = dict[tuple[bytes, int], int]()
    for _ in range(16 * authorities):
        following = chain.randomness.successor.get(chain.author)
        if following is not None:
            committed.setdefault((chain.author, following.onion), chain.slot)
        state = chain.randomness.commitment[chain.author]
        used.setdefault((chain.author, state.onion), chain.slot)
        chain.next_block()
    later = {onion: slot for onion, slot in used.items() if onion[1]}
    assert len(later) >= authorities
    assert all(slot >= committed[onion] + SESSION for onion, slot in later.items())
    assert not chain.rt.balances.free(TREASURY)


def test_an_onion_is_not_followed_early_or_late_or_twice() -> None:
    chain = TurnChain(3, layers=100)
    layer = HashOnion(blake2_256(b"fathom/hash-onion" + blake2_256(chain.keys[1]) + bytes(4))).layer(99)
    with pytest.raises(InvalidBlock, match="99 layers of the old one are left"):
        chain.next_block(reveal=REVEAL.encode((layer, (bytes(32), 5))))
    short = TurnChain(3, layers=4)
    core = HashOnion(blake2_256(b"fathom/hash-onion" + blake2_256(short.keys[1]) + bytes(4)))
    with pytest.raises(InvalidBlock, match="ends within a session"):
        short.next_block(reveal=REVEAL.encode((core.layer(3), None)))
    short = TurnChain(3, layers=4)
    short.blocks(3)
    with pytest.raises(InvalidBlock, match="while 2 layers"):
        short.next_block(reveal=REVEAL.encode((core.layer(2), (bytes(32), 5))))


def test_the_chain_says_what_it_wants_to_be_told() -> None:
    chain = TurnChain(3)
    state, key = chain.rt.state, chain.keys[1]

    def asked(slot: int, authority: bytes = key) -> NextReveal | None:
        state.begin()
        found = chain.randomness.next_reveal(authority, slot)
        state.rollback()
        return found

    assert asked(chain.slot + 1) == NextReveal(0, 1_000, None)
    assert asked(chain.slot + 4) == NextReveal(0, 1_000, None)  # nobody's fault
    chain.next_block(slots=2)
    assert asked(chain.slot + 2) == NextReveal(0, 999, None)
    assert asked(chain.slot + 1) is None and asked(chain.slot + 2, b"\x99" * 32) is None


# What is drawn


def job_chain(authorities: int, workers: int = 16) -> tuple[JobChain, list[TestWorker]]:
    chain = JobChain(authorities)
    chain.agent()
    team = []
    for i in range(workers):
        operator = bytes((i + 1,)) * 32
        chain.call((ALICE, BOB)[i % 2], "Balances", "transfer_allow_death", dest=operator, value=500 * UNIT)
        team.append(chain.worker(f"{i}", operator).register(4 * STAKE))
    chain.blocks(2 * authorities)
    return chain, team


def place(chain: JobChain) -> int:
    return chain.rt.aura.current_slot % len(chain.rt.aura.authorities)


def skipping(chain: JobChain, dark: Sequence[int]) -> None:
    """The next block, none by the authorities of these places."""
    authorities, slots = len(chain.rt.aura.authorities), 1
    while (place(chain) + slots) % authorities in dark:
        slots += 1
    chain.next_block(slots * SLOT_DURATION)


def drawn(authorities: int, dark: dict[int, int]) -> tuple[list[bytes], int, bool]:
    """Who is drawn for a job included at place 0, the others skipping so many turns each; after how many blocks."""
    chain, _ = job_chain(authorities)
    while place(chain):
        chain.next_block()
    job, blocks, left = chain.submit(), 0, dict(dark)
    while chain.job(job).state is JobState.Queued:
        before = chain.rt.aura.current_slot
        skipping(chain, [at for at, turns in left.items() if turns])
        for missed in range(before + 1, chain.rt.aura.current_slot):
            left[missed % authorities] -= 1
        blocks += 1
    return chain.job(job).workers, blocks, chain.job(job).predictable


@pytest.mark.parametrize("authorities", [3, 5])
def test_nobody_changes_a_draw_by_skipping(authorities: int) -> None:
    workers, blocks, predictable = drawn(authorities, {})
    assert (blocks, predictable) == (2, False)
    for dark in ({1: 1}, {2: 1}, {0: 1}, {1: 1, 2: 1}):
        late = drawn(authorities, dark)
        assert late[0] == workers and not late[2]
    assert drawn(authorities, {2: 1})[1] == authorities + 1  # heard of a rotation later


@pytest.mark.parametrize("authorities", [3, 5])
def test_who_goes_dark_is_done_without(authorities: int) -> None:
    _, blocks, predictable = drawn(authorities, {2: 100})
    assert blocks <= 2 * authorities
    assert predictable == (authorities == 3)  # of three only one other is left


def test_a_draw_uses_the_mix_after_the_turns_of_two_others() -> None:
    chain, _ = job_chain(5)
    seeds, real = list[bytes](), Workers.draw

    def noting(self: Workers, seed: bytes, *args: object, **rules: object) -> object:
        seeds.append(seed)
        return real(self, seed, *args, **rules)  # type: ignore[arg-type]

    job = chain.submit()
    chain.blocks(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "draw", noting)
        chain.blocks(1)
    assert seeds == [blake2_256(SEED.encode((chain.rt.randomness.mix, job, 1, 0)))]


def test_no_transaction_comes_between_what_is_known_and_its_draw() -> None:
    chain, team = job_chain(5)
    chain.next_block(6_000)
    skipping(chain, [(place(chain) + 1) % 5])
    chain.next_block()
    assert chain.rt.randomness.turns
    assert takes_transactions(chain.rt.system)  # nothing waits to be drawn
    while chain.rt.randomness.turns:
        chain.next_block()
    job = chain.submit()
    chain.blocks(1)
    assert takes_transactions(chain.rt.system)  # nobody knows both layers
    skipping(chain, [(place(chain) + 1) % 5])
    while chain.job(job).state is JobState.Queued:
        with pytest.raises(ExhaustsResources):
            chain.send(team[0].heartbeat())
        chain.next_block()
    chain.send(team[0].heartbeat())


def test_a_block_of_one_left_out_has_no_transactions_while_a_draw_waits() -> None:
    chain, _ = job_chain(3)
    for _ in range(6):
        skipping(chain, [2])
    assert not chain.rt.randomness.commitment[chain.rt.aura.authorities[2]].layers_left
    while place(chain) != 1:
        chain.next_block()
    assert takes_transactions(chain.rt.system)
    chain.submit()
    chain.next_block()
    assert place(chain) == 2
    assert not takes_transactions(chain.rt.system)


def test_draws_carried_over_keep_their_mix_and_let_nothing_between_them() -> None:
    def who(split: bool) -> list[list[bytes]]:
        chain, _ = job_chain(3, workers=24)
        if not split:
            chain.rt.jobs.max_due = 100
        jobs = [chain.submit(max_fee=UNIT // 100) for _ in range(20)]
        chain.blocks(1)
        chain.next_block()
        assert (chain.job(jobs[-1]).state is JobState.Queued) == split
        while chain.job(jobs[-1]).state is JobState.Queued:
            assert not takes_transactions(chain.rt.system)
            chain.next_block()
        assert takes_transactions(chain.rt.system)
        assert not list(chain.rt.randomness.settled_mix)
        return [chain.job(job).workers for job in jobs]

    assert who(split=True) == who(split=False)


def test_what_falls_due_waits_for_the_draws() -> None:
    chain, _ = job_chain(3)
    workers, timestamp = chain.rt.workers, chain.rt.timestamp
    due = workers.next_due()
    assert due is not None
    chain.next_block(due - due % SLOT_DURATION - SLOT_DURATION - timestamp.now)
    job = chain.submit()
    chain.next_block()
    skipping(chain, [(place(chain) + 1) % 3])
    while chain.job(job).state is JobState.Queued:
        assert workers.next_due() == due < timestamp.now
        chain.next_block()
    assert workers.next_due() != due


def test_a_slash_waits_for_draws_that_are_carried_over() -> None:
    chain, team = job_chain(3, workers=24)
    timestamp, slashing = chain.rt.timestamp, chain.rt.slashing
    slashing.punish(team[0].key, SlashReason.NotRevealed, UNIT, subject=b"1", evidence=b"2", at=timestamp.now)
    due = slashing.next_due()
    assert due is not None
    while due - timestamp.now > 50_000:
        chain.next_block(50_000 // SLOT_DURATION // 3 * 3 * SLOT_DURATION)
    chain.next_block(due - 2 * SLOT_DURATION - timestamp.now)
    for _ in range(20):
        chain.submit(max_fee=UNIT // 100)
    while not chain.rt.jobs.draw_is_known:
        chain.next_block()
    while chain.rt.jobs.draw_is_known:
        assert slashing.next_due() == due <= timestamp.now
        chain.next_block()
    assert slashing.next_due() is None
