"""The file of a receipt: what a worker signed of a request that it answered, and what proves it, as JSON.

## Overview

One JSON object. Hashes, keys and SCALE are hex in lower case behind `0x`, bodies base64, numbers of 64 bits or more
decimal strings, smaller ones JSON numbers, headers lists of name and value. A value has one spelling, and each object
exactly its fields: whatever is changed in a file changes what it says, or it can't be read any more. As everywhere in
JSON the order of fields, the space between them and escapes in strings are free.

```json
{"version": 1, "id": "0x…", "genesis": "0x…", "agent": "7", "code": "0x…", "request_hash": "0x…",
 "response_hash": "0x…", "transcript_root": "0x…", "gas": "1200", "runtime_id": "0x…", "sequence": "41",
 "block": {"number": 1207, "hash": "0x…"}, "charge": "0", "worker": "0x…", "signature": "0x…", "simulated": true,
 "origin": "asserted by one worker",
 "request": {"method": "GET", "path": "/", "query": "", "headers": [["accept", "*/*"]], "body": ""},
 "response": {"status": 200, "headers": [["content-type", "text/plain"]], "body": "aGk="},
 "batch": {"first": "40", "count": 3, "root": "0x…", "index": 1, "path": ["0x…"]},
 "proof": {"header": "0x…", "storage": ["0x…"], "justification": "0x…"}}
```
The last four may be `null`. Request and response are in the form that their hashes cover (`pallets.primitives.http`).
`proof` shows the batch in the state of a final block: its header (SCALE), a read proof of `Jobs.ReceiptBatch` under its
state root, and a GRANDPA justification of that very block.

## Usage

```python
content = ReceiptFile(genesis, receipt, worker, signature, simulated=True).to_json()
file = ReceiptFile.parse(content)
```

## Errors

`BadReceiptFile`: names the field and what is wrong with it.

## Out of scope

Whether what the file says is true: `receipt_check`.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pallets.primitives.http import Headers, HttpRequest, HttpResponse
from pallets.primitives.receipt import Receipt, receipt_id

T = TypeVar("T")

VERSION = 1
MAX_FILE = 64 << 20
"""Bytes of a file: the largest request and response in base64, and proofs."""
ASSERTED_BY_ONE = "asserted by one worker"
"""What protocol 4 calls what came from outside and one worker alone has seen."""
HASH, SIGNATURE = 32, 64
HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
DECIMAL = re.compile(r"0|[1-9][0-9]*")
FIELDS = (
    *("version", "id", "genesis", "agent", "code", "request_hash", "response_hash", "transcript_root", "gas"),
    *("runtime_id", "sequence", "block", "charge", "worker", "signature", "simulated", "origin"),
    *("request", "response", "batch", "proof"),
)


class BadReceiptFile(Exception):
    """The file is not a receipt's, in the one spelling that it has; the message names the field."""


