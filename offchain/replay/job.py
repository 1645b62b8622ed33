"""A job, run again: from its code and input, and of one that reached outside from its transcript.

The chain drops a job's input when it is over, so it is read from the state after the block that the job came with: ask
a node that keeps old states. One that was given by its hash is asked of workers, or given as a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from offchain import records
from offchain.chain import BlockGone, Chain
from offchain.effects.chain_host import ChainHost
from offchain.effects.leaving import Leaving
from offchain.effects.pinned import PinnedWorld
from offchain.effects.state import ChainState
from offchain.execution import Unfinished, job_limits, run_context
from offchain.light.untrusted import UntrustedNode
from offchain.outside.recording import Replaying
from offchain.outside_runs import REPLAY_FAILED
from offchain.replay.errors import InputGone, InputSealed, NoOutput, NoSuchJob, OtherInput, StateGone
from offchain.replay.run import (
    Replay,
    check_runtime,
    first_block_with,
    read_at,
    read_code,
    read_transcript_of,
    run_again,
)
from offchain.sandbox.base import Abstained
from offchain.sandbox.pool import Pool
from offchain.serving.run_scope import RunScope
from offchain.serving.stored_bytes import find_bytes
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import Header
from pallets.primitives.job import HashInput, InlineInput, Input, Mode
from pallets.primitives.job_record import Job
from pallets.primitives.transcript import Transcript

WALL_SECONDS = 300.0


async def replay_job(
    chain: Chain, id: int, pool: Pool, transcript: Transcript | None = None, input: bytes | None = None
) -> Replay:
    """Runs a job again, and compares; raises `CannotReplay`."""
    job = await chain.read(records.JOB, id)
    if job is None:
        raise NoSuchJob(f"there is no job {id}")
    if job.outcome is None:
        raise NoOutput(f"job {id} has no output: it is {job.state.name}")
    if job.sealed:
        raise InputSealed(f"the input of job {id} is sealed: only its workers can run it")
    check_runtime(pool, job.outcome.runtime_id)
    code = await read_code(chain, job.code)
    input = await _input(chain, id, job, input)
    context = run_context(chain.genesis, id if job.audits is None else job.audits, job)
    limits, replaying = job_limits(job, WALL_SECONDS), None
    if job.mode is Mode.Deterministic:
        transcript, context = None, replace(context, pinned=True)
        leaving = Leaving(PinnedWorld(_chain_host(chain, id, job)))
    else:
        root = job.outcome.transcript_root
        transcript = await read_transcript_of(chain, root, [job.outcome.worker, *job.workers], transcript)
        replaying = Replaying(transcript)
        leaving = Leaving(replaying)
    try:
        ran = await run_again(pool, code, input, limits, context, replaying, leaving)
    except Unfinished as error:
        raise StateGone(f"{error}: ask a node with --state-pruning archive") from None
    outcome = leaving.enveloped(ran.outcome or REPLAY_FAILED)
    assert not isinstance(outcome, Abstained)
    judged = job.mode is Mode.Recorded and job.voted  # that it is of another run is what its seats have found then
    differences = [] if ran.difference is None or judged else [ran.difference]
    if blake2_256(outcome.output) != job.outcome.output:
        differences.append(f"the output is 0x{blake2_256(outcome.output).hex()}, not 0x{job.outcome.output.hex()}")
    if outcome.gas != job.outcome.gas:
        differences.append(f"the gas is {outcome.gas}, not {job.outcome.gas}")
    if transcript is not None and (transcript.block_time_ms, transcript.seed) != (context.block_time_ms, context.seed):
        differences.append("the transcript begins at another time, or with another seed, than the job")
    if differences and ran.difference is not None and ran.difference not in differences:
        differences.insert(0, ran.difference)
    return Replay(outcome.output, outcome.gas, outcome.logs, differences)


def _chain_host(chain: Chain, id: int, job: Job) -> ChainHost:
    """What tells a run of the chain as this node has it."""
    node = UntrustedNode(chain.client)

    async def header() -> Header:
        block = await chain.hash_of(job.reads_at)
        found = None if block is None else await node.header(block)
        if found is None:
            raise BlockGone(f"the node has no block {job.reads_at}, which the job has read")
        return found

    async def prove(header: Header, keys: Sequence[bytes]) -> list[bytes | None]:
        values = await node.proven(header, keys)
        return [values[key] for key in keys]

    scope = RunScope(
        agent=job.agent, header=header, job=id, submitter=job.submitter, mode=job.mode, may_write=not job.sealed
    )
    return ChainHost(ChainState(chain, prove), scope)


async def _input(chain: Chain, id: int, job: Job, given: bytes | None) -> bytes:
    if given is not None:
        if blake2_256(given) != job.input:
            raise OtherInput(f"the input has the hash 0x{blake2_256(given).hex()}, not 0x{job.input.hex()}")
        return given
    origin = id if job.audits is None else job.audits
    block = await first_block_with(chain, records.NEXT_JOB, origin)
    input: Input | None = None
    if block is not None:
        input = await read_at(chain, records.INPUT, origin, block=block)
    if isinstance(input, HashInput):
        workers = [] if job.outcome is None else [job.outcome.worker, *job.workers]
        stored = await find_bytes(chain, job.input, workers)
        if stored is None:
            raise InputGone(f"no worker gives the input 0x{job.input.hex()}: give it as a file")
        return stored
    if not isinstance(input, InlineInput):
        text = (
            f"the input of job {origin} can't be read: ask a node that keeps old states, with --state-pruning archive"
        )
        raise InputGone(text)
    if blake2_256(input.data) != job.input:
        raise InputGone(f"the node's input of job {origin} isn't the one that the job names")
    return input.data
