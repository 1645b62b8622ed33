"""How far long work is: a bar on a terminal; lines, if they are asked for, where stderr goes elsewhere.

## Usage

```python
with progress("exporting", total=1000, unit="blocks") as at:
    for number in range(1000):
        at(number)
```
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

LINE_EVERY = 1000
BAR_EVERY = 16
"""How many steps there are between two of a bar's: a step costs more than reading a block does."""

At = Callable[[int], None]
"""Told how many steps are done; cheap enough to be called after each."""


class ShowProgress(Protocol):
    """What `progress` is to those who don't know where it is shown."""

    def __call__(self, what: str, *, total: int | None, unit: str) -> AbstractContextManager[At]: ...


def unseen(done: int) -> None:
    """Progress that nobody looks at."""


@contextmanager
def silent(what: str, *, total: int | None, unit: str) -> Iterator[At]:
    """Shows nothing."""
    yield unseen


@contextmanager
def progress(what: str, *, total: int | None, unit: str, verbose: bool = False) -> Iterator[At]:
    """Shows on stderr what is being done. `total` is the number of steps, `None` where nobody knows it."""
    if sys.stderr.isatty():
        with _bar(what, total, unit) as at:
            yield at
    elif verbose:
        yield _lines(what, total, unit)
    else:
        yield unseen


def _lines(what: str, total: int | None, unit: str) -> At:
    whole = "" if total is None else f" of {total}"

    def at(done: int) -> None:
        if done and done % LINE_EVERY == 0:
            print(f"{what}: {done}{whole} {unit}", file=sys.stderr, flush=True)

    return at


@contextmanager
def _bar(what: str, total: int | None, unit: str) -> Iterator[At]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    count = (
        "{task.completed:,} {task.fields[unit]}"
        if total is None
        else "{task.completed:,}/{task.total:,} {task.fields[unit]}"
    )
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn(count), TimeElapsedColumn())
    left = () if total is None else (TimeRemainingColumn(),)
    with Progress(*columns, *left, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total, unit=unit)

        def at(done: int) -> None:
            if done % BAR_EVERY == 0 or done == total:
                shown.update(task, completed=done)

        yield at
