"""Contracts as people handle them: by their metadata, on a chain and through a gateway."""
