"""Messages to contracts as jobs: deployed, called, waited for; and what contracts have said in events.

A job's outcome is in two blocks: that in which it is settled, and that in which its effects are applied or refused,
which is the same. What the contract returned is in its output, behind the effects.

Errors: `NotDone`, `TooLate`; `ChainError`s.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from offchain.chain import EVENTS_KEY, Chain, StorageItem
from offchain.contracts.errors import NotDone, TooLate
from offchain.described import Described, Happened, carried_out
from offchain.records import BY_JOB
from pallets.primitives.contract import CONTRACT_INPUT, CONTRACT_OUTPUT, ContractInput, ContractOutput
from pallets.primitives.effects import opened
from pallets.primitives.keys import Keypair
from pallets.primitives.scale import DecodeError

OUTPUT: StorageItem[bytes] = StorageItem("Jobs", "Output", bytes, BY_JOB)
POLL_SECONDS = 0.2


class Terms(NamedTuple):
    """On what terms a message is sent. `seconds` is how long anybody has for it."""

    max_fee: int
    mode: str = "Deterministic"
    replicas: int = 1
    seconds: int = 60


class Emitted(NamedTuple):
    """An event of an agent's."""

    block: int
    job: int
    topics: list[bytes]
    data: bytes


class Done(NamedTuple):
    """A job that was settled, and whose effects, if it left any, were applied."""

    job: int
    block: int
    output: ContractOutput
    events: list[Emitted]


async def send(chain: Chain, signer: Keypair, agent: int, message: ContractInput, terms: Terms) -> Done:
    """Sends a message to an agent's contract, and waits for what comes of it."""
    described = await Described.at(chain)
    call = described.call(
        "Jobs",
        "submit",
        agent=agent,
        input={"Inline": CONTRACT_INPUT.encode(message)},
        mode=terms.mode,
        replicas=terms.replicas,
        max_fee=terms.max_fee,
        deadline=terms.seconds * 1000,
        callback=None,
    )
    start = (await chain.best()).number
    events = await carried_out(chain, signer, call, described)
    job = next(each.fields["job"] for each in events if (each.pallet, each.name) == ("Jobs", "Submitted"))
    with trio.move_on_after(terms.seconds + 30):
        return await _outcome(chain, described, start, agent, job)
    raise TooLate(f"job {job} has no output after {terms.seconds + 30} s: is a worker running?")


async def _outcome(chain: Chain, described: Described, start: int, agent: int, job: int) -> Done:
    number = start
    while True:
        block = await chain.hash_of(number)
        if block is None:
            await trio.sleep(POLL_SECONDS)
            continue
        events = described.events(await chain.get(EVENTS_KEY, block))
        ours = [each for each in events if each.fields.get("job") == job]
        for each in ours:
            _raise_if_over(described, each, job)
        if any((each.pallet, each.name) == ("Jobs", "Settled") for each in ours):
            content = await chain.read(OUTPUT, job) or b""
            found = opened(content)
            output = _output(content if found is None else found[1])
            return Done(job, number, output, [_emitted(number, each) for each in ours if _is_event(each, agent)])
        number += 1


def _raise_if_over(described: Described, event: Happened, job: int) -> None:
    match event.pallet, event.name:
        case "Jobs", "Expired" | "Abandoned":
            raise NotDone(f"job {job} has no output ({event.name}): is a worker running, and is the fee enough?")
        case "Anchors", "LockLost":
            raise NotDone(f"job {job} left nothing on the chain: another one wrote what it has read; send it again")
        case "Anchors", "Refused":
            raise NotDone(f"job {job} left nothing on the chain: {described.error(event.fields['error'])}")


async def events_of(chain: Chain, agent: int, start: int, end: int) -> list[Emitted]:
    """What an agent's contract has said from block `start` to `end`."""
    described, found = await Described.at(chain), list[Emitted]()
    for number in range(start, end + 1):
        block = await chain.hash_of(number)
        if block is None:
            break
        told = described.events(await chain.get(EVENTS_KEY, block))
        found += [_emitted(number, each) for each in told if _is_event(each, agent)]
    return found


def _output(content: bytes) -> ContractOutput:
    try:
        found: ContractOutput = CONTRACT_OUTPUT.decode_all(content)
    except DecodeError:  # a failed run says why in JSON
        raise NotDone(content[:1000].decode("utf-8", "replace")) from None
    return found


def _is_event(event: Happened, agent: int) -> bool:
    return (event.pallet, event.name, event.fields.get("agent")) == ("Anchors", "Emitted", agent)


def _emitted(number: int, event: Happened) -> Emitted:
    fields = event.fields
    return Emitted(number, fields["job"], list(fields["topics"]), fields["data"])
