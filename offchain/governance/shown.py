"""A company and its proposals, for people and for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from offchain.governance.company import Company
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
    return f"{name} " + ", ".join(f"{key} {_word(value)}" for key, value in fields.items())


def period(milliseconds: int) -> str:
    """A duration in its largest whole unit."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds} ms"


def share(millionths: int) -> str:
    """A share in percent."""
    return f"{millionths / 10_000:g} %"


def moment(milliseconds: int) -> str:
    """A time."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
