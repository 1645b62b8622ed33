"""Prometheus metrics under Substrate's names, and what Fathom adds; docs/metrics.md lists them.

`families` puts them together when they are asked for, from what the parts of a node count as they work
(`node.counts`) and from the state of the best block; `exposition` writes them; `endpoint` serves them.
"""
