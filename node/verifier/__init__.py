"""Signatures of submitted transactions, verified in processes beside the node's own."""
