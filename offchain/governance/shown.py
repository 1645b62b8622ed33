"""A company and its proposals, for people and for scripts."""

from __future__ import annotations

import json
from typing import Any

from offchain.governance.company import Company
from offchain.trading.amounts import moment, share
from pallets.primitives import ss58

ACCOUNTS = frozenset({"who", "proposer", "dest", "guardian", "delegate", "owner"})
PERIODS = ("announcement", "voting", "time_lock", "execute_within", "min_age")
NEXT = {"Announced": "opens", "Voting": "closes", "Approved": "executes"}
WORD = {"Announced": "the vote begins", "Voting": "the vote ends", "Approved": "it is carried out"}


def as_json(value: Any, name: str = "") -> Any:
    """A plain value with addresses and hex for its bytes."""
    if isinstance(value, bytes):
        return ss58.encode(value) if name in ACCOUNTS and len(value) == 32 else f"0x{value.hex()}"
    if isinstance(value, dict):
        return {key: as_json(each, str(key)) for key, each in value.items()}
    return [as_json(each, name) for each in value] if isinstance(value, list | tuple) else value


def company_text(company: Company, found: dict[str, Any]) -> list[str]:
    """A company for people, of what `fathom dao show --json` tells."""
    name, token, money = company.record.name.decode("utf-8", "replace"), company.token, company.money
    decides = (
        f"its holders decide, of {token.text(found['circulating'])}"
        if found["holders_decide"]
        else f"its creator decides: {ss58.encode(found['owner'])}"
    )
    lines = [f"{name}  agent {company.agent}  {decides}" + ("  (paused)" if found["paused"] else "")]
    lines.append(f"treasury {money.text(found['treasury'])}")
    if found["guardian"] is not None:
        until = moment(found["guardian_until"])
        lines.append(f"guardian {ss58.encode(found['guardian'])} may veto until {until}")
    lines += rules_text(company, found["rules"])
    for script in found["scripts"]:
        lines.append(f"script   0x{script['code'].hex()} since {moment(script['at'])}")
    for number, each in enumerate(found["contributions"]):
        paid = "" if each["reward"] is None else f", rewarded with {money.text(each['reward'])}"
        lines.append(f"made by  {ss58.encode(each['proposer'])}: contribution {number}, 0x{each['code'].hex()}{paid}")
    for proposal in found["proposals"]:
        lines += proposal_text(company, proposal)
    if "account" in found:
        told = found["account"]
        lines.append(f"{ss58.encode(told['who'])} has locked {token.text(told['locked'])}")
        for number, weight in told["weights"].items():
            lines.append(f"  votes on proposal {number} with {token.text(weight)}")
    return lines


def rules_text(company: Company, rules: dict[str, Any]) -> list[str]:
    """The rules, a line for what belongs together."""
    announced, voted, locked, open_, age = (period(rules[name]) for name in PERIODS)
    return [
        f"announced {announced}, voted on for {voted}, carried out after {locked}, or not at all {open_} later",
        f"passes with {share(rules['quorum'])} of what circulates, at least {company.token.text(rules['floor'])}, "
        f"and more than {share(rules['threshold'])} ayes",
        f"spends with {rules['min_holders']} holders, on votes of tokens locked for {age}, "
        f"and leaves {company.money.text(rules['reserve'])}",
    ]


def proposal_text(company: Company, proposal: dict[str, Any]) -> list[str]:
    """A proposal, its motion, and how it stands."""
    state, tally, token = proposal["state"], proposal["tally"], company.token
    after = f", {WORD[state]} at {moment(proposal[NEXT[state]])}" if state in NEXT else ""
    lines = [f"proposal {proposal['id']}  {state.lower()}{after}  by {ss58.encode(proposal['proposer'])}"]
    if proposal["motion"] is not None:
        lines.append(f"  {motion_text(proposal['motion'])}")
    if state != "Announced":
        lines.append("  " + "  ".join(f"{name} {token.text(tally[name])}" for name in ("aye", "nay", "abstain")))
    return lines


def motion_text(motion: Any) -> str:
    """A motion in a line."""
    if isinstance(motion, str):
        return motion
    ((name, fields),) = as_json(motion).items()
    given = {key: value for key, value in fields.items() if value is not None}
    return f"{name} " + ", ".join(f"{key} {_word(value)}" for key, value in (given or fields).items())


def period(milliseconds: int) -> str:
    """A duration in its largest whole unit."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds} ms"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
