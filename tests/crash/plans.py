"""When a node dies: at a random moment, or at a write of a chosen phase of a block.

| operation | the write is |
| --- | --- |
| `open` | of a new database: its schema, its genesis block, its identity |
| `extend` | of a block on the best one |
| `fork` · `reorg` | of a block beside the best one · of one that makes its fork the best chain |
| `finalize` · `prune` · `choose` | of finality · which drops history, too · of a block on a fork |
| `anything` | any |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from random import Random
from typing import Literal, get_args

Operation = Literal["open", "extend", "fork", "reorg", "finalize", "prune", "choose", "anything"]
Moment = Literal["before", "during", "after", "start", "work"]
"""Of a write; `after` is before anybody hears of it. `start` and `work` are any moments of a process's life."""

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ON_FORKS: tuple[Operation, ...] = ("fork", "reorg", "choose")
WRITES_OF_OPENING = 3
KEPT_STATES = "3"
"""Where history is dropped: of how many final blocks the states stay."""


@dataclass(frozen=True)
class Plan:
    """One death. `nth` counts the writes of the operation.

    `delay_s` is from the beginning of the write, of the process or of its service to the kill.
    """

    operation: Operation
    moment: Moment
    nth: int
    delay_s: float
    sealing: str
    state_pruning: str

    @property
    def name(self) -> str:
        return f"{self.operation}/{self.moment}"

    def encode(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Plan:
        return cls(**json.loads(text))


def plan_of(chance: Random, number: int, *, first: bool) -> Plan:
    """The plan of kill `number`; in its first life a database mostly dies while it is made."""
    if first and chance.random() < 0.7:
        return _at(chance, "open", chance.randint(1, WRITES_OF_OPENING))
    if number % 5 < 2:
        forks = chance.random() < 0.3
        sealing = "manual" if forks else str(chance.randint(10, 100))
        state_pruning = chance.choice(("archive", KEPT_STATES))
        if chance.random() < 0.2:
            return Plan("anything", "start", 0, chance.uniform(0, 1.2), sealing, state_pruning)
        return Plan("anything", "work", 0, chance.uniform(0, 2.0), sealing, state_pruning)
    operation = chance.choice(OPERATIONS[1:-1])
    return _at(chance, operation, chance.randint(1, 2 if operation in ("reorg", "choose") else 12))


def _at(chance: Random, operation: Operation, nth: int) -> Plan:
    moment: Moment = chance.choice(("before", "during", "after"))
    sealing = "manual" if operation in ON_FORKS else str(chance.randint(10, 100))
    state_pruning = KEPT_STATES if operation == "prune" else "archive"
    return Plan(operation, moment, nth, chance.uniform(0, 0.004), sealing, state_pruning)
