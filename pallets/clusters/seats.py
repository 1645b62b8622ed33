"""What happens to the committee's seats of the chain's own accord: drawn, looked at, timed, freed; and the rotation.

Three things free a seat: its worker isn't to be trusted or doesn't serve any more, which each look finds; it was late;
nobody served it. Where whoever sat there knew the secret in use, or may have read a box with it, a new generation
begins: everybody left is invited anew, and those who know the newest secret propose the next. That is so at once where
it isn't trusted or has left. Of one that only was late the enclave is still trusted: a key goes for that once it is
`CoolDown` old, lest machines that are switched off in turns wear out the generations that holders keep.

Draws come first in a block, with what `Randomness` settled on for the block that asked for them: nothing that falls due
in time comes between what is known and its draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.calendar import GAP, due, first_due
from pallets.frame import U32, Error
from pallets.primitives.cluster import MAX_MEMBERS, Seat, SeatEnd, SeatState
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.worker_record import LEAVING, SERVING
from pallets.randomness.beacon import DRAW_DELAY

if TYPE_CHECKING:
    from pallets.clusters.pallet import Clusters

MAX_TRIES = 64
DRAW_PAUSE = 600
"""Blocks from a draw that left seats free to the next that nothing new has brought about."""
ROUNDS = 2
"""How often each holder is asked to hand a member the secret, and how often a member may lose it."""
DISTRUST = frozenset({SeatEnd.Untrusted, SeatEnd.Left})
"""Why a key goes at once."""
SWEPT = 4
"""How many volunteers are looked at when one more comes."""
TURN = codec_of(U32)
SEED = b"fathom/cluster-seat"


def unfit(clusters: Clusters, worker: bytes) -> type[Error] | None:
    """Why a worker may not hold the cluster's secret now; `None` where it may."""
    record = clusters.workers.worker.get(worker)
    if record is None or record.state not in SERVING:
        return clusters.NotServing
    fault = clusters.attestation.fault(worker)
    if fault is not None:
        return fault
    trusted = clusters.attestation.attested[worker].confidence <= clusters.max_confidence
    return None if trusted else clusters.ConfidenceTooLow


def tend(clusters: Clusters) -> int:
    """Once a block, when its time and randomness are known; answers how many workers were looked at."""
    now, looked = clusters.timestamp.now, _draw(clusters)
    parent = clusters.attestation.recent_block(clusters.system.parent_hash)
    if parent is not None and now - parent.moment > GAP:
        _excuse(clusters, now)
    elif clusters.seats and now >= clusters.next_look:
        clusters.next_look = now + clusters.look_interval
        for worker in clusters.seats:
            _look(clusters, worker, now)
            looked += 1
    for when, worker in due(clusters.windows, now, MAX_MEMBERS):
        looked += 1
        if (when, worker) in clusters.windows:  # whoever was late before it may have changed everything
            _fall_due(clusters, worker)
    if clusters.rotate_at and now >= clusters.rotate_at:
        rotate(clusters)
    for until, operator in due(clusters.cooling, now, MAX_MEMBERS):
        looked += 1
        del clusters.cooling[until, operator], clusters.former[operator]
        _draw_soon(clusters)
    return looked


def next_due(clusters: Clusters) -> int | None:
    """When a window ends, in milliseconds; now where a seat may be drawn for."""
    if first_waiting(clusters) is not None:
        return clusters.timestamp.now
    return first_due(clusters.windows)


def first_waiting(clusters: Clusters) -> int | None:
    """The block from which on a draw waits for its randomness; `None` while none does."""
    asked = clusters.draw_from - DRAW_DELAY
    return asked if clusters.draw_from and asked <= clusters.system.number else None


# Volunteers


def stale(clusters: Clusters, worker: bytes) -> list[bytes]:
    """Volunteers that serve no more, of a few that are looked at when one more comes: they don't pile up."""
    count = len(clusters.volunteers)
    chance = blake2_256(SEED + worker + clusters.system.parent_hash)
    places = {int.from_bytes(chance[8 * turn : 8 * turn + 8], "little") % count for turn in range(SWEPT) if count}
    found = [clusters.volunteers[at] for at in sorted(places)]
    return [each for each in found if unfit(clusters, each) is not None]


def enlist(clusters: Clusters, worker: bytes) -> None:
    """Puts a worker at the end of the list that seats are drawn from."""
    for each in stale(clusters, worker):
        delist(clusters, each)
    clusters.place[worker] = at = len(clusters.volunteers)
    clusters.volunteers[at] = worker
    _draw_soon(clusters)


