"""What is sealed of a job: an input that only workers read, an output that only whoever asked reads.

## Overview

A box is libsodium's sealed box (`crypto_box_seal`: X25519, XSalsa20-Poly1305): whoever has the public key makes one,
whoever has the secret key opens it, and nobody learns who made it. All hashes are BLAKE2b-256.

| thing | bytes |
| --- | --- |
| plaintext | SCALE of `reply_key [u8;32]`, `submitter AccountId32`, `agent u64`, `data Vec<u8>` |
| commitment | hash of `salt [u8;32] ‖ plaintext`; the job's record has it as the input's hash |
| box of an input | sealed `salt ‖ plaintext`, to a worker's seal key or to the cluster key |
| output salt | hash of `"fathom/output-salt" ‖ salt ‖ job u64` (little-endian) |
| vote hash | hash of `output salt ‖ output` |
| output on-chain | `vote hash [u8;32] ‖` sealed `output`, to the reply key; the hash of all of it is voted on |
| transcript key | hash of `"fathom/transcript-key" ‖ output salt` |
| transcript kept | libsodium's `crypto_secretbox` of its SCALE under that key, behind its nonce of 24 bytes |
| transcript root | hash of `"fathom/transcript-root" ‖ output salt ‖` the transcript's Merkle root |

`data` is the script's input, `reply_key` the X25519 key that the output is sealed to. Submitter and agent are in the
plaintext because boxes are public: else anybody could have an agent of their own run on them, and read the data out of
the gas it uses. The salt keeps anybody from guessing what is sealed; without it the vote hash tells nothing of the
output.

The box of an output has a one-time key that follows from the salt and from what is sealed, so that every worker makes
the same one: it is what they vote on, and nobody, worker or carrier, can put another in its place.

A transcript has to be read by who asked, and by the workers that replay it: by all who know the salt, and nobody else.
Its nonce is a keyed hash of what is sealed, so that two transcripts of one job never share one; its root is salted
because answers can be guessed.

## Usage

```python
request = SealedRequest(entropy(32), mine.public_key.encode(), submitter, agent, b"input")
input = SealedInput(request.commitment, [seal(request.encoded, cluster_key, entropy(32))])
...
output = open_output(output_of_the_job, request, job, bytes(mine))
```

Whoever brings 32 bytes of entropy has to bring others for each box: they become the box's one-time key.

## Errors

`NotSealed`: a box that the key doesn't open, or that holds something else than was committed to.

## Out of scope

Hiding lengths: a box is 48 bytes longer than what is in it. Who may put boxes where: `pallets.jobs.sealed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_BOX, MAX_INPUT, JobId
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import H256, U8, U64, AccountId, Bound, Bytes32, struct
from pallets.primitives.worker import VERSION, WorkerKey

SALT = 32
"""Bytes of an input's salt."""
BOX_OVERHEAD = 48
"""Bytes by which a box is longer than what is in it: a one-time public key and an authenticator."""
Opener = Callable[[bytes], bytes]
"""What is in a box, by a key of its own; raises `NotSealed`."""
VOTE = 32
"""Bytes of a vote hash, the first of a sealed output."""
LEAST_OUTPUT = VOTE + BOX_OVERHEAD
"""Bytes of the sealed form of an empty output."""


class NotSealed(Exception):
    """A box doesn't open under this key, or holds something else than was committed to; the message says which."""


@struct
class SealedRequest:
    """What is inside the box of an input, in this order."""

    salt: Bytes32
    """32 bytes that nobody can guess."""
    reply_key: Bytes32
    """The X25519 public key that the output is to be sealed to."""
    submitter: AccountId
    """Who may submit it."""
    agent: U64
    """Whose script may be run on it."""
    data: Annotated[bytes, Bound(MAX_INPUT)]
    """The script's input."""

    @property
    def encoded(self) -> bytes:
        """`salt ‖ plaintext`: what is sealed."""
        return REQUEST.encode(self)

    @property
    def commitment(self) -> bytes:
        """The 32 bytes that the chain has as the input's hash."""
        return blake2_256(self.encoded)


Box = Annotated[bytes, Bound(MAX_BOX)]


@struct(path="pallet_jobs::GivenBox")
class GivenBox:
    """A box of a job's input for one seat, as the chain keeps it."""

    by: Bytes32
    """Who gave it: the submitter's account, or another worker's key."""
    box: Box


def output_salt(salt: bytes, job: int) -> bytes:
    """The 32 bytes that salt a job's vote hash, of the input's salt."""
    return blake2_256(OUTPUT_SALT_TAG + salt + job.to_bytes(8, "little"))


def vote_hash(salt: bytes, job: int, output: bytes) -> bytes:
    """By which whoever asked knows the output that was voted on; `salt` is the input's."""
    return blake2_256(output_salt(salt, job) + output)


