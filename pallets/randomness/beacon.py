"""The mix of three authorities or more: every turn's layer goes into it, be its author pleased with it or not.

## Overview

Slot by slot the authorities have turns. Each turn has one layer, fixed when its owner committed to the onion, and the
mix takes the layers in the order of their slots. An author that skips its turn is fined, and takes nothing out: its
next reveal hashes to the missing layer too, and only then the mix goes on. Until then the chain is *behind*: whoever
knows the missing layer knows what will be drawn, so nothing that a draw depends on may change, and while a draw waits
blocks have no transactions. The draw comes late, and is the one that it would have been.

An author that misses a second turn within `PATIENCE` of its own is *left out*: its missing layers are passed over and
its onion is void. What it commits to at its return begins `Randomness.Session` slots later, and so does any new onion:
nobody can choose one by what it would make of a draw that waits. An onion's successor is committed to a session before
the onion ends.

A whole rotation without a block is nobody's fault: the chain stood still, and its slots were no turns.

What is queued in a block is drawn for with the mix after the first two turns behind it of distinct authorities other
than the block's author, of those not left out. Where there are fewer, they must do, and the draw is `predictable`.

## What a coalition can still do

With one author, nothing but delay a draw by a rotation, for a fine, or be left out. Being left out is its one choice:
between the draws that wait at that moment as they would be with its layer and without, and both are known to it by
then. Each authority has it once a session, for its fines and a session without part in draws. k of a coalition choose
among at most 2^k outcomes, as often. So of a coalition's draws, those of one moment a session are the best of 2^k; all
others are as chance has it, unless the coalition has both of the turns that decide a draw. Both are a coalition's
where two of it follow one another and a job is included just before them: it then foresees the draw when it fills the
first of the two blocks, and can bend it by what it puts there. An author can also refuse to build on a block; where
a coalition outruns that block's successors before it is final, the block's layer isn't lost, but its owner skipped,
and twice makes it be left out. None of this counts on fines being paid.

## Out of scope

What is drawn (`pallets.jobs.queue`). Work that falls due by time and changes who may be drawn belongs behind the draws,
into a listener of `Randomness`.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from pallets.frame import U32, U64, BlockNumber, Bytes32, DispatchError, struct
from pallets.frame.executive import InvalidBlock
from pallets.primitives.hash_onion import Commitment, NextCommitment
from pallets.primitives.hashing import blake2_256

if TYPE_CHECKING:
    from pallets.randomness.pallet import Randomness

SHARED_FROM = 3
"""Authorities from which on none of them can steer."""
REVEALS = 2
"""Distinct authorities, other than its block's author, whose turns a draw waits for."""
DRAW_DELAY = 2
"""Blocks from a job's inclusion to its first draw, at least."""
PATIENCE = 8
"""Turns within which an author that misses two is left out."""


@struct(path="pallet_randomness::Turn")
class Turn:
    """A turn that the mix hasn't taken yet: its layer is missing, or one before it is."""

    slot: U64
    owner: U32
    """The authority's place among all."""
    layer: Bytes32 | None


@struct(path="pallet_randomness::Waiting")
class Waiting:
    """A block in which something was queued, and whose turns behind it the mix has taken."""

    block: BlockNumber
    slot: U64
    author: U32
    seen: list[U32]


@struct(path="pallet_randomness::Settled")
class Settled:
    """With what something is drawn, and whether few authorities could foresee it."""

    mix: Bytes32
    predictable: bool


@struct(path="pallet_randomness::Successor")
class Successor:
    """An onion committed to, and the slot from which on its layers are revealed."""

    layer: Bytes32
    layers: U32
    onion: U32
    starts: U64


@struct(path="pallet_randomness::NextReveal")
class NextReveal:
    """What an author brings into its block."""

    onion: U32
    layers_left: U32
    """Of that onion, unrevealed before this one; 0 where there is nothing to reveal but a commitment to be made."""
    following: U32 | None
    """The onion that is committed to along with it."""


