"""A request, run again from its receipt: code from the chain, what came from outside from the worker, or from a file.

Headers with credentials are in no receipt, nor is what was given as `secret`: a script that looked at them has to be
given the same again, or finds something else.
"""

from __future__ import annotations

from typing import Any

import orjson

from offchain.chain import Chain
from offchain.light.receipt_file import ReceiptFile
from offchain.replay.errors import NoRequest, TranscriptGone
from offchain.replay.run import Replay, check_runtime, read_code, run_again
from offchain.sandbox.base import Ask, Context
from offchain.sandbox.pool import Pool
from offchain.serving.answers import answer_headers, answer_of, answer_status
from offchain.serving.requests import script_input
from offchain.serving.service import request_limits
from offchain.serving.transcripts import find_transcript
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.transcript import Transcript, transcript_root

HOST = "localhost"
REQUEST_ID = "x-request-id"
MAX_GAS = 10**10


async def replay_receipt(
    chain: Chain,
    file: ReceiptFile,
    pool: Pool,
    *,
    transcript: Transcript | None = None,
    secret: Any = None,
    credentials: list[tuple[str, str]] | None = None,
) -> Replay:
    """Runs a receipt's request again, and compares; raises `CannotReplay`, and `NotKeyed` of `recording`."""
    receipt, request = file.receipt, file.request
    if request is None:
        raise NoRequest("the receipt's file has no request: ask the gateway for the receipt again")
    check_runtime(pool, receipt.runtime_id)
    code = await read_code(chain, receipt.code)
    transcript = transcript or await find_transcript(chain, receipt.transcript_root, [file.worker])
    if transcript is None:
        raise TranscriptGone(f"the worker doesn't give the transcript 0x{receipt.transcript_root.hex()}")
    differences = []
    if transcript_root(transcript) != receipt.transcript_root:
        differences.append("the transcript has another root than the receipt says")
    if request_hash(request) != receipt.request_hash:
        differences.append("the request has another hash than the receipt says")
    headers = [*request.headers, *(credentials or [])]
    told = HttpRequest(request.method, request.path, request.query, headers, request.body)
    context = Context(block_time_ms=transcript.block_time_ms, seed=transcript.seed)
    limits = request_limits(MAX_GAS)
    ran = await run_again(pool, code, script_input(told, HOST, secret), limits, context, transcript)
    if ran.outcome is None:
        return Replay(b"", 0, (), [*differences, str(ran.difference)])
    named = dict(request.headers).get(REQUEST_ID)
    response = _streamed(ran.emitted) or answer_of(ran.outcome, named)
    if response_hash(response) != receipt.response_hash:
        differences.append(f"the answer is {response.status}, {len(response.body)} bytes, with another hash")
    if ran.outcome.gas != receipt.gas:
        differences.append(f"the gas is {ran.outcome.gas}, not {receipt.gas}")
    return Replay(response.body, ran.outcome.gas, tuple(ran.outcome.logs), differences)


def _streamed(emitted: list[Ask]) -> HttpResponse | None:
    """An answer that came in parts; `None` of one that didn't."""
    if not emitted:
        return None
    head = orjson.loads(emitted[0].head)
    status, headers = answer_status(head.get("status")), answer_headers(head.get("headers", []))
    return HttpResponse(status, headers, b"".join(ask.body for ask in emitted[1:]))
