"""Sealed inputs and outputs: libsodium opens our boxes and we open its, and every format byte for byte."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from pallets.primitives.job import MAX_BOX, MAX_INPUT, MAX_OUTPUT, MAX_SEALED_OUTPUT
from pallets.primitives.sealed import (
    NotSealed,
    SealedRequest,
    open_box,
    open_output,
    open_request,
    opener,
    reseal_bytes,
    seal,
    sealed_output,
    vote_hash,
)

SECRET, OTHER, MINE = (bytes((i,)) * 32 for i in (1, 2, 3))
KEY, OTHER_KEY, MY_KEY = (PrivateKey(secret).public_key.encode() for secret in (SECRET, OTHER, MINE))
SALT, WHO, AGENT = b"s" * 32, b"w" * 32, 7
REQUEST = SealedRequest(SALT, MY_KEY, WHO, AGENT, b"input")
SECRET_32 = st.binary(min_size=32, max_size=32)


def digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def opened(*boxes: bytes, request: SealedRequest = REQUEST, who: bytes = WHO, agent: int = AGENT) -> SealedRequest:
    return open_request(
        boxes, [opener(SECRET), opener(OTHER)], commitment=request.commitment, submitter=who, agent=agent
    )


@given(message=st.binary(max_size=200), secret=SECRET_32, entropy=SECRET_32)
def test_a_box_is_libsodiums(message: bytes, secret: bytes, entropy: bytes) -> None:
    holder = PrivateKey(secret)
    box = seal(message, holder.public_key.encode(), entropy)
    assert len(box) == len(message) + 48
    assert SealedBox(holder).decrypt(box) == message == open_box(box, secret)
    assert open_box(SealedBox(holder.public_key).encrypt(message), secret) == message
    assert seal(message, holder.public_key.encode(), bytes(31) + b"\1") != box or entropy == bytes(31) + b"\1"


def test_formats() -> None:
    plaintext = MY_KEY + WHO + b"\x07" + bytes(7) + b"\x14input"
    assert REQUEST.encoded == SALT + plaintext
    assert REQUEST.commitment == digest(SALT + plaintext)
    job = (9).to_bytes(8, "little")
    vote = digest(digest(b"fathom/output-salt" + SALT + job) + b"output")
    assert vote_hash(SALT, 9, b"output") == vote
    sealed = sealed_output(REQUEST, 9, b"output")
    assert sealed[:32] == vote
    assert SealedBox(PrivateKey(MINE)).decrypt(sealed[32:]) == b"output"
    signed = b"fathom/job-reseal\1" + b"g" * 32 + job + KEY + OTHER_KEY + digest(b"box")
    assert reseal_bytes(b"g" * 32, 9, KEY, OTHER_KEY, b"box") == signed


def test_the_largest_input_and_output_fit() -> None:
    request = SealedRequest(SALT, MY_KEY, WHO, AGENT, bytes(MAX_INPUT))
    assert len(seal(request.encoded, KEY, MINE)) <= MAX_BOX
    assert len(sealed_output(request, 1, bytes(MAX_OUTPUT))) == MAX_SEALED_OUTPUT


def test_the_first_box_that_holds_what_was_committed_to() -> None:
    right = seal(REQUEST.encoded, OTHER_KEY, MINE)
    wrong = seal(REQUEST.encoded[:-1], KEY, MINE)
    assert opened(b"", b"no box", seal(b"", MY_KEY, MINE), wrong, right) == REQUEST


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        ([], "no box opens"),
        ([seal(REQUEST.encoded, MY_KEY, MINE)], "no box opens"),
        ([bytes(100), b""], "no box opens"),
        ([seal(REQUEST.encoded, KEY, MINE)[:-1] + b"\0"], "no box opens"),
        ([seal(REQUEST.encoded + b"\0", KEY, MINE)], "not what was committed to"),
    ],
)
def test_boxes_that_are_of_no_use(boxes: list[bytes], reason: str) -> None:
    with pytest.raises(NotSealed, match=reason):
        opened(*boxes)


def test_a_box_is_of_use_to_its_submitter_and_agent_alone() -> None:
    box = seal(REQUEST.encoded, KEY, MINE)
    for who, agent in ((b"x" * 32, AGENT), (WHO, AGENT + 1)):
        with pytest.raises(NotSealed, match="another submitter or another agent"):
            opened(box, who=who, agent=agent)


def test_a_commitment_to_something_else() -> None:
    content = SALT + b"too short"
    with pytest.raises(NotSealed, match="no salt and plaintext"):
        open_request(
            [seal(content, KEY, MINE)], [opener(SECRET)], commitment=digest(content), submitter=WHO, agent=AGENT
        )


def test_every_worker_makes_the_same_box_and_no_two_outputs_share_a_one_time_key() -> None:
    outputs = [
        sealed_output(REQUEST, 7, b"output"),
        sealed_output(REQUEST, 7, b"other"),
        sealed_output(REQUEST, 8, b"output"),
        sealed_output(replace(REQUEST, salt=bytes(32)), 7, b"output"),
        sealed_output(replace(REQUEST, reply_key=KEY), 7, b"output"),
    ]
    assert outputs[0] == sealed_output(replace(REQUEST), 7, b"output")
    assert len({sealed[32:64] for sealed in outputs}) == len(outputs)
    with pytest.raises(NotSealed, match="no X25519 key"):
        sealed_output(replace(REQUEST, reply_key=bytes(32)), 7, b"output")


def test_an_output_is_checked_against_the_vote() -> None:
    sealed = sealed_output(REQUEST, 9, b"output")
    assert open_output(sealed, REQUEST, 9, MINE) == b"output"
    with pytest.raises(NotSealed, match="not the one that was voted on"):
        open_output(sealed, REQUEST, 10, MINE)
    with pytest.raises(NotSealed, match="not the one that was voted on"):
        open_output(bytes(32) + sealed[32:], REQUEST, 9, MINE)
    with pytest.raises(NotSealed, match="isn't sealed to this key"):
        open_output(sealed, REQUEST, 9, SECRET)


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"short"])
def test_nothing_is_sealed_to_what_is_no_key(key: bytes) -> None:
    with pytest.raises(NotSealed, match="no X25519 key"):
        seal(b"", key, MINE)
