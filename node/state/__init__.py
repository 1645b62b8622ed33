"""State: the flat values, their trie, and proofs of them."""