def begin_slot(randomness: Randomness, slot: int) -> None:
    """Notes whose turns passed between the last block and this one."""
    before, count = randomness.last_slot, len(randomness.authorship.authorities)
    randomness.last_slot = slot
    if slot - before <= count:
        for missed in range(before + 1, slot):
            _miss(randomness, missed)
    has_layer(randomness, slot)
    _advance(randomness)


def has_layer(randomness: Randomness, slot: int) -> bool:
    """Whether the owner of a slot has a layer for it; its next onion begins where it may."""
    owner, authority = _owner(randomness, slot)
    state = randomness.commitment.get(authority)
    if state is None:
        return False
    missing = _missing(randomness, owner)
    if state.layers_left > missing:
        return True
    if missing:
        _leave_out(randomness, owner, authority)  # with no layer left it will never reveal the missing one
        return False
    following = randomness.successor.get(authority)
    if following is None or following.starts > slot:
        return False
    del randomness.successor[authority]
    randomness.commitment[authority] = Commitment(following.layer, following.layers, following.onion)
    return True


def take_reveal(randomness: Randomness, slot: int, reveal: bytes, following: NextCommitment | None) -> None:
    """The reveal of a slot's owner, with the layers that it missed; raises `InvalidBlock`."""
    owner, authority = _owner(randomness, slot)
    before = randomness.commitment[authority]
    if not has_layer(randomness, slot):
        if following is None or reveal != bytes(32) or authority in randomness.successor:
            raise InvalidBlock(
                "the author has no layer to reveal: 32 zero bytes, and a commitment if there is none yet"
            )
        _commit(randomness, slot, authority, before.onion + 1, following)
        return
    layers = [reveal]
    for _ in range(_missing(randomness, owner)):
        layers.append(blake2_256(layers[-1]))
    if blake2_256(layers[-1]) != before.layer:
        skipped = f", {len(layers)} turns ago" if len(layers) > 1 else ""
        raise InvalidBlock(f"the reveal doesn't hash to the layer before it, 0x{before.layer.hex()}{skipped}")
    left = before.layers_left - len(layers)
    randomness.commitment[authority] = Commitment(reveal, left, before.onion)
    if following is not None:
        if not _must_commit(randomness, authority, left):
            raise InvalidBlock(f"a new onion is committed to while {left} layers of the old one are left")
        _commit(randomness, slot, authority, before.onion + 1, following)
    elif _must_commit(randomness, authority, left):
        raise InvalidBlock("the onion ends within a session, and no commitment to the next one comes with this layer")
    turns = randomness.turns
    for turn in turns:
        if turn.owner == owner and turn.layer is None:
            turn.layer = layers.pop()  # the one furthest from the core belongs to the oldest
    randomness.turns = [*turns, Turn(slot, owner, layers.pop())]
    _advance(randomness)


def next_reveal(randomness: Randomness, authority: bytes, slot: int) -> NextReveal | None:
    """What an authority brings into its block of a slot, the next one; begins the slot, in a state to be discarded."""
    begin_slot(randomness, slot)
    owner, at_turn = _owner(randomness, slot)
    state = randomness.commitment.get(authority)
    if state is None or at_turn != authority:
        return None
    if not has_layer(randomness, slot):
        return None if authority in randomness.successor else NextReveal(state.onion, 0, state.onion + 1)
    state = randomness.commitment[authority]
    left = state.layers_left - _missing(randomness, owner)
    commits = _must_commit(randomness, authority, left - 1)
    return NextReveal(state.onion, left, state.onion + 1 if commits else None)


def wait_for_turns(randomness: Randomness, slot: int) -> None:
    """Something was queued in this block: its draw waits for the turns behind it."""
    owner, _ = _owner(randomness, slot)
    randomness.waiting = [*randomness.waiting, Waiting(randomness.system.number, slot, owner, [])]


