"""Phala's chain extension, `pink`: what its contracts ask of the worker that runs them.

Overview
    Extension 0; a function's arguments are a SCALE tuple, its result is SCALE. A status of 0 is success; where the
    function can fail, another one is its error's number plus one. As Phala has it, a function may do less in a
    transaction than in a query: here a job is a transaction, and a request by HTTP a query.

    | id | function | in a job |
    | --- | --- | --- |
    | 1, 22 | `http_request`, `batch_http_request` | where its mode has a world, else 523 and `NotAllowed` |
    | 2, 3, 5 | `sign`, `verify`, `get_public_key` | sr25519 doesn't sign |
    | 4 | `derive_sr25519_key` | needs a key, which jobs have none of |
    | 6, 7, 8, 9 | `cache_set`, `cache_set_expiration`, `cache_get`, `cache_remove` | nothing is cached |
    | 10, 11, 12 | `log`, `getrandom`, `is_in_transaction` | no random bytes |
    | 13, 14 | `ecdsa_sign_prehashed`, `ecdsa_verify_prehashed` | |
    | 16, 17, 18 | `balance_of`, `worker_pubkey`, `untrusted_millis_since_unix_epoch` | zeros but for the balance |
    | 19, 21, 25 | `code_exists`, `runtime_version`, `worker_sgx_quote` | |

    Signatures of queries are the same each time, since others repeat the run. The cache is the worker's own: what is in
    it may be gone at any time.

Errors
    `ContractTrapped` for arguments that can't be read and functions that aren't there: 15 `system_contract_id`, 20
    `import_latest_system_code`, 23 `current_event_chain_head`, 24 `js_eval`.

Source: `crates/pink/pink/src/chain_extension.rs`, `crates/pink/runtime/src/runtime/extension.rs`.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import shake_256
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offchain.sandbox.base import ContractTrapped
from offchain.sandbox.ink import signing
from offchain.sandbox.ink.outside import PINK_URL, Fetched, Outside, Request
from pallets.primitives.codec import codec_of
from pallets.primitives.keys import recover_ecdsa
from pallets.primitives.scale import DecodeError, compact
from pallets.primitives.types import U8, U16, U64, U128, Bytes32, FixedBytes, struct

if TYPE_CHECKING:
    from offchain.sandbox.ink.run import Frame

MAX_BATCH, MAX_HEADERS, MAX_BODY, HTTP_MS = 5, 256, 2 << 20, 10_000
SIGN_GAS, KEY_GAS = 2_000_000, 500_000
SCHEMES = ("ed25519", "sr25519", "ecdsa")
"""`SigType`, by its index."""
VERSION = (1, 4)

Key33, Signature65 = Annotated[bytes, FixedBytes(33)], Annotated[bytes, FixedBytes(65)]


@struct
class HttpRequest:
    """A request of a contract's."""

    url: str
    method: str
    headers: list[tuple[str, str]]
    body: bytes


@struct
class HttpResponse:
    """What it is answered."""

    status_code: U16
    reason_phrase: str
    headers: list[tuple[str, str]]
    body: bytes


INVALID_URL, INVALID_METHOD, INVALID_NAME, INVALID_VALUE, _NO_CLIENT, TIMEOUT = range(6)
NOT_ALLOWED, TOO_MANY_REQUESTS, NETWORK_ERROR, RESPONSE_TOO_LARGE, TOO_MANY_HEADERS = range(6, 11)
"""`HttpRequestError`, by its index."""
TRAPPING = {INVALID_URL: "Invalid URL", INVALID_METHOD: "Invalid method", TIMEOUT: "Timeout"}
"""What ends a contract that asks for one thing alone."""
ERROR_NAMES = {
    NETWORK_ERROR: "NetworkError",
    RESPONSE_TOO_LARGE: "ResponseTooLarge",
    TOO_MANY_HEADERS: "TooManyHeaders",
}
REASONS = {"invalid-request": INVALID_URL, "timed-out": TIMEOUT, "too-large": RESPONSE_TOO_LARGE}
WITHIN = ".fathom"
"""Hosts within the worker do what the run's agent may: whoever's contract runs, it has the functions for that alone."""
UNAVAILABLE = HttpResponse(523, "API Unavailable", [], b"HTTP request is not supported in transaction")
RESPONSE, RESPONSES = codec_of(HttpResponse), list[HttpResponse]
BYTES, BALANCES, OPTION = codec_of(bytes), codec_of(tuple[U128, U128]), codec_of(bytes | None)


class _Function(NamedTuple):
    arguments: Any
    serve: Callable[..., tuple[int, bytes]]
    gas: int


_FUNCTIONS: dict[int, _Function] = {}


