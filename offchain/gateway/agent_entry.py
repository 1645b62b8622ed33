"""What is known of an agent, in the pieces that the chain keeps it in, and what the gateway makes of them.

known = Known()
for part, value in zip(PARTS, values, strict=True):   # of ITEMS
    part(known, value)
known.settle(id)
known.entry
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from offchain.chain import StorageItem
from offchain.gateway.records import ACCESS, AGENT, CALLS, REQUIREMENTS, SERVICE
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS, AccessPolicy, ServicePolicy, caller_owes
from pallets.primitives.worker_record import EVERYONE


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent that takes requests."""

    id: int
    name: str
    code: bytes
    """The hash of its approved script."""
    class_id: int
    """The workers that may serve it."""
    gateways: tuple[bytes, ...]
    """Whose tickets it pays for; none where it costs nothing."""
    price: int
    """Of a unit of gas."""
    access: AccessPolicy
    since: float
    """When this was learnt, on trio's clock."""
    most: int = 0
    """What a request costs at most."""
    calls_by: tuple[bytes, ...] = ()
    """By whose tickets it pays for agents that it calls; none where it may spend nothing on that."""

    @property
    def costs(self) -> bool:
        """Whether a request costs anybody anything."""
        return bool(self.price or self.access.call_price)


@dataclass(slots=True)
class Known:
    """What is known of an agent, in the pieces that the chain keeps it in."""

    name: str = ""
    code: bytes | None = None
    exists: bool = False
    paused: bool = False
    price: int = 0
    max_gas: int = 0
    class_id: int = EVERYONE
    service: ServicePolicy = field(default_factory=lambda: NO_SERVICE)
    calls: int = 0
    access: AccessPolicy = field(default_factory=lambda: OPEN_ACCESS)
    entry: AgentEntry | None = None

    def settle(self, id: int) -> None:
        code = self.code
        usable = self.exists and not self.paused and code is not None
        named = tuple(self.service.gateways)
        gateways = named if self.price or self.access.call_price else ()
        most = caller_owes(self.max_gas, self.price, self.service, self.access)
        terms = gateways, self.price, self.access, trio.current_time(), most, named if self.calls else ()
        self.entry = AgentEntry(id, self.name, code or b"", self.class_id, *terms) if usable else None


def _learn_record(known: Known, value: bytes | None) -> None:
    record = AGENT.decode(value)
    known.exists = record is not None
    known.name = "" if record is None else record.name.decode(errors="replace")
    known.code = None if record is None else record.code
    known.paused = record is not None and record.paused
    known.price = 0 if record is None else record.policy.price
    known.max_gas = 0 if record is None else record.policy.max_gas


def _learn_requirements(known: Known, value: bytes | None) -> None:
    known.class_id = REQUIREMENTS.decode(value) or EVERYONE


def _learn_service(known: Known, value: bytes | None) -> None:
    known.service = SERVICE.decode(value) or NO_SERVICE


def _learn_access(known: Known, value: bytes | None) -> None:
    known.access = ACCESS.decode(value) or OPEN_ACCESS


def _learn_calls(known: Known, value: bytes | None) -> None:
    known.calls = CALLS.decode(value) or 0


ITEMS: tuple[StorageItem[object], ...] = (AGENT, REQUIREMENTS, SERVICE, ACCESS, CALLS)  # type: ignore[assignment]
PARTS: tuple[Callable[[Known, bytes | None], None], ...] = (
    _learn_record,
    _learn_requirements,
    _learn_service,
    _learn_access,
    _learn_calls,
)
