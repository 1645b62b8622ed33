"""Each host function, called from Wasm on both paths, judged by other libraries and by published vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import xxhash
from coincurve import PrivateKey
from Crypto.Hash import keccak
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wasm.call import Nowhere, Request, Response, Surroundings
from node.wasm.companion import FUNCTIONS
from node.wasm.errors import BadArgument, HostFailure, RuntimePanicked, UnbalancedTransactions
from node.wasm.host.all import HOST_FUNCTIONS
from node.wasm.keystore import Keystore
from node.wasm.overlay import Storage
from pallets.primitives.hashing import blake2_256, keccak_256
from pallets.primitives.keys import dev_keypair, verify_ecdsa, verify_ed25519, verify_sr25519
from pallets.primitives.runtime_code import VERSION, RuntimeVersion, native_code
from pallets.primitives.scale import compact
from tests.node.state.naive_trie import naive_root
from tests.node.state.recorded import load_json
from tests.node.wasm.naive_proof import compact_proof
from tests.node.wasm.stage import Answer, ProgramClass, Raw, Room, call_all, ran, storage_of
from tests.vectors import vector

NONE, OK = b"\0", b"\0"
KEY_TYPE = b"test"
MESSAGE = b"what is signed"
exercised: set[str] = set()


def some(value: bytes) -> bytes:
    """`Option<Vec<u8>>` of a value."""
    return b"\1" + compact(len(value)) + value


def one(path: ProgramClass, name: str, *arguments: Any, **options: Any) -> Answer:
    exercised.add(name)
    return ran(path, (name, *arguments), **options)[0]


def several(path: ProgramClass, *calls: Any, **options: Any) -> list[Answer]:
    exercised.update(call[0] for call in calls)
    return ran(path, *calls, **options)


def answers_of(path: ProgramClass, name: str, *arguments: Any, **options: Any) -> bytes:
    return one(path, name, *arguments, **options).slice


@pytest.fixture(scope="module", autouse=True)
def all_are_exercised() -> Iterator[None]:
    yield
    assert set(HOST_FUNCTIONS) | set(FUNCTIONS) <= exercised


def test_hashing(path: ProgramClass) -> None:
    # Lengths around the blocks of each hash.
    texts = [bytes(range(256))[:size] for size in (0, 1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256)]
    names: dict[str, Callable[[bytes], bytes]] = {
        "ext_hashing_blake2_128_version_1": lambda data: hashlib.blake2b(data, digest_size=16).digest(),
        "ext_hashing_blake2_256_version_1": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
        "ext_hashing_sha2_256_version_1": lambda data: hashlib.sha256(data).digest(),
        "ext_hashing_keccak_256_version_1": lambda data: keccak.new(data=data, digest_bits=256).digest(),
        "ext_hashing_keccak_512_version_1": lambda data: keccak.new(data=data, digest_bits=512).digest(),
        "ext_hashing_twox_64_version_1": lambda data: twox(data, 1),
        "ext_hashing_twox_128_version_1": lambda data: twox(data, 2),
        "ext_hashing_twox_256_version_1": lambda data: twox(data, 4),
    }
    for name, expected in names.items():
        answers = several(path, *((name, text) for text in texts))
        for text, answer in zip(texts, answers, strict=True):
            digest = expected(text)
            assert answer.taken(len(digest)) == digest, (name, len(text))


def twox(data: bytes, words: int) -> bytes:
    return b"".join(xxhash.xxh64_intdigest(data, seed).to_bytes(8, "little") for seed in range(words))


def test_w3f_vectors(path: ProgramClass) -> None:
    inputs = vector("trie/w3f/HostApiInputs.jl.txt").read_text()
    outputs = vector("trie/w3f/HostApiOutputs.jl.txt").read_text()
    functions = vector("trie/w3f/HostApiFunctions.jl.txt").read_text()

    def constant(text: str, name: str) -> str:
        found = re.search(rf"const {name} = \[(.*?)(?=const |\Z)", text, re.DOTALL)
        assert found is not None, name
        return found[1]

    def strings(text: str, name: str) -> list[str]:
        uncommented = re.sub(r"#.*", "", constant(text, name))
        return [entry.replace("\\n", "") for entry in re.findall(r'"([^"]*)"', uncommented)]

    values = strings(inputs, "value_1")
    expected = iter(strings(outputs, "value"))
    for name in strings(functions, "value")[:7]:
        for value in values:
            digest = bytes.fromhex(next(expected))
            assert one(path, name, value.encode()).taken(len(digest)) == digest
    columns = [strings(inputs, f"key_value_{at}") for at in (1, 2, 3)]
    triples = [
        [(column[at].encode(), column[at + 1].encode()) for column in columns] for at in range(0, len(columns[0]), 2)
    ]
    roots = iter(strings(outputs, "child_key_value_key_value"))
    root, next_key = "ext_default_child_storage_root_version_1", "ext_default_child_storage_next_key_version_1"
    stores = [storage_of({}, {b"child": dict(triple[:2])}) for triple in triples]
    for triple in triples:
        assert answers_of(path, root, b"child", storage=storage_with(triple[:2])).hex() == next(roots)
    for storage, triple in zip(stores, triples, strict=True):
        first, second = sorted(key for key, _ in triple[:2])
        assert answers_of(path, next_key, b"child", first, storage=storage) == some(second)
        assert second.decode() == next(roots)
    expected = iter(strings(outputs, "key_value_key_value_key_value"))
    for triple in triples:
        pairs = compact(3) + b"".join(compact(len(part)) + part for pair in triple for part in pair)
        assert one(path, "ext_trie_blake2_256_root_version_1", pairs).taken(32).hex() == next(expected)
    expected = iter(strings(outputs, "value_value_value"))
    for parts in zip(*(strings(inputs, f"value_{at}") for at in (1, 2, 3)), strict=True):
        listed = compact(3) + b"".join(compact(len(part)) + part.encode() for part in parts)
        assert one(path, "ext_trie_blake2_256_ordered_root_version_1", listed).taken(32).hex() == next(expected)


def storage_with(pairs: list[tuple[bytes, bytes]]) -> Storage:
    """A child trie that calls have made."""
    storage = storage_of({})
    for key, value in pairs:
        storage.put(key, value, b"child")
    return storage


def test_storage(path: ProgramClass) -> None:
    storage = storage_of({b"a": b"value", b"b": b"", b"c": b"3"})
    got = several(
        path,
        ("ext_storage_get_version_1", b"a"),
        ("ext_storage_get_version_1", b"b"),
        ("ext_storage_get_version_1", b"none"),
        ("ext_storage_exists_version_1", b"b"),
        ("ext_storage_exists_version_1", b"none"),
        ("ext_storage_next_key_version_1", b""),
        ("ext_storage_next_key_version_1", b"c"),
        ("ext_storage_clear_version_1", b"a"),
        ("ext_storage_get_version_1", b"a"),
        ("ext_storage_set_version_1", b":child_storage:default:x", b"refused"),
        ("ext_storage_get_version_1", b":child_storage:default:x"),
        ("ext_storage_changes_root_version_1", bytes(32)),
        ("ext_storage_proof_size_storage_proof_size_version_1",),
        storage=storage,
    )
    assert [answer.slice for answer in got[:3]] == [some(b"value"), some(b""), NONE]
    assert [answer.number for answer in got[3:5]] == [1, 0]
    assert [answer.slice for answer in got[5:7]] == [some(b"a"), NONE]
    assert [got[8].slice, got[10].slice, got[11].slice] == [NONE, NONE, NONE]
    assert got[12].number == (1 << 64) - 1


@pytest.mark.parametrize(
    ("offset", "size", "left", "written"),
    [(0, 8, 10, b"01234567"), (4, 8, 6, b"456789\0\0"), (9, 1, 1, b"9"), (10, 4, 0, bytes(4)), (99, 4, 0, bytes(4))],
)
def test_reading_a_part(path: ProgramClass, offset: int, size: int, left: int, written: bytes) -> None:
    storage = storage_of({b"key": b"0123456789"}, {b"child": {b"key": b"0123456789"}})
    for answer in several(
        path,
        ("ext_storage_read_version_1", b"key", Room(size), Raw(offset)),
        ("ext_default_child_storage_read_version_1", b"child", b"key", Room(size), Raw(offset)),
        storage=storage,
    ):
        assert answer.slice == b"\1" + left.to_bytes(4, "little")
        assert answer.written(size) == written
    assert answers_of(path, "ext_storage_read_version_1", b"none", Room(1), Raw(0)) == NONE


def test_transactions(path: ProgramClass) -> None:
    start, commit = "ext_storage_start_transaction_version_1", "ext_storage_commit_transaction_version_1"
    rollback, get = "ext_storage_rollback_transaction_version_1", "ext_storage_get_version_1"
    put, append = "ext_storage_set_version_1", "ext_storage_append_version_1"
    index = "ext_offchain_index_set_version_1"
    storage = storage_of({b"list": b"\x04a"})
    got = several(
        path,
        (start,),
        (put, b"k", b"1"),
        (start,),
        (put, b"k", b"2"),
        (append, b"list", b"b"),
        (index, b"i", b"lost"),
        (get, b"list"),
        (rollback,),
        (get, b"k"),
        (get, b"list"),
        (append, b"list", b"c"),
        (commit,),
        (get, b"list"),
        storage=storage,
    )
    assert [got[at].slice for at in (6, 8, 9, 12)] == [
        some(b"\x08ab"),
        some(b"1"),
        some(b"\x04a"),
        some(b"\x08ac"),
    ]
    assert storage.changes() == ({b"k": b"1", b"list": b"\x08ac"}, {}, {})
    for calls in ([(start,)], [(commit,)], [(rollback,)], [(start,), (commit,), (commit,)]):
        storage.start_transaction()
        with pytest.raises(UnbalancedTransactions):
            ran(path, *calls, storage=storage)
        assert storage.depth == 1
        storage.rollback_transaction()


def test_clearing_prefixes(path: ProgramClass) -> None:
    below = {b"p1": b"", b"p2": b"", b"p3": b"", b"q": b""}
    limit_of_2 = b"\1" + (2).to_bytes(4, "little")
    for child in (False, True):
        storage = storage_of({} if child else below, {b"child": below} if child else {})
        storage.put(b"p4", b"only here", b"child" if child else None)
        name = "ext_default_child_storage_clear_prefix" if child else "ext_storage_clear_prefix"
        exists = "ext_default_child_storage_exists_version_1" if child else "ext_storage_exists_version_1"
        key = (b"child",) if child else ()
        got = several(
            path,
            (f"{name}_version_2", *key, b"p", limit_of_2),
            *((exists, *key, each) for each in (b"p1", b"p2", b"p3", b"p4")),
            (f"{name}_version_2", *key, b"p", NONE),
            (f"{name}_version_1", *key, b"q"),
            (exists, *key, b"q"),
            storage=storage,
        )
        assert got[0].slice == b"\1" + (2).to_bytes(4, "little"), "some are left, and two were looked at"
        assert [answer.number for answer in got[1:5]] == [0, 0, 1, 0]
        assert got[5].slice == b"\0" + (3).to_bytes(4, "little"), "what is deleted already counts"
        assert got[7].number == 0


def test_child_storage(path: ProgramClass) -> None:
    storage = storage_of({}, {b"c": {b"k": b"v", b"l": b"w"}, b"d": {b"1": b"", b"2": b"", b"3": b""}})
    prefix = "ext_default_child_storage_"
    got = several(
        path,
        (f"{prefix}get_version_1", b"c", b"k"),
        (f"{prefix}get_version_1", b"other", b"k"),
        (f"{prefix}next_key_version_1", b"c", b"k"),
        (f"{prefix}clear_version_1", b"c", b"k"),
        (f"{prefix}exists_version_1", b"c", b"k"),
        (f"{prefix}set_version_1", b"c", b"m", b"x" * 40),
        (f"{prefix}root_version_1", b"c"),
        (f"{prefix}root_version_2", b"c", Raw(1)),
        ("ext_storage_get_version_1", b":child_storage:default:c"),
        (f"{prefix}storage_kill_version_2", b"d", b"\1" + (1).to_bytes(4, "little")),
        (f"{prefix}storage_kill_version_3", b"d", b"\1" + (1).to_bytes(4, "little")),
        (f"{prefix}storage_kill_version_3", b"d", NONE),
        (f"{prefix}storage_kill_version_1", b"c"),
        (f"{prefix}root_version_1", b"c"),
        ("ext_storage_root_version_2", Raw(0)),
        ("ext_storage_root_version_1",),
        storage=storage,
    )
    values = {b"l": b"w", b"m": b"x" * 40}
    roots = naive_root(values, 0), naive_root(values, 0)
    assert [answer.slice for answer in got[:3]] == [some(b"v"), NONE, some(b"l")]
    assert got[4].number == 0
    assert got[6].slice == roots[0]
    assert got[8].slice == some(got[7].slice)
    assert got[9].number == 0
    assert got[10].slice == b"\1" + (1).to_bytes(4, "little")
    assert got[11].slice == b"\0" + (3).to_bytes(4, "little")
    assert got[13].slice == naive_root({}, 0)
    assert got[14].slice == got[15].slice == naive_root({}, 0), "empty child tries leave nothing in the top trie"


def test_roots_of_both_versions(path: ProgramClass) -> None:
    values = {b"short": b"1", b"long": b"x" * 33, b"longer": b"y" * 100}
    pairs = compact(3) + b"".join(compact(len(k)) + k + compact(len(v)) + v for k, v in values.items())
    listed = [b"first", b"second" * 10, b""]
    ordered = compact(3) + b"".join(compact(len(v)) + v for v in listed)
    numbered = {compact(at): value for at, value in enumerate(listed)}
    for version in (0, 1):
        got = several(
            path,
            ("ext_trie_blake2_256_root_version_2", pairs, Raw(version)),
            ("ext_trie_blake2_256_ordered_root_version_2", ordered, Raw(version)),
            ("ext_trie_keccak_256_root_version_2", pairs, Raw(version)),
            ("ext_trie_keccak_256_ordered_root_version_2", ordered, Raw(version)),
            *(
                ()
                if version
                else (
                    ("ext_trie_blake2_256_root_version_1", pairs),
                    ("ext_trie_blake2_256_ordered_root_version_1", ordered),
                    ("ext_trie_keccak_256_root_version_1", pairs),
                    ("ext_trie_keccak_256_ordered_root_version_1", ordered),
                )
            ),
        )
        expected = [naive_root(values, version), naive_root(numbered, version)]
        assert [answer.taken(32) for answer in got[:2]] == expected
        assert [answer.taken(32) for answer in got[4:6]] == ([] if version else expected)
        assert got[2].taken(32) != got[0].taken(32)
        assert [answer.taken(32) for answer in got[6:8]] == ([] if version else [a.taken(32) for a in got[2:4]])
    with pytest.raises(HostFailure, match="only 0 and 1"):
        one(path, "ext_trie_blake2_256_root_version_2", pairs, Raw(2))
    with pytest.raises(BadArgument, match="pairs"):
        one(path, "ext_trie_blake2_256_root_version_2", pairs[:-1], Raw(0))


def test_keccak_root_of_one_entry(path: ProgramClass) -> None:
    """By hand: a leaf of two nibbles, the key, and the value behind its length."""
    leaf = bytes((0x40 | 2, 0x6B, 1 << 2)) + b"v"
    got = one(path, "ext_trie_keccak_256_root_version_1", compact(1) + b"\x04k\x04v")
    assert got.taken(32) == keccak_256(leaf)


@pytest.mark.parametrize("hash_name", ["blake2", "keccak"])
@pytest.mark.parametrize("version", [0, 1])
def test_proofs(path: ProgramClass, hash_name: str, version: int) -> None:
    digest = blake2_256 if hash_name == "blake2" else keccak_256
    values = {bytes((a, b)): bytes((a,)) * (b * 20 + 1) for a in (1, 2, 0x21) for b in range(3)} | {b"\x01": b"above"}
    name = f"ext_trie_{hash_name}_256_verify_proof_version_2"
    for key in (b"\x01", b"\x01\x02", b"\x21\x00"):
        root, nodes = compact_proof(values, key, version, digest)
        proof = compact(len(nodes)) + b"".join(compact(len(node)) + node for node in nodes)
        truth = [*several(path, (name, root, proof, key, values[key], Raw(version)))]
        if version == 0:
            first = name.replace("version_2", "version_1")
            truth += several(path, (first, root, proof, key, values[key]))
        assert all(answer.number == 1 for answer in truth)
        padded = compact(len(nodes) + 1) + proof[1:] + b"\x04\0"
        for other in (
            (root, proof, key, values[key] + b"!"),
            (root, proof, b"\x01\x01", values[key]),
            (bytes(32), proof, key, values[key]),
            (root, padded, key, values[key]),
            (root, b"\0", key, values[key]),
        ):
            assert one(path, name, *other, Raw(version)).number == 0


def test_verifying_signatures(path: ProgramClass) -> None:
    ed25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    ed_public, ed_signature = ed25519.public_key().public_bytes_raw(), ed25519.sign(MESSAGE)
    alice = dev_keypair("Alice")
    ecdsa = PrivateKey(bytes(range(1, 33)))
    ecdsa_public, ecdsa_signature = ecdsa.public_key.format(), ecdsa.sign_recoverable(blake2_256(MESSAGE), hasher=None)
    good: list[tuple[str, bytes, bytes, bytes]] = [
        ("ext_crypto_ed25519_verify_version_1", ed_signature, MESSAGE, ed_public),
        ("ext_crypto_ed25519_batch_verify_version_1", ed_signature, MESSAGE, ed_public),
        ("ext_crypto_ecdsa_verify_version_1", ecdsa_signature, MESSAGE, ecdsa_public),
        ("ext_crypto_ecdsa_verify_version_2", ecdsa_signature, MESSAGE, ecdsa_public),
        ("ext_crypto_ecdsa_batch_verify_version_1", ecdsa_signature, MESSAGE, ecdsa_public),
        ("ext_crypto_ecdsa_verify_prehashed_version_1", ecdsa_signature, blake2_256(MESSAGE), ecdsa_public),
        *(
            (f"ext_crypto_sr25519_{name}", alice.sign(MESSAGE), MESSAGE, alice.public)
            for name in ("verify_version_1", "verify_version_2", "batch_verify_version_1")
        ),
    ]
    for name, signature, message, public in good:
        wrong = bytes((signature[0] ^ 1,)) + signature[1:]
        ethereum = (signature[:64] + bytes((signature[64] + 27,)),) if len(signature) == 65 else ()
        bad = [(name, each, message, public) for each in (wrong, bytes(len(signature)), *ethereum)]
        answers = several(path, (name, signature, message, public), *bad)
        assert [answer.number for answer in answers] == [1] + [0] * len(bad), name


def test_ed25519_by_zip_215(path: ProgramClass) -> None:
    """A small-order key that other libraries refuse: the neutral point as key and nonce, and scalar 0."""
    neutral = b"\1" + bytes(31)
    assert one(path, "ext_crypto_ed25519_verify_version_1", neutral + bytes(32), b"anything", neutral).number == 1


def test_signatures_from_before_the_audit(path: ProgramClass) -> None:
    rows = load_json("crypto/sp_core_known.json")["rows"]
    old = next(row for row in rows if row["test"].startswith("verify_known_old_message"))
    public, signature = bytes.fromhex(old["public"][2:]), bytes.fromhex(old["signature"][2:])
    message = b"Verifying that I am the owner of 5G9hQLdsKQswNPgB499DeA5PkFBbgkLPJWkkS6FAM6xGQ8xD. Hash: 221455a3\n"
    first, second = "ext_crypto_sr25519_verify_version_1", "ext_crypto_sr25519_verify_version_2"
    got = several(
        path,
        (first, signature, message, public),
        (second, signature, message, public),
        (first, signature, message + b"!", public),
        (first, signature[:32] + b"\xff" * 31 + b"\x7f", message, public),
        (first, signature, message, b"\xff" * 32),
    )
    assert [answer.number for answer in got] == [1, 0, 0, 0, 0]


def test_recovering_keys(path: ProgramClass) -> None:
    key, digest = PrivateKey(b"\7" * 32), hashlib.sha256(b"text").digest()
    signature = key.sign_recoverable(digest, hasher=None)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = int.from_bytes(signature[32:64], "big")
    overflowing = signature[:32] + (s + order).to_bytes(32, "big") + signature[64:] if s + order < 1 << 256 else None
    ethereum = signature[:64] + bytes((signature[64] + 27,))
    for compressed in (True, False):
        public = key.public_key.format(compressed)[0 if compressed else 1 :]
        for version in (1, 2):
            name = f"ext_crypto_secp256k1_ecdsa_recover{'_compressed' if compressed else ''}_version_{version}"
            got = several(
                path,
                (name, signature, digest),
                (name, ethereum, digest),
                (name, signature[:64] + b"\x09", digest),
                (name, bytes(64) + b"\0", digest),
                (name, b"\xff" * 64 + b"\x09", digest),
                (name, b"\xff" * 64 + b"\0", digest),
            )
            assert [answer.slice for answer in got[:5]] == [
                *(b"\0" + public, b"\0" + public),
                *(b"\1\1", b"\1\2", b"\1\1"),
            ]
            assert (got[5].slice == b"\1\0") == (version == 2), "numbers above the order are refused since version 2"
            if overflowing is not None:
                assert (one(path, name, overflowing, digest).slice == b"\0" + public) == (version == 1)


def test_batches(path: ProgramClass) -> None:
    start, finish = "ext_crypto_start_batch_verify_version_1", "ext_crypto_finish_batch_verify_version_1"
    verify = "ext_crypto_sr25519_batch_verify_version_1"
    alice = dev_keypair("Alice")
    good, bad = (verify, alice.sign(MESSAGE), MESSAGE, alice.public), (verify, bytes(64), MESSAGE, alice.public)
    assert [a.number for a in several(path, (start,), good, (finish,), (start,), bad, good, (finish,))][2::4] == [1, 0]
    for calls in ([(start,), (start,)], [(finish,)]):
        with pytest.raises(HostFailure):
            ran(path, *calls)


def test_mocked_signatures(path: ProgramClass) -> None:
    public, around = dev_keypair("Alice").public, Surroundings(mock_signatures=True)
    mock = bytes.fromhex("deadbeef") + b"\xcd" * 60
    for name in ("sr25519_verify_version_2", "ed25519_verify_version_1", "sr25519_batch_verify_version_1"):
        call = (f"ext_crypto_{name}", mock, MESSAGE, public)
        assert [ran(path, call, around=each)[0].number for each in (around, None)] == [1, 0]
        assert ran(path, (call[0], mock[:-1] + b"\0", MESSAGE, public), around=around)[0].number == 0
    ecdsa = ("ext_crypto_ecdsa_verify_version_2", mock + b"\xcd", MESSAGE, b"\2" + public)
    assert [ran(path, ecdsa, around=each)[0].number for each in (around, None)] == [1, 0]


def test_keys(path: ProgramClass) -> None:
    around = Surroundings(outside=Nowhere(seed=b"\5" * 32), keystore=Keystore())
    for scheme, size, verify in (
        ("sr25519", 32, verify_sr25519),
        ("ed25519", 32, verify_ed25519),
        ("ecdsa", 33, verify_ecdsa),
    ):
        generate, listing = f"ext_crypto_{scheme}_generate_version_1", f"ext_crypto_{scheme}_public_keys_version_1"
        first, second, third = several(
            path, (generate, KEY_TYPE, some(b"//Alice")), (generate, KEY_TYPE, NONE), (listing, KEY_TYPE), around=around
        )
        made = [first.taken(size), second.taken(size)]
        assert third.slice == compact(2) + b"".join(made)
        assert answers_of(path, listing, b"none", around=around) == compact(0)
        sign = f"ext_crypto_{scheme}_sign_version_1"
        signed, unknown = several(
            path, (sign, KEY_TYPE, made[0], MESSAGE), (sign, b"none", made[0], MESSAGE), around=around
        )
        assert signed.slice[0] == 1 and verify(signed.slice[1:], MESSAGE, made[0])
        assert unknown.slice == NONE
        if scheme == "sr25519":
            assert made[0] == dev_keypair("Alice").public
        if scheme == "ecdsa":
            prehashed = answers_of(
                path,
                f"ext_crypto_{scheme}_sign_prehashed_version_1",
                KEY_TYPE,
                made[0],
                blake2_256(MESSAGE),
                around=around,
            )
            assert verify(prehashed[1:], MESSAGE, made[0])
        with pytest.raises(BadArgument, match="secret URI"):
            ran(path, (generate, KEY_TYPE, some(b"no such words")), around=around)


def test_offchain(path: ProgramClass) -> None:
    around = Surroundings(outside=Nowhere(now=5, seed=b"s" * 32, is_validator=True))
    stamp, sleep = "ext_offchain_timestamp_version_1", "ext_offchain_sleep_until_version_1"
    put, get = "ext_offchain_local_storage_set_version_1", "ext_offchain_local_storage_get_version_1"
    swap = "ext_offchain_local_storage_compare_and_set_version_1"
    submit = "ext_offchain_submit_transaction_version_1"
    got = several(
        path,
        ("ext_offchain_is_validator_version_1",),
        (stamp,),
        (sleep, Raw(70)),
        (stamp,),
        ("ext_offchain_random_seed_version_1",),
        ("ext_offchain_network_state_version_1",),
        (put, Raw(1), b"k", b"persistent"),
        (put, Raw(2), b"k", b"local"),
        (get, Raw(1), b"k"),
        (swap, Raw(2), b"k", NONE, b"new"),
        (swap, Raw(2), b"k", some(b"local"), b"new"),
        (get, Raw(2), b"k"),
        ("ext_offchain_local_storage_clear_version_1", Raw(1), b"k"),
        (get, Raw(1), b"k"),
        around=around,
    )
    assert [got[at].number for at in (0, 1, 3, 9, 10)] == [1, 5, 70, 0, 1]
    assert got[4].taken(32) == b"s" * 32
    assert [got[at].slice for at in (5, 8, 11, 13)] == [b"\1", some(b"persistent"), some(b"new"), NONE]
    index, clear = "ext_offchain_index_set_version_1", "ext_offchain_index_clear_version_1"
    exercised.update((submit, index, clear))
    outcome, _ = call_all(path, (submit, b"xt"), (index, b"a", b"1"), (index, b"b", b"2"), (clear, b"a"))
    assert outcome.submitted == [b"xt"]
    assert outcome.changes.offchain_index == {b"a": None, b"b": b"2"}
    with pytest.raises(BadArgument, match="kind 3"):
        one(path, get, Raw(3), b"k")


class Echo(Nowhere):
    """Answers requests with their own parts."""

    def exchange(self, request: Request, deadline: int | None) -> Response | None:
        if request.uri == "unreachable":
            raise OSError("no route")
        if request.uri == "slow":
            return None
        return Response(207, [(b"Method", request.method.encode()), *request.headers], request.body)


def test_http(path: ProgramClass) -> None:
    start, wait = "ext_offchain_http_request_start_version_1", "ext_offchain_http_response_wait_version_1"
    header, body = "ext_offchain_http_request_add_header_version_1", "ext_offchain_http_request_write_body_version_1"
    headers, read = "ext_offchain_http_response_headers_version_1", "ext_offchain_http_response_read_body_version_1"
    numbers = compact(4) + b"".join(number.to_bytes(2, "little") for number in (0, 1, 2, 9))
    got = several(
        path,
        (start, b"POST", b"there", b""),
        (start, b"GET", b"unreachable", b""),
        (start, b"GET", b"slow", b""),
        (start, b"\xff", b"", b""),
        (header, Raw(0), b"X", b"y"),
        (body, Raw(0), b"hello ", NONE),
        (body, Raw(0), b"world", NONE),
        (body, Raw(9), b"", NONE),
        (body, Raw(0), b"", NONE),
        (wait, numbers, NONE),
        (headers, Raw(0)),
        (read, Raw(0), Room(8), NONE),
        (read, Raw(0), Room(8), NONE),
        (read, Raw(0), Room(8), NONE),
        (read, Raw(1), Room(8), NONE),
        (read, Raw(2), Room(8), NONE),
        (read, Raw(9), Room(8), NONE),
        (header, Raw(0), b"too", b"late"),
        around=Surroundings(outside=Echo()),
    )
    slices = [answer.slice for answer in got]
    assert slices[:4] == [OK + b"\0\0", OK + b"\1\0", OK + b"\2\0", b"\1"]
    assert slices[4:9] == [OK, OK, OK, b"\1\2", OK]
    assert slices[9] == compact(4) + b"\3\xcf\0" + b"\1" + b"\0" + b"\2"
    assert slices[10] == compact(2) + b"\x18Method\x10POST\x04X\x04y"
    assert [slices[at] for at in (11, 12, 13)] == [OK + n.to_bytes(4, "little") for n in (8, 3, 0)]
    assert got[11].written(8) + got[12].written(3) == b"hello world"
    assert slices[14:] == [b"\1\1", b"\1\0", b"\1\2", b"\1"]


def test_miscellany(path: ProgramClass) -> None:
    names = (
        *("ext_misc_print_num_version_1", "ext_misc_print_utf8_version_1", "ext_misc_print_hex_version_1"),
        *(
            "ext_logging_log_version_1",
            "ext_transaction_index_index_version_1",
            "ext_transaction_index_renew_version_1",
        ),
    )
    exercised.update(names)
    number, text, shown, log, index, renew = names
    outcome, _ = call_all(
        path,
        (number, Raw(2**64 - 1)),
        (text, b"t\xff"),
        (shown, b"\x01\xff"),
        (log, Raw(3), b"here", b"hello"),
        (index, Raw(7), Raw(9), b"h" * 32),
        (renew, Raw(8), b"i" * 32),
    )
    assert outcome.logs == [
        *((4, "runtime", str(2**64 - 1)), (4, "runtime", "t\ufffd"), (4, "runtime", "0x01ff"), (3, "here", "hello"))
    ]
    assert outcome.indexed == [(7, b"h" * 32, 9), (8, b"i" * 32, None)]
    assert one(path, "ext_logging_max_level_version_1", around=Surroundings(max_log_level=5)).number == 5
    with pytest.raises(RuntimePanicked, match="all is lost"):
        one(path, "ext_panic_handler_abort_on_panic_version_1", b"all is lost")
    with pytest.raises(HostFailure):
        one(path, "ext_allocator_free_version_1", Raw(4))
    assert one(path, "ext_allocator_malloc_version_1", Raw(1)).number % 8 == 0


def test_version_of_other_code(path: ProgramClass) -> None:
    version = RuntimeVersion("other", "impl", 1, 42, 3, [(b"12345678", 2)], 4, 1)
    name = "ext_misc_runtime_version_version_1"
    embedded, nonsense = several(path, (name, native_code(version)), (name, b"no code"))
    assert embedded.slice == some(VERSION.encode(version))
    assert nonsense.slice == NONE