def _function(id: int, *arguments: Any, gas: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def add(serve: Callable[..., Any]) -> Callable[..., Any]:
        _FUNCTIONS[id] = _Function(codec_of(tuple.__class_getitem__(arguments)) if arguments else None, serve, gas)
        return serve

    return add


class Pink:
    """The extension for one run. `key` is what the run's secrets derive from, if there is one."""

    def __init__(self, outside: Outside, *, has_network: bool, key: bytes | None, seed: bytes) -> None:
        self.outside, self.has_network, self.key, self.seed = outside, has_network, key, seed
        self.in_job = False
        self.drawn = 0

    def serve(self, frame: Frame, id: int, data: bytes) -> tuple[int, bytes]:
        """Call a function: its status and its output."""
        if id >> 16:
            raise ContractTrapped(f"UnknownChainExtensionId: there is no extension {id >> 16}")
        function = _FUNCTIONS.get(id)
        if function is None:
            raise ContractTrapped(f"UnknownChainExtensionFunction: there is no function {id}")
        frame.charge(function.gas)
        try:
            arguments = function.arguments.decode_all(data) if function.arguments is not None else ()
        except (DecodeError, ValueError):
            raise ContractTrapped(f"DecodingFailed: the arguments of function {id} can't be read") from None
        return function.serve(self, frame, *arguments)

    # The world outside

    @_function(1, HttpRequest)
    def http_request(self, frame: Frame, request: HttpRequest) -> tuple[int, bytes]:
        if not self.has_network:
            return 0, RESPONSE.encode(UNAVAILABLE)
        (found,) = self._fetched([request], HTTP_MS)
        if isinstance(found, int):
            if found in TRAPPING:
                raise ContractTrapped(TRAPPING[found])
            found = HttpResponse(524, "IO Error", [], ERROR_NAMES.get(found, "NotAllowed").encode())
        return 0, RESPONSE.encode(found)

    @_function(22, list[HttpRequest], U64)
    def batch_http_request(self, frame: Frame, requests: list[HttpRequest], timeout_ms: int) -> tuple[int, bytes]:
        if not self.has_network:
            return NOT_ALLOWED + 1, b""
        if len(requests) > MAX_BATCH:
            return TOO_MANY_REQUESTS + 1, b""
        results = [
            b"\1" + bytes((found,)) if isinstance(found, int) else b"\0" + RESPONSE.encode(found)
            for found in self._fetched(requests, min(timeout_ms, 60_000))
        ]
        return 0, compact(len(results)) + b"".join(results)

    def _fetched(self, requests: list[HttpRequest], timeout_ms: int) -> list[HttpResponse | int]:
        """Responses, or the numbers of errors."""
        refused = {place: error for place, each in enumerate(requests) if (error := _refusal(each)) is not None}
        asked = [place for place in range(len(requests)) if place not in refused]
        fetched = self.outside.fetch_all(
            [
                Request(each.method, each.url, each.headers, each.body, timeout_ms)
                for each in (requests[place] for place in asked)
            ]
        )
        found = {place: _response(each) for place, each in zip(asked, fetched, strict=True)}
        return [refused[place] if place in refused else found[place] for place in range(len(requests))]

    # Keys and signatures

    @_function(2, U8, bytes, bytes, gas=SIGN_GAS)
    def sign(self, frame: Frame, scheme: int, key: bytes, message: bytes) -> tuple[int, bytes]:
        if self.in_job and _scheme(scheme) == "sr25519":
            return 0, BYTES.encode(b"")
        return 0, BYTES.encode(signing.signed(signing.keypair(_scheme(scheme), key), message, self.seed))

    @_function(3, U8, bytes, bytes, bytes, gas=SIGN_GAS)
    def verify(self, frame: Frame, scheme: int, public: bytes, message: bytes, signature: bytes) -> tuple[int, bytes]:
        return 0, bytes((signing.verified(_scheme(scheme), signature, message, public),))

    @_function(4, bytes, gas=KEY_GAS)
    def derive_sr25519_key(self, frame: Frame, salt: bytes) -> tuple[int, bytes]:
        if self.key is None:
            raise ContractTrapped("KeySeedMissing: this run has no key that secrets could be derived from")
        label = b"pink/sr25519:" + frame.contract.account + salt
        seed = HKDF(hashes.SHA512(), 32, None, label).derive(self.key)
        return 0, BYTES.encode(signing.keypair("sr25519", seed).secret)

    @_function(5, U8, bytes, gas=KEY_GAS)
    def get_public_key(self, frame: Frame, scheme: int, key: bytes) -> tuple[int, bytes]:
        return 0, BYTES.encode(signing.keypair(_scheme(scheme), key).public)

    @_function(13, bytes, Bytes32, gas=SIGN_GAS)
    def ecdsa_sign_prehashed(self, frame: Frame, key: bytes, digest: bytes) -> tuple[int, bytes]:
        return 0, signing.signed_digest(key, digest)

    @_function(14, Signature65, Bytes32, Key33, gas=SIGN_GAS)
    def ecdsa_verify_prehashed(self, frame: Frame, signature: bytes, digest: bytes, public: bytes) -> tuple[int, bytes]:
        return 0, bytes((recover_ecdsa(signature, digest) == public,))

    # The worker's cache

    @_function(6, bytes, bytes)
    def cache_set(self, frame: Frame, key: bytes, value: bytes) -> tuple[int, bytes]:
        if self.in_job:
            return 0, b""
        return (0 if self._cached("PUT", frame, key, value).head.get("status") == HTTPStatus.NO_CONTENT else 1), b""

    @_function(7, bytes, U64)
    def cache_set_expiration(self, frame: Frame, key: bytes, seconds: int) -> tuple[int, bytes]:
        if not self.in_job:
            self._cached("PATCH", frame, key, str(seconds).encode())
        return 0, b""

    @_function(8, bytes)
    def cache_get(self, frame: Frame, key: bytes) -> tuple[int, bytes]:
        return 0, OPTION.encode(None if self.in_job else _whole(self._cached("GET", frame, key)))

    @_function(9, bytes)
    def cache_remove(self, frame: Frame, key: bytes) -> tuple[int, bytes]:
        return 0, OPTION.encode(None if self.in_job else _whole(self._cached("DELETE", frame, key)))

    def _cached(self, method: str, frame: Frame, key: bytes, body: bytes = b"") -> Fetched:
        return self.outside.fetch(
            Request(method, f"{PINK_URL}cache/{frame.contract.account.hex()}/{key.hex()}", body=body)
        )

    # The run

    @_function(10, U8, str)
    def log(self, frame: Frame, level: int, message: str) -> tuple[int, bytes]:
        words = {1: "error", 2: "warn", 3: "info", 4: "debug", 5: "trace"}
        frame.run.log(f"{words.get(level, 'error')}: {message}")
        return 0, b""

    @_function(11, U8)
    def getrandom(self, frame: Frame, length: int) -> tuple[int, bytes]:
        if self.in_job:
            return 0, BYTES.encode(b"")
        self.drawn += 1
        return 0, BYTES.encode(shake_256(self.seed + b"pink" + self.drawn.to_bytes(8, "little")).digest(length))

    @_function(12)
    def is_in_transaction(self, frame: Frame) -> tuple[int, bytes]:
        return 0, bytes((self.in_job,))

    @_function(16, Bytes32)
    def balance_of(self, frame: Frame, account: bytes) -> tuple[int, bytes]:
        free = frame.run.state.balance(account)
        return 0, BALANCES.encode((free + frame.run.chain.reserved_balance(account), free))

    @_function(17)
    def worker_pubkey(self, frame: Frame) -> tuple[int, bytes]:
        found = None if self.in_job else _whole(self.outside.fetch(Request("GET", f"{PINK_URL}worker")))
        return 0, (found or b"").ljust(32, b"\0")[:32]

    @_function(18)
    def untrusted_millis_since_unix_epoch(self, frame: Frame) -> tuple[int, bytes]:
        return 0, (0 if self.in_job else frame.run.now_ms).to_bytes(8, "little")

    @_function(19, Bytes32, bool)
    def code_exists(self, frame: Frame, hash: bytes, sidevm: bool) -> tuple[int, bytes]:
        return 0, bytes((not sidevm and frame.run.chain.code(hash) is not None,))

    @_function(21)
    def runtime_version(self, frame: Frame) -> tuple[int, bytes]:
        return 0, b"".join(number.to_bytes(4, "little") for number in VERSION)

    @_function(25)
    def worker_sgx_quote(self, frame: Frame) -> tuple[int, bytes]:
        return 0, b"\0"


def _scheme(index: int) -> str:
    if index >= len(SCHEMES):
        raise ContractTrapped(f"DecodingFailed: there is no kind of signature {index}")
    return SCHEMES[index]


def _refusal(request: HttpRequest) -> int | None:
    """The error of a request that isn't begun."""
    try:
        url = urlsplit(request.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            return INVALID_URL
        if url.hostname.removesuffix(".").endswith(WITHIN):
            return NOT_ALLOWED
    except ValueError:
        return INVALID_URL
    if not request.method.isascii() or not request.method.isalpha():
        return INVALID_METHOD
    return TOO_MANY_HEADERS if len(request.headers) > MAX_HEADERS else None


def _response(fetched: Fetched) -> HttpResponse | int:
    if not fetched.ok:
        reason = fetched.head.get("reason")
        if reason in REASONS:
            return REASONS[str(reason)]
        return HttpResponse(523, "Unreachable", [], str(fetched.head.get("error", ""))[:1000].encode())
    if len(fetched.body) > MAX_BODY:
        return RESPONSE_TOO_LARGE
    status = int(fetched.head["status"])
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    headers = [(str(name), str(value)) for name, value in fetched.head["headers"]]
    return HttpResponse(status, phrase, headers, fetched.body)


def _whole(fetched: Fetched) -> bytes | None:
    return fetched.body if fetched.ok and fetched.head.get("status") == HTTPStatus.OK else None
