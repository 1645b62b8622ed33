"""Short ways to run a script in tests."""

from __future__ import annotations

from offchain.sandbox.base import Context, Failure, Limits, Sandbox, Success

CONTEXT = Context(block_time_ms=1_767_225_600_000, seed=b"seed")
LIMITS = Limits(gas=10**9, wall_seconds=30)


def succeed(sandbox: Sandbox, script: str | bytes, input: bytes = b"", limits: Limits = LIMITS) -> Success:
    code = script.encode() if isinstance(script, str) else script
    outcome = sandbox.run(code, input, limits, CONTEXT)
    assert isinstance(outcome, Success), outcome
    return outcome


def fail(sandbox: Sandbox, script: str | bytes, input: bytes = b"", limits: Limits = LIMITS) -> Failure:
    code = script.encode() if isinstance(script, str) else script
    outcome = sandbox.run(code, input, limits, CONTEXT)
    assert isinstance(outcome, Failure), outcome
    return outcome
