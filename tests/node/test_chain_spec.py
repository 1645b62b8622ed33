"""Chain specs: real chains' published genesis hashes, our own in both forms, and every way to be wrong."""

from __future__ import annotations

import copy
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair

from node.chain_spec import CHILD_PREFIX, ChainSpec, InvalidChainSpec
from node.dev_spec import DEV_SPEC
from pallets.primitives.keys import DEV_ACCOUNTS
from pallets.primitives.runtime_code import RuntimeVersion, native_code
from tests.node.state.naive_trie import naive_root
from tests.vectors import vector

ROOT = Path(__file__).resolve().parents[2]
OURS = {  # vectors/README.md gives the first and last digits of these
    "substrate-node-template.raw.json": ("28a2db05", "87a6", "6bf30d04", "518f", 35),
    "asset-hub-kusama-local.raw.json.gz": ("ccd27357", "e04b", "d975c12b", "f195", 61),
    "phala-poc6.raw.json.gz": ("2265d38c", "ee3e", "d9b288f9", "74b2", 179),
}


def dev_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DEV_SPEC.read_text())
    return document


def address(suri: str) -> str:
    account: str = Keypair.create_from_uri(suri, ss58_format=42).ss58_address
    return account


def fathom(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)


# Real chains


@pytest.mark.parametrize("name", ["westend", "khala", "dot-coretime"])
def test_published_genesis_hashes(name: str) -> None:
    published = json.loads(vector("chainspecs/genesis_hashes.json").read_text())[name]
    spec = ChainSpec.load(vector(f"chainspecs/{name}.raw.json.gz"))
    header = spec.genesis_header()
    assert f"0x{header.hash.hex()}" == published["genesis_hash"]
    assert f"0x{header.state_root.hex()}" == published["state_root"]
    assert (spec.state_version, len(spec.genesis)) == (published["state_version"], published["keys"])
    assert (spec.name, spec.id) == (published["name"], published["id"])


@pytest.mark.parametrize("name", OURS)
def test_genesis_of_chains_without_a_published_hash(name: str) -> None:
    root_start, root_end, hash_start, hash_end, keys = OURS[name]
    spec = ChainSpec.load(vector(f"chainspecs/{name}"))
    header = spec.genesis_header()
    assert (header.state_root.hex()[:8], header.state_root.hex()[-4:]) == (root_start, root_end)
    assert (header.hash.hex()[:8], header.hash.hex()[-4:]) == (hash_start, hash_end)
    assert (spec.state_version, len(spec.genesis)) == (0, keys)


# The dev chain


def test_the_dev_chain_is_what_its_documentation_promises() -> None:
    spec = ChainSpec.load(DEV_SPEC)
    assert (spec.name, spec.id, spec.chain_type) == ("Fathom Development", "fathom_dev", "Development")
    assert spec.properties == {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "UNIT"}
    assert spec.state_version == 1
    balances = dict(dev_document()["genesis"]["runtimeGenesis"]["patch"]["balances"]["balances"])
    for name in DEV_ACCOUNTS:
        assert address(f"//{name}") in balances
        assert address(f"//{name}//stash") in balances


def test_the_genesis_block_is_the_one_of_the_state_by_an_independent_trie() -> None:
    spec = ChainSpec.load(DEV_SPEC)
    header = spec.genesis_header()
    root = naive_root(spec.genesis, 1)
    assert header.state_root == root
    empty = bytes.fromhex("03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314")
    assert header.hash == blake2b(bytes(32) + b"\0" + root + empty + b"\0", digest_size=32).digest()


def test_plain_and_raw_form_are_the_same_chain() -> None:
    plain = ChainSpec.load(DEV_SPEC)
    document = json.loads(json.dumps(plain.raw_document()))
    raw = ChainSpec.of_document(document)
    assert raw.genesis == plain.genesis
    assert raw.genesis_header().hash == plain.genesis_header().hash
    assert raw.raw_document() == document
    assert {key: value for key, value in document.items() if key != "genesis"} == {
        key: value for key, value in dev_document().items() if key != "genesis"
    }


def test_a_packed_spec_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.json.gz"
    path.write_bytes(gzip.compress(DEV_SPEC.read_bytes()))
    assert ChainSpec.load(path).genesis == ChainSpec.load(DEV_SPEC).genesis


