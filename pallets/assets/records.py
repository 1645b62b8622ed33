"""What is stored of tokens, and of accounts that have some.

Mirrors `pallet_assets::types`.
"""

from __future__ import annotations

from typing import Annotated

from pallets.frame import U8, U32, AccountId, Balance, Bound, UnitEnum, Variant, struct

STRING_LIMIT = 50

TokenText = Annotated[bytes, Bound(STRING_LIMIT)]


class AssetStatus(UnitEnum):
    """What may be done with a token."""

    __type_path__ = "pallet_assets::types::AssetStatus"
    Live = 0
    """Everything."""
    Frozen = 1
    """Nothing that changes a balance."""
    Destroying = 2
    """Nothing but what ends it."""


class AccountStatus(UnitEnum):
    """What an account may do with its units of a token."""

    __type_path__ = "pallet_assets::types::AccountStatus"
    Liquid = 0
    """Everything."""
    Frozen = 1
    """Receive."""
    Blocked = 2
    """Nothing."""


class ExistenceReason(Variant):
    """Why an account may have units of a token at all."""

    __type_path__ = "pallet_assets::types::ExistenceReason"
    __type_arguments__ = (("Balance", Balance), ("AccountId", AccountId))
    __unnamed__ = True


@struct
class Consumer(ExistenceReason):
    """It exists for another reason, which it keeps needing."""


@struct
class Sufficient(ExistenceReason):
    """The token is reason enough."""


@struct
class DepositHeld(ExistenceReason):
    """A deposit of its own is reserved."""

    deposit: Balance


@struct
class DepositRefunded(ExistenceReason):
    """The deposit was given back: the account is about to end."""


@struct
class DepositFrom(ExistenceReason):
    """A deposit of another account is reserved."""

    depositor: AccountId
    deposit: Balance


SUFFICIENT, CONSUMER = Sufficient(), Consumer()


@struct(path="pallet_assets::types::AssetDetails")
class AssetDetails:
    """A token."""

    __type_arguments__ = (("Balance", Balance), ("AccountId", AccountId), ("DepositBalance", Balance))

    owner: AccountId
    """Can change owner, issuer, freezer and admin."""
    issuer: AccountId
    """Can mint."""
    admin: AccountId
    """Can thaw, force transfers and burn units of any account."""
    freezer: AccountId
    """Can freeze."""
    supply: Balance
    """All units there are."""
    deposit: Balance
    """What is reserved on the owner for it."""
    min_balance: Balance
    """The least an account has; what would be left below that goes with the rest."""
    is_sufficient: bool
    """Whether having some is reason enough for an account to exist."""
    accounts: U32
    """How many accounts there are."""
    sufficients: U32
    """How many of them exist by the token alone."""
    approvals: U32
    """How many approvals there are."""
    status: AssetStatus


@struct(path="pallet_assets::types::AssetAccount")
class AssetAccount:
    """What an account has of a token."""

    __type_arguments__ = (
        ("Balance", Balance),
        ("DepositBalance", Balance),
        ("Extra", type(None)),
        ("AccountId", AccountId),
    )

    balance: Balance
    status: AccountStatus
    reason: ExistenceReason
    extra: None = None


@struct(path="pallet_assets::types::Approval")
class Approval:
    """How much a delegate may still transfer, and what is reserved on the owner for that."""

    __type_arguments__ = (("Balance", Balance), ("DepositBalance", Balance))

    amount: Balance = 0
    deposit: Balance = 0


@struct(path="pallet_assets::types::AssetMetadata")
class AssetMetadata:
    """What people call a token."""

    __type_arguments__ = (("DepositBalance", Balance), ("BoundedString", TokenText))

    deposit: Balance = 0
    """What is reserved on the owner for it."""
    name: TokenText = b""
    symbol: TokenText = b""
    decimals: U8 = 0
    is_frozen: bool = False
    """Whether the owner can't change it."""
