"""What a request may cost and call: one node for each run, of the tree that its calls of agents make.

## Overview

A caller may bound what its request costs with all that is called below it (`x-fathom-max-charge`). Of that the most
that the run itself may cost is set aside when it begins; the rest is for its calls, each of which is granted so much of
it, or what the calling script said, if that is less. What a call didn't use comes back. So no tree ever costs more than
was said, whoever pays for its runs.

## Errors

`TooCostly`, `TooDeep`, `TooManyCalls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offchain.gateway.errors import TooCostly, TooDeep, TooManyCalls
from offchain.serving.calls import MAX_CALLS, MAX_DEPTH

if TYPE_CHECKING:
    from offchain.gateway.agent_entry import AgentEntry

MAX_RUNS = 64
"""Calls in one tree."""


@dataclass(slots=True)
class _Count:
    """Calls in one tree, so far."""

    calls: int = 0


@dataclass(slots=True)
class Tree:
    """One run, and the calls below it. Amounts are in the chain's smallest units."""

    agent: int
    depth: int
    """How many calls lie above it."""
    bound: int | None
    """What it may cost with all below it; `None` where nobody said."""
    left: int | None
    """What of that calls may still be granted."""
    whole: _Count
    calls: int = 0
    """That it has made."""
    spent: int = 0
    """By the calls below it, so far."""

    @classmethod
    def of(cls, agent: AgentEntry, max_charge: int | None) -> Tree:
        """A request from outside; raises `TooCostly`."""
        return cls._node(agent, 0, max_charge, _Count())

    @classmethod
    def of_job(cls, agent: int) -> Tree:
        """A job's run, whose own cost is the job's."""
        return cls(agent, 0, None, None, _Count())

    def call(self, agent: AgentEntry, max_charge: int | None) -> Tree:
        """Another call by this run, which is to `end`; raises `TooDeep`, `TooManyCalls`, `TooCostly`."""
        if self.depth >= MAX_DEPTH:
            raise TooDeep(f"{self.depth} calls lie above this run, and no agent may be called by more")
        if self.calls >= MAX_CALLS or self.whole.calls >= MAX_RUNS:
            raise TooManyCalls(f"a run calls agents {MAX_CALLS} times at most, and there are {MAX_RUNS} calls in all")
        bounds = [bound for bound in (max_charge, self.left) if bound is not None]
        called = self._node(agent, self.depth + 1, min(bounds, default=None), self.whole)
        self.calls += 1
        self.whole.calls += 1
        if self.left is not None:
            assert called.bound is not None
            self.left -= called.bound
        return called

    def end(self, called: Tree, charge: int) -> None:
        """A call is over, whose own run was charged so much."""
        spent = charge + called.spent
        self.spent += spent
        if self.left is not None:
            assert called.bound is not None
            self.left += max(called.bound - spent, 0)

    @classmethod
    def _node(cls, agent: AgentEntry, depth: int, bound: int | None, whole: _Count) -> Tree:
        if bound is None:
            return cls(agent.id, depth, None, None, whole)
        least = agent.access.call_price + agent.price
        if bound < least:
            text = f"a request to agent {agent.id} costs {least} at least, and this may cost {bound}"
            raise TooCostly(text, agent)
        return cls(agent.id, depth, bound, bound - min(agent.most, bound), whole)
