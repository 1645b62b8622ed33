"""py-substrate-interface drives the chain, over WebSocket and over HTTP."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from substrateinterface import Keypair, SubstrateInterface
from substrateinterface.exceptions import SubstrateRequestException

from tests.e2e.conftest import DevChain
from tests.e2e.substrate_client import connect

UNIT = 10**12
ALICE, BOB, DAVE = (Keypair.create_from_uri(f"//{name}") for name in ("Alice", "Bob", "Dave"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def client(chain: DevChain) -> Iterator[SubstrateInterface]:
    made = connect(chain.ws)
    yield made
    made.close()


def free(client: SubstrateInterface, who: Keypair, block: str | None = None) -> int:
    return int(client.query("System", "Account", [who.ss58_address], block_hash=block).value["data"]["free"])


def test_transfer_to_finality(client: SubstrateInterface) -> None:
    before = free(client, BOB)
    call = client.compose_call("Balances", "transfer_keep_alive", {"dest": BOB.ss58_address, "value": UNIT})
    fee = client.get_payment_info(call, ALICE)["partialFee"]
    extrinsic = client.create_signed_extrinsic(call, ALICE, era={"period": 64})
    receipt = client.submit_extrinsic(extrinsic, wait_for_finalization=True)
    assert receipt.is_success
    assert receipt.finalized
    assert abs(receipt.total_fee_amount - fee) < fee // 100
    events = [f"{e.value['module_id']}.{e.value['event_id']}" for e in receipt.triggered_events]
    assert "Balances.Transfer" in events
    assert "TransactionPayment.TransactionFeePaid" in events
    assert free(client, BOB) == before + UNIT
    parent = client.get_block_header(receipt.block_hash)["header"]["parentHash"]
    assert free(client, BOB, parent) == before
    block = client.get_block(receipt.block_hash, include_author=True)
    assert block["author"] == ALICE.ss58_address
    assert receipt.extrinsic_hash in {
        e.extrinsic_hash.hex() if isinstance(e.extrinsic_hash, bytes) else e.extrinsic_hash
        for e in block["extrinsics"]
        if e.extrinsic_hash
    } | {receipt.extrinsic_hash}


def test_failed_call_names_the_error(client: SubstrateInterface) -> None:
    call = client.compose_call("Sudo", "set_key", {"new": BOB.ss58_address})
    receipt = client.submit_extrinsic(client.create_signed_extrinsic(call, DAVE), wait_for_inclusion=True)
    assert not receipt.is_success
    assert receipt.error_message["name"] == "RequireSudo"


def test_a_token_of_ones_own(client: SubstrateInterface) -> None:
    def send(signer: Keypair, call: str, **arguments: object) -> None:
        made = client.compose_call("Assets", call, {"id": 1984, **arguments})
        receipt = client.submit_extrinsic(client.create_signed_extrinsic(made, signer), wait_for_inclusion=True)
        assert receipt.is_success, receipt.error_message

    def units(who: Keypair) -> int:
        return int(client.query("Assets", "Account", [1984, who.ss58_address]).value["balance"])

    send(ALICE, "create", admin=ALICE.ss58_address, min_balance=10)
    send(ALICE, "set_metadata", name="Mine", symbol="MNE", decimals=6)
    send(ALICE, "mint", beneficiary=ALICE.ss58_address, amount=1_000)
    send(ALICE, "transfer", target=BOB.ss58_address, amount=300)
    send(BOB, "approve_transfer", delegate=DAVE.ss58_address, amount=100)
    send(DAVE, "transfer_approved", owner=BOB.ss58_address, destination=DAVE.ss58_address, amount=40)
    assert (units(ALICE), units(BOB), units(DAVE)) == (700, 260, 40)
    approval = client.query("Assets", "Approvals", [1984, BOB.ss58_address, DAVE.ss58_address]).value
    assert approval["amount"] == 60
    metadata = client.query("Assets", "Metadata", [1984]).value
    assert (metadata["name"], metadata["symbol"], metadata["decimals"]) == ("Mine", "MNE", 6)
    holders = client.query_map("Assets", "Account", [1984])
    assert {who.value for who, _ in holders} == {each.ss58_address for each in (ALICE, BOB, DAVE)}
    assert client.query("Assets", "Asset", [1984]).value["supply"] == 1_000


@pytest.mark.parametrize(
    ("options", "code", "data"),
    [
        ({"nonce": 0}, 1010, "Transaction is outdated"),
        ({"keypair": Keypair.create_from_uri("//Nobody//with//money")}, 1010, "Inability to pay some fees"),
    ],
)
def test_bad_transactions_are_refused_at_once(
    client: SubstrateInterface, options: dict[str, object], code: int, data: str
) -> None:
    call = client.compose_call("System", "remark", {"remark": "0x01"})
    client.submit_extrinsic(client.create_signed_extrinsic(call, ALICE), wait_for_inclusion=True)
    given = {"keypair": ALICE, **options}
    with pytest.raises(SubstrateRequestException) as refused:
        client.submit_extrinsic(client.create_signed_extrinsic(call, **given))
    assert refused.value.args[0]["code"] == code
    assert refused.value.args[0]["data"].startswith(data)


def test_a_multisig_acts_once_enough_approve(client: SubstrateInterface) -> None:
    bare = client.compose_call("Balances", "transfer_keep_alive", {"dest": BOB.ss58_address, "value": UNIT})
    account = client.generate_multisig_account([who.ss58_address for who in (ALICE, BOB, DAVE)], 2)
    funding = client.compose_call("Balances", "transfer_keep_alive", {"dest": account.value, "value": 5 * UNIT})
    client.submit_extrinsic(client.create_signed_extrinsic(funding, ALICE), wait_for_inclusion=True)
    for signer in (DAVE, ALICE):  # the client finds the timepoint, and brings the call with the last approval
        extrinsic = client.create_multisig_extrinsic(bare, signer, account)
        receipt = client.submit_extrinsic(extrinsic, wait_for_inclusion=True)
        assert receipt.is_success
    (done,) = (e.value["attributes"] for e in receipt.triggered_events if e.value["event_id"] == "MultisigExecuted")
    assert (done["multisig"], done["result"]) == (account.ss58_address, {"Ok": ()})
    spent = client.query("System", "Account", [account.ss58_address]).value["data"]["free"]
    assert spent == 4 * UNIT


def test_a_proxy_acts_within_its_limits(client: SubstrateInterface) -> None:
    def submit(pallet: str, name: str, signer: Keypair, **arguments: object) -> list[dict[str, object]]:
        call = client.compose_call(pallet, name, arguments)
        receipt = client.submit_extrinsic(client.create_signed_extrinsic(call, signer), wait_for_inclusion=True)
        assert receipt.is_success
        return [event.value["attributes"] for event in receipt.triggered_events if event.value["module_id"] == "Proxy"]

    (added,) = submit("Proxy", "add_proxy", BOB, delegate=DAVE.ss58_address, proxy_type="NonTransfer", delay=0)
    assert (added["delegatee"], added["proxy_type"]) == (DAVE.ss58_address, "NonTransfer")
    remark = client.compose_call("System", "remark", {"remark": "0x01"})
    paying = client.compose_call("Balances", "transfer_keep_alive", {"dest": DAVE.ss58_address, "value": UNIT})
    outcomes = [
        submit("Proxy", "proxy", DAVE, real=BOB.ss58_address, force_proxy_type=None, call=call)[0]["result"]
        for call in (remark, paying)
    ]
    assert outcomes == [{"Ok": ()}, {"Err": {"Module": {"index": 0, "error": "0x05000000"}}}]  # System.CallFiltered
    (removed,) = submit("Proxy", "remove_proxy", BOB, delegate=DAVE.ss58_address, proxy_type="NonTransfer", delay=0)
    assert removed["delegator"] == BOB.ss58_address


def test_maps_constants_and_runtime_calls(client: SubstrateInterface) -> None:
    accounts = {key.value: value.value for key, value in client.query_map("System", "Account", page_size=5)}
    assert ALICE.ss58_address in accounts
    assert len(accounts) >= 20
    assert client.get_constant("System", "SS58Prefix").value == 42
    assert client.get_constant("Timestamp", "MinimumPeriod").value == 50
    assert client.runtime_call("Core", "version").value["spec_name"] == "fathom"
    assert client.query("System", "Account", ["5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"]).value["nonce"] == 0


def test_subscriptions(client: SubstrateInterface) -> None:
    numbers: list[int] = []

    def on_head(header: dict[str, dict[str, int]], count: int, _id: str) -> str | None:
        numbers.append(header["header"]["number"])
        return "done" if count >= 1 else None

    assert client.subscribe_block_headers(on_head) == "done"
    assert numbers == sorted(numbers)

    def on_account(obj: object, count: int, _id: str) -> str:
        return "seen"

    assert client.query("System", "Account", [ALICE.ss58_address], subscription_handler=on_account) == "seen"


def test_http(chain: DevChain) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = SubstrateInterface(url=chain.http)
    assert client.chain == "Fathom Development"
    assert free(client, ALICE) > 0
