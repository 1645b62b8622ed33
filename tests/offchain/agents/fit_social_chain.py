"""What Social Chain has been fitted to: `python -m tests.offchain.agents.fit_social_chain` makes it anew.

Writes `src/vectors.json`, the means of what phishing and ordinary mail embed to, and `src/calibration.json`, two
logistic fits to the messages that aren't held back; then `python -m offchain.agents.shipping` makes the bundle.
`--show` prints the messages of these that are judged wrong.
"""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import trio

from offchain.ai.opening import open_provider
from offchain.ai.virtual import virtual_hosts
from offchain.authoring.bundle import bundle
from offchain.authoring.local import open_agent
from offchain.authoring.project import load
from offchain.cache import user_cache
from pallets.primitives.http import HttpRequest
from tests.offchain.agents.labelled_messages import messages

FOLDER = Path(__file__).parents[3] / "offchain" / "agents" / "social_chain"
SOURCE = FOLDER / "src"
EMBEDS = """'use agent';
globalThis.agent = async (request) => JSON.stringify({ body: JSON.stringify(await ai.embed(JSON.parse(JSON.parse(request).body))) });
"""  # noqa: E501
RIDGE = 1.0
"""Of features scaled to a deviation of one: holds the fit back from certainty on few messages."""


async def asked(code: bytes, bodies: list[bytes], path: str = "/") -> list[Any]:
    """What code answers to these bodies, with the embedded models."""
    found = []
    async with (
        open_provider("embedded") as provider,
        open_agent(code, hosts=None, allow_private=False, cache=user_cache()) as agent,
    ):
        assert provider is not None
        for body in bodies:
            virtual = virtual_hosts(provider)
            answer = await agent.ask(HttpRequest("POST", path, "", [], body), now_ms=0, virtual=virtual)
            assert answer.response.status == 200, answer.response.body
            found.append(json.loads(answer.response.body))
    return found


def packed(vector: list[float]) -> str:
    """As `packed` of `parts/vectors.js`."""
    scaled = np.rint(np.array(vector) / np.max(np.abs(vector)) * 127).astype(np.int8)
    return b64encode(scaled.tobytes()).decode()


def logistic(features: np.ndarray[Any, Any], meant: np.ndarray[Any, Any]) -> list[float]:
    """Newton's steps to the best logistic fit with a ridge; the base is the first number."""
    scale = np.std(features, axis=0)
    x = np.hstack([np.ones((len(features), 1)), features / scale])
    ridge = RIDGE * np.diag([0.0] + [1.0] * features.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (p - meant) + ridge @ weights
        weights -= np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + ridge, gradient)
    return [round(float(weight), 3) for weight in weights / np.array([1.0, *scale])]


def main() -> None:
    """Makes both files."""
    prototypes = json.loads((SOURCE / "prototypes.json").read_text())
    fitted = messages(held_back=False)
    texts = {
        kind: [*prototypes[kind], *(each.text[:600] for each in fitted if each.phishing is (kind == "phishing"))]
        for kind in ("phishing", "ordinary")
    }
    vectors = trio.run(asked, EMBEDS.encode(), [json.dumps(each).encode() for each in texts.values()])
    kept = {kind: packed(np.mean(each, axis=0).tolist()) for kind, each in zip(texts, vectors, strict=True)}
    kept["known"] = packed(vectors[0][0])
    (SOURCE / "vectors.json").write_text(json.dumps(kept, indent=2) + "\n")

    code = bundle(load(FOLDER))
    found = trio.run(asked, code, [json.dumps({"message": each.text}).encode() for each in fitted], "/check")
    meant = np.array([each.phishing for each in fitted], dtype=float)
    features = np.array(
        [[min(each["points"], 8), each["model"]["phishing"] - each["model"]["ordinary"]] for each in found]
    )
    base, points, margin = logistic(features, meant)
    alone_base, alone_points = logistic(features[:, :1], meant)
    calibration = {
        "withModel": {"base": base, "perPoint": points, "perMargin": margin},
        "withoutModel": {"base": alone_base, "perPoint": alone_points},
    }
    (SOURCE / "calibration.json").write_text(json.dumps(calibration, indent=2) + "\n")
    print(json.dumps(calibration))
    odds = base + features @ np.array([points, margin])
    for each, one, odd in zip(fitted, found, odds, strict=True):
        if "--show" in sys.argv and bool(odd >= 0) is not each.phishing:
            kinds = [sign["id"] for sign in one["signs"]]
            print(
                "PHISH" if each.phishing else "HAM  ",
                round(float(odd), 2),
                one["points"],
                kinds,
                each.text[:200].replace("\n", " | "),
            )


if __name__ == "__main__":
    main()
