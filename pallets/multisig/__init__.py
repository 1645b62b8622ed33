"""Accounts that several keys hold together: `pallet` is the page."""
