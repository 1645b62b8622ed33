"""What people ask of a motion, as the plain value that the chain takes: what isn't said stays as it is."""

from __future__ import annotations

from typing import Any

from offchain.governance.company import Company
from offchain.governance.errors import NoMotion
from offchain.trading.amounts import duration, percent
from pallets.primitives.agent_record import AgentPolicy
from pallets.primitives.service import NO_SERVICE

NONE = "none"
PERIODS = ("announcement", "voting", "time_lock", "execute_within", "min_age")
SHARES = ("quorum", "threshold")


async def changed_rules(company: Company, changes: dict[str, str | int]) -> dict[str, Any]:
    """The rules with what is said of them; raises `NoMotion` where nothing is."""
    rules = await company.rules()
    if not changes:
        raise NoMotion("say at least one rule that is to change, as --voting 1d or --quorum 20%")
    for name, value in changes.items():
        if name in PERIODS:
            rules[name] = duration(str(value))
        elif name in SHARES:
            rules[name] = percent(str(value))
        elif name == "floor":
            rules[name] = company.tokens(str(value))
        else:
            rules[name] = company.money.parse(str(value)) if name == "reserve" else value
    return rules


async def changed_http(
    company: Company, hosts: list[str] | None, any_host: bool, budget: str | None, max_charge: str | None
) -> dict[str, Any] | None:
    """What a script is to do over HTTP; `None` where nothing of it is to change."""
    if hosts is None and not any_host and budget is None and max_charge is None:
        return None
    if hosts and any_host:
        raise NoMotion("say --host or --any-host, not both")
    read, chain = company.described.read, company.chain
    service = await read(chain, "Agents", "Service", company.agent) or {
        name: getattr(NO_SERVICE, name) for name in ("budget", "gateways", "max_charge")
    }
    if budget is not None:
        service["budget"] = company.money.parse(budget)
    if max_charge is not None:
        service["max_charge"] = company.money.parse(max_charge)
    kept = await read(chain, "Agents", "Hosts", company.agent)
    return {"hosts": None if any_host else hosts or kept, "service": service}


async def changed_terms(
    company: Company,
    *,
    price: int | None,
    shares: str | None,
    split: str | None,
    call_price: str | None,
    free_tokens: str | None,
    quota: int | None,
) -> dict[str, Any]:
    """Terms with what is said of them; raises `NoMotion` where nothing is."""
    if all(each is None for each in (price, shares, split, call_price, free_tokens, quota)):
        raise NoMotion("say at least one term that is to change, as --price 2 or --call-price 0.1UNIT")
    policy = None if price is None and shares is None else _policy(company, price, shares)
    access = None
    if call_price is not None or free_tokens is not None or quota is not None:
        stored = await company.described.read(company.chain, "Agents", "Access", company.agent)
        access = stored or {"call_price": 0, "free_tokens": None, "quota": 0}
        if call_price is not None:
            access["call_price"] = company.money.parse(call_price)
        if free_tokens is not None:
            access["free_tokens"] = None if free_tokens == NONE else company.tokens(free_tokens)
        if quota is not None:
            access["quota"] = quota
    return {"policy": policy, "split": None if split is None else percent(split), "access": access}


def in_hex(text: str) -> bytes:
    """Bytes in hex, as hashes and measurements are written; raises `NoMotion`."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise NoMotion(f"{text!r} is not bytes in hex") from None


def _policy(company: Company, price: int | None, shares: str | None) -> dict[str, Any]:
    policy: AgentPolicy = company.record.policy
    told: dict[str, Any] = {name: getattr(policy, name) for name in policy.__match_args__}
    told["shares"] = {name: getattr(policy.shares, name) for name in policy.shares.__match_args__}
    if price is not None:
        told["price"] = price
    if shares is not None:
        parts = [percent(part) for part in shares.split(",")]
        if len(parts) != len(told["shares"]) or sum(parts) != 1_000_000:
            raise NoMotion(f"--shares are those of {', '.join(told['shares'])}, as 70,20,5,5, and add up to 100")
        told["shares"] = dict(zip(told["shares"], parts, strict=True))
    return told
