"""Keyless accounts, as Substrate makes them."""

from __future__ import annotations

from pallets.primitives.pots import dao_account, is_pot, pot_account, treasury
from pallets.primitives.ss58 import decode_account


def test_accounts_are_those_of_substrates_pallet_ids() -> None:
    """Polkadot's treasury, and a crowdloan's fund, as the block explorers know them."""
    assert pot_account(b"py/trsry") == decode_account("13UVJyLnbVp9RBZYFwFGyDvVd1y27Tt8tkntv6Q7JVPhFsTB")
    assert pot_account(b"py/cfund", 7).startswith(b"modlpy/cfund\x07")


def test_what_is_a_pot() -> None:
    assert all(map(is_pot, (treasury((1 << 64) - 1), dao_account(0), pot_account(b"py/trsry"))))
    found_by_trying = b"modl" + bytes(range(28))
    assert not is_pot(found_by_trying)
    assert not is_pot(bytes(32))
