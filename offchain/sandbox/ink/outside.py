"""What a run of contracts asks of the world: fetches, for which the contract stands still.

Each ask and each byte costs gas as it does scripts, charged before it is known what it brings: see `identity`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from offchain.sandbox.base import Answer, ContractTrapped
from offchain.sandbox.host_calls import Refused, Session
from offchain.sandbox.identity import ASK_BYTE_GAS, HOST_CALL_GAS

PINK_URL = "https://pink.fathom/"
"""Where a worker's cache and key are asked for: a host within the worker."""


class Fetched(NamedTuple):
    """How a fetch was answered: what `base.Ask` says of its head, and the body."""

    ok: bool
    head: dict[str, Any]
    body: bytes


class Request(NamedTuple):
    """What is to be fetched; a time-out in milliseconds, after which there is an error."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    timeout_ms: int = 60_000


class Outside:
    """The world of one run. `charge` takes gas."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.charge: Callable[[int], None] = lambda gas: None

    def fetch(self, request: Request) -> Fetched:
        """One fetch. Raises `ContractTrapped` where the run may ask no more, or has no world."""
        return self.fetch_all([request])[0]

    def fetch_all(self, requests: Sequence[Request]) -> list[Fetched]:
        """Several, side by side."""
        ids = [self._ask(request) for request in requests]
        found = dict[int, Answer]()
        while len(found) < len(ids):
            answer = self._session.turn()
            if answer is not None:
                self.charge(ASK_BYTE_GAS * (len(answer.head) + len(answer.body)))
                found[answer.id] = answer
        return [_fetched(found[id]) for id in ids]

    def _ask(self, request: Request) -> int:
        told = {
            "method": request.method,
            "url": request.url,
            "headers": [list(header) for header in request.headers],
            "redirect": "follow",
            "timeout_ms": request.timeout_ms,
        }
        head = json.dumps(told, separators=(",", ":")).encode()
        self.charge(HOST_CALL_GAS + ASK_BYTE_GAS * (len(head) + len(request.body)))
        try:
            return self._session.ask("fetch", head, request.body)
        except Refused as refused:
            raise ContractTrapped(f"Refused: {refused}") from None


def _fetched(answer: Answer) -> Fetched:
    """What was answered; who recorded it may have written anything."""
    try:
        head = json.loads(answer.head)
        status, headers = (head["status"], head["headers"]) if answer.ok else (0, [])
        sound = isinstance(status, int) and all(len(header) == 2 for header in headers)
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise ContractTrapped("Unreadable: what was answered is no answer")
    return Fetched(answer.ok, head, answer.body)
