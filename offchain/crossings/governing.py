"""An agent's other chains, for who governs it or looks at it: allowed, listed, and what is in its outboxes.

Errors: `offchain.authoring.errors` `BadTerms`, `NoSuchAgent`, `HoldersDecide`; those of `offchain.chain`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import trio

from node.web import connect_websocket
from offchain.authoring.channels import agent_number
from offchain.authoring.errors import BadTerms, HoldersDecide
from offchain.chain import Chain, DispatchFailed, StorageItem
from offchain.crossings import records
from offchain.described import Described
from offchain.effects.plain_json import to_json
from offchain.rpc import Client
from pallets.primitives import ss58
from pallets.primitives.crossing import (
    CALL_NAME,
    CHAIN_NAME,
    ENDPOINT,
    MAX_CALL_NAME,
    MAX_CHAIN_NAME,
    MAX_ENDPOINT,
    MAX_ENDPOINTS,
    SENDING,
    AllowedCall,
    AllowedChain,
    ByName,
    CrossingAccount,
    Entry,
    Failed,
    Included,
    Indexed,
    Invalid,
    Named,
    Outbox,
    Verdict,
)
from pallets.primitives.keys import Keypair
from pallets.primitives.types import U32

GENERATION: StorageItem[int] = StorageItem("Clusters", "Generation", U32)
MAX_LISTED = 64
ANSWER_SECONDS = 20.0
USUAL_SS58 = 42


class Reached(NamedTuple):
    """A chain that an agent may reach."""

    genesis: bytes
    terms: AllowedChain
    account: CrossingAccount | None
    exposed: bool
    """Whether the account's key is of a secret that isn't in use any more."""

    @property
    def address(self) -> str | None:
        """The agent's account there, as that chain writes it."""
        return None if self.account is None else ss58.encode(self.account.account, self.terms.ss58)

    @property
    def told(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "name": self.terms.name.decode("ascii", "replace"),
            "genesis": f"0x{self.genesis.hex()}",
            "endpoints": [each.decode("ascii", "replace") for each in self.terms.endpoints],
            "calls": [call_text(each) for each in self.terms.calls],
            "cap": str(self.terms.cap),
            "ss58": self.terms.ss58,
            "account": self.address,
            "exposed": self.exposed,
        }


async def told_by(endpoint: str) -> tuple[bytes, int]:
    """Genesis hash and address format of the chain behind an endpoint, as it says."""
    with trio.fail_after(ANSWER_SECONDS):
        async with trio.open_nursery() as nursery:
            client = Client(partial(connect_websocket, endpoint), endpoint)
            await nursery.start(client.run)
            genesis = (await Chain.open(client)).genesis
            properties = await client.call("system_properties")
            nursery.cancel_scope.cancel()
    format = properties.get("ss58Format") if isinstance(properties, dict) else None
    return genesis, format if isinstance(format, int) and 0 <= format < 1 << 14 else USUAL_SS58


def terms_of(name: str, endpoints: Sequence[str], calls: Sequence[str], cap: int, ss58: int) -> AllowedChain:
    """Terms as the chain takes them; raises `BadTerms`."""
    if len(name) > MAX_CHAIN_NAME or CHAIN_NAME.fullmatch(name.encode()) is None:
        raise BadTerms(f"{name!r} is no name of a chain: lower-case letters, digits and hyphens, a letter first")
    if not 0 < len(endpoints) <= MAX_ENDPOINTS:
        raise BadTerms(f"a chain has one to {MAX_ENDPOINTS} endpoints")
    for endpoint in endpoints:
        if len(endpoint) > MAX_ENDPOINT or ENDPOINT.fullmatch(endpoint.encode()) is None:
            raise BadTerms(f"{endpoint!r} is no endpoint: wss://…, or ws://127.0.0.1:PORT on this machine")
    return AllowedChain(
        name.encode(), [each.encode() for each in endpoints], [_call(each) for each in calls], cap, ss58
    )


async def allow(chain: Chain, governor: Keypair, agent: str, genesis: bytes, terms: AllowedChain) -> None:
    """Lets an agent reach a chain on these terms."""
    number = await agent_number(chain, agent)
    await _govern(chain, governor, agent, records.allow(number, genesis, terms))


async def govern(chain: Chain, governor: Keypair, agent: str, name: str, call: str) -> Reached:
    """One of `disallow`, `drop_account` and `withdraw`, of a chain by its name; answers which it was."""
    found = await reached(chain, agent, name)
    encoders = {"disallow": records.disallow, "drop_account": records.drop_account, "withdraw": records.withdraw}
    await _govern(chain, governor, agent, encoders[call](await agent_number(chain, agent), found.genesis))
    return found


