"""Running a runtime without a node: for the tests of pallets, here and in other people's trees.

```python
with externalities(TestRuntime, balances={"balances": [(ALICE, 100)]}) as rt:
    rt.balances.transfer_allow_death(ALICE, BOB, 40)
    assert rt.events[-1] == Balances.Transfer(from_=ALICE, to=BOB, amount=40)
    with noop(rt, Balances.InsufficientBalance):
        rt.balances.transfer_allow_death(ALICE, BOB, 1_000)
```
A call made directly runs in no layer of its own, as FRAME's do in tests; `rt.dispatch` adds one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pallets.frame.events import DispatchError
from pallets.frame.genesis import build_genesis
from pallets.frame.overlay import DictBackend, Overlay
from pallets.frame.runtime import Runtime

R = TypeVar("R", bound=Runtime)


@contextmanager
def externalities(runtime: type[R], **genesis: dict[str, Any]) -> Iterator[R]:
    """A runtime over its genesis, block 1 open; keyword arguments are genesis values by pallet attribute."""
    state = build_genesis(runtime, genesis)
    made = runtime(Overlay(DictBackend(state)))
    system: Any = made.system  # type: ignore[attr-defined]
    system.initialize(1, bytes(32), [])
    yield made


@contextmanager
def noop(runtime: Runtime, error: type[DispatchError] | DispatchError) -> Iterator[None]:
    """The block inside raises this error and changes nothing (`assert_noop!`)."""
    before, events = dict(runtime.state.changes), len(runtime.events)
    try:
        yield
    except DispatchError as raised:
        expected = error if isinstance(error, type) else type(error)
        if type(raised) is not expected or (not isinstance(error, type) and raised.args != error.args):
            raise
        changed = [key for key, value in runtime.state.changes.items() if before.get(key, ...) != value]
        assert not changed, f"{raised!r} left {len(changed)} storage changes"
        assert len(runtime.events) == events, f"{raised!r} left events"
        return
    raise AssertionError(f"{error!r} was not raised")
