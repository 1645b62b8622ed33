"""What the owner of a development chain does to its state by hand; without its genesis's leave, a chain has none of it.

## Overview

| cheat | does |
| --- | --- |
| `SetStorage` | sets or deletes entries by their keys |
| `KillPrefix` | deletes all entries under a prefix |
| `Fund` | issues units to an account |
| `Impersonate`, `StopImpersonating` | says for whom the mock signature counts, as it does for nobody at first |
| `FailNext` | makes the next signed extrinsics fail, fee and all |

They are an inherent of the block's author, and nothing else: no signed extrinsic, root's either, reaches them, and the
pool takes none. So a cheat is part of the block: whoever executes it comes to the same state, whose root and proofs
are true. An author whose chain doesn't allow cheats can't make one that others take.

## Out of scope

Who may ask the author: `node.rpc` answers the owner alone. `:code` has a way of its own, `System.set_code`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

from pallets.frame import (
    U32,
    AccountId,
    BadOrigin,
    Balance,
    DispatchError,
    Error,
    Event,
    Map,
    NoneOrigin,
    Pallet,
    Value,
    Weight,
    call,
    struct,
)
from pallets.frame.executive import InherentData, InvalidBlock
from pallets.frame.runtime import Call
from pallets.primitives.codec import codec_of
from pallets.primitives.runtime_code import CODE_KEY
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import Variant

IDENTIFIER = b"cheats00"
PER_CHEAT = Weight(10_000_000, 0)


class Mint(Protocol):
    """What can issue units."""

    def mint_into(self, who: AccountId, amount: Balance) -> None: ...


class Cheat(Variant):
    """Something done to the state by hand."""


@struct
class SetStorage(Cheat):
    """Sets entries to these values; `None` deletes one."""

    items: list[tuple[bytes, bytes | None]]


@struct
class KillPrefix(Cheat):
    """Deletes all entries whose keys start like this."""

    prefix: bytes


@struct
class Fund(Cheat):
    """Issues units to an account."""

    who: AccountId
    amount: Balance


@struct
class Impersonate(Cheat):
    """Lets the mock signature count as an account's; `None` is everybody's."""

    who: AccountId | None


@struct
class StopImpersonating(Cheat):
    """The mock signature counts for nobody."""


@struct
class FailNext(Cheat):
    """Makes so many signed extrinsics fail, from the next one on."""

    count: U32


CHEATS = codec_of(list[Cheat])


class Cheats(Pallet):
    """What the owner of a development chain does to its state by hand."""

    inherent_identifier = IDENTIFIER

    currency: Mint
    _are_over: bool = field(init=False, repr=False, default=False)
    """Whether the block's inherents are: a signed extrinsic has been applied."""
    _any_fails: bool = field(init=False, repr=False, default=False)
    """Whether extrinsics of this block are made to fail: spares every other one a look into the state."""

    class Cheated(Event):
        """The state was changed by hand."""

        cheats: U32

    class MadeToFail(Error):
        """The extrinsic was made to fail by hand, whatever it calls."""

    allowed = Value[bool](default=False)
    """Whether the chain's genesis allows all this."""
    everybody = Value[bool](default=False)
    """Whether the mock signature counts for every account."""
    impersonated = Map[AccountId, None]()
    """The accounts for which the mock signature counts."""
    failing = Value[U32](default=0)
    """How many signed extrinsics are still made to fail."""

    def genesis(self, allowed: bool = False) -> None:
        self.allowed = allowed

    def on_initialize(self, number: int) -> None:
        self._are_over, self._any_fails = False, self.failing > 0

    def create_inherent(self, data: InherentData) -> Call | None:
        """The inherent that does what the author's owner asks for; `None` where nothing is asked."""
        given = data.get(IDENTIFIER)
        if given is None:
            return None
        try:
            cheats = CHEATS.decode_all(given)
        except DecodeError as error:
            raise InvalidBlock(f"the inherent data's `cheats00` is not a list of cheats: {error}") from None
        return self.runtime.call("Cheats", "apply", cheats=cheats)

    def check_inherent(self, inherent: Call, data: InherentData) -> None:
        """Nothing: it is the author's owner who chooses, and executing the inherent checks that the chain allows it."""

    @call(0, weight=lambda cheats: Weight(PER_CHEAT.ref_time * len(cheats), 0), inherent=True)
    def apply(self, none: NoneOrigin, cheats: list[Cheat]) -> None:
        """Change the state by hand.

        The dispatch origin for this call must be _None_, and the chain's genesis must allow it.
        """
        if self._are_over:
            raise BadOrigin  # by root's `dispatch_as`, or another way round
        if not self.allowed:
            raise InvalidBlock("the chain's genesis allows no cheats: cheats.allowed is not set")
        for index, cheat in enumerate(cheats):
            try:
                self._do(cheat)
            except DispatchError as error:
                raise InvalidBlock(f"cheat {index} fails: {error}") from None
        self.deposit(self.Cheated(len(cheats)))

    # What the runtime asks

    def impersonates(self, signer: bytes) -> bool:
        """Whether the mock signature counts as this account's."""
        return self.allowed and (self.everybody or signer in self.impersonated)

    def made_to_fail(self) -> DispatchError | None:
        """The error of the signed extrinsic at hand, if it is one of those; it counts."""
        self._are_over = True
        left = self.failing if self._any_fails else 0
        if not left:
            return None
        if left == 1:
            del self.failing
        else:
            self.failing = left - 1
        return self.MadeToFail()

    # Inside

    def _do(self, cheat: Cheat) -> None:
        match cheat:
            case SetStorage(items=items):
                for key, value in items:
                    if key == CODE_KEY:
                        raise InvalidBlock("`:code` is set by System.set_code, which tells the clients")
                    self.state.put(key, value)
            case KillPrefix(prefix=prefix):
                if CODE_KEY.startswith(prefix):
                    raise InvalidBlock(f"the prefix 0x{prefix.hex()} is one of `:code`, which stays")
                self.state.clear_prefix(prefix)
            case Fund(who=who, amount=amount):
                self.currency.mint_into(who, amount)
            case Impersonate(who=None):
                self.everybody = True
            case Impersonate(who=who) if who is not None:
                self.impersonated[who] = None
            case StopImpersonating():
                del self.everybody
                self.state.clear_prefix(Cheats.impersonated.prefix)
            case FailNext(count=count):
                self.failing, self._any_fails = count, count > 0
