"""What a class of tokens beside the native one is to the pallets that ask for it.

## Overview

`Fungibles` is what other pallets ask for; `Assets` is one. It in turn asks two things: a `BalanceListener` is told of
every change of a balance before it is written, and a `FrozenBalance` says what of a balance can't leave.

Mirrors `frame_support::traits::tokens::fungibles` and `pallet_assets::FrozenBalance`; FRAME has no listener.

## Errors

What can't be done raises a `DispatchError` and changes nothing.
"""

from __future__ import annotations

from typing import Protocol

from pallets.frame import U32, AccountId, Balance

AssetId = U32
"""Identifier of a token."""
Side = tuple[AccountId, Balance, Balance]
"""One side of a change: whose balance, what it is, and what it will be."""


class Fungibles(Protocol):
    """Many tokens, each by its identifier."""

    def next_id(self) -> AssetId:
        """The identifier that the next token has to be created under."""

    def create_token(self, id: AssetId, owner: AccountId, name: bytes, symbol: bytes, decimals: int) -> None:
        """A new token without a deposit: sufficient, of which an account may have a single unit, all roles `owner`'s.

        Raises `Assets.InUse`, `Assets.BadAssetId` or `Assets.BadMetadata`.
        """

    def exists(self, id: AssetId) -> bool:
        """Whether there is such a token."""

    def decimals(self, id: AssetId) -> int:
        """How many decimals its units have; 0 of an unknown token."""

    def total_issuance(self, id: AssetId) -> Balance:
        """All units there are; 0 of an unknown token."""

    def balance(self, id: AssetId, who: AccountId) -> Balance:
        """All units an account has, frozen ones too."""

    def reducible(self, id: AssetId, who: AccountId) -> Balance:
        """The most that can be taken from the account, which may end by it."""

    def mint_into(self, id: AssetId, who: AccountId, amount: Balance) -> None:
        """Issues new units to an account."""

    def burn_from(self, id: AssetId, who: AccountId, amount: Balance) -> None:
        """Destroys an account's units, exactly as many."""

    def transfer(
        self, id: AssetId, source: AccountId, dest: AccountId, amount: Balance, *, keep_alive: bool = False
    ) -> None:
        """Moves units; may end the source's account of this token unless `keep_alive`, may open the destination's."""


class BalanceListener(Protocol):
    """Who must know of changes of balances."""

    def before_change(self, id: AssetId, *sides: Side) -> None:
        """Balances are about to change: called once for every change, of an account or of both that a transfer has.

        Nothing is written yet that the change would bring. Must not raise.
        """


class FrozenBalance(Protocol):
    """Who says what of a balance can't leave."""

    def frozen(self, id: AssetId, who: AccountId) -> Balance:
        """How much must stay on the account, whatever its owner wants."""


class Nobody:
    """A `BalanceListener` that follows no token and a `FrozenBalance` that freezes none: FRAME's `()`."""

    def before_change(self, id: AssetId, *sides: Side) -> None:
        return

    def frozen(self, id: AssetId, who: AccountId) -> Balance:
        return 0


NOBODY = Nobody()
