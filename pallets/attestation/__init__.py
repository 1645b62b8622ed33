"""Which worker keys live inside enclaves that the chain trusts: `pallet` is the page."""
