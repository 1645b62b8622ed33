"""The committee that holds the key which outlives workers: `pallet` is the page."""
