"""What a proven fault costs: `pallet` is the page."""
