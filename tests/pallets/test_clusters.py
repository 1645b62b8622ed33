"""The cluster's committee: seats drawn, the first key, handing over, rotation, and what nobody can do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pallets.attestation.pallet import Attestation
from pallets.clusters import seats as cluster_seats
from pallets.clusters.pallet import Clusters
from pallets.frame.events import Error
from pallets.frame.validity import BadProof, Custom, ExhaustsResources
from pallets.primitives.cluster import MAX_GENERATIONS, MAX_MEMBERS, ClusterWord, SeatEnd, SeatState
from pallets.primitives.worker_record import WorkerState
from tests.pallets.cluster_chain import COOL_DOWN, LOOK, PATIENCE, WINDOW, ClusterChain, Member
from tests.pallets.job_chain import SLOT_DURATION
from tests.pallets.turn_chain import takes_transactions


@pytest.fixture
def chain() -> ClusterChain:
    return ClusterChain()


def refused(chain: ClusterChain, call: Any, code: type[Error] | None) -> None:
    """A block refuses a bare transaction, by name unless the signature is wrong."""
    with pytest.raises(BadProof if code is None else Custom) as block:
        chain.send(call)
    if code is not None:
        offset = 128 if code in Attestation.errors else 0
        assert block.value.code == code.index + offset, block.value  # type: ignore[attr-defined]


def sound(chain: ClusterChain) -> None:
    """What holds of the committee at any time."""
    clusters = chain.rt.clusters
    seats = {worker: clusters.seat[worker] for worker in clusters.seats}
    assert dict(clusters.seat.items()) == seats
    assert len(seats) <= MAX_MEMBERS and len({seat.operator for seat in seats.values()}) == len(seats)
    timed = sorted((seat.due, worker) for worker, seat in seats.items() if seat.state is not SeatState.Holder)
    assert timed == list(clusters.windows)
    keyed = clusters.generation in clusters.key
    for worker, seat in seats.items():
        holder = seat.state is SeatState.Holder
        assert not holder or (keyed and seat.held == clusters.generation and seat.boxed)
        assert keyed or seat.state is SeatState.Invited
        assert (worker in clusters.box) == (seat.state is SeatState.Offered)
        assert (worker in clusters.quote) == (seat.state in (SeatState.Waiting, SeatState.Offered))
        assert all(seats[to].state is SeatState.Waiting for to in seat.hands)
    assert not keyed or any(seat.state is SeatState.Holder for seat in seats.values())
    listed = [clusters.volunteers[at] for at in range(len(clusters.volunteers))]
    assert dict(clusters.place.items()) == {worker: at for at, worker in enumerate(listed)}
    assert not set(listed) & set(seats)


# Seats


def test_seats_are_drawn_two_blocks_after_somebody_volunteers(chain: ClusterChain) -> None:
    member = chain.member(0)
    chain.send(member.volunteer())
    assert chain.rt.clusters.next_due() == chain.rt.timestamp.now
    refused(chain, member.volunteer(), Clusters.AlreadyVolunteered)
    chain.next_block()
    assert not chain.rt.clusters.seats
    chain.next_block()
    assert chain.events(Clusters.Seated) == [Clusters.Seated(member.key, 1)]
    assert chain.rt.clusters.next_due() == chain.rt.timestamp.now + WINDOW
    refused(chain, member.volunteer(), Clusters.AlreadySeated)
    sound(chain)


def test_a_committee_has_seven_of_as_many_operators(chain: ClusterChain) -> None:
    members = [chain.member(number, operator=number % 9) for number in range(12)]
    for member in members:
        chain.send(member.volunteer())
    chain.blocks(20)
    assert len(chain.rt.clusters.seats) == MAX_MEMBERS
    assert len(chain.rt.clusters.volunteers) == 5 and chain.rt.clusters.draw_from == 0
    operators = {chain.rt.clusters.seat[member].operator for member in chain.rt.clusters.seats}
    assert len(operators) == MAX_MEMBERS
    sound(chain)


def test_a_draw_that_takes_nobody_is_not_repeated_block_by_block(chain: ClusterChain) -> None:
    (holder,) = chain.committee(1)
    sibling = chain.member(1, operator=0)
    chain.send(sibling.volunteer())
    chain.blocks(5)
    assert sibling.seat is None and chain.rt.clusters.draw_from > chain.rt.system.number + 500
    assert chain.rt.clusters.next_due() is None
    chain.call(holder.info.operator, "Workers", "exit", worker=holder.key)
    chain.advance(LOOK)
    chain.blocks(3)
    assert sibling.seat is not None
    sound(chain)


def test_volunteers_that_are_gone_keep_nobody_from_being_drawn(
    chain: ClusterChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_seats, "MAX_TRIES", 1)
    members = [chain.member(number) for number in range(10)]
    for member in members:
        chain.send(member.volunteer())
    for member in members[1:]:
        chain.call(member.info.operator, "Workers", "exit", worker=member.key)
    chain.blocks(2 * len(members))
    assert chain.rt.clusters.seats == [members[0].key]
    sound(chain)


def test_everybody_is_drawn_equally_often() -> None:
    drawn: Counter[int] = Counter()
    chain = ClusterChain()
    members = [chain.member(number) for number in range(4)]
    for turn in range(60):
        for member in members:
            chain.send(member.volunteer())
        chain.next_block()
        chain.next_block(100 * (1 + turn % 3))
        first, *others = chain.rt.clusters.seats
        assert len(others) == 3
        drawn[members.index(chain.members[first])] += 1
        for seat in list(chain.rt.clusters.seats):
            del chain.rt.clusters.windows[chain.rt.clusters.seat[seat].due, seat], chain.rt.clusters.seat[seat]
        chain.rt.clusters.seats = []
        for member in members:
            del chain.rt.clusters.place[member.key]
        chain.rt.clusters.volunteers.clear()
        chain.rt.clusters.draw_from = 0
    assert set(drawn) == {0, 1, 2, 3} and max(drawn.values()) < 30


def volunteers(authorities: int, count: int = 9) -> ClusterChain:
    """So many members have volunteered in the open block, which is by the first authority."""
    chain = ClusterChain(authorities)
    members = [chain.member(number) for number in range(count)]
    chain.blocks(2 * authorities)
    while chain.rt.aura.current_slot % authorities:
        chain.next_block()
    for member in members:
        chain.send(member.volunteer())
    return chain


def seated_in_turn(authorities: int, skipped: int) -> tuple[list[bytes], int]:
    """Who is drawn where the authority of this place skips one turn, and after how many slots."""
    chain = volunteers(authorities)
    begun = chain.rt.aura.current_slot
    while not chain.rt.clusters.seats and chain.rt.aura.current_slot < begun + 3 * authorities:
        skips = skipped and chain.rt.aura.current_slot + 1 == begun + skipped
        chain.next_block(SLOT_DURATION * (2 if skips else 1))
    return chain.rt.clusters.seats, chain.rt.aura.current_slot - begun


@pytest.mark.parametrize("authorities", [3, 5])
def test_seats_wait_for_the_turns_of_two_others_and_skipping_changes_nobody(authorities: int) -> None:
    seats, slots = seated_in_turn(authorities, 0)
    assert len(seats) == MAX_MEMBERS and slots == 2
    assert seated_in_turn(authorities, 1) == (seats, authorities + 1)  # it is heard of a rotation later
    assert seated_in_turn(authorities, 2) == (seats, authorities + 2)


def test_nobody_volunteers_between_what_is_known_and_the_draw() -> None:
    chain = volunteers(5, count=2)
    late = chain.member(9)
    assert takes_transactions(chain.rt.system)
    chain.next_block()
    assert takes_transactions(chain.rt.system)  # nobody knows both layers
    chain.next_block(2 * SLOT_DURATION)
    for _ in range(4):
        with pytest.raises(ExhaustsResources):
            chain.send(late.volunteer())
        assert not chain.rt.clusters.seats
        chain.next_block()
    assert len(chain.rt.clusters.seats) == 2
    chain.send(late.volunteer())
    chain.blocks(2)
    assert late.seat is not None
    assert chain.rt.clusters.first_waiting() is None and not list(chain.rt.randomness.settled_mix)


def test_a_draw_that_is_put_off_closes_no_block() -> None:
    chain = ClusterChain(3)
    members = [chain.member(number, operator=0) for number in range(2)]
    for member in members:
        chain.send(member.volunteer())
    chain.blocks(2 * 3)
    clusters, system = chain.rt.clusters, chain.rt.system
    assert len(clusters.seats) == 1 and clusters.draw_from > system.number + 500
    assert clusters.first_waiting() is None
    for member in members:
        chain.call(member.info.operator, "Workers", "exit", worker=member.key)
    for _ in range(6):  # the third author is left out
        chain.next_block(SLOT_DURATION * (2 if (chain.rt.aura.current_slot + 1) % 3 == 2 else 1))
    for _ in range(3):
        assert takes_transactions(system)
        chain.next_block()


def test_only_who_serves_with_high_confidence_volunteers(chain: ClusterChain) -> None:
    member, stranger = chain.member(0), Member(chain, "a stranger", bytes(32))
    refused(chain, stranger.volunteer(), Clusters.NotServing)
    refused(chain, member.volunteer(number=7), Clusters.UnknownBlock)
    call = member.volunteer()
    refused(chain, chain.rt.call("Clusters", "volunteer", **({**named(call)} | {"signature": bytes(64)})), None)
    for confidence, error in ((3, Clusters.ConfidenceTooLow), (2, None)):
        record = chain.rt.attestation.attested[member.key]
        record.confidence = confidence
        chain.rt.attestation.attested[member.key] = record
        if error is not None:
            refused(chain, member.volunteer(), error)
    chain.sudo("Attestation", "revoke", worker=member.key)
    refused(chain, member.volunteer(), Attestation.KeyRevoked)


def named(call: Any) -> dict[str, Any]:
    return dict(zip(("worker", "number", "hash", "signature"), call.arguments, strict=True))


def test_the_list_of_volunteers_is_bounded_and_swept(chain: ClusterChain) -> None:
    chain.seated(7)
    for number in range(7, 23):
        chain.send(chain.member(number, operator=0).volunteer())
    last = chain.member(23, operator=0)
    refused(chain, last.volunteer(), Clusters.TooManyVolunteers)
    for member in list(chain.members.values())[7:23]:
        chain.call(member.info.operator, "Workers", "exit", worker=member.key)
    chain.send(last.volunteer())  # in the place of some that have left
    for number in range(24, 36):
        chain.send(chain.member(number, operator=0).volunteer())
        sound(chain)
    clusters = chain.rt.clusters
    fit = [clusters.volunteers[at] for at in range(len(clusters.volunteers))]
    assert sum(chain.members[worker].record.state is WorkerState.Idle for worker in fit) == 13 and len(fit) <= 16


# The first key


def test_the_first_key_of_two_wins(chain: ClusterChain) -> None:
    first, second = chain.seated(2)
    refused(chain, first.request(), Clusters.NoKeyYet)
    late = second.propose(b"another")
    chain.send(first.propose())
    refused(chain, late, Clusters.KeyIsSet)
    key = chain.rt.clusters.key[1]
    assert key.proposer == first.key and not chain.rt.clusters.is_exposed(1) and chain.rt.clusters.is_exposed(2)
    assert chain.states() == {first.key: SeatState.Holder, second.key: SeatState.Invited}
    assert chain.events(Clusters.KeySet) == [Clusters.KeySet(1, key.seal_key, key.signing_key, first.key)]
    second.join()
    assert set(chain.states().values()) == {SeatState.Holder}
    sound(chain)


def test_a_key_is_proposed_by_who_has_it_and_a_seat(chain: ClusterChain) -> None:
    first, _ = chain.seated(2)
    stranger = chain.member(2)
    refused(chain, stranger.propose(), Clusters.NotSeated)
    refused(chain, first.propose(signature=bytes(64)), None)
    refused(chain, first.propose(key_signature=bytes(64)), None)
    refused(chain, first.propose(seal_key=bytes(32)), None)
    refused(chain, first.propose(generation=2), None)
    chain.sudo("Attestation", "revoke", worker=first.key)
    refused(chain, first.propose(), Attestation.KeyRevoked)


# Handing over


def test_seven_members_come_by_the_secret_and_the_pool_sees_it_too(chain: ClusterChain) -> None:
    first, *others = chain.seated(7)
    chain.validate(first.propose())
    chain.send(first.propose())
    for member in others:
        chain.validate(member.request())
        chain.send(member.request())
        giver = chain.asked(member)
        chain.validate(giver.hand(member))
        chain.send(giver.hand(member))
        assert member.seat is not None and member.seat.giver == giver.key and not giver.seat.hands  # type: ignore[union-attr]
        refused(chain, giver.hand(member), Clusters.WrongState)
        refused(chain, member.confirm(b"a guess"), None)
        chain.validate(member.confirm())
        chain.send(member.confirm())
        assert chain.events(Clusters.Confirmed) == [Clusters.Confirmed(member.key, 1)]
        refused(chain, member.confirm(), Clusters.WrongState)
        sound(chain)
    assert len(chain.states()) == MAX_MEMBERS and set(chain.states().values()) == {SeatState.Holder}
    assert not list(chain.rt.clusters.windows) and chain.rt.clusters.next_due() is None


def test_another_holder_is_asked_when_the_first_does_not_answer(chain: ClusterChain) -> None:
    *holders, member = *chain.committee(3), chain.member(7)
    chain.send(member.volunteer())
    chain.blocks(2)
    chain.send(member.request())
    asked = []
    for _ in holders:
        asked.append(chain.asked(member).key)
        chain.advance(WINDOW)
    assert sorted(asked) == sorted(holder.key for holder in holders)
    assert member.seat is not None and member.seat.round == 1
    first = chain.members[asked[0]]
    chain.send(first.hand(member))  # late, and welcome
    chain.send(member.confirm())
    sound(chain)


def test_whom_no_holder_serves_loses_its_seat_and_no_key_is_exposed(chain: ClusterChain) -> None:
    """As a forged quote is treated: holders hand nothing to it (`tests/offchain/test_cluster.py`)."""
    *_, member = *chain.committee(2), chain.member(7)
    chain.send(member.volunteer())
    chain.blocks(2)
    chain.send(member.request(b"a forged quote"))
    chain.advance(6 * WINDOW)
    assert member.seat is None and chain.generation == 1 and not chain.rt.clusters.is_exposed(1)
    refused(chain, member.volunteer(), Clusters.SeatLostLately)
    chain.advance(COOL_DOWN)
    chain.send(member.volunteer())
    sound(chain)


def test_a_bad_box_is_told_of_and_its_holder_not_asked_again(chain: ClusterChain) -> None:
    *holders, member = *chain.committee(2), chain.member(7)
    chain.send(member.volunteer())
    chain.blocks(2)
    chain.send(member.request())
    bad = chain.asked(member)
    chain.send(bad.hand(member, b"rubbish"))
    refused(chain, member.says(ClusterWord.BadBox), None)  # of another box
    refused(chain, member.says(ClusterWord.Lost), Clusters.WrongState)
    chain.send(member.says(ClusterWord.BadBox, b"rubbish"))
    assert chain.events(Clusters.BoxRefused) == [Clusters.BoxRefused(bad.key, member.key)]
    good = chain.asked(member)
    assert good is not bad and good in holders
    refused(chain, bad.hand(member, b"rubbish"), Clusters.BoxWasRefused)
    sound(chain)
    chain.send(good.hand(member))
    chain.send(member.confirm())
    assert set(chain.states().values()) == {SeatState.Holder} and chain.generation == 1
    sound(chain)


def test_who_was_handed_a_box_and_does_not_confirm_exposes_the_key(chain: ClusterChain) -> None:
    holder, member = chain.committee(1)[0], chain.member(7)
    chain.send(member.volunteer())
    chain.blocks(2)
    chain.send(member.request())
    chain.send(holder.hand(member))
    chain.advance(COOL_DOWN)
    assert member.seat is None
    assert chain.generation == 2 and chain.rt.clusters.is_exposed(1)
    sound(chain)


def test_members_that_are_late_one_after_another_bring_one_rotation(chain: ClusterChain) -> None:
    """Holders keep sixteen generations: who could bring one in every window would soon have worn these out."""
    (holder,) = chain.committee(1)
    since = chain.rt.timestamp.now
    for number in range(1, 8):
        member = chain.member(number)
        chain.send(member.volunteer())
        chain.blocks(2)
        chain.send(member.request())
        chain.send(holder.hand(member))
        chain.advance(WINDOW)
        assert member.seat is None and chain.generation == 1
        sound(chain)
    chain.advance(since + COOL_DOWN - chain.rt.timestamp.now - 100)
    assert chain.generation == 1
    chain.next_block()
    assert chain.events(Clusters.KeyExposed) == [Clusters.KeyExposed(1)] and chain.generation == 2
    chain.send(holder.propose(b"the second"))
    chain.advance(2 * COOL_DOWN)
    assert chain.generation == 2 and not list(chain.rt.clusters.former.items()) and not list(chain.rt.clusters.cooling)
    sound(chain)


def test_an_operator_that_lost_a_seat_gets_none_by_another_worker(chain: ClusterChain) -> None:
    first, second, third = (chain.member(number, operator=0) for number in range(3))
    for member in (first, second):
        chain.send(member.volunteer())
    chain.blocks(2)
    (seated,) = (member for member in (first, second) if member.seat is not None)
    waiting = second if seated is first else first
    chain.advance(WINDOW + 1_000)
    assert not chain.rt.clusters.seats and waiting.key in chain.rt.clusters.place
    for member in (seated, third):
        refused(chain, member.volunteer(), Clusters.SeatLostLately)
    chain.advance(COOL_DOWN)
    chain.blocks(2)
    assert waiting.seat is not None
    sound(chain)


def test_who_loses_the_secret_again_and_again_loses_its_seat(chain: ClusterChain) -> None:
    """Each time costs the chain four free transactions, one of them with a quote."""
    first, _ = chain.committee(2)
    for _ in range(2):
        chain.send(first.says(ClusterWord.Lost))
        first.join()
    chain.send(first.says(ClusterWord.Lost))
    assert chain.events(Clusters.SeatFreed) == [Clusters.SeatFreed(first.key, SeatEnd.Forgetful)]
    assert chain.generation == 1  # it goes when it is old enough
    sound(chain)
    chain.advance(COOL_DOWN)
    assert chain.generation == 2


def test_a_holder_that_has_lost_the_secret_is_handed_it_again(chain: ClusterChain) -> None:
    first, second = chain.committee(2)
    before = first.number
    lost = first.says(ClusterWord.Lost)
    chain.send(lost)
    assert first.seat is not None and first.seat.state is SeatState.Invited and first.number != before
    first.join()
    refused(chain, lost, None)  # said of another seat
    sound(chain)
    for holder in (first, second):
        chain.send(holder.says(ClusterWord.Lost))
        sound(chain)
    assert chain.generation == 2 and 2 not in chain.rt.clusters.key  # nobody has it: a new one, from nothing
    chain.send(second.propose(b"the second"))
    sound(chain)


# Rotation


def revoke(chain: ClusterChain, member: Member) -> None:
    chain.sudo("Attestation", "revoke", worker=member.key)


def leave(chain: ClusterChain, member: Member) -> None:
    chain.call(member.info.operator, "Workers", "exit", worker=member.key)


def expire(chain: ClusterChain, member: Member) -> None:
    record = chain.rt.attestation.attested[member.key]
    record.expires = chain.rt.timestamp.now
    chain.rt.attestation.attested[member.key] = record


@pytest.mark.parametrize(
    ("end", "reason"), [(revoke, SeatEnd.Untrusted), (leave, SeatEnd.Left), (expire, SeatEnd.Untrusted)]
)
def test_a_holder_that_is_trusted_no_more_brings_a_new_generation(
    chain: ClusterChain, end: Any, reason: SeatEnd
) -> None:
    gone, *left = chain.committee(4)
    end(chain, gone)
    chain.advance(LOOK)
    assert chain.events(Clusters.SeatFreed) == [Clusters.SeatFreed(gone.key, reason)]
    assert chain.events(Clusters.KeyExposed) == [Clusters.KeyExposed(1)]
    clusters = chain.rt.clusters
    assert clusters.generation == 2 and clusters.is_exposed(1) and clusters.is_exposed(2)
    assert chain.states() == dict.fromkeys([each.key for each in left], SeatState.Invited)
    sound(chain)
    newcomer = chain.member(8)
    chain.send(newcomer.volunteer())
    chain.blocks(2)
    refused(chain, newcomer.propose(b"mine"), Clusters.NotToPropose)  # those who know the old one propose
    refused(chain, left[1].propose(), Clusters.KeyUsedBefore)
    refused(chain, gone.propose(b"mine"), Clusters.NotSeated)
    chain.secret = b"the second"
    chain.send(left[1].propose(chain.secret))
    assert clusters.is_exposed(1) and not clusters.is_exposed(2)
    for member in (left[0], left[2], newcomer):
        member.join()
    assert set(chain.states().values()) == {SeatState.Holder} and {1, 2} == {key for key, _ in clusters.key.items()}
    sound(chain)


def test_a_silent_holder_keeps_its_seat_for_a_while(chain: ClusterChain) -> None:
    silent, awake = chain.committee(2)
    chain.asleep.add(silent.key)
    chain.advance(PATIENCE // 2)
    assert silent.record.state is WorkerState.Unresponsive
    assert silent.seat is not None and silent.seat.absent_since is not None
    chain.asleep.clear()
    chain.advance(4 * LOOK)
    assert silent.seat.absent_since is None
    chain.asleep.add(silent.key)
    asleep_at = chain.rt.timestamp.now
    while silent.seat is not None:
        chain.advance(1_000)
    assert chain.rt.timestamp.now - asleep_at >= PATIENCE
    assert awake.seat is not None and chain.generation == 2


def test_two_revoked_at_once_are_one_rotation(chain: ClusterChain) -> None:
    first, second, third = chain.committee(3)
    revoke(chain, first)
    revoke(chain, second)
    refused(chain, first.says(ClusterWord.Lost), Attestation.KeyRevoked)
    chain.advance(LOOK)
    assert chain.generation == 2 and chain.rt.clusters.seats == [third.key]
    sound(chain)


def test_where_all_holders_are_lost_the_next_key_comes_from_nothing(chain: ClusterChain) -> None:
    holders = chain.committee(2)
    newcomer = chain.member(8)
    for holder in holders:
        leave(chain, holder)
    chain.advance(LOOK)
    assert not chain.rt.clusters.seats and chain.generation == 2 and chain.rt.clusters.is_exposed(1)
    chain.send(newcomer.volunteer())
    chain.blocks(2)
    chain.send(newcomer.propose(b"from nothing"))
    assert not chain.rt.clusters.is_exposed(2)
    sound(chain)


def test_those_who_know_the_last_secret_and_say_nothing_make_room(chain: ClusterChain) -> None:
    gone, mute = chain.committee(2)
    newcomer = chain.member(8)
    leave(chain, gone)
    chain.advance(LOOK)
    chain.send(newcomer.volunteer())
    chain.advance(WINDOW + 200)
    assert mute.seat is None and newcomer.seat is not None and chain.generation == 2
    chain.send(newcomer.propose(b"from nothing"))
    sound(chain)


def test_only_the_newest_keys_are_kept(chain: ClusterChain) -> None:
    (holder,) = chain.committee(1)
    for generation in range(2, MAX_GENERATIONS + 4):
        chain.send(holder.says(ClusterWord.Lost))
        chain.send(holder.propose(b"secret %d" % generation))
        sound(chain)
        seat = chain.rt.clusters.seat[holder.key]
        seat.losses = 0  # else it would lose its seat
        chain.rt.clusters.seat[holder.key] = seat
    kept = sorted(key for key, _ in chain.rt.clusters.key.items())
    assert kept == list(range(chain.generation - MAX_GENERATIONS + 1, chain.generation + 1))
    assert all(chain.rt.clusters.is_exposed(generation) for generation in range(chain.generation))


# Time


def test_what_fell_due_in_a_gap_is_armed_again(chain: ClusterChain) -> None:
    holder, member = chain.seated(2)
    chain.send(holder.propose())
    expire(chain, holder)
    chain.next_block(3_600_000)
    assert member.seat is not None and member.seat.due == chain.rt.timestamp.now + WINDOW
    assert holder.seat is not None  # it has a window to attest again
    chain.next_block()
    chain.call(holder.info.operator, "Workers", "reattest", info=holder.info, quote=holder.quote())
    chain.advance(LOOK)
    assert set(chain.states()) == {holder.key, member.key}
    sound(chain)


def test_who_does_not_ask_in_time_makes_room(chain: ClusterChain) -> None:
    holder, member = chain.seated(2)
    chain.send(holder.propose())
    chain.advance(WINDOW)
    assert chain.rt.clusters.seats == [holder.key] and member.seat is None
    assert chain.generation == 1  # it never knew the secret
    sound(chain)
