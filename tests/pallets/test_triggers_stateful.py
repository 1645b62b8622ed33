"""Events, triggers, blocks and time in any order: each event that was waited for has one run, or was missed by name."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pallets.frame import Event
from pallets.system.pallet import System
from pallets.triggers import Condition, Triggers
from tests.pallets.job_chain import ALICE, BOB, CAROL
from tests.pallets.test_triggers import chain_with_agent, found_by, remark, trigger


class Reactions(RuleBasedStateMachine):
    """A chain, and what is owed of it."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = chain_with_agent()
        self.owed: Counter[tuple[int, int, int]] = Counter()
        self.done: Counter[tuple[int, int, int]] = Counter()
        self.seen = 0
        self.ended: set[int] = set()

    @rule(who=st.sampled_from((ALICE, BOB)), condition=st.sampled_from((None, Condition(0, CAROL))))
    def set(self, who: bytes, condition: Condition | None) -> None:
        triggers = self.chain.rt.triggers
        if triggers.count_of[who] < 3 and triggers.total < 4:
            trigger(self.chain, who, condition=condition, count=5)

    @rule(who=st.sampled_from((BOB, CAROL)))
    def happens(self, who: bytes) -> None:
        remark(self.chain, who)

    @rule(after=st.sampled_from((100, 100, 900, 5_000, 100_000)))
    def block(self, after: int) -> None:
        rt = self.chain.rt
        waiting = dict(rt.triggers.trigger_of.items())
        for index, event in enumerate(rt.events):
            if isinstance(event, System.Remarked):
                for id, found in waiting.items():
                    if found.condition is None or event.sender == found.condition.value:
                        self.owed[id, rt.system.number, index] += 1
        self.chain.head = self.chain.executive.finalize_block().hash
        self._hear(rt.events)
        self.chain._open(rt.timestamp.now + after)
        self._hear(rt.events)

    @rule(id=st.integers(0, 5))
    def remove(self, id: int) -> None:
        found = self.chain.rt.triggers.trigger_of.get(id)
        if found is not None:
            self.chain.call(found.owner, "Triggers", "remove", trigger=id)
            self.ended.add(id)

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Triggers.Ran | Triggers.RunSkipped):
                self.done[event.trigger, event.block, event.place] = 1
            elif isinstance(event, Triggers.Missed):
                for id, block, place in self.owed:
                    if (id, block) == (event.trigger, event.block) and place >= event.place:
                        self.done[id, block, place] = 1
            elif isinstance(event, Triggers.Ended):
                self.ended.add(event.trigger)

    @invariant()
    def each_has_its_run(self) -> None:
        triggers = self.chain.rt.triggers
        assert all(count == 1 for count in self.owed.values()) and self.done.keys() <= self.owed.keys()
        waits = {(id, found.block, found.place) for (id, _), found in triggers.waiting.items()}
        assert not waits & self.done.keys()
        assert {entry for entry in self.owed if entry[0] not in self.ended} <= waits | self.done.keys()
        jobs = [found_by(self.chain, job) for job in self.chain.rt.jobs.input]
        assert len({(id, each.block, each.place) for id, each in jobs}) == len(jobs)
        queued = [id for _, id in triggers.runs]
        assert sorted(queued) == sorted(id for id, each in triggers.trigger_of.items() if each.waiting)
        assert triggers.total == len(list(triggers.trigger_of)) == len(list(triggers.by_event.items()))


TestReactions = Reactions.TestCase
TestReactions.settings = settings(max_examples=12, stateful_step_count=40, deadline=None)
