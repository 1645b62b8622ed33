"""What a caller is told where no agent answers: status, a reason in one word, and what to do.

Every error is JSON, `{"error", "message", "requestId", "stack"?}`.

```
GatewayError
├── BadRequest           400  the request can't be understood
├── UnknownSecret        401  the vault has no secret of this `key` for this agent
├── PaymentRequired      402  the agent charges, and the caller shows neither voucher nor pass
│   ├── PassForAnother   402  the pass is for another agent
│   ├── PassNotSigned    402  the pass isn't its account's, or not for this chain
│   ├── PassExpired      402  the pass's time is up
│   ├── PassTooLong      402  the pass is good for longer than passes may be
│   ├── TooFewTokens     402  the pass's account hasn't enough locked, or not for long enough
│   └── TooCostly        402  it may cost less than a request does
├── NotFromHere          403  a page of another origin asks for what only this machine's may
├── AgentPaused          403
├── NotFound             404
│   ├── UnknownAgent     404
│   ├── NoApprovedCode   404  the agent has no code yet
│   ├── UnknownCode      404  no agent runs the code of this CID
│   ├── UnknownReceipt   404
│   └── UnknownBytes     404  no worker that should keep them has bytes of this hash
├── MethodNotAllowed     405
├── BodyTooSlow          408
├── BodyTooLarge         413
├── QuotaSpent           429  the pass's account has called free as often as it may
├── NoAnswer             503  no worker could answer
│   ├── Starting         503  the gateway doesn't know the chain yet
│   ├── TooManyRequests  503  as many as this gateway serves at once
│   ├── TooManyCallers   503  as many accounts call free as this gateway counts
│   ├── NoWorker         503  no worker with an endpoint serves this agent
│   ├── WorkerGone       503  the worker went away, and so did the others that were tried
│   ├── NoClusterKey     503  the chain's cluster has no key to seal secrets to yet
│   └── ChainUnreachable 503  the node isn't there to be asked
├── ScriptBroke          500  the script failed in the middle of its answer
├── BadAnswer            502  what a worker answered isn't what it signed
├── AnswerTooLarge       502  of a call that an agent makes
├── TooManyCalls         508  of agents by agents: too deep, or too many
├── TimedOut             504
├── VaultFull            507
└── WorkerRefused             a worker's own word; see `offchain.serving.wire`
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import orjson

from offchain.serving.wire import Broken, Refused

if TYPE_CHECKING:
    from offchain.gateway.agent_entry import AgentEntry


class GatewayError(Exception):
    """An answer that is no agent's; the text says what is wrong and what to do."""

    status: ClassVar[int]
    reason: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds after which it may be worth another try."""
    allow: ClassVar[str | None] = None
    stack: str | None = None
    """Where in the script."""
    receipt: tuple[bytes, bytes] | None = None
    """The header that names the receipt of what was run all the same."""

    def body(self, request_id: str) -> bytes:
        """The JSON that the caller gets."""
        fields = {"error": self.reason, "message": str(self), "requestId": request_id}
        return orjson.dumps(fields | self._more())

    def _more(self) -> dict[str, object]:
        return {} if self.stack is None else {"stack": self.stack}


class BadRequest(GatewayError):
    """The request can't be understood."""

    status, reason = 400, "bad-request"


class UnknownSecret(GatewayError):
    """The vault has no secret of this key, or it is another agent's."""

    status, reason = 401, "unknown-secret"


class PaymentRequired(GatewayError):
    """The agent charges, and the caller shows nothing that pays."""

    status, reason = 402, "payment-required"

    def __init__(self, message: str, agent: AgentEntry) -> None:
        super().__init__(message)
        self._agent = agent

    def _more(self) -> dict[str, object]:
        agent, access = self._agent, self._agent.access
        free = None if access.free_tokens is None else str(access.free_tokens)
        terms = {"gasPrice": str(agent.price), "callPrice": str(access.call_price), "freeTokens": free}
        return {"agent": agent.id, "terms": terms | {"quota": access.quota}}


class PassForAnother(PaymentRequired):
    """The pass is for another agent."""

    reason = "pass-for-another"


class PassNotSigned(PaymentRequired):
    """The pass isn't signed by its account, for this chain."""

    reason = "pass-not-signed"


class PassExpired(PaymentRequired):
    """The pass's time is up."""

    reason = "pass-expired"


class PassTooLong(PaymentRequired):
    """The pass is good for longer than passes may be."""

    reason = "pass-too-long"


