"""Sealed jobs in a worker's hands: opens the input, seals it on to who has the job next.

The one-time key of a box that the worker makes follows from its own secret and from what is sealed to whom: no two
boxes that differ share a key.

Errors: `pallets.primitives.sealed.NotSealed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from offchain.keys import WorkerKeys
from pallets.primitives.job import SealedInput
from pallets.primitives.job_record import Job
from pallets.primitives.sealed import (
    GivenBox,
    Opener,
    SealedRequest,
    open_request,
    reseal_bytes,
    seal,
)

PERSON = b"fathom/box"


def open_input(job: Job, input: SealedInput, given: Iterable[GivenBox], openers: Iterable[Opener]) -> SealedRequest:
    """A job's input, by any of the keys, out of the boxes that came with it or were given to the worker later.

    Raises `NotSealed`, also where it was sealed for another submitter or agent than the job's.
    """
    boxes = [*input.boxes, *(each.box for each in given)]
    return open_request(boxes, openers, commitment=job.input, submitter=job.submitter, agent=job.agent)


def seal_on(
    keys: WorkerKeys, genesis: bytes, id: int, request: SealedRequest, receiver: bytes, seal_key: bytes
) -> tuple[bytes, bytes]:
    """A box of a job's input for another of its workers, and this worker's signature. Raises `NotSealed`."""
    box = seal(request.encoded, seal_key, _entropy(keys, seal_key, request.encoded, request.salt, id))
    return box, keys.sign(reseal_bytes(genesis, id, keys.worker_key, receiver, box))


def _entropy(keys: WorkerKeys, to: bytes, message: bytes, salt: bytes, id: int) -> bytes:
    """32 bytes that nobody else can know: the one-time key of a box."""
    context = to + salt + id.to_bytes(8, "little") + message
    return blake2b(context, key=keys.sealing, person=PERSON, digest_size=32).digest()
