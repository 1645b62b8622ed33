"""The WebSocket object on real loopback sockets, judged by websocket-client and by the client of `websockets`."""

from __future__ import annotations

import math
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import websocket
import websockets.exceptions
import websockets.sync.client
from trio.testing import MockClock, wait_all_tasks_blocked
from websocket import ABNF

from node.web import Limits, WebSocket, connect_websocket
from node.web.connection import BURST, TURN
from node.web.errors import ConnectionClosed
from node.web.transport import SocketTransport
from node.web.websocket import Message
from tests.node.web.serving import close_of, echo, frame, opened, read_to_end, read_until, serving

in_thread = trio.to_thread.run_sync
SAMPLES: list[Message] = ["", "é\U0001f600", b"", b"\x00\xff", "a" * 125, "a" * 126, b"b" * 65_536, "c" * 1_000_000]


async def test_websocket_client_gets_every_message_back() -> None:
    def visit(port: int) -> None:
        client = websocket.create_connection(f"ws://127.0.0.1:{port}", timeout=5)
        for message in SAMPLES:
            client.send(message, ABNF.OPCODE_TEXT if isinstance(message, str) else ABNF.OPCODE_BINARY)
            assert client.recv() == message
        client.send_frame(ABNF.create_frame("frag", ABNF.OPCODE_TEXT, 0))
        client.ping("between")
        client.send_frame(ABNF.create_frame("mented", ABNF.OPCODE_CONT, 1))
        assert client.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"between")
        assert client.recv() == "fragmented"
        client.close()

    async with serving() as port:
        await in_thread(visit, port)


async def test_the_websockets_client_gets_every_message_back_uncompressed() -> None:
    def visit(port: int) -> None:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}", max_size=None, compression="deflate") as client:
            assert client.protocol.extensions == []
            for message in SAMPLES:
                client.send(message)
                assert client.recv() == message
            client.send(["frag", "ment", "ed"])
            assert client.recv() == "fragmented"
            assert client.ping().wait(5)
        assert (client.close_code, client.protocol.close_sent.code) == (1000, 1000)  # type: ignore[union-attr]

    async with serving() as port:
        await in_thread(visit, port)


async def test_a_thousand_messages_pipelined_come_back_in_order() -> None:
    async with serving() as port, await opened(port) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"".join(frame(b"%03d" % number) for number in range(1000)))
        answer = b""
        while len(answer) < 5000:
            answer += await stream.receive_some()
    assert answer == b"".join(b"\x81\x03%03d" % number for number in range(1000))


@pytest.mark.parametrize("fragmented", [False, True])
async def test_a_message_over_the_limit_closes_with_1009(fragmented: bool) -> None:
    def visit(port: int) -> None:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}") as client:
            client.send("a" * 100_000)
            assert client.recv() == "a" * 100_000
            with pytest.raises(websockets.exceptions.ConnectionClosedError) as closed:
                client.send(["a" * 60_000, "a" * 60_000, "a" * 60_000] if fragmented else "a" * 5_000_000)
                client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

    async with serving(limits=Limits(max_message_size=100_000)) as port:
        await in_thread(visit, port)


async def test_a_peer_in_the_middle_of_too_much_is_heard_out() -> None:
    async with serving(limits=Limits(max_message_size=100_000)) as port, await opened(port) as peer:
        with trio.fail_after(2):
            await peer.send_all(frame(b"a" * 10_000_000))
            code, reason = close_of(await read_to_end(peer))
    assert code == 1009
    assert "100000 bytes" in reason


@pytest.mark.parametrize(
    ("data", "code"),
    [(frame(b"\xff"), 1007), (b"\x81\x01a", 1002), (frame(b"", ABNF.OPCODE_CONT), 1002)],
    ids=("not UTF-8", "not masked", "nothing to continue"),
)
async def test_a_broken_peer_ends_the_loop_of_the_handler(data: bytes, code: int) -> None:
    ends: list[ConnectionClosed | None] = []

    async def note(websocket: WebSocket) -> None:
        await echo(websocket)
        ends.append(websocket.closed)

    async with serving(note) as port, await opened(port) as stream:
        await stream.send_all(data)
        assert close_of(await read_to_end(stream))[0] == code
    assert [end.code for end in ends if end] == [code]


@asynccontextmanager
async def held(limits: Limits = Limits()) -> AsyncIterator[tuple[WebSocket, trio.SocketStream]]:
    """A server's WebSocket that the test itself uses, and the raw connection of its peer."""
    give, take = trio.open_memory_channel[WebSocket](1)
    done = trio.Event()

    async def hold(websocket: WebSocket) -> None:
        await give.send(websocket)
        await done.wait()

    async with serving(hold, limits=limits) as port, await opened(port) as stream:
        yield await take.receive(), stream
        done.set()


