"""Which workers may be drawn for which jobs: a list of the eligible for each capability class.

A class has what its jobs require, and whose enclaves they may be given to; it is open as long as somebody uses it:
agents that ask for it, each for a deposit, and the jobs they took before they asked for something else. Where there is
no room for another class the oldest that only jobs hold goes, so that nobody keeps all of them by jobs, which cost no
deposit; no more workers are drawn for those jobs then. Class 0 asks for nothing and has everyone.

A worker is listed in every class it fits while it may be drawn at all; lists have no gaps, so that a draw picks a place
by number, and whoever leaves is replaced by the last.

Nothing goes through all workers. A worker is matched against the classes when it attests or beats and they have changed
since: so a class fills as its workers beat, and so the lists of a class that closed empty again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pallets.frame import Weight
from pallets.primitives.worker_record import ANY, ANY_CONFIDENCE, EVERYONE, Requirements, Staff, Worker, WorkerClass

if TYPE_CHECKING:
    from pallets.workers.pallet import Workers

CLASS_WEIGHT = Weight(30_000_000, 1_500)
"""Of matching a worker against one class, and of listing it there."""


def open_class(workers: Workers, requirements: Requirements, staff: Staff) -> int:
    """The class of these requirements and enclaves, with one more user."""
    wanted, staff = requirements.normal(), staff.normal()
    if wanted == ANY and not staff.hired and not staff.banned:
        return EVERYONE
    if not 1 <= wanted.confidence <= ANY_CONFIDENCE:
        raise workers.BadRequirements
    for id, known in workers.classes.items():
        if known.requirements == wanted and known.staff == staff:
            known.users += 1
            workers.classes[id] = known
            return id
    if len(workers.classes) >= workers.max_classes:
        _make_room(workers)
    workers.class_changes += 1
    workers.classes[workers.class_changes] = WorkerClass(wanted, 1, staff=staff)
    return workers.class_changes


def close_class(workers: Workers, id: int) -> None:
    """Takes a user from a class; without any, and without jobs, the class goes."""
    if id != EVERYONE:
        known = workers.classes[id]
        known.users -= 1
        _keep(workers, id, known)


def hold_class(workers: Workers, id: int) -> None:
    """Lets a job hold a class open."""
    if id != EVERYONE:
        known = workers.classes[id]
        known.jobs += 1
        workers.classes[id] = known


def free_class(workers: Workers, id: int) -> None:
    """A job is over that held a class, which may have gone before it."""
    known = None if id == EVERYONE else workers.classes.get(id)
    if known is not None:
        known.jobs -= 1
        _keep(workers, id, known)


def _keep(workers: Workers, id: int, known: WorkerClass) -> None:
    if known.users or known.jobs:
        workers.classes[id] = known
    else:
        _drop(workers, id)


def _drop(workers: Workers, id: int) -> None:
    del workers.classes[id]
    workers.class_changes += 1


def _make_room(workers: Workers) -> None:
    unasked = [id for id, known in workers.classes.items() if not known.users]
    if not unasked:
        raise workers.TooManyClasses
    _drop(workers, min(unasked))


def match(workers: Workers, worker: bytes, record: Worker) -> None:
    """Finds the classes that a worker fits, and moves it between their lists if it is listed."""
    attestation = workers.attestation.attested[worker]
    fitting = sorted(id for id, each in workers.classes.items() if each.fit(record.info, attestation))
    if is_listed(workers, worker):
        before, after = set(record.classes), set(fitting)
        for id in record.classes:
            if id not in after:
                _leave(workers, id, worker, record.info.operator)
        joined = [id for id in fitting if id not in before]
        for id in joined:
            _join(workers, id, worker, record.info.operator)
        workers.arrivals += bool(joined)
    record.classes, record.matched = fitting, workers.class_changes


def is_listed(workers: Workers, worker: bytes) -> bool:
    """Whether a worker may be drawn."""
    return (EVERYONE, worker) in workers.place


def enlist(workers: Workers, worker: bytes, record: Worker) -> None:
    """Puts a worker into the lists of its classes."""
    _weigh(workers, record)
    for id in record.classes:
        _join(workers, id, worker, record.info.operator)
    workers.arrivals += 1


def delist(workers: Workers, worker: bytes, record: Worker) -> None:
    """Takes a worker out of the lists of its classes."""
    _weigh(workers, record)
    for id in record.classes:
        _leave(workers, id, worker, record.info.operator)


def _weigh(workers: Workers, record: Worker) -> None:
    """Counts what it costs to be in more classes than that of everyone; one list is in whatever has led here."""
    if len(record.classes) > 1:
        workers.system.register_weight(CLASS_WEIGHT * (len(record.classes) - 1))


def _join(workers: Workers, id: int, worker: bytes, operator: bytes) -> None:
    at = workers.eligible_count[id]
    workers.eligible[id, at] = worker
    workers.place[id, worker] = at
    workers.eligible_count[id] = at + 1
    of_operator = workers.eligible_of[id, operator]
    if not of_operator:
        workers.eligible_operators[id] += 1
    workers.eligible_of[id, operator] = of_operator + 1


def _leave(workers: Workers, id: int, worker: bytes, operator: bytes) -> None:
    """Takes a worker out of a list; the last one moves into its place."""
    at, last = workers.place[id, worker], workers.eligible_count[id] - 1
    moved = workers.eligible[id, last]
    workers.eligible[id, at] = moved
    workers.place[id, moved] = at
    del workers.eligible[id, last]
    del workers.place[id, worker]
    _set_or_drop(workers, id, last)
    of_operator = workers.eligible_of[id, operator] - 1
    if of_operator:
        workers.eligible_of[id, operator] = of_operator
        return
    del workers.eligible_of[id, operator]
    operators = workers.eligible_operators[id] - 1
    if operators:
        workers.eligible_operators[id] = operators
    else:
        del workers.eligible_operators[id]


def _set_or_drop(workers: Workers, id: int, count: int) -> None:
    if count:
        workers.eligible_count[id] = count
    else:
        del workers.eligible_count[id]
