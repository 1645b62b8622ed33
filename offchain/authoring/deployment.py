"""A bundle onto the chain: uploaded, the agent created where there is none of its name, the code approved.

All that is missing goes into one transaction, which does all of it or none. What is there already isn't sent again, so
that a second deployment of the same bundle costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from offchain.authoring.errors import HoldersDecide, NotTheOwner
from offchain.chain import Chain, DispatchFailed, StorageItem
from offchain.records import CODE, together
from pallets.primitives import ss58
from pallets.primitives.agent_record import MAX_NAME, Agent, AgentId, AgentKind, AgentPolicy, Name
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import Blake2_128Concat, blake2_256
from pallets.primitives.job_record import MILLION, Shares
from pallets.primitives.keys import Keypair
from pallets.primitives.service import Host
from pallets.primitives.types import H256

AGENTS = 23
BY_NAME: StorageItem[int] = StorageItem("Agents", "ByName", AgentId, (Name, Blake2_128Concat))
NEXT_AGENT: StorageItem[int] = StorageItem("Agents", "NextAgent", AgentId)
AGENT: StorageItem[Agent] = StorageItem("Agents", "Agent", Agent, (AgentId, Blake2_128Concat))
HOSTS: StorageItem[list[bytes]] = StorageItem("Agents", "Hosts", list[Host], (AgentId, Blake2_128Concat))
CREATE = codec_of(tuple[Name, AgentKind, AgentPolicy])
APPROVE = codec_of(tuple[AgentId, H256])
SET_HOSTS = codec_of(tuple[AgentId, list[Host] | None])
UPLOAD = codec_of(bytes)

DEFAULT_POLICY = AgentPolicy(price=1, max_gas=4_000_000_000, shares=Shares(MILLION, 0, 0, 0), narrow=True)
"""What an agent is created with: one plank a unit of gas, a second or so of it, and all of it the worker's."""


class Deployed(NamedTuple):
    """An agent that runs a bundle."""

    agent: int
    code: bytes
    changed: bool
    """Whether anything had to be sent."""


async def deploy(
    chain: Chain,
    owner: Keypair,
    name: str,
    code: bytes,
    hosts: tuple[str, ...] | None,
    kind: AgentKind = AgentKind.JavaScript,
) -> Deployed:
    """Makes `code` the script of the agent called `name`, which is created as of this kind.

    Raises `NotTheOwner`, `HoldersDecide`, `ChainError`s and `CallFailed`.
    """
    hash = blake2_256(code)
    agent = await chain.read(BY_NAME, name.encode()[:MAX_NAME])
    record: Agent | None = None
    if agent is not None:
        record = await chain.read(AGENT, agent)
    calls = []
    if await chain.read(CODE, hash) is None:
        calls.append(bytes((AGENTS, 0)) + UPLOAD.encode(code))
    if agent is None or record is None:
        agent = await chain.read(NEXT_AGENT) or 0
        calls.append(bytes((AGENTS, 1)) + CREATE.encode((name.encode(), kind, DEFAULT_POLICY)))
    elif record.owner != owner.account_id:
        raise NotTheOwner(f"{name} is an agent of {ss58.encode(record.owner)}: choose another name, or sign as that")
    if record is None or record.code != hash:
        calls.append(bytes((AGENTS, 2)) + APPROVE.encode((agent, hash)))
    wanted = None if hosts is None else [host.encode() for host in hosts]
    if wanted != await chain.read(HOSTS, agent):
        calls.append(bytes((AGENTS, 9)) + SET_HOSTS.encode((agent, wanted)))
    if calls:
        sent = await chain.submit_signed(owner, calls[0] if len(calls) == 1 else together(calls))
        try:
            await chain.require_success(sent)
        except DispatchFailed as failure:
            if failure.error != "NotDao":
                raise
            hosts_said = ["--any-host"] if hosts is None else [f"--host {host}" for host in hosts]
            propose = " ".join(["fathom dao propose script", name, "--bundle dist/index.js", *hosts_said])
            raise HoldersDecide(f"{name} has holders, who decide: `fathom agent build`, then `{propose}`") from None
    return Deployed(agent, hash, bool(calls))
