"""A state that is read lazily from endpoints that aren't trusted, against the same state held whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import shake_128
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from node.state.delta import Delta
from node.state.errors import CorruptDatabase, DatabaseLocked
from node.state.remote import (
    AnswerTooLarge,
    CacheExhausted,
    Fetcher,
    ForkedBlock,
    Missing,
    NoProofs,
    NotProven,
    PartialUpdate,
    RemoteState,
    WrongAnswer,
    closest_descendant,
    open_cache,
    prove,
    reading,
)
from node.state.remote.believed import BelievedState
from node.state.remote.entries import Entries
from node.state.remote.missing import Page, Want
from node.state.trie import EMPTY_ROOT, Changes, Trie
from node.state.view import ForkState
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.storage_proof import verify_proof
from tests.node.state.likeness import after
from tests.node.state.naive_trie import naive_merkle_value
from tests.node.state.recorded import genesis_values, load_json, phala_blocks, unhex
from tests.node.state.served_state import BLOCK, GENESIS, Served, keys_in, naive_nodes

PIECES = [b"\x00", b"\x01", b"\x10", b"\x11", b"\xf0", b"\xff", bytes(7), b"\x11" * 16]
keys = st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join)
values = st.sampled_from([b"", b"v", b"a" * 31, b"b" * 32, b"c" * 33, b"d" * 64])
states = st.dictionaries(keys, values, max_size=24)
blocks = st.lists(
    st.tuples(st.dictionaries(keys, st.none() | values, max_size=8), st.sampled_from([0, 1])), min_size=1, max_size=4
)


async def updated(fetcher: Fetcher, state: Any, changes: Changes, version: int, slices: int = 1000) -> PartialUpdate:
    """An update that is done, whatever it had to fetch."""

    def once() -> PartialUpdate:
        update = PartialUpdate(state, changes, version)
        while not update.advance(slices):
            pass
        return update

    return await reading(fetcher, once)


async def all_keys(fetcher: Fetcher, state: RemoteState, prefix: bytes, page: int) -> list[bytes]:
    """The keys under a prefix, read a page at a time."""
    found: list[bytes] = []
    while True:
        after = found[-1] if found else None
        more = await reading(fetcher, lambda after=after: list(islice(state.keys(prefix, after), page)))  # type: ignore[misc]
        found += more
        if len(more) < page:
            return found


# Against the state held whole


@settings(max_examples=120)
@given(start=states, old=st.sets(keys), changed=blocks, asked=st.lists(keys, min_size=3, max_size=3))
def test_blocks_over_a_lazy_state_have_the_roots_keys_and_proofs_of_the_whole_one(
    start: dict[bytes, bytes], old: set[bytes], changed: list[tuple[dict[bytes, bytes | None], int]], asked: list[bytes]
) -> None:
    """Nodes are of either version, as on a chain that migrates; each block writes in one of them."""
    hashed = {key for key, value in start.items() if len(value) > 32 and key not in old}
    served = Served(start, hashed)

    async def main() -> None:
        fetcher = await served.fetcher()
        base, model, by_hash = RemoteState(fetcher.known, 1), dict(start), set(hashed)
        deltas: list[Delta] = []
        for changes, version in changed:
            state = ForkState(base, deltas)
            update = await updated(fetcher, state, changes, version, slices=3)
            model = after(model, changes)
            by_hash -= changes.keys()
            by_hash |= {key for key, value in changes.items() if version == 1 and value and len(value) > 32}
            root, nodes = naive_nodes(model, by_hash)
            assert update.root == root
            deltas.append(Delta(root, changes, update.nodes))
            state = ForkState(base, deltas)
            proof = await reading(fetcher, lambda state=state: prove(state, asked))  # type: ignore[misc]
            assert verify_proof(root, proof, asked) == {key: model.get(key) for key in asked}
            assert set(proof) <= set(nodes)
            for prefix in asked:
                await assert_keys_are(fetcher, state, model, prefix, asked)
        assert {key: await reading(fetcher, lambda key=key: state.get(key)) for key in asked} == {  # type: ignore[misc]
            key: model.get(key) for key in asked
        }

    trio.run(main)


async def assert_keys_are(
    fetcher: Fetcher, state: Any, model: Mapping[bytes, bytes], prefix: bytes, bounds: list[bytes]
) -> None:
    ordered = sorted(model)
    assert await reading(fetcher, lambda: list(state.keys_from(prefix))) == [key for key in ordered if key >= prefix]
    for bound in (None, *bounds):
        found = await reading(fetcher, lambda bound=bound: list(state.keys(prefix, bound)))  # type: ignore[misc]
        assert found == [key for key in ordered if key.startswith(prefix) and (bound is None or key > bound)]


@settings(max_examples=60)
@given(start=states, child=states, proves=st.booleans(), changes=st.dictionaries(keys, st.none() | values, max_size=8))
def test_a_child_trie_is_a_state_of_its_own(
    start: dict[bytes, bytes], child: dict[bytes, bytes], proves: bool, changes: dict[bytes, bytes | None]
) -> None:
    served = Served(start, set(), {b"crowdloan": child}, proves=proves)

    async def main() -> None:
        fetcher = await served.fetcher()
        top = RemoteState(fetcher.known, 0)

        def of(name: bytes) -> RemoteState:
            return top.child(name)

        for key in [*child, *changes, b"\x00"]:
            assert await reading(fetcher, lambda key=key: of(b"crowdloan").get(key)) == child.get(key)  # type: ignore[misc]
        await assert_keys_are(fetcher, top, served.values, b"", [b"\x10"])
        for prefix in [b"", b"\x11", b"\x11" * 32]:
            await assert_keys_are(fetcher, of(b"crowdloan"), child, prefix, [b"\x10", b"\x11" * 32])
        assert await reading(fetcher, lambda: list(of(b"none").keys())) == []
        assert await reading(fetcher, lambda: of(b"none").get(b"k")) is None
        if proves:
            root = (await updated(fetcher, of(b"crowdloan"), changes, 0)).root
            assert root == naive_nodes(after(child, changes), set())[0]
            assert (await updated(fetcher, of(b"none"), changes, 0)).root == naive_nodes(after({}, changes), set())[0]

    trio.run(main)


async def test_recorded_blocks_of_phala_have_their_roots_over_a_lazy_genesis() -> None:
    held, change_sets, roots = phala_blocks()
    served = Served(held)
    fetcher = await served.fetcher()
    base, deltas = RemoteState(fetcher.known, 0), list[Delta]()
    for changes, root in zip(change_sets, roots, strict=False):
        update = await updated(fetcher, ForkState(base, deltas), changes, 0)
        assert update.root == root
        deltas.append(Delta(root, changes, update.nodes))
    # A block's ways come in one question, what deletions need beside them in at most another.
    assert served.count("state_getReadProof") <= 1 + 2 * len(roots)
    final = after(held, {key: value for changes in change_sets[: len(roots)] for key, value in changes.items()})
    found = await reading(fetcher, lambda: list(ForkState(base, deltas).keys()))
    assert found == sorted(final)


async def test_recorded_proofs_are_all_it_takes() -> None:
    for case in load_json("trie/read_proofs.json"):
        entries = case.get("expected_entries") or {case["key"]: case["value"]}
        expected = {unhex(key): unhex(value) for key, value in entries.items()}
        served = Served({})
        served.root, served.entries = unhex(case["state_root"]), [unhex(entry) for entry in case["proof"]]
        fetcher = await served.fetcher()
        state = RemoteState(fetcher.known, 0)
        await fetcher.prefetch(expected)
        assert {key: state.get(key) for key in expected} == expected
        proof = prove(state, expected)
        assert sorted(proof) == sorted(served.entries), case["name"]


async def test_recorded_prefix_proofs_list_all_keys_whatever_an_endpoint_lists() -> None:
    case = load_json("trie/smoldot/prefix_proof_westend.json")
    proofs = [codec_of(list[bytes]).decode_all(unhex(proof)) for proof in case["proofs"]]
    expected = sorted(unhex(key) for key in case["expected_entries"])
    prefix = unhex(case["prefix"])
    hints: list[Callable[[str, Any], Any]] = [
        lambda method, found: found,
        lambda method, found: found[::2] if method == "state_getKeysPaged" else found,
    ]
    asked = []
    for change in hints:
        served = Served(dict.fromkeys(expected, b""))
        served.root = unhex(case["trie_root_hash"])
        served.entries = list(dict.fromkeys(entry for proof in proofs for entry in proof))
        served.change = change
        fetcher = await served.fetcher()
        found = await all_keys(fetcher, RemoteState(fetcher.known, 0), prefix, 100)
        assert found == expected
        asked.append(len(served.asked))
    honest, half = asked
    assert honest <= 7 and honest < half


async def test_an_endpoint_that_lists_no_keys_hides_none() -> None:
    held = dict(list(STATE.items())[:50])
    served = Served(held)
    fetcher = await served.fetcher()
    served.change = lambda method, found: [] if method == "state_getKeysPaged" else found
    state = RemoteState(fetcher.known, 0)
    assert await reading(fetcher, lambda: list(state.keys())) == sorted(held)


async def test_merkle_values_are_those_of_the_whole_trie() -> None:
    held = {b"ab": b"inline", b"abc": b"x" * 40, b"abd": b"y" * 50, b"b" * 40: b"", b"c": b"1"}
    served = Served(held)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    for key in [b"", b"a", b"ab", b"abc", b"abz", b"b", b"bb", b"c", b"d", *held]:
        found = await reading(fetcher, lambda key=key: closest_descendant(state, key))  # type: ignore[misc]
        assert found == naive_merkle_value(held, 0, key)


async def test_what_holds_nothing_is_read_too() -> None:
    served = Served({})
    assert served.root == EMPTY_ROOT
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 1)
    assert state.get(b"k") is None and list(state.keys()) == [] and state.node("") is None
    assert verify_proof(EMPTY_ROOT, prove(state, [b"k"]), [b"k"]) == {b"k": None}
    assert PartialUpdate(state, {b"k": None}, 1).run() == EMPTY_ROOT
    assert PartialUpdate(state, {b"k": b"v"}, 1).run() == Trie({b"k": b"v"}, 1).root


# Endpoints that lie


STATE = {bytes((high, low)) * 8: b"value %d" % low * (high // 40 + 1) for high in range(0, 250, 7) for low in range(16)}


def tampered(method: str, change: Callable[[list[Any]], list[Any]]) -> Callable[[str, Any], Any]:
    def apply(asked: str, found: Any) -> Any:
        if asked != method:
            return found
        return change(found) if isinstance(found, list) else {**found, "proof": change(found["proof"])}

    return apply


def flipped(entry: str) -> str:
    return entry[:-1] + ("0" if entry[-1] != "0" else "1")


@pytest.mark.parametrize(
    "change",
    [lambda proof: [flipped(entry) for entry in proof], lambda proof: proof[:1], lambda proof: []],
    ids=["flipped", "cut off", "empty"],
)
async def test_no_tampered_value_is_ever_read(change: Callable[[list[Any]], list[Any]]) -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    served.change = tampered("state_getReadProof", change)
    reads: list[Callable[[], object]] = [
        lambda: state.get(next(iter(STATE))),
        lambda: state.get(b"no"),
        lambda: list(state.keys()),
        lambda: PartialUpdate(state, {b"no": b"v"}, 0).run(),
    ]
    for read in reads:
        with pytest.raises(NotProven, match="the read proof lacks the node at"):
            await reading(fetcher, read)
    served.change = lambda method, found: found
    assert await reading(fetcher, lambda: list(state.keys())) == sorted(STATE)


async def test_a_hashed_value_that_is_another_is_not_believed() -> None:
    held = {b"a": b"long " * 20, b"b": b"other " * 20}
    served = Served(held, set(held))
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 1)
    honest = served.entries
    served.entries = [entry for entry in honest if entry != held[b"a"]] + [b"longer " * 20]
    with pytest.raises(NotProven, match="the value of 0x61"):
        await reading(fetcher, lambda: state.get(b"a"))
    assert await reading(fetcher, lambda: state.get(b"b")) == held[b"b"]
    served.entries = honest
    assert await reading(fetcher, lambda: state.get(b"a")) == held[b"a"]


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("state_getReadProof", 7),
        ("state_getReadProof", {"proof": "0x00"}),
        ("state_getReadProof", {"proof": ["nonsense"]}),
        ("state_getKeysPaged", None),
        ("state_getKeysPaged", ["0x02", "0x01"]),
        ("state_getKeysPaged", ["0x"] * 65),
    ],
)
async def test_an_answer_of_another_shape_is_refused(method: str, result: Any) -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    served.change = lambda asked, found: result if asked == method else found
    with pytest.raises(WrongAnswer):
        await reading(fetcher, lambda: list(RemoteState(fetcher.known, 0).keys()))


async def test_a_root_that_no_proof_leads_from_is_refused_at_once() -> None:
    served = Served(STATE)
    with pytest.raises(NotProven, match="the node at the root"):
        await Fetcher.open(served, ForkedBlock(GENESIS, BLOCK, b"\1" * 32))


# Endpoints without proofs


@pytest.mark.parametrize("zero_root", [False, True])
async def test_without_proofs_values_are_believed_and_there_are_no_roots(zero_root: bool) -> None:
    served = Served(STATE, proves=False)
    block = served.block._replace(state_root=bytes(32)) if zero_root else served.block
    fetcher = await Fetcher.open(served, block)
    state = RemoteState(fetcher.known, 0)
    assert not fetcher.proves and not state.proves
    assert served.count("state_getReadProof") == (0 if zero_root else 1)
    await assert_keys_are(fetcher, state, STATE, b"\x07", [b"\x07\x03", b"\x08"])
    laid = {b"\x07\x00": b"new", b"\x07\x01" * 8: None, b"\xff": b"last"}
    over = ForkState(state, [Delta(bytes(32), laid, {})])
    await assert_keys_are(fetcher, over, after(STATE, laid), b"\x07", [b"\x07", b"\x07\x01" * 8])
    assert {key: await reading(fetcher, lambda key=key: state.get(key)) for key in STATE} == STATE  # type: ignore[misc]
    for work in (lambda: state.node(""), lambda: PartialUpdate(state, {}, 0), lambda: prove(state, [b"k"])):
        with pytest.raises(NoProofs, match="no true state root"):
            work()


async def test_a_page_that_is_known_is_gone_on_from_its_middle() -> None:
    served = Served(STATE, proves=False)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    assert await all_keys(fetcher, state, b"", 16) == sorted(STATE)
    assert served.count("state_getKeysPaged") == 4  # of 16, 64, 256 and up to 1000


async def test_an_endpoint_that_answers_for_one_value_at_a_time_is_asked_so(autojump_clock: MockClock) -> None:
    held = dict(list(STATE.items())[:20])
    served = Served(held, set(), {b"c": held}, proves=False)
    served.singly, served.delay = True, 1.0
    fetcher = await served.fetcher()
    top, keys = RemoteState(fetcher.known, 0), [*held, b"absent"]
    began = trio.current_time()
    await fetcher.prefetch(keys)
    assert [top.get(key) for key in keys] == [held.get(key) for key in keys]
    assert trio.current_time() - began < len(keys)  # some of them at once
    assert await reading(fetcher, lambda: [top.child(b"c").get(key) for key in keys]) == [held.get(key) for key in keys]
    assert served.count("state_queryStorageAt") == served.count("childstate_getStorageEntries") == 1


# Few questions


async def test_what_several_miss_at_once_is_asked_for_once(autojump_clock: MockClock) -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    served.asked.clear()
    served.delay = 1.0
    some = list(STATE)[:40]
    found: dict[bytes, bytes | None] = {}

    async def read(key: bytes, wait: float = 0.0) -> None:
        await trio.sleep(wait)
        found[key] = await reading(fetcher, lambda: state.get(key))

    async with trio.open_nursery() as nursery:
        for key in some:
            nursery.start_soon(read, key)
        nursery.start_soon(read, some[0], 0.5)  # on its way already
    assert found == {key: STATE[key] for key in some}
    assert served.count("state_getReadProof") == 1 and keys_in(served.asked) == len(some)


async def test_who_waits_for_a_cancelled_question_asks_it_again(autojump_clock: MockClock) -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    key = next(iter(STATE))
    served.delay = 1.0
    found = []

    async def wait() -> None:
        await trio.sleep(0.2)
        found.append(await reading(fetcher, lambda: state.get(key)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        with trio.move_on_after(0.5):
            await reading(fetcher, lambda: state.get(key))
    assert found == [STATE[key]]


async def test_a_failed_question_fails_all_who_wait_for_it_and_is_asked_again_later(
    autojump_clock: MockClock,
) -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    state = RemoteState(fetcher.known, 0)
    key = next(iter(STATE))
    served.delay, served.change = 1.0, tampered("state_getReadProof", lambda proof: [])
    served.asked.clear()
    failed = []

    async def read() -> None:
        try:
            await reading(fetcher, lambda: state.get(key))
        except NotProven as error:
            failed.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(read)
    assert len(failed) == 3 and len(served.asked) == 1
    served.change = lambda method, found: found
    assert await reading(fetcher, lambda: state.get(key)) == STATE[key]


@pytest.mark.parametrize("proves", [False, True])
async def test_what_is_too_much_for_an_answer_is_asked_for_in_parts(proves: bool) -> None:
    served = Served(STATE, proves=proves)
    fetcher = await served.fetcher()
    method = "state_getReadProof" if proves else "state_queryStorageAt"
    bound = 100

    def too_large(asked: str, found: Any) -> Any:
        if asked == method and len(served.asked[-1][1][0]) > bound:
            raise AnswerTooLarge("over the limit")
        return found

    served.change = too_large
    await fetcher.prefetch(STATE)
    state = RemoteState(fetcher.known, 0)
    assert {key: state.get(key) for key in STATE} == STATE
    other, bound = await served.fetcher(), 0
    with pytest.raises(AnswerTooLarge):
        await other.prefetch(list(STATE)[:2])


# What is kept


@pytest.mark.parametrize(("proves", "again"), [(True, 0), (False, 1)])
async def test_what_is_on_disk_is_not_asked_for_again(tmp_path: Path, proves: bool, again: int) -> None:
    served = Served(STATE, set(list(STATE)[::2]), {b"c": STATE}, proves=proves)

    async def read(fetcher: Fetcher) -> None:
        top = RemoteState(fetcher.known, 1)
        for of, held in ((lambda: top, served.values), (lambda: top.child(b"c"), STATE)):
            assert await reading(fetcher, lambda of=of: list(of().keys())) == sorted(held)  # type: ignore[misc]
            for key in [*list(held)[:20], b"absent"]:
                found = await reading(fetcher, lambda of=of, key=key: of().get(key))  # type: ignore[misc]
                assert found == held.get(key)

    with open_cache(tmp_path, GENESIS) as cache:
        await read(await served.fetcher(cache))
    assert len(served.asked) > 4
    served.asked.clear()
    with open_cache(tmp_path, GENESIS) as cache:
        await read(await served.fetcher(cache))
    assert len(served.asked) == again  # without proofs it is tried whether there are any now


async def test_what_was_proven_holds_for_every_block_and_what_was_believed_for_one(tmp_path: Path) -> None:
    later = Served({**STATE, b"new": b"value"})
    with open_cache(tmp_path, GENESIS) as cache:
        fetcher = await Served(STATE).fetcher(cache)
        await fetcher.prefetch(STATE)
        fetcher = await later.fetcher(cache)
        later.asked.clear()
        await fetcher.prefetch(STATE)
        assert keys_in(later.asked) < len(STATE) / 10
        here, there = BelievedState(b"a" * 32, cache), BelievedState(b"b" * 32, cache)
        here.take_values({Want(None, b"k"): None})
        here.take_page(Page(None, b"", None), [b"k"], True)
        again = BelievedState(b"a" * 32, cache)
        assert again.get(Want(None, b"k")) is None and list(again.keys_from(None, b"", b"")) == [b"k"]
        for read in (lambda: there.get(Want(None, b"k")), lambda: list(there.keys_from(None, b"", b""))):
            with pytest.raises(Missing):
                read()


def test_a_cache_has_one_user_and_is_bounded(tmp_path: Path) -> None:
    with open_cache(tmp_path, GENESIS, max_bytes=1 << 20) as cache:
        with pytest.raises(DatabaseLocked), open_cache(tmp_path, GENESIS):
            pass
        with open_cache(tmp_path, BLOCK):
            pass
        digests = []
        for number in range(600):
            entry = shake_128(b"%d" % number).digest(1 << 14)
            digests.append(blake2_256(entry))
            cache.keep_entries({digests[-1]: entry})
    size = sum(file.stat().st_size for file in (tmp_path / GENESIS.hex()).glob("*.sst"))
    assert 0 < size < 3 << 20
    with open_cache(tmp_path, GENESIS, max_bytes=1 << 20) as cache:
        assert cache.entry(digests[0]) is None and cache.entry(digests[-1]) is not None


def test_a_cache_that_is_no_database_is_refused(tmp_path: Path) -> None:
    with open_cache(tmp_path, GENESIS):
        pass
    (tmp_path / GENESIS.hex() / "CURRENT").write_text("nonsense\n")
    with pytest.raises(CorruptDatabase, match="only a cache"), open_cache(tmp_path, GENESIS):
        pass


async def test_a_damaged_record_is_fetched_again(tmp_path: Path) -> None:
    served = Served(STATE)
    with open_cache(tmp_path, GENESIS) as cache:
        await (await served.fetcher(cache)).prefetch(STATE)
        cache.keep_entries({served.root: b"\0"})
        state = RemoteState((fetcher := await served.fetcher(cache)).known, 0)
        assert await reading(fetcher, lambda: state.get(next(iter(STATE)))) == next(iter(STATE.values()))


async def test_work_that_needs_more_than_is_kept_ends() -> None:
    served = Served(STATE)
    fetcher = await served.fetcher()
    fetcher.known._entries = fetcher.known._top._entries = Entries(None, 4096)  # type: ignore[attr-defined]
    state = RemoteState(fetcher.known, 0)
    with pytest.raises(CacheExhausted):
        await reading(fetcher, lambda: {key: state.get(key) for key in STATE})


def test_a_real_genesis_is_parted_and_joined_again() -> None:
    """All keys of a real state deleted and written back, in one lazy trie."""
    held = genesis_values("dot-coretime.raw.json.gz")
    trie = Trie(dict(held), 1)
    served = Served(held, {key for key, value in held.items() if len(value) > 32})
    assert served.root == trie.root

    async def main() -> None:
        fetcher = await served.fetcher()
        base = RemoteState(fetcher.known, 1)
        half: dict[bytes, bytes | None] = dict.fromkeys(sorted(held)[::2])
        first = await updated(fetcher, base, half, 1)
        assert first.root == Trie({key: value for key, value in held.items() if key not in half}, 1).root
        gone = ForkState(base, [Delta(first.root, half, first.nodes)])
        assert (await updated(fetcher, gone, {key: held[key] for key in half}, 1)).root == trie.root
        assert (await updated(fetcher, gone, dict.fromkeys(held), 1)).root == EMPTY_ROOT

    trio.run(main)
