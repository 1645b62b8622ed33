"""The token: `pallet` is the page."""