async def fill(websocket: WebSocket) -> None:
    """Send to a peer that doesn't read, until there is no more room."""
    while websocket.send_nowait(bytes(10_000)):
        await trio.lowlevel.checkpoint()


async def test_a_slow_reader_makes_senders_wait_and_loses_nothing() -> None:
    sent = 0
    message = bytes(50_000)

    async with held(Limits(send_buffer=200_000, close_timeout=0.2)) as (websocket, peer):

        async def send_much() -> None:
            nonlocal sent
            for _ in range(400):
                await websocket.send(message)
                sent += 1
            await websocket.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_much)
            await wait_all_tasks_blocked(0.05)
            stuck = sent
            assert 4 <= stuck < 400
            assert not websocket.send_nowait("no room")
            await wait_all_tasks_blocked(0.05)
            assert sent == stuck
            data = await read_to_end(peer)
    one = b"\x82\x7e" + len(message).to_bytes(2, "big") + message
    assert sent == 400
    assert data[: 400 * len(one)] == one * 400
    assert close_of(data[400 * len(one) :])[0] == 1000


async def test_a_peer_that_only_pings_and_never_reads_is_not_read_from() -> None:
    pings = frame(b"p" * 125, ABNF.OPCODE_PING) * 1000
    sent = 0

    async def flood(peer: trio.SocketStream) -> None:
        nonlocal sent
        for _ in range(300):
            await peer.send_all(pings)
            sent += 1

    async with held(Limits(send_buffer=10_000)) as (websocket, peer), trio.open_nursery() as nursery:
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10_000)
        nursery.start_soon(websocket.receive)
        nursery.start_soon(flood, peer)
        await wait_all_tasks_blocked(0.1)
        assert 0 < sent < 300
        nursery.cancel_scope.cancel()


async def test_many_tasks_send_at_once_and_frames_stay_whole() -> None:
    def read(port: int) -> set[Message]:
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}", max_size=None) as client:
            return set(client)

    async def talk(websocket: WebSocket) -> None:
        async def repeat(name: int) -> None:
            for number in range(20):
                await websocket.send(f"{name}/{number} " + "x" * (name * 5000))

        async with trio.open_nursery() as nursery:
            for name in range(20):
                nursery.start_soon(repeat, name)

    async with serving(talk, limits=Limits(send_buffer=50_000)) as port:
        received = await in_thread(read, port)
    assert received == {f"{name}/{number} " + "x" * (name * 5000) for name in range(20) for number in range(20)}


class CountingTransport(SocketTransport):
    """Counts the writes that reach the socket."""

    writes = 0

    def send_now(self, buffer: bytearray) -> None:
        self.writes += bool(buffer)
        super().send_now(buffer)


async def test_what_is_queued_together_is_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    transports: list[CountingTransport] = []

    def counting(stream: trio.SocketStream, stall_timeout: float) -> CountingTransport:
        transports.append(CountingTransport(stream, stall_timeout))
        return transports[-1]

    monkeypatch.setattr("node.web.server.SocketTransport", counting)
    sockets: list[WebSocket] = []

    async def note(websocket: WebSocket) -> None:
        sockets.append(websocket)
        await echo(websocket)

    async with serving(note) as port, await opened(port) as peer:
        await wait_all_tasks_blocked(0.01)
        before = transports[0].writes
        await peer.send_all(frame(b"ask") * 10)
        await read_until(peer, b"\x81\x03ask" * 10)
        assert transports[0].writes - before == 1

        async with trio.open_nursery() as nursery:  # subscriptions of one connection, told of one block
            for _ in range(10):
                nursery.start_soon(sockets[0].send, "told")
        await read_until(peer, b"\x81\x04told" * 10)
        assert transports[0].writes - before == 2


async def test_a_reply_does_not_wait_for_the_next_request_to_be_handled() -> None:
    async def second_is_slow(websocket: WebSocket) -> None:
        await websocket.send(await websocket.receive() or "")
        await websocket.receive()
        await trio.sleep_forever()

    async with serving(second_is_slow) as port, await opened(port) as peer:
        await peer.send_all(frame(b"first") + frame(b"second"))
        with trio.fail_after(2):
            assert await read_until(peer, b"first") == b"\x81\x05first"
        await peer.send_all(frame(b"\x03\xe8", ABNF.OPCODE_CLOSE))


