"""What gateway and worker say to each other: SCALE in binary WebSocket messages, many requests at once.

## Overview

| from the gateway | | from the worker | |
| --- | --- | --- | --- |
| `Ask` | a request to an agent | `Whole` | its answer and its receipt, signed |
| `Cancel` | nobody waits for it any more | `Head` | status and headers of an answer in parts |
| `GetReceipt`, `GetTranscript` | a receipt's file, a transcript | `Chunk` | a part of its body |
| `GetBytes`, `PutBytes` | what jobs name by hash alone | | |
| `TakesCalls` | it takes calls of jobs, and who it is | `CallAgent` | a run calls an agent |
| `Answered`, `NotAnswered` | what became of a call | | |
| | | `End` | no more of it follows: the receipt, signed, and why the script broke off, if it did |
| | | `Refused` | there is no answer; before or instead of `End` |
| | | `Found` | the file |

`id` is the gateway's, and names a request on its connection until `Whole`, `End`, `Refused` or `Found`; after `Cancel`
a worker may still say what was on its way. An answer of up to `MAX_CHUNK` bytes that a script doesn't stream comes as
one message. Whoever breaks the format, or uses an `id` twice at once, is disconnected with 1002.

A run that failed is an answer too: a worker signs and charges it like any other. Its status says why, its body is the
JSON `{"error", "message", "requestId", "stack"?}`; `requestId` is the request's header `x-request-id`, `null` without.
Of a script that fails when it has begun to stream, the receipt covers what was sent, and `End` says why that isn't all.
`Refused` is for what no receipt can stand for: nothing was run, or the run had no end.

| status | error | elsewhere | |
| --- | --- | --- | --- |
| 400 | `bad-request` | no | headers or body are not what a script can be told |
| 401 | `secret-not-readable`, `secret-bound-elsewhere` | no | the sealed secret is not this agent's or code's |
| 402 | `payment-required` | no | no ticket that counts pays for the run |
| 402 | `voucher-…`, `channel-…` and others of `vouchers` | no | the caller's voucher doesn't |
| 403 | `agent-paused` | no | |
| 404 | `unknown-agent`, `no-approved-code`, `code-not-approved` | no | |
| 413 | `request-too-large` | no | |
| 502 | `worker-failed` | yes | its sandbox died, or its receipt could not be written down |
| 503 | `worker-busy`, `worker-starting`, `worker-behind`, `worker-ends`, `secret-not-held` | yes | |
| 504 | `time-out` | no | the run was not over in time |

## Usage

```python
await websocket.send(TO_WORKER.encode(Ask(1, agent, None, request, "localhost:8000", None, None, None)))
message = TO_GATEWAY.decode_all(await websocket.receive())
```

## Out of scope

What a script sees of a request (`requests`), and what of its output becomes an answer (`answers`).
"""

from __future__ import annotations

from typing import Annotated

from offchain.serving.secret_box import SealedSecret
from pallets.primitives.codec import codec_of
from pallets.primitives.http import Headers, HttpRequest
from pallets.primitives.job import MAX_STORED_OUTPUT, JobId
from pallets.primitives.receipt import SignedTicket, SignedVoucher
from pallets.primitives.types import H256, U8, U16, U32, U64, U128, Bound, Bytes32, Bytes64, Moment, Variant, struct
from pallets.primitives.worker import VERSION, WorkerKey

MAX_REQUEST_BODY = 4 << 20
"""Bytes of a request's body; a gateway answers 413 to more."""
MAX_RESPONSE_BODY = 8 << 20
"""Bytes of a response's body, all its chunks together."""
MAX_CHUNK = 256 * 1024
MAX_MESSAGE = MAX_REQUEST_BODY + (1 << 20)
"""Bytes of a WebSocket message in either direction; what of an `Ask` is no body has the rest of them."""
MAX_OPEN_REQUESTS = 1024
"""Requests that one connection may have open at once; more are refused as `worker-busy`."""

RequestId = U64
AnswerHeaders = Annotated[Headers, Bound(128)]
Lines = Annotated[list[str], Bound(16 * 1024)]
"""What is longer than any script may make it is refused before it is read."""


@struct
class Broken:
    """Why a script ended before the answer that it had begun."""

    error: str
    """The kind of the failure."""
    message: str
    stack: str | None


class ToWorker(Variant):
    """What a gateway says."""


@struct
class Ask(ToWorker):
    """Run an agent on a request."""

    id: RequestId
    agent: U64
    code: Bytes32 | None
    """Where the caller named the code: it must be the agent's approved one."""
    request: HttpRequest
    """As the script is to see it, with credentials and `key`: `/ipfs/CID` for that route, for `/agents/NAME/REST` the
    path is `/REST`. Of the query the script is shown no `key`, and the receipt's hash covers neither."""
    host: str
    """What the caller asked, as in a Host header."""
    sealed: SealedSecret | None
    """What the script gets as `secret`."""
    ticket: SignedTicket | None
    voucher: SignedVoucher | None

    @property
    def request_id(self) -> str | None:
        """What the gateway calls the request towards its caller."""
        return next((value for name, value in self.request.headers if name.lower() == "x-request-id"), None)


