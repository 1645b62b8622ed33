"""What a run of contracts reads and changes: contracts, their storage, balances, events, payments.

Overview
    All of an agent's contracts, its own and those that it has made, live in the agent's key-value store on the chain:

        m                   the hash of the code that was deployed; empty once it was terminated
        s ‖ key             the agent's contract's storage
        c ‖ account ‖ m     as above, of a contract that was made by it, at this account
        c ‖ account ‖ s ‖ key

    A key that would be longer than the store takes is stored by its hash, under `h` instead of `s`. Contracts of other
    agents are read and never written: their jobs alone may do that.

    Changes are kept here, and undone to a mark where a message reverts or traps. What stood before a change is read
    from the chain at most once.

Out of scope
    How the chain is asked, and told: `chain`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from offchain.sandbox.base import ContractTrapped
from pallets.primitives.contract import agent_of
from pallets.primitives.effects import MAX_ACTIONS, MAX_KEY
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import purse

META, STORED, HASHED, MADE = b"m", b"s", b"h", b"c"


class ContractChain(Protocol):
    """The chain as a run of contracts reads it, always at one block. Raises `ChainUnread`."""

    @property
    def agent(self) -> int:
        """Whose run this is."""

    def own_value(self, key: bytes) -> bytes | None:
        """Of the agent's own store; the chain refuses what is written if it has changed by then."""

    def value(self, agent: int, key: bytes) -> bytes | None:
        """Of another agent's store."""

    def code_of(self, agent: int) -> bytes | None:
        """The hash of an agent's approved code, if it is a contract's."""

    def free_balance(self, account: bytes) -> int:
        """What an account has, in the chain's smallest units."""


@dataclass(frozen=True)
class Contract:
    """A contract that can be called."""

    account: bytes
    agent: int
    code: bytes
    """The hash of its code."""
    prefix: bytes
    """What its keys begin with in the agent's store."""
    is_own: bool
    """Whether it is of the agent whose run this is: another one's isn't written."""

    def key(self, key: bytes) -> bytes:
        """The key in the agent's store of a key of the contract's."""
        stored = self.prefix + STORED + key
        return stored if len(stored) <= MAX_KEY else self.prefix + HASHED + blake2_256(key)


class Event(NamedTuple):
    """An event that a contract emitted."""

    account: bytes
    topics: list[bytes]
    data: bytes


class Payment(NamedTuple):
    """A transfer out of the agent's purse."""

    to: bytes
    amount: int


class State:
    """The chain's state with a run's changes on top."""

    def __init__(self, chain: ContractChain) -> None:
        self.chain = chain
        self.done: list[Event | Payment] = []
        """What happened besides writes, in order."""
        self._read: dict[bytes, bytes | None] = {}
        self._written: dict[bytes, bytes | None] = {}
        self._moved: dict[bytes, int] = {}
        """By how much accounts have more than on the chain."""
        self._undo: list[Callable[[], object]] = []

    @property
    def writes(self) -> dict[bytes, bytes | None]:
        """The keys of the agent's store that are to change, in order, and their values."""
        return {key: value for key, value in sorted(self._written.items()) if self._read.get(key) != value}

    # Marks

    def mark(self) -> int:
        """Where to go back to by `undo`."""
        return len(self._undo)

    def undo(self, mark: int) -> None:
        """Forget all changes since the mark."""
        while len(self._undo) > mark:
            self._undo.pop()()

    # Contracts

    def contract(self, account: bytes) -> Contract | None:
        """What can be called at an account."""
        agent = agent_of(account)
        if agent is None:
            code = self._own(MADE + account + META)
            return Contract(account, self.chain.agent, code, MADE + account, True) if code else None
        is_own = agent == self.chain.agent
        if not (self._own(META) if is_own else self.chain.value(agent, META)):
            return None
        code = self.chain.code_of(agent)
        return None if code is None else Contract(account, agent, code, b"", is_own)

    def root(self, code: bytes) -> Contract:
        """The agent's own contract, whether or not it is deployed."""
        return Contract(purse(self.chain.agent), self.chain.agent, code, b"", True)

    def deployed(self, contract: Contract) -> bytes | None:
        """What its entry says: the hash of the code that was deployed; empty once it was terminated."""
        return self._own(contract.prefix + META)

    def deploy(self, contract: Contract, code: bytes) -> None:
        """Make its entry; with no bytes, say that it is no more."""
        self._set(contract.prefix + META, code)

    def is_taken(self, account: bytes) -> bool:
        """Whether a contract was made at an account, whatever became of it: what it stored is still there."""
        return self._own(MADE + account + META) is not None

    def add(self, account: bytes, code: bytes) -> Contract:
        """A contract that a contract makes, at an account that isn't taken."""
        contract = Contract(account, self.chain.agent, code, MADE + account, True)
        self.deploy(contract, code)
        return contract

    # Storage

    def get(self, contract: Contract, key: bytes) -> bytes | None:
        """A value of a contract's storage."""
        place = contract.key(key)
        return self._own(place) if contract.is_own else self.chain.value(contract.agent, place)

    def set(self, contract: Contract, key: bytes, value: bytes | None) -> bytes | None:
        """Write a value of an own contract's; answers the one before."""
        place = contract.key(key)
        before = self._own(place)
        self._set(place, value)
        return before

    def _own(self, place: bytes) -> bytes | None:
        if place in self._written:
            return self._written[place]
        if place not in self._read:
            self._read[place] = self.chain.own_value(place)
        return self._read[place]

    def _set(self, place: bytes, value: bytes | None) -> None:
        had, before = place in self._written, self._written.get(place)
        self._written[place] = value
        self._undo.append(lambda: self._written.__setitem__(place, before) if had else self._written.pop(place))

    # Money and events

    def balance(self, account: bytes) -> int:
        """What an account has by now."""
        return self.chain.free_balance(account) + self._moved.get(account, 0)

    def move(self, account: bytes, amount: int) -> None:
        """An account has so much more, or less."""
        self._moved[account] = self._moved.get(account, 0) + amount
        self._undo.append(lambda: self._moved.__setitem__(account, self._moved[account] - amount))

    def pay(self, source: bytes, to: bytes, amount: int) -> bool:
        """Pay from an own contract's account; false where it has not as much."""
        if amount > self.balance(source):
            return False
        if amount:
            self.move(source, -amount)
            self.move(to, amount)
            self._happen(Payment(to, amount))
        return True

    def emit(self, event: Event) -> None:
        """An event."""
        self._happen(event)

    def _happen(self, what: Event | Payment) -> None:
        if len(self.done) == MAX_ACTIONS:
            raise ContractTrapped(f"TooManyActions: a job leaves at most {MAX_ACTIONS} events and payments")
        self.done.append(what)
        self._undo.append(self.done.pop)
