"""A chain's states over a lazy one, beside the same chain's states held whole."""

from __future__ import annotations

import random
from typing import Any

import pytest

from node.fork.held import Held
from node.state.delta import Delta
from node.state.forked import NO_ROOT, update_of
from node.state.forked_states import ForkedStates
from node.state.memory import MemoryDatabase
from node.state.remote import ChildState, Fetcher, PartialUpdate, RemoteState, flattened, reading
from node.state.states import States
from node.state.trie import Changes, Update
from tests.node.state.likeness import after
from tests.node.state.served_state import ROOTS, Served, naive_nodes

START = {bytes((high, low)) * 10: b"value %d" % low * (low // 4 + 1) for high in range(0, 250, 9) for low in range(16)}


class Both:
    """Two databases of one chain, of which one holds all of it and one what local blocks have made of a lazy state."""

    def __init__(self, fetcher: Fetcher, base: RemoteState, served: Served) -> None:
        self.fetcher, self.base, self.served = fetcher, base, served
        self.whole_db, self.lazy_db = MemoryDatabase(), MemoryDatabase()
        batch = self.whole_db.batch()
        self.whole = States.create(self.whole_db, batch, START, 1)
        self.whole_db.write(batch)
        self.lazy = ForkedStates.of(self.lazy_db, base, served.root)
        self.models = [dict(START)]

    async def grow(self, changes: dict[bytes, bytes | None]) -> None:
        """One block more."""
        number = len(self.models)
        update = Update(self.whole.head, changes)
        expected = Delta(update.run(), changes, update.nodes)
        self._move(self.whole, lambda move: move.redo(number, expected), expected.root)

        def grown() -> None:
            update = update_of(self.lazy.head, changes)
            delta = Delta(update.run(), changes, update.nodes)
            assert delta.root == (expected.root if self.fetcher.proves else NO_ROOT)
            self._move(self.lazy, lambda move: move.redo(number, delta), delta.root)

        await reading(self.fetcher, grown)
        self.models.append(after(self.models[-1], changes))

    async def shrink(self, roots: list[bytes]) -> None:
        """Takes the last block back."""
        number = len(self.models) - 1
        self.models.pop()
        for states in (self.whole, self.lazy):
            root = roots[-1] if self.fetcher.proves or states is self.whole else NO_ROOT
            await reading(
                self.fetcher,
                lambda states=states, root=root: self._move(states, lambda move: move.undo(number, root), root),  # type: ignore[misc]
            )

    @staticmethod
    def _move(states: States, do: Any, root: bytes) -> None:
        move = states.move(states.db.batch())
        do(move)
        move.write()
        states.db.write(move.batch)
        move.done(root)

    def reopen(self) -> None:
        """As a node does that was stopped."""
        self.lazy = ForkedStates.of(self.lazy_db, self.base, self.lazy.head.root)

    async def check(self) -> None:
        for number, model in enumerate(self.models):
            is_head = number == len(self.models) - 1
            state = self.lazy.head if is_head else self.lazy.past(number)
            ordered = sorted(model)
            assert await reading(self.fetcher, lambda state=state: list(state.keys())) == ordered  # type: ignore[misc]
            for prefix, bound in ((ordered[5][:1], None), (b"\x09", b"\x09\x05"), (b"zz", None)):
                found = await reading(self.fetcher, lambda s=state, p=prefix, b=bound: list(s.keys(p, b)))  # type: ignore[misc]
                assert found == [key for key in ordered if key.startswith(prefix) and (bound is None or key > bound)]
            values = await reading(self.fetcher, lambda s=state: {key: s.get(key) for key in START})  # type: ignore[misc]
            assert values == {key: model.get(key) for key in START}


@pytest.mark.parametrize("proves", [True, False])
async def test_blocks_are_made_taken_back_and_made_again_over_a_lazy_state(proves: bool) -> None:
    served = Served(START, {key for key, value in START.items() if len(value) > 32}, proves=proves)
    fetcher = await served.fetcher()
    both = Both(fetcher, RemoteState(fetcher.known, 1), served)
    chance, roots = random.Random(3), [served.root]

    def changes() -> dict[bytes, bytes | None]:
        held = list(both.models[-1])
        found: dict[bytes, bytes | None] = {key: chance.randbytes(chance.choice([3, 40])) for key in held[:4]}
        found |= dict.fromkeys(chance.sample(held, 25))
        found |= {chance.choice(held)[:3] + chance.randbytes(1): b"new" for _ in range(6)}
        return found | {b"absent": None}

    for _ in range(3):
        await both.grow(changes())
        roots.append(both.whole.head.root)
    await both.check()
    for _ in range(2):
        roots.pop()
        await both.shrink(roots)
    both.reopen()
    for _ in range(2):
        await both.grow(changes())
        roots.append(both.whole.head.root)
    both.reopen()
    await both.check()
    while len(both.models) > 1:
        roots.pop()
        await both.shrink(roots)
    await both.check()
    if proves:
        assert PartialUpdate(both.lazy.head, {}, 1).run() == served.root
    questions = served.count("state_queryStorageAt")
    assert questions <= 12


async def test_child_tries_are_written_taken_back_and_read_as_they_were() -> None:
    child = {key: value for key, value in START.items() if key[0] < 90}
    served = Served(START, set(), {b"crowdloan": child})
    fetcher = await served.fetcher()
    db = MemoryDatabase()
    states = ForkedStates.of(db, RemoteState(fetcher.known, 0), served.root)
    gone: dict[bytes, bytes | None] = dict.fromkeys(list(child)[::2])
    blocks: list[tuple[Changes, dict[bytes, Changes]]] = [
        ({b"top": b"1"}, {b"crowdloan": {**gone, b"mine": b"new " * 20}, b"fresh": {b"k": b"v"}}),
        ({b"top": None}, {b"crowdloan": dict.fromkeys([*child, b"mine"]), b"fresh": {b"k": b"w"}}),
    ]
    models = [(dict(START), {b"crowdloan": dict(child), b"fresh": dict[bytes, bytes]()})]
    for number, (top, children) in enumerate(blocks, 1):
        values, tries = models[-1]
        models.append((after(values, top), {name: after(held, children[name]) for name, held in tries.items()}))
        expected = Served(models[-1][0], set(), models[-1][1])
        roots = {ROOTS + name: expected.values.get(ROOTS + name) for name in children}  # as runtimes write them
        changes = flattened({**top, **roots}, children)

        def grown(changes: Changes = changes, number: int = number) -> None:
            update = update_of(states.head, changes)
            delta = Delta(update.run(), changes, update.nodes)
            Both._move(states, lambda move: move.redo(number, delta), delta.root)

        await reading(fetcher, grown)
        assert states.head.root == expected.root
    states = ForkedStates.of(db, RemoteState(fetcher.known, 0), states.head.root)
    for number in (2, 1):
        for at in range(number + 1):
            state = states.head if at == number else states.past(at)
            values, tries = models[at]
            held_roots = {ROOTS + name for name, held in tries.items() if held}
            listed = await reading(fetcher, lambda state=state: list(state.keys()))  # type: ignore[misc]
            assert listed == sorted(values.keys() | held_roots)
            for name, held in tries.items():
                of = ChildState(state, name)
                assert await reading(fetcher, lambda of=of: list(of.keys())) == sorted(held)  # type: ignore[misc]
                found = await reading(fetcher, lambda of=of: {key: of.get(key) for key in [*child, b"k", b"mine"]})  # type: ignore[misc]
                assert found == {key: held.get(key) for key in [*child, b"k", b"mine"]}
                engine = Held(state)
                follows = await reading(fetcher, lambda e=engine, n=name: e.next_key(b"k", n))  # type: ignore[misc]
                assert follows == min((key for key in held if key > b"k"), default=None)
                root = await reading(fetcher, lambda e=engine, n=name: e.root({b"more": b"1"}, 0, n))  # type: ignore[misc]
                assert root == naive_nodes({**held, b"more": b"1"}, set())[0]
        Both._move(states, lambda move, number=number: move.undo(number, served.root), served.root)
