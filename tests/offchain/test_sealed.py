"""A worker's boxes: what it opens, what it seals, and that running a job again seals the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nacl.public import PrivateKey

from offchain.keys import WorkerKeys
from offchain.sealed import open_input, seal_on
from pallets.primitives.job import SealedInput
from pallets.primitives.keys import verify_ed25519
from pallets.primitives.sealed import (
    GivenBox,
    NotSealed,
    SealedRequest,
    opener,
    reseal_bytes,
    seal,
)
from tests.offchain.test_execution import GENESIS, JOB

KEYS, LATER = WorkerKeys(b"s" * 32, b"x" * 32), WorkerKeys(b"t" * 32, b"y" * 32)
MINE, CLUSTER = PrivateKey(b"m" * 32), PrivateKey(b"c" * 32)
REQUEST = SealedRequest(b"salt" * 8, MINE.public_key.encode(), JOB.submitter, JOB.agent, b"input")
SEALED = replace(JOB, input=REQUEST.commitment, sealed=True)
BY = bytes(32)


def boxed(key: bytes, request: SealedRequest = REQUEST) -> bytes:
    return seal(request.encoded, key, b"once" * 8)


def test_opens_what_came_with_the_job_and_what_it_was_given() -> None:
    to_cluster, to_worker = boxed(CLUSTER.public_key.encode()), boxed(KEYS.seal_key)
    assert (
        open_input(SEALED, SealedInput(SEALED.input, [to_cluster]), [], [opener(KEYS.sealing), opener(bytes(CLUSTER))])
        == REQUEST
    )
    given = [GivenBox(BY, b"no box"), GivenBox(BY, to_worker)]
    assert open_input(SEALED, SealedInput(SEALED.input, []), given, [opener(KEYS.sealing)]) == REQUEST
    with pytest.raises(NotSealed):
        open_input(SEALED, SealedInput(SEALED.input, [to_cluster]), [], [opener(KEYS.sealing)])


def test_opens_no_box_that_was_copied_into_anothers_job() -> None:
    box = SealedInput(SEALED.input, [boxed(KEYS.seal_key)])
    for changed in (replace(SEALED, submitter=b"x" * 32), replace(SEALED, agent=4)):
        with pytest.raises(NotSealed, match="another"):
            open_input(changed, box, [], [opener(KEYS.sealing)])


def test_no_two_boxes_share_a_one_time_key() -> None:
    boxes = [
        seal_on(KEYS, GENESIS, 7, REQUEST, LATER.worker_key, LATER.seal_key)[0],
        seal_on(KEYS, GENESIS, 7, replace(REQUEST, data=b"other"), LATER.worker_key, LATER.seal_key)[0],
        seal_on(KEYS, GENESIS, 8, REQUEST, LATER.worker_key, LATER.seal_key)[0],
        seal_on(LATER, GENESIS, 7, REQUEST, LATER.worker_key, LATER.seal_key)[0],
        seal_on(KEYS, GENESIS, 7, REQUEST, KEYS.worker_key, KEYS.seal_key)[0],
    ]
    assert len({box[:32] for box in boxes}) == len(boxes)


def test_seals_the_input_on() -> None:
    box, signature = seal_on(KEYS, GENESIS, 7, REQUEST, LATER.worker_key, LATER.seal_key)
    assert verify_ed25519(signature, reseal_bytes(GENESIS, 7, KEYS.worker_key, LATER.worker_key, box), KEYS.worker_key)
    given = [GivenBox(KEYS.worker_key, box)]
    assert open_input(SEALED, SealedInput(SEALED.input, []), given, [opener(LATER.sealing)]) == REQUEST
