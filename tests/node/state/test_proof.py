"""Read proofs: others' by our verifier, ours by the same, and forged ones refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.state.proof import prove
from node.state.trie import EMPTY_ROOT, Trie
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.storage_proof import (
    DuplicateEntry,
    InvalidProof,
    MalformedEntry,
    MissingEntry,
    UnusedEntry,
    verify_proof,
)
from pallets.primitives.trie_node import decode_node
from tests.node.state.naive_trie import naive_root
from tests.node.state.recorded import load_json, phala_blocks, unhex

# -- recorded proofs ---------------------------------------------------------------------------------------------------


def read_proofs() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = load_json("trie/read_proofs.json")
    return loaded


def test_recorded_read_proofs() -> None:
    checked = []
    for case in read_proofs():
        entries = case.get("expected_entries") or {case["key"]: case["value"]}
        expected = {unhex(key): unhex(value) for key, value in entries.items()}
        proof = [unhex(entry) for entry in case["proof"]]
        assert verify_proof(unhex(case["state_root"]), proof, expected) == expected, case["name"]
        checked.append((len(proof), len(expected)))
    assert sorted(checked) == [(3, 1), (7, 1), (40, 32)]


def test_recorded_read_proofs_do_not_hold_under_another_root() -> None:
    for case in read_proofs():
        with pytest.raises(UnusedEntry):
            verify_proof(blake2_256(b"another state"), [unhex(entry) for entry in case["proof"]], [])


def test_recorded_read_proofs_need_each_of_their_entries() -> None:
    for case in read_proofs():
        entries = case.get("expected_entries") or {case["key"]: case["value"]}
        proof = [unhex(entry) for entry in case["proof"]]
        for missing in range(len(proof)):
            with pytest.raises((MissingEntry, UnusedEntry)):
                verify_proof(
                    unhex(case["state_root"]), proof[:missing] + proof[missing + 1 :], [unhex(key) for key in entries]
                )


def test_recorded_prefix_proofs_list_all_keys() -> None:
    """A walk over the decoded nodes finds exactly the recorded keys, and each of them verifies."""
    case = load_json("trie/smoldot/prefix_proof_westend.json")
    root, prefix = unhex(case["trie_root_hash"]), unhex(case["prefix"])
    proofs = [codec_of(list[bytes]).decode_all(unhex(proof)) for proof in case["proofs"]]
    for proof in proofs:
        assert verify_proof(root, proof, []) == {}
    union = list(dict.fromkeys(entry for proof in proofs for entry in proof))
    by_hash = {blake2_256(entry): entry for entry in union}
    found = {}
    pending = [(b"", root)]
    while pending:
        path, reference = pending.pop()
        if len(reference) == 32 and reference not in by_hash:
            continue
        node = decode_node(by_hash[reference] if len(reference) == 32 else reference)
        path += node.partial
        if node.value is not None:
            found[bytes.fromhex("".join(f"{nibble:x}" for nibble in path))] = node.value
        for slot, child in enumerate(node.children):
            if child is not None:
                pending.append((path + bytes((slot,)), child))
    listed = {key: value for key, value in found.items() if key.startswith(prefix)}
    expected = [unhex(key) for key in case["expected_entries"]]
    assert len(expected) == 922
    assert set(listed) == set(expected)
    assert verify_proof(root, union, expected) == listed


# -- our own -----------------------------------------------------------------------------------------------------------

ROUND_TRIP = {
    b"": b"empty key",
    b"ab": b"inline",
    b"abc": b"on the way" * 5,
    b"abd": b"long value " * 9,
    b"b" * 40: b"x" * 33,
    b"b" * 39 + b"c": b"",
}
ABSENT = [b"a", b"abca", b"abe", b"b" * 38, b"b" * 41, b"c", b"zzz"]


@pytest.mark.parametrize("version", [0, 1])
def test_keys_present_and_absent(version: int) -> None:
    trie = Trie(dict(ROUND_TRIP), version)
    root = naive_root(ROUND_TRIP, version)
    for key in [*ROUND_TRIP, *ABSENT]:
        proof = prove(trie, [key])
        assert blake2_256(proof[0]) == root
        assert verify_proof(root, proof, [key]) == {key: ROUND_TRIP.get(key)}
    together = prove(trie, [*ROUND_TRIP, *ABSENT])
    assert len(set(together)) == len(together)
    assert verify_proof(root, together, [*ROUND_TRIP, *ABSENT]) == {
        **ROUND_TRIP,
        **dict.fromkeys(ABSENT),
    }


def test_values_come_apart_only_where_they_are_hashed_and_asked_for() -> None:
    for version, apart in ((0, []), (1, [ROUND_TRIP[b"abd"]])):
        trie = Trie(dict(ROUND_TRIP), version)
        assert [entry for entry in prove(trie, [b"abd"]) if entry in ROUND_TRIP.values()] == apart


def test_a_value_under_two_keys_is_one_entry() -> None:
    state = {b"a": b"same" * 20, b"b": b"same" * 20}
    trie = Trie(dict(state), 1)
    proof = prove(trie, [b"a", b"b"])
    assert proof.count(b"same" * 20) == 1
    assert verify_proof(trie.root, proof, state) == state


def test_an_empty_trie_proves_absence() -> None:
    trie = Trie({}, 1)
    assert prove(trie, [b"key"]) == [b"\0"]
    assert verify_proof(EMPTY_ROOT, [b"\0"], [b"key", b""]) == {b"key": None, b"": None}


def test_a_root_shorter_than_a_hash_is_an_entry() -> None:
    trie = Trie({b"a": b"1"}, 1)
    (entry,) = prove(trie, [b"a"])
    assert len(entry) < 32
    assert verify_proof(trie.root, [entry], [b"a", b"b"]) == {b"a": b"1", b"b": None}


def test_recorded_state_proves_itself() -> None:
    """Proofs of a real chain's state, under the root that its block carries."""
    values, change_sets, roots = phala_blocks()
    trie = Trie(values, 0)
    for changes, root in zip(change_sets[:5], roots[:5], strict=True):
        trie.update(changes)
        assert verify_proof(root, prove(trie, changes), changes) == {key: values.get(key) for key in changes}


