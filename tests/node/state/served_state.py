"""A state that is served to a fork in the test's own process: its nodes come from the naive trie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import trio

from node.state.remote import Fetcher, ForkedBlock, MethodRefused
from node.state.remote.cache import Cache
from tests.node.state.naive_trie import Entries, blake2, header, parted, scale_bytes

T = TypeVar("T")
ROOTS = b":child_storage:default:"
GENESIS, BLOCK = b"\x67" * 32, b"\x62" * 32


def naive_nodes(values: Mapping[bytes, bytes], hashed: set[bytes]) -> tuple[bytes, list[bytes]]:
    """The root of a trie some of whose nodes hold their values by hash, and all that has a hash in it."""
    entries: Entries = [([int(digit, 16) for digit in key.hex()], value) for key, value in values.items()]
    held: list[bytes] = []
    root = _encode(entries, {tuple(int(digit, 16) for digit in key.hex()) for key in hashed}, (), held)
    return blake2(root), [root, *held]


def _encode(entries: Entries, hashed: set[tuple[int, ...]], path: tuple[int, ...], held: list[bytes]) -> bytes:
    if not entries:
        return bytes(1)
    partial, own, children = parted(entries)
    path += tuple(partial)
    by_hash = own is not None and path in hashed
    out = header(bool(children), own is not None, by_hash, len(partial))
    digits = [0, *partial] if len(partial) % 2 else partial
    out += bytes(16 * high + low for high, low in zip(digits[::2], digits[1::2], strict=True))
    if children:
        out += sum(2**nibble for nibble in children).to_bytes(2, "little")
    if own is not None:
        out += blake2(own) if by_hash else scale_bytes(own)
        if by_hash:
            held.append(own)
    for nibble in sorted(children):
        child = _encode(children[nibble], hashed, (*path, nibble), held)
        if len(child) >= 32:
            held.append(child)
        out += scale_bytes(child if len(child) < 32 else blake2(child))
    return out


class Served:
    """A state as an endpoint serves it; what it was asked is in `asked`."""

    def __init__(
        self,
        values: Mapping[bytes, bytes],
        hashed: set[bytes] = frozenset(),  # type: ignore[assignment]
        children: Mapping[bytes, Mapping[bytes, bytes]] | None = None,
        *,
        proves: bool = True,
    ) -> None:
        self.children = {name: dict(held) for name, held in (children or {}).items() if held}
        self.entries: list[bytes] = []
        top = dict(values)
        for name, held in self.children.items():
            top[ROOTS + name], entries = naive_nodes(held, set())
            self.entries += entries
        self.values = top
        self.root, entries = naive_nodes(top, hashed)
        self.entries += entries
        self.proves = proves
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.change: Callable[[str, Any], Any] = lambda method, result: result
        """What becomes of a result on its way."""
        self.singly = False
        """Whether it answers for one value at a time, where it gives no proofs."""
        self.delay = 0.0

    @property
    def block(self) -> ForkedBlock:
        return ForkedBlock(GENESIS, BLOCK, self.root)

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    async def fetcher(self, cache: Cache | None = None) -> Fetcher:
        return await Fetcher.open(self, self.block, cache)

    async def __call__(self, method: str, *params: Any, check: Callable[[Any], T]) -> T:
        self.asked.append((method, params))
        await trio.sleep(self.delay)
        return check(self.change(method, self._answer(method, *params)))

    def _answer(self, method: str, *params: Any) -> Any:
        assert params[-1] == "0x" + BLOCK.hex()
        match method:
            case "state_getReadProof" | "state_getChildReadProof":
                if not self.proves:
                    raise MethodRefused("no proofs here")
                return {"at": params[-1], "proof": ["0x" + entry.hex() for entry in dict.fromkeys(self.entries)]}
            case "state_getKeysPaged":
                return self._page(self.values, *params)
            case "childstate_getKeysPaged":
                return self._page(self._child(params[0]), *params[1:])
            case "state_queryStorageAt" | "childstate_getStorageEntries" if self.singly:
                raise MethodRefused("one at a time")
            case "state_getStorage":
                return _found(self.values, params[0])
            case "childstate_getStorage":
                return _found(self._child(params[0]), params[1])
            case "state_queryStorageAt":
                return [{"block": params[-1], "changes": [[key, _found(self.values, key)] for key in params[0]]}]
            case "childstate_getStorageEntries":
                return [_found(self._child(params[0]), key) for key in params[1]]
        raise AssertionError(method)

    def _child(self, name: str) -> Mapping[bytes, bytes]:
        return self.children.get(bytes.fromhex(name[2:])[len(ROOTS) :], {})

    def _page(self, values: Mapping[bytes, bytes], prefix: str, count: int, after: str | None, block: str) -> list[str]:
        under = [key.hex() for key in sorted(values) if key.hex().startswith(prefix[2:])]
        return ["0x" + key for key in under if after is None or key > after[2:]][:count]


def _found(values: Mapping[bytes, bytes], key: str) -> str | None:
    value = values.get(bytes.fromhex(key[2:]))
    return None if value is None else "0x" + value.hex()


def keys_in(served: Sequence[tuple[str, tuple[Any, ...]]]) -> int:
    """How many keys proofs were asked for."""
    return sum(len(params[-2]) for method, params in served if method.endswith("ReadProof"))
