"""An account's record: its nonce, what keeps it alive, its balance.

Mirrors `frame_system::AccountInfo` with `pallet_balances::types::AccountData`. References change the record in hand;
who holds it writes it back, or lets `System.reap` drop it.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pallets.frame import U32, U128, Balance, Nonce, struct
from pallets.frame.events import ConsumerRemaining, NoProviders, TooManyConsumers
from pallets.primitives.types import Wrapped

MAX_CONSUMERS = 128
NEW_LOGIC = 1 << 127  # AccountData.flags of every account FRAME writes today

ExtraFlags = Annotated[U128, Wrapped("pallet_balances::types::ExtraFlags")]


@struct(path="pallet_balances::types::AccountData")
class AccountData:
    """All balance of an account: spendable, held, and how much of both a freeze covers."""

    __type_arguments__ = (("Balance", Balance),)

    free: Balance = 0
    reserved: Balance = 0
    frozen: Balance = 0
    flags: ExtraFlags = NEW_LOGIC


@struct(path="frame_system::AccountInfo")
class AccountInfo:
    """An account: its nonce, the references that keep it alive, its balance."""

    __type_arguments__ = (("Nonce", Nonce), ("AccountData", AccountData))

    nonce: Nonce = 0
    consumers: U32 = 0
    providers: U32 = 0
    sufficients: U32 = 0
    data: AccountData = field(default_factory=AccountData)

    def dec_providers(self) -> bool:
        """One reason fewer to exist; answers whether it was the last and the account is to be reaped.

        Raises `ConsumerRemaining` where something still depends on the account.
        """
        if self.providers <= 1 and self.consumers:
            raise ConsumerRemaining
        if self.providers <= 1 and not self.sufficients:
            self.providers = 0
            return True
        self.providers = max(self.providers - 1, 0)
        return False

    def inc_consumers(self) -> None:
        """One more thing depends on the account; raises `NoProviders` if nothing keeps it, or `TooManyConsumers`."""
        if not self.providers:
            raise NoProviders
        if self.consumers >= MAX_CONSUMERS:
            raise TooManyConsumers
        self.consumers += 1

    def dec_consumers(self) -> None:
        """One thing fewer depends on the account."""
        self.consumers = max(self.consumers - 1, 0)
