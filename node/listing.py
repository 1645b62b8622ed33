"""The dev chain's own sandbox, listed by governance where an older base path lacks it.

Genesis lists the runtime id and measurements that workers had when `chain_spec.json` was made. After an update of the
sandbox a kept chain would refuse its own workers; `fathom dev` then has sudo list the new ones, in one batch. A runtime
id that is listed is left alone, and so are its measurements.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from node.service import NODE_VERSION, RunningNode
from node.signing import sign_call
from pallets.frame.overlay import Overlay
from pallets.frame.validity import TransactionSource
from pallets.primitives.keys import dev_keypair
from pallets.runtime import DevRuntime

log = logging.getLogger("node")

NAME, VERSION = b"dev sandbox", NODE_VERSION.encode()


def list_sandbox(running: RunningNode, runtime_id: bytes, measurements: Callable[[], Iterable[bytes]]) -> bool:
    """Submits what is missing, signed by //Alice; answers whether anything was. Does nothing where she isn't sudo.

    `measurements` is asked for those of the runtime where it isn't listed.
    """
    runtime = DevRuntime(Overlay(running.chain.states.head))
    alice = dev_keypair("Alice")
    attestation = runtime.attestation
    if runtime.sudo.key != alice.account_id or runtime_id in attestation.runtimes:
        return False
    calls = [
        runtime.call("Attestation", "allow_measurement", measurement=measurement, name=NAME, version=VERSION)
        for measurement in measurements()
        if measurement not in attestation.measurements
    ]
    calls.append(runtime.call("Attestation", "allow_runtime", runtime_id=runtime_id))
    batch = runtime.call("Sudo", "sudo", call=runtime.call("Utility", "batch_all", calls=calls))
    nonce = runtime.system.account[alice.account_id].nonce
    data = sign_call(runtime, batch, alice, nonce, running.chain.genesis_hash)
    running.transactions.submit(data, TransactionSource.Local)
    log.info("📜 sudo lists this sandbox: 0x%s", runtime_id.hex())
    return True