@pytest.mark.parametrize("system_version", [0, 1])
def test_child_tries_are_of_the_version_of_the_state(system_version: int) -> None:
    code = native_code(RuntimeVersion("any", "any", 1, 1, 1, [], 1, system_version))
    child = {bytes([n]): bytes([n]) * 40 for n in range(3)}
    entries = {f"0x{key.hex()}": f"0x{value.hex()}" for key, value in child.items()}
    raw = {"top": {"0x3a636f6465": f"0x{code.hex()}"}, "childrenDefault": {"0xabcd": entries, "0x12": {}}}
    spec = ChainSpec.of_document({"name": "n", "id": "i", "genesis": {"raw": raw}})
    assert spec.genesis == {b":code": code, CHILD_PREFIX + b"\xab\xcd": naive_root(child, system_version)}
    assert spec.state_version == system_version


# What is wrong with a spec is one clear line

Change = Callable[[dict[str, Any]], Any]
ALICE, BOB = address("//Alice"), address("//Bob")


def patch_of(document: dict[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = document["genesis"]["runtimeGenesis"]["patch"]
    return patch


def raw(**genesis: Any) -> Change:
    return lambda document: document.update(genesis={"raw": genesis})


def plain(**genesis: Any) -> Change:
    return lambda document: document["genesis"]["runtimeGenesis"].update(genesis)


def balances(*given: Any) -> Change:
    return lambda document: patch_of(document)["balances"].update(balances=list(given))


KEYS = {"aura": ALICE, "grandpa": ALICE}
BAD: dict[str, tuple[Change, str]] = {
    "no name": (lambda d: d.pop("name"), "no 'name'"),
    "no id": (lambda d: d.pop("id"), "no 'id'"),
    "no genesis": (lambda d: d.pop("genesis"), "no 'genesis'"),
    "name a number": (lambda d: d.update(name=7), "'name' should be a string"),
    "id a list": (lambda d: d.update(id=[]), "'id' should be a string"),
    "id a path": (lambda d: d.update(id="../../etc"), "'id' should be letters"),
    "id absolute": (lambda d: d.update(id="/tmp/x"), "'id' should be letters"),
    "id empty": (lambda d: d.update(id=""), "'id' should be letters"),
    "properties a list": (lambda d: d.update(properties=[1]), "'properties' should be an object"),
    "boot nodes a string": (lambda d: d.update(bootNodes="/ip4"), "'bootNodes' should be a list"),
    "genesis a list": (lambda d: d.update(genesis=[]), "'genesis' should be an object"),
    "genesis empty": (lambda d: d.update(genesis={}), "'raw' or 'runtimeGenesis', it has nothing"),
    "genesis of old": (lambda d: d.update(genesis={"runtime": {}}), "it has 'runtime'"),
    "raw a string": (lambda d: d.update(genesis={"raw": "x"}), "'genesis.raw.top' should be an object"),
    "raw without top": (raw(), "'genesis.raw.top' should be an object"),
    "raw key": (raw(top={"zz": "0x"}), "genesis.raw.top: 'zz' should be hex"),
    "raw key digits": (raw(top={"0xzz": "0x"}), "genesis.raw.top: '0xzz' is not hex"),
    "raw value": (raw(top={"0x00": 1}), "genesis.raw.top.0x00: 1 should be hex"),
    "raw child": (raw(top={}, childrenDefault={"0x01": "x"}), "childrenDefault.0x01' should be an object"),
    "raw children": (raw(top={}, childrenDefault=[1]), "'childrenDefault' should be an object"),
    "raw child's value": (raw(top={}, childrenDefault={"0x01": {"0x02": "03"}}), "childrenDefault.0x01: '03' should"),
    "raw without code": (raw(top={}), "no `:code`"),
    "raw code no wasm": (raw(top={"0x3a636f6465": "0x00"}), "genesis `:code`: the runtime is not a Wasm module"),
    "no code": (lambda d: d["genesis"]["runtimeGenesis"].pop("code"), "should hold 'code' and 'patch'"),
    "no patch": (lambda d: d["genesis"]["runtimeGenesis"].pop("patch"), "should hold 'code' and 'patch'"),
    "plain a list": (lambda d: d["genesis"].update(runtimeGenesis=[]), "should hold 'code' and 'patch'"),
    "code no wasm": (plain(code="0x0011"), "genesis.runtimeGenesis.code: the runtime is not a Wasm module"),
    "code of a stranger": (
        plain(code=f"0x{native_code(RuntimeVersion('other', 'other', 1, 1, 1, [], 1, 1)).hex()}"),
        "isn't one of this program's",
    ),
    "code of a later version": (
        plain(code=f"0x{native_code(RuntimeVersion('fathom', 'fathom', 1, 999, 1, [], 1, 1)).hex()}"),
        "isn't one of this program's",
    ),
    "patch a list": (plain(patch=[]), "'patch' should be an object"),
    "pallet a list": (plain(patch={"sudo": []}), "'sudo' should be an object"),
    "unknown pallet": (plain(patch={"babe": {}}), "genesis names pallet 'babe'"),
    "unknown field": (plain(patch={"sudo": {"keys": ALICE}}), "no genesis field 'keys'; it has key"),
    "balances an object": (lambda d: patch_of(d)["balances"].update(balances={}), "balances.balances should be a list"),
    "balance alone": (balances([ALICE]), r"balances.balances[0] should be a list of 2"),
    "balance a float": (balances([ALICE, 1.5]), "balances.balances[0][1] should be an integer"),
    "balance a word": (balances([ALICE, "much"]), "balances.balances[0][1] should be an integer"),
    "balance below nothing": (balances([ALICE, -1]), "balances.balances[0][1] is outside the range of u128"),
    "balance above all": (balances([ALICE, str(1 << 128)]), "balances.balances[0][1] is outside the range of u128"),
    "balance too small": (balances([ALICE, 1]), "less than the existential deposit"),
    "balance twice": (balances([ALICE, 10**15], [ALICE, 10**15]), "listed twice"),
    "balances too much": (balances([ALICE, str((1 << 128) - 1)], [BOB, str((1 << 128) - 1)]), "genesis"),
    "address mistyped": (balances([ALICE[:-1] + "Z", 10**15]), "balances.balances[0][0]: the checksum"),
    "too many authorities": (lambda d: patch_of(d)["aura"].update(authorities=[ALICE] * 33), "at most 32"),
    "half of the keys": (
        lambda d: patch_of(d)["session"].update(keys=[[ALICE, ALICE, {"aura": ALICE}]]),
        "session.keys[0][2]",
    ),
    "keys of two": (
        lambda d: patch_of(d)["session"].update(keys=[[ALICE, ALICE, KEYS], [BOB, BOB, KEYS]]),
        "Session.DuplicatedKey",
    ),
    "simulated on a live chain": (lambda d: d.update(chainType="Live"), "can't allow simulated enclaves"),
    "cheats on a local chain": (lambda d: d.update(chainType="Local"), "can't allow cheats"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_spec_is_named(case: str) -> None:
    change, message = BAD[case]
    document = copy.deepcopy(dev_document())
    change(document)
    with pytest.raises(InvalidChainSpec) as refused:
        ChainSpec.of_document(document).genesis_header()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read: No such file"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "should hold a JSON object"),
        (gzip.compress(b"{}", mtime=0)[:-9], "can't be unpacked"),
        (b"\x1f\x8bgarbage", "can't be unpacked"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "spec.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidChainSpec) as refused:
        ChainSpec.load(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


# The command line


def test_chain_info_of_a_real_chain_and_of_ours() -> None:
    done = fathom("chain-info", "--chain", str(vector("chainspecs/dot-coretime.raw.json.gz")), "--json")
    assert done.returncode == 0, done.stderr
    published = json.loads(vector("chainspecs/genesis_hashes.json").read_text())["dot-coretime"]
    assert json.loads(done.stdout) == {key: published[key] for key in published if key != "matches_known"}

    plain = fathom("chain-info")
    assert plain.returncode == 0, plain.stderr
    header = ChainSpec.load(DEV_SPEC).genesis_header()
    assert f"genesis hash  0x{header.hash.hex()}" in plain.stdout


def test_build_spec_turns_a_plain_spec_into_a_raw_one_of_the_same_chain(tmp_path: Path) -> None:
    built = fathom("build-spec", "--raw")
    assert built.returncode == 0, built.stderr
    document = json.loads(built.stdout)
    assert set(document["genesis"]) == {"raw"}
    path = tmp_path / "raw.json"
    path.write_text(built.stdout)
    assert ChainSpec.load(path).genesis_header().hash == ChainSpec.load(DEV_SPEC).genesis_header().hash
    info = fathom("chain-info", "--chain", str(path), "--json")
    assert json.loads(info.stdout)["genesis_hash"] == f"0x{ChainSpec.load(DEV_SPEC).genesis_header().hash.hex()}"

    unchanged = fathom("build-spec")
    assert json.loads(unchanged.stdout) == dev_document()


def test_a_bad_spec_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text('{"name": "x"}')
    for arguments in (["chain-info", "--json"], ["build-spec", "--raw"], ["node", "--tmp", "--rpc-port", "0"]):
        done = fathom(*arguments, "--chain", str(path))
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1] == "Error: the spec has no 'id'"
        assert len(done.stderr.splitlines()) == 1
