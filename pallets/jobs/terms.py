"""What jobs ask of others: on which terms an agent takes one, and how many authorities the chain has."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from pallets.frame import Weight
from pallets.primitives.evidence import SlashReason
from pallets.primitives.job_record import Shares
from pallets.primitives.worker_record import Requirements, Staff, WorkerClass


class Terms(NamedTuple):
    """On what terms an agent takes a job; `treasury` is its account."""

    code: bytes
    price: int
    max_gas: int
    shares: Shares
    treasury: bytes
    narrow: bool
    class_id: int
    """Of the workers that will do."""

    def gas_for(self, max_fee: int, replicas: int) -> int:
        """How much gas a fee buys for each replica; gas that costs nothing is bought as if it cost one."""
        return min(self.max_gas, max_fee // (max(self.price, 1) * replicas))


class ServiceTerms(NamedTuple):
    """On what terms an agent pays for HTTP requests."""

    price: int
    max_charge: int
    gateways: list[bytes]
    shares: Shares
    treasury: bytes


class Owners(NamedTuple):
    """To whom that goes which an agent is paid."""

    treasury: bytes
    creator: bytes
    split: int
    """The creator's part of what the treasury is paid, in millionths."""
    token: int | None
    """Whose holders have a share; none as long as nobody holds any."""


class Payees(Protocol):
    """Who knows an agent's terms: `Agents`."""

    def terms(self, agent: int) -> Terms:
        """An agent's terms for a new job; raises the error that says why it takes none."""

    def service_terms(self, agent: int) -> ServiceTerms | None:
        """An agent's terms for requests; `None` of one there is not."""

    def spend_budget(self, agent: int, wanted: int, now: int) -> int:
        """Takes from what an agent's budget allows, `wanted` at most; answers how much. No money is moved."""

    def spend_calls(self, agent: int, wanted: int, now: int) -> int:
        """As `spend_budget`, of what the agent may spend on agents that it calls."""

    def caller_owes(self, agent: int, gas: int) -> int:
        """What a request of so much gas costs a caller who pays for it; there must be such an agent."""

    def owners(self, agent: int) -> Owners:
        """To whom that goes which an agent is paid; raises where there is no such agent."""

    def pay_holders(self, token: int, source: bytes, amount: int) -> bytes:
        """Moves an amount out of an account, for a token's holders; answers which account has it now."""


class KeyHolders(Protocol):
    """Who knows who has the cluster's secret: `Clusters`."""

    def holds_key(self, worker: bytes) -> bool:
        """Whether a worker has confirmed that it has it."""


EFFECTS_WEIGHT = Weight(4_000_000_000, 200_000)
"""The most that what a run has left for the chain may weigh: `submit` pays for it."""


class RunEffects(Protocol):
    """Who does what a run has left for the chain, within `EFFECTS_WEIGHT`: `Anchors`."""

    def apply(self, agent: int, job: int, submitter: bytes, output: bytes) -> None:
        """Looks into a settled job's output; what it can't do it says by an event, and undoes. Raises nothing."""


class Classes(Protocol):
    """Who keeps the capability classes of workers: `Workers`."""

    def open_class(self, requirements: Requirements, staff: Staff) -> int:
        """The class of these requirements and enclaves, open until `close_class`; raises why there can't be one."""

    def close_class(self, id: int) -> None:
        """Takes back an `open_class`."""

    def class_of(self, id: int) -> WorkerClass:
        """What a class that is open asks for."""


class Penalties(Protocol):
    """Who slashes workers: `Slashing`."""

    @property
    def discovery(self) -> int:
        """How long after a fault it may be found, in milliseconds."""

    def punish(
        self,
        worker: bytes,
        reason: SlashReason,
        amount: int,
        *,
        subject: bytes,
        evidence: bytes,
        at: int,
        reporter: bytes | None = None,
    ) -> int:
        """Slashes a worker for what it did at a moment; answers how much is at stake, `amount` at most.

        A fault of a worker on one subject counts once.
        """


class SettledMix(Protocol):
    """Randomness to draw with."""

    @property
    def mix(self) -> bytes:
        """32 bytes."""

    @property
    def predictable(self) -> bool:
        """Whether few authorities could foresee it."""


class Beacon(Protocol):
    """Who knows with what to draw: `Randomness`."""

    @property
    def shared(self) -> bool:
        """Whether so many authorities make it that none of them can steer it, if all draws wait for `settled`."""

    def settled(self, block: int) -> SettledMix | None:
        """With what the things queued in a block are drawn; `None` as long as that isn't settled."""
