"""Asking an agent through a gateway, and reading its log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from offchain.authoring.errors import CallFailed

ANSWER_SECONDS = 90.0
RECEIPT, VOUCHER = "x-fathom-receipt", "x-fathom-voucher"


class CallAnswer(NamedTuple):
    """What an agent answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def receipt(self) -> str | None:
        """The id of its receipt."""
        return self.headers.get(RECEIPT)


def ask(
    gateway: str, agent: str, path: str, method: str | None, data: str | None, headers: Sequence[str]
) -> CallAnswer:
    """One request to an agent; raises `CallFailed`."""
    body = None
    if data is not None:
        body = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    named = [_header(header) for header in headers]
    url = f"{gateway.rstrip('/')}/agents/{quote(agent, safe='')}/{path.lstrip('/')}"
    verb = method.upper() if method else ("GET" if body is None else "POST")
    try:
        found = httpx.request(verb, url, content=body, headers=named, timeout=ANSWER_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallFailed(_why(gateway, error)) from None
    return CallAnswer(found.status_code, dict(found.headers), found.text)


def log_lines(gateway: str, agent: str, *, follow: bool) -> Iterator[str]:
    """The lines of an agent's log; without an end where they are followed. Raises `CallFailed`."""
    url = f"{gateway.rstrip('/')}/logs/all/agents/{quote(agent, safe='')}"
    timeout = httpx.Timeout(ANSWER_SECONDS, read=None if follow else ANSWER_SECONDS)
    try:
        with httpx.stream("GET", url, params={"follow": "1"} if follow else None, timeout=timeout) as found:
            if found.status_code != 200:
                raise CallFailed(f"the gateway answers {found.status_code}: {found.read().decode('utf-8', 'replace')}")
            yield from found.iter_lines()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallFailed(_why(gateway, error)) from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise CallFailed(f"{text!r} is no header: write `name: value`")
    return name.strip(), value.strip()


def _why(gateway: str, error: Exception) -> str:
    return f"the gateway at {gateway} doesn't answer: {error}; is `fathom dev` running, or give --gateway"