async def chains_of(chain: Chain, agent: str) -> list[Reached]:
    """The chains that an agent may reach, by name."""
    number = await agent_number(chain, agent)
    prefix = records.ALLOWED.key(number, bytes(32))[: -records.HASH_SIZE - 32]
    keys = await chain.keys_under(prefix, MAX_LISTED)
    generation = await chain.read(GENERATION) or 1
    found = []
    for genesis in (key[-32:] for key in keys):
        terms = await chain.read(records.ALLOWED, number, genesis)
        account = await chain.read(records.ACCOUNT, number, genesis)
        if terms is not None:
            exposed = account is not None and account.generation != generation
            found.append(Reached(genesis, terms, account, exposed))
    return sorted(found, key=lambda each: each.terms.name)


async def reached(chain: Chain, agent: str, name: str) -> Reached:
    """A chain that an agent may reach, by its name; raises `BadTerms` where there is none."""
    for each in await chains_of(chain, agent):
        if each.terms.name == name.encode():
            return each
    raise BadTerms(f"{agent} may reach no chain {name!r}: `fathom agent chains allow {agent} {name} …`")


async def outbox_of(chain: Chain, agent: str, name: str) -> list[dict[str, Any]]:
    """What is in an agent's outbox for a chain, and the last that is over, as JSON; the newest last."""
    found, number = await reached(chain, agent, name), await agent_number(chain, agent)
    box = await chain.read(records.OUTBOX, number, found.genesis) or Outbox()
    entries = []
    for place in range(max(box.first - MAX_LISTED, 0), box.next):
        entry = await chain.read(records.ENTRY, number, found.genesis, place)
        if entry is not None:
            entries.append({"entry": place} | _shown(entry))
    return entries


def call_text(call: AllowedCall) -> str:
    """`Pallet.call`, or `PALLET.CALL` by their indices."""
    if isinstance(call, Named):
        return call.name.decode("ascii", "replace")
    assert isinstance(call, Indexed)
    return f"{call.pallet}.{call.call}"


def _call(text: str) -> AllowedCall:
    pallet, _, call = text.partition(".")
    if pallet.isascii() and pallet.isdigit() and call.isascii() and call.isdigit():
        if int(pallet) > 255 or int(call) > 255:
            raise BadTerms(f"{text!r} is no call: indices go to 255")
        return Indexed(int(pallet), int(call))
    if len(text) > MAX_CALL_NAME or CALL_NAME.fullmatch(text.encode()) is None:
        raise BadTerms(f"{text!r} is no call: write Balances.transfer_keep_alive, or its indices as 5.3")
    return Named(text.encode())


async def _govern(chain: Chain, governor: Keypair, agent: str, call: bytes) -> None:
    try:
        await chain.require_success(await chain.submit_signed(governor, call))
    except DispatchFailed as failure:
        if failure.error != "NotDao":
            raise
        described = await Described.at(chain)
        made = json.dumps(to_json(described.decode_call(call)))
        raise HoldersDecide(f"{agent} isn't yours to decide for: `fathom dao propose call {agent} '{made}'`") from None


def _shown(entry: Entry) -> dict[str, Any]:
    sending = SENDING.decode_all(entry.sending)
    shown: dict[str, Any] = {"job": entry.job, "spends": str(entry.spends)}
    if isinstance(sending, ByName):
        shown |= {"call": sending.call.decode("ascii", "replace"), "arguments": sending.arguments.decode()}
    else:
        shown |= {"call": f"{sending.call[0]}.{sending.call[1]}", "arguments": f"0x{sending.call.hex()}"}
    signed, outcome = entry.signed, entry.outcome
    shown["state"] = "waiting" if signed is None else "sent"
    if signed is not None:
        shown |= {"nonce": signed.nonce, "hash": f"0x{signed.hash.hex()}"}
    if isinstance(outcome, Included):
        shown |= {"state": "delivered", "block": {"number": outcome.number, "hash": f"0x{outcome.block.hex()}"}}
        shown |= {"extrinsic": outcome.index, "verdict": _verdict(outcome.verdict)}
    elif isinstance(outcome, Invalid):
        shown |= {"state": "failed", "reason": outcome.reason.name, "detail": outcome.detail.decode("utf-8", "replace")}
    if outcome is not None:
        shown["seen"] = "asserted by one worker"
    return shown


def _verdict(verdict: Verdict) -> str:
    if isinstance(verdict, Failed):
        return verdict.error.decode("utf-8", "replace")
    return type(verdict).__name__.lower()
