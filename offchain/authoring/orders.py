"""Orders for jobs on a chain, by an account: at set times (`Schedules`), or when something happens (`Triggers`).

Errors: `NoSuchAgent`, `BadTerms`, and those of `offchain.chain` and `offchain.described`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from offchain.authoring.channels import agent_number
from offchain.authoring.errors import BadTerms
from offchain.chain import Chain
from offchain.described import Described, carried_out
from offchain.records import NOW
from pallets.primitives.hashing import storage_prefix
from pallets.primitives.keys import Keypair

MAX_LISTED = 1000
ID_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Run:
    """What each run of an order submits, see `Jobs.submit`; times in milliseconds."""

    agent: str
    mode: str
    replicas: int
    max_fee: int
    deadline: int

    async def arguments(self, chain: Chain) -> dict[str, Any]:
        """As the calls have them, but for the input."""
        terms = {"mode": self.mode, "replicas": self.replicas, "max_fee": self.max_fee, "deadline": self.deadline}
        return {"agent": await agent_number(chain, self.agent), **terms, "callback": None}


class Ordered(NamedTuple):
    """An order that a chain has."""

    kind: str
    """`schedule` or `trigger`."""
    id: int
    record: dict[str, Any]


async def schedule(chain: Chain, owner: Keypair, run: Run, input: bytes, ahead: int, interval: int, count: int) -> int:
    """Has a job submitted so many milliseconds from now, and again at the interval; the schedule's number."""
    described = await Described.at(chain)
    first = (await chain.read(NOW) or 0) + ahead
    terms = {**await run.arguments(chain), "input": {"Inline": input}}
    times = {"first": first, "interval": interval, "count": count}
    call = described.call("Schedules", "schedule", **terms, **times)
    return await _number(chain, owner, call, described, "Schedules", "Scheduled", "schedule")


async def trigger(
    chain: Chain, owner: Keypair, run: Run, on: str, where: str | None, path: str, interval: int, count: int
) -> int:
    """Has a job submitted for each event `on` (`Pallet.Event`), `where` a field is what it says; its number."""
    described = await Described.at(chain)
    pallet, dot, name = on.partition(".")
    if not dot:
        raise BadTerms(f"an event is Pallet.Event, as in Curves.Bought, not {on!r}")
    kind = described.event(pallet, name)
    condition = None
    if where is not None:
        field, equals, value = where.partition("=")
        names = [each for each, _ in kind.fields]
        if not equals or field not in names:
            raise BadTerms(f"--where is FIELD=VALUE, and {on} has {', '.join(names) or 'no fields'}")
        place = names.index(field)
        condition = {"field": place, "value": described.encode(kind.fields[place][1], value, field)}
    waited = {"pallet": kind.pallet, "event": kind.event, "condition": condition, "interval": interval, "count": count}
    terms = await run.arguments(chain)
    call = described.encode_call({"Triggers": {"set_trigger": {**terms, "path": path.encode(), **waited}}})
    return await _number(chain, owner, call, described, "Triggers", "TriggerSet", "trigger")


async def take_back(chain: Chain, owner: Keypair, kind: str, id: int) -> None:
    """Ends an order of one of the two kinds."""
    described = await Described.at(chain)
    if kind == "schedule":
        call = described.call("Schedules", "unschedule", schedule=id)
    else:
        call = described.call("Triggers", "remove", trigger=id)
    await carried_out(chain, owner, call)


async def orders(chain: Chain, agent: str | None) -> list[Ordered]:
    """All orders on the chain, or those for an agent; the first `MAX_LISTED` of each kind."""
    described = await Described.at(chain)
    wanted = None if agent is None else await agent_number(chain, agent)
    found = []
    for kind, pallet, item in (("schedule", "Schedules", "Schedule"), ("trigger", "Triggers", "Trigger")):
        keys = await chain.keys_under(storage_prefix(pallet, item), MAX_LISTED)
        for key, value in zip(keys, await chain.get_all(keys), strict=True):
            record = described.value_of(pallet, item, value)
            if record is not None and wanted in (None, record["terms"]["agent"]):
                found.append(Ordered(kind, int.from_bytes(key[-ID_BYTES:], "little"), record))
    return sorted(found, key=lambda each: (each.kind, each.id))


async def set_calls(chain: Chain, governor: Keypair, agent: str, per_day: int) -> None:
    """Says what an agent may spend a day on agents that it calls."""
    described = await Described.at(chain)
    call = described.call("Agents", "set_calls", agent=await agent_number(chain, agent), per_day=per_day)
    await carried_out(chain, governor, call)


async def _number(
    chain: Chain, owner: Keypair, call: bytes, described: Described, pallet: str, event: str, field: str
) -> int:
    events = await carried_out(chain, owner, call, described)
    return next(int(each.fields[field]) for each in events if (each.pallet, each.name) == (pallet, event))
