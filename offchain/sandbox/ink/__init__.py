"""ink! contracts, Wasm for `pallet-contracts`, run as agents on the sandbox's wasmtime."""
