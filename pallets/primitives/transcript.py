"""What came from outside into one run, in the order in which it came: enough to run it again.

## Overview

An entry is one answer: to which ask of the run (its number, and the hash of what it asked), and what the answer was.
The head says how the run began: its clock, and the seed of its random numbers. Secrets are in neither: asks are there
by hash alone, and of keys only that the run had one.

The root is that of a Merkle tree (`merkle`) whose contents are 32-byte hashes: of the SCALE encoding of the head
`(version u8, block_time_ms u64, seed Vec<u8>, keyed bool)`, then of each entry. So an opening is short however long an
answer was. A run that has no world has no transcript, and 32 zero bytes for the root; one that asked nothing of its
world has the head.

## Usage

```python
transcript_root(transcript)
data = TRANSCRIPT.encode(transcript)
transcript = read_transcript(data)
```

## Errors

`DecodeError`: bytes that aren't a transcript of this version.

## Out of scope

Making one of a run, and running from one: `offchain.outside.recording`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import NO_TRANSCRIPT
from pallets.primitives.merkle import root
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U8, U32, U64, Bound, Bytes32, Moment, struct
from pallets.primitives.worker import VERSION

MAX_TRANSCRIPT = 64 << 20
"""Bytes of a transcript that is read."""
MAX_SEED = 64


@struct(path="fathom_primitives::TranscriptEntry")
class Entry:
    """An answer that a run was given."""

    id: U32
    """Number of the ask, counted from 0 within the run."""
    ask: Bytes32
    """What was asked, see `ask_hash`."""
    ok: bool
    head: bytes
    body: bytes
    now_ms: Moment
    """The run's clock from here on."""


@struct(path="fathom_primitives::Transcript")
class Transcript:
    """All that came from outside into a run."""

    version: U8
    block_time_ms: Moment
    """The run's clock at its beginning."""
    seed: Annotated[bytes, Bound(MAX_SEED)]
    keyed: bool
    """Whether the run could derive secrets; the key itself is nowhere."""
    entries: list[Entry]


def ask_hash(op: str, head: bytes, body: bytes) -> bytes:
    """The 32 bytes by which an entry names what was asked."""
    return blake2_256(ASK.encode((op, head, body)))


def transcript_root(transcript: Transcript | None) -> bytes:
    """What is signed of a transcript; of a run without a world it is 32 zero bytes."""
    if transcript is None:
        return NO_TRANSCRIPT
    head = HEAD.encode((transcript.version, transcript.block_time_ms, transcript.seed, transcript.keyed))
    return root([blake2_256(head), *(blake2_256(ENTRY.encode(entry)) for entry in transcript.entries)])


def read_transcript(data: bytes) -> Transcript:
    """The transcript of exactly these bytes. Raises `DecodeError`, also where it is too long or of another version."""
    if len(data) > MAX_TRANSCRIPT:
        raise DecodeError(f"a transcript of {len(data)} bytes: at most {MAX_TRANSCRIPT} are read")
    transcript: Transcript = TRANSCRIPT.decode_all(data)
    if transcript.version != VERSION:
        raise DecodeError(f"a transcript of version {transcript.version}: this is version {VERSION}")
    return transcript


ASK = codec_of(tuple[str, bytes, bytes])
HEAD = codec_of(tuple[U8, U64, bytes, bool])
ENTRY = codec_of(Entry)
TRANSCRIPT = codec_of(Transcript)
