"""`fathom connect` and `fathom submit` as people call them, on a real node, alone and behind an endpoint that fails."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import trio
from typer.testing import CliRunner

from node.cli import app
from node.config import NodeConfig
from node.service import RunningNode
from offchain.connect.chain import RemoteChain
from offchain.connect.networks import Network
from offchain.connect.portable import PortableDecoder
from offchain.connect.submit.arguments import call_value, in_units
from offchain.connect.submit.errors import BadArguments, DevelopmentKey, UnknownExtension
from offchain.connect.submit.payload import Terms, payload, sign
from offchain.connect.submit.signers import check_not_public
from offchain.connect.submit.vault import vault_frames
from offchain.described import BadValue
from pallets.primitives import ss58
from pallets.primitives.extrinsic import IMMORTAL, Era
from pallets.primitives.keys import Keypair, Scheme
from tests.offchain.connect.misbehaving import endpoint, refuses
from tests.offchain.connect.test_decoding import metadata
from tests.offchain.real_node import ALICE, BOB, SPEC, call_bytes, real_node
from tests.vectors import vector

ALICE_ADDRESS, BOB_ADDRESS = ss58.encode(ALICE.account_id), ss58.encode(BOB.account_id)


class Fathom:
    """`fathom connect|submit` on one node."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, *arguments: str, input: str | None = None) -> Any:
        given = [arguments[0], self.url, *arguments[1:]]
        done = await trio.to_thread.run_sync(lambda: CliRunner().invoke(app, given, input=input))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    async def json(self, *arguments: str, input: str | None = None) -> Any:
        done = await self(*arguments, "--json", input=input)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    async def text(self, *arguments: str) -> str:
        done = await self(*arguments)
        assert (done.exit_code, done.stderr) == (0, ""), done.stderr
        return str(done.stdout)

    async def refused(self, *arguments: str) -> str:
        done = await self(*arguments)
        assert done.exit_code == 1 and done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
        return str(done.stderr[7:-1])


@pytest.fixture
async def node() -> Any:
    async with real_node(NodeConfig(SPEC, rpc_port=0)) as running:
        yield running


async def test_connect_looks_at_a_real_chain(node: RunningNode, tmp_path: Path) -> None:
    fathom = Fathom(node.ws_url)
    send = ("submit", "balances", "transfer_keep_alive", BOB_ADDRESS, "1UNIT", "--suri", "//Alice", "--yes")
    sent = await fathom.json(*send)
    place = f"{sent['number']}-{sent['index']}"
    found = await fathom.json("connect", "info")
    assert found["genesis"] == f"0x{node.chain.genesis_hash.hex()}" and found["spec_version"] == 1
    block = await fathom.json("connect", "block", str(sent["number"]))
    assert block["hash"] == sent["block"] and block["extrinsics"][sent["index"]]["hash"] == sent["hash"]
    one = await fathom.json("connect", "extrinsic", place)
    assert (
        one["args"] == {"dest": {"Id": BOB_ADDRESS}, "value": 10**12} and one["success"] and one["fee"] == sent["fee"]
    )
    assert (await fathom.json("connect", "extrinsic", sent["hash"]))["number"] == sent["number"]
    (event,) = await fathom.json("connect", "events", sent["block"], "--only", "balances.transfer")
    assert event["fields"] == {"from": ALICE_ADDRESS, "to": BOB_ADDRESS, "amount": 10**12}
    heads = await fathom("connect", "head", "--from", "0", "--json")
    numbers = [json.loads(line)["number"] for line in heads.stdout.splitlines()]
    assert numbers == list(range(node.chain.best.number + 1))
    stored = ("connect", "storage", "system", "account", ALICE_ADDRESS)
    proven = await fathom.json(*stored, "--prove")
    assert proven == await fathom.json(*stored) and proven["value"]["nonce"] == 1
    entries = (await fathom.json("connect", "storage", "system", "account", "--limit", "3"))["entries"]
    assert len(entries) == 3 and all(len(each["keys"]) == 1 for each in entries)
    account = await fathom.json("connect", "account", f"0x{ALICE.account_id.hex()}")
    assert account["address"] == ALICE_ADDRESS and account["data"]["free"] == proven["value"]["data"]["free"]
    (deposit,) = await fathom.json("connect", "constants", "balances", "existentialdeposit")
    assert deposit["value"] == 10**9
    (call,) = await fathom.json("connect", "calls", "Balances", "transfer_keep_alive")
    assert call["arguments"].startswith("dest: ")
    encoded = call_bytes("Balances", "transfer_keep_alive", dest=BOB.account_id, value=5)
    (decoded,) = await fathom.json("connect", "decode", f"0x{encoded.hex()}", "--as", "call")
    assert decoded["value"] == {"Balances": {"transfer_keep_alive": {"dest": {"Id": BOB_ADDRESS}, "value": 5}}}
    (value,) = await fathom.json("connect", "decode", "0x0700000000000000", "--storage", "Timestamp.Now")
    assert value["value"] == 7
    file = tmp_path / "runtime.scale"
    await fathom("connect", "metadata", "--save", str(file))
    assert (await fathom.text("connect", "metadata", "--diff", "0", f"@{file}")).strip() == "nothing changed"
    by_file = await fathom.json("connect", "decode", f"0x{encoded.hex()}", "--as", "call", "--metadata", str(file))
    assert by_file == [decoded]
    for arguments, said in (
        (("block", "7000"), "no block 7000 yet"),
        (("block", "0x12"), "names no block"),
        (("storage", "Balance", "Account"), "there is no pallet Balance; there are Balances"),
        (("storage", "system", "account", "nonsense"), "is no address"),
        (("workers",), "has no storage PhalaRegistry.Workers"),
        (("decode", "0xff"), "bytes that are none of"),
        (("decode", "0xf"), "is no hex"),
        (("extrinsic", "1-99"), "has 2 extrinsics"),
    ):
        assert said in await fathom.refused("connect", *arguments)
    for table in (("info",), ("head",), ("events",), ("storage",), ("constants", "system"), ("calls",), ("metadata",)):
        assert await fathom.text("connect", *table)


