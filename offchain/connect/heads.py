"""`fathom connect … head`: the newest block, or blocks as they come, with a bar while it catches up."""

from __future__ import annotations

from contextlib import ExitStack

from node.progress import At, progress
from offchain.connect.chain import Block, RemoteChain
from offchain.connect.follow import Follower, Seen
from offchain.connect.output import print_json, printable
from offchain.connect.shown import block_json, block_lines

BEHIND = 16
"""Blocks from which on catching up has a bar."""


async def show_heads(
    chain: RemoteChain, follow: bool, start: str | None, final: bool, all_events: bool, as_json: bool
) -> None:
    """Prints blocks: the newest, those from `start` on, and with `follow` those that come, until cancelled."""
    shown = Shown(chain, all_events, as_json)
    first = None if start is None else int((await chain.header(await chain.resolve(start))).number)
    if not follow:
        head = await chain.header(await (chain.finalized() if final else chain.best()))
        follower = Follower(
            chain, shown.block, shown.retracted, final=final, start=int(head.number) if first is None else first
        )
        with shown:
            await follower.up_to(int(head.number))
        return
    with shown:
        await Follower(chain, shown.block, shown.retracted, final=final, start=first).run()


class Shown:
    """Prints blocks, and how far they are where there are many."""

    def __init__(self, chain: RemoteChain, all_events: bool, as_json: bool) -> None:
        self._chain, self._all_events, self._as_json = chain, all_events, as_json
        self._bar: ExitStack | None = None
        self._at: At | None = None
        self._first = 0

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *failed: object) -> None:
        self._close()

    async def block(self, block: Block, highest: int) -> None:
        """A block of the chain."""
        if self._at is None and highest - block.number >= BEHIND:
            self._open(block.number, highest)
        decoded = await self._chain.decoded(block)
        if self._as_json:
            print_json(block_json(decoded))
        else:
            print(printable("\n".join(block_lines(decoded, all_events=self._all_events))), flush=True)
        if self._at is not None:
            self._at(block.number - self._first + 1)
        if block.number >= highest:
            self._close()

    async def retracted(self, seen: Seen) -> None:
        """A block that isn't part of the chain any more."""
        if self._as_json:
            print_json({"retracted": {"number": seen.number, "hash": seen.hash}})
        else:
            print(f"#{seen.number:,}  0x{seen.hash.hex()}  retracted", flush=True)

    def _open(self, first: int, highest: int) -> None:
        self._bar, self._first = ExitStack(), first
        self._at = self._bar.enter_context(progress("catching up", total=highest - first + 1, unit="blocks"))

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._at = None
