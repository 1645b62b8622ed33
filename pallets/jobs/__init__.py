"""An agent's script run by attested workers: `pallet` is the page."""