async def test_submit_tries_asks_signs_and_follows_to_finality(node: RunningNode, tmp_path: Path) -> None:
    fathom = Fathom(node.ws_url)
    transfer = ("submit", "balances", "transferKeepAlive")
    sent = await fathom.json(
        *transfer, "value=3 mUNIT", f"dest={BOB_ADDRESS}", "--suri", "//Alice", "--yes", "--tip", "1uUNIT"
    )
    assert sent["success"] and sent["final"]
    assert node.chain.finalized.number >= sent["number"]
    names = [f"{each['pallet']}.{each['name']}" for each in sent["events"]]
    assert "Balances.Transfer" in names and names[-1] == "System.ExtrinsicSuccess"
    tried = await fathom.json(*transfer, BOB_ADDRESS, "1", "--suri", "//Alice", "--dry-run")
    assert tried["dry_run"]["error"] is None and tried["nonce"] == 1 and tried["fee"] > 0
    nested = [
        {"System": {"remark": {"remark": "0x01"}}},
        {"Balances": {"transfer_keep_alive": {"dest": BOB_ADDRESS, "value": "2UNIT"}}},
    ]
    batch = await fathom.json(
        "submit", "utility", "batch_all", json.dumps(nested), "--suri", "//Alice", "--yes", "--era", "immortal"
    )
    assert batch["success"]
    for arguments, said in (
        (
            (*transfer, BOB_ADDRESS, "9000000UNIT", "--suri", "//Alice", "--yes"),
            "it would fail: Token.FundsUnavailable",
        ),
        ((*transfer, BOB_ADDRESS, "1", "--suri", "//Alice"), "nobody said yes"),
        ((*transfer, BOB_ADDRESS, "--suri", "//Alice"), "value is missing"),
        ((*transfer, BOB_ADDRESS, "1", "2", "--suri", "//Alice"), "one too many"),
        ((*transfer, BOB_ADDRESS, "many", "--suri", "//Alice"), "value has to be a whole number"),
        ((*transfer, BOB_ADDRESS, "1"), "nobody signs"),
        ((*transfer, BOB_ADDRESS, "1", "--suri", "//Alice", "--era", "3"), "--era '3' is none of"),
        ((*transfer, BOB_ADDRESS, "1", "--suri", "not a phrase"), "phrase"),
        (("submit", "balances", "transfer", "--suri", "//Alice"), "there is no call in Balances: transfer; there are"),
        ((*transfer, BOB_ADDRESS, "1", "--keystore", str(tmp_path / "none")), "can't be read"),
    ):
        done = await fathom(*arguments)
        assert done.exit_code == 1 and said in done.stderr.splitlines()[-1], done.stderr
    offline = ("submit", "system", "remark", "hi", "--from", ALICE_ADDRESS)
    shown = await fathom(*offline, "--qr", input="\n")
    assert shown.exit_code == 1 and "no signature" in shown.stderr and "█" in shown.stdout
    to_sign = re.search(r"to sign +0x([0-9a-f]+)", shown.stdout)
    again = re.search(r"--nonce (\d+) --era (\S+)", shown.stdout)
    assert to_sign is not None and again is not None
    signature = ALICE.sign(bytes.fromhex(to_sign[1]))
    same = (*offline, "--offline", "--nonce", again[1], "--era", again[2])
    assert "signature is not by --from" in (await fathom(*same, "--signature", f"0x{bytes(64).hex()}")).stderr
    assert (await fathom.json(*same, input=f"0x01{signature.hex()}\n"))["success"]
    unlocked = tmp_path / "password"
    unlocked.write_text("version3\n")
    stored = tmp_path / "key.json"
    row = json.loads(vector("crypto/keystores.json").read_text())["rows"][6]["keystore"]
    stored.write_text(json.dumps(row))
    poor = await fathom(
        "submit", "system", "remark", "hi", "--keystore", str(stored), "--password-file", str(unlocked), "--yes"
    )
    assert poor.exit_code == 1 and "Error: it would fail" in poor.stderr, poor.stderr