def delist(clusters: Clusters, worker: bytes) -> None:
    """Takes a worker out of the list; the last one moves into its place."""
    at, last = clusters.place[worker], len(clusters.volunteers) - 1
    moved = clusters.volunteers[last]
    clusters.volunteers[at] = moved
    clusters.place[moved] = at
    del clusters.volunteers[last]
    del clusters.place[worker]


def _draw_soon(clusters: Clusters) -> None:
    """Where a seat is free and somebody may take it."""
    soon = clusters.system.number + DRAW_DELAY
    if len(clusters.volunteers) and len(clusters.seats) < MAX_MEMBERS and not 0 < clusters.draw_from <= soon:
        clusters.draw_from = soon


def _draw(clusters: Clusters) -> int:
    """Seats volunteers where seats are free, all of one draw; answers how many were tried."""
    settled = clusters.beacon().settled(clusters.draw_from - DRAW_DELAY) if clusters.draw_from else None
    if settled is None:
        return 0
    clusters.draw_from, pause = 0, DRAW_PAUSE
    barred = {clusters.seat[member].operator for member in clusters.seats}
    for turn in range(MAX_TRIES):
        count = len(clusters.volunteers)
        if not count or len(clusters.seats) == MAX_MEMBERS:
            return turn
        chance = blake2_256(SEED + settled.mix + TURN.encode(turn))
        worker = clusters.volunteers[int.from_bytes(chance[:16], "little") % count]
        if unfit(clusters, worker) is not None:
            delist(clusters, worker)
            pause = DRAW_DELAY
            continue
        operator = clusters.workers.worker[worker].info.operator
        if operator not in barred and operator not in clusters.former:
            delist(clusters, worker)
            barred.add(operator)
            _sit(clusters, worker, operator)
    clusters.draw_from = clusters.system.number + pause
    return MAX_TRIES


# Seats


def _sit(clusters: Clusters, worker: bytes, operator: bytes) -> None:
    clusters.taken = number = clusters.taken + 1
    clusters.seats = [*clusters.seats, worker]
    clusters.deposit(clusters.Seated(worker, number))
    _arm(clusters, worker, Seat(number, operator, SeatState.Invited, 0))