def seal(message: bytes, public_key: bytes, entropy: bytes) -> bytes:
    """A box for the holder of an X25519 key; `entropy` is 32 bytes of this box alone. Raises `NotSealed`."""
    from nacl.exceptions import CryptoError  # here and below: a chain knows the formats, and opens nothing
    from nacl.public import Box, PrivateKey, PublicKey

    once = PrivateKey(entropy)
    sender = once.public_key.encode()
    try:
        box = Box(once, PublicKey(public_key))
    except (CryptoError, ValueError, TypeError):
        raise NotSealed(f"0x{public_key.hex()} is no X25519 key: nothing can be sealed to it") from None
    return sender + box.encrypt(message, blake2b(sender + public_key, digest_size=24).digest()).ciphertext


def open_box(box: bytes, secret: bytes) -> bytes:
    """What is in a box, by the secret key (32 bytes). Raises `NotSealed`."""
    from nacl.exceptions import CryptoError
    from nacl.public import PrivateKey, SealedBox

    try:
        return SealedBox(PrivateKey(secret)).decrypt(box)
    except (CryptoError, ValueError, TypeError):
        raise NotSealed("the box isn't sealed to this key, or was changed") from None


def opener(secret: bytes) -> Opener:
    """`open_box` by a secret key (32 bytes)."""
    return partial(open_box, secret=secret)


def open_request(
    boxes: Iterable[bytes], openers: Iterable[Opener], *, commitment: bytes, submitter: bytes, agent: int
) -> SealedRequest:
    """The input of a job, in the first box that one of the keys opens and that holds what it is committed to.

    Boxes that hold something else are passed over: another may have put them there. Raises `NotSealed`.
    """
    keys, opened = list(openers), False
    for box in boxes:
        for open_with in keys:
            try:
                content = open_with(box)
            except NotSealed:
                continue
            opened = True
            if blake2_256(content) == commitment:
                return _request(content, submitter, agent)
    raise NotSealed("what is in the box is not what was committed to" if opened else "no box opens under these keys")


def _request(content: bytes, submitter: bytes, agent: int) -> SealedRequest:
    try:
        request: SealedRequest = REQUEST.decode_all(content)
    except DecodeError:
        raise NotSealed("what was committed to is no salt and plaintext") from None
    if (request.submitter, request.agent) != (submitter, agent):
        raise NotSealed("the input was sealed for another submitter or another agent") from None
    return request


def sealed_output(request: SealedRequest, job: int, output: bytes) -> bytes:
    """A job's output as it goes on the chain: the vote hash, then the box. Raises `NotSealed` of a bad reply key."""
    once = blake2_256(OUTPUT_BOX_TAG + output_salt(request.salt, job) + request.reply_key + output)
    return vote_hash(request.salt, job, output) + seal(output, request.reply_key, once)


def open_output(sealed: bytes, request: SealedRequest, job: int, secret: bytes) -> bytes:
    """The output of a sealed job, checked against what the workers voted on. Raises `NotSealed`."""
    output = open_box(sealed[VOTE:], secret)
    if vote_hash(request.salt, job, output) != sealed[:VOTE]:
        raise NotSealed("the output in the box is not the one that was voted on")
    return output


def sealed_root(salt: bytes, job: int, root: bytes) -> bytes:
    """What the chain has of a sealed job's transcript, given its Merkle root; `salt` is the input's."""
    return blake2_256(TRANSCRIPT_ROOT_TAG + output_salt(salt, job) + root)


def seal_transcript(salt: bytes, job: int, data: bytes) -> bytes:
    """A transcript as workers keep it, for who knows the input's salt."""
    from nacl.secret import SecretBox

    key = _transcript_key(salt, job)
    return bytes(SecretBox(key).encrypt(data, blake2b(data, key=key, digest_size=SecretBox.NONCE_SIZE).digest()))


def open_transcript(salt: bytes, job: int, sealed: bytes) -> bytes:
    """What `seal_transcript` has sealed. Raises `NotSealed`."""
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    try:
        return SecretBox(_transcript_key(salt, job)).decrypt(sealed)
    except (CryptoError, ValueError):
        raise NotSealed("the transcript isn't sealed by this job's salt, or was changed") from None


def _transcript_key(salt: bytes, job: int) -> bytes:
    return blake2_256(TRANSCRIPT_KEY_TAG + output_salt(salt, job))


def reseal_bytes(genesis: bytes, job: int, worker: bytes, receiver: bytes, box: bytes) -> bytes:
    """What `worker` signs of a box it made of a job's input for the seat of `receiver`."""
    return RESEAL_TAG + RESEAL.encode((VERSION, genesis, job, worker, receiver, blake2_256(box)))


OUTPUT_SALT_TAG = b"fathom/output-salt"
OUTPUT_BOX_TAG = b"fathom/output-box"
TRANSCRIPT_KEY_TAG = b"fathom/transcript-key"
TRANSCRIPT_ROOT_TAG = b"fathom/transcript-root"
REQUEST = codec_of(SealedRequest)
RESEAL_TAG = b"fathom/job-reseal"
RESEAL = codec_of(tuple[U8, H256, JobId, WorkerKey, WorkerKey, Bytes32])
