"""`--dump-state` and `--load-state`: a whole chain from one node to another, and errors as one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.config import NodeConfig, Sealing
from node.dev_spec import DEV_SPEC
from tests.node.chain.test_snapshots import Moment, assert_back, mine, snapshots_of
from tests.node.chain.test_tree import DAY, assert_sound, values_at
from tests.node.extrinsics import BOB, UNIT, signed, transfer
from tests.node.nodes import NOON, height, next_block, read_u64, running_node, send
from tests.node.scratch import scratch_directory
from tests.node.test_service import start_error

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("sealing", ["instant", 500])
@pytest.mark.parametrize("later", [0, 5 * DAY, -DAY])
async def test_blocks_go_on_days_later_and_on_a_host_that_is_behind(
    autojump_clock: MockClock, sealing: Sealing, later: int
) -> None:
    with scratch_directory() as base:
        state = base / "state"
        async with running_node(base / "one", sealing=sealing, dump_state=state) as node:
            send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
            await height(node, 3)
            snapshots_of(node).take()
            await height(node, 5)
            await trio.sleep(0.3)
            number, finalized, offset = node.chain.best.number, node.chain.finalized, node.clock.offset_ms
            states = [values_at(node.chain, each) for each in range(number + 1)]
            bodies = [node.chain.body(node.chain.hash_of(each) or b"") for each in range(number + 1)]
            taken = snapshots_of(node).list()
        async with running_node(base / "two", sealing=sealing, load_state=state, epoch=NOON + later) as node:
            assert (node.chain.best.number, node.chain.finalized) == (number, finalized)
            assert node.chain.justification(finalized.hash) is not None
            assert [values_at(node.chain, each) for each in range(number + 1)] == states
            assert [node.chain.body(node.chain.hash_of(each) or b"") for each in range(number + 1)] == bodies
            assert snapshots_of(node).list() == taken
            assert (node.clock.offset_ms > offset) is (later < 0)
            send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 1))
            assert len((await next_block(node)).extrinsics) == 3
            await height(node, number + 3)
            await trio.sleep(0.3)
            assert node.chain.finalized == node.chain.best
            if later >= 0:
                assert read_u64(node, "Timestamp", "Now") >= NOON + later
            assert_sound(node.chain)
            await snapshots_of(node).revert(1)
            assert node.chain.best == taken[0].block
            await height(node, 5)
            assert_sound(node.chain)
        async with running_node(base / "two", sealing=sealing, epoch=NOON + later) as node:
            assert node.chain.best.number >= 5


async def test_branches_come_along(autojump_clock: MockClock) -> None:
    with scratch_directory() as base:
        state = base / "state"
        async with running_node(base / "one", sealing="manual", dump_state=state, state_pruning=2) as node:
            await mine(node, 2)
            root = snapshots_of(node).take()
            await mine(node, 3)
            node.finalizer.finalize(*node.chain.best)
            left = Moment.of(node)
            leaf = snapshots_of(node).take()
            await snapshots_of(node).revert(root.id)
            await mine(node, 10)
        async with running_node(base / "two", sealing="manual", load_state=state, state_pruning=1) as node:
            node.finalizer.finalize(*node.chain.best)
            await snapshots_of(node).revert(leaf.id)
            assert_back(node, left)
            await mine(node)
            assert_back(node, Moment.of(node))


async def test_one_file_for_both_keeps_a_chain_without_a_base_path(autojump_clock: MockClock) -> None:
    """The first run makes the file, each later one goes on from it."""
    with scratch_directory() as base:
        for run in range(3):
            async with running_node(
                base / str(run), sealing="manual", load_state=base / "state", dump_state=base / "." / "state"
            ) as node:
                assert node.chain.best.number == 2 * run
                await mine(node, 2)


async def test_what_keeps_it_from_starting(autojump_clock: MockClock) -> None:
    with scratch_directory() as base:
        missing, state = base / "missing", base / "state"
        assert (
            await start_error(base_path=base / "a", load_state=missing)
            == f"{missing} can't be read: No such file or directory"
        )
        assert "can't be read" in await start_error(base_path=base / "a", load_state=missing, dump_state=state)
        assert await start_error(base_path=base / "a", dump_state=base / "none" / "state") == (
            f"the state can't be dumped to {base / 'none' / 'state'}: No such file or directory"
        )
        async with running_node(base / "one", sealing="manual", dump_state=state) as node:
            await mine(node)
        assert "already holds a chain: choose another --base-path" in await start_error(
            base_path=base / "one", load_state=state
        )
        other = base / "spec.json"
        spec = json.loads(DEV_SPEC.read_text())
        spec["genesis"]["runtimeGenesis"]["patch"]["balances"]["balances"][0][1] = str(7 * UNIT)
        other.write_text(json.dumps(spec))
        assert "choose another --chain" in await start_error(base_path=base / "b", load_state=state, chain=other)
        state.write_bytes(state.read_bytes()[:-1])
        assert "is damaged or cut off" in await start_error(base_path=base / "b", load_state=state)
        async with running_node(base / "b", sealing="manual") as node:  # what was refused has left nothing behind
            assert node.chain.best.number == 0


def test_the_config_says_what_to_load(tmp_path: Path) -> None:
    state, other = tmp_path / "state", tmp_path / "other"
    cases = {(None, None): None, (None, state): None, (state, None): state, (state, other): state, (state, state): None}
    for (load, dump), expected in cases.items():
        assert NodeConfig(DEV_SPEC, load_state=load, dump_state=dump).state_to_load == expected
    state.write_text("")
    assert NodeConfig(DEV_SPEC, load_state=state, dump_state=state).state_to_load == state


# The command line


def fathom(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "node", "node", "--dev", "--rpc-port", "0", *map(str, arguments)]


@pytest.mark.parametrize("option", ["--load-state", "--dump-state"])
def test_an_error_is_one_line_and_exit_1(tmp_path: Path, option: str) -> None:
    target = tmp_path / "none" / "state"
    done = subprocess.run(fathom(option, target), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    reason = {
        "--load-state": f"{target} can't be read: No such file or directory",
        "--dump-state": f"the state can't be dumped to {target}: No such file or directory",
    }
    assert done.stderr.splitlines()[-1] == f"Error: {reason[option]}"
    assert "Traceback" not in done.stderr


def test_a_signal_ends_it_with_a_dump(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for run, end in enumerate((signal.SIGINT, signal.SIGTERM)):
        command = fathom("--load-state", state, "--dump-state", state)
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            log = ""
            try:
                while "Imported #" not in log:
                    line = process.stderr.readline()
                    assert line, log
                    log += line
                process.send_signal(end)
                log += process.communicate(timeout=30)[1]
            finally:
                process.kill()
        assert process.returncode == 0, log
        assert ("Highest known block at #0" in log) is (run == 0), log
        assert [file.name for file in tmp_path.iterdir()] == ["state"]
