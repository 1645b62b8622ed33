"""What calls of an agent over HTTP cost, and passes that let an account call free: on a chain, by an account.

Errors: `NoSuchAgent`, and those of `offchain.chain`.
"""

from __future__ import annotations

from offchain.authoring.channels import agent_number
from offchain.authoring.deployment import AGENTS
from offchain.chain import Chain
from offchain.records import NOW
from offchain.serving.receipt_records import ACCESS
from pallets.primitives.access_pass import SIGNED_PASS, AccessPass, SignedPass, pass_bytes
from pallets.primitives.agent_record import AgentId
from pallets.primitives.codec import codec_of
from pallets.primitives.keys import Keypair
from pallets.primitives.service import OPEN_ACCESS, AccessPolicy

SET_ACCESS = codec_of(tuple[AgentId, AccessPolicy])


async def access_of(chain: Chain, agent: str) -> AccessPolicy:
    """What calls of an agent cost beside their gas, and who calls free."""
    return await chain.read(ACCESS, await agent_number(chain, agent)) or OPEN_ACCESS


async def set_access(chain: Chain, governor: Keypair, agent: str, access: AccessPolicy) -> None:
    """Says so, as who governs the agent."""
    call = bytes((AGENTS, 11)) + SET_ACCESS.encode((await agent_number(chain, agent), access))
    await chain.require_success(await chain.submit_signed(governor, call))


async def sign_pass(chain: Chain, caller: Keypair, agent: str, milliseconds: int, now_ms: int) -> str:
    """The hex of a pass for an agent that expires in so many milliseconds, of this machine's clock or the chain's."""
    number = await agent_number(chain, agent)
    now = max(await chain.read(NOW) or 0, now_ms)  # as gateways go by
    access = AccessPass(caller.account_id, number, now + milliseconds)
    signed = SignedPass(access, caller.sign(pass_bytes(chain.genesis, access)))
    return f"0x{SIGNED_PASS.encode(signed).hex()}"