def invite(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """The member is to propose a key, or to show a quote, for the generation that there is now."""
    seat.state, seat.boxed = SeatState.Invited, False
    _clear(clusters, worker, seat)
    _arm(clusters, worker, seat)


def ask_next(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """Asks one more holder to hand a member the secret. Whom no holder serves, however often asked, loses its seat."""
    for _ in range(ROUNDS):
        for holder in _from(seat.number, clusters.seats):
            found = clusters.seat[holder]
            if found.state is SeatState.Holder and holder not in seat.asked and holder not in seat.refused:
                found.hands = [*(each for each in found.hands if each != worker), worker]
                clusters.seat[holder] = found
                seat.asked.append(holder)
                _arm(clusters, worker, seat)
                return
        seat.asked, seat.round = [], seat.round + 1
        if seat.round >= ROUNDS:
            break
    free(clusters, worker, seat, SeatEnd.Unserved)


def offer(clusters: Clusters, worker: bytes, seat: Seat, holder: bytes, box: bytes) -> None:
    """A member has been handed a box."""
    clusters.box[worker] = box
    seat.state, seat.boxed, seat.giver = SeatState.Offered, True, holder
    _unasked(clusters, worker)
    _arm(clusters, worker, seat)


def settle(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """A member has the secret of this generation."""
    _unwatch(clusters, worker, seat)
    seat.state, seat.held, seat.boxed = SeatState.Holder, clusters.generation, True
    _clear(clusters, worker, seat)
    clusters.seat[worker] = seat


def complain(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """The box that a member was handed is bad: another holder is asked."""
    if seat.giver is not None and seat.giver not in seat.refused:
        seat.refused = [*seat.refused, seat.giver][-MAX_MEMBERS:]
    seat.state, seat.giver = SeatState.Waiting, None
    del clusters.box[worker]
    ask_next(clusters, worker, seat)


def forget(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """A holder has lost the secret: it is to ask for it, in a seat of another number; if nobody has it, none will."""
    seat.losses += 1
    if seat.losses > ROUNDS:
        free(clusters, worker, seat, SeatEnd.Forgetful)
        return
    clusters.taken = seat.number = clusters.taken + 1
    seat.held = 0
    invite(clusters, worker, seat)
    if any(clusters.seat[member].state is SeatState.Holder for member in clusters.seats):
        seat.boxed = True  # it knew the secret, and may yet be found out
        clusters.seat[worker] = seat
    else:
        rotate(clusters)


def may_propose(clusters: Clusters, seat: Seat) -> bool:
    """Whether nobody seated knows a newer secret than this member does."""
    return seat.held == max(clusters.seat[member].held for member in clusters.seats)


def free(clusters: Clusters, worker: bytes, seat: Seat, reason: SeatEnd) -> None:
    """A seat falls free; a new generation begins, soon or at once, where its worker knew the secret, or may know it."""
    knew = seat.boxed
    _unwatch(clusters, worker, seat)
    _drop(clusters, worker)
    _unasked(clusters, worker)
    del clusters.seat[worker]
    clusters.seats = [member for member in clusters.seats if member != worker]
    if reason is not SeatEnd.Left:  # which costs the stake for long
        _cool_down(clusters, seat.operator)
    clusters.deposit(clusters.SeatFreed(worker, reason))
    _draw_soon(clusters)
    key = clusters.key.get(clusters.generation)
    held = any(clusters.seat[member].state is SeatState.Holder for member in clusters.seats)
    if key is None:
        _again(clusters)
    elif knew:
        old_enough = key.since + clusters.cool_down
        if reason in DISTRUST or not held or clusters.timestamp.now >= old_enough:
            rotate(clusters)
        else:
            clusters.rotate_at = old_enough


def _cool_down(clusters: Clusters, operator: bytes) -> None:
    """An operator gets no seat for a while."""
    before = clusters.former.get(operator)
    if before is not None:
        del clusters.cooling[before, operator]
    clusters.former[operator] = until = clusters.timestamp.now + clusters.cool_down
    clusters.cooling[until, operator] = None


def rotate(clusters: Clusters) -> None:
    """The key in use, if there is one, is exposed; those who are left make another."""
    clusters.rotate_at = 0
    if clusters.generation in clusters.key:
        clusters.generation += 1
        clusters.deposit(clusters.KeyExposed(clusters.generation - 1))
    _again(clusters)


def _again(clusters: Clusters) -> None:
    for member in clusters.seats:
        invite(clusters, member, clusters.seat[member])


# Time


def _excuse(clusters: Clusters, now: int) -> None:
    """The chain stood still: nobody was late, and who has to attest again has a window for it."""
    clusters.next_look = now + clusters.window
    for worker in clusters.seats:
        seat = clusters.seat[worker]
        if seat.absent_since is not None:
            seat.absent_since = now
        if seat.state is SeatState.Holder:
            clusters.seat[worker] = seat
        else:
            _arm(clusters, worker, seat)


def _look(clusters: Clusters, worker: bytes, now: int) -> None:
    seat, record = clusters.seat.get(worker), clusters.workers.worker.get(worker)
    if seat is None:
        return
    reason = unfit(clusters, worker)
    if record is None or record.state in LEAVING:
        free(clusters, worker, seat, SeatEnd.Left)
    elif clusters.attestation.fault(worker) is not None or reason is clusters.ConfidenceTooLow:
        free(clusters, worker, seat, SeatEnd.Untrusted)
    elif reason is None:
        if seat.absent_since is not None:
            seat.absent_since = None
            clusters.seat[worker] = seat
    elif seat.absent_since is None:
        seat.absent_since = now
        clusters.seat[worker] = seat
    elif now >= seat.absent_since + clusters.patience:
        free(clusters, worker, seat, SeatEnd.Silent)


def _fall_due(clusters: Clusters, worker: bytes) -> None:
    seat = clusters.seat[worker]
    if seat.state is SeatState.Waiting:
        ask_next(clusters, worker, seat)
    elif (
        seat.state is SeatState.Invited and clusters.generation not in clusters.key and not may_propose(clusters, seat)
    ):
        _arm(clusters, worker, seat)
    else:
        free(clusters, worker, seat, SeatEnd.Late)


def _arm(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """Writes a seat, whose time begins now."""
    _unwatch(clusters, worker, seat)
    seat.due = clusters.timestamp.now + clusters.window
    clusters.windows[seat.due, worker] = None
    clusters.seat[worker] = seat


def _unwatch(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    if seat.due:
        del clusters.windows[seat.due, worker]
    seat.due = 0


def _drop(clusters: Clusters, worker: bytes) -> None:
    """Forgets what a member has shown and been given."""
    del clusters.quote[worker]
    del clusters.box[worker]


def _clear(clusters: Clusters, worker: bytes, seat: Seat) -> None:
    """Nothing of how the member was to be served is left."""
    _drop(clusters, worker)
    seat.asked, seat.round, seat.giver, seat.refused, seat.hands = [], 0, None, [], []


def _unasked(clusters: Clusters, worker: bytes) -> None:
    """Nobody is asked to hand a member anything any more."""
    for member in clusters.seats:
        seat = clusters.seat[member]
        if worker in seat.hands:
            seat.hands = [each for each in seat.hands if each != worker]
            clusters.seat[member] = seat


def _from(start: int, members: list[bytes]) -> list[bytes]:
    at = start % len(members)
    return members[at:] + members[:at]
