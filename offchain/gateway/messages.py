"""HTTP as callers and scripts see it: what of a request a script is told, and what of its answer a caller gets.

## Overview

Scripts of strangers share one origin, so that nothing of theirs may reach another's pages or this gateway's own:
pages of scripts are sandboxed (`content-security-policy: sandbox`, an origin of their own), cookies are kept to the
agent's path, and headers that speak for the whole origin are dropped. No answer is sniffed for HTML.

CORS is open: agents are for any page, and what callers prove they prove by headers.

## Out of scope

What is done with a request (`dispatch`); the gateway's own pages (`control`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeVar
from urllib.parse import unquote_plus
from uuid import UUID

from offchain.gateway.errors import BadRequest, GatewayError
from offchain.keys import Entropy
from pallets.primitives.access_pass import SIGNED_PASS, SignedPass
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.http import SECRET_PARAMETER, Headers, public_query
from pallets.primitives.receipt import SignedVoucher
from pallets.primitives.scale import DecodeError

T = TypeVar("T")
RawHeaders = list[tuple[bytes, bytes]]

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT"})
VOUCHER_HEADER, PASS_HEADER, REQUEST_ID = b"x-fathom-voucher", b"x-fathom-pass", "x-request-id"
OF_THE_CONNECTION = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that are said from one hop to the next, and no further."""
NOT_FROM_SCRIPTS = OF_THE_CONNECTION | {
    "clear-site-data",
    "date",
    "server-timing",
    "service-worker-allowed",
    "strict-transport-security",
    REQUEST_ID,
}
MAX_CHARGE_HEADER = b"x-fathom-max-charge"
OF_CALLS = frozenset({b"x-fathom-caller", b"x-fathom-depth"})
"""What says that an agent calls: gateways take it from workers alone."""
NOT_FOR_SCRIPTS = (
    frozenset(name.encode() for name in OF_THE_CONNECTION | {REQUEST_ID}) | {VOUCHER_HEADER, PASS_HEADER} | OF_CALLS
)
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile("[\t\x20-\x7e\x80-\xff]*")
PATH_OF_COOKIE = re.compile(r";\s*(?:path|domain)\s*=[^;]*", re.IGNORECASE)
NO_PAGES = (b"application/json", b"text/plain", b"text/event-stream", b"application/octet-stream")
"""Types that no browser makes a page of."""
SANDBOX = (b"content-security-policy", b"sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads")
NOSNIFF = (b"x-content-type-options", b"nosniff")
ANY_ORIGIN = (b"access-control-allow-origin", b"*")
EXPOSED = (
    b"access-control-expose-headers",
    b"x-fathom-receipt, x-fathom-receipt-at, x-fathom-worker, x-request-id, server-timing",
)
VOUCHER = codec_of(SignedVoucher)


class Seen(NamedTuple):
    """What a request's headers say: to the script, and to the gateway."""

    headers: Headers
    host: str
    length: int
    """Bytes of the body, as declared; 0 where it isn't."""
    voucher: SignedVoucher | None
    access: SignedPass | None
    max_charge: int | None
    """What the request may cost, with all the calls of agents below it."""


def new_request_id(entropy: Entropy) -> str:
    """An id for a request, a version 4 UUID."""
    return str(UUID(bytes=entropy(16), version=4))


def seen_headers(raw: Iterable[tuple[bytes, bytes]], request_id: str) -> Seen:
    """What a script is told of a request's headers. Raises `BadRequest`."""
    headers: Headers = [(REQUEST_ID, request_id)]
    host, length = "", 0
    voucher: SignedVoucher | None = None
    access: SignedPass | None = None
    max_charge: int | None = None
    for name, value in raw:
        if name == b"host":
            host = value.decode("latin-1")
        elif name in NOT_FOR_SCRIPTS:
            if name == b"content-length":
                length = int(value)
            elif name == VOUCHER_HEADER:
                voucher = _signed(VOUCHER, value, "x-fathom-voucher is the hex of a SCALE-encoded SignedVoucher")
            elif name == PASS_HEADER:
                access = _signed(SIGNED_PASS, value, "x-fathom-pass is the hex of a SCALE-encoded SignedPass")
            continue
        elif name == MAX_CHARGE_HEADER:
            max_charge = _amount(value)
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
    return Seen(headers, host, length, voucher, access, max_charge)


def without_key(query: str) -> tuple[str, str | None]:
    """A query as it may be shown, and the vault's key that it names."""
    if SECRET_PARAMETER not in query and "%" not in query:
        return query, None
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote_plus(name) == SECRET_PARAMETER:
            return public_query(query), unquote_plus(value)
    return query, None


def passed_on(headers: Headers, prefix: str) -> RawHeaders:
    """What a caller gets of a script's headers; `prefix` is the path that the agent is found under."""
    out: RawHeaders = [NOSNIFF]
    may_be_page, own_origin, own_exposed = True, False, False
    for given, value in headers:
        name = given.lower()
        if name in NOT_FROM_SCRIPTS or name.startswith("x-fathom-") or not NAME.fullmatch(name):
            continue
        if name == "set-cookie":
            value = f"{PATH_OF_COOKIE.sub('', value)}; Path={prefix}"
        if not VALUE.fullmatch(value):
            continue
        encoded = value.strip().encode("latin-1")
        if name == "content-type":
            may_be_page = not encoded.lower().startswith(NO_PAGES)
        elif name == "access-control-allow-origin":
            own_origin = True
        elif name == "access-control-expose-headers":
            own_exposed = True
        out.append((name.encode(), encoded))
    if may_be_page:
        out.append(SANDBOX)
    if not own_origin:
        out.append(ANY_ORIGIN)
    if not own_exposed:
        out.append(EXPOSED)
    return out


def preflight(raw: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """What a page is told that asks whether it may: it may."""
    wanted = next((value for name, value in raw if name == b"access-control-request-headers"), b"*")
    return [
        ANY_ORIGIN,
        (b"access-control-allow-methods", b"GET, HEAD, POST, PATCH, PUT"),
        (b"access-control-allow-headers", wanted),
        (b"access-control-max-age", b"600"),
        (b"allow", b"GET, HEAD, POST, PATCH, PUT, OPTIONS"),
    ]


def error_headers(error: GatewayError, body: bytes, request_id: str) -> RawHeaders:
    """What goes with an error's body."""
    headers: RawHeaders = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        NOSNIFF,
        ANY_ORIGIN,
        EXPOSED,
    ]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if error.allow is not None:
        headers.append((b"allow", error.allow.encode()))
    if error.receipt is not None:
        headers.append(error.receipt)
    return headers


def _amount(value: bytes) -> int:
    if not value.isdigit() or len(value) > 39 or int(value) >= 1 << 128:
        raise BadRequest("x-fathom-max-charge is a number in the chain's smallest units")
    return int(value)


def _signed(codec: Codec[T], value: bytes, meant: str) -> T:
    try:
        return codec.decode_all(bytes.fromhex(value.decode("ascii").removeprefix("0x")))
    except (ValueError, DecodeError):
        raise BadRequest(meant) from None
