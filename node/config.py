"""Everything that a command line can say about a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pallets.primitives.hash_onion import DEV_SECRET

MIB = 1024 * 1024
KNOWN_EXPLORERS = ("https://polkadot.js.org", "https://dev.papi.how")

Sealing = Literal["instant", "manual"] | int
"""When blocks are sealed; a number is an interval in milliseconds."""


RpcMethodSet = Literal["auto", "safe", "unsafe"]


class InvalidSealing(ValueError):
    """The sealing mode is none of `instant`, `manual` and a number of milliseconds."""


def parse_sealing(text: str) -> Sealing:
    """The sealing mode of a command line argument; raises `InvalidSealing`."""
    if text == "instant":
        return "instant"
    if text == "manual":
        return "manual"
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise InvalidSealing(f"--sealing takes instant, manual or milliseconds, not {text!r}")


class InvalidPruning(ValueError):
    """The pruning mode is none of `archive`, `archive-canonical` and a number of blocks."""


def parse_pruning(text: str) -> int | None:
    """The number of states to keep, `None` for all; raises `InvalidPruning`."""
    if text in ("archive", "archive-canonical"):
        return None
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise InvalidPruning(f"--state-pruning takes archive, archive-canonical or a number of blocks, not {text!r}")


@dataclass(frozen=True)
class RpcConfig:
    """How JSON-RPC is served. The defaults are Substrate's, except that Substrate bounds no batch."""

    methods: RpcMethodSet = "auto"
    """Which methods are served; `auto` serves unsafe ones unless others than this machine may ask."""
    cors: tuple[str, ...] | Literal["all"] = KNOWN_EXPLORERS
    """Origins of the pages that may ask, beside those of this machine."""
    max_connections: int = 100
    max_request_bytes: int = 15 * MIB
    max_response_bytes: int = 15 * MIB
    max_subscriptions: int = 1024
    """Of one connection."""
    max_batch: int = 1024
    """Requests of one batch; 0 refuses batches."""
    rate_limit: int | None = None
    """Calls a minute that one connection may make."""
    message_buffer: int = 64
    """Notifications that one subscription may have waiting."""


@dataclass(frozen=True)
class PrometheusConfig:
    """Where metrics are served; a port of 0 picks a free one."""

    port: int = 9615
    external: bool = False

    @property
    def host(self) -> str:
        return "0.0.0.0" if self.external else "127.0.0.1"


@dataclass(frozen=True)
class PoolConfig:
    """Bounds of the transaction pool; a tenth of them goes to future transactions on top."""

    max_count: int = 8192
    max_bytes: int = 20 * MIB
    ban_seconds: int = 30 * 60
    """For how long a transaction that turned out invalid is refused."""


@dataclass(frozen=True)
class ForkConfig:
    """How a node goes on with somebody else's chain."""

    code_cache: Path | None
    """Where compiled runtimes are kept: a directory of its owner's alone. `None` compiles anew at each start."""
    mock_signatures: bool = False
    """Whether the mock signature is anybody's from the start."""
    wasm_override: Path | None = None
    """A runtime that takes the place of the chain's."""
    import_storage: Mapping[str, Any] = field(default_factory=dict)
    """Entries of the state by names, which are set before anything else happens."""
    runtime_log_level: int = 3
    """0 (off) to 5 (trace)."""


@dataclass(frozen=True)
class NodeConfig:
    """One node. `base_path` of `None` is a temporary directory, removed at the end."""

    chain: Path
    base_path: Path | None = None
    rpc_port: int = 9944
    rpc_external: bool = False
    sealing: Sealing = "instant"
    author: bool = True
    """Whether it seals and finalises blocks, if its keystore has keys of the chain's authorities."""
    authority: str | None = field(default="//Alice", repr=False)
    """The secret of both of an author's session keys, beside those in the keystore's files."""
    keystore_path: Path | None = None
    """Where the files of the keystore are, if not with the chain."""
    keystore_password: str | None = field(default=None, repr=False)
    name: str = "fathom"
    """What this node is called, for people."""
    onion_secret: bytes = field(default=DEV_SECRET, repr=False)
    finalize_delay: float | None = None
    """Seconds from a block's seal to its finality; `None` is two slots."""
    pool: PoolConfig = PoolConfig()
    state_pruning: int | None = None
    """Of how many final blocks the states are kept; `None` keeps all."""
    load_state: Path | None = None
    """A dumped state to start from; the database must be new. It need not exist where it is `dump_state` too."""
    dump_state: Path | None = None
    """Where to dump the state at the end."""
    verifiers: int = 0
    """How many processes verify the signatures of submitted transactions; without any, the node's own does."""
    rpc: RpcConfig = RpcConfig()
    prometheus: PrometheusConfig | None = None
    """`None` serves no metrics."""
    fork: ForkConfig | None = None
    """Where the chain is somebody else's, whose keys nobody here has."""

    @property
    def state_to_load(self) -> Path | None:
        """The file to start from, if any: one that is also dumped to is made by the first run."""
        given = self.load_state
        makes_it = given is not None and self.dump_state is not None and given.resolve() == self.dump_state.resolve()
        return None if given is not None and makes_it and not given.exists() else given

    @property
    def rpc_host(self) -> str:
        return "0.0.0.0" if self.rpc_external else "127.0.0.1"
