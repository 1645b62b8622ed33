"""What nobody should send: parameters that don't fit, those that fit and mean nothing, and documents of any kind.

## Overview

| | what | the answer has to be |
| --- | --- | --- |
| `malformed` | one parameter that its method's gate must not let through | -32602 |
| `strange` | parameters of the right kinds: unknown blocks, cut extrinsics, numbers at edges | the namespace's own |
| `document` | any JSON, made of the words of requests | as it is a request or not |
| `NOT_JSON`, `garbled` | text that is no JSON, or may be none | -32700 |

Everything comes of a `Random`, so that a seed says all.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from random import Random
from typing import Any

from node.rpc.registry import Hash, Hex, Method
from pallets.primitives.annotations import option_of

DEEP = "\0deep\0"
"""Stands for lists within lists, close to the deepest that is read, and beyond what Python's recursion takes."""
_DEEP = "[" * 1000 + "]" * 1000
LONG = "0x" + "f" * 70_001

NO_HEX = [0, 1.5, True, [], {}, "x", "0x1", "0xzz", "0X00", " 0x00", "0x00\0", "ü", LONG, DEEP]
NO_HASH = [*NO_HEX, "", "0x", "00" * 31, "0x" + "00" * 33]
NO_UNSIGNED = [-1, -(2**63), 0.5, 1e300, 2**64, 10**300, "1", "0x1", True, [], [1], {}, DEEP]
NO_TEXT = [0, 1.5, True, [], ["x"], {}, DEEP]
NO_FLAG = [0, 1, 0.5, "\x7f" * 5000, "true", [], {}, DEEP]
NO_LIST = [0, 1.5, True, "x", {}, "0x00"]
OF_NO_KIND = [0, -0.5, True, "x", {"nothing": 1}, [[]], ["x"], [0.5], [{}], [{"key": None, "type": None}], [DEEP]]
"""For parameters that a gate of their own reads."""
UNREAD: list[Any] = [0.5, -0.5, {"nothing": 1}, {"x" * 5000: 1}, {"": DEEP}, DEEP, [DEEP]]
UNREAD += [{"System": {"$removePrefix": [DEEP]}}, {"System": {"Account": DEEP}}, {"System": {"x" * 5000: 1}}]
UNREAD += [{"System": {"Account": [[[DEEP], {}]]}}, {"System": {"Account": [[["x" * 5000], {}]]}}]
UNREAD += [{"Balances": {"TotalIssuance": wrong}} for wrong in [*NO_UNSIGNED[:4], "x" * 5000, {}, DEEP]]
"""For parameters that the method reads itself."""

NOT_JSON = [
    "",
    " ",
    "{",
    "[",
    "[1,",
    '{"id":1,}',
    "NaN",
    '{"jsonrpc":"2.0","id":NaN,"method":"system_chain"}',
    '{"jsonrpc":"2.0","id":1,"method":"system_chain","params":[Infinity]}',
    '{"jsonrpc":"2.0","id":1,"method":"dev_newBlock","params":[1e999]}',
    '{"jsonrpc":"2.0","id":1,"method":"dev_timeTravel","params":[' + "9" * 400 + "]}",
    '{"jsonrpc":"2.0","id":1,"method":"dev_newBlock","params":["\\ud800"]}',
    '{"jsonrpc":"2.0","id":1,"method":"\\udc00\\ud800"}',
    "\ufeff" + '{"jsonrpc":"2.0","id":1,"method":"system_chain"}',
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"id":1,"method":"dev_newBlock","params":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}",
    "'x'",
    "{'id':1}",
    '{"id":01}',
    "true false",
    "\x00",
    "0x00",
]
"""Refused whatever else they hold."""

WORDS = [
    "jsonrpc",
    "id",
    "method",
    "params",
    "result",
    "error",
    "hash",
    "key",
    "type",
    "count",
    "",
    "\0",
    "ü",
    "__proto__",
]
SCALARS = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    -0.0,
    1e300,
    2**53,
    2**63,
    2**64 - 1,
    2**64,
    "2.0",
    "x",
    "0x",
    "0x00",
    "💤",
]


def text_of(message: Any) -> str:
    """A message as it is sent."""
    return json.dumps(message).replace(json.dumps(DEEP), _DEEP)


def namespace(method: str) -> str:
    """`chainHead` of `chainHead_v1_call`."""
    return method.partition("_")[0]


def kinds_of(method: Method) -> dict[str, Any]:
    """What the parameters are, by the names that callers know them by."""
    hints = typing.get_type_hints(method.function, include_extras=True)
    by_name = {name: hints[name] for name, _, _ in method.gates}
    return {
        name: option_of(hint) or hint if not hasattr(hint, "__metadata__") else hint for name, hint in by_name.items()
    }


def wrong(annotation: Any) -> list[Any]:
    """Values that no parameter of this kind may have."""
    simple: dict[Any, list[Any]] = {
        int: NO_UNSIGNED,
        str: NO_TEXT,
        bool: NO_FLAG,
        Hash: NO_HASH,
        Hex: NO_HEX,
        Any: UNREAD,
    }
    if typing.get_origin(annotation) is list:
        return [*NO_LIST, [None], *([each] for each in wrong(typing.get_args(annotation)[0]))]
    return simple.get(annotation, OF_NO_KIND)


