"""The lives of nodes: one is started, kept busy from here by transfers and forks, and killed as its plan says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from node.bench.client import CallFailed, Client
from node.bench.errors import BenchError
from node.web.errors import HandshakeRefused
from pallets.primitives import ss58
from pallets.primitives.keys import Keypair, dev_keypair
from tests.crash.plans import Plan
from tests.crash.told import Told
from tests.node.transfers import signed_transfer

ROOT = Path(__file__).resolve().parents[2]
SERVING = re.compile(r"Running JSON-RPC server: addr=127\.0\.0\.1:(\d+)")
DEADLINE_SECONDS = 10.0
SENDERS = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
RECENT = 6
"""From how many of the last blocks forks start."""


class Unexpected(Exception):
    """The node ended on its own."""


def live_and_die(base_path: Path, plan: Plan, told: Told, chance: Random, log: Path) -> bool:
    """One life; all that the node tells goes to `told`. Whether it died as planned, not of the deadline."""
    with _dying(base_path, plan, log) as process:
        port = _port(process, log)
        if port is not None:
            if plan.moment == "work":
                threading.Timer(plan.delay_s, process.kill).start()
            _keep_busy(process, port, plan, told, chance)
        process.wait()
    told.read_log(log)
    if process.returncode != -9:
        raise Unexpected(f"the node ended with code {process.returncode}, {plan}:\n{log.read_text()[-2000:]}")
    return bool(process.planned)  # type: ignore[attr-defined]


@contextmanager
def _dying(base_path: Path, plan: Plan, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process, with those who kill it."""
    told_to_kill, signal_pipe = os.pipe()
    command = [sys.executable, "-m", "tests.crash.node_to_kill", plan.encode(), str(signal_pipe), "node", "--dev"]
    command += ["--base-path", str(base_path), "--sealing", plan.sealing, "--rpc-port", "0"]
    command += ["--state-pruning", plan.state_pruning]
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr, pass_fds=(signal_pipe,), cwd=ROOT)
    os.close(signal_pipe)
    process.planned = True  # type: ignore[attr-defined]

    def kill_in_write() -> None:
        if os.read(told_to_kill, 1):
            time.sleep(plan.delay_s)
            process.kill()

    def give_up() -> None:
        process.planned = False  # type: ignore[attr-defined]
        process.kill()

    late = threading.Timer(DEADLINE_SECONDS, give_up)
    killers = [late, threading.Thread(target=kill_in_write)]
    if plan.moment == "start":
        killers.append(threading.Timer(plan.delay_s, process.kill))
    for each in killers:
        each.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        late.cancel()
        for each in killers:
            each.join()
        os.close(told_to_kill)


def _port(process: subprocess.Popen[bytes], log: Path) -> int | None:
    """The port, once the node listens; `None` where it dies before."""
    while process.poll() is None:
        found = SERVING.search(log.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.01)
    return None


def _keep_busy(process: subprocess.Popen[bytes], port: int, plan: Plan, told: Told, chance: Random) -> None:
    """Calls the node until it is dead, and then reads what it had said."""
    with ExitStack() as stack, suppress(BenchError, HandshakeRefused):
        news = [stack.enter_context(Client.connect(port)) for _ in range(3)]
        caller = stack.enter_context(Client.connect(port))
        stack.callback(_take_news, news, told)
        for client, name in zip(news, ("AllHeads", "NewHeads", "FinalizedHeads"), strict=True):
            client.call(f"chain_subscribe{name}")
        busy = _Caller(caller, told, chance)
        while process.poll() is None:
            busy.transfers()
            if plan.sealing == "manual":
                busy.block()
            else:
                time.sleep(chance.uniform(0, 0.02))


def _take_news(news: Sequence[Client], told: Told) -> None:
    every, best, final = news
    for header in _rest(every):
        told.imported(header)
    for header in _rest(best):
        told.best = told.imported(header)
    for header in _rest(final):
        told.finalized(header)


def _rest(client: Client) -> Iterator[Any]:
    """All notifications up to the connection's end."""
    with closing(client.socket), suppress(BenchError):
        while True:
            yield client.next_notification().result


class _Caller:
    """Sends transfers, and makes blocks where nobody else does, some of them on forks."""

    def __init__(self, client: Client, told: Told, chance: Random) -> None:
        self._client, self._told, self._chance = client, told, chance
        self._genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
        self._recent: list[str] = [client.call("chain_getBlockHash")]

    def transfers(self) -> None:
        sender = dev_keypair(self._chance.choice(SENDERS))
        nonce = self._client.call("system_accountNextIndex", ss58.encode(sender.account_id, 42))
        self._try("author_submitExtrinsic", [f"0x{signed.hex()}" for signed in self._signed(sender, nonce)])

    def _signed(self, sender: Keypair, nonce: int) -> list[bytes]:
        count = self._chance.randint(1, 5)
        return [signed_transfer(self._genesis, nonce + place, sender, 10**9) for place in range(count)]

    def block(self) -> None:
        """One on the best block or on a recent one; now and then it, or another recent one, becomes final."""
        parent = self._chance.choice((None, self._recent[-1], self._recent[-1], self._chance.choice(self._recent)))
        with suppress(CallFailed):
            made = self._client.call("engine_createBlock", True, self._chance.random() < 0.03, parent)["hash"]
            self._told.answered[bytes.fromhex(made[2:])] = None
            header = self._client.call("chain_getHeader", made)
            if header is not None:  # unless its fork has ended meanwhile
                self._told.imported(header)
            self._recent = [*self._recent, made][-RECENT:]
        if self._chance.random() < 0.08:
            self._try("engine_finalizeBlock", [self._chance.choice(self._recent)])

    def _try(self, method: str, values: Sequence[str]) -> None:
        """Calls that the node may refuse."""
        for value in values:
            with suppress(CallFailed):
                self._client.call(method, value)
