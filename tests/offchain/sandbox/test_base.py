from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.sandbox.base import (
    MAX_MESSAGE_LENGTH,
    REASONS,
    Context,
    Failure,
    Limits,
    OutOfGas,
    ProgramFailure,
    UncaughtError,
)


@given(st.sampled_from(list(REASONS.values())), st.text(st.characters(exclude_categories=["Cs"]), max_size=1500))
def test_a_failure_has_bytes_of_its_own(reason: type[ProgramFailure], message: str) -> None:
    output = Failure(reason(message), gas=1).output
    assert json.loads(output) == {"error": reason.kind, "message": message[:MAX_MESSAGE_LENGTH]}
    assert len(output) <= 6 * MAX_MESSAGE_LENGTH + 64


def test_the_form_of_a_failures_output() -> None:
    output = Failure(OutOfGas("é\n"), gas=1).output
    assert output == '{"error":"out-of-gas","message":"é\\n"}'.encode()


def test_failures_compare_by_kind_and_message() -> None:
    assert Failure(OutOfGas("a"), 1) == Failure(OutOfGas("a"), 1)
    assert Failure(OutOfGas("a"), 1) != Failure(UncaughtError("a"), 1)
    assert len({OutOfGas("a"), OutOfGas("a"), OutOfGas("b")}) == 2


def test_every_reason_has_a_kind_of_its_own() -> None:
    assert set(REASONS.values()) == set(ProgramFailure.__subclasses__())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gas", -1),
        ("gas", 1 << 63),
        ("wall_seconds", 0),
        ("wall_seconds", float("nan")),
        ("wall_seconds", float("inf")),
        ("memory_bytes", 3 << 20),
        ("memory_bytes", 1 << 31),
        ("output_bytes", 1 << 30),
        ("log_bytes", -1),
        ("asks", -1),
        ("asks", (1 << 20) + 1),
        ("ask_bytes", -1),
        ("answer_bytes", 1 << 31),
    ],
)
def test_limits_are_bounded(field: str, value: float) -> None:
    arguments: dict[str, float] = {"gas": 1, "wall_seconds": 1} | {field: value}
    with pytest.raises(ValueError, match=field):
        Limits(**arguments)  # type: ignore[arg-type]


def test_contexts_are_bounded() -> None:
    with pytest.raises(ValueError, match="block_time_ms"):
        Context(block_time_ms=1 << 43, seed=b"")
    with pytest.raises(ValueError, match="65 bytes"):
        Context(block_time_ms=0, seed=bytes(65))
    with pytest.raises(ValueError, match="derive_key"):
        Context(block_time_ms=0, seed=b"", derive_key=bytes(31))
