"""What tests ask a world, and how they read what it answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offchain.outside.network import SystemResolver
from offchain.sandbox.base import Answer, Ask, Operation, World


class Names:
    """A resolver that has given names, each with the answers to one resolution after the other; and the system's."""

    def __init__(self, **names: Sequence[Sequence[str]]) -> None:
        self._names = {name.replace("_", "."): list(answers) for name, answers in names.items()}
        self._system = SystemResolver()
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host in self._names:
            answers = self._names[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if host.endswith(".test"):
            return ["127.0.0.1"]
        if host.endswith(".invalid"):
            raise socket.gaierror("no such name")
        return await self._system.resolve(host)


@dataclass
class Fetched:
    """A fetch's answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str
    redirected: bool
    reads: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Failed(Exception):
    """An ask that was answered by an error."""

    def __init__(self, answer: Answer) -> None:
        head = json.loads(answer.head)
        self.reason, self.text = head["reason"], head["error"]
        super().__init__(self.text)


class Run:
    """The asks of one run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._next = 0

    def ask(self, op: Operation, head: dict[str, Any], body: bytes = b"") -> Ask:
        ask = Ask(self._next, op, json.dumps(head).encode(), body)
        self._next += 1
        return ask

    def fetch_ask(self, url: str, method: str = "GET", body: bytes = b"", **head: Any) -> Ask:
        return self.ask("fetch", {"method": method, "url": url, "headers": [], "redirect": "follow"} | head, body)

    async def answered(self, ask: Ask) -> tuple[dict[str, Any], bytes]:
        """The answer to an ask that is the only open one. Raises `Failed`."""
        answer = await self.world.turn([ask])
        assert answer.id == ask.id
        if not answer.ok:
            raise Failed(answer)
        return json.loads(answer.head), answer.body

    async def head(self, url: str, **options: Any) -> dict[str, Any]:
        """A fetch whose body isn't read."""
        return (await self.answered(self.fetch_ask(url, **options)))[0]

    async def read(self, stream: int) -> bytes | None:
        """The next part of a body; none at its end."""
        head, part = await self.answered(self.ask("read", {"stream": stream}))
        assert head == {"done": not part}
        return part or None

    async def fetch(self, url: str, **options: Any) -> Fetched:
        """A fetch, and all of its body."""
        head, body = await self.answered(self.fetch_ask(url, **options))
        parts, stream = [body], head["stream"]
        while stream is not None and (part := await self.read(stream)) is not None:
            parts.append(part)
        headers = dict(head["headers"])
        return Fetched(head["status"], headers, b"".join(parts), head["url"], head["redirected"], len(parts) - 1)