@dataclass(frozen=True, slots=True)
class BatchPlace:
    """Where a receipt stands in a batch."""

    first: int
    count: int
    root: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BatchProof:
    """What shows a batch in a final state: header and justification, both SCALE, and the entries of a read proof."""

    header: bytes
    storage: tuple[bytes, ...]
    justification: bytes


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A receipt and all that goes with it; see above."""

    genesis: bytes
    receipt: Receipt
    worker: bytes
    signature: bytes
    simulated: bool
    request: HttpRequest | None = None
    response: HttpResponse | None = None
    batch: BatchPlace | None = None
    proof: BatchProof | None = None

    @property
    def id(self) -> bytes:
        """The hash of what the worker signed, 32 bytes."""
        return receipt_id(self.genesis, self.receipt)

    def to_json(self) -> bytes:
        """The file's content."""
        receipt = self.receipt
        fields = {
            "version": VERSION,
            "id": _hex(self.id),
            "genesis": _hex(self.genesis),
            "agent": str(receipt.agent),
            "code": _hex(receipt.code),
            "request_hash": _hex(receipt.request_hash),
            "response_hash": _hex(receipt.response_hash),
            "transcript_root": _hex(receipt.transcript_root),
            "gas": str(receipt.gas),
            "runtime_id": _hex(receipt.runtime_id),
            "sequence": str(receipt.sequence),
            "block": {"number": receipt.block_number, "hash": _hex(receipt.block_hash)},
            "charge": str(receipt.charge),
            "worker": _hex(self.worker),
            "signature": _hex(self.signature),
            "simulated": self.simulated,
            "origin": ASSERTED_BY_ONE,
            "request": None if self.request is None else _request_fields(self.request),
            "response": None if self.response is None else _response_fields(self.response),
            "batch": None if self.batch is None else _batch_fields(self.batch),
            "proof": None if self.proof is None else _proof_fields(self.proof),
        }
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def parse(cls, content: bytes) -> ReceiptFile:
        """The file of this content; raises `BadReceiptFile`."""
        top = _Fields("", _load(content), FIELDS)
        if top.number("version", 32) != VERSION:
            raise BadReceiptFile(f"`version` is {top.number('version', 32)}, this program knows {VERSION}")
        block = _Fields("block.", top["block"], ("number", "hash"))
        receipt = Receipt(
            agent=top.decimal("agent", 64),
            code=top.hash("code"),
            request_hash=top.hash("request_hash"),
            response_hash=top.hash("response_hash"),
            transcript_root=top.hash("transcript_root"),
            gas=top.decimal("gas", 64),
            runtime_id=top.hash("runtime_id"),
            sequence=top.decimal("sequence", 64),
            block_number=block.number("number", 32),
            block_hash=block.hash("hash"),
            charge=top.decimal("charge", 128),
        )
        if top.text("origin") != ASSERTED_BY_ONE:
            raise BadReceiptFile(f"`origin` is not {ASSERTED_BY_ONE!r}: nobody else has seen what a receipt is of")
        file = cls(
            genesis=top.hash("genesis"),
            receipt=receipt,
            worker=top.hash("worker"),
            signature=top.data("signature", SIGNATURE),
            simulated=top.truth("simulated"),
            request=top.optional("request", _request),
            response=top.optional("response", _response),
            batch=top.optional("batch", _batch),
            proof=top.optional("proof", _proof),
        )
        if top.hash("id") != file.id:
            raise BadReceiptFile("`id` is not the hash of what the worker signed")
        return file


class _Fields:
    """The fields of one JSON object, which are exactly those expected."""

    def __init__(self, path: str, found: Any, names: Sequence[str]) -> None:
        self._path, self._found = path, found
        if not isinstance(found, dict):
            raise BadReceiptFile(f"`{path[:-1]}` is not an object" if path else "the file is not a JSON object")
        for name in names:
            if name not in found:
                raise BadReceiptFile(f"`{path}{name}` is missing")
        for name in found:
            if name not in names:
                raise BadReceiptFile(f"`{path}{name:.64}` is no field of a receipt file")

    def __getitem__(self, name: str) -> Any:
        return self._found[name]

    def text(self, name: str) -> str:
        found = self._found[name]
        if not isinstance(found, str):
            self._refuse(name, "is not a string")
        return found

    def truth(self, name: str) -> bool:
        found = self._found[name]
        if not isinstance(found, bool):
            self._refuse(name, "is neither true nor false")
        return found

    def number(self, name: str, bits: int) -> int:
        found = self._found[name]
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 1 << bits:
            self._refuse(name, f"is not a whole number of {bits} bits")
        return found

    def decimal(self, name: str, bits: int) -> int:
        found = self.text(name)
        if DECIMAL.fullmatch(found) is None or len(found) > bits or int(found) >= 1 << bits:
            self._refuse(name, f"is not a string with a decimal number of {bits} bits")
        return int(found)

    def hash(self, name: str) -> bytes:
        return self.data(name, HASH)

    def data(self, name: str, size: int | None = None) -> bytes:
        return self._unhex(name, self._found[name], size)

    def many(self, name: str, size: int | None = None) -> tuple[bytes, ...]:
        found = self._found[name]
        if not isinstance(found, list):
            self._refuse(name, "is not a list")
        return tuple(self._unhex(f"{name}[{index}]", each, size) for index, each in enumerate(found))

    def base64(self, name: str) -> bytes:
        found = self.text(name)
        try:
            data = b64decode(found, validate=True)
        except ValueError:
            self._refuse(name, "is not base64")
        if b64encode(data).decode() != found:
            self._refuse(name, "is not base64 in its one spelling")
        return data

    def headers(self, name: str) -> Headers:
        found = self._found[name]
        if not isinstance(found, list):
            self._refuse(name, "is not a list")
        for index, pair in enumerate(found):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair)):
                self._refuse(f"{name}[{index}]", "is not a list of a name and a value")
        return [(key, value) for key, value in found]

    def optional(self, name: str, read: Callable[[str, Any], T]) -> T | None:
        found = self._found[name]
        return None if found is None else read(f"{name}.", found)

    def _unhex(self, name: str, found: Any, size: int | None) -> bytes:
        if not isinstance(found, str) or HEX.fullmatch(found) is None:
            self._refuse(name, "is not hex in lower case behind 0x")
        data = bytes.fromhex(found[2:])
        if size is not None and len(data) != size:
            self._refuse(name, f"has {len(data)} bytes, not {size}")
        return data

    def _refuse(self, name: str, reason: str) -> NoReturn:
        raise BadReceiptFile(f"`{self._path}{name}` {reason}")


