"""The state of a chain that others serve, at the block that it was forked from: read when it is needed, and proven.

## Overview

Everything above stays synchronous. `RemoteState` answers from what is here; what isn't here yet is raised as `Missing`,
which rises through all that read it to the nearest door that may wait. There `reading` has the `Fetcher` bring what was
missing, and does the work again from its start, so nothing half done is ever kept.

The endpoint isn't trusted. What is fetched are nodes of the forked block's trie (`state_getReadProof`), kept by their
hash and found from the state root alone, which is in the header that the block's hash names. So every value, every
absence and every end of a range is proven when it is read; keys that an endpoint lists (`state_getKeysPaged`) are only
a hint which nodes to ask for. Where no endpoint gives proofs (`Fetcher.proves`), values and keys are what it says, and
nothing has a root: what would need one raises `NoProofs`.

| module | |
| --- | --- |
| `missing` | `Missing`, `reading` |
| `fetcher` | what is asked for, how much at once, by whom it is shared |
| `asking` | the questions themselves, and the checks of answers |
| `state` | `RemoteState` |
| `proven`, `believed` | what is known of a state, with proofs and without |
| `entries` | proven nodes and values, by their hash |
| `walk` | ways through a trie that is here in parts |
| `children` | child tries in the changes of blocks: `flattened`, `ChildState`, `FlatUpdate` |
| `update` | what changes do to such a trie: `PartialUpdate` |
| `proof` | read proofs of such a trie, for who forks the fork |
| `cache` | what was fetched, on disk |

## Usage

```python
block = ForkedBlock(genesis_hash, block_hash, header.state_root)         # whose header has that hash
with open_cache(directory, block.genesis) as cache:                      # or None: nothing survives the process
    fetcher = await Fetcher.open(ask, block, cache)                      # `ask`: `node.commands.endpoints.ask_of`
    state = RemoteState(fetcher.known, version=1)                        # a `node.state.backend.State`
    await fetcher.prefetch(keys)                                         # what is known to be read: one question
    value = await reading(fetcher, lambda: state.get(key))
    page = await reading(fetcher, lambda: list(islice(state.keys(prefix, after), 100)))

    after = ForkState(state, deltas)                                     # local writes over it, as over any state
    def updated() -> PartialUpdate:                                      # in place of `node.state.trie.Update`
        update = PartialUpdate(after, changes, version)                  # made anew in each attempt
        update.run()
        return update

    delta = Delta((update := await reading(fetcher, updated)).root, changes, update.nodes)
    proof = await reading(fetcher, lambda: prove(after, keys))           # in place of `node.state.proof.prove`


    child = state.child(name)                                            # a child trie is a state of its own
```

`node(path)` of such a state is the bare encoding of the node at a path, leaf or branch, not a record of
`node.state.branch`: `PartialUpdate.nodes` and `Delta.nodes` hold the same.

## Errors

```
RemoteStateError
├── NotProven           no endpoint's proof leads from the state root to what was asked for
├── WrongAnswer         an answer that can't be: not of the method's shape
├── MethodRefused       no endpoint offers a method that is needed
├── AnswerTooLarge      a single value is more than an endpoint may answer
├── NoProofs            no endpoint gives proofs, so this fork has no roots and proves nothing
└── CacheExhausted      one piece of work needs more than the cache holds
```
`NotProven` and `WrongAnswer` are also what the checks raise that `Ask` is given: the endpoint lied, another may not.
What else `Ask` raises (unreachable, wrong network, pruned, limited) goes through unchanged. A `Cache` that can't be
opened raises a `DatabaseError`.

## Out of scope

Connections, retries, rates and failover: whoever gives `Ask`. Where local changes are kept:
`node.state.forked_states`.
"""

from __future__ import annotations

from node.state.remote.asking import Ask
from node.state.remote.cache import Cache, open_cache
from node.state.remote.children import ChildState, FlatUpdate, flattened
from node.state.remote.errors import (
    AnswerTooLarge,
    CacheExhausted,
    MethodRefused,
    NoProofs,
    NotProven,
    RemoteStateError,
    WrongAnswer,
)
from node.state.remote.fetcher import Fetcher
from node.state.remote.missing import Child, Missing, Page, Want, reading
from node.state.remote.proof import closest_descendant, prove
from node.state.remote.state import ForkedBlock, RemoteState
from node.state.remote.update import PartialUpdate

__all__ = [
    "AnswerTooLarge",
    "Ask",
    "Cache",
    "CacheExhausted",
    "Child",
    "ChildState",
    "Fetcher",
    "FlatUpdate",
    "ForkedBlock",
    "MethodRefused",
    "Missing",
    "NoProofs",
    "NotProven",
    "Page",
    "PartialUpdate",
    "RemoteState",
    "RemoteStateError",
    "Want",
    "WrongAnswer",
    "closest_descendant",
    "flattened",
    "open_cache",
    "prove",
    "reading",
]
