"""The overlay against the plainest thing it could be: a copy of the whole state for every layer."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pallets.frame.overlay import DictBackend, Overlay

keys = st.binary(min_size=1, max_size=3).map(lambda raw: bytes(byte % 4 for byte in raw))  # few, so that they collide
prefixes = st.one_of(st.just(b""), keys)
values = st.binary(max_size=2)


class OverlayMachine(RuleBasedStateMachine):
    """`copies` holds the state as of each open layer, the innermost last."""

    def __init__(self) -> None:
        super().__init__()
        below = {bytes((first, second)): bytes((first + second,)) for first in range(4) for second in range(3)}
        self.below = dict(below)
        self.backend = DictBackend(below)
        self.overlay = Overlay(self.backend)
        self.copies = [dict(below)]

    @property
    def now(self) -> dict[bytes, bytes]:
        return self.copies[-1]

    @rule(key=keys, value=values)
    def put(self, key: bytes, value: bytes) -> None:
        self.overlay.put(key, value)
        self.now[key] = value

    @rule(key=keys)
    def delete(self, key: bytes) -> None:
        self.overlay.put(key, None)
        self.now.pop(key, None)

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        assert self.overlay.get(key) == self.now.get(key)

    @rule(prefix=prefixes, limit=st.none() | st.integers(0, 5))
    def clear_prefix(self, prefix: bytes, limit: int | None) -> None:
        doomed = sorted(key for key in self.now if key.startswith(prefix))[:limit]
        assert self.overlay.clear_prefix(prefix, limit) == len(doomed)
        for key in doomed:
            del self.now[key]

    @rule(prefix=prefixes, after=st.none() | keys)
    def list_keys(self, prefix: bytes, after: bytes | None) -> None:
        expected = sorted(key for key in self.now if key.startswith(prefix) and (after is None or key > after))
        assert list(self.overlay.keys(prefix, after)) == expected

    @rule(prefix=prefixes)
    def delete_while_listing(self, prefix: bytes) -> None:
        expected = sorted(key for key in self.now if key.startswith(prefix))
        seen = []
        for key in self.overlay.keys(prefix):
            seen.append(key)
            self.overlay.put(key, None)
            del self.now[key]
        assert seen == expected

    @rule()
    def begin(self) -> None:
        self.overlay.begin()
        self.copies.append(dict(self.now))

    @precondition(lambda self: len(self.copies) > 1)
    @rule()
    def commit(self) -> None:
        self.overlay.commit()
        done = self.copies.pop()
        self.copies[-1] = done

    @precondition(lambda self: len(self.copies) > 1)
    @rule()
    def rollback(self) -> None:
        self.overlay.rollback()
        self.copies.pop()

    @invariant()
    def reads_as_the_innermost_copy(self) -> None:
        assert self.overlay.depth == len(self.copies) - 1
        assert list(self.overlay.keys()) == sorted(self.now)
        assert {key: self.overlay.get(key) for key in self.now} == self.now

    @invariant()
    def changes_turn_the_backend_into_it(self) -> None:
        after = dict(self.below)
        for key, value in self.overlay.changes.items():
            if value is None:
                after.pop(key, None)
            else:
                after[key] = value
        assert after == self.now

    @invariant()
    def the_backend_is_never_written(self) -> None:
        assert self.backend.pairs == self.below


OverlayMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOverlay = OverlayMachine.TestCase


def test_a_rolled_back_layer_leaves_no_change_at_all() -> None:
    overlay = Overlay(DictBackend({b"a": b"1"}))
    overlay.put(b"b", b"2")
    overlay.begin()
    overlay.put(b"a", None)
    overlay.put(b"b", b"3")
    overlay.put(b"c", b"4")
    overlay.rollback()
    assert overlay.changes == {b"b": b"2"}


def test_a_layer_as_context_keeps_on_success_and_undoes_on_an_exception() -> None:
    overlay = Overlay(DictBackend())
    with overlay:
        overlay.put(b"a", b"1")
    try:
        with overlay:
            overlay.put(b"a", b"2")
            with overlay:
                overlay.put(b"b", b"3")
            raise LookupError
    except LookupError:
        pass
    assert overlay.changes == {b"a": b"1"}
    assert overlay.depth == 0


def test_a_kept_inner_layer_is_undone_with_the_one_around_it() -> None:
    overlay = Overlay(DictBackend({b"a": b"0"}))
    overlay.begin()
    for value in (b"1", b"2", b"3"):
        overlay.begin()
        overlay.put(b"a", value)
        overlay.commit()
    assert overlay.get(b"a") == b"3"
    overlay.rollback()
    assert overlay.get(b"a") == b"0"
