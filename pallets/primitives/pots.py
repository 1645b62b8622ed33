"""Pots: accounts of pallets, which no key controls.

An account is made of a pallet's identifier of eight bytes, and of a number where the pallet has many of them. Mirrors
`PalletId::into_account_truncating` and `into_sub_account_truncating`.

Out of scope: accounts derived by a hash, as of multisigs and pure proxies. People act through them.
"""

from __future__ import annotations

from pallets.primitives.types import AccountId

START, REST = b"modl", bytes(12)


def pot_account(pallet_id: bytes, number: int | None = None) -> AccountId:
    """A pallet's own account, or that of a number."""
    numbered = b"" if number is None else number.to_bytes(8, "little")
    return (START + pallet_id + numbered).ljust(32, b"\0")


def is_pot(who: AccountId) -> bool:
    """Whether an account is a pallet's own: no key can be found whose account has so many bytes as it must."""
    return who.startswith(START) and who.endswith(REST)


def treasury(agent: int) -> AccountId:
    """Has an agent's money."""
    return pot_account(b"fthmagnt", agent)


def dao_account(agent: int) -> AccountId:
    """Calls what the holders of an agent's token have decided."""
    return pot_account(b"fthmdaos", agent)


def purse(agent: int) -> AccountId:
    """Has what an agent's jobs may pay, within limits."""
    return pot_account(b"fthmpurs", agent)
