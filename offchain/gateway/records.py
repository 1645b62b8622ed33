"""What a gateway reads of the chain's agents and of who serves them: keys and codecs."""

from __future__ import annotations

from typing import Any

from offchain.chain import StorageItem
from pallets.primitives.agent_record import Agent, AgentId
from pallets.primitives.codec import Codec, codec_of
from pallets.primitives.hashing import Blake2_128Concat, Identity
from pallets.primitives.service import AccessPolicy, ServicePolicy
from pallets.primitives.types import U32, AccountId, Balance
from pallets.primitives.worker import WorkerKey
from pallets.primitives.worker_record import ClassId

BY_AGENT = (AgentId, Blake2_128Concat)

NEXT_AGENT: StorageItem[int] = StorageItem("Agents", "NextAgent", AgentId)
AGENT: StorageItem[Agent] = StorageItem("Agents", "Agent", Agent, BY_AGENT)
REQUIREMENTS: StorageItem[int] = StorageItem("Agents", "Requirements", ClassId, BY_AGENT)
SERVICE: StorageItem[ServicePolicy] = StorageItem("Agents", "Service", ServicePolicy, BY_AGENT)
ACCESS: StorageItem[AccessPolicy] = StorageItem("Agents", "Access", AccessPolicy, BY_AGENT)
CALLS: StorageItem[int] = StorageItem("Agents", "Calls", Balance, BY_AGENT)
"""What an agent may spend a day on agents that it calls."""
ELIGIBLE: StorageItem[bytes] = StorageItem("Workers", "Eligible", WorkerKey, (tuple[ClassId, U32], Identity))
"""The workers of a class that serve, by their place in its list, without gaps."""

WHO = codec_of(tuple[AgentId, AccountId])
"""What `DaoApi_settled` is asked."""
SETTLED: Codec[Any] = codec_of(Balance | None)
"""What it answers."""
