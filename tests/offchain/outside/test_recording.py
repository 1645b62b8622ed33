"""Transcripts: their bytes and root, and what a replay accepts."""

from __future__ import annotations

import ssl
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.outside.network import Network
from offchain.outside.policy import Reach
from offchain.outside.recording import (
    AskedDifferently,
    AskedTooLittle,
    AskedTooMuch,
    NotKeyed,
    Recording,
    Replaying,
)
from offchain.outside.world import open_world
from offchain.sandbox.base import Answer, Context
from pallets.primitives.scale import DecodeError
from pallets.primitives.transcript import (
    MAX_TRANSCRIPT,
    TRANSCRIPT,
    Entry,
    Transcript,
    ask_hash,
    read_transcript,
    transcript_root,
)
from tests.offchain.outside.servers import Site
from tests.offchain.outside.worlds import Names, Run

CONTEXT = Context(block_time_ms=1_700_000_000_000, seed=b"seed")


def hashed(data: bytes) -> bytes:
    return blake2b(data, digest_size=32).digest()


def test_the_root_is_over_the_head_and_each_entry() -> None:
    ask = hashed(b"\x14fetch" + b"\x08{}" + b"\x10body")  # compact lengths before each
    assert ask_hash("fetch", b"{}", b"body") == ask
    entry = Entry(3, ask, True, b"{}", b"\1\2", 1_700_000_000_005)
    head = b"\1" + (1_700_000_000_000).to_bytes(8, "little") + b"\x10seed" + b"\1"
    encoded = b"\3\0\0\0" + ask + b"\1" + b"\x08{}" + b"\x08\1\2" + (1_700_000_000_005).to_bytes(8, "little")
    transcript = Transcript(1, 1_700_000_000_000, b"seed", True, [entry, entry])
    assert TRANSCRIPT.encode(transcript) == head + b"\x08" + encoded * 2
    leaves = [hashed(b"\0" + hashed(part)) for part in (head, encoded, encoded)]
    assert transcript_root(transcript) == hashed(b"\1" + hashed(b"\1" + leaves[0] + leaves[1]) + leaves[2])
    assert transcript_root(Transcript(1, 1_700_000_000_000, b"seed", True, [])) == leaves[0]
    assert transcript_root(None) == bytes(32)


ENTRIES = st.builds(
    Entry,
    id=st.integers(0, 2**32 - 1),
    ask=st.binary(min_size=32, max_size=32),
    ok=st.booleans(),
    head=st.binary(max_size=80),
    body=st.binary(max_size=80),
    now_ms=st.integers(0, 2**64 - 1),
)
TRANSCRIPTS = st.builds(
    Transcript,
    version=st.just(1),
    block_time_ms=st.integers(0, 2**64 - 1),
    seed=st.binary(max_size=64),
    keyed=st.booleans(),
    entries=st.lists(ENTRIES, max_size=5),
)


@given(TRANSCRIPTS, st.data())
def test_every_bit_of_a_transcript_is_under_its_root(transcript: Transcript, data: st.DataObject) -> None:
    encoded = TRANSCRIPT.encode(transcript)
    assert read_transcript(encoded) == transcript
    bit = data.draw(st.integers(0, len(encoded) * 8 - 1))
    changed = bytearray(encoded)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        other = read_transcript(bytes(changed))
    except DecodeError:
        return
    assert transcript_root(other) != transcript_root(transcript)


def test_what_is_no_transcript_is_refused() -> None:
    encoded = TRANSCRIPT.encode(Transcript(1, 0, b"", False, []))
    for data in (b"", encoded[:-1], encoded + b"\0", b"\2" + encoded[1:], bytes(MAX_TRANSCRIPT + 1)):
        with pytest.raises(DecodeError):
            read_transcript(data)


async def recorded(site: Site) -> Transcript:
    """Of a run that fetches three things at once, reads one in parts, and sleeps."""
    network = Network(Names(), ssl.create_default_context())
    async with open_world(network, Reach(allow_private=True), start_ms=CONTEXT.block_time_ms) as world:
        recording = Recording(world, CONTEXT)
        await run(recording, site.url)
    return recording.transcript


async def run(world: Any, url: str) -> list[Answer]:
    """A guest that asks the same, wherever the answers come from."""
    asks = Run(world)
    first = [
        asks.fetch_ask(f"{url}/late/60"),
        asks.fetch_ask(f"{url}/streamed"),
        asks.ask("sleep", {"until_ms": CONTEXT.block_time_ms + 30}),
        asks.fetch_ask(f"{url}/echo", method="POST", body=b"data"),
    ]
    answers = [await world.turn(first), *[await world.turn([]) for _ in range(3)]]
    while True:
        answers.append(await world.turn([asks.ask("read", {"stream": 1})]))
        if b"true" in answers[-1].head:
            return answers


async def test_a_replay_gives_the_same_answers_and_refuses_other_asks(site: Site) -> None:
    transcript = await recorded(site)
    assert read_transcript(TRANSCRIPT.encode(transcript)) == transcript
    assert {entry.id for entry in transcript.entries[:4]} == {0, 1, 2, 3}
    assert [entry.id for entry in transcript.entries[:4]] != [0, 1, 2, 3]  # `late` came after the others
    requests = len(site.seen)

    replaying = Replaying(transcript)
    assert replaying.context(None) == CONTEXT
    answers = await run(replaying, site.url)
    replaying.finish()
    assert [(a.id, a.ok, a.head, a.body, a.now_ms) for a in answers] == [
        (e.id, e.ok, e.head, e.body, e.now_ms) for e in transcript.entries
    ]
    assert len(site.seen) == requests  # nothing was asked again

    with pytest.raises(AskedDifferently):
        await run(Replaying(transcript), "http://elsewhere.test")
    for at, entry in enumerate(transcript.entries):  # an answer to what was never asked, or that comes twice
        forged = replace_entry(transcript, at, replace(entry, ask=bytes(32)))
        with pytest.raises(AskedDifferently):
            await run(Replaying(forged), site.url)
    twice = Transcript(1, transcript.block_time_ms, b"", False, [transcript.entries[0]] * 2)
    with pytest.raises(AskedDifferently):
        await run(Replaying(twice), site.url)
    short = Transcript(1, transcript.block_time_ms, b"", False, transcript.entries[:-1])
    with pytest.raises(AskedTooMuch):
        await run(Replaying(short), site.url)
    replaying = Replaying(Transcript(1, transcript.block_time_ms, b"", False, [*transcript.entries] * 2))
    await run(replaying, site.url)
    with pytest.raises(AskedTooLittle, match=f"{len(transcript.entries)} recorded answers"):
        replaying.finish()


def replace_entry(transcript: Transcript, at: int, entry: Entry) -> Transcript:
    entries = [*transcript.entries[:at], entry, *transcript.entries[at + 1 :]]
    return Transcript(1, transcript.block_time_ms, transcript.seed, transcript.keyed, entries)


def test_a_run_with_a_key_is_replayed_with_one() -> None:
    keyed = Context(block_time_ms=5, seed=b"", derive_key=bytes(32))
    transcript = Recording(Replaying(Transcript(1, 0, b"", False, [])), keyed).transcript
    assert transcript.keyed and b"\0" * 32 not in TRANSCRIPT.encode(transcript)
    assert Replaying(transcript).context(bytes(32)) == keyed
    with pytest.raises(NotKeyed):
        Replaying(transcript).context(None)
    with pytest.raises(NotKeyed):
        Replaying(Transcript(1, 5, b"", False, [])).context(bytes(32))
