"""Asking an agent through a gateway, and reading its log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx

from offchain.authoring.errors import CallFailed

ANSWER_SECONDS = 90.0
RECEIPT_AT = "x-fathom-receipt-at"
RECEIPT, VOUCHER, PASS = "x-fathom-receipt", "x-fathom-voucher", "x-fathom-pass"


class CallAnswer(NamedTuple):
    """What an agent answered."""

    status: int
    headers: dict[str, str]
    text: str
    """All that came."""
    receipt: str | None
    """The id of its receipt."""
    broken: str | None
    """Why it ended too soon, where it did."""


def ask(
    gateway: str, agent: str, path: str, method: str | None, data: str | None, headers: Sequence[str]
) -> CallAnswer:
    """One request to an agent; raises `CallFailed` where nothing comes of it."""
    body: bytes | None = None
    parts: list[bytes] = []
    broken: str | None = None
    if data is not None:
        body = Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()
    named = [_header(header) for header in headers]
    url = f"{gateway.rstrip('/')}/agents/{quote(agent, safe='')}/{path.lstrip('/')}"
    verb = method.upper() if method else ("GET" if body is None else "POST")
    try:
        with httpx.stream(verb, url, content=body, headers=named, timeout=ANSWER_SECONDS) as found:
            try:
                for part in found.iter_bytes():
                    parts.append(part)  # one by one: what came before an error is kept
            except httpx.TimeoutException:
                broken = f"nothing came for {ANSWER_SECONDS:g} s"
            except httpx.TransportError:
                broken = "the connection ended before its end"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallFailed(_why(gateway, error)) from None
    text = b"".join(parts).decode(found.encoding or "utf-8", "replace")
    return CallAnswer(found.status_code, dict(found.headers), text, _receipt(gateway, found.headers), broken)


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


def _receipt(gateway: str, headers: httpx.Headers) -> str | None:
    """The id of a receipt: of an answer that flowed, by the file, which is there once the answer is over."""
    told: str | None = headers.get(RECEIPT)
    if told is not None or RECEIPT_AT not in headers:
        return told
    try:
        found = httpx.get(f"{gateway.rstrip('/')}{headers[RECEIPT_AT]}", timeout=ANSWER_SECONDS)
        id = found.json()["id"] if found.status_code == 200 else None
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return None
    return id if isinstance(id, str) else None


def _why(gateway: str, error: Exception) -> str:
    return f"the gateway at {gateway} doesn't answer: {error}; is `fathom dev` running, or give --gateway"
