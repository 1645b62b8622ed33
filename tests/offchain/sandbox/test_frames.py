from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.sandbox.base import (
    OPERATIONS,
    REASONS,
    Abstained,
    Answer,
    Ask,
    Context,
    Failure,
    Limits,
    Outcome,
    Success,
)
from offchain.sandbox.frames import (
    ABORT,
    BadFrame,
    Job,
    max_slot_frame,
    pack,
    pack_answer,
    pack_asks,
    pack_job,
    pack_outcome,
    unpack,
    unpack_answer,
    unpack_asks,
    unpack_job,
    unpack_outcome,
)

LIMITS = Limits(gas=1000, wall_seconds=1.5, output_bytes=64, log_bytes=64, asks=3, ask_bytes=200, answer_bytes=9)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=16)
LOGS = st.lists(TEXTS, max_size=4).map(tuple)
GAS = st.integers(0, LIMITS.gas)
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Success, st.binary(max_size=64), GAS, LOGS, st.sampled_from(["text", "bytes"])),
    st.builds(
        Failure,
        st.builds(lambda reason, *texts: reason(*texts), st.sampled_from([*REASONS.values()]), TEXTS, TEXTS),
        GAS,
        LOGS,
    ),
    st.builds(Abstained, TEXTS),
)


def test_bytes_of_a_frame() -> None:
    assert pack(b"ab", b"").hex() == "0a000000" + "02000000" + "6162" + "00000000"


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_parts_come_back(parts: list[bytes]) -> None:
    assert unpack(pack(*parts)[4:]) == parts


@given(
    st.binary(max_size=100),
    st.binary(max_size=100),
    st.binary(max_size=64),
    st.integers(0, (1 << 43) - 1),
    st.none() | st.binary(min_size=32, max_size=32),
    st.booleans(),
)
def test_jobs_come_back(code: bytes, input: bytes, seed: bytes, time: int, key: bytes | None, has_world: bool) -> None:
    job = Job(code, input, LIMITS, Context(block_time_ms=time, seed=seed, derive_key=key), has_world)
    assert unpack_job(unpack(pack_job(job)[4:])) == job


ASKS = st.lists(
    st.builds(Ask, st.integers(0, 99), st.sampled_from(OPERATIONS), st.binary(max_size=40), st.binary(max_size=20)),
    max_size=3,
).map(tuple)
ANSWERS = st.builds(
    Answer, st.integers(0, 99), st.booleans(), st.binary(max_size=40), st.binary(max_size=20), st.integers(0, 1 << 43)
)


@given(ASKS, ANSWERS)
def test_turns_come_back(asks: tuple[Ask, ...], answer: Answer) -> None:
    frame = pack_asks(asks)
    assert unpack_asks(unpack(frame[4:])) == asks
    assert len(frame) <= max_slot_frame(LIMITS)
    assert unpack_answer(unpack(pack_answer(answer)[4:])) == answer
    assert unpack_answer(unpack(ABORT[4:])) is None


@given(OUTCOMES)
def test_outcomes_come_back(outcome: Outcome) -> None:
    frame = pack_outcome(outcome)
    found = unpack_outcome(unpack(frame[4:]), LIMITS)
    assert found == outcome
    if isinstance(found, Failure) and isinstance(outcome, Failure):
        assert found.reason.stack == outcome.reason.stack
    assert len(frame) <= max_slot_frame(LIMITS)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_outcome_or_refused(body: bytes) -> None:
    try:
        outcome = unpack_outcome(unpack(body), LIMITS)
    except BadFrame:
        return
    assert isinstance(outcome, Success | Failure | Abstained)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"success"],
        [b"success", b"text", bytes(8)],
        [b"success", b"number", bytes(8), b""],
        [b"success", b"text", bytes(7), b""],
        [b"success", b"text", (1001).to_bytes(8, "little"), b""],
        [b"success", b"text", bytes(8), bytes(65)],
        [b"success", b"text", bytes(8), b"", b"\xff"],
        [b"failure", bytes(8), b"no-such-kind", b"", b""],
        [b"failure", bytes(8), b"\xff", b"", b""],
        [b"abstained", b"", b""],
    ],
)
def test_a_lying_slot_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(BadFrame):
        unpack_outcome(parts, LIMITS)


@pytest.mark.parametrize("parts", [[b"asks", b""], [b"asks", bytes(5), b""], [b"asks", b"\0\0\0\0\x09", b"", b""]])
def test_asks_that_are_none_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(BadFrame):
        unpack_asks(parts)


@pytest.mark.parametrize("body", [b"\x01", b"\x05\0\0\0abcd", b"\xff\xff\xff\xff"])
def test_cut_frames_are_refused(body: bytes) -> None:
    with pytest.raises(BadFrame, match="ends inside"):
        unpack(body)
