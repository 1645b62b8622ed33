"""Accounts that may call for others: `pallet` is the page."""
