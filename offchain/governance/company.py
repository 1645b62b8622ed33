"""An agent as a company: who decides, by which rules, what is proposed; and what an account does about it.

Rules, proposals and motions are plain values, as `offchain.described` reads and writes them: the chain's metadata says
what they are made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offchain.authoring.channels import agent_number
from offchain.authoring.deployment import AGENT
from offchain.chain import ACCOUNT, Chain
from offchain.described import Described, Happened, carried_out
from offchain.governance.errors import NoBallot, NoProposal, NotAnAccount, NoToken
from offchain.trading.amounts import Unit
from offchain.trading.market import money_of, token_of
from pallets.primitives import ss58
from pallets.primitives.agent_record import Agent, AgentId
from pallets.primitives.codec import codec_of
from pallets.primitives.keys import Keypair
from pallets.primitives.pots import treasury
from pallets.primitives.suri import InvalidSecret
from pallets.primitives.types import U64, AccountId, Balance

AGENT_NUMBER = codec_of(AgentId)
ASK_WEIGHT, WEIGHT = codec_of(tuple[U64, AccountId]), codec_of(Balance | None)
ALL = "all"
BALLOT = ("aye", "nay", "abstain")


@dataclass
class Company:
    """An agent, and the runtime that its DAO is in."""

    chain: Chain
    described: Described
    agent: int
    record: Agent
    token_id: int | None
    token: Unit
    money: Unit

    @classmethod
    async def of(cls, chain: Chain, agent: str, described: Described | None = None) -> Company:
        """Of an agent by its name or number; raises `NoSuchAgent`."""
        number, described = await agent_number(chain, agent), described or await Described.at(chain)
        record = await chain.read(AGENT, number)
        assert record is not None
        token_id = await described.read(chain, "Agents", "TokenOf", number)
        token = None if token_id is None else await token_of(chain, token_id)
        return cls(chain, described, number, record, token_id, token or Unit("", 0), await money_of(chain))

    @classmethod
    async def of_proposal(cls, chain: Chain, proposal: int) -> Company:
        """The one that a proposal is made to; raises `NoProposal`."""
        described = await Described.at(chain)
        found = await described.read(chain, "Dao", "Proposal", proposal)
        if found is None:
            raise NoProposal(f"there is no proposal {proposal}: `fathom dao show AGENT` lists those that are alive")
        return await cls.of(chain, str(found["agent"]), described)

    # Asking

    async def read(self, item: str, *keys: Any) -> Any:
        """A storage value of `Dao`."""
        return await self.described.read(self.chain, "Dao", item, *keys)

    async def rules(self) -> dict[str, Any]:
        """What its next proposal follows."""
        found = await self.chain.ask("DaoApi_rules", AGENT_NUMBER.encode(self.agent))
        rules: dict[str, Any] = self.described.decode_as("Dao", "DefaultRules", found[1:])
        return rules

    async def proposal(self, id: int) -> dict[str, Any]:
        """A proposal's record with its motion, which is `None` once it is dead; raises `NoProposal`."""
        found = await self.read("Proposal", id)
        if found is None:
            raise NoProposal(f"there is no proposal {id}")
        motion = await self.read("Motion", id)
        match motion:
            case {"Call": {"call": bytes(call)}}:
                motion = {"Call": {"call": self.described.decode_call(call)}}
        return {"id": id, **found, "motion": motion}

    async def live(self) -> list[dict[str, Any]]:
        """Its proposals that are alive."""
        return [await self.proposal(each["id"]) for each in await self.read("Live", self.agent)]

    async def circulating(self) -> int:
        """What of its token circulates: while nothing does, its creator decides."""
        if self.token_id is None:
            return 0
        stream = await self.described.read(self.chain, "Dividends", "Stream", self.token_id)
        return 0 if stream is None else int(stream["circulating"])

    async def treasury(self) -> int:
        """What its treasury has."""
        found = await self.chain.read(ACCOUNT, treasury(self.agent))
        return 0 if found is None else int(found.data.free)

    async def locked(self, who: bytes) -> int:
        """What an account has locked."""
        return 0 if self.token_id is None else int(await self.read("Locked", self.token_id, who))

    async def weight(self, proposal: int, who: bytes) -> int:
        """What an account votes with on a proposal."""
        return WEIGHT.decode_all(await self.chain.ask("DaoApi_weight", ASK_WEIGHT.encode((proposal, who)))) or 0

    # Doing

    def tokens(self, text: str) -> int:
        """An amount of the token; raises `NoToken` and `NotAnAmount`."""
        if self.token_id is None:
            name = self.record.name.decode("utf-8", "replace")
            raise NoToken(f"{name} has no token: until `fathom curve create {name}` its creator decides alone")
        return self.token.parse(text)

    async def do(self, who: Keypair, call: str, **arguments: Any) -> list[Happened]:
        """A call of `Dao`; its events."""
        return await carried_out(self.chain, who, self.described.call("Dao", call, **arguments), self.described)

    async def propose(self, who: Keypair, motion: Any, first: bytes | None = None) -> dict[str, Any]:
        """Announces a motion, after another call in the same transaction if there is one; the proposal."""
        call = self.described.call("Dao", "propose", agent=self.agent, motion=motion)
        if first is not None:
            from offchain.records import together

            call = together([first, call])
        told = next(
            each for each in await carried_out(self.chain, who, call, self.described) if each.name == "Proposed"
        )
        return await self.proposal(told.fields["proposal"])

    async def vote(self, who: Keypair, proposal: int, said: dict[str, str | None]) -> dict[str, int]:
        """Votes, each of `BALLOT` with an amount or `all`; the ballot."""
        given = {name: text for name, text in said.items() if text is not None}
        if not given or (len(given) > 1 and ALL in given.values()):
            raise NoBallot("say --aye, --nay or --abstain, each with an amount, or one of them with `all`")
        ballot = dict.fromkeys(BALLOT, 0)
        for name, text in given.items():
            ballot[name] = await self.weight(proposal, who.account_id) if text == ALL else self.tokens(text)
        await self.do(who, "vote", proposal=proposal, ballot=ballot)
        return ballot


def account(text: str) -> bytes:
    """The account of an address, of 32 bytes in hex, or of a development name as `//Bob`; raises `NotAnAccount`."""
    try:
        if text.startswith("//"):
            return Keypair.from_suri(text).account_id
        return bytes.fromhex(text[2:].ljust(64, "x")) if text.startswith("0x") else ss58.decode_account(text)
    except (ValueError, InvalidSecret):
        raise NotAnAccount(f"{text!r} is no account: give an address, 32 bytes in hex, or //Bob") from None
