"""One account that may do what root may: the governance of a development chain.

A call through sudo never fails by what it calls: the outcome is in the event. It is free for the holder of the key.
Mirrors `pallet_sudo`.
"""

from __future__ import annotations

from pallets.frame import (
    AccountId,
    Address,
    BadOrigin,
    DispatchError,
    DispatchInfo,
    Error,
    Event,
    Origin,
    Pallet,
    Pays,
    PostInfo,
    Value,
    Weight,
    call,
)
from pallets.frame.origin import ROOT, signed
from pallets.frame.runtime import Call, DispatchResult, RuntimeCall

FREE = PostInfo(pays_fee=Pays.No)


class Sudo(Pallet):
    """Root's powers for one account."""

    class Sudid(Event):
        """A sudo call just took place."""

        sudo_result: DispatchResult

    class KeyChanged(Event):
        """The sudo key has been updated."""

        old: AccountId | None
        new: AccountId

    class KeyRemoved(Event):
        """The key was permanently removed."""

    class SudoAsDone(Event):
        """A [sudo_as](Pallet::sudo_as) call just took place."""

        sudo_result: DispatchResult

    class RequireSudo(Error):
        """Sender must be the Sudo account."""

    key = Value[AccountId | None]()
    """The `AccountId` of the sudo key."""

    def genesis(self, key: AccountId | None = None) -> None:
        self.key = key

    # Calls; weights are FRAME's benchmarks with RocksDB's access times

    @call(0, weight=lambda call: call.dispatch_info().within(Weight(35_729_000, 1_517)))
    def sudo(self, origin: Origin, call: RuntimeCall) -> PostInfo:
        """Authenticates the sudo key and dispatches a function call with `Root` origin."""
        self._ensure_sudo(origin)
        self.deposit(self.Sudid(self._outcome(call, ROOT)))
        return FREE

    @call(1, weight=lambda call, weight: DispatchInfo(weight, call.dispatch_info().class_))
    def sudo_unchecked_weight(self, origin: Origin, call: RuntimeCall, weight: Weight) -> PostInfo:
        """Authenticates the sudo key and dispatches a function call with `Root` origin.

        This function does not check the weight of the call, and instead allows the Sudo user to specify the weight of
        the call.
        """
        return self.sudo(origin, call)

    @call(2, weight=Weight(134_663_000, 1_517))
    def set_key(self, origin: Origin, new: Address) -> PostInfo:
        """Authenticates the current sudo key and sets the given AccountId (`new`) as the new sudo key."""
        self._ensure_sudo(origin)
        self.deposit(self.KeyChanged(self.key, new))
        self.key = new
        return FREE

    @call(3, weight=lambda who, call: call.dispatch_info().within(Weight(36_003_000, 1_517)))
    def sudo_as(self, origin: Origin, who: Address, call: RuntimeCall) -> PostInfo:
        """Authenticates the sudo key and dispatches a function call with `Signed` origin from a given account."""
        self._ensure_sudo(origin)
        self.deposit(self.SudoAsDone(self._outcome(call, signed(who))))
        return FREE

    @call(4, weight=Weight(134_127_000, 1_517))
    def remove_key(self, origin: Origin) -> PostInfo:
        """Permanently removes the sudo key.

        **This cannot be un-done.**
        """
        self._ensure_sudo(origin)
        self.key = None
        self.deposit(self.KeyRemoved())
        return FREE

    # Inside

    def _ensure_sudo(self, origin: Origin) -> None:
        """Root, or the holder of the key; raises `BadOrigin` or `RequireSudo`."""
        if origin.kind == "none":
            raise BadOrigin
        if origin.kind == "signed" and origin.who != self.key:
            raise self.RequireSudo

    def _outcome(self, call: Call, origin: Origin) -> DispatchError | None:
        try:
            self.runtime.dispatch(call, origin)
        except DispatchError as error:
            return error
        return None
