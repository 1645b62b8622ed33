"""Off-chain workers: a program of its own that knows the chain through JSON-RPC alone."""
