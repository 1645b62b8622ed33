"""`fathom bench`: what a node costs, measured from outside on real node processes.

## Overview

| module | its part |
| --- | --- |
| `cli` | the commands, and how figures are printed |
| `start`, `transfers`, `state` | one bench each: `measure(...)` answers its figures |
| `curves` | the same, of the runtime alone in this process |
| `process` | node processes: started, pinned to a core, weighed, ended |
| `client` | a blocking JSON-RPC client over WebSocket, with frames made beforehand |
| `accounts`, `prepared` | who is funded, and a chain on which they are |
| `sender` | the process that signs and sends transfers |
| `stages` | a node under a sampling profiler, for cost by stage |
| `verification` | one sr25519 verification, the unit of the ratios |

How figures are taken, and what they were, is in `docs/benchmarks.md`.

## Out of scope

Anything inside the node, for all but `curves`: they start it as its users do, and talk JSON-RPC. They need Linux
(`/proc`, CPU affinity).
"""
