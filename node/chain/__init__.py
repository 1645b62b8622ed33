"""The chain as the node keeps it: blocks, the pool, production, finality, and who is told of them."""
