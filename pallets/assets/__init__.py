"""Tokens beside the native one: `pallet` is the page."""