async def test_a_lost_connection_does_not_lose_the_transaction(node: RunningNode) -> None:
    """The endpoint drops the connection right after it was sent: it is found in its block by another one."""
    async with endpoint(node.ws_url) as first:
        arguments = (
            "balances",
            "transfer_keep_alive",
            BOB_ADDRESS,
            "1UNIT",
            "--suri",
            "//Alice",
            "--yes",
            "--endpoint",
            node.ws_url,
        )

        def dropping(question: dict[str, Any], answer: dict[str, Any]) -> Any:
            if question["method"] == "author_submitAndWatchExtrinsic":
                first.hang_up = True
            return answer

        first.fault = dropping
        sent = await Fathom(first.url).json("submit", *arguments)
        assert sent["success"] and node.chain.best.number == sent["number"]
        assert "author_submitAndWatchExtrinsic" in first.asked


async def test_what_an_endpoint_does_not_offer_is_said(node: RunningNode) -> None:
    async with endpoint(node.ws_url, refuses("rpc_methods", -32601, "Method not found")) as bare:
        done = await Fathom(bare.url)("submit", "system", "remark", "0x01", "--suri", "//Alice", "--dry-run")
        assert done.exit_code == 0 and "the endpoint offers none" in done.stdout
    assert "no endpoint" in await Fathom("ws://127.0.0.1:1").refused("connect", "info")
    assert "is no network" in await Fathom("kusma").refused("connect", "info")
    wrong = await Fathom("--endpoint").refused("connect", node.ws_url, "kusama", "info")
    assert "serves another chain than Kusama" in wrong


# What is signed


def test_kusamas_and_phalas_payloads_are_as_their_chains_take_them() -> None:
    """The recorded signature of a Polkadot transaction holds over the payload that is made for its call."""
    recorded = next(
        each
        for each in json.loads(vector("recorded/verified_signed_extrinsics.json").read_text())
        if each["chain"] == "polkadot"
    )
    decoder = PortableDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0)
    genesis = bytes.fromhex(recorded["genesis_hash"][2:])
    extra = PortableDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0).extrinsic(
        bytes.fromhex(recorded["extrinsic"][2:])
    )
    nonce = extra.nonce
    assert nonce is not None
    terms = Terms(
        nonce, extra.tip or 0, IMMORTAL, genesis, 0, genesis, recorded["spec_version"], recorded["tx_version"]
    )
    made = payload(decoder, decoder.call(bytes.fromhex(recorded["call"][2:])), terms)
    assert made.signed == bytes.fromhex(recorded["signing_payload"][2:])
    signature = bytes.fromhex(recorded["signature"][2:])
    whole = made.extrinsic(bytes.fromhex(recorded["signer_public"][2:]), signature, Scheme.SR25519)
    assert whole == bytes.fromhex(recorded["extrinsic"][2:])
    phala = PortableDecoder(metadata("phala/phala_1291"), 30)
    value = {"PhalaStakePoolv2": {"contribute": {"pid": 3, "amount": 10**12, "as_vault": None}}}
    mortal = Terms(7, 5, Era.mortal(64, 100), b"\7" * 32, 64, b"\6" * 32, 1291, 8)
    for scheme in (Scheme.SR25519, Scheme.ED25519, Scheme.ECDSA):
        signer = Keypair.from_suri("//Somebody", scheme)
        found = phala.extrinsic(sign(payload(phala, value, mortal), signer))
        assert (found.pallet, found.call, found.nonce, found.tip) == ("PhalaStakePoolv2", "contribute", 7, 5)
        assert found.era == {"period": 64, "phase": 36} and found.arguments == value["PhalaStakePoolv2"]["contribute"]
        assert found.signer == {"Id": ss58.encode(signer.account_id, 30)}
    with pytest.raises(BadValue, match=r"the call\.PhalaStakePoolv2\.contribute\.pid"):
        payload(phala, {"PhalaStakePoolv2": {"contribute": {"pid": -1, "amount": 1, "as_vault": None}}}, mortal)


