"""Jobs of two agents in any order: each does all it left or nothing, and nobody's money or store is ever exceeded."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pallets.anchors.pallet import DAY, Anchors
from pallets.mandates import Transfers
from pallets.primitives.effects import EFFECTS, Action, CallAction, Effects, Emit, Pay, Send, Update, enveloped
from pallets.primitives.pots import purse
from tests.pallets.effect_chain import MAX_STORED, EffectChain, lock
from tests.pallets.job_chain import ALICE, BOB, CAROL, DEPOSIT, UNIT

AGENTS, SUBMITTERS = (0, 1), (ALICE, BOB)
keys = st.sampled_from([b"a", b"b", b"c", b"d", b"long" * 32])
sizes = st.sampled_from([None, 0, 1, 2, 9_000, 16_384])
"""Of the value that is written; none: the key goes."""
amounts = st.integers(0, 5 * UNIT)
moves = st.one_of(
    st.tuples(st.just("pay"), amounts),
    st.tuples(st.just("call"), amounts),
    st.tuples(st.just("send"), st.sampled_from([0, 0, 0, 1])),
    st.tuples(st.just("emit"), st.just(0)),
)


class Jobs(RuleBasedStateMachine):
    """Effects applied to a chain and, where it says that it did them, to what is expected of it."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = EffectChain()
        self.rt = self.chain.rt
        self.chain.agent(b"another")
        self.store: dict[tuple[int, bytes], bytes] = {}
        self.seen: dict[tuple[int, bytes], bytes | None] = {}
        """What some job to come has read."""
        self.left: dict[tuple[bytes, int], int] = {}
        self.limits = {0: (0, 0), 1: (0, 0)}
        self.today = dict.fromkeys(AGENTS, 0)
        for agent in AGENTS:
            self.chain.call(CAROL, "Anchors", "fill", agent=agent, amount=20 * UNIT)
        self.money = {who: self.rt.balances.free(who) for who in (*SUBMITTERS, CAROL, purse(0), purse(1))}
        self.job = 0

    @rule(agent=st.sampled_from(AGENTS), key=keys)
    def read(self, agent: int, key: bytes) -> None:
        self.seen[agent, key] = self.rt.anchors.value.get(agent, key)

    @rule(agent=st.sampled_from(AGENTS), job=st.integers(0, 6 * UNIT), day=st.integers(0, 12 * UNIT))
    def limit(self, agent: int, job: int, day: int) -> None:
        self.chain.call(CAROL, "Anchors", "set_limits", agent=agent, per_job=job, per_day=day)
        self.limits[agent] = (job, day) if job and day else (0, 0)

    @rule(agent=st.sampled_from(AGENTS), who=st.sampled_from(SUBMITTERS), allowance=st.integers(0, 8 * UNIT))
    def grant(self, agent: int, who: bytes, allowance: int) -> None:
        until = self.rt.timestamp.now + 10 * DAY
        self.chain.call(who, "Mandates", "grant", agent=agent, allowance=allowance, kinds=[Transfers()], until=until)
        self.left[who, agent] = allowance

    @rule()
    def sleep(self) -> None:
        self.rt.timestamp.now += DAY
        self.today = dict.fromkeys(AGENTS, 0)

    @rule(
        agent=st.sampled_from(AGENTS),
        who=st.sampled_from(SUBMITTERS),
        sizes=st.lists(st.tuples(keys, sizes), max_size=4),
        locked=st.sets(keys, max_size=2),
        wanted=st.lists(moves, max_size=3),
    )
    def settle(
        self,
        agent: int,
        who: bytes,
        sizes: list[tuple[bytes, int | None]],
        locked: set[bytes],
        wanted: list[tuple[str, int]],
    ) -> None:
        writes = [(key, None if size is None else bytes(size)) for key, size in sizes]
        locks = [lock(key, self.seen[agent, key]) for key in sorted(locked) if (agent, key) in self.seen]
        effects = Effects(locks, [Update(*write) for write in writes], [self._action(*each) for each in wanted])
        if effects.changes_nothing:
            return
        held = all(self.store.get((agent, key)) == self.seen[agent, key] for key in locked if (agent, key) in self.seen)
        self.job += 1
        before, sent = dict(self.rt.state.changes), list(self.rt.sent.calls)
        self.rt.anchors.apply(agent, self.job, who, enveloped(EFFECTS.encode(effects), b""))
        last = self.rt.events[-1]
        if isinstance(last, Anchors.Refused):
            changed = [key for key, value in self.rt.state.changes.items() if before.get(key, ...) != value]
            assert not changed, (last, changed)
            assert isinstance(last.error, Anchors.Conflict) != held
            self.rt.sent.calls = sent  # it is no storage of this chain's
            return
        assert last == Anchors.Applied(agent, self.job, len(writes), len(wanted)) and held
        for key, value in writes:
            self.store.pop((agent, key), None)
            if value is not None:
                self.store[agent, key] = value
        paid = sum(amount for kind, amount in wanted if kind == "pay")
        called = sum(amount for kind, amount in wanted if kind == "call")
        self.today[agent] += paid
        self.money[purse(agent)] -= paid
        self.money[who] -= called
        self.money[CAROL] += paid + called
        if any(kind == "call" for kind, _ in wanted):
            self.left[who, agent] -= called
        assert paid <= self.limits[agent][0] and (not paid or self.today[agent] <= self.limits[agent][1])
        assert ("send", 1) not in wanted

    def _action(self, kind: str, amount: int) -> Action:
        match kind:
            case "pay":
                return Pay(CAROL, amount)
            case "call":
                inner = self.rt.call("Balances", "transfer_keep_alive", dest=CAROL, value=amount)
                return CallAction(self.rt.call("Utility", "batch_all", calls=[inner]).encoded())
            case "send":
                return Send(bytes(32), b"refused" if amount else b"fine", 1)
        return Emit([], b"")

    @invariant()
    def the_store_is_as_expected(self) -> None:
        assert dict(self.rt.anchors.value.items()) == self.store
        for agent in AGENTS:
            stored = sum(len(key) + len(value) for (of, key), value in self.store.items() if of == agent)
            assert self.rt.anchors.stored[agent] == stored <= MAX_STORED

    @invariant()
    def money_is_where_it_should_be(self) -> None:
        assert {who: self.rt.balances.free(who) for who in self.money} == self.money
        assert min(self.money[purse(agent)] for agent in AGENTS) >= DEPOSIT
        for (who, agent), left in self.left.items():
            mandate = self.rt.mandates.mandate.get(who, agent)
            assert mandate is not None and mandate.left == left >= 0


TestJobs = Jobs.TestCase
TestJobs.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
