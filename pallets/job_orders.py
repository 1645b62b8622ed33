"""Jobs that the chain submits for an account, when their time comes (`schedules`) or something happens (`triggers`).

## Overview

An order has all that `Jobs.submit` takes. It is tried when it is given, so that what `submit` would refuse now is
refused then. Each run holds its fee when it begins, on the agent's terms of then, and costs its owner a fee for each
replica besides, burnt as the fee of the transaction is that it stands for. A run that can't be submitted, for want of
money or for any reason that `submit` refuses it for, is skipped, at no cost; `MAX_SKIPS` in a row end the order.

For what is stored a deposit is held, by its size.

## Out of scope

When an order runs, and what tells of it: the pallets that have orders.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from pallets.frame import U8, U64, AccountId, Balance, DispatchError, UnitEnum, Weight, struct
from pallets.frame.bound_items import BoundMap
from pallets.frame.runtime import Runtime
from pallets.fungible import Currency
from pallets.jobs.pallet import Jobs
from pallets.jobs.submission import submit_job
from pallets.primitives.job import Input, Mode

MAX_SKIPS = 3
"""Runs in a row that may be skipped."""
RUN_WEIGHT = Weight(1_200_000_000, 40_000)
ORDER_WEIGHT = Weight(1_600_000_000, 50_000)  # a trial of `submit`, and what is written


class EndReason(UnitEnum):
    """Why an order ended."""

    __type_path__ = "pallet_schedules::EndReason"
    Done = 0
    """All its runs are over."""
    Skipped = 1
    """Three runs in a row couldn't be submitted."""
    Cancelled = 2
    """Its owner took it back."""


@struct(path="pallet_schedules::Terms")
class Terms:
    """What a run submits, see `Jobs.submit`."""

    agent: U64
    input: Input
    mode: Mode
    replicas: U8
    max_fee: Balance
    deadline: U64
    callback: bytes | None


class Ordering(Protocol):
    """A pallet that has orders."""

    runtime: Runtime
    currency: Currency
    jobs: Jobs
    run_fee: int
    """What each replica of a run costs its owner beside the job."""
    deposit_base: int
    deposit_byte: int


class _Accepted(Exception):
    """A trial went well, and is to be undone."""


def try_order(pallet: Ordering, who: bytes, terms: Terms) -> None:
    """Raises what `submit` would raise now, and changes nothing."""
    try:
        with pallet.runtime.transactional():
            submit(pallet, who, terms)
            raise _Accepted
    except _Accepted:
        pass


def run_order(pallet: Ordering, who: bytes, terms: Terms, input: Input | None = None) -> int | DispatchError:
    """Submits a run's job, on another input if one is given; its number, or why it is skipped."""
    try:
        with pallet.runtime.transactional():
            pallet.currency.burn_from(who, pallet.run_fee * terms.replicas, keep_alive=True)
            return submit(pallet, who, terms if input is None else replace(terms, input=input))
    except DispatchError as error:
        return error


def submit(pallet: Ordering, who: bytes, terms: Terms) -> int:
    """Submits a job; answers its number."""
    return submit_job(
        pallet.jobs,
        who,
        terms.agent,
        terms.input,
        terms.mode,
        terms.replicas,
        terms.max_fee,
        terms.deadline,
        terms.callback,
    )


def deposit_for(pallet: Ordering, size: int) -> int:
    """What is held for a record of so many bytes."""
    return pallet.deposit_base + pallet.deposit_byte * size


def count_down(counts: BoundMap[AccountId, int], who: bytes) -> None:
    """An account has one order fewer."""
    left = counts[who] - 1
    if left:
        counts[who] = left
    else:
        del counts[who]
