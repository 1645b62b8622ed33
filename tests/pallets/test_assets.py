"""Tokens: who may do what, what becomes of small balances, and of accounts that exist for them. Cases are FRAME's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pallets.assets.errors import AssetErrors
from pallets.assets.pallet import FIRST_IN_ORDER, Assets
from pallets.assets.records import AccountStatus, AssetMetadata, AssetStatus, DepositFrom, DepositHeld
from pallets.balances.pallet import Balances
from pallets.frame import Arithmetic, BadOrigin, DispatchError, Token
from pallets.frame.genesis import InvalidGenesis, build_genesis
from pallets.frame.origin import ROOT, signed
from pallets.frame.testing import externalities, noop
from pallets.fungibles import NOBODY
from pallets.primitives.fixed import U128_MAX
from pallets.system.pallet import System
from tests.pallets.frame_metadata import assert_all_of_frames
from tests.pallets.small_runtime import ALICE, BOB, CHARLIE, DAVE, DEPOSIT, SmallRuntime, genesis

POT = b"modlfthmtest".ljust(32, b"\0")
NOBODYS = b"\x77" * 32
"""An account that exists for nothing but tokens."""


@pytest.fixture
def rt() -> Iterator[SmallRuntime]:
    with externalities(SmallRuntime, **genesis(alice=100_000, bob=100_000, charlie=100_000)) as runtime:
        yield runtime


def act(rt: SmallRuntime, who: bytes | None, name: str, *arguments: Any) -> None:
    """A call by an account, or by root."""
    spec = next(s for s in rt.tables.calls.values() if (s.pallet_name, s.name) == ("Assets", name))
    named = {param: value for (param, _), value in zip(spec.params, arguments, strict=True)}
    rt.dispatch(rt.call("Assets", name, **named), ROOT if who is None else signed(who))


def refused(
    rt: SmallRuntime, error: type[DispatchError] | DispatchError, who: bytes | None, name: str, *arguments: Any
) -> None:
    with noop(rt, error):
        act(rt, who, name, *arguments)


def token(rt: SmallRuntime, id: int = 1, *, least: int = 1, sufficient: bool = False, minted: int = 100) -> int:
    """A token of Alice, who has some of it."""
    act(rt, None, "force_create", id, ALICE, sufficient, least)
    if minted:
        act(rt, ALICE, "mint", id, ALICE, minted)
    return id


def test_vocabulary_is_frames() -> None:
    assert_all_of_frames("Assets")


# Tokens


def test_anyone_creates_a_token_for_a_deposit(rt: SmallRuntime) -> None:
    act(rt, ALICE, "create", 7, BOB, 5)
    details = rt.assets.asset[7]
    assert (details.owner, details.issuer, details.admin, details.freezer) == (ALICE, BOB, BOB, BOB)
    assert (details.deposit, details.min_balance, details.is_sufficient) == (100, 5, False)
    assert rt.system.account[ALICE].data.reserved == 100
    assert rt.events[-1] == Assets.Created(7, ALICE, BOB)
    refused(rt, AssetErrors.InUse, ALICE, "create", 7, ALICE, 1)
    refused(rt, AssetErrors.MinBalanceZero, ALICE, "create", 8, ALICE, 0)
    refused(rt, Balances.InsufficientBalance, DAVE, "create", 8, DAVE, 1)
    refused(rt, BadOrigin, ALICE, "force_create", 8, ALICE, True, 1)


def test_identifiers_are_free_to_choose_or_come_in_order(rt: SmallRuntime) -> None:
    assets = rt.assets
    assert assets.next_id() == assets.next_asset_id == FIRST_IN_ORDER
    act(rt, ALICE, "create", FIRST_IN_ORDER - 1, ALICE, 1)
    assert assets.next_id() == FIRST_IN_ORDER
    refused(rt, AssetErrors.BadAssetId, ALICE, "create", FIRST_IN_ORDER + 1, ALICE, 1)
    refused(rt, AssetErrors.BadAssetId, None, "force_create", FIRST_IN_ORDER + 1, ALICE, True, 1)
    act(rt, ALICE, "create", FIRST_IN_ORDER, ALICE, 1)
    assets.create_token(assets.next_id(), POT, b"Agent", b"AGT", 12)
    assert assets.exists(FIRST_IN_ORDER + 1) and assets.next_id() == FIRST_IN_ORDER + 2
    with noop(rt, AssetErrors.BadAssetId):
        assets.create_token(FIRST_IN_ORDER + 5, POT, b"Agent", b"AGT", 12)
    assets.next_asset_id = last = (1 << 32) - 1  # nothing could come after it
    with noop(rt, AssetErrors.CallbackFailed):
        assets.create_token(last, POT, b"Agent", b"AGT", 12)


def test_a_pots_token_is_sufficient_and_nobody_elses(rt: SmallRuntime) -> None:
    id = rt.assets.next_id()
    rt.assets.create_token(id, POT, b"Agent", b"AGT", 12)
    details = rt.assets.asset[id]
    assert details.owner == details.issuer == details.admin == details.freezer == POT
    assert (details.deposit, details.min_balance, details.is_sufficient) == (0, 1, True)
    assert rt.assets.metadata[id] == AssetMetadata(0, b"Agent", b"AGT", 12)
    rt.assets.mint_into(id, ALICE, 50)
    for name, arguments in {"mint": (ALICE, 1), "burn": (ALICE, 1), "freeze": (ALICE,), "block": (ALICE,)}.items():
        refused(rt, AssetErrors.NoPermission, ALICE, name, id, *arguments)
    with noop(rt, AssetErrors.BadMetadata):
        rt.assets.create_token(rt.assets.next_id(), POT, b"n" * 51, b"AGT", 12)


def test_genesis_tokens(rt: SmallRuntime) -> None:
    values = {"assets": [(5, ALICE, True, 2)], "metadata": [(5, b"Five", b"V", 3)], "accounts": [(5, NOBODYS, 9)]}
    with externalities(SmallRuntime, **genesis(alice=DEPOSIT), assets=values) as runtime:
        assert runtime.assets.total_issuance(5) == runtime.assets.balance(5, NOBODYS) == 9
        assert runtime.assets.metadata[5].name == b"Five"
        assert runtime.system.account[NOBODYS].sufficients == 1
    for bad in (
        {"assets": [(5, ALICE, True, 0)]},
        {"metadata": [(5, b"Five", b"V", 3)]},
        {"next_asset_id": FIRST_IN_ORDER - 1},
        {"assets": [(FIRST_IN_ORDER, ALICE, True, 1)]},
        {"assets": [(FIRST_IN_ORDER + 2, ALICE, True, 1)], "next_asset_id": FIRST_IN_ORDER + 1},
    ):
        with pytest.raises(InvalidGenesis, match="assets: "):
            build_genesis(SmallRuntime, {**genesis(alice=DEPOSIT), "assets": bad})


def test_metadata_is_paid_by_its_length(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, ALICE, "set_metadata", 1, b"Token", b"TKN", 12)
    assert rt.system.account[ALICE].data.reserved == 10 + 8
    assert rt.events[-1] == Assets.MetadataSet(1, b"Token", b"TKN", 12, False)
    act(rt, ALICE, "set_metadata", 1, b"T", b"T", 6)
    assert rt.system.account[ALICE].data.reserved == 10 + 2
    refused(rt, AssetErrors.BadMetadata, ALICE, "set_metadata", 1, b"T" * 51, b"T", 6)
    refused(rt, AssetErrors.NoPermission, BOB, "set_metadata", 1, b"T", b"T", 6)
    refused(rt, AssetErrors.NoPermission, BOB, "clear_metadata", 1)
    act(rt, None, "force_set_metadata", 1, b"Root's", b"R", 1, True)
    refused(rt, AssetErrors.NoPermission, ALICE, "set_metadata", 1, b"T", b"T", 6)
    act(rt, None, "force_clear_metadata", 1)
    assert rt.system.account[ALICE].data.reserved == 0 and 1 not in rt.assets.metadata
    refused(rt, AssetErrors.Unknown, ALICE, "clear_metadata", 1)


def test_a_new_owner_takes_the_deposits(rt: SmallRuntime) -> None:
    act(rt, ALICE, "create", 1, ALICE, 1)
    act(rt, ALICE, "set_metadata", 1, b"Token", b"TKN", 12)
    refused(rt, AssetErrors.NoPermission, BOB, "transfer_ownership", 1, BOB)
    refused(rt, Balances.DeadAccount, ALICE, "transfer_ownership", 1, DAVE)
    act(rt, ALICE, "transfer_ownership", 1, BOB)
    assert rt.system.account[ALICE].data.reserved == 0
    assert rt.system.account[BOB].data.reserved == 118 and rt.system.account[BOB].data.free == 100_000
    assert rt.balances.total_issuance == 300_000
    refused(rt, AssetErrors.NoPermission, ALICE, "set_team", 1, ALICE, ALICE, ALICE)
    act(rt, BOB, "set_team", 1, CHARLIE, CHARLIE, CHARLIE)
    refused(rt, AssetErrors.NoPermission, ALICE, "mint", 1, ALICE, 1)
    act(rt, CHARLIE, "mint", 1, ALICE, 1)


def test_root_changes_what_it_likes(rt: SmallRuntime) -> None:
    token(rt, minted=50)
    act(rt, None, "force_asset_status", 1, BOB, BOB, BOB, BOB, 30, True, True)
    assert rt.assets.asset[1].status is AssetStatus.Frozen
    refused(rt, AssetErrors.AssetNotLive, ALICE, "transfer", 1, BOB, 50)
    act(rt, BOB, "thaw_asset", 1)
    refused(rt, Token("BelowMinimum"), ALICE, "transfer", 1, BOB, 20)
    act(rt, ALICE, "transfer", 1, BOB, 30)
    assert rt.assets.balance(1, BOB) == 50  # what would have been too little to stay went with the rest


# Balances


def test_units_move(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, ALICE, "transfer", 1, BOB, 40)
    assert (rt.assets.balance(1, ALICE), rt.assets.balance(1, BOB), rt.assets.total_issuance(1)) == (60, 40, 100)
    assert rt.events[-1] == Assets.Transferred(1, ALICE, BOB, 40)
    act(rt, BOB, "transfer", 1, BOB, 5)
    assert rt.assets.balance(1, BOB) == 40
    refused(rt, AssetErrors.BalanceLow, BOB, "transfer", 1, ALICE, 41)
    refused(rt, AssetErrors.BalanceLow, BOB, "transfer_keep_alive", 1, ALICE, 40)
    refused(rt, AssetErrors.NoAccount, CHARLIE, "transfer", 1, ALICE, 1)
    refused(rt, AssetErrors.Unknown, ALICE, "transfer", 2, BOB, 1)
    act(rt, BOB, "transfer_all", 1, ALICE, True)
    assert rt.assets.balance(1, BOB) == 1
    act(rt, BOB, "transfer_all", 1, ALICE, False)
    assert rt.assets.account.get(1, BOB) is None and rt.assets.asset[1].accounts == 1
    assert rt.system.account[BOB].consumers == 0


def test_the_admin_takes_and_burns(rt: SmallRuntime) -> None:
    token(rt, least=10)
    refused(rt, AssetErrors.NoPermission, BOB, "force_transfer", 1, ALICE, BOB, 50)
    act(rt, ALICE, "force_transfer", 1, ALICE, BOB, 50)
    refused(rt, AssetErrors.NoPermission, BOB, "burn", 1, ALICE, 1)
    act(rt, ALICE, "burn", 1, BOB, 45)  # five would be too little to stay
    assert rt.events[-1] == Assets.Burned(1, BOB, 50)
    assert rt.assets.total_issuance(1) == 50
    act(rt, ALICE, "burn", 1, ALICE, 1_000)  # as many as there are
    assert rt.assets.total_issuance(1) == 0 == rt.assets.asset[1].accounts
    refused(rt, AssetErrors.NoAccount, ALICE, "burn", 1, ALICE, 1)


def test_minting_has_bounds(rt: SmallRuntime) -> None:
    token(rt, least=10, minted=0)
    refused(rt, Token("BelowMinimum"), ALICE, "mint", 1, ALICE, 9)
    refused(rt, AssetErrors.NoPermission, BOB, "mint", 1, BOB, 10)
    refused(rt, Token("UnknownAsset"), ALICE, "mint", 2, ALICE, 10)
    act(rt, ALICE, "mint", 1, ALICE, U128_MAX)
    refused(rt, Arithmetic("Overflow"), ALICE, "mint", 1, BOB, 10)


def test_frozen_accounts_receive_and_blocked_ones_do_not(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, ALICE, "transfer", 1, BOB, 50)
    refused(rt, AssetErrors.NoPermission, BOB, "freeze", 1, ALICE)
    refused(rt, AssetErrors.NoAccount, ALICE, "freeze", 1, CHARLIE)
    act(rt, ALICE, "freeze", 1, BOB)
    refused(rt, AssetErrors.Frozen, BOB, "transfer", 1, ALICE, 1)
    act(rt, ALICE, "transfer", 1, BOB, 1)
    act(rt, ALICE, "block", 1, BOB)
    refused(rt, Token("Blocked"), ALICE, "transfer", 1, BOB, 1)
    refused(rt, Token("Blocked"), ALICE, "mint", 1, BOB, 1)
    act(rt, ALICE, "thaw", 1, BOB)
    assert rt.assets.account[1, BOB].status is AccountStatus.Liquid
    act(rt, BOB, "transfer", 1, ALICE, 51)
    act(rt, ALICE, "freeze_asset", 1)
    refused(rt, AssetErrors.AssetNotLive, ALICE, "transfer", 1, BOB, 1)
    act(rt, ALICE, "thaw_asset", 1)
    refused(rt, AssetErrors.NotFrozen, ALICE, "thaw_asset", 1)


def test_what_other_pallets_are_refused(rt: SmallRuntime) -> None:
    assets, id = rt.assets, token(rt, least=10)
    refusals: dict[str, Callable[[], None]] = {
        "UnknownAsset": lambda: assets.transfer(2, ALICE, BOB, 50),
        "FundsUnavailable": lambda: assets.transfer(id, ALICE, BOB, 101),
        "NotExpendable": lambda: assets.transfer(id, ALICE, BOB, 95, keep_alive=True),
        "BelowMinimum": lambda: assets.transfer(id, ALICE, BOB, 5),
        "CannotCreate": lambda: assets.mint_into(id, NOBODYS, 50),
    }
    for error, change in refusals.items():
        with noop(rt, Token(error)):
            change()
    with noop(rt, Token("FundsUnavailable")):
        assets.burn_from(id, BOB, 1)
    with noop(rt, Token("FundsUnavailable")):
        assets.burn_from(id, ALICE, 101)
    assets.burn_from(id, ALICE, 100)
    assert assets.total_issuance(id) == assets.reducible(id, ALICE) == 0


# Accounts


def test_a_sufficient_token_keeps_an_account_alive(rt: SmallRuntime) -> None:
    token(rt, sufficient=True)
    act(rt, ALICE, "transfer", 1, NOBODYS, 10)
    info = rt.system.account[NOBODYS]
    assert (info.sufficients, info.providers, info.consumers) == (1, 0, 0)
    assert System.NewAccount(NOBODYS) in rt.events
    rt.balances.transfer(ALICE, NOBODYS, 1_000)
    rt.balances.transfer(NOBODYS, ALICE, 1_000)  # the tokens keep it
    assert NOBODYS in rt.system.account
    act(rt, NOBODYS, "transfer", 1, ALICE, 10)
    assert NOBODYS not in rt.system.account and System.KilledAccount(NOBODYS) in rt.events
    assert rt.assets.asset[1].sufficients == 1  # Alice's


def test_another_needs_a_provider(rt: SmallRuntime) -> None:
    token(rt)
    refused(rt, Token("CannotCreate"), ALICE, "transfer", 1, NOBODYS, 10)
    act(rt, ALICE, "transfer", 1, BOB, 10)
    assert rt.system.account[BOB].consumers == 1
    with noop(rt, Token("Frozen")):  # its own balance provides for it, and the tokens need it
        rt.balances.transfer(BOB, ALICE, 100_000)
    refused(rt, AssetErrors.WouldBurn, BOB, "refund", 1, False)
    act(rt, BOB, "refund", 1, True)
    assert rt.system.account[BOB].consumers == 0 and rt.assets.total_issuance(1) == 90


def test_tokens_leave_a_consumer_to_spare(rt: SmallRuntime) -> None:
    token(rt)
    info = rt.system.account[BOB]
    info.consumers = 127
    rt.system.account[BOB] = info
    refused(rt, Token("CannotCreate"), ALICE, "transfer", 1, BOB, 10)


def test_a_deposit_keeps_an_account_too(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, BOB, "touch", 1)
    assert rt.assets.account[1, BOB].reason == DepositHeld(10) and rt.system.account[BOB].data.reserved == 10
    refused(rt, AssetErrors.AlreadyExists, BOB, "touch", 1)
    act(rt, ALICE, "transfer", 1, BOB, 10)
    act(rt, BOB, "transfer", 1, ALICE, 10)
    assert rt.assets.account[1, BOB].balance == 0
    act(rt, BOB, "refund", 1, False)
    assert rt.assets.account.get(1, BOB) is None and rt.system.account[BOB].data.reserved == 0
    refused(rt, AssetErrors.NoDeposit, BOB, "refund", 1, False)


def test_the_team_may_pay_it_for_others(rt: SmallRuntime) -> None:
    token(rt)
    refused(rt, AssetErrors.NoPermission, BOB, "touch_other", 1, NOBODYS)
    act(rt, ALICE, "touch_other", 1, NOBODYS)
    assert rt.assets.account[1, NOBODYS].reason == DepositFrom(ALICE, 10)
    act(rt, ALICE, "transfer", 1, NOBODYS, 10)
    refused(rt, AssetErrors.WouldBurn, ALICE, "refund_other", 1, NOBODYS)
    act(rt, NOBODYS, "transfer", 1, ALICE, 10)
    refused(rt, AssetErrors.NoPermission, BOB, "refund_other", 1, NOBODYS)
    act(rt, ALICE, "refund_other", 1, NOBODYS)
    assert rt.system.account[ALICE].data.reserved == 0 and rt.assets.asset[1].accounts == 1


def test_the_least_balance_may_fall(rt: SmallRuntime) -> None:
    token(rt, least=10)
    refused(rt, AssetErrors.NoPermission, BOB, "set_min_balance", 1, 5)
    refused(rt, AssetErrors.NoPermission, ALICE, "set_min_balance", 1, 11)
    act(rt, ALICE, "set_min_balance", 1, 5)
    token(rt, 2, least=10, sufficient=True)
    refused(rt, AssetErrors.NoPermission, ALICE, "set_min_balance", 2, 5)


# Approvals


def test_a_delegate_transfers_what_was_approved(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, ALICE, "approve_transfer", 1, BOB, 30)
    act(rt, ALICE, "approve_transfer", 1, BOB, 10)
    assert rt.assets.approvals[1, ALICE, BOB].amount == 40
    assert rt.system.account[ALICE].data.reserved == 10 and rt.assets.asset[1].approvals == 1
    refused(rt, AssetErrors.Unapproved, BOB, "transfer_approved", 1, ALICE, CHARLIE, 41)
    refused(rt, AssetErrors.Unapproved, CHARLIE, "transfer_approved", 1, ALICE, CHARLIE, 1)
    act(rt, BOB, "transfer_approved", 1, ALICE, CHARLIE, 15)
    assert rt.events[-1] == Assets.TransferredApproved(1, ALICE, BOB, CHARLIE, 15)
    act(rt, BOB, "transfer_approved", 1, ALICE, CHARLIE, 25)
    assert rt.assets.balance(1, CHARLIE) == 40
    assert (1, ALICE, BOB) not in rt.assets.approvals and rt.system.account[ALICE].data.reserved == 0
    assert rt.assets.asset[1].approvals == 0


def test_approvals_are_cancelled(rt: SmallRuntime) -> None:
    token(rt)
    act(rt, BOB, "approve_transfer", 1, CHARLIE, 30)
    act(rt, BOB, "approve_transfer", 1, ALICE, 30)
    act(rt, BOB, "cancel_approval", 1, CHARLIE)
    refused(rt, AssetErrors.Unknown, BOB, "cancel_approval", 1, CHARLIE)
    refused(rt, AssetErrors.NoPermission, CHARLIE, "force_cancel_approval", 1, BOB, ALICE)
    act(rt, ALICE, "force_cancel_approval", 1, BOB, ALICE)
    assert rt.system.account[BOB].data.reserved == 0 == rt.assets.asset[1].approvals


# The end of a token


def test_a_token_ends_piece_by_piece(rt: SmallRuntime) -> None:
    act(rt, ALICE, "create", 1, ALICE, 1)
    act(rt, ALICE, "set_metadata", 1, b"Token", b"TKN", 12)
    act(rt, ALICE, "mint", 1, ALICE, 100)
    act(rt, BOB, "touch", 1)
    for byte in range(10, 16):
        act(rt, ALICE, "touch_other", 1, bytes([byte]) * 32)
        act(rt, BOB, "approve_transfer", 1, bytes([byte]) * 32, 1)
    refused(rt, AssetErrors.NoPermission, BOB, "start_destroy", 1)
    refused(rt, AssetErrors.IncorrectStatus, BOB, "destroy_accounts", 1)
    act(rt, ALICE, "start_destroy", 1)
    refused(rt, AssetErrors.AssetNotLive, ALICE, "transfer", 1, BOB, 1)
    refused(rt, Token("UnknownAsset"), ALICE, "mint", 1, BOB, 1)
    refused(rt, AssetErrors.InUse, BOB, "finish_destroy", 1)
    act(rt, BOB, "destroy_accounts", 1)
    assert Assets.AccountsDestroyed(1, 5, 3) in rt.events
    act(rt, BOB, "destroy_accounts", 1)
    act(rt, BOB, "destroy_approvals", 1)
    assert Assets.ApprovalsDestroyed(1, 5, 1) in rt.events
    act(rt, BOB, "destroy_approvals", 1)
    act(rt, CHARLIE, "finish_destroy", 1)
    assert rt.events[-1] == Assets.Destroyed(1)
    assert not rt.assets.exists(1) and 1 not in rt.assets.metadata
    for who in (ALICE, BOB):
        assert rt.system.account[who].data.free == 100_000
        assert rt.system.account[who].consumers == 0


# What can't leave


class Freezer:
    """Freezes some of what Alice has of token 1."""

    amount = 0

    def frozen(self, id: int, who: bytes) -> int:
        return self.amount if (id, who) == (1, ALICE) else 0


def test_frozen_units_stay(rt: SmallRuntime) -> None:
    freezer = Freezer()
    rt.assets.freezer = lambda: freezer
    token(rt)
    freezer.amount = 60
    assert rt.assets.reducible(1, ALICE) == 40
    refused(rt, AssetErrors.BalanceLow, ALICE, "transfer", 1, BOB, 41)
    with noop(rt, Token("Frozen")):
        rt.assets.transfer(1, ALICE, BOB, 41)
    with noop(rt, Token("Frozen")):
        rt.assets.burn_from(1, ALICE, 41)
    with noop(rt, Token("FundsUnavailable")):
        rt.assets.burn_from(1, ALICE, 101)
    act(rt, ALICE, "approve_transfer", 1, BOB, 100)
    refused(rt, AssetErrors.BalanceLow, BOB, "transfer_approved", 1, ALICE, BOB, 41)
    act(rt, ALICE, "transfer_all", 1, BOB, False)
    act(rt, ALICE, "burn", 1, ALICE, 1_000)
    assert rt.assets.balance(1, ALICE) == 60
    refused(rt, AssetErrors.ContainsFreezes, ALICE, "refund", 1, True)
    act(rt, ALICE, "start_destroy", 1)
    act(rt, ALICE, "destroy_accounts", 1)
    assert rt.assets.balance(1, ALICE) == 60 and rt.assets.balance(1, BOB) == 0
    rt.assets.freezer = lambda: NOBODY
    act(rt, ALICE, "destroy_accounts", 1)
    assert rt.assets.asset[1].supply == 0 == rt.assets.asset[1].accounts


def test_units_stay_when_roots_least_balance_is_above_them(rt: SmallRuntime) -> None:
    token(rt)
    have, details = rt.assets.balance(1, ALICE), rt.assets.asset[1]
    freezer = Freezer()
    rt.assets.freezer = lambda: freezer
    freezer.amount = have
    team = {"owner": ALICE, "issuer": ALICE, "admin": ALICE, "freezer": ALICE}
    changed = {"min_balance": have + 1, "is_sufficient": details.is_sufficient, "is_frozen": False}
    rt.dispatch(rt.call("Assets", "force_asset_status", id=1, **team, **changed), ROOT)
    act(rt, ALICE, "burn", 1, ALICE, 5)
    assert rt.events[-1] == Assets.Burned(1, ALICE, 0)
    assert rt.assets.balance(1, ALICE) == have and rt.assets.asset[1].accounts == 1
