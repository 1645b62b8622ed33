"""Accounts that may call for others, within limits.

## Overview

An account adds proxies, each of a kind that says which calls it may make, and reserves a deposit for them. A proxy with
a delay announces a call's hash first, and makes the call that many blocks later, unless the account rejects it before;
then anyone may bring the call.

A pure account is one that no key signs for: proxies are all there is to reach it, and whoever spawned it is the first.
What a proxy's kind forbids stays forbidden in batches and by derivative accounts, and a proxy makes no other one that
may do more. Mirrors `pallet_proxy`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Annotated

from pallets.frame import (
    H256,
    U16,
    U32,
    AccountId,
    Address,
    Balance,
    BlockNumber,
    Bound,
    Compact,
    Const,
    DispatchError,
    Error,
    Event,
    Map,
    Pallet,
    Pays,
    PostInfo,
    Signed,
    Weight,
    call,
)
from pallets.frame.origin import signed
from pallets.frame.runtime import Call, DispatchResult, RuntimeCall
from pallets.fungible import ReservableCurrency
from pallets.primitives.hashing import Twox64Concat, blake2_256
from pallets.proxy.terms import (
    MAX_PENDING,
    MAX_PROXIES,
    PROXY,
    PROXY_ANNOUNCED,
    Announcement,
    DepositKind,
    ProxyDefinition,
    ProxyType,
    order,
    pure_account,
)
from pallets.system.pallet import System


class Proxy(Pallet):
    """Accounts that may call for others, within limits."""

    system: System
    currency: ReservableCurrency
    proxy_deposit_base: Const[Balance]
    """The base amount of currency needed to reserve for creating a proxy."""
    proxy_deposit_factor: Const[Balance]
    """The amount of currency needed per proxy added."""
    max_proxies: Const[U32] = MAX_PROXIES
    """The maximum amount of proxies allowed for a single account."""
    max_pending: Const[U32] = MAX_PENDING
    """The maximum amount of time-delayed announcements that are allowed to be pending."""
    announcement_deposit_base: Const[Balance]
    """The base amount of currency needed to reserve for creating an announcement."""
    announcement_deposit_factor: Const[Balance]
    """The amount of currency needed per announcement made."""

    class ProxyExecuted(Event):
        """A proxy was executed correctly, with the given result."""

        result: DispatchResult

    class PureCreated(Event):
        """A pure account has been created by new proxy with given disambiguation index and proxy type."""

        pure: AccountId
        who: AccountId
        proxy_type: ProxyType
        disambiguation_index: U16

    class PureKilled(Event):
        """A pure proxy was killed by its spawner."""

        pure: AccountId
        spawner: AccountId
        proxy_type: ProxyType
        disambiguation_index: U16

    class Announced(Event):
        """An announcement was placed to make a call in the future."""

        real: AccountId
        proxy: AccountId
        call_hash: H256

    class ProxyAdded(Event):
        """A proxy was added."""

        delegator: AccountId
        delegatee: AccountId
        proxy_type: ProxyType
        delay: BlockNumber

    class ProxyRemoved(Event):
        """A proxy was removed."""

        delegator: AccountId
        delegatee: AccountId
        proxy_type: ProxyType
        delay: BlockNumber

    class DepositPoked(Event):
        """A deposit stored for proxies or announcements was poked / updated."""

        who: AccountId
        kind: DepositKind
        old_deposit: Balance
        new_deposit: Balance

    class TooMany(Error):
        """There are too many proxies registered or too many announcements pending."""

    class NotFound(Error):
        """Proxy registration not found."""

    class NotProxy(Error):
        """Sender is not a proxy of the account to be proxied."""

    class Unproxyable(Error):
        """A call which is incompatible with the proxy type's filter was attempted."""

    class Duplicate(Error):
        """Account is already a proxy."""

    class NoPermission(Error):
        """Call may not be made by proxy because it may escalate its privileges."""

    class Unannounced(Error):
        """Announcement, if made at all, was made too recently."""

    class NoSelfProxy(Error):
        """Cannot add self as proxy."""

    proxies = Map[AccountId, tuple[Annotated[list[ProxyDefinition], Bound(MAX_PROXIES)], Balance]](
        default=lambda: ([], 0), hasher=Twox64Concat
    )
    """The set of account proxies. Maps the account which has delegated to the accounts which are being delegated to,
    together with the amount held on deposit.
    """
    announcements = Map[AccountId, tuple[Annotated[list[Announcement], Bound(MAX_PENDING)], Balance]](
        default=lambda: ([], 0), hasher=Twox64Concat
    )
    """The announcements made by the proxy (key)."""

    # Calls

    @call(0, weight=lambda real, force_proxy_type, call: call.dispatch_info().within(PROXY))
    def proxy(self, who: Signed, real: Address, force_proxy_type: ProxyType | None, call: RuntimeCall) -> None:
        """Dispatch the given `call` from an account that the sender is authorised for through `add_proxy`.

        - `real`: The account that the proxy will make a call on behalf of.
        - `force_proxy_type`: Specify the exact proxy type to be used and checked for this call.
        - `call`: The call to be made by the `real` account.
        """
        definition = self._find(real, who, force_proxy_type)
        if definition.delay:
            raise self.Unannounced
        self._call(definition, real, call)

    @call(1, weight=Weight(22_358_457 + 64_322 * MAX_PROXIES + 125_000_000, 4_706))
    def add_proxy(self, who: Signed, delegate: Address, proxy_type: ProxyType, delay: BlockNumber) -> None:
        """Register a proxy account for the sender that is able to make calls on its behalf.

        - `delegate`: The account that the sender would like to make a proxy.
        - `proxy_type`: The permissions allowed for this proxy account.
        - `delay`: The announcement period required of the initial proxy. Will generally be zero.
        """
        if delegate == who:
            raise self.NoSelfProxy
        definitions, held = self.proxies[who]
        definition = ProxyDefinition(delegate, proxy_type, delay)
        if definition in definitions:
            raise self.Duplicate
        if len(definitions) >= self.max_proxies:
            raise self.TooMany
        insort(definitions, definition, key=order)
        self.proxies[who] = definitions, self._adjust(DepositKind.Proxies, who, held, len(definitions))
        self.deposit(self.ProxyAdded(who, delegate, proxy_type, delay))

    @call(2, weight=Weight(22_579_308 + 62_404 * MAX_PROXIES + 125_000_000, 4_706))
    def remove_proxy(self, who: Signed, delegate: Address, proxy_type: ProxyType, delay: BlockNumber) -> None:
        """Unregister a proxy account for the sender.

        - `delegate`: The account that the sender would like to remove as a proxy.
        - `proxy_type`: The permissions currently enabled for the removed proxy account.
        """
        definitions, held = self.proxies[who]
        definition = ProxyDefinition(delegate, proxy_type, delay)
        if definition not in definitions:
            raise self.NotFound
        definitions.remove(definition)
        left = self._adjust(DepositKind.Proxies, who, held, len(definitions))
        if definitions:
            self.proxies[who] = definitions, left
        else:
            del self.proxies[who]
        self.deposit(self.ProxyRemoved(who, delegate, proxy_type, delay))

    @call(3, weight=Weight(21_456_750 + 45_387 * MAX_PROXIES + 125_000_000, 4_706))
    def remove_proxies(self, who: Signed) -> None:
        """Unregister all proxy accounts for the sender.

        WARNING: This may be called on accounts created by `create_pure`, however if done, then the unreserved fees will
        be inaccessible. **All access to this account will be lost.**
        """
        _, held = self.proxies[who]
        del self.proxies[who]
        self.currency.unreserve(who, held)

    @call(4, weight=Weight(23_878_644 + 10_149 * MAX_PROXIES + 125_000_000, 4_706))
    def create_pure(self, who: Signed, proxy_type: ProxyType, delay: BlockNumber, index: U16) -> None:
        """Spawn a fresh new account that is guaranteed to be otherwise inaccessible, and initialize it with a proxy of
        `proxy_type` for `origin` sender.

        - `proxy_type`: The type of the proxy that the sender will be registered as over the new account. This will
          almost always be the most permissive `ProxyType` possible to allow for maximum flexibility.
        - `delay`: The announcement period required of the initial proxy. Will generally be zero.
        - `index`: A disambiguation index, in case this is called multiple times in the same transaction (e.g. with
          `utility::batch`). Unless you're using `batch` you probably just want to use `0`.

        Fails with `Duplicate` if this has already been called in this transaction, from the same sender, with the same
        parameters.
        """
        extrinsic = self.system.extrinsic_count or 0
        pure = pure_account(who, self.system.number, extrinsic, proxy_type, index)
        if pure in self.proxies:
            raise self.Duplicate
        held = self.proxy_deposit_base + self.proxy_deposit_factor
        self.currency.reserve(who, held)
        self.proxies[pure] = [ProxyDefinition(who, proxy_type, delay)], held
        self.deposit(self.PureCreated(pure, who, proxy_type, index))

    @call(5, weight=Weight(22_067_418 + 52_703 * MAX_PROXIES + 125_000_000, 4_706))
    def kill_pure(
        self,
        who: Signed,
        spawner: Address,
        proxy_type: ProxyType,
        index: U16,
        height: Compact[BlockNumber],
        ext_index: Compact[U32],
    ) -> None:
        """Removes a previously spawned pure proxy.

        WARNING: **All access to this account will be lost.** Any funds held in it will be inaccessible.

        - `spawner`: The account that originally called `create_pure` to create this account.
        - `index`: The disambiguation index originally passed to `create_pure`. Probably `0`.
        - `proxy_type`: The proxy type originally passed to `create_pure`.
        - `height`: The height of the chain when the call to `create_pure` was processed.
        - `ext_index`: The extrinsic index in which the call to `create_pure` was processed.

        Fails with `NoPermission` in case the caller is not a previously created pure account whose `create_pure` call
        has corresponding parameters.
        """
        if pure_account(spawner, height, ext_index, proxy_type, index) != who:
            raise self.NoPermission
        _, held = self.proxies[who]
        del self.proxies[who]
        self.currency.unreserve(spawner, held)
        self.deposit(self.PureKilled(who, spawner, proxy_type, index))

    @call(6, weight=Weight(32_205_445 + 167_596 * MAX_PENDING + 67_833 * MAX_PROXIES + 275_000_000, 5_698))
    def announce(self, who: Signed, real: Address, call_hash: H256) -> None:
        """Publish the hash of a proxy-call that will be made in the future.

        This must be called some number of blocks before the corresponding `proxy` is attempted if the delay associated
        with the proxy relationship is greater than zero. No more than `MaxPending` announcements may be made at any one
        time. This will take a deposit of `AnnouncementDepositFactor` as well as `AnnouncementDepositBase` if there are
        no other pending announcements.

        - `real`: The account that the proxy will make a call on behalf of.
        - `call_hash`: The hash of the call to be made by the `real` account.
        """
        self._find(real, who)
        pending, held = self.announcements[who]
        if len(pending) >= self.max_pending:
            raise self.TooMany
        pending.append(Announcement(real, call_hash, self.system.number))
        self.announcements[who] = pending, self._adjust(DepositKind.Announcements, who, held, len(pending))
        self.deposit(self.Announced(real, who, call_hash))

    @call(7, weight=Weight(22_666_821 + 170_629 * MAX_PENDING + 18_799 * MAX_PROXIES + 250_000_000, 5_698))
    def remove_announcement(self, who: Signed, real: Address, call_hash: H256) -> None:
        """Remove a given announcement.

        May be called by a proxy account to remove a call they previously announced and return the deposit.

        - `real`: The account that the proxy will make a call on behalf of.
        - `call_hash`: The hash of the call to be made by the `real` account.
        """
        self._withdraw(who, lambda made: made.real == real and made.call_hash == call_hash)

    @call(8, weight=Weight(22_654_227 + 168_822 * MAX_PENDING + 21_839 * MAX_PROXIES + 250_000_000, 5_698))
    def reject_announcement(self, who: Signed, delegate: Address, call_hash: H256) -> None:
        """Remove the given announcement of a delegate.

        May be called by a target (proxied) account to remove a call that one of their delegates (`delegate`) has
        announced they want to execute. The deposit is returned.

        - `delegate`: The account that previously announced the call.
        - `call_hash`: The hash of the call to be made.
        """
        self._withdraw(delegate, lambda made: made.real == who and made.call_hash == call_hash)

    @call(9, weight=lambda delegate, real, force_proxy_type, call: call.dispatch_info().within(PROXY_ANNOUNCED))
    def proxy_announced(
        self, who: Signed, delegate: Address, real: Address, force_proxy_type: ProxyType | None, call: RuntimeCall
    ) -> None:
        """Dispatch the given `call` from an account that the delegate is authorized for through `add_proxy`.

        Removes any corresponding announcement(s).

        - `real`: The account that the proxy will make a call on behalf of.
        - `force_proxy_type`: Specify the exact proxy type to be used and checked for this call.
        - `call`: The call to be made by the `real` account.
        """
        definition, call_hash = self._find(real, delegate, force_proxy_type), blake2_256(call.encoded())
        latest = self.system.number - definition.delay

        def due(made: Announcement) -> bool:
            return made.real == real and made.call_hash == call_hash and made.height <= latest

        try:
            self._withdraw(delegate, due)
        except DispatchError:
            raise self.Unannounced from None
        self._call(definition, real, call)

    @call(10, weight=Weight(45_246_129 + 375_000_000, 5_698))  # both lists and the account: read and written
    def poke_deposit(self, who: Signed) -> PostInfo:
        """Poke / Adjust deposits made for proxies and announcements based on current values.

        This can be used by accounts to possibly lower their locked amount. The transaction fee is waived if the deposit
        amount has changed.
        """
        pays = Pays.Yes
        definitions, held = self.proxies[who]
        new = self._adjust(DepositKind.Proxies, who, held, len(definitions))
        if new != held:
            self.proxies[who] = definitions, new
            self.deposit(self.DepositPoked(who, DepositKind.Proxies, held, new))
            pays = Pays.No
        pending, held = self.announcements[who]
        new = self._adjust(DepositKind.Announcements, who, held, len(pending))
        if new != held:
            self.announcements[who] = pending, new
            self.deposit(self.DepositPoked(who, DepositKind.Announcements, held, new))
            pays = Pays.No
        return PostInfo(pays_fee=pays)

    # Inside

    def _find(self, real: bytes, delegate: bytes, proxy_type: ProxyType | None = None) -> ProxyDefinition:
        """The first definition, or the first of a type, by which `delegate` may call for `real`; or `NotProxy`."""
        for definition in self.proxies[real][0]:
            if definition.delegate == delegate and proxy_type in (None, definition.proxy_type):
                return definition
        raise self.NotProxy

    def _call(self, definition: ProxyDefinition, real: bytes, call: Call) -> None:
        """Calls as `real`, as far as the proxy may."""

        def check(inner: Call) -> None:
            if not definition.proxy_type.may(inner):
                raise self.system.CallFiltered

        result = None
        try:
            self.runtime.dispatch(call, signed(real).narrowed(check))
        except DispatchError as error:
            result = error
        self.deposit(self.ProxyExecuted(result))

    def _withdraw(self, delegate: bytes, matches: Callable[[Announcement], bool]) -> None:
        """Removes the announcements that match, with their deposit; raises `NotFound` where there are none."""
        pending, held = self.announcements[delegate]
        left = [made for made in pending if not matches(made)]
        if len(left) == len(pending):
            raise self.NotFound
        deposit = self._adjust(DepositKind.Announcements, delegate, held, len(left))
        if left:
            self.announcements[delegate] = left, deposit
        else:
            del self.announcements[delegate]

    def _adjust(self, kind: DepositKind, who: bytes, held: Balance, count: int) -> Balance:
        """Reserves or unreserves the difference to what a list of `count` needs; answers the new deposit."""
        base, factor = self.proxy_deposit_base, self.proxy_deposit_factor
        if kind is DepositKind.Announcements:
            base, factor = self.announcement_deposit_base, self.announcement_deposit_factor
        deposit = base + factor * count if count else 0
        if deposit > held:
            self.currency.reserve(who, deposit - held)
        elif deposit < held:
            self.currency.unreserve(who, held - deposit)
        return deposit
