"""JJarvis, how it reads intents: against examples that were held back, and against words that mean to mislead it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from offchain.agents.shipping import HERE
from tests.offchain.agents.stage import Shipped, shipped

PLACE = Path(__file__).parent
INTENTS: dict[str, Any] = json.loads((PLACE / "intents.json").read_text())


async def read(agent: Shipped, intent: str) -> dict[str, Any] | None:
    """What is understood; `None` where it is refused."""
    answer = await agent.asked("POST", "/read", {"intent": intent})
    told = json.loads(answer.response.body)
    if answer.response.status != 200:
        assert (answer.response.status, told["error"], told["field"]) == (400, "bad-input", "intent"), (intent, told)
        return None
    del told["by"]
    return {name: value for name, value in told.items() if (name, value) != ("slippage", 10_000)}


async def test_it_reads_what_is_meant(service: str) -> None:
    async with shipped("jjarvis", service) as agent:
        for case in INTENTS["known"]:
            assert await read(agent, case["intent"]) == case["read"], case["intent"]


async def test_what_it_does_not_understand_it_refuses() -> None:
    async with shipped("jjarvis") as agent:
        for intent in INTENTS["refused"]:
            assert await read(agent, intent) is None, intent


def by_keywords(intent: str) -> dict[str, Any] | None:
    """The baseline: the first word that says what to do, the first number, the word after `of` or in capitals."""
    sells = re.search(r"\b(sell|dump|unload|liquidate|offload)\b", intent, re.IGNORECASE)
    buys = re.search(r"\b(buy|get|purchase|want|acquire|invest|grab|own)\b", intent, re.IGNORECASE)
    number = re.search(r"\d+(\.\d+)?", intent)
    symbol = re.search(r"\b(?!UNIT)[A-Z]{3,}\b", intent)
    name = re.search(r"(?:of|in|into|on) (?:the )?(?:token of )?(?:the )?([a-z]+)", intent)
    asks = re.search(r"\?|^(what|how|show)\b", intent, re.IGNORECASE)
    if not (sells or buys or asks) or not (number or asks) or not (symbol or name):
        return None
    found: dict[str, Any] = {"action": "ask" if asks else "sell" if sells else "buy"}
    if symbol:
        found["symbol"] = symbol[0]
    elif name:
        found["agent"] = name[1]
    if number:
        found["money" if intent[number.end() :].startswith(" UNIT") else "units"] = number[0]
    if slippage := re.search(r"([\d.]+) ?%", intent):
        found["slippage"] = round(float(slippage[1]) * 10_000)
    if price := re.search(r"under ([\d.]+)", intent):
        found["price"] = {"value": price[1], "strict": True}
    if total := re.search(r"(at most|at least) ([\d.]+) UNIT", intent):
        found["total"] = {"value": total[2], "strict": False}
    return found


def line(read: list[dict[str, Any] | None], wrongly: list[dict[str, Any] | None]) -> str:
    """Precision of what was read, recall of what was meant, and how many were read that should be refused."""
    meant = [case["read"] for case in INTENTS["held_back"]]
    right = sum(one == other for one, other in zip(read, meant, strict=True))
    answered = sum(each is not None for each in (*read, *wrongly))
    return f"{right / answered:.2f} | {right / len(meant):.2f} | {sum(each is not None for each in wrongly)}"


async def test_it_is_as_good_as_its_readme_says(service: str) -> None:
    """On intents that were written once the rules were done: after that they only came to refuse more."""
    meant, refused = [case["intent"] for case in INTENTS["held_back"]], INTENTS["held_back_refused"]
    async with shipped("jjarvis", service) as agent:
        own = line([await read(agent, each) for each in meant], [await read(agent, each) for each in refused])
    async with shipped("jjarvis") as agent:
        rules = line([await read(agent, each) for each in meant], [await read(agent, each) for each in refused])
    keywords = line([by_keywords(each) for each in meant], [by_keywords(each) for each in refused])
    readme = (HERE / "jjarvis" / "README.md").read_text()
    for name, figures in (("rules and model", own), ("rules alone", rules), ("keywords", keywords)):
        assert f"| {name} | {figures} |" in readme, f"{name} | {figures}"
    assert own.startswith("1.00 ") and own.endswith(" 0")
