"""A verifier process: `python -m node.verifier.process` answers claims on stdin with verdicts on stdout.

It imports no more than verification needs, keeps nothing, and ends when its stdin does: also when the node was killed.
It sees signatures, payloads and public keys, no secret. The bytes are those of `node.verifier.wire`.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from typing import BinaryIO

from node.verifier.wire import LENGTH, READY, unpack
from pallets.primitives.keys import verify_ecdsa, verify_ed25519, verify_sr25519


def is_good(scheme: int, signer: bytes, signature: bytes, payload: bytes) -> bool:
    """`pallets.primitives.extrinsic.verify_signature` of a packed claim; a scheme that isn't one is never good."""
    if scheme == 1:
        return verify_sr25519(signature[:64], payload, signer)
    if scheme == 0:
        return verify_ed25519(signature[:64], payload, signer)
    return scheme == 2 and verify_ecdsa(signature, payload, signer)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answers chunk after chunk, until the source ends."""
    sink.write(READY)
    sink.flush()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (size,) = LENGTH.unpack(head)
        chunk = source.read(size)
        if len(chunk) < size:
            return
        sink.write(bytes(is_good(*claim) for claim in unpack(chunk)))
        sink.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node ends it
    with suppress(BrokenPipeError):  # the node is gone
        serve(sys.stdin.buffer, sys.stdout.buffer)
