"""Warp Ads without a chain: how well ads are labelled, what words in them can't do, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from offchain.agents.shipping import HERE
from tests.offchain.agents.stage import Shipped, shipped

PLACE = Path(__file__).parent
EXAMPLES: dict[str, Any] = json.loads((PLACE / "ads.json").read_text())
INJECTIONS: list[dict[str, str]] = json.loads((PLACE / "injections.json").read_text())["ads"]
README = (HERE / "warp_ads" / "README.md").read_text()
BATCH = 27
SHORT = 4
STOP = {"with", "that", "which", "your", "this", "from", "their", "other", "another", "online"}


class Score:
    """Labels found, wrongly found and missed, of all examples together."""

    def __init__(self, found: list[set[str]], meant: list[set[str]]) -> None:
        pairs = list(zip(found, meant, strict=True))
        self.right = sum(len(one & other) for one, other in pairs)
        self.precision = self.right / sum(len(one) for one in found)
        self.recall = self.right / sum(len(other) for other in meant)

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall)

    def __str__(self) -> str:
        return f"{self.precision:.2f} | {self.recall:.2f} | {self.f1:.2f}"


async def labels_of(agent: Shipped, texts: list[str]) -> list[set[str]]:
    found: list[set[str]] = []
    for start in range(0, len(texts), BATCH):
        told = await agent.told("POST", "/labels", {"texts": texts[start : start + BATCH]})
        found += [{each["label"] for each in labels} for labels in told["labels"]]
    return found


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def by_words(texts: list[str], known: dict[str, set[str]]) -> list[set[str]]:
    """The baseline: a text has the labels that have one of its words."""
    return [{label for label, those in known.items() if those & words(text)} for text in texts]


def prototypes() -> dict[str, set[str]]:
    """The words of each label's prototypes."""
    source = (HERE / "warp_ads" / "src" / "labels.js").read_text()
    table = re.search(r"PROTOTYPES = (\{.*?\n\});", source, re.DOTALL)
    assert table is not None
    told = subprocess.run(["node", "-p", f"JSON.stringify({table[1]})"], capture_output=True, check=True)
    return {
        label: {word for word in words(" ".join(sentences)) - STOP if len(word) >= SHORT}
        for label, sentences in json.loads(told.stdout).items()
    }


async def test_labels_of_held_back_ads(service: str) -> None:
    """The README's figures. Nothing was chosen by these examples; the threshold by those of `tuning`."""
    held_back = EXAMPLES["held_back"]
    texts, meant = [each["text"] for each in held_back], [set(each["labels"]) for each in held_back]
    assert len(texts) == 54 and not {each["text"] for each in EXAMPLES["tuning"]} & set(texts)
    async with shipped("warp_ads", service) as agent:
        found = Score(await labels_of(agent, texts), meant)
    baseline = Score(by_words(texts, prototypes()), meant)
    by_hand = Score(by_words(texts, {label: set(those) for label, those in EXAMPLES["keywords"].items()}), meant)
    assert found.f1 > baseline.f1
    for name, score in {"embeddings": found, "words": baseline, "words by hand": by_hand}.items():
        assert f"| {name} | {score} |" in README, f"{name} {score}"


async def test_words_in_an_ad_take_no_label_away(service: str) -> None:
    async with shipped("warp_ads", service) as agent:
        found = await labels_of(agent, [each["text"] for each in INJECTIONS])
        assert [each["keeps"] in labels for each, labels in zip(INJECTIONS, found, strict=True)] == [True] * len(found)
        known = set((await agent.told("GET", "/labels"))["labels"])
        assert all(labels <= known for labels in found)


def test_an_impression_that_was_not_set_aside_is_none_whoever_signs_it() -> None:
    placements = [
        {"impression": {"ad": ad, "number": number}}
        for ad, number in (("gin", 1), ("gin", 2), ("gin", -1), ("gin", 0.5), ("gin", "0"), ("constructor", 0))
    ]
    script = f"""
        import {{ readImpression }} from {json.dumps(str(HERE / "warp_ads" / "src" / "settlement.js"))};
        const read = (each) => {{
          try {{
            return readImpression(each, 'it', {{ ads: {{ gin: {{ count: 2 }} }} }});
          }} catch (error) {{
            return error.field;
          }}
        }};
        console.log(JSON.stringify({json.dumps([*placements, {}, None])}.map(read)));
    """
    told = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, check=True)
    first, *wrong = json.loads(told.stdout)
    assert first == {"ad": "gin", "number": 1}
    number, ad = "it.impression.number", "it.impression.ad"
    assert wrong == [number, number, number, number, ad, "it.impression", "it"]


CHANGING = ("/ads", f"/ads/{'0' * 32}/top-up", f"/ads/{'0' * 32}/withdraw", "/reservations", "/settlements")


async def test_without_models_and_without_a_chain() -> None:
    async with shipped("warp_ads") as agent:
        assert (await agent.told("POST", "/labels", {"texts": ["beer"]}, 503))["error"] == "no-model"
        for path in CHANGING:
            refused = await agent.told("POST", path, {}, 409)
            assert refused["error"] == "only-by-job" and f"fathom agent send warp-ads {path}" in refused["message"]
        for field, body in {
            "texts": {"texts": "beer"},
            "texts[0]": {"texts": [""]},
        }.items():
            assert (await agent.told("POST", "/labels", body, 400))["field"] == field


@pytest.mark.parametrize("agent", ["migorithms", "warp_ads"])
def test_pages_show_what_others_wrote_as_text_alone(agent: str) -> None:
    page = (HERE / agent / "src" / "page.html").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", page)
    bundle = (HERE / agent / "agent.js").read_text()
    assert "default-src 'none'; script-src 'sha256-SCRIPT'" in bundle and "guarded(page" in bundle
