"""Mandates: what an agent may do in the name of an account that submits its jobs.

## Overview

An account grants an agent an allowance of money, until a moment, for calls of certain kinds:

| kind | calls |
| --- | --- |
| `Curves` | `Curves.buy`, `buy_for`, `sell` |
| `Pools` | `Pools.swap_exact_in`, `swap_exact_out` |
| `Transfers` | `Balances.transfer_keep_alive`, `Assets.transfer` |
| `Token{token, units}` | those of the others that give units of this token away, so many of them in all |

around which may be `Utility.batch`, `batch_all`, `force_batch` and `if_else`, at any depth. The agent acts in jobs that
this very account has submitted, and in no other's.

What counts is what leaves: the account's free balance before a call less that after it, whatever the call says,
whatever prices and fees are by then; of the tokens that are named likewise. What takes more than is left is refused,
`MandateExceeded`, and undone with all that its job would have done. What comes in adds nothing to a mandate, so each
call of a batch counts by itself.

## Usage

`grant` replaces an earlier mandate of the account for the agent, `revoke` ends it; both count from the next job that
is settled on.

## Out of scope

When actions are done: `Anchors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

from pallets.frame import (
    AccountId,
    Balance,
    Bound,
    Compact,
    DoubleMap,
    Error,
    Event,
    Moment,
    Pallet,
    Signed,
    Variant,
    Weight,
    call,
    struct,
)
from pallets.frame.origin import signed
from pallets.frame.runtime import Call
from pallets.fungible import Currency
from pallets.fungibles import AssetId, Fungibles
from pallets.primitives.agent_record import AgentId
from pallets.primitives.curves.pool import Side
from pallets.primitives.job import JobId
from pallets.timestamp import Timestamp

MAX_KINDS = 16
AROUND = frozenset({"Utility.batch", "Utility.batch_all", "Utility.force_batch", "Utility.if_else"})
"""What may be around the calls of a mandate: all of it calls in the name of the same account."""


class Kind(Variant):
    """What a mandate allows."""

    __type_path__ = "pallet_mandates::Kind"


@struct(index=0)
class Curves(Kind):
    """Buying on curves, and selling of named tokens there."""


@struct(index=1)
class Pools(Kind):
    """Buying from pools, and selling of named tokens to them."""


@struct(index=2)
class Transfers(Kind):
    """Transfers of money, and of named tokens."""


@struct(index=3)
class Token(Kind):
    """Giving away so many units of a token, by calls that the other kinds allow."""

    token: AssetId
    units: Balance


KIND_OF: dict[str, type[Kind]] = {
    "Curves.buy": Curves,
    "Curves.buy_for": Curves,
    "Curves.sell": Curves,
    "Pools.swap_exact_in": Pools,
    "Pools.swap_exact_out": Pools,
    "Balances.transfer_keep_alive": Transfers,
    "Assets.transfer": Transfers,
}


@struct
class Mandate:
    """What an agent may still do for an account."""

    left: Balance
    """Money that may leave the account."""
    kinds: Annotated[list[Kind], Bound(MAX_KINDS)]
    """Each token with the units that may still leave."""
    until: Moment
    """From this moment on it allows nothing."""


class Mandates(Pallet):
    """What agents may do in the name of accounts that submit their jobs."""

    timestamp: Timestamp
    currency: Currency
    tokens: Fungibles
    curve_token: Callable[[int], AssetId | None]
    """The token of a curve, if there is such a curve."""
    pool_token: Callable[[int], AssetId | None]

    class Granted(Event):
        """An agent may act for an account, in jobs that it submits."""

        who: AccountId
        agent: AgentId
        allowance: Balance
        until: Moment

    class Revoked(Event):
        """An agent may not act for an account any more."""

        who: AccountId
        agent: AgentId

    class Used(Event):
        """An agent has acted for an account: so much money has left it, and so much more may."""

        who: AccountId
        agent: AgentId
        job: JobId
        spent: Balance
        left: Balance

    class NoMandate(Error):
        """The job's submitter has granted this agent nothing, or has revoked it."""

    class MandateExpired(Error):
        """The mandate's time is over."""

    class MandateExceeded(Error):
        """More money or tokens would leave the account than the mandate allows."""

    class CallNotAllowed(Error):
        """The call, or one in it at any depth, is of no kind that the mandate allows."""

    class TokenNotAllowed(Error):
        """The call gives away units of a token that the mandate doesn't name."""

    class EndInThePast(Error):
        """A mandate ends later than the current block's time."""

    class NothingAllowed(Error):
        """A mandate allows at least one kind of call."""

    class TokenTwice(Error):
        """A mandate names a token once."""

    mandate = DoubleMap[AccountId, AgentId, Mandate]()
    """What each account lets agents do."""

    # Calls

    @call(0, weight=Weight(180_000_000, 4_000))
    def grant(
        self,
        who: Signed,
        agent: AgentId,
        allowance: Compact[Balance],
        kinds: Annotated[list[Kind], Bound(MAX_KINDS)],
        until: Moment,
    ) -> None:
        """Let an agent act for the signer, in jobs of its own, in place of what it was granted before.

        At most `allowance` may leave the signer's free balance, by calls of these kinds, before `until`.
        """
        if until <= self.timestamp.now:
            raise self.EndInThePast
        if not kinds:
            raise self.NothingAllowed
        named = [kind.token for kind in kinds if isinstance(kind, Token)]
        if len(set(named)) < len(named):
            raise self.TokenTwice
        self.mandate[who, agent] = Mandate(allowance, kinds, until)
        self.deposit(self.Granted(who, agent, allowance, until))

    @call(1, weight=Weight(150_000_000, 4_000))
    def revoke(self, who: Signed, agent: AgentId) -> None:
        """Let an agent act for the signer no more."""
        if self.mandate.get(who, agent) is None:
            raise self.NoMandate
        del self.mandate[who, agent]
        self.deposit(self.Revoked(who, agent))

    # What `Anchors` asks: `Deputies`

    def act(self, who: bytes, agent: int, job: int, call: Call) -> None:
        """Makes a call in the name of an account, within its mandate; raises why not."""
        mandate = self.mandate.get(who, agent)
        if mandate is None:
            raise self.NoMandate
        if mandate.until <= self.timestamp.now:
            raise self.MandateExpired
        allowed = {type(kind) for kind in mandate.kinds}

        def check(each: Call) -> None:
            if each.name not in AROUND and KIND_OF.get(each.name) not in allowed:
                raise self.CallNotAllowed

        named = {kind.token: kind for kind in mandate.kinds if isinstance(kind, Token)}
        for each in call.nested():
            check(each)
            if (token := self._given(each)) is not None and token not in named:
                raise self.TokenNotAllowed
        meter = _Meter(self, who, named)
        self.runtime.dispatch(call, signed(who).narrowed(check).narrowed(meter.look))
        meter.look(call)
        if meter.spent > mandate.left:
            raise self.MandateExceeded
        mandate.left -= meter.spent
        for token, kind in named.items():
            if meter.given[token] > kind.units:
                raise self.MandateExceeded
            kind.units -= meter.given[token]
        self.mandate[who, agent] = mandate
        self.deposit(self.Used(who, agent, job, meter.spent, mandate.left))

    # Inside

    def _given(self, call: Call) -> int | None:
        """The token of which a call gives units away; of one that doesn't exist the call says so itself."""
        match call.name:
            case "Assets.transfer":
                return int(call.arguments[0])
            case "Curves.sell":
                return self.curve_token(call.arguments[0])
            case "Pools.swap_exact_in" | "Pools.swap_exact_out" if call.arguments[1] is Side.Sell:
                return self.pool_token(call.arguments[0])
        return None


class _Meter:
    """What leaves an account: looked at before each call, those within calls too, and after the last.

    What a batch has undone counts as if it had left: never too little.
    """

    def __init__(self, mandates: Mandates, who: bytes, tokens: Iterable[int]) -> None:
        self._mandates, self._who = mandates, who
        self.spent, self.given = 0, dict.fromkeys(tokens, 0)
        self._money, self._units = self._now()

    def look(self, call: Call) -> None:
        """Counts what has left since the last look. It has nothing against the call that follows."""
        money, units = self._now()
        self.spent += max(self._money - money, 0)
        for token, left in units.items():
            self.given[token] += max(self._units[token] - left, 0)
        self._money, self._units = money, units

    def _now(self) -> tuple[int, dict[int, int]]:
        tokens, who = self._mandates.tokens, self._who
        return self._mandates.currency.free(who), {token: tokens.balance(token, who) for token in self.given}