def test_an_extension_that_can_not_be_left_empty_is_named() -> None:
    """Substrate's kitchen sink has others; ChargeAssetTxPayment is known."""
    decoder = PortableDecoder(metadata("pjs/v14-substrate"), 42)
    terms = Terms(0, 0, IMMORTAL, bytes(32), 0, bytes(32), 1, 1)
    assert payload(decoder, {"System": {"remark": {"remark": "0x01"}}}, terms).extra == bytes.fromhex("0000000000")
    extension = next(each for each in decoder.schema.extensions if each.identifier == "CheckNonce")
    extension.identifier = "CheckSomethingNew"
    with pytest.raises(UnknownExtension, match="CheckSomethingNew"):
        payload(decoder, {"System": {"remark": {"remark": "0x01"}}}, terms)


def test_the_frames_for_polkadot_vault() -> None:
    """As polkadot.js makes them: 00, frames, place; 53, scheme, mortal or not, account, call with length, genesis."""
    decoder = PortableDecoder(metadata("sidecar/polkadotV1000001Metadata"), 0)
    genesis = b"\x09" * 32
    terms = Terms(1, 0, Era.mortal(64, 10), b"\7" * 32, 10, genesis, 1, 2)
    made = payload(decoder, {"System": {"remark": {"remark": "0x" + "ab" * 10}}}, terms)
    (frame,) = vault_frames(made, b"\5" * 32, Scheme.SR25519)
    body = (
        bytes([0x53, 1, 0])
        + b"\5" * 32
        + bytes([len(made.call) << 2])
        + made.call
        + made.extra
        + made.implicit
        + genesis
    )
    assert frame == bytes([0, 0, 1, 0, 0]) + body
    large = payload(decoder, {"System": {"remark": {"remark": "0x" + "ab" * 3000}}}, terms)
    frames = vault_frames(large, b"\5" * 32, Scheme.ED25519)
    assert [each[:5] for each in frames] == [bytes([0, 0, 4, 0, place]) for place in range(4)][: len(frames)]
    assert (
        len(b"".join(each[5:] for each in frames)) == 35 + 2 + len(large.call) + len(large.extra + large.implicit) + 32
    )


def test_money_has_units_and_arguments_names() -> None:
    decoder = PortableDecoder(metadata("pjs/v14-kusama"), 2)
    who = "HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F"
    value = call_value(decoder, "balances", "TransferKeepAlive", ["value=1.5KSM", who], "KSM", 12)
    assert value == {"Balances": {"transfer_keep_alive": {"value": 1_500_000_000_000, "dest": who}}}
    for text, expected in (
        ("1KSM", 10**12),
        ("2.5 mKSM", 25 * 10**8),
        ("1,000KSM", 10**15),
        ("3uKSM", 3 * 10**6),
        ("1 DOT", "1 DOT"),
    ):
        assert in_units([{"a": text}], "KSM", 12) == [{"a": expected}]
    with pytest.raises(BadArguments, match="smallest unit"):
        in_units("0.0000000000001KSM", "KSM", 12)
    with pytest.raises(BadArguments, match="given twice"):
        call_value(decoder, "balances", "transfer_keep_alive", ["value=1", "value=2"], "KSM", 12)


def test_keys_that_everybody_has_stay_off_live_chains() -> None:
    for suri in (
        "//Alice",
        "//Bob//stash",
        "//Alice/soft///secret",
        "bottom drive obey lake curtain smoke basket hold race lonely fit walk//x",
    ):
        with pytest.raises(DevelopmentKey, match="Kusama is a live chain"):
            check_not_public(Keypair.from_suri(suri).account_id, suri, "Kusama")
    with pytest.raises(DevelopmentKey):
        check_not_public(ALICE.account_id, None, "Kusama")
    mine = "0x" + "11" * 32
    check_not_public(Keypair.from_suri(mine).account_id, mine, "Kusama")


async def test_a_live_chain_is_one_unless_the_list_or_the_chain_says_otherwise() -> None:
    from offchain.connect.submit.life import is_live

    class Said:
        def __init__(self, network: Network, kind: str) -> None:
            self.network, self._kind = network, kind

        async def call(self, method: str) -> str:
            return self._kind

    def chain(network: Network, kind: str) -> Any:
        made = RemoteChain.__new__(RemoteChain)
        made.remote = Said(network, kind)  # type: ignore[assignment]
        return made

    unknown = Network("u", "u", ("ws://u",), bytes(32))
    kusama = Network("kusama", "Kusama", ("ws://k",), bytes(32), 2, "KSM", 12, True)
    westend = Network("westend", "Westend", ("ws://w",), bytes(32), 42, "WND", 12, False)
    assert await is_live(chain(kusama, "Development")) and await is_live(chain(unknown, "Live"))
    assert not await is_live(chain(unknown, "Development")) and not await is_live(chain(westend, "Live"))
