"""What all pallets stand on: `pallet` is the page."""
