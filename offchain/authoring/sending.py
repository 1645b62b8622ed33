"""A job whose input is a request: submitted, waited for, and what came of it, as far as the chain says.

One script serves both: what it may only read when it is asked by HTTP, it writes as a job.

Errors: `NoSuchAgent`, `JobNotDone`, and what talking to a chain raises.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
import trio

from offchain import records
from offchain.authoring.channels import agent_number
from offchain.authoring.errors import JobNotDone
from offchain.chain import EVENTS_KEY, Chain, StorageItem
from offchain.described import Described, Happened
from offchain.sandbox.base import Success
from offchain.serving.answers import answer_of
from offchain.serving.requests import script_input
from pallets.primitives.effects import opened
from pallets.primitives.http import HttpRequest, HttpResponse
from pallets.primitives.job import Mode
from pallets.primitives.keys import Keypair
from pallets.primitives.scale import DecodeError

OUTPUT: StorageItem[bytes] = StorageItem("Jobs", "Output", bytes, records.BY_JOB)
HOST = "localhost"
LOOK_SECONDS = 0.1


class Sent(NamedTuple):
    """What came of a job."""

    job: int
    answer: HttpResponse
    """The output, read as an answer to the request."""
    failed: bool
    """Whether the script did: the answer then says how."""
    gas: int
    fee: int
    written: Happened | None
    """`Anchors.Applied` or `Anchors.Refused`; none where the run left nothing for the chain."""


async def send(
    chain: Chain, signer: Keypair, agent: str, request: HttpRequest, *, mode: Mode, replicas: int, fee: int, time: int
) -> Sent:
    """Submits a job of the signer's, for at most `fee`, within `time` milliseconds, and waits until it is over."""
    number, described = await agent_number(chain, agent), await Described.at(chain)
    terms: dict[str, Any] = {"mode": mode.name, "replicas": replicas, "max_fee": fee, "deadline": time}
    input = {"Inline": script_input(request, HOST)}
    call = described.call("Jobs", "submit", agent=number, input=input, callback=None, **terms)
    inclusion = await chain.submit_signed(signer, call)
    index = await chain.index_of(inclusion)
    own = [each for each in await _events(chain, described, inclusion.block.hash) if each.extrinsic == index]
    job = next((each.fields["job"] for each in own if (each.pallet, each.name) == ("Jobs", "Submitted")), None)
    if job is None:
        await chain.require_success(inclusion)
        raise JobNotDone("the transaction went well, and submitted no job")
    settled, written = await _over(chain, described, inclusion.block.number, job)
    output = await chain.read(OUTPUT, job)
    if output is None:
        raise JobNotDone(f"the output of job {job} is too large for the chain: a gateway's /store may have it")
    try:
        envelope = opened(output)
    except DecodeError:  # the script is old enough not to be kept from that
        envelope = None
    proper = output if envelope is None else envelope[1]
    answer = answer_of(Success(proper, 0), None)
    return Sent(job, answer, _is_failure(proper), settled.fields["gas"], settled.fields["fee"], written)


async def _over(chain: Chain, described: Described, block: int, job: int) -> tuple[Happened, Happened | None]:
    """How a job was settled, and what its effects came to. Raises `JobNotDone`."""
    while True:
        hash = await chain.hash_of(block)
        if hash is None:
            await trio.sleep(LOOK_SECONDS)
            continue
        found = [each for each in await _events(chain, described, hash) if each.fields.get("job") == job]
        for each in found:
            if (each.pallet, each.name) == ("Jobs", "Settled"):
                written = [one for one in found if one.pallet == "Anchors" and one.name in ("Applied", "Refused")]
                return each, next(iter(written), None)
            if (each.pallet, each.name) == ("Jobs", "Expired"):
                raise JobNotDone(f"job {job} has expired: {each.fields['reason']}; what wasn't used of its fee is free")
        block += 1


async def _events(chain: Chain, described: Described, block: bytes) -> list[Happened]:
    return described.events(await chain.get(EVENTS_KEY, block))


def _is_failure(output: bytes) -> bool:
    """Whether an output is what is left of a script that failed."""
    try:
        found = orjson.loads(output)
    except ValueError:
        return False
    return isinstance(found, dict) and set(found) == {"error", "message"}
