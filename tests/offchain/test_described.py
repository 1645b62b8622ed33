"""Calls from plain values, and plain values of storage, by metadata: against the chain's own codecs."""

from __future__ import annotations

from typing import Any

import pytest

from offchain.described import BadValue, Described, plain
from pallets.frame.metadata import metadata_bytes
from pallets.primitives import ss58
from pallets.primitives.keys import dev_keypair
from tests.offchain.real_node import RUNTIME

BOB = dev_keypair("Bob").account_id
RULES = {
    "announcement": 1,
    "voting": 2,
    "time_lock": 3,
    "execute_within": 4,
    "quorum": 5,
    "threshold": 6,
    "floor": "340282366920938463463374607431768211455",
    "min_holders": 7,
    "min_age": 8,
    "reserve": 9,
}


@pytest.fixture(scope="module")
def described() -> Described:
    return Described(metadata_bytes(RUNTIME, 14))


CALLS: list[dict[str, Any]] = [
    {"Balances": {"transfer_keep_alive": {"dest": BOB, "value": 2**100}}},
    {"Balances": {"transfer_keep_alive": {"dest": {"Id": f"0x{BOB.hex()}"}, "value": 0}}},
    {"Balances": {"transfer_keep_alive": {"dest": {"Address20": "0x" + "00" * 20}, "value": 0}}},
    {"System": {"remark_with_event": {"remark": "text"}}},
    {"System": {"set_storage": {"items": [["0x00", "0x01"], [b"", b""]]}}},
    {"Utility": {"batch_all": {"calls": [{"System": {"remark": {"remark": "0x"}}}, {"Sudo": "remove_key"}]}}},
    {"Dao": {"propose": {"agent": 0, "motion": "Pause"}}},
    {"Dao": {"propose": {"agent": 0, "motion": {"SetRules": {"rules": RULES}}}}},
    {"Dao": {"propose": {"agent": 0, "motion": {"SetGuardian": {"who": None, "term": 1}}}}},
    {"Dao": {"delegate": {"agent": 1, "to": ss58.encode(BOB)}}},
    {
        "Curves": {
            "create": {
                "agent": 0,
                "name": "",
                "symbol": "x",
                "decimals": 0,
                "shape": {
                    "Piecewise": {
                        "segments": [dict.fromkeys(("until", "base", "slope", "coefficient", "drop", "divisor"), 1)]
                    }
                },
                "terms": {
                    "max_supply": 1,
                    "graduates_at": 5,
                    "fees": {"creator": 1, "treasury": 2, "holders": 3},
                    "launch_tax": {"start": 0, "duration": 0},
                },
            }
        }
    },
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: ".".join((*call, *map(str, call.values())))[:40])
def test_calls_are_what_the_chain_decodes_and_encodes(described: Described, call: dict[str, Any]) -> None:
    data = described.encode_call(call)
    decoded = RUNTIME.decode_call(data)
    assert RUNTIME.encode_call(decoded) == data
    again = described.decode_call(data)
    assert list(again) == list(call) and described.encode_call(again) == data


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"Nothing": {}}, "not one of System"),
        ({"System": {"remark": {}}}, "the call.System.remark has to have remark"),
        ({"System": {"remark": {"remark": "a", "more": 1}}}, "not remark, more"),
        ({"System": {"remark": {"remark": "0xf"}}}, "the call.System.remark.remark is not bytes in hex"),
        ({"Balances": {"transfer_keep_alive": {"dest": "5x", "value": 1}}}, "no address"),
        ({"Balances": {"transfer_keep_alive": {"dest": "0x00", "value": 1}}}, "1 bytes, not 32"),
        ({"Balances": {"transfer_keep_alive": {"dest": BOB, "value": 2**128}}}, f"from 0 to {2**128 - 1}"),
        ({"Balances": {"transfer_keep_alive": {"dest": BOB, "value": True}}}, "whole number"),
        ({"Balances": {"transfer_keep_alive": {"dest": BOB, "value": "-1"}}}, "whole number"),
        ({"Utility": {"batch": {"calls": {}}}}, "has to be a list"),
        ([], "an object of one name"),
    ],
)
def test_what_is_no_call_is_said_where(described: Described, call: Any, said: str) -> None:
    with pytest.raises(BadValue, match=said.replace("*", ".")):
        described.encode_call(call)


def test_calls_in_calls_end_somewhere(described: Described) -> None:
    call: Any = "remove_key"
    call = {"Sudo": call}
    for _ in range(100):
        call = {"Utility": {"batch": {"calls": [call]}}}
    with pytest.raises(BadValue, match="too deep"):
        described.encode_call(call)


def test_plain_values() -> None:
    registered: dict[str, Any] = {
        "a": ("Some", {0: {0: b"x"}}),
        "b": ("None", {}),
        "c": [("Voting", {})],
        "d": ("Spend", {"amount": 1}),
    }
    assert plain(registered) == {"a": b"x", "b": None, "c": ["Voting"], "d": {"Spend": {"amount": 1}}}
    assert plain({0: 1, 1: {}}) == [1, {}]