class Nonsense:
    """What may be asked of one node, which has these blocks, accounts and extrinsics to speak of."""

    def __init__(self, random: Random, blocks: list[bytes], extrinsics: list[bytes], words: list[str]) -> None:
        """`words` are strings that mean something to some method."""
        self.random, self.blocks, self.extrinsics, self.words = random, blocks, extrinsics, words

    def malformed(self, method: Method) -> Any:
        """Parameters one of which can't be what it is."""
        kinds, choice = kinds_of(method), self.random.choice
        given = [self.fitting(kind) for kind in kinds.values()]
        ways: list[Callable[[], Any]] = [
            lambda: [*given, choice([0, "x", [], {}])],
            lambda: {choice(["nothing", "", "x" * 5000]): 1},
            lambda: choice(["x", 0, 1.5, True]),
        ]
        needed = [place for place, (_, _, optional) in enumerate(method.gates) if not optional]
        if needed:
            missing = choice(needed)
            ways += [lambda: given[:missing], lambda: [*given[:missing], None, *given[missing + 1 :]]]
        if kinds:
            names, place = list(kinds), self.random.randrange(len(kinds))
            given_wrong = [*given[:place], choice(wrong(kinds[names[place]])), *given[place + 1 :]]
            ways += [*5 * [lambda: given_wrong], lambda: dict(zip(names, given_wrong, strict=True))]
        return choice(ways)()

    def strange(self, method: Method) -> Any:
        """Parameters each of which is of the right kind."""
        kinds = kinds_of(method)
        given = [self.fitting(kind) for kind in kinds.values()]
        if self.random.random() < 0.2:
            return dict(zip(kinds, given, strict=True))
        for place, (_, _, optional) in enumerate(method.gates):
            if optional and self.random.random() < 0.4:
                given[place] = None
        return given

    def fitting(self, annotation: Any) -> Any:
        """A value of a kind."""
        random = self.random
        if annotation is Hash:
            return self._hex(random.choice([*self.blocks, bytes(32), random.randbytes(32)]))
        if annotation is Hex:
            return self._hex(self._bytes())
        if annotation is int:
            return random.choice([0, 1, 2, 5, 255, 256, 1000, 1001, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 2**64 - 1])
        if annotation is bool:
            return random.random() < 0.5
        if annotation is str:
            return random.choice([*self.words, "", "\0", "ü" * 50, "x" * 5000, "0x", self._hex(self._bytes())])
        if typing.get_origin(annotation) is list:
            return [self.fitting(typing.get_args(annotation)[0]) for _ in range(random.randrange(4))]
        return self._any()

    def document(self, depth: int = 0) -> Any:
        """Any JSON, most often an object that looks like a request."""
        random = self.random
        kind = random.random()
        if depth > 4 or kind < 0.3:
            return random.choice([*SCALARS, *self.words])
        if kind < 0.5:
            return [self.document(depth + 1) for _ in range(random.randrange(5))]
        made = {random.choice(WORDS): self.document(depth + 1) for _ in range(random.randrange(5))}
        if depth < 2 and random.random() < 0.7:
            made["method"] = random.choice(self.words)
            made["id"] = random.choice([1, "1", None, 0.5, True, 2**64, [], {}])
        return made

    def garbled(self, request: Any) -> str:
        """A request's text with a few characters gone, or others there."""
        text = list(text_of(request))
        for _ in range(self.random.randrange(1, 5)):
            at = self.random.randrange(len(text) + 1)
            text[at : at + self.random.randrange(3)] = self.random.choice(
                [*'"{}[],:1x\\-.eE', "", "\0", "9" * 30, "\\u"]
            )
        return "".join(text)

    def _any(self) -> Any:
        """What a parameter may be that isn't of one kind."""
        random = self.random
        key = {
            "key": self._hex(self._bytes()),
            "type": random.choice(["value", "hash", "descendantsValues"]),
            "returnType": "value",
        }
        return random.choice(
            [
                *SCALARS,
                "\x7f" * 5000,
                random.choice(self.words),
                self._hex(random.choice(self.blocks)),
                self._hex(self._bytes()),
                -random.randrange(100),
                [],
                {},
                [key, key],
                [{"hash": self._hex(random.choice(self.blocks))}, {"extrinsic": self._hex(self._bytes())}],
                [[self._hex(self._bytes()), None], [self._hex(self._bytes()), self._hex(self._bytes())]],
                {
                    "count": random.choice([0, 1, 3, -1, 10_001, 2**63, 0.5, "1"]),
                    "transactions": [self._hex(self._bytes())],
                },
                {"to": random.choice([0, 1, 2**40, -1]), "unsafeBlockHeight": random.choice([0, 3, 2**40])},
                {
                    "extrinsic": random.choice(
                        [self._hex(self._bytes()), {"call": self._hex(self._bytes()), "address": "root"}]
                    )
                },
                {
                    "extrinsic": {"call": "0x0000", "address": random.choice(self.words)},
                    "at": self._hex(random.choice(self.blocks)),
                },
                {
                    "block": {
                        "header": {"digest": {"logs": [self._hex(self._bytes())]}},
                        "extrinsics": [self._hex(self._bytes())],
                    }
                },
                {
                    "System": {"Account": random.choice([DEEP, [[["x"], {}]], {"$removePrefix": []}, 5])},
                    "Balances": {"x": 1},
                },
                {"Balances": {"TotalIssuance": random.choice([DEEP, -1, 2**64, "5", None, {}])}},
            ]
        )

    def _bytes(self) -> bytes:
        random = self.random
        extrinsic = random.choice(self.extrinsics)
        flipped = bytearray(extrinsic)
        flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        cut = extrinsic[: random.randrange(len(extrinsic))]
        garbage = random.randbytes(random.randrange(60))
        few = [b"", b"\0", b"\xff" * 9, bytes(32), b":code", b":child_storage:default:x", random.choice(self.blocks)]
        return random.choice([*few, extrinsic, cut, bytes(flipped), garbage])

    def _hex(self, data: bytes) -> str:
        return data.hex() if self.random.random() < 0.1 else f"0x{data.hex()}"
