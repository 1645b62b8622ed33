"""What a job's run leaves for the chain beside its output: locks, writes to the agent's store, and actions.

A job's output may be an *envelope*: `MAGIC`, the SCALE encoding of `Effects`, then the output proper, to the end. Who
runs a script makes it, never the script: an output that begins with `MAGIC` by itself is put into one without effects,
so that nobody whose words an agent repeats writes in its name.

    content = enveloped(EFFECTS.encode(effects), output)
    effects, output = opened(content)   # `None` of what is no envelope

The order of an action's variants is fixed; more may follow.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.primitives.codec import codec_of
from pallets.primitives.types import AccountId, Balance, Bound, Bytes32, Variant, struct

MAGIC = b"fathom/effects\x01"
MAX_KEY = 128
"""Bytes of a key in an agent's store."""
MAX_VALUE = 16 * 1024
"""Bytes of a value."""
MAX_LOCKS = 256
"""Conditions of one run, and as many updates."""
MAX_ACTIONS = 16
MAX_CALL = 4096
"""Bytes of a call that an action makes."""
MAX_TOPICS = 4
MAX_DATA = 4096
"""Bytes of an event's data."""

Key = Annotated[bytes, Bound(MAX_KEY)]
StoredValue = Annotated[bytes, Bound(MAX_VALUE)]


@struct(path="pallet_anchors::Condition")
class Condition:
    """An optimistic lock: what the run has read is still so."""

    key: Key
    hash: Bytes32 | None
    """BLAKE2b-256 of the value; none: there was no value."""


@struct(path="pallet_anchors::Update")
class Update:
    """A write to the agent's store."""

    key: Key
    value: StoredValue | None
    """None: the key goes."""


class Action(Variant):
    """Something that the chain is to do."""

    __type_path__ = "pallet_anchors::Action"


@struct(index=0)
class Pay(Action):
    """A transfer from the agent's purse."""

    to: AccountId
    amount: Balance


@struct(index=1, name="Call")
class CallAction(Action):
    """A call of the chain in the name of who submitted the job, under a mandate of theirs."""

    call: Annotated[bytes, Bound(MAX_CALL)]


@struct(index=2)
class Send(Action):
    """A call of another chain, in the name of the agent there."""

    chain: Bytes32
    """Its genesis hash."""
    call: Annotated[bytes, Bound(MAX_CALL)]
    spends: Balance
    """What it takes there at most, in that chain's smallest units, fees included."""


@struct(index=3)
class Emit(Action):
    """An event of the agent's."""

    topics: Annotated[list[Bytes32], Bound(MAX_TOPICS)]
    data: Annotated[bytes, Bound(MAX_DATA)]


@struct(path="pallet_anchors::Effects")
class Effects:
    """All that one run leaves for the chain: where every condition holds, the updates are made, then the actions."""

    conditions: Annotated[list[Condition], Bound(MAX_LOCKS)] = field(default_factory=list)
    updates: Annotated[list[Update], Bound(MAX_LOCKS)] = field(default_factory=list)
    actions: Annotated[list[Action], Bound(MAX_ACTIONS)] = field(default_factory=list)

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to do, whatever holds."""
        return not self.updates and not self.actions


EFFECTS = codec_of(Effects)


def enveloped(effects: bytes, output: bytes) -> bytes:
    """The output of a run that left these effects, as encoded; empty: none. See the module's words on `MAGIC`."""
    if not effects and not output.startswith(MAGIC):
        return output
    return MAGIC + (effects or EFFECTS.encode(Effects())) + output


def opened(content: bytes) -> tuple[Effects, bytes] | None:
    """The effects of an envelope, and the output proper; `None` of any other content. Raises `DecodeError`."""
    if not content.startswith(MAGIC):
        return None
    effects, end = EFFECTS.decode(content, len(MAGIC))
    return effects, content[end:]
