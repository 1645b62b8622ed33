"""Who serves, with what stake, and whether they live: `pallet` is the page."""
