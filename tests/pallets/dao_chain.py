"""A chain in memory on which agents have tokens: who holds some was given them, and blocks come when they are asked."""

from __future__ import annotations

from pallets.dao.pallet import Dao
from pallets.dao.rules import Rules
from pallets.dao.tally import Ballot
from pallets.dao.terms import ApproveScript, Motion, Proposal, ProposalState
from pallets.primitives.hashing import blake2_256
from pallets.primitives.pots import dao_account
from tests.pallets.job_chain import ALICE, BOB, CAROL, OPERATORS, UNIT, JobChain, JobRuntime

ANNOUNCED, VOTED, LOCKED, OPEN, AGE, EPOCH = 6_000, 12_000, 6_000, 600_000, 10_000, 60_000
RULES = Rules(ANNOUNCED, VOTED, LOCKED, OPEN, 100_000, 500_000, 1, 3, AGE, UNIT)
BOND = UNIT
DAVE = OPERATORS[3]
NEW_CODE = b"export default async function main(input) { return 'new' }"
NEW = blake2_256(NEW_CODE)
DAO_CALLABLE = frozenset(
    ("System.remark_with_event", "Utility.batch_all", "Utility.batch", "Balances.transfer_keep_alive")
)


class DaoRuntime(JobRuntime):
    """The pallets of an agent's life as a company."""

    def compose(self) -> None:
        super().compose()
        self.dao = Dao(
            index=25,
            system=self.system,
            timestamp=self.timestamp,
            currency=self.balances,
            tokens=self.assets,
            companies=self.agents,
            holders=self.dividends,
            callable=DAO_CALLABLE,
            bond=BOND,
            proposer_share=100_000,
            min_period=1_000,
            max_period=30 * 86_400_000,
            guardianship=86_400_000,
            max_guardianship=10 * 86_400_000,
            epoch=EPOCH,
            max_due=4,
        )
        self.assets.freezer = lambda: self.dao
        self.randomness.listeners = (self.jobs, self.slashing, self.dao, self.schedules)


class DaoChain(JobChain):
    """An agent of Carol's; Alice and Bob have 400 of its tokens each, Carol 200, all locked for a while."""

    runtime = DaoRuntime
    rt: DaoRuntime

    def __init__(self, *, holders: dict[bytes, int] | None = None, decimals: int = 0) -> None:
        super().__init__()
        self.rt.dao.default_rules = RULES
        self.agent()
        self.call(CAROL, "Agents", "upload_code", code=NEW_CODE)
        self.call(CAROL, "Agents", "fund", agent=0, amount=100 * UNIT)
        assets = self.rt.assets
        self.token = assets.next_id()
        assets.create_token(self.token, b"modlfthmcurv".ljust(32, b"\0"), b"Echo", b"ECHO", decimals)
        self.rt.dividends.follow(self.token)
        self.rt.agents.set_token(0, self.token)
        for who, amount in ({ALICE: 400, BOB: 400, CAROL: 200} if holders is None else holders).items():
            assets.mint_into(self.token, who, amount)
            self.lock(who, amount)
        self.next_block()

    def until(self, moment: int) -> None:
        """Opens the block of that moment."""
        self.next_block(after=moment - self.rt.timestamp.now)

    def lock(self, who: bytes, amount: int) -> None:
        self.call(who, "Dao", "lock", agent=0, amount=amount)

    def unlock(self, who: bytes, amount: int) -> None:
        self.call(who, "Dao", "unlock", agent=0, amount=amount)

    def delegate(self, who: bytes, to: bytes | None) -> None:
        self.call(who, "Dao", "delegate", agent=0, to=to)

    def give(self, source: bytes, dest: bytes, amount: int) -> None:
        """Transfers tokens."""
        self.call(source, "Assets", "transfer", id=self.token, target=dest, amount=amount)

    def propose(self, motion: Motion | None = None, who: bytes = ALICE) -> int:
        """A proposal, of a new script unless told otherwise; its number."""
        id = self.rt.dao.next_proposal
        self.call(who, "Dao", "propose", agent=0, motion=motion or ApproveScript(NEW, None, None))
        return id

    def vote(self, who: bytes, id: int, aye: int = 0, nay: int = 0, abstain: int = 0) -> None:
        self.call(who, "Dao", "vote", proposal=id, ballot=Ballot(aye, nay, abstain))

    def act(self, who: bytes, name: str, id: int) -> None:
        """`execute`, `cancel` or `veto`."""
        self.call(who, "Dao", name, proposal=id)

    def proposal(self, id: int) -> Proposal:
        return self.rt.dao.proposal[id]

    def state(self, id: int) -> ProposalState:
        return self.proposal(id).state

    def to_vote(self, id: int) -> None:
        """Opens the block in which the vote begins."""
        self.until(self.proposal(id).opens)

    def approve(self, id: int) -> None:
        """Has Alice and Bob vote for it with all they have, and opens the block in which it is approved."""
        if self.state(id) is ProposalState.Announced:
            self.to_vote(id)
        for who in (ALICE, BOB):
            self.vote(who, id, aye=self.rt.dao.weight(id, who))
        self.until(self.proposal(id).closes)
        assert self.state(id) is ProposalState.Approved

    def pass_(self, id: int) -> None:
        """As `approve`, and opens the block in which the time-lock ends."""
        self.approve(id)
        self.until(self.proposal(id).executes)

    def carry(self, motion: Motion) -> int:
        """Proposes, passes and carries out a motion."""
        id = self.propose(motion)
        self.pass_(id)
        assert self.state(id) is ProposalState.Executed, self.rt.events
        return id

    @property
    def account(self) -> bytes:
        """Who the DAO calls as."""
        return dao_account(0)