@struct
class Cancel(ToWorker):
    """Nobody waits for this request any more."""

    id: RequestId


@struct
class GetReceipt(ToWorker):
    """Send the file of a receipt."""

    id: RequestId
    receipt: H256
    """Its id: the BLAKE2b-256 of the bytes that were signed."""


@struct
class GetTranscript(ToWorker):
    """Send what came from outside into a run; other workers ask that too, to replay it."""

    id: RequestId
    root: H256
    """Its Merkle root."""


@struct
class GetBytes(ToWorker):
    """Send the bytes of a hash: an input or output that is too large for the chain. Other workers ask that too."""

    id: RequestId
    hash: H256
    """BLAKE2b-256 of the bytes."""


@struct
class PutBytes(ToWorker):
    """Keep these bytes for jobs that will name them by their hash; the oldest of others make place."""

    id: RequestId
    data: Annotated[bytes, Bound(MAX_STORED_OUTPUT)]


@struct
class TakesCalls(ToWorker):
    """The gateway takes calls that jobs make of agents, too; not answered."""

    gateway: Bytes32
    """The key that it signs tickets with."""
    expiry: Moment
    """Until when this may be said, in milliseconds."""
    signature: Bytes64
    """The gateway's ed25519 signature of `takes_calls_bytes`, for this worker."""


@struct
class Answered(ToWorker):
    """An agent's answer to a call."""

    id: RequestId
    """The call's."""
    granted: U128 | None
    """What the gateway let the call cost, with all calls below it: the request's `x-fathom-max-charge`."""
    status: U16
    headers: AnswerHeaders
    body: Annotated[bytes, Bound(MAX_REQUEST_BODY)]
    receipt: bytes
    """SCALE of `Receipt`."""
    signature: Bytes64
    worker: WorkerKey
    broken: Broken | None
    """Where the script failed in the middle of this answer."""


@struct
class NotAnswered(ToWorker):
    """A call has no answer."""

    id: RequestId
    """The call's."""
    error: str
    message: str


class ToGateway(Variant):
    """What a worker says."""


@struct
class Head(ToGateway):
    """An answer begins."""

    id: RequestId
    status: U16
    headers: AnswerHeaders


@struct
class Chunk(ToGateway):
    """The answer's body goes on."""

    id: RequestId
    data: Annotated[bytes, Bound(MAX_CHUNK)]


@struct
class End(ToGateway):
    """There is no more of the answer, and on the worker's disk is what it signed of all that was sent."""

    id: RequestId
    receipt: bytes
    """SCALE of `Receipt`."""
    signature: Bytes64
    worker: WorkerKey
    logs: Lines
    """What the script printed."""
    milliseconds: U32
    """That the run took, waiting for a slot not among them."""
    broken: Broken | None
    """Where the script failed in the middle of its answer, which is not whole then; it is charged all the same."""


@struct
class Refused(ToGateway):
    """There is no answer, or none any more."""

    id: RequestId
    status: U16
    error: str
    """A word for the reason, see the table above."""
    message: str
    stack: str | None
    elsewhere: bool
    """Whether another worker might do better."""


@struct
class Found(ToGateway):
    """What was asked for, or what became of `PutBytes`."""

    id: RequestId
    file: bytes | None
    """Of a receipt JSON, UTF-8, of a transcript its SCALE; none if the worker has it not, or not any more.

    Of bytes that were put, their hash; none if they weren't kept."""


@struct
class Whole(ToGateway):
    """All of a short answer: what `Head`, `Chunk` and `End` would say."""

    id: RequestId
    status: U16
    headers: AnswerHeaders
    body: Annotated[bytes, Bound(MAX_CHUNK)]
    receipt: bytes
    signature: Bytes64
    worker: WorkerKey
    logs: Lines
    milliseconds: U32


@struct
class CallAgent(ToGateway):
    """A run calls an agent."""

    id: RequestId
    """Of the request that is run; 0 of a job."""
    call: U64
    """The worker's number for the call, on this connection."""
    job: JobId | None
    agent: str
    """Its name or number."""
    request: HttpRequest
    """But for `x-fathom-max-charge`, as the script is to see it."""
    max_charge: U128 | None
    """What the caller lets it cost, with all calls below it."""


def takes_calls_bytes(genesis: bytes, worker: bytes, expiry: int) -> bytes:
    """What a gateway signs of `TakesCalls`."""
    return TAKES_CALLS_TAG + TAKES_CALLS.encode((VERSION, genesis, worker, expiry))


TAKES_CALLS_TAG = b"fathom/takes-calls"
TAKES_CALLS = codec_of(tuple[U8, H256, WorkerKey, Moment])
TO_WORKER, TO_GATEWAY = codec_of(ToWorker), codec_of(ToGateway)
