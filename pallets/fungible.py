"""What a token is: to the pallets that ask for one, and to the account that has it.

`Currency` is what other pallets ask for; the functions are the rules by which a balance may shrink and grow, of an
account's record alone; the rest are the wire types of what is held, locked, reserved or frozen.

Mirrors `frame_support::traits::tokens` and `pallet_balances::types`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Protocol

from pallets.frame import AccountId, Arithmetic, Balance, Event, Token, UnitEnum, struct
from pallets.frame.runtime import RuntimeHoldReason
from pallets.primitives.fixed import U128_MAX
from pallets.primitives.types import FixedBytes
from pallets.system.account import AccountInfo


class Currency(Protocol):
    """What other pallets may ask of a token. What can't be done raises a `DispatchError` and changes nothing."""

    @property
    def existential_deposit(self) -> Balance:
        """The least an account has free."""

    def free(self, who: AccountId) -> Balance:
        """What of the account isn't held."""

    def reducible(self, who: AccountId, *, keep_alive: bool) -> Balance:
        """The most that can be taken from the free balance."""

    def transfer(self, source: AccountId, dest: AccountId, value: Balance, *, keep_alive: bool = False) -> None:
        """Moves free balance; may reap the source unless `keep_alive`, may create the destination."""

    def held(self, reason: RuntimeHoldReason, who: AccountId) -> Balance:
        """What is held for a reason."""

    def hold(self, reason: RuntimeHoldReason, who: AccountId, amount: Balance, *, keep_alive: bool = False) -> None:
        """Holds more of the free balance; `keep_alive` leaves the existential deposit free, whoever else provides."""

    def release(self, reason: RuntimeHoldReason, who: AccountId, amount: Balance) -> None:
        """Makes held balance free again; below the existential deposit, with nothing held any more, it is dust."""

    def transfer_held(self, reason: RuntimeHoldReason, source: AccountId, dest: AccountId, amount: Balance) -> None:
        """Moves held balance to another's free balance; may create the destination."""

    def mint_into(self, who: AccountId, amount: Balance) -> None:
        """Issues new units to an account."""

    def burn_from(self, who: AccountId, amount: Balance, *, keep_alive: bool) -> None:
        """Destroys free balance; may reap the account unless `keep_alive`."""


class ReservableCurrency(Protocol):
    """What FRAME's older pallets ask of a token: to reserve without a reason, of which they keep count themselves."""

    def reserve(self, who: AccountId, amount: Balance) -> None:
        """Reserves free balance; raises a `DispatchError` where it can't, and changes nothing."""

    def unreserve(self, who: AccountId, amount: Balance) -> None:
        """Makes reserved balance free again, as much of it as there is."""

    def repatriate_reserved(self, source: AccountId, dest: AccountId, amount: Balance) -> None:
        """Makes what is reserved on one account another's, reserved; raises a `DispatchError` and changes nothing."""


class Preservation(enum.Enum):
    """How much of an account a withdrawal leaves."""

    EXPENDABLE = enum.auto()
    """Nothing, unless something depends on the account."""
    PROTECT = enum.auto()
    """The account, be it by another provider than its balance."""
    PRESERVE = enum.auto()
    """The existential deposit."""


EXPENDABLE, PROTECT, PRESERVE = Preservation


def reducible(info: AccountInfo, preservation: Preservation, deposit: Balance) -> Balance:
    """The most that can be taken from an account's free balance; `deposit` is the existential one."""
    data = info.data
    untouchable = data.frozen - data.reserved if data.frozen > data.reserved else 0
    if (
        preservation is PRESERVE
        or (preservation is EXPENDABLE and info.consumers and info.providers <= 1 and data.free)
        or (preservation is PROTECT and info.providers == 1 and data.free)
    ):
        untouchable = max(untouchable, deposit)
    return data.free - untouchable if data.free > untouchable else 0


def check_withdrawal(info: AccountInfo, amount: Balance, deposit: Balance, *, keep_alive: bool) -> None:
    """Whether an amount can be taken: raises `Token` of FundsUnavailable, Frozen or NotExpendable."""
    if not amount:
        return
    if not 0 < amount <= info.data.free:
        raise Token("FundsUnavailable")
    if amount > reducible(info, EXPENDABLE, deposit):
        raise Token("Frozen")
    if keep_alive and info.data.free - amount < deposit:
        raise Token("NotExpendable")


def check_deposit(info: AccountInfo, amount: Balance, deposit: Balance) -> None:
    """Whether an amount can be added: raises `Token` of BelowMinimum, `Arithmetic` of Overflow."""
    if not amount:
        return
    free = info.data.free + amount
    if free < deposit or amount < 0:
        raise Token("BelowMinimum")
    if free + info.data.reserved > U128_MAX:
        raise Arithmetic("Overflow")


class AccountAmount(Event):
    """Base of the events that name an account and an amount."""

    who: AccountId
    amount: Balance


class Amount(Event):
    """Base of the events that name an amount."""

    amount: Balance


class BalanceStatus(UnitEnum):
    """Status of funds."""

    __type_path__ = "frame_support::traits::tokens::misc::BalanceStatus"
    Free = 0
    Reserved = 1


class LockReasons(UnitEnum):
    """What a lock keeps funds from."""

    __type_path__ = "pallet_balances::types::Reasons"
    Fee = 0
    Misc = 1
    All = 2


class RuntimeFreezeReason(UnitEnum):
    """Why funds may be frozen: no pallet has a reason."""

    __type_path__ = "fathom_runtime::RuntimeFreezeReason"


Identifier = Annotated[bytes, FixedBytes(8)]


@struct(path="pallet_balances::types::BalanceLock")
class BalanceLock:
    """A lock on a balance."""

    __type_arguments__ = (("Balance", Balance),)

    id: Identifier
    amount: Balance
    reasons: LockReasons


@struct(path="pallet_balances::types::ReserveData")
class ReserveData:
    """A named reserve."""

    __type_arguments__ = (("ReserveIdentifier", Identifier), ("Balance", Balance))

    id: Identifier
    amount: Balance


@struct(path="frame_support::traits::tokens::misc::IdAmount")
class HeldAmount:
    """What is held for a reason."""

    __type_arguments__ = (("Id", RuntimeHoldReason), ("Balance", Balance))

    id: RuntimeHoldReason
    amount: Balance


@struct(path="frame_support::traits::tokens::misc::IdAmount")
class FrozenAmount:
    """What is frozen for a reason."""

    __type_arguments__ = (("Id", RuntimeFreezeReason), ("Balance", Balance))

    id: RuntimeFreezeReason
    amount: Balance
