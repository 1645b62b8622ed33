"""Models for agents: OpenAI's HTTP API, answered by any compatible server or by small models on this machine.

*Overview.* `opening.open_provider` makes a provider of the operator's `--ai`; `virtual.answer` serves OpenAI's HTTP
API from it, which is all that scripts see. `provider` has the contract and every error. `openai_compatible` asks a
server at a URL, `embedded` the models of this machine, each in a process of its own (`model_process`, `model_program`
with `smollm` or `minilm`). `service` is that same API on a port of loopback, which several workers share.

*Out of scope.* When a script may ask, and what it is charged: the worker's `outside`.
"""
