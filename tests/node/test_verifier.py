"""Verdicts on signatures: the same from a verifier process as from this one, whatever becomes of the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from node.verifier import process as verifier_process
from node.verifier import verifier as verifier_module
from node.verifier.verifier import Verifier, start_process
from node.verifier.wire import HEAD, LENGTH, READY, pack, unpack
from pallets.frame.executive import Claim
from pallets.primitives.extrinsic import Ecdsa, Ed25519, MultiSignature, Sr25519, verify_signature
from pallets.primitives.keys import Keypair, Scheme
from tests.node.until import until

KINDS: dict[Scheme, Any] = {Scheme.SR25519: Sr25519, Scheme.ED25519: Ed25519, Scheme.ECDSA: Ecdsa}


def claim(signature: MultiSignature, payload: bytes, signer: bytes) -> Claim:
    return Claim(signature, payload, signer, None, b"")  # type: ignore[arg-type]


def good(scheme: Scheme, payload: bytes) -> Claim:
    pair = Keypair.from_suri("//Alice", scheme)
    return claim(KINDS[scheme](pair.sign(payload)), payload, pair.account_id)


def claims() -> list[Claim]:
    """Good, bad and malformed ones of every scheme."""
    found: list[Claim] = []
    for scheme, kind in KINDS.items():
        one, other = good(scheme, b"payload"), good(scheme, bytes(256))
        raw = one.signature.signature  # type: ignore[attr-defined]
        found += [one, other, good(scheme, b"")]
        found += [claim(one.signature, b"payloae", one.signer), claim(one.signature, b"payload", bytes(32))]
        found += [claim(one.signature, b"payload", b"\xff" * 32), claim(other.signature, b"payload", one.signer)]
        found += [claim(kind(raw[:-1] + bytes([raw[-1] ^ 1])), b"payload", one.signer)]
        found += [claim(kind(fill * len(raw)), b"payload", one.signer) for fill in (b"\0", b"\xff")]
    return found


EXPECTED = [verify_signature(each.signature, each.payload, each.signer) for each in claims()]


def test_the_claims_of_these_tests_are_of_both_kinds() -> None:
    assert EXPECTED.count(True) == 9
    assert EXPECTED.count(False) == 21


packed_claims = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=65, max_size=65),
        st.binary(max_size=256),
    ),
    max_size=5,
)


@given(packed_claims)
def test_chunks_are_taken_apart_as_they_were_packed(given_claims: list[tuple[int, bytes, bytes, bytes]]) -> None:
    data = pack(given_claims)
    assert LENGTH.unpack_from(data) == (len(data) - LENGTH.size,)
    assert list(unpack(data[LENGTH.size :])) == given_claims


def test_a_process_answers_chunk_after_chunk_and_ends_inside_one() -> None:
    pair = Keypair.from_suri("//Alice")
    one = (1, pair.public, pair.sign(b"payload"), b"payload")
    unknown = (7, pair.public, pair.sign(b"payload"), b"payload")
    sink = BytesIO()
    verifier_process.serve(BytesIO(pack([one, unknown]) + pack([]) + pack([one]) + pack([one])[:-1]), sink)
    assert sink.getvalue() == READY + b"\1\0" + b"" + b"\1"
    assert HEAD.size == 100


# Real processes


class Started:
    """The real effect, and what it has started."""

    def __init__(self) -> None:
        self.processes: list[trio.Process] = []

    async def __call__(self) -> trio.Process:
        self.processes.append(await start_process())
        return self.processes[-1]


@contextmanager
def nothing_verified_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object) -> bool:
        raise AssertionError("verified by this process")

    with monkeypatch.context() as patched:
        patched.setattr(verifier_module, "verify_signature", refuse)
        yield


@asynccontextmanager
async def running(count: int = 1) -> AsyncIterator[tuple[Verifier, Started]]:
    """A verifier whose processes have answered their first claims."""
    started = Started()
    verifier = Verifier(started, count)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        await all_ready(verifier, count)
        yield verifier, started
        nursery.cancel_scope.cancel()
    assert all(process.returncode is not None for process in started.processes)


async def all_ready(verifier: Verifier, count: int) -> None:
    while len(verifier._ready) < count:
        assert await verifier.verify(claims()) == EXPECTED  # by this process meanwhile
        await trio.sleep(0.01)


@pytest.mark.parametrize("count", [1, 3])
async def test_processes_judge_as_the_node_does(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    async with running(count) as (verifier, started):
        with nothing_verified_here(monkeypatch):
            assert await verifier.verify(claims()) == EXPECTED
            assert await verifier.verify(claims() * 12) == EXPECTED * 12  # more than a pipe holds
            assert await verifier.verify(claims()[:4]) == EXPECTED[:4]
        assert len(started.processes) == count


async def test_nothing_is_started_for_a_few_claims() -> None:
    started = Started()
    verifier = Verifier(started)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        for _ in range(20):
            assert await verifier.verify(claims()[:3]) == EXPECTED[:3]
            assert await verifier.verify([]) == []
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert started.processes == []


async def test_without_processes_the_node_verifies() -> None:
    verifier = Verifier()
    assert not verifier.offloads
    await verifier.run()
    assert await verifier.verify(claims() * 5) == EXPECTED * 5


async def test_claims_of_a_killed_process_are_answered_and_it_is_replaced_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as (verifier, started):
        for number in range(2):
            assert len(started.processes) == number + 1
            process = started.processes[-1]
            os.kill(process.pid, signal.SIGSTOP)  # in the middle of the chunk, and no sooner
            verdicts: list[bool] = []

            async def ask(verdicts: list[bool] = verdicts) -> None:
                verdicts += await verifier.verify(claims())

            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.testing.wait_all_tasks_blocked()
                assert verdicts == []
                process.kill()
            assert verdicts == EXPECTED
            if number == 0:
                await until(lambda: len(started.processes) == 2 and verifier._ready)
                with nothing_verified_here(monkeypatch):
                    assert await verifier.verify(claims()) == EXPECTED
        await until(lambda: not verifier.offloads)
        assert await verifier.verify(claims()) == EXPECTED
        assert len(started.processes) == 2


async def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (verifier, started):
        os.kill(started.processes[0].pid, signal.SIGSTOP)
        monkeypatch.setattr(verifier_module, "ANSWER_SECONDS", 0.1)
        assert await verifier.verify(claims()) == EXPECTED
        assert await started.processes[0].wait() == -signal.SIGKILL


async def test_a_program_that_is_no_verifier_is_given_up() -> None:
    async def start() -> trio.Process:
        return await trio.lowlevel.open_process(
            [sys.executable, "-c", "pass"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    verifier = Verifier(start)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        while verifier.offloads:
            assert await verifier.verify(claims()) == EXPECTED
            await trio.sleep(0.01)


async def test_what_cannot_be_started_is_not_missed() -> None:
    async def start() -> trio.Process:
        raise OSError("no more processes")

    verifier = Verifier(start, 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(verifier.run)
        while verifier.offloads:
            assert await verifier.verify(claims()) == EXPECTED
            await trio.lowlevel.checkpoint()


async def test_a_terminals_interrupt_is_for_the_node_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (verifier, started):
        assert os.getpgid(started.processes[0].pid) != os.getpgid(0)
        os.kill(started.processes[0].pid, signal.SIGINT)
        with nothing_verified_here(monkeypatch):
            assert await verifier.verify(claims()) == EXPECTED


PARENT = """
import trio
from node.verifier.verifier import start_process

async def main():
    process = await start_process()
    assert await process.stdout.receive_some(1) == b"\\2"
    print(process.pid, flush=True)
    await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None and parent.stderr is not None
        assert int(parent.stdout.readline()) != parent.pid
        parent.send_signal(how)
        parent.wait()
        assert parent.stderr.read() == ""  # the child has the same stderr: this ends when both are gone
