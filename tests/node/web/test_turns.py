"""What is done at the end of a turn."""

from __future__ import annotations

import pytest
import trio

from node.web.turns import turns_of_this_run


async def test_callbacks_wait_for_all_tasks_of_the_turn() -> None:
    turns = turns_of_this_run()
    told: list[str] = []

    async def work(name: str) -> None:
        told.append(name)
        turns.at_end(lambda: told.append("end"))

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(work, name)
    assert sorted(told[:3]) == ["a", "b", "c"]
    await trio.lowlevel.checkpoint()
    assert told[3:] == ["end"] * 3
    await trio.lowlevel.checkpoint()
    assert len(told) == 6


async def test_one_run_has_one() -> None:
    assert turns_of_this_run() is turns_of_this_run()


async def test_a_callback_that_fails_costs_no_other_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    turns = turns_of_this_run()
    told: list[int] = []

    def fail() -> None:
        raise ZeroDivisionError

    for number in range(2):
        turns.at_end(fail)
        turns.at_end(lambda number=number: told.append(number))  # type: ignore[misc]
        await trio.lowlevel.checkpoint()
    assert told == [0, 1]
    assert [record.getMessage() for record in caplog.records] == ["what was to be done at the end of a turn failed"] * 2


async def test_a_task_is_woken_from_the_end_of_a_turn_though_nothing_else_happens() -> None:
    turns = turns_of_this_run()
    woken = trio.Event()
    turns.at_end(lambda: turns.wake(woken.set))
    with trio.fail_after(5):
        await woken.wait()
