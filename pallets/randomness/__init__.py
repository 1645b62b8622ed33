"""Randomness that no author can choose: `pallet` is the page."""