async def test_a_busy_connection_lets_others_run() -> None:
    async def flood() -> None:
        async with await opened(port) as busy, trio.open_nursery() as both:
            both.start_soon(busy.send_all, frame(b"x") * 1_000_000)
            while await busy.receive_some():
                pass

    async with serving() as port, await opened(port) as other, trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await trio.sleep(0.05)
        for number in range(10):
            await other.send_all(frame(b"%02d" % number))
            with trio.fail_after(1):
                await read_until(other, b"%02d" % number)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("replies", [False, True])
async def test_a_burst_of_messages_lets_other_tasks_run(replies: bool) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with held() as (websocket, peer), trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await peer.send_all(frame(b"x") * 1000)
        handled = Counter[int]()
        for _ in range(1000):
            await websocket.receive()
            if replies:
                await websocket.send("y")
            handled[turns] += 1
        assert max(handled.values()) <= 2 * BURST  # trio runs the tasks of a turn in any order
        nursery.cancel_scope.cancel()


async def test_messages_that_take_long_to_handle_let_other_tasks_run() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with held() as (websocket, peer), trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await peer.send_all(frame(b"x") * 20)
        handled = Counter[int]()
        for _ in range(20):
            await websocket.receive()
            handled[turns] += 1
            end = trio.current_time() + TURN
            while trio.current_time() < end:
                pass
        assert max(handled.values()) <= 2  # trio runs the tasks of a turn in any order
        nursery.cancel_scope.cancel()


async def test_what_is_queued_is_sent_together_behind_what_was_sent_before() -> None:
    async with held(Limits(send_buffer=100)) as (websocket, peer):
        await websocket.send("first")
        for number in range(100):
            websocket.queue_text(b"%03d" % number)
        assert not websocket.send_nowait("no room")
        await websocket.send_text("é".encode())
        told = await read_until(peer, b"\xc3\xa9")
        assert (
            told == b"\x81\x05first" + b"".join(b"\x81\x03%03d" % number for number in range(100)) + b"\x81\x02\xc3\xa9"
        )
        await websocket.aclose()
        with pytest.raises(ConnectionClosed):
            websocket.queue_text(b"late")


async def test_a_cancelled_send_queues_nothing() -> None:
    async with held(Limits(send_buffer=100_000, close_timeout=0.2)) as (websocket, peer):
        await fill(websocket)
        with trio.move_on_after(0.02) as patience:
            await websocket.send("cancelled")
        assert patience.cancelled_caught
        async with trio.open_nursery() as nursery:
            nursery.start_soon(websocket.aclose)
            data = await read_to_end(peer)
    assert b"cancelled" not in data
    assert close_of(data[-4:])[0] == 1000


async def test_after_the_close_nothing_is_sent_and_the_reason_is_told() -> None:
    async with held() as (websocket, peer):
        assert websocket.closed is None
        await peer.send_all(frame(b"\x0f\xa0enough", ABNF.OPCODE_CLOSE))
        assert await websocket.receive() is None
        assert await websocket.receive() is None
        assert not websocket.is_open
        assert not websocket.send_nowait("late")
        with pytest.raises(ConnectionClosed, match="4000 enough"):
            await websocket.send("late")
        assert close_of(await read_to_end(peer)) == (4000, "enough")


async def test_a_waiting_sender_is_told_that_the_peer_is_gone() -> None:
    async with held(Limits(send_buffer=10_000)) as (websocket, peer):
        await fill(websocket)
        async with trio.open_nursery() as nursery:

            async def waiting() -> None:
                with pytest.raises(ConnectionClosed, match="1006"):
                    await websocket.send("late")

            nursery.start_soon(waiting)
            await wait_all_tasks_blocked(0.01)
            peer.socket.close()


async def test_one_task_closes_while_another_receives() -> None:
    async with held() as (websocket, peer):
        async with trio.open_nursery() as nursery:
            received: list[Message | None] = []

            async def receive() -> None:
                received.append(await websocket.receive())

            nursery.start_soon(receive)
            await wait_all_tasks_blocked(0.01)
            nursery.start_soon(websocket.aclose, 4001, "kicked")
            assert await read_until(peer, b"kicked") == b"\x88\x08\x0f\xa1kicked"
            await peer.send_all(frame(b"in flight") + frame(b"\x0f\xa1", ABNF.OPCODE_CLOSE))
            assert await read_to_end(peer) == b""
        assert received in ([None], ["in flight"])
        assert await websocket.receive() is None


