"""A block of the past executed once more, on the state it was executed on: `fathom replay`.

## Overview

| module | |
| --- | --- |
| `block` | the block, what is known of what it left, and what executing it again leaves |
| `past` | the state before it: held, or fetched as it is read |
| `foreign` | execution by the chain's own Wasm runtime |
| `native` | execution by our own pallets |
| `files` | blocks and states from files |
| `history` | from a genesis up to the block before |
| `endpoint` | blocks and states from a chain that others serve |
| `names` | storage keys by the names of the chain's metadata |
| `comparison` | what was said and what came out, side by side |
| `run`, `report` | from a block's place to the outcome, and how it is told |
| `cli` | the command |

A foreign block is executed twice: step by step, which gives its header, its events and what each step changed; and as a
whole by `Core_execute_block`, as every node that imports it does, which tells how long host functions took.

## Errors

`node.replay.errors`; of a chain that others serve, those of `offchain.connect.errors` and `node.state.remote`.

## Out of scope

Seals and finality: whether the block was its author's to make.
"""
