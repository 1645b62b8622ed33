"""What workers read of the chain's crossings, and the calls that they make: keys, codecs and call bytes."""

from __future__ import annotations

from offchain.chain import StorageItem
from pallets.primitives.agent_record import AgentId
from pallets.primitives.codec import codec_of
from pallets.primitives.crossing import (
    AllowedCall,
    AllowedChain,
    ChainName,
    CrossingAccount,
    Endpoint,
    Entry,
    EntryNumber,
    Outbox,
    Outcome,
    Transaction,
)
from pallets.primitives.hashing import Blake2_128Concat
from pallets.primitives.types import H256, U8, U16, U32, U64, AccountId, Balance, Bytes64, Compact
from pallets.primitives.worker import WorkerKey

CROSSINGS = 35
BY_AGENT = (AgentId, Blake2_128Concat)
BY_CHAIN = (H256, Blake2_128Concat)

ALLOWED: StorageItem[AllowedChain] = StorageItem("Crossings", "Allowed", AllowedChain, BY_AGENT, BY_CHAIN)
BY_NAME: StorageItem[bytes] = StorageItem("Crossings", "ByName", H256, BY_AGENT, (ChainName, Blake2_128Concat))
ACCOUNT: StorageItem[CrossingAccount] = StorageItem("Crossings", "Account", CrossingAccount, BY_AGENT, BY_CHAIN)
OUTBOX: StorageItem[Outbox] = StorageItem("Crossings", "Outbox", Outbox, BY_AGENT, BY_CHAIN)
ENTRY: StorageItem[Entry] = StorageItem(
    "Crossings", "Entry", Entry, BY_AGENT, BY_CHAIN, (EntryNumber, Blake2_128Concat)
)
PLACE = codec_of(tuple[AgentId, H256])
BUSY: StorageItem[None] = StorageItem("Crossings", "Busy", tuple[()], (tuple[AgentId, H256], Blake2_128Concat))
CHANGED: StorageItem[int] = StorageItem("Crossings", "Changed", U32)
HASH_SIZE = Blake2_128Concat.digest_size

ALLOW = codec_of(tuple[AgentId, H256, ChainName, list[Endpoint], list[AllowedCall], Compact[Balance], U16])
OF_CHAIN = codec_of(tuple[AgentId, H256])
ANNOUNCE = codec_of(tuple[AgentId, H256, U32, AccountId, WorkerKey, Bytes64, Bytes64])
SIGN = codec_of(tuple[AgentId, H256, EntryNumber, U8, U64, U64, U64, Transaction, WorkerKey, Bytes64])
REPORT = codec_of(tuple[AgentId, H256, EntryNumber, U8, Outcome, WorkerKey, Bytes64])


def place_of(key: bytes) -> tuple[int, bytes]:
    """Agent and chain of a key of `Busy`; raises `DecodeError`."""
    place: tuple[int, bytes] = PLACE.decode_all(key[len(BUSY.prefix) + HASH_SIZE :])
    return place


def allow(agent: int, chain: bytes, terms: AllowedChain) -> bytes:
    """`Crossings.allow`, to be signed by who governs the agent."""
    fields = (agent, chain, terms.name, terms.endpoints, terms.calls, terms.cap, terms.ss58)
    return bytes((CROSSINGS, 0)) + ALLOW.encode(fields)


def disallow(agent: int, chain: bytes) -> bytes:
    """`Crossings.disallow`, likewise."""
    return bytes((CROSSINGS, 1)) + OF_CHAIN.encode((agent, chain))


def drop_account(agent: int, chain: bytes) -> bytes:
    """`Crossings.drop_account`, likewise."""
    return bytes((CROSSINGS, 2)) + OF_CHAIN.encode((agent, chain))


def withdraw(agent: int, chain: bytes) -> bytes:
    """`Crossings.withdraw`, likewise."""
    return bytes((CROSSINGS, 3)) + OF_CHAIN.encode((agent, chain))


def announce(
    agent: int, chain: bytes, generation: int, account: bytes, worker: bytes, signature: bytes, proof: bytes
) -> bytes:
    """`Crossings.announce`, bare."""
    fields = (agent, chain, generation, account, worker, signature, proof)
    return bytes((CROSSINGS, 4)) + ANNOUNCE.encode(fields)


def sign(
    agent: int,
    chain: bytes,
    entry: int,
    attempt: int,
    nonce: int,
    birth: int,
    death: int,
    transaction: bytes,
    worker: bytes,
    signature: bytes,
) -> bytes:
    """`Crossings.sign`, bare."""
    fields = (agent, chain, entry, attempt, nonce, birth, death, transaction, worker, signature)
    return bytes((CROSSINGS, 5)) + SIGN.encode(fields)


def report(
    agent: int, chain: bytes, entry: int, attempt: int, outcome: Outcome, worker: bytes, signature: bytes
) -> bytes:
    """`Crossings.report`, bare."""
    return bytes((CROSSINGS, 6)) + REPORT.encode((agent, chain, entry, attempt, outcome, worker, signature))