async def test_a_receiver_held_back_by_a_slow_peer_is_told_of_the_close() -> None:
    async with held(Limits(send_buffer=10_000, close_timeout=0.2)) as (websocket, peer):
        await fill(websocket)
        received: list[Message | None] = []

        async def receive() -> None:
            received.append(await websocket.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await wait_all_tasks_blocked(0.01)
            nursery.start_soon(websocket.aclose, 4001, "kicked")
            await wait_all_tasks_blocked(0.01)
            assert (await read_to_end(peer)).endswith(b"\x88\x08\x0f\xa1kicked")
    assert received == [None]


async def test_a_handler_that_turns_to_a_socket_closed_meanwhile_is_told() -> None:
    async with held() as (websocket, peer), trio.open_nursery() as nursery:
        nursery.start_soon(websocket.aclose)
        await wait_all_tasks_blocked(0.01)
        assert await websocket.receive() is None
        assert [message async for message in websocket] == []
        await peer.send_all(frame(b"\x03\xe8", ABNF.OPCODE_CLOSE))


async def test_a_peer_that_takes_nothing_is_given_up(jumping_clock: MockClock) -> None:
    async with held(Limits(stall_timeout=7)) as (websocket, _):
        start = trio.current_time()
        with pytest.raises(ConnectionClosed), trio.fail_after(100):
            while True:
                await websocket.send(bytes(1_000_000))
        assert trio.current_time() - start == pytest.approx(7, abs=0.1)


async def test_silence_is_pinged(jumping_clock: MockClock) -> None:
    async with serving(limits=Limits(ping_interval=30)) as port, await opened(port) as peer:
        start = trio.current_time()
        for count in (1, 2, 3):
            assert await read_until(peer, b"\x00") == b"\x89\x00"
            assert trio.current_time() - start == pytest.approx(30 * count, abs=0.5)


@pytest.mark.parametrize(("limit", "answers", "kept"), [(90, False, False), (90, True, True), (math.inf, False, True)])
async def test_only_a_peer_silent_for_too_long_is_given_up(
    limit: float, answers: bool, kept: bool, jumping_clock: MockClock
) -> None:
    async with serving(limits=Limits(ping_interval=30, silence_limit=limit)) as port, await opened(port) as peer:
        data = b""
        with trio.move_on_after(600):
            while more := bytes(await peer.receive_some()):
                data += more
                if answers:
                    await peer.send_all(frame(b"", ABNF.OPCODE_PONG))
        if kept:
            assert data == b"\x89\x00" * (len(data) // 2)
            assert len(data) >= 36
        else:
            assert close_of(data.lstrip(b"\x89\x00")) == (1011, "no answer to pings")


async def test_silence_while_nobody_listens_is_not_the_peers(jumping_clock: MockClock) -> None:
    async with held(Limits(ping_interval=30, silence_limit=60)) as (websocket, peer):
        await trio.sleep(300)
        await peer.send_all(frame(b"I was here"))
        assert await websocket.receive() == "I was here"


async def test_the_blocks_exception_comes_out_bare_and_is_told_as_1011() -> None:
    give, ends = trio.open_memory_channel[ConnectionClosed | None](3)

    async def note(websocket: WebSocket) -> None:
        await echo(websocket)
        await give.send(websocket.closed)

    async with serving(note) as port:
        with pytest.raises(ZeroDivisionError):
            async with connect_websocket(f"ws://127.0.0.1:{port}") as client:
                await client.send("hello")
                assert await client.receive() == "hello"
                raise ZeroDivisionError
        with trio.move_on_after(0.2) as scope:
            async with connect_websocket(f"ws://127.0.0.1:{port}"):
                await trio.sleep_forever()
        assert scope.cancelled_caught
        async with connect_websocket(f"ws://127.0.0.1:{port}"):
            pass
        with trio.fail_after(2):
            told = [await ends.receive() for _ in range(3)]
    assert [end.code for end in told if end] == [1011, 1001, 1000]


async def test_a_stopped_peer_does_not_hold_up_others() -> None:
    """A peer that neither reads nor answers, against one that does."""
    with socket.socket() as stopped:
        async with serving() as port:
            await in_thread(stopped.connect, ("127.0.0.1", port))
            async with await opened(port) as mute, await opened(port) as other:
                await mute.send_all(frame(b"x" * 100_000) * 5)
                for number in range(20):
                    await other.send_all(frame(b"%02d" % number))
                    with trio.fail_after(2):
                        await read_until(other, b"%02d" % number)


async def test_clients_in_threads_all_at_once() -> None:
    faults: list[BaseException] = []

    def visit(port: int, number: int) -> None:
        try:
            with websockets.sync.client.connect(f"ws://127.0.0.1:{port}") as client:
                for count in range(20):
                    client.send(f"{number}/{count}")
                    assert client.recv() == f"{number}/{count}"
        except BaseException as fault:
            faults.append(fault)

    async with serving() as port:
        threads = [threading.Thread(target=visit, args=(port, number)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await in_thread(thread.join)
    assert faults == []
