"""A request, run again from its receipt: code from the chain, what came from outside from the worker, or from a file.

Headers with credentials are in no receipt, nor is what was given as `secret`: a script that looked at them has to be
given the same again, or finds something else.
"""

from __future__ import annotations

from typing import Any

import orjson

from offchain.chain import Chain
from offchain.light.receipt_file import ReceiptFile
from offchain.outside.recording import Replaying
from offchain.replay.errors import KeyNeeded, NoRequest, NoSuchAgent, OtherChain
from offchain.replay.run import Replay, check_runtime, read_at, read_code, read_transcript_of, run_again
from offchain.sandbox.base import Ask, Context
from offchain.sandbox.pool import Pool
from offchain.serving.answers import BadAnswer, answer_headers, answer_of, answer_status
from offchain.serving.calls import max_charge_of
from offchain.serving.payment import TooCostly, gas_bought
from offchain.serving.receipt_records import ACCESS, AGENT, SERVICE
from offchain.serving.requests import BadRequest, script_input
from offchain.serving.service import request_limits
from pallets.primitives.http import HttpRequest, HttpResponse, request_hash, response_hash
from pallets.primitives.service import NO_SERVICE, OPEN_ACCESS
from pallets.primitives.transcript import Transcript

HOST = "localhost"
REQUEST_ID = "x-request-id"


async def replay_receipt(
    chain: Chain,
    file: ReceiptFile,
    pool: Pool,
    *,
    transcript: Transcript | None = None,
    secret: Any = None,
    credentials: list[tuple[str, str]] | None = None,
) -> Replay:
    """Runs a receipt's request again, and compares; raises `CannotReplay`.

    Of a run that could derive secrets it can be said that it is the same without them, and no more.
    """
    receipt, request = file.receipt, file.request
    if request is None:
        raise NoRequest("the receipt's file has no request: ask the gateway for the receipt again")
    if file.genesis != chain.genesis:
        raise OtherChain(f"the receipt is of chain 0x{file.genesis.hex()}, and the node's is 0x{chain.genesis.hex()}")
    check_runtime(pool, receipt.runtime_id)
    agent = await read_at(chain, AGENT, receipt.agent, block=receipt.block_hash)
    if agent is None:
        raise NoSuchAgent(f"there was no agent {receipt.agent} at the receipt's block")
    code = await read_code(chain, receipt.code)
    transcript = await read_transcript_of(chain, receipt.transcript_root, [file.worker], transcript)
    differences = []
    if request_hash(request) != receipt.request_hash:
        differences.append("the request has another hash than the receipt says")
    headers = [*request.headers, *(credentials or [])]
    told = HttpRequest(request.method, request.path, request.query, headers, request.body)
    try:
        input = script_input(told, HOST, secret)
        context = Context(block_time_ms=transcript.block_time_ms, seed=transcript.seed)
    except (BadRequest, ValueError) as error:
        raise NoRequest(f"no worker runs what the receipt is of: {error}") from None
    service = await read_at(chain, SERVICE, receipt.agent, block=receipt.block_hash) or NO_SERVICE
    access = await read_at(chain, ACCESS, receipt.agent, block=receipt.block_hash) or OPEN_ACCESS
    try:
        most = gas_bought(agent.policy, service, access, max_charge_of(request))
    except TooCostly as error:
        raise NoRequest(f"no worker runs what the receipt is of: {error}") from None
    ran = await run_again(pool, code, input, request_limits(most), context, Replaying(transcript))
    body, gas, logs = b"", 0, tuple[str, ...]()
    if ran.outcome is None:
        differences.append(str(ran.difference))
    else:
        gas, logs = ran.outcome.gas, tuple(ran.outcome.logs)
        try:
            response = _streamed(ran.emitted) or answer_of(ran.outcome, dict(request.headers).get(REQUEST_ID))
            body = response.body
            if response_hash(response) != receipt.response_hash:
                differences.append(f"the answer is {response.status}, {len(body)} bytes, with another hash")
        except BadAnswer as error:
            differences.append(f"the answer is none: {error}")
        if gas != receipt.gas:
            differences.append(f"the gas is {gas}, not {receipt.gas}")
    if differences and transcript.keyed:
        raise KeyNeeded(f"the run could derive secrets, and without its key: {'; '.join(differences)}")
    return Replay(body, gas, logs, differences)


def _streamed(emitted: list[Ask]) -> HttpResponse | None:
    """An answer that came in parts; `None` of one that didn't."""
    if not emitted:
        return None
    head = orjson.loads(emitted[0].head)
    status, headers = answer_status(head.get("status")), answer_headers(head.get("headers", []))
    return HttpResponse(status, headers, b"".join(ask.body for ask in emitted[1:]))
