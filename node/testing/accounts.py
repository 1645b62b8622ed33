"""The accounts of a devnet: the development accounts as constants, and any other from whatever names one."""

from __future__ import annotations

from functools import cache
from typing import Final

from node.testing.errors import InvalidAccount, NoSecretKey
from node.testing.signatures import SteadyKeypair
from pallets.primitives import ss58
from pallets.primitives.keys import DEV_ACCOUNTS, Keypair
from pallets.primitives.suri import InvalidSecret


class Account(bytes):
    """An account: its 32 bytes, so that it can stand wherever the chain's own code takes an account identifier."""

    suri: str | None
    """Where its key comes from; without one it has none to sign with, and `as_` impersonates it."""

    def __new__(cls, account_id: bytes, suri: str | None = None) -> Account:
        if len(account_id) != 32:
            raise InvalidAccount(f"an account has 32 bytes, not {len(account_id)}")
        account = super().__new__(cls, account_id)
        account.suri = suri
        return account

    @property
    def address(self) -> str:
        """Its SS58 address with the dev chain's prefix, 42."""
        return ss58.encode(bytes(self))

    @property
    def keypair(self) -> SteadyKeypair:
        """Its key pair, which signs without randomness; raises `NoSecretKey`."""
        if self.suri is None:
            raise NoSecretKey(f"{self.address} comes from no secret URI, so there is no key to sign with")
        return _pair(self.suri)

    def __repr__(self) -> str:
        return f"<Account {self.suri or self.address}>"


Who = bytes | str | Keypair
"""An account: an `Account`, its 32 bytes, an address, `0x` hex, a dev account's name, or a secret URI with `//`."""


@cache
def _pair(suri: str) -> SteadyKeypair:
    return SteadyKeypair.of(Keypair.from_suri(suri))


def _of_suri(suri: str) -> Account:
    return Account(_pair(suri).account_id, suri)


def account(who: Who) -> Account:
    """The account that `who` names; raises `InvalidAccount`."""
    if isinstance(who, Account):
        return who
    if isinstance(who, Keypair):
        return account(who.account_id)
    if isinstance(who, bytes):
        return _DEVELOPERS.get(who) or Account(who)
    if not isinstance(who, str):
        raise InvalidAccount(f"{who!r} is no account: give an address, a dev account's name, 32 bytes or a key pair")
    if who.removesuffix("//stash").capitalize() in DEV_ACCOUNTS:
        name, stash = who.removesuffix("//stash").capitalize(), "//stash" if who.endswith("//stash") else ""
        return _of_suri(f"//{name}{stash}")
    try:
        if who.startswith("//"):
            return _of_suri(who)
        return account(bytes.fromhex(who[2:]) if who.startswith("0x") else ss58.decode_account(who))
    except (ValueError, InvalidSecret) as error:
        raise InvalidAccount(f"{who!r} is no account: {error}") from None


ALICE: Final = _of_suri("//Alice")
BOB: Final = _of_suri("//Bob")
CHARLIE: Final = _of_suri("//Charlie")
DAVE: Final = _of_suri("//Dave")
EVE: Final = _of_suri("//Eve")
FERDIE: Final = _of_suri("//Ferdie")
_DEVELOPERS: Final[dict[bytes, Account]] = {bytes(who): who for who in (ALICE, BOB, CHARLIE, DAVE, EVE, FERDIE)}
