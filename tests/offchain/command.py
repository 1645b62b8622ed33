"""`fathom` in a thread of the test's own process, before a node that runs in the test."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import trio
from typer.testing import CliRunner

from node.cli import app


class Said(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


class Fathom:
    """A group of commands of one node's, as `fathom curve`."""

    def __init__(self, url: str, group: str) -> None:
        self._url, self._group = url, group

    async def said(self, *arguments: object, suri: str | None = None) -> Said:
        """What a command leaves; `suri` is who signs."""
        given = [self._group, *(str(each) for each in arguments), "--url", self._url]
        given += [] if suri is None else ["--suri", suri]
        found = await trio.to_thread.run_sync(CliRunner().invoke, app, given)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Said(found.exit_code, found.stdout, found.stderr)

    async def __call__(self, *arguments: object, suri: str | None = None) -> Any:
        """The JSON of a command that works."""
        done = await self.said(*arguments, "--json", suri=suri)
        assert done.code == 0, done
        return json.loads(done.out)

    async def text(self, *arguments: object, suri: str | None = None) -> str:
        """What a command that works prints for people."""
        done = await self.said(*arguments, suri=suri)
        assert (done.code, done.err) == (0, ""), done
        return done.out

    async def refused(self, *arguments: object, suri: str | None = None) -> str:
        """The one line of a command that doesn't work."""
        done = await self.said(*arguments, suri=suri)
        assert (done.code, done.out) == (1, "") and done.err.startswith("Error: "), done
        assert done.err.count("\n") == 1, done
        return done.err[7:-1]