def _load(content: bytes) -> Any:
    if len(content) > MAX_FILE:
        raise BadReceiptFile(f"the file has {len(content)} bytes, more than {MAX_FILE}")
    try:
        text = content.decode()
        found = json.loads(text, object_pairs_hook=_object, parse_int=_whole, parse_float=_none, parse_constant=_none)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadReceiptFile(f"the file is not JSON: {error!s:.120}") from None
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadReceiptFile(f"`{twice:.64}` is there twice")
    return found


def _whole(text: str) -> int:
    return _none(text) if text.startswith("-") else int(text)


def _none(text: str) -> NoReturn:
    raise BadReceiptFile(f"{text:.32} is a number that no field has")


def _request(path: str, found: Any) -> HttpRequest:
    fields = _Fields(path, found, ("method", "path", "query", "headers", "body"))
    return HttpRequest(
        fields.text("method"),
        fields.text("path"),
        fields.text("query"),
        fields.headers("headers"),
        fields.base64("body"),
    )


def _response(path: str, found: Any) -> HttpResponse:
    fields = _Fields(path, found, ("status", "headers", "body"))
    return HttpResponse(fields.number("status", 16), fields.headers("headers"), fields.base64("body"))


def _batch(path: str, found: Any) -> BatchPlace:
    fields = _Fields(path, found, ("first", "count", "root", "index", "path"))
    return BatchPlace(
        fields.decimal("first", 64),
        fields.number("count", 32),
        fields.hash("root"),
        fields.number("index", 32),
        fields.many("path", HASH),
    )


def _proof(path: str, found: Any) -> BatchProof:
    fields = _Fields(path, found, ("header", "storage", "justification"))
    return BatchProof(fields.data("header"), fields.many("storage"), fields.data("justification"))


def _request_fields(request: HttpRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": [list(header) for header in request.headers],
        "body": b64encode(request.body).decode(),
    }


def _response_fields(response: HttpResponse) -> dict[str, Any]:
    return {
        "status": response.status,
        "headers": [list(header) for header in response.headers],
        "body": b64encode(response.body).decode(),
    }


def _batch_fields(batch: BatchPlace) -> dict[str, Any]:
    return {
        "first": str(batch.first),
        "count": batch.count,
        "root": _hex(batch.root),
        "index": batch.index,
        "path": [_hex(each) for each in batch.path],
    }


def _proof_fields(proof: BatchProof) -> dict[str, Any]:
    return {
        "header": _hex(proof.header),
        "storage": [_hex(entry) for entry in proof.storage],
        "justification": _hex(proof.justification),
    }


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
