"""The questions that a forked state is read by, and what their answers must look like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import trio

from node.state.remote.errors import MethodRefused, WrongAnswer
from node.state.remote.missing import Page, Want
from node.state.remote.proven import CHILD_ROOTS

T = TypeVar("T")
MAX_ENTRIES = 100_000
"""Of one proof."""
AT_ONCE = 4
"""Questions under way for one piece of work."""


class Ask(Protocol):
    """Puts a question to the chain's endpoints, whichever answers."""

    async def __call__(self, method: str, *params: Any, check: Callable[[Any], T]) -> T:
        """What `check` makes of the result.

        `check` raises `NotProven` or `WrongAnswer` where the endpoint lies, or talks nonsense: then another one is
        asked. Where there is none these are raised, or `MethodRefused`, `AnswerTooLarge`, and whatever else is the
        matter with endpoints. Times, retries and rates are seen to.
        """
        ...


class Questions:
    """Questions about the state after one block."""

    def __init__(self, ask: Ask, block: bytes) -> None:
        self._ask, self._block = ask, _hex(block)
        self.asked: dict[str, int] = {}
        """How often, by method."""
        self._refused: set[str] = set()

    async def proof(self, child: bytes | None, keys: list[bytes], take: Callable[[list[bytes]], None]) -> None:
        """Has `take` look at a read proof of these keys; it raises `NotProven`."""
        names = [_hex(key) for key in keys]

        def check(found: Any) -> None:
            entries = found.get("proof") if isinstance(found, dict) else None
            if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
                raise WrongAnswer("it is no read proof")
            take([_bytes(entry) for entry in entries])

        if child is None:
            await self._put("state_getReadProof", names, self._block, check=check)
        else:
            await self._put("state_getChildReadProof", _hex(CHILD_ROOTS + child), names, self._block, check=check)

    async def keys(self, page: Page, count: int) -> list[bytes]:
        """The keys that follow, at most `count`, as an endpoint lists them."""

        def check(found: Any) -> list[bytes]:
            if not isinstance(found, list) or len(found) > count:
                raise WrongAnswer(f"it is no page of {count} keys")
            keys = [_bytes(key) for key in found]
            last = page.after
            for key in keys:
                if not key.startswith(page.prefix) or (last is not None and key <= last):
                    raise WrongAnswer("its keys are not under the prefix, or not in order")
                last = key
            return keys

        place = [_hex(page.prefix), count, None if page.after is None else _hex(page.after), self._block]
        if page.child is None:
            return await self._put("state_getKeysPaged", *place, check=check)
        return await self._put("childstate_getKeysPaged", _hex(CHILD_ROOTS + page.child), *place, check=check)

    async def values(self, child: bytes | None, keys: list[bytes]) -> dict[Want, bytes | None]:
        """Values as an endpoint says them."""
        method = "state_queryStorageAt" if child is None else "childstate_getStorageEntries"
        if method not in self._refused:
            try:
                return await self._values_together(method, child, keys)
            except MethodRefused:
                self._refused.add(method)
        found: dict[Want, bytes | None] = {}

        async def one(key: bytes) -> None:
            at = (_hex(key), self._block)
            if child is None:
                found[Want(child, key)] = await self._put("state_getStorage", *at, check=_optional)
            else:
                root = _hex(CHILD_ROOTS + child)
                found[Want(child, key)] = await self._put("childstate_getStorage", root, *at, check=_optional)

        await together([partial(one, key) for key in keys])
        return found

    async def _values_together(self, method: str, child: bytes | None, keys: list[bytes]) -> dict[Want, bytes | None]:
        wants = [Want(child, key) for key in keys]
        names = [_hex(key) for key in keys]

        def of_top(found: Any) -> dict[Want, bytes | None]:
            try:
                changes = {key: value for each in found for key, value in each["changes"]}
                return {want: _optional(changes[name]) for want, name in zip(wants, names, strict=True)}
            except (TypeError, ValueError, LookupError):
                raise WrongAnswer("it lacks a key, or is no list of changes") from None

        def of_child(found: Any) -> dict[Want, bytes | None]:
            if not isinstance(found, list) or len(found) != len(wants):
                raise WrongAnswer(f"it is no list of {len(wants)} values")
            return {want: _optional(value) for want, value in zip(wants, found, strict=True)}

        if child is None:
            return await self._put(method, names, self._block, check=of_top)
        return await self._put(method, _hex(CHILD_ROOTS + child), names, self._block, check=of_child)

    async def _put(self, method: str, *params: Any, check: Callable[[Any], T]) -> T:
        self.asked[method] = self.asked.get(method, 0) + 1
        return await self._ask(method, *params, check=check)


async def together(work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Does all of it, `AT_ONCE` pieces at a time; raises the first error there is, and ends the rest."""
    errors: list[Exception] = []
    limit = trio.CapacityLimiter(AT_ONCE)

    async def do(piece: Callable[[], Awaitable[None]]) -> None:
        try:
            async with limit:
                await piece()
        except Exception as error:
            errors.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for piece in work:
            nursery.start_soon(do, piece)
    if errors:
        raise errors[0]


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes(found: Any) -> bytes:
    try:
        if not found.startswith("0x"):
            raise ValueError
        return bytes.fromhex(found[2:])
    except (AttributeError, ValueError):
        raise WrongAnswer(f"{found!r:.40} is no hex string") from None


def _optional(found: Any) -> bytes | None:
    return None if found is None else _bytes(found)
