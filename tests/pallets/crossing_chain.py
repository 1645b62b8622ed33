"""The chain of `cluster_chain` with outboxes to other chains, and holders that say what becomes of what is in them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pallets.crossings.pallet import Crossings
from pallets.frame.runtime import Call
from pallets.primitives.crossing import (
    ACCOUNT_TAG,
    OUTCOME_TAG,
    SENDING,
    SIGNED_TAG,
    ByName,
    Entry,
    Included,
    Indexed,
    Invalid,
    Named,
    Outbox,
    Outcome,
    Reason,
    Sending,
    Succeeded,
    account_subject,
    crossing_bytes,
    outcome_subject,
    signed_subject,
)
from pallets.primitives.keys import Keypair
from tests.pallets.cluster_chain import ClusterChain, ClusterRuntime, Member
from tests.pallets.job_chain import CAROL

OTHER = sha256(b"another chain").digest()
TRANSFER = "Balances.transfer_keep_alive"
CALLS = [Named(TRANSFER.encode()), Named(b"System.remark"), Indexed(5, 3)]
CAP = 1_000
PATIENCE, MAX_WAITING = 600_000, 4


class CrossingRuntime(ClusterRuntime):
    """With crossings."""

    def compose(self) -> None:
        super().compose()
        self.crossings = Crossings(
            index=35,
            system=self.system,
            timestamp=self.timestamp,
            agents=self.agents,
            holders=self.clusters,
            max_chains=2,
            max_waiting=MAX_WAITING,
            patience=PATIENCE,
            max_due=2,
        )
        self.randomness.listeners = (*self.randomness.listeners, self.crossings)


class CrossingChain(ClusterChain):
    """The chain, with an agent of Carol's that may reach another chain, called `other`."""

    runtime = CrossingRuntime
    rt: CrossingRuntime

    def __init__(self, holders: int = 2) -> None:
        super().__init__()
        self.agent_number = self.agent()
        self.key = Keypair.from_seed(sha256(b"the agent's key").digest())
        self.holders = self.committee(holders)
        self.jobs = 0

    def allow(self, who: bytes = CAROL, chain: bytes = OTHER, **changes: Any) -> None:
        terms = {
            "name": b"other",
            "endpoints": [b"wss://other.example/rpc", b"ws://127.0.0.1:9955"],
            "calls": CALLS,
            "cap": CAP,
            "ss58": 42,
        }
        self.call(who, "Crossings", "allow", agent=self.agent_number, chain=chain, **(terms | changes))

    def govern(self, name: str, who: bytes = CAROL, chain: bytes = OTHER) -> None:
        """One of the calls that take nothing but agent and chain."""
        self.call(who, "Crossings", name, agent=self.agent_number, chain=chain)

    def queue(self, spends: int = 100, sending: Sending | bytes | None = None, chain: bytes = OTHER) -> int:
        """Queues what a job sends; the entry's number."""
        self.jobs += 1
        if sending is None:
            sending = ByName(TRANSFER.encode(), b'{"dest":"0x00","value":1}')
        call = sending if isinstance(sending, bytes) else SENDING.encode(sending)
        number = self.box(chain).next
        with self.rt.transactional():
            self.rt.crossings.send(self.agent_number, self.jobs, chain, call, spends)
        return number

    def box(self, chain: bytes = OTHER) -> Outbox:
        return self.rt.crossings.outbox[self.agent_number, chain]

    def entry(self, number: int, chain: bytes = OTHER) -> Entry:
        return self.rt.crossings.entry[self.agent_number, chain, number]

    # What workers say

    def announce(self, holder: Member | None = None, key: Keypair | None = None, **other: Any) -> Call:
        """`other` are arguments to be changed after signing."""
        holder, key = holder or self.holders[0], key or self.key
        subject = account_subject(self.generation, key.account_id)
        said = self.said(ACCOUNT_TAG, holder, 0, 0, subject)
        arguments = {"generation": self.generation, "account": key.account_id, "proof": key.sign(said)}
        return self._bare("announce", holder, said, arguments | other)

    def signs(
        self,
        entry: int,
        nonce: int = 0,
        birth: int = 10,
        death: int = 74,
        transaction: bytes = b"signed bytes",
        holder: Member | None = None,
        attempt: int | None = None,
        **other: Any,
    ) -> Call:
        holder, attempt = holder or self.holders[0], self.attempt(entry) if attempt is None else attempt
        subject = signed_subject(nonce, birth, death, transaction)
        said = self.said(SIGNED_TAG, holder, entry, attempt, subject)
        fields = {"nonce": nonce, "birth": birth, "death": death, "transaction": transaction}
        return self._bare("sign", holder, said, {"entry": entry, "attempt": attempt} | fields | other)

    def reports(
        self, entry: int, outcome: Outcome, holder: Member | None = None, attempt: int | None = None, **other: Any
    ) -> Call:
        holder, attempt = holder or self.holders[-1], self.attempt(entry) if attempt is None else attempt
        said = self.said(OUTCOME_TAG, holder, entry, attempt, outcome_subject(outcome))
        return self._bare("report", holder, said, {"entry": entry, "attempt": attempt, "outcome": outcome} | other)

    def attempt(self, entry: int) -> int:
        found = self.rt.crossings.entry.get(self.agent_number, OTHER, entry)
        return found.attempt if found else 0

    def said(self, tag: bytes, holder: Member, entry: int, attempt: int, subject: bytes) -> bytes:
        return crossing_bytes(tag, self.genesis_hash, holder.key, self.agent_number, OTHER, entry, attempt, subject)

    def _bare(self, name: str, holder: Member, said: bytes, arguments: dict[str, Any]) -> Call:
        signature = holder.signer.sign(said).signature
        fixed = {"agent": self.agent_number, "chain": OTHER, "worker": holder.key, "signature": signature}
        return self.rt.call("Crossings", name, **(fixed | arguments))


def included(number: int = 20, **other: Any) -> Included:
    fields: dict[str, Any] = {"number": number, "block": bytes(32), "index": 2, "verdict": Succeeded()}
    return Included(**(fields | other))


def invalid(reason: Reason, detail: bytes = b"so it is") -> Invalid:
    return Invalid(reason, detail)
