"""Chains of others on this node: their own Wasm runtimes, their inherents, and the cheats of a fork.

## Overview

`runtime.WasmRuntime` is the second implementation of `node.executor.Runtime`: everything above the door stays as it is.

| module | |
| --- | --- |
| `runtime` | a foreign `:code` behind the door: building, validating, calling |
| `trial` | a block of it step by step |
| `held` | a state of the node as the engine reads it, and its name |
| `described` | events, errors, extrinsics and storage by the runtime's own metadata |
| `authorship` | slots and pre-runtime digests for Aura, BABE, and chains without either |
| `inherents` | what an author brings: time, slots, the relay chain's data, the parachains' |
| `cheats` | what is done to the state by hand |
"""
