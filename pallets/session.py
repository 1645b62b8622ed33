"""Which account stands behind which consensus keys.

One session lasts for ever: nothing ends it, so the validators are those of genesis, `CurrentIndex` stays 0, and keys
that are set wait for a session that doesn't come. Clients name a block's author by `Validators[slot % n]`. Mirrors
`pallet_session` with a `ShouldEndSession` that says never; as there, keys need no proof of ownership.
"""

from __future__ import annotations

from typing import Annotated

from pallets.aura import AuraId
from pallets.frame import U32, AccountId, Error, Event, Map, Pallet, Signed, Value, Weight, call, struct
from pallets.frame.events import NoProviders, TooManyConsumers
from pallets.grandpa import GrandpaId
from pallets.primitives.hashing import Twox64Concat
from pallets.primitives.types import FixedBytes
from pallets.system.pallet import System

KeyTypeId = Annotated[bytes, FixedBytes(4, "sp_core::crypto::KeyTypeId")]


@struct(path="fathom_runtime::SessionKeys")
class SessionKeys:
    """The keys a validator works with."""

    aura: AuraId
    grandpa: GrandpaId

    def by_type(self) -> list[tuple[bytes, bytes]]:
        """Each key with the identifier of its type, in the order of the fields."""
        return [(b"aura", self.aura), (b"gran", self.grandpa)]


class Session(Pallet):
    """Which account stands behind which consensus keys."""

    system: System

    class NewSession(Event):
        """New session has happened. Note that the argument is the session index, not the
        block number as the type might suggest."""

        session_index: U32

    class NewQueued(Event):
        """The `NewSession` event in the current block also implies a new validator set to be
        queued."""

    class ValidatorDisabled(Event):
        """Validator has been disabled."""

        validator: AccountId

    class ValidatorReenabled(Event):
        """Validator has been re-enabled."""

        validator: AccountId

    class InvalidProof(Error):
        """Invalid ownership proof."""

    class NoAssociatedValidatorId(Error):
        """No associated validator ID for account."""

    class DuplicatedKey(Error):
        """Registered duplicate key."""

    class NoKeys(Error):
        """No keys are associated with this account."""

    class NoAccount(Error):
        """Key setting account is not live, so it's impossible to associate keys."""

    validators = Value[list[AccountId]](default=list)
    """The current set of validators."""
    current_index = Value[U32](default=0)
    """Current index of the session."""
    queued_keys = Value[list[tuple[AccountId, SessionKeys]]](default=list)
    """The queued keys for the next session. When the next session begins, these keys
    will be used to determine the validator's session keys."""
    next_keys = Map[AccountId, SessionKeys](hasher=Twox64Concat)
    """The next session keys for a validator."""
    key_owner = Map[tuple[KeyTypeId, bytes], AccountId](hasher=Twox64Concat)
    """The owner of a key. The key is the `KeyTypeId` + the encoded key."""

    def genesis(self, keys: list[tuple[AccountId, AccountId, SessionKeys]] | None = None) -> None:
        """`keys` are account, validator and keys; the accounts' balances come before."""
        keys = keys or []
        for account, validator, given in keys:
            self._associate(validator, given)
            info = self.system.account[account]
            try:
                info.inc_consumers()
            except NoProviders:
                self.system.inc_providers(account, info)  # its keys keep an account without a balance
            self.system.account[account] = info
        self.validators = [validator for _, validator, _ in keys]
        self.queued_keys = [(validator, self.next_keys[validator]) for _, validator, _ in keys]

    @call(0, weight=Weight(883_000_000, 13_980))
    def set_keys(self, who: Signed, keys: SessionKeys, proof: bytes) -> None:
        """Sets the session key(s) of the function caller to `keys`.

        Allows an account to set its session key prior to becoming a validator.
        This doesn't take effect until the next session.

        The dispatch origin of this function must be signed.
        """
        info = self.system.account[who]
        try:
            info.inc_consumers()
        except (NoProviders, TooManyConsumers):
            raise self.NoAccount from None
        if self._associate(who, keys) is None:
            self.system.account[who] = info

    @call(1, weight=Weight(563_000_000, 4_557))
    def purge_keys(self, who: Signed) -> None:
        """Removes any session key(s) of the function caller.

        This doesn't take effect until the next session.

        The dispatch origin of this function must be Signed.
        """
        keys = self.next_keys.get(who)
        if keys is None:
            raise self.NoKeys
        del self.next_keys[who]
        for typed in keys.by_type():
            del self.key_owner[typed]
        info = self.system.account[who]
        info.dec_consumers()
        self.system.account[who] = info

    def _associate(self, validator: bytes, keys: SessionKeys) -> SessionKeys | None:
        """Makes `keys` the next ones; answers those before. Raises `DuplicatedKey` where one has another owner."""
        for typed in keys.by_type():
            if self.key_owner.get(typed) not in (None, validator):
                raise self.DuplicatedKey
        before = self.next_keys.get(validator)
        for typed in before.by_type() if before is not None else ():
            del self.key_owner[typed]
        for typed in keys.by_type():
            self.key_owner[typed] = validator
        self.next_keys[validator] = keys
        return before
