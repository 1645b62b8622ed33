"""One replay: the same code and input, told the same, and how what is found differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from offchain.chain import BlockGone, Chain, StorageItem
from offchain.outside.recording import ReplayFailed, Replaying
from offchain.records import CODE
from offchain.replay.errors import CodeGone, Interrupted, OtherRuntime, OtherTranscript, StateGone, TranscriptGone
from offchain.sandbox.base import Abstained, Ask, Context, Failure, Limits, Success, World
from offchain.sandbox.pool import Pool
from offchain.serving.transcripts import find_transcript
from pallets.primitives.hashing import blake2_256
from pallets.primitives.transcript import Transcript, transcript_root

MAX_CODE = 512 * 1024

T = TypeVar("T")


class Replay(NamedTuple):
    """What a replay has found."""

    output: bytes
    gas: int
    logs: tuple[str, ...]
    differences: list[str]
    """What is said and isn't so; empty where all of it is."""


class Ran(NamedTuple):
    """A run, and why it isn't the one that the transcript is of."""

    outcome: Success | Failure | None
    difference: str | None
    emitted: list[Ask]
    """Parts of a streamed answer."""


async def run_again(
    pool: Pool,
    code: bytes,
    input: bytes,
    limits: Limits,
    context: Context,
    replaying: Replaying | None,
    world: World | None = None,
) -> Ran:
    """Runs what was run before, in a world around the replayed one, or one that isn't replayed.

    Raises `Interrupted`.
    """
    try:
        outcome = await pool.run(code, input, limits, context, world or replaying)
        if isinstance(outcome, Abstained):
            raise Interrupted(f"the run had no end: {outcome.reason}")
        if replaying is not None:
            replaying.finish()
    except ReplayFailed as error:
        return Ran(None, str(error), [])
    return Ran(outcome, None, [] if replaying is None else replaying.emitted)


def check_runtime(pool: Pool, runtime_id: bytes) -> None:
    """Raises `OtherRuntime` where this machine's sandbox isn't the one that was run in."""
    if pool.runtime_id != runtime_id:
        raise OtherRuntime(
            f"it was run in runtime 0x{runtime_id.hex()}, and this is 0x{pool.runtime_id.hex()}: "
            "take the version of Fathom that the worker had"
        )


async def read_code(chain: Chain, hash: bytes) -> bytes:
    """The code of a hash; raises `CodeGone`."""
    code = await chain.read(CODE, hash)
    if code is None or len(code) > MAX_CODE or blake2_256(code) != hash:
        raise CodeGone(f"the chain doesn't give the code 0x{hash.hex()}")
    return code


async def read_transcript_of(
    chain: Chain, root: bytes, workers: Iterable[bytes], given: Transcript | None
) -> Transcript:
    """The transcript of a root: the one given, or a worker's. Raises `OtherTranscript` and `TranscriptGone`."""
    if given is not None:
        if transcript_root(given) != root:
            raise OtherTranscript(f"the transcript has the root 0x{transcript_root(given).hex()}, not 0x{root.hex()}")
        return given
    found = await find_transcript(chain, root, workers)
    if found is None:
        raise TranscriptGone(f"no worker gives the transcript 0x{root.hex()}: give it as a file")
    return found


async def read_at(chain: Chain, item: StorageItem[T], *keys: int, block: bytes) -> T | None:
    """A value after an old block. Raises `StateGone`."""
    try:
        return await chain.read(item, *keys, at=block)
    except BlockGone:
        text = f"the node has no state of block 0x{block.hex()}: ask one with --state-pruning archive"
        raise StateGone(text) from None


async def first_block_with(chain: Chain, number_of_jobs: StorageItem[int], more_than: int) -> bytes | None:
    """The hash of the first block after which `number_of_jobs` is more than this; `None` where there is none.

    Of states that the node has dropped nothing is known: then it is the first of those that are left.
    """

    async def is_more(number: int) -> bool:
        block = await chain.hash_of(number)
        try:
            return block is not None and (await read_at(chain, number_of_jobs, block=block) or 0) > more_than
        except StateGone:
            return False

    low, high = 0, (await chain.best()).number
    while low < high:
        middle = (low + high) // 2
        if await is_more(middle):
            high = middle
        else:
            low = middle + 1
    return await chain.hash_of(low) if await is_more(low) else None
