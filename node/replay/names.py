"""Storage keys by the names that a chain's metadata gives them, and their values in plain terms."""

from __future__ import annotations

from typing import Any, NamedTuple

from offchain.connect.decoder import Decoder, Event, Undecodable
from offchain.metadata import UnreadableMetadata

PREFIX = 32
MAX_PLAIN = 1 << 16
"""Bytes of a value that is taken apart."""


class Name(NamedTuple):
    """A storage key as people read it; `keys` are `None` where they can't be told."""

    item: str
    keys: list[Any] | None = None

    def __str__(self) -> str:
        return self.item if self.keys is None or not self.keys else f"{self.item}({', '.join(map(_short, self.keys))})"


class Names:
    """What a runtime's metadata says of storage; of nothing where it can't be read."""

    def __init__(self, decoder: Decoder | None) -> None:
        self.decoder = decoder
        pallets = [] if decoder is None else decoder.pallets
        self._items = {
            decoder.key(pallet.name, item.name, []): (pallet.name, item.name)
            for pallet in pallets
            for item in pallet.storage
            if decoder is not None
        }

    @classmethod
    def of(cls, metadata: bytes | None, prefix: int, types: str | None, spec: int) -> tuple[Names, str | None]:
        """The names of a runtime, and what is wrong with its metadata; `prefix` is that of the chain's addresses."""
        from offchain.connect.chain import decoder_of

        if metadata is None:
            return cls(None), "the runtime doesn't tell its metadata"
        try:
            return cls(decoder_of(metadata, prefix, types, spec)), None
        except UnreadableMetadata as error:
            return cls(None), str(error)

    def name(self, key: bytes) -> Name:
        """What a key is called: in hex where it has no name."""
        pallet, item = self._items.get(key[:PREFIX], (None, None))
        if pallet is None or item is None or self.decoder is None:
            is_text = key.startswith(b":") and key.isascii() and key.decode().isprintable()
            return Name(key.decode() if is_text else f"0x{key.hex()}")
        if len(key) == PREFIX:
            return Name(f"{pallet}.{item}")
        try:
            return Name(f"{pallet}.{item}", self.decoder.keys_in(pallet, item, key))
        except Undecodable:
            return Name(f"{pallet}.{item}(0x{key[PREFIX:].hex()})")

    def value(self, key: bytes, data: bytes | None) -> Any:
        """The plain value of what is stored under a key: bytes where it has no type, `None` where nothing is."""
        pallet, item = self._items.get(key[:PREFIX], (None, None))
        if data is None or pallet is None or item is None or self.decoder is None or len(data) > MAX_PLAIN:
            return data
        try:
            return self.decoder.value(pallet, item, data)
        except Undecodable:
            return data

    def events(self, data: bytes | None) -> list[Event] | None:
        """Events; `None` where they can't be read."""
        if self.decoder is None:
            return None
        try:
            return self.decoder.events(data)
        except Undecodable:
            return None

    def call(self, extrinsic: bytes) -> str | None:
        """`Pallet.call` of an extrinsic."""
        if self.decoder is None:
            return None
        try:
            found = self.decoder.extrinsic(extrinsic)
        except Undecodable:
            return None
        return f"{found.pallet}.{found.call}"


def _short(key: Any) -> str:
    text = str(key)
    return text if len(text) <= 66 else f"{text[:63]}…"
