"""Foreign chains' own Wasm runtimes, executed through the Substrate host API on wasmtime."""
