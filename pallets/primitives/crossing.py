"""Crossings on the wire: the chains that an agent may reach, what it sends there, and what workers sign about it.

## Overview

What a job sends is a `Sending`: a call by its name with its arguments as JSON, which whoever delivers it encodes by the
other chain's own metadata; or a call's bytes, good for one version of that chain's runtime. It becomes an `Entry` of
the outbox of agent and chain, which is worked off in order, one after the other.

What a worker says of an entry is signed by its worker key over a tag, the entry and its attempt, and the hash of what
it says: nothing that it said of one attempt counts in another.

## Out of scope

The outbox itself (`pallets.crossings`); making, signing and delivering transactions (`offchain.crossings`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pallets.primitives.agent_record import AgentId
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.types import (
    H256,
    U8,
    U16,
    U32,
    U64,
    AccountId,
    Balance,
    Bound,
    Moment,
    UnitEnum,
    Variant,
    struct,
)
from pallets.primitives.worker import VERSION, WorkerKey

MAX_ENDPOINTS, MAX_ENDPOINT = 4, 256
MAX_CALLS, MAX_CALL_NAME = 32, 96
MAX_CHAIN_NAME = 32
MAX_SENDING = 4096
"""Bytes of a `Sending`."""
MAX_TRANSACTION = 8192
"""Bytes of a signed transaction; it has room for the largest call."""
MAX_DETAIL = 256
LEASE = 30_000
"""For how many milliseconds of the chain's time an entry is one holder's to deliver."""
CHAIN_NAME = re.compile(rb"[a-z][a-z0-9-]*")
CALL_NAME = re.compile(rb"[A-Za-z]\w*\.[a-z_]\w*", re.ASCII)
ENDPOINT = re.compile(rb"wss://[^\s/@]+(/\S*)?|ws://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(/\S*)?", re.ASCII)
"""TLS, unless it is to this machine."""

ChainName = Annotated[bytes, Bound(MAX_CHAIN_NAME)]
Endpoint = Annotated[bytes, Bound(MAX_ENDPOINT)]
CallName = Annotated[bytes, Bound(MAX_CALL_NAME)]
Detail = Annotated[bytes, Bound(MAX_DETAIL)]
SendingBytes = Annotated[bytes, Bound(MAX_SENDING)]
Transaction = Annotated[bytes, Bound(MAX_TRANSACTION)]
EntryNumber = U32


class AllowedCall(Variant):
    """A call that an agent may make on another chain, at any depth of calls within calls."""

    __type_path__ = "pallet_crossings::AllowedCall"


@struct
class Named(AllowedCall):
    """By name: `Pallet.call`."""

    name: CallName


@struct
class Indexed(AllowedCall):
    """By its place on the wire, for calls that are sent as bytes."""

    pallet: U8
    call: U8


@struct(path="pallet_crossings::Chain")
class AllowedChain:
    """Another chain, and what an agent may do there."""

    name: ChainName
    """What the agent's scripts call it."""
    endpoints: Annotated[list[Endpoint], Bound(MAX_ENDPOINTS)]
    """WebSockets of its nodes, tried in this order."""
    calls: Annotated[list[AllowedCall], Bound(MAX_CALLS)]
    cap: Balance
    """What the agent may have its transactions spend there in a day, in that chain's smallest units."""
    ss58: U16
    """How that chain writes addresses."""


class Sending(Variant):
    """A call for another chain."""

    __type_path__ = "pallet_crossings::Sending"


@struct
class ByName(Sending):
    """Encoded when it is delivered, by the other chain's metadata of then."""

    call: CallName
    arguments: Annotated[bytes, Bound(MAX_SENDING)]
    """A JSON object: bytes in hex, large numbers as decimal digits, accounts as addresses or in hex."""


@struct
class AsBytes(Sending):
    """Encoded by who sent it; refused under any other version of the other chain's runtime."""

    spec_version: U32
    call: Annotated[bytes, Bound(MAX_SENDING)]


@struct(path="pallet_crossings::Account")
class CrossingAccount:
    """The account that an agent's transactions on another chain come from: of a key that the cluster's holders have."""

    account: AccountId
    generation: U32
    """Of the cluster's secret, from which the key is derived."""
    by: WorkerKey
    """Who announced it."""


@struct(path="pallet_crossings::Outbox")
class Outbox:
    """An agent's outbox for one chain: entries from `first` up to `next` aren't over."""

    first: EntryNumber = 0
    next: EntryNumber = 0
    day: U32 = 0
    """Since 1970, of what is spent."""
    spent: Balance = 0
    """What entries have taken of that day's cap."""
    nonce: U64 | None = None
    """The nonce of a transaction that died without being included: only with the same one may there be another."""
    seen: U64 = 0
    """The other chain's height up to which it is known what became of the last transaction."""

    def spent_on(self, day: int) -> int:
        """What has been taken of a day's cap."""
        return self.spent if self.day == day else 0


