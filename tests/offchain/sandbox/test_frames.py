from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.sandbox.base import REASONS, Abstained, Context, Failure, Limits, Outcome, Success
from offchain.sandbox.frames import (
    BadFrame,
    max_outcome_frame,
    pack,
    pack_job,
    pack_outcome,
    unpack,
    unpack_job,
    unpack_outcome,
)

LIMITS = Limits(gas=1000, wall_seconds=1.5, output_bytes=64, log_bytes=64)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=16)
LOGS = st.lists(TEXTS, max_size=4).map(tuple)
GAS = st.integers(0, LIMITS.gas)
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Success, st.binary(max_size=64), GAS, LOGS),
    st.builds(
        Failure, st.builds(lambda reason, text: reason(text), st.sampled_from([*REASONS.values()]), TEXTS), GAS, LOGS
    ),
    st.builds(Abstained, TEXTS),
)


def test_bytes_of_a_frame() -> None:
    assert pack(b"ab", b"").hex() == "0a000000" + "02000000" + "6162" + "00000000"


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_parts_come_back(parts: list[bytes]) -> None:
    assert unpack(pack(*parts)[4:]) == parts


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=64), st.integers(0, (1 << 43) - 1))
def test_jobs_come_back(code: bytes, input: bytes, seed: bytes, time: int) -> None:
    context = Context(block_time_ms=time, seed=seed)
    assert unpack_job(pack_job(code, input, LIMITS, context)[4:]) == (code, input, LIMITS, context)


@given(OUTCOMES)
def test_outcomes_come_back(outcome: Outcome) -> None:
    frame = pack_outcome(outcome)
    assert unpack_outcome(frame[4:], LIMITS) == outcome
    assert len(frame) <= max_outcome_frame(LIMITS)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_outcome_or_refused(body: bytes) -> None:
    try:
        outcome = unpack_outcome(body, LIMITS)
    except BadFrame:
        return
    assert isinstance(outcome, Success | Failure | Abstained)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"success"],
        [b"success", bytes(8)],
        [b"success", bytes(7), b""],
        [b"success", (1001).to_bytes(8, "little"), b""],
        [b"success", bytes(8), bytes(65)],
        [b"success", bytes(8), b"", b"\xff"],
        [b"failure", bytes(8), b"no-such-kind", b""],
        [b"failure", bytes(8), b"\xff", b""],
        [b"abstained", b"", b""],
    ],
)
def test_a_lying_slot_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(BadFrame):
        unpack_outcome(pack(*parts)[4:], LIMITS)


@pytest.mark.parametrize("body", [b"\x01", b"\x05\0\0\0abcd", b"\xff\xff\xff\xff"])
def test_cut_frames_are_refused(body: bytes) -> None:
    with pytest.raises(BadFrame, match="ends inside"):
        unpack(body)
