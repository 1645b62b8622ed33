"""Chains that others serve: Kusama, Phala and the like, by JSON-RPC, through endpoints that aren't trusted.

| module | what |
| --- | --- |
| `networks` | names, public endpoints, genesis hashes |
| `remote` | one client over several endpoints: failover, rests, rate limits |
| `chain` | blocks checked against their hashes, storage, runtimes |
| `follow` | blocks as they come, resumed where a connection broke off |
| `decoder` | what is asked of who decodes; `portable` and `named` do |
| `phala` | Phala's workers, sessions, pools, clusters, contracts |
| `cli` | `fathom connect` |
| `submit` | `fathom submit` |
| `mirror` | `fathom mirror` |
"""
