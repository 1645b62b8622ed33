"""Bringing what is missing of a forked state, with as few questions as it takes.

## Overview

Whoever misses something calls `fetch`. What several miss in the same moment is asked for together; what is already
being asked for is waited for. A page of keys comes with the values of its keys; pages grow while their reader goes on.
An answer that would be too large is asked for in halves.

Work that misses one key after another costs a question each, and is begun anew each time. So with a cache, the keys
that were missed on this chain are remembered, and asked for at the next start, all at once, of whatever block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import trio

from node.state.remote.asking import Ask, Questions, together
from node.state.remote.believed import BelievedState
from node.state.remote.cache import Cache
from node.state.remote.entries import Entries
from node.state.remote.errors import AnswerTooLarge, MethodRefused, NoProofs
from node.state.remote.missing import Child, Missing, Page, Want
from node.state.remote.proven import ProvenState
from node.state.remote.state import ForkedBlock, Known

MAX_KEYS = 1000
"""Keys of one question: with what a page lists."""
FIRST_PAGE, MAX_PAGE, GROWTH = 64, 1000, 4
ANY_PAGE = 16
"""The first page of who names no prefix, and may only want to see that a map has ended."""
MAX_READERS = 256
"""Whose last pages are remembered."""
MAX_WANTED = 1024
"""Keys that are asked for at the start."""

Part: TypeAlias = Want | Page


class _Errand:
    """What is asked for together."""

    def __init__(self) -> None:
        self.parts: dict[Part, None] = {}
        self.done = trio.Event()
        self.error: Exception | None = None


class Fetcher:
    """Brings parts of the state after one block; made by `open`."""

    def __init__(self, questions: Questions, known: ProvenState | BelievedState, cache: Cache | None) -> None:
        self._questions, self._known, self._cache = questions, known, cache
        self._wanted = dict.fromkeys([] if cache is None else cache.wanted())
        self._gathering: _Errand | None = None
        self._errands: dict[Part, _Errand] = {}
        self._pages: dict[tuple[Child, bytes], tuple[bytes, int]] = {}
        """Of who reads keys in order, where the last page ended, and how long it was."""

    @classmethod
    async def open(cls, ask: Ask, block: ForkedBlock, cache: Cache | None = None) -> Fetcher:
        """Sees whether there are proofs. Raises `NotProven` where they don't hold, and what `ask` raises."""
        questions = Questions(ask, block.hash)
        if block.state_root != bytes(len(block.state_root)):
            fetcher = cls(questions, ProvenState(block.state_root, Entries(cache)), cache)
            with suppress(NoProofs):
                await fetcher.prefetch([b"", *fetcher._wanted])
                return fetcher
        fetcher = cls(questions, BelievedState(block.hash, cache), cache)
        await fetcher.prefetch(fetcher._wanted)
        return fetcher

    @property
    def known(self) -> Known:
        """What is here, for a `RemoteState`."""
        return self._known

    @property
    def proves(self) -> bool:
        """Whether values are proven, and blocks have true roots."""
        return self._known.proves

    @property
    def asked(self) -> dict[str, int]:
        """How many questions were put so far, by method."""
        return dict(self._questions.asked)

    async def prefetch(self, keys: Iterable[bytes], child: Child = None) -> None:
        """Brings the values of keys that will be read; raises as `fetch`."""
        wants = [want for key in keys if self._known.lacks(want := Want(child, key))]
        if wants:
            await self._fetch(wants)

    async def fetch(self, missing: Missing) -> None:
        """Returns once what is missing is here. Raises a `RemoteStateError`, and what `Ask` raises."""
        await self._fetch([*missing.wants, *([] if missing.page is None else [missing.page])])
        if self._cache is not None and missing.page is None:
            self._remember(self._cache, [want.key for want in missing.wants if want.child is None])

    def _remember(self, cache: Cache, keys: list[bytes]) -> None:
        if all(key in self._wanted for key in keys):
            return
        self._wanted |= dict.fromkeys(keys)
        while len(self._wanted) > MAX_WANTED:
            del self._wanted[next(iter(self._wanted))]
        cache.keep_wanted(list(self._wanted))

    async def _fetch(self, parts: Sequence[Part]) -> None:
        waited_for = dict.fromkeys(errand for part in parts if (errand := self._errands.get(part)) is not None)
        mine = [part for part in parts if part not in self._errands]
        if mine:
            errand, is_new = self._gathering, self._gathering is None
            if errand is None:
                errand = self._gathering = _Errand()
            errand.parts |= dict.fromkeys(mine)
            self._errands |= dict.fromkeys(mine, errand)
            if is_new:
                await self._run(errand)
            else:
                waited_for[errand] = None
        for errand in waited_for:
            await errand.done.wait()
            if errand.error is not None:
                raise errand.error

    async def _run(self, errand: _Errand) -> None:
        try:
            await trio.lowlevel.checkpoint()  # others who miss something now join
            self._gathering = None
            await self._bring(errand.parts)
        except Exception as error:
            errand.error = error
            raise
        finally:  # who waits for a cancelled errand misses it again, and runs another
            if self._gathering is errand:
                self._gathering = None
            for part in errand.parts:
                del self._errands[part]
            errand.done.set()

    async def _bring(self, parts: Iterable[Part]) -> None:
        wants = {part: None for part in parts if isinstance(part, Want)}
        for page in [part for part in parts if isinstance(part, Page)]:
            wants |= dict.fromkeys(await self._page(page))
        keys: dict[Child, list[bytes]] = {}
        for want in wants:
            if self._known.lacks(want):
                keys.setdefault(want.child, []).append(want.key)
        chunks = [(c, names[at : at + MAX_KEYS]) for c, names in keys.items() for at in range(0, len(names), MAX_KEYS)]
        await together([partial(self._values, *chunk) for chunk in chunks])

    async def _page(self, page: Page) -> list[Want]:
        """The keys that follow, whose values are read next; what is believed is taken note of."""
        reader, count = (page.child, page.prefix), FIRST_PAGE if page.prefix else ANY_PAGE
        last = self._pages.pop(reader, None)
        if last is not None and page.after is not None and page.after >= last[0]:
            count = min(last[1] * GROWTH, MAX_PAGE)
        keys = await self._questions.keys(page, count)
        if isinstance(self._known, BelievedState):
            self._known.take_page(page, keys, len(keys) < count)
        if keys:
            self._pages[reader] = keys[-1], count
            if len(self._pages) > MAX_READERS:
                del self._pages[next(iter(self._pages))]
        return [Want(page.child, key) for key in keys]

    async def _values(self, child: Child, keys: list[bytes]) -> None:
        known = self._known
        try:
            if isinstance(known, BelievedState):
                known.take_values(await self._questions.values(child, keys))
            else:
                await self._questions.proof(child, keys, lambda proof: known.take(child, keys, proof))
        except AnswerTooLarge:
            if len(keys) == 1:
                raise
            half = len(keys) // 2
            await self._values(child, keys[:half])
            await self._values(child, keys[half:])
        except MethodRefused as error:
            if known.proves:
                raise NoProofs(f"no endpoint gives read proofs: {error}") from None
            raise
