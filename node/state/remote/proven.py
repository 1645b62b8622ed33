"""What is known of a state by proofs: the nodes of its tries, as far as they lead from the state root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from node.state.remote.entries import Entries
from node.state.remote.errors import NotProven
from node.state.remote.missing import Child, Missing, Page, Want, likely_prefix
from node.state.remote.walk import Step, descend, digits_of, end_of, key_through, nibbles, path_of
from node.state.trie import EMPTY_ROOT
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError
from pallets.primitives.trie_node import HASH_SIZE, Node, decode_node

CHILD_ROOTS = b":child_storage:default:"
"""Of the top trie: in front of a child trie's name, where its root is."""
MAX_HANGING = 1 << 16


class ProvenTrie:
    """One trie. What isn't here is raised as `Missing`, with a key on whose way it is."""

    def __init__(self, root: bytes, child: Child, entries: Entries) -> None:
        self.root = root
        self._child, self._entries = child, entries
        self._hanging: dict[str, bytes] = {}
        """The hashes of nodes by the paths at which they hang, of those that were asked for: nodes are, from above."""

    def get(self, key: bytes) -> bytes | None:
        """A value."""
        node = self._node_of(key)
        if node is None or node.value_hash is None:
            return None if node is None else node.value
        value = self._entries.get(node.value_hash)
        if value is None:
            raise Missing((Want(self._child, key),))
        return value

    def _node_of(self, key: bytes) -> Node | None:
        """The node whose whole path a key is."""
        if self.root == EMPTY_ROOT:
            return None
        path, at = nibbles(key), 0
        reference: bytes | None = self.root
        while reference is not None:
            node = decode_node(reference) if len(reference) < HASH_SIZE else self._entries.node(reference)
            if node is None:
                raise Missing((Want(self._child, key),))
            if not path.startswith(node.partial, at):
                return None
            at += len(node.partial)
            if at == len(path):
                return node
            reference = node.children[path[at]] if node.children else None
            at += 1
        return None

    def node(self, path: str) -> bytes | None:
        """The encoding of the node that hangs at a path, `None` where none does."""
        reference = self._hanging.get(path) or self._below_known(path)
        if reference is None:
            at = path_of(path)
            found = next((step for step in self._way(at) if step.at == at), None)
            if found is None:
                return None
            if found.is_inline:
                return found.encoded
            reference = blake2_256(found.encoded)
        if len(self._hanging) >= MAX_HANGING:
            self._hanging.clear()
        self._hanging[path] = reference
        return self._load(reference, path_of(path))[0]

    def _below_known(self, path: str) -> bytes | None:
        """The hash of the node at a path where its parent was asked for before, and hangs one digit above."""
        above = self._hanging.get(path[:-1]) if path else None
        parent = None if above is None else self._entries.node(above)
        if parent is None or parent.partial or not parent.children:
            return None
        reference = parent.children[int(path[-1], 16)]
        return reference if reference is not None and len(reference) == HASH_SIZE else None

    def keys_from(self, start: bytes, prefix: bytes) -> Iterator[bytes]:
        """The keys under a prefix from `start` on, which is at or below it, itself included, ascending."""
        if self.root == EMPTY_ROOT:
            return
        low, under = nibbles(start), nibbles(prefix)
        likely = likely_prefix(start, prefix)
        after = None if start == prefix else start
        pending = [(b"", self.root)]
        while pending:
            at, reference = pending.pop()
            if (at < low and not low.startswith(at)) or not (at.startswith(under) or under.startswith(at)):
                continue
            node = decode_node(reference) if len(reference) < HASH_SIZE else self._entries.node(reference)
            if node is None:
                through = prefix if under.startswith(at) else start if low.startswith(at) else key_through(at)
                goes_on = at.startswith(nibbles(likely)) or nibbles(likely).startswith(at)
                listed = likely if goes_on else prefix
                raise Missing(
                    (Want(self._child, through),), Page(self._child, listed, None if after == listed else after)
                )
            end = at + node.partial
            if (node.value is not None or node.value_hash is not None) and end >= low and end.startswith(under):
                after = bytes.fromhex(digits_of(end))
                yield after
            for slot in range(len(node.children) - 1, -1, -1):
                child = node.children[slot]
                if child is not None:
                    pending.append((end + bytes((slot,)), child))

    def lacks(self, key: bytes) -> bool:
        """Whether something on the way to a key, or its value, isn't here."""
        try:
            self.get(key)
        except Missing:
            return True
        return False

    def verified(self, proof: Mapping[bytes, bytes], keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those entries of a proof, by hash, that the ways to keys need and that weren't here; raises `NotProven`."""
        used: dict[bytes, bytes] = {}
        opened: dict[bytes, Node] = {}

        def entry(digest: bytes, what: str) -> bytes:
            known = self._entries.get(digest)
            if known is None:
                known = used[digest] = proof.get(digest, b"")
                if not known and digest not in proof:
                    raise NotProven(f"the read proof lacks {what}, which should have the hash 0x{digest.hex()}")
            return known

        def load(digest: bytes, at: bytes) -> tuple[bytes, Node]:
            encoded = entry(digest, f"the node at {digits_of(at) or 'the root'}")
            node = opened.get(digest)
            if node is None:
                node = opened[digest] = decode_node(encoded)
            return encoded, node

        try:
            for key in keys if self.root != EMPTY_ROOT else ():
                path = nibbles(key)
                node = end_of(descend(self.root, path, load), path)
                if node is not None and node.value_hash is not None:
                    entry(node.value_hash, f"the value of 0x{key.hex()}")
        except DecodeError as error:
            raise NotProven(f"the state root leads to what is no trie: {error}") from None
        return used

    def _way(self, path: bytes) -> Iterator[Step]:
        return iter(()) if self.root == EMPTY_ROOT else descend(self.root, path, self._load)

    def _load(self, digest: bytes, at: bytes) -> tuple[bytes, Node]:
        encoded = self._entries.get(digest)
        if encoded is None:
            raise Missing((Want(self._child, key_through(at)),))
        node = self._entries.node(digest)
        assert node is not None
        return encoded, node


class ProvenState:
    """A state whose root is known: all its tries."""

    proves = True

    def __init__(self, state_root: bytes, entries: Entries) -> None:
        self._entries = entries
        self._top = ProvenTrie(state_root, None, entries)

    def trie(self, child: Child) -> ProvenTrie:
        """One of its tries; raises `Missing`."""
        if child is None:
            return self._top
        root = self._top.get(CHILD_ROOTS + child)
        return ProvenTrie(root if root is not None and len(root) == HASH_SIZE else EMPTY_ROOT, child, self._entries)

    def root(self, child: Child) -> bytes:
        return self.trie(child).root

    def get(self, want: Want) -> bytes | None:
        return self.trie(want.child).get(want.key)

    def node(self, child: Child, path: str) -> bytes | None:
        return self.trie(child).node(path)

    def keys_from(self, child: Child, start: bytes, prefix: bytes) -> Iterator[bytes]:
        return self.trie(child).keys_from(start, prefix)

    def lacks(self, want: Want) -> bool:
        """Whether a value, or a proof that it is absent, isn't here."""
        try:
            return self.trie(want.child).lacks(want.key)
        except Missing:
            return True

    def take(self, child: Child, keys: list[bytes], proof: list[bytes]) -> None:
        """Takes over what a proof shows of these keys; raises `NotProven`, and then takes nothing.

        The proof of a child trie's keys also leads to that trie.
        """
        entries = {blake2_256(entry): entry for entry in proof}
        if child is None:
            self._entries.put(self._top.verified(entries, keys))
            return
        self._entries.put(self._top.verified(entries, (CHILD_ROOTS + child,)))
        self._entries.put(self.trie(child).verified(entries, keys))
