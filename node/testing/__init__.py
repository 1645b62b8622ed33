"""A dev chain inside a test: the node's own chain, in memory and on a clock of its own, driven by plain calls.

## Overview

`devnet()` is a chain a few milliseconds later. What is sent is signed, judged by the pool, executed by the runtime and
sealed in a real block, before the call returns: a transfer and its block take about 3 ms, going back to a snapshot
less than one. There is no task, thread, socket, file, real time or chance, so the same calls make the same blocks.

The names of pallets, calls, storage items, constants, events, errors and runtime APIs are the runtime's, in
`snake_case` as it declares them; whatever isn't there is an `UnknownName` that proposes what is. Values are the
runtime's own types: an event equals `Balances.Transfer(from_=ALICE, to=BOB, amount=1)`.

## Usage

```python
from node.testing import ALICE, BOB, UNIT, devnet

with devnet() as chain:
    receipt = chain.as_(ALICE).balances.transfer_keep_alive(BOB, 5 * UNIT)
    assert receipt.events.one("Balances.Transfer", to=BOB).amount == 5 * UNIT
    chain.mine(10)
    with chain.anchor(), chain.reverts("Arithmetic.Underflow"):
        chain.as_(BOB).balances.transfer_keep_alive(ALICE, 10**9 * UNIT)
    assert chain.query.system.account(BOB).data.free == chain.at(0).balance(BOB) + 5 * UNIT
```
pytest has it as the fixture `chain`, taken back after each test (`node.pytest_plugin`). All of it: `docs/testing.md`.

## Errors

Each is a `DevnetError`: `CallFailed` for what failed in a block, `Refused` for what entered none, `UnknownName`,
`InvalidArgument`, `InvalidAccount`, `NoSecretKey`, `NoSudo` and `NotIncluded`. Blocks and snapshots that aren't there,
or no longer, are `LookupError`s: the chain's own `UnknownBlock` and `UnknownSnapshot`.

## Out of scope

JSON-RPC, finality, other nodes, workers: `node.service` runs a whole node, also in a test. A pallet without a chain
around it: `pallets.frame.testing`.
"""

from node.testing.accounts import ALICE, BOB, CHARLIE, DAVE, EVE, FERDIE, Account, Who, account
from node.testing.devnet import Devnet, Pending, devnet
from node.testing.errors import (
    CallFailed,
    DevnetError,
    InvalidAccount,
    InvalidArgument,
    NoSecretKey,
    NoSudo,
    NotIncluded,
    Refused,
    UnknownName,
)
from node.testing.events import Events
from node.testing.receipt import Receipt
from node.testing.view import View
from pallets.runtime import UNIT

__all__ = [
    "devnet",
    "Devnet",
    "View",
    "Receipt",
    "Pending",
    "Events",
    "Account",
    "Who",
    "account",
    "ALICE",
    "BOB",
    "CHARLIE",
    "DAVE",
    "EVE",
    "FERDIE",
    "UNIT",
    "DevnetError",
    "CallFailed",
    "Refused",
    "NotIncluded",
    "UnknownName",
    "InvalidArgument",
    "InvalidAccount",
    "NoSecretKey",
    "NoSudo",
]