def _owner(randomness: Randomness, slot: int) -> tuple[int, bytes]:
    authorities = randomness.authorship.authorities
    place = slot % len(authorities)
    return place, authorities[place]


def _missing(randomness: Randomness, owner: int) -> int:
    return sum(turn.owner == owner and turn.layer is None for turn in randomness.turns)


def _miss(randomness: Randomness, slot: int) -> None:
    owner, authority = _owner(randomness, slot)
    if not has_layer(randomness, slot):
        return
    _fine(randomness, owner, authority)
    before = randomness.missed.get(authority)
    randomness.missed[authority] = slot
    patience = PATIENCE * len(randomness.authorship.authorities)
    if before is not None and slot - before <= patience and _standing(randomness) != [owner]:
        _leave_out(randomness, owner, authority)
    elif not _missing(randomness, owner):  # of the last one that isn't left out a second turn in a row is none
        randomness.turns = [*randomness.turns, Turn(slot, owner, None)]


def _leave_out(randomness: Randomness, owner: int, authority: bytes) -> None:
    state = randomness.commitment[authority]
    state.layers_left = 0
    randomness.commitment[authority] = state
    del randomness.successor[authority]
    randomness.turns = [turn for turn in randomness.turns if turn.owner != owner or turn.layer is not None]
    randomness.deposit(randomness.LeftOut(authority))


def _commit(randomness: Randomness, slot: int, authority: bytes, onion: int, following: NextCommitment) -> None:
    layer, layers = following
    if not layers:
        raise InvalidBlock("the next onion has no layers")
    randomness.successor[authority] = Successor(layer, layers, onion, slot + randomness.session)


def _must_commit(randomness: Randomness, authority: bytes, left: int) -> bool:
    """Whether an onion with so many layers left ends within a session, and none is to follow it yet."""
    turns = -(-randomness.session // len(randomness.authorship.authorities))
    return left <= turns and authority not in randomness.successor


def _fine(randomness: Randomness, owner: int, authority: bytes) -> None:
    """Takes what the authority's account has of the fine and of those before, and leaves it alive."""
    validators, currency = randomness.validators.validators, randomness.currency
    who = validators[owner] if owner < len(validators) else authority
    owed = randomness.owed[who] + randomness.fine
    taken = min(owed, currency.reducible(who, keep_alive=True))
    try:
        with randomness.runtime.transactional():
            currency.transfer(who, randomness.treasury, taken, keep_alive=True)
    except DispatchError:
        taken = 0
    randomness.owed[who] = owed - taken
    randomness.deposit(randomness.Fined(authority, who, taken, owed - taken))


def _standing(randomness: Randomness) -> list[int]:
    """The places of those that have a part in draws."""
    found = []
    for place, authority in enumerate(randomness.authorship.authorities):
        state = randomness.commitment.get(authority)
        if state is not None and state.layers_left:
            found.append(place)
    return found


def _advance(randomness: Randomness) -> None:
    """The mix takes the layers that are there, up to the first that is missing, and draws settle on the way."""
    turns = randomness.turns
    there = list(takewhile(lambda turn: turn.layer is not None, turns))
    if not there:
        return
    waiting, standing, number = randomness.waiting, _standing(randomness), randomness.system.number
    for turn in there:
        randomness.mix = blake2_256(randomness.mix + (turn.layer or b""))
        for block in list(waiting):
            if turn.slot > block.slot and turn.owner != block.author and turn.owner not in block.seen:
                block.seen.append(turn.owner)
            others = len(standing) - (block.author in standing)
            if len(block.seen) >= min(REVEALS, others) and number >= block.block + DRAW_DELAY:
                randomness.settled_mix[block.block] = Settled(randomness.mix, others < REVEALS)
                waiting.remove(block)
    randomness.turns, randomness.waiting = turns[len(there) :], waiting
