"""Reading the chain after one block: storage, constants, runtime APIs, events, in the runtime's own types."""

from __future__ import annotations

from typing import Any

from node.chain.stored import BlockRef
from node.state.backend import UnknownBlock
from node.testing.accounts import Who
from node.testing.arguments import bound, converted
from node.testing.blocks import Blocks
from node.testing.errors import InvalidArgument
from node.testing.events import Events
from node.testing.names import Names, two_levels
from pallets.frame.runtime_api import ApiMethod
from pallets.frame.storage import CountedMap, DoubleMap, Item, Map, TripleMap
from pallets.primitives.annotations import tuple_type
from pallets.primitives.header import Header


class View:
    """The chain after one block. Once that block is reverted, reading raises `UnknownBlock`."""

    def __init__(self, blocks: Blocks, block: BlockRef | None) -> None:
        """`None` is whichever block is the best."""
        self._blocks, self._fixed = blocks, block

    @property
    def block(self) -> BlockRef:
        """Hash and number of the block."""
        return self._fixed or self._blocks.chain.best

    @property
    def number(self) -> int:
        return self.block.number

    @property
    def hash(self) -> bytes:
        return self.block.hash

    @property
    def header(self) -> Header:
        header = self._blocks.chain.header(self.hash)
        if header is None:
            raise UnknownBlock(self.hash)
        return header

    @property
    def extrinsics(self) -> list[bytes]:
        """The block's extrinsics, inherents first, as they are on the wire."""
        body = self._blocks.chain.body(self.hash)
        if body is None:
            raise UnknownBlock(self.hash)
        return body

    @property
    def timestamp(self) -> int:
        """The block's time in milliseconds since the Unix epoch; 0 for genesis."""
        return int(self.query.timestamp.now())

    @property
    def events(self) -> Events:
        """What happened in the block."""
        return Events([record.event for record in self._blocks.events(self.hash)], self.names.event)

    def balance(self, who: Who) -> int:
        """What an account has free, in the smallest parts of a token."""
        return int(self.query.system.account(who).data.free)

    def nonce(self, who: Who) -> int:
        """How many transactions an account has in the chain."""
        return int(self.query.system.account(who).nonce)

    @property
    def query(self) -> Any:
        """Storage: `query.system.account(ALICE)`, `query.sudo.key()`, `query.system.account.entries()`."""
        return two_levels(
            "pallet", "storage item", self.names.items, lambda pallet, item: Storage(self._blocks, self, pallet, item)
        )

    @property
    def constants(self) -> Any:
        """The runtime's constants: `constants.balances.existential_deposit`."""
        runtime = self._blocks.runtime(self.hash)
        return two_levels(
            "pallet",
            "constant",
            self.names.constants,
            lambda pallet, attribute: getattr(getattr(runtime, pallet), attribute),
        )

    @property
    def api(self) -> Any:
        """Runtime APIs: `api.account_nonce_api.account_nonce(ALICE)`."""
        return two_levels(
            "runtime API", "function", self.names.apis, lambda name, method: ApiCall(self._blocks, self, method)
        )

    @property
    def names(self) -> Names:
        """All names that the runtime after this block declares."""
        return self._blocks.names(self.hash)


class Storage:
    """One storage item after one block, or at the head."""

    def __init__(self, blocks: Blocks, view: View, pallet: str, item: Item) -> None:
        self._blocks, self._view, self._pallet, self._item = blocks, view, pallet, item
        self._keys = item.arguments[:-1] if isinstance(item, Map | DoubleMap | TripleMap) else ()

    @property
    def _title(self) -> str:
        return f"query.{self._pallet}.{self._item.attribute.strip('_')}"

    def _bound(self) -> Any:
        return getattr(getattr(self._blocks.runtime(self._view.hash), self._pallet), self._item.attribute)

    def __call__(self, *keys: Any) -> Any:
        """The value, under its key or keys where it is a map: the default, or `None`, where nothing is stored."""
        if len(keys) != len(self._keys):
            entries = "; .entries() has all values" if self._keys else ""
            raise InvalidArgument(f"{self._title} takes {len(self._keys)} keys, not {len(keys)}{entries}")
        found = self._bound()
        if not keys:
            return found
        wanted = self._converted(keys)
        if self._item.default_value is None:
            return found.get(*wanted)
        return found[wanted[0] if len(wanted) == 1 else wanted]

    def entries(self, *first: Any) -> dict[Any, Any]:
        """All values of a map by key, in the order of storage; of a double map those under its first key, if given."""
        if not self._keys or len(first) >= len(self._keys):
            raise InvalidArgument(f"{self._title}.entries() is for maps, and takes fewer keys than there are")
        found = self._bound()
        return dict(found.prefix(*self._converted(first)) if first else found.items())

    def count(self) -> int:
        """How many entries a map has."""
        return len(self._bound()) if isinstance(self._item, CountedMap) else len(self.entries())

    def _converted(self, keys: tuple[Any, ...]) -> tuple[Any, ...]:
        pairs = enumerate(zip(self._keys, keys, strict=False))
        return tuple(converted(kind, key, f"{self._title}: key {place}") for place, (kind, key) in pairs)


class ApiCall:
    """One function of a runtime API on the state after one block, through its codecs as `state_call` would."""

    def __init__(self, blocks: Blocks, view: View, method: ApiMethod) -> None:
        self._blocks, self._view, self._method = blocks, view, method

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Its answer; raises `InvalidArgument`, and `RuntimeTrap` where the runtime fails."""
        method, view = self._method, self._view
        codecs = self._blocks.runtime(view.hash).codecs
        given = bound(method.wire_name, method.params, arguments, named)
        data = codecs.of(tuple_type(tuple(kind for _, kind in method.params))).encode(given or None)
        answer = self._blocks.chain.call(view.hash, method.wire_name, data)
        return codecs.of(method.output).decode_all(answer)