# -- forged ------------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(data=st.data(), version=st.sampled_from([0, 1]))
def test_no_change_of_a_proof_goes_unseen(data: st.DataObject, version: int) -> None:
    key = data.draw(st.sampled_from([*ROUND_TRIP, *ABSENT]))
    trie = Trie(dict(ROUND_TRIP), version)
    proof = prove(trie, [key])
    entry = data.draw(st.integers(0, len(proof) - 1))
    forged = bytearray(proof[entry])
    forged[data.draw(st.integers(0, len(forged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidProof):
        verify_proof(trie.root, [*proof[:entry], bytes(forged), *proof[entry + 1 :]], [key])


def test_entries_twice_and_entries_beside_the_trie_are_refused() -> None:
    trie = Trie(dict(ROUND_TRIP), 1)
    proof = prove(trie, [b"abd"])
    with pytest.raises(DuplicateEntry, match="1 of the"):
        verify_proof(trie.root, [*proof, proof[0]], [b"abd"])
    with pytest.raises(UnusedEntry, match="does not lead to"):
        verify_proof(trie.root, [*proof, b"stray"], [b"abd"])
    with pytest.raises(UnusedEntry):
        verify_proof(trie.root, [*proof, ROUND_TRIP[b"abd"][::-1]], [b"abd"])


def test_a_proof_says_what_it_lacks() -> None:
    trie = Trie(dict(ROUND_TRIP), 1)
    proof = prove(trie, [b"abd"])
    with pytest.raises(MissingEntry, match=f"the value 0x{blake2_256(ROUND_TRIP[b'abd']).hex()} of key 0x616264"):
        verify_proof(trie.root, [entry for entry in proof if entry != ROUND_TRIP[b"abd"]], [b"abd"])
    with pytest.raises(MissingEntry, match=f"the node 0x{trie.root.hex()} is missing, at nibble 0"):
        verify_proof(trie.root, [], [b"abd"])
    with pytest.raises(MissingEntry, match="is missing, at nibble"):
        verify_proof(trie.root, proof, [b"b" * 40])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("", "at least one byte"),
        ("01", "no kind of trie node"),
        ("42", "inside its partial key"),
        ("41f000", "padded"),
        ("7fff", "inside its size"),
        ("40", "compact integer should start"),
        ("4008aa", "inside its value"),
        ("400000", "1 bytes follow"),
        ("20aabb", "inside its hash"),
        ("8000", "inside its bitmap"),
        ("800000", "no children"),
        ("80010084" + "00" * 33, "33 bytes"),
        ("80010010", "inside its child"),
    ],
)
def test_bytes_that_no_trie_contains(entry: str, reason: str) -> None:
    encoded = bytes.fromhex(entry)
    with pytest.raises(MalformedEntry, match=reason):
        verify_proof(blake2_256(encoded), [encoded], [b"key"])


def test_a_child_that_is_no_node() -> None:
    bad_child = b"\x80\x01\x00" + b"\x04" + b"\x01"
    with pytest.raises(MalformedEntry):
        verify_proof(blake2_256(bad_child), [bad_child], [b"\x00"])
