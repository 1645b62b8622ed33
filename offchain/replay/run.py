"""One replay: the same code and input, told the same, and how what is found differs."""

from __future__ import annotations

from typing import NamedTuple

from offchain.chain import Chain, StorageItem
from offchain.outside.recording import ReplayFailed, Replaying
from offchain.records import CODE
from offchain.replay.errors import CodeGone, Interrupted, OtherRuntime
from offchain.sandbox.base import Abstained, Ask, Context, Failure, Limits, Success
from offchain.sandbox.pool import Pool
from pallets.primitives.hashing import blake2_256
from pallets.primitives.transcript import Transcript

MAX_CODE = 512 * 1024


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
    pool: Pool, code: bytes, input: bytes, limits: Limits, context: Context, transcript: Transcript | None
) -> Ran:
    """Runs what was run before; raises `Interrupted`."""
    replaying = None if transcript is None else Replaying(transcript)
    try:
        outcome = await pool.run(code, input, limits, context, replaying)
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


async def first_block_with(chain: Chain, number_of_jobs: StorageItem[int], more_than: int) -> bytes | None:
    """The hash of the first block after which `number_of_jobs` is more than this; `None` where there is none."""
    low, high = 0, (await chain.best()).number
    while low < high:
        middle = (low + high) // 2
        block = await chain.hash_of(middle)
        if block is not None and (await chain.read(number_of_jobs, at=block) or 0) > more_than:
            high = middle
        else:
            low = middle + 1
    block = await chain.hash_of(low)
    return block if block is not None and (await chain.read(number_of_jobs, at=block) or 0) > more_than else None