class TooFewTokens(PaymentRequired):
    """The pass's account hasn't had enough of the agent's token locked for an epoch."""

    reason = "too-few-tokens"


class TooCostly(PaymentRequired):
    """The request may cost less than what the agent charges for any."""

    reason = "too-costly"


class NotFromHere(GatewayError):
    """A page of another origin, or a request by a foreign name, wants what is this machine's alone."""

    status, reason = 403, "not-from-here"


class AgentPaused(GatewayError):
    """The agent takes no requests at the moment."""

    status, reason = 403, "agent-paused"


class NotFound(GatewayError):
    """There is nothing at this path."""

    status, reason = 404, "not-found"


class UnknownAgent(NotFound):
    """No agent has this number or name."""

    reason = "unknown-agent"


class NoApprovedCode(NotFound):
    """The agent's DAO has approved no script yet."""

    reason = "no-approved-code"


class UnknownCode(NotFound):
    """No agent's approved script has this CID."""

    reason = "unknown-code"


class UnknownReceipt(NotFound):
    """No worker that can be asked has a receipt of this id."""

    reason = "unknown-receipt"


class UnknownBytes(NotFound):
    """No worker that should keep them has bytes of this hash."""

    reason = "unknown-bytes"


class MethodNotAllowed(GatewayError):
    """The path is not for this method."""

    status, reason, allow = 405, "method-not-allowed", "GET, HEAD, POST, PATCH, PUT, OPTIONS"


class BodyTooSlow(GatewayError):
    """The request's body didn't come in time."""

    status, reason = 408, "body-too-slow"


class BodyTooLarge(GatewayError):
    """The request's body is over the limit."""

    status, reason = 413, "body-too-large"


class QuotaSpent(GatewayError):
    """The pass's account has called free as often as it may in a minute."""

    status, reason = 429, "quota-spent"

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.retry_after = seconds  # type: ignore[misc]


class NoAnswer(GatewayError):
    """No worker could answer."""

    status, reason, retry_after = 503, "no-answer", 1


class TooManyRequests(NoAnswer):
    """The gateway serves as many requests as it may."""

    reason = "busy"


class TooManyCallers(NoAnswer):
    """As many accounts call free as the gateway counts."""

    reason, retry_after = "busy", 60


class Starting(NoAnswer):
    """The gateway doesn't know the chain yet."""

    reason = "starting"


class NoWorker(NoAnswer):
    """No worker that can be reached serves this agent."""

    reason = "no-worker"


class WorkerGone(NoAnswer):
    """The worker went away before it answered, and so did the others that were tried, if there were any."""

    reason = "worker-gone"


class NoClusterKey(NoAnswer):
    """The chain's cluster has no key yet, so no secret can be sealed."""

    reason, retry_after = "no-cluster-key", 5


class ChainUnreachable(NoAnswer):
    """The node doesn't answer."""

    reason, retry_after = "chain-unreachable", 5


class TimedOut(GatewayError):
    """No answer came in time."""

    status, reason = 504, "time-out"


class VaultFull(GatewayError):
    """The vault takes no more secrets."""

    status, reason = 507, "vault-full"


class BadAnswer(GatewayError):
    """The worker's receipt doesn't hold for what it answered, and so it was with the others that were tried."""

    status, reason = 502, "bad-answer"


class AnswerTooLarge(GatewayError):
    """An agent that an agent calls answers with more than a call may bring."""

    status, reason = 502, "answer-too-large"


class TooManyCalls(GatewayError):
    """Agents call agents too deep, or too often."""

    status, reason = 508, "too-many-calls"


class TooDeep(TooManyCalls):
    """Too many calls lie above this one already."""

    reason = "too-deep"


class WorkerRefused(GatewayError):
    """A worker's refusal, passed on as it is."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.status, self.reason, self.stack = refused.status, refused.error, refused.stack  # type: ignore[misc]
        self.retry_after = 1 if refused.status == 503 else None  # type: ignore[misc]
        self.elsewhere = refused.elsewhere
        """Whether another worker might do better."""


class ScriptBroke(GatewayError):
    """The script failed when it had begun to answer; the receipt stands for what it had said."""

    def __init__(self, broken: Broken, receipt: tuple[bytes, bytes]) -> None:
        super().__init__(broken.message)
        self.status, self.reason, self.stack = 500, broken.error, broken.stack  # type: ignore[misc]
        self.receipt = receipt
