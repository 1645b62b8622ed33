"""`ext_offchain_http_*`: requests of off-chain workers. Mirrors `sp_io::offchain`.

A request is put together over several calls, sent when it is waited for, and its answer read in parts.
"""

from __future__ import annotations

from node.wasm.call import Call, OpenRequest, Request
from node.wasm.host.declaration import U32, NewSlice, Room, Slice, host_function
from node.wasm.host.scale import ERROR, OK, OPTIONAL_U64, PAIRS, U16_LIST, decoded
from pallets.primitives.scale import compact

DEADLINE_REACHED, IO_ERROR, INVALID = b"\0", b"\1", b"\2"
"""`HttpError`, and the first variants of `HttpRequestStatus`."""
FINISHED = b"\3"

MAX_REQUESTS = 256
MAX_REQUEST_BYTES = 4 << 20


@host_function
def ext_offchain_http_request_start_version_1(call: Call, method: Slice, uri: Slice, meta: Slice) -> NewSlice:
    if len(call.requests) >= MAX_REQUESTS:
        return ERROR
    try:
        call.requests.append(OpenRequest(method.decode(), uri.decode()))
    except UnicodeDecodeError:
        return ERROR
    return OK + (len(call.requests) - 1).to_bytes(2, "little")


@host_function
def ext_offchain_http_request_add_header_version_1(call: Call, number: U32, name: Slice, value: Slice) -> NewSlice:
    request = _found(call, number)
    if request is None or request.is_sent or len(request.headers) >= MAX_REQUESTS:
        return ERROR
    request.headers.append((name, value))
    return OK


@host_function
def ext_offchain_http_request_write_body_version_1(call: Call, number: U32, chunk: Slice, deadline: Slice) -> NewSlice:
    request = _found(call, number)
    if request is None or request.is_sent:
        return ERROR + INVALID
    if len(request.body) + len(chunk) > MAX_REQUEST_BYTES:
        return ERROR + IO_ERROR
    request.body += chunk
    if not chunk:  # the end of the body
        _send(call, request, decoded(OPTIONAL_U64, deadline, "a deadline"))
    return OK


@host_function
def ext_offchain_http_response_wait_version_1(call: Call, numbers: Slice, deadline: Slice) -> NewSlice:
    until = decoded(OPTIONAL_U64, deadline, "a deadline")
    wanted = decoded(U16_LIST, numbers, "request numbers")
    return compact(len(wanted)) + b"".join(_status(call, number, until) for number in wanted)


@host_function
def ext_offchain_http_response_headers_version_1(call: Call, number: U32) -> NewSlice:
    request = _found(call, number)
    return PAIRS.encode([] if request is None or request.response is None else list(request.response.headers))


@host_function
def ext_offchain_http_response_read_body_version_1(call: Call, number: U32, room: Room, deadline: Slice) -> NewSlice:
    request = _found(call, number)
    if request is None:
        return ERROR + INVALID
    _send(call, request, decoded(OPTIONAL_U64, deadline, "a deadline"))
    if request.response is None:
        return ERROR + (IO_ERROR if request.has_failed else DEADLINE_REACHED)
    address, length = room
    part = request.response.body[request.read : request.read + length]
    call.guest.write(address, part)
    request.read += len(part)
    return OK + len(part).to_bytes(4, "little")


def _found(call: Call, number: int) -> OpenRequest | None:
    return call.requests[number] if number < len(call.requests) else None


def _status(call: Call, number: int, deadline: int | None) -> bytes:
    request = _found(call, number)
    if request is None:
        return INVALID
    _send(call, request, deadline)
    if request.response is None:
        return IO_ERROR if request.has_failed else DEADLINE_REACHED
    return FINISHED + request.response.status.to_bytes(2, "little")


def _send(call: Call, request: OpenRequest, deadline: int | None) -> None:
    """Sends a request that was not answered yet."""
    if request.response is not None or request.has_failed:
        return
    request.is_sent = True
    asked = Request(request.method, request.uri, tuple(request.headers), bytes(request.body))
    try:
        request.response = call.around.outside.exchange(asked, deadline)
    except OSError:
        request.has_failed = True