class Reason(UnitEnum):
    """Why an entry failed."""

    __type_path__ = "pallet_crossings::Reason"

    Unreachable = 0
    """None of the chain's endpoints answers as it should."""
    WrongChain = 1
    """The endpoints are another chain's: the genesis hash differs."""
    BadCall = 2
    """The chain has no such call, or the arguments aren't what it takes."""
    CallNotAllowed = 3
    """The call, or one within it, isn't on the agent's list."""
    SpendsTooLittle = 4
    """What its arguments move, and its fee, are more than what was declared."""
    Unfunded = 5
    """The agent's account there has less than that."""
    Unsupported = 6
    """The chain's transactions are of a form that isn't known here: of accounts, or of an extension."""
    EraDied = 7
    """The transaction was signed and sent, and was in no block for as long as it was good, each time."""
    NonceMoved = 8
    """The account's nonce there isn't the one it has to have: somebody else used the account, or it was removed."""
    Late = 9
    """No worker delivered it in time."""
    Withdrawn = 10
    """The agent's DAO took it back. Where it had been sent, what became of it isn't known."""


TRANSIENT = frozenset({Reason.Unreachable, Reason.WrongChain})
"""What another holder may not find."""
REPORTED_UNSENT = frozenset(
    {
        Reason.Unreachable,
        Reason.WrongChain,
        Reason.BadCall,
        Reason.CallNotAllowed,
        Reason.SpendsTooLittle,
        Reason.Unfunded,
        Reason.Unsupported,
        Reason.NonceMoved,
    }
)
"""What a worker may say of an entry that isn't signed."""
REPORTED_SENT = frozenset({Reason.EraDied, Reason.NonceMoved})
"""What a worker may say of one that is."""


class Verdict(Variant):
    """How a transaction ended that is in a block."""

    __type_path__ = "pallet_crossings::Verdict"


@struct
class Succeeded(Verdict):
    """Its call did."""


@struct
class Failed(Verdict):
    """Its call failed, and its fee is paid: the other chain's error, as `Pallet.Name: text`."""

    error: Detail


@struct
class Unknown(Verdict):
    """The node has that block's events no more, or they can't be read."""


class Outcome(Variant):
    """What became of an entry, as one worker asserts."""

    __type_path__ = "pallet_crossings::Outcome"


@struct
class Included(Outcome):
    """Its transaction is in a final block of the other chain."""

    number: U64
    block: H256
    index: U32
    verdict: Verdict


@struct
class Invalid(Outcome):
    """It was never in a block and won't be, as far as the worker sees."""

    reason: Reason
    detail: Detail
    """In words."""


@struct(path="pallet_crossings::Signed")
class SignedTransaction:
    """A transaction that is fixed before it is sent; whoever sends it sends these bytes."""

    nonce: U64
    birth: U64
    """The other chain's block that its era began with."""
    death: U64
    """The first block that it can't be in any more."""
    transaction: Transaction
    by: WorkerKey

    @property
    def hash(self) -> bytes:
        """Its hash, as the other chain's clients know it."""
        return blake2_256(self.transaction)


@struct(path="pallet_crossings::Entry")
class Entry:
    """Something to be delivered, or what became of it."""

    job: U64
    sending: SendingBytes
    spends: Balance
    """The most that its transaction may move and cost, in the other chain's smallest units."""
    day: U32
    """Whose cap that was taken from."""
    since: Moment
    """When it came first in its outbox, or was signed last: leases are counted from here."""
    attempt: U8 = 0
    """How often it was signed before."""
    troubles: U8 = 0
    """How many workers could not reach the chain."""
    signed: SignedTransaction | None = None
    outcome: Outcome | None = None
    """Once it is over."""


def turn_of(holders: Sequence[bytes], entry: int, since: int, now: int) -> bytes | None:
    """Whose an entry is to deliver now; the next holder's after each lease. None where nobody holds the key."""
    return holders[(entry + max(now - since, 0) // LEASE) % len(holders)] if holders else None


def crossing_bytes(
    tag: bytes, genesis: bytes, worker: bytes, agent: int, chain: bytes, entry: int, attempt: int, subject: bytes
) -> bytes:
    """What a worker signs about an agent's entry; `chain` is the other chain's genesis hash.

    | tag | subject, 32 bytes |
    | --- | --- |
    | `ACCOUNT_TAG` | hash of generation and account; entry and attempt are 0 |
    | `SIGNED_TAG` | hash of nonce, birth, death and transaction |
    | `OUTCOME_TAG` | hash of the outcome |
    """
    return tag + SAID.encode((VERSION, genesis, worker, agent, chain, entry, attempt, subject))


def account_subject(generation: int, account: bytes) -> bytes:
    """What stands for an account in what is signed."""
    return blake2_256(ACCOUNT.encode((generation, account)))


def signed_subject(nonce: int, birth: int, death: int, transaction: bytes) -> bytes:
    """What stands for a transaction in what is signed."""
    return blake2_256(SIGNED.encode((nonce, birth, death, transaction)))


def outcome_subject(outcome: Outcome) -> bytes:
    """What stands for an outcome in what is signed."""
    return blake2_256(OUTCOME.encode(outcome))


ACCOUNT_TAG = b"fathom/crossing-account"
SIGNED_TAG = b"fathom/crossing-signed"
OUTCOME_TAG = b"fathom/crossing-outcome"
SAID = codec_of(tuple[U8, H256, WorkerKey, AgentId, H256, EntryNumber, U8, H256])
ACCOUNT = codec_of(tuple[U32, AccountId])
SIGNED = codec_of(tuple[U64, U64, U64, Transaction])
OUTCOME = codec_of(Outcome)
SENDING = codec_of(Sending)
