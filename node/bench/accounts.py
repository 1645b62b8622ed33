"""The accounts of a bench and their transfers, all from a number.

The first `signers` accounts have sr25519 keys, the others are identifiers that nobody has a key of. A destination is
any of them, by a hash of the transfer's number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from node.signing import sign_call
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat, blake2_256, storage_prefix
from pallets.primitives.keys import Keypair, Scheme
from pallets.runtime import UNIT, DevRuntime
from pallets.system.account import AccountData, AccountInfo

FUNDS = 1000 * UNIT
VALUE = UNIT // 10
MAX_SIGNERS = 5000
ACCOUNT_PREFIX = storage_prefix("System", "Account")
RECORD = codec_of(AccountInfo)


class Transfer(NamedTuple):
    """A transfer of `VALUE`: numbers of both accounts, and the signer's nonce."""

    signer: int
    destination: int
    nonce: int


class Accounts:
    """So many funded accounts."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.signers = min(count, MAX_SIGNERS)

    def keypair(self, number: int) -> Keypair:
        """The key of one of the signers."""
        return Keypair.from_seed(_digest(b"bench signer", number), Scheme.SR25519)

    def identifier(self, number: int) -> bytes:
        """An account's 32 bytes."""
        if number < self.signers:
            return self.keypair(number).account_id
        return _digest(b"bench account", number)

    def transfer(self, number: int) -> Transfer:
        """The transfer of a number: signers take turns, destinations are any account."""
        nonce, signer = divmod(number, self.signers)
        destination = int.from_bytes(_digest(b"bench destination", number)[:8], "little") % self.count
        return Transfer(signer, destination, nonce)

    def signed(self, count: int, genesis_hash: bytes) -> list[bytes]:
        """The first `count` transfers as extrinsics."""
        runtime = DevRuntime(Overlay(DictBackend()))
        pairs = [self.keypair(number) for number in range(min(self.signers, count))]
        extrinsics = []
        for transfer in map(self.transfer, range(count)):
            destination = self.identifier(transfer.destination)
            call = runtime.call("Balances", "transfer_keep_alive", dest=destination, value=VALUE)
            extrinsics.append(sign_call(runtime, call, pairs[transfer.signer], transfer.nonce, genesis_hash))
        return extrinsics

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """Storage keys and values of all of them, as genesis would fund them."""
        record = RECORD.encode(AccountInfo(providers=1, data=AccountData(free=FUNDS)))
        for number in range(self.count):
            yield account_key(self.identifier(number)), record


def account_key(account: bytes) -> bytes:
    """Where an account's record is stored."""
    return ACCOUNT_PREFIX + Blake2_128Concat.apply(account)


def _digest(what: bytes, number: int) -> bytes:
    return blake2_256(what + number.to_bytes(8, "little"))
