from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.sandbox.base import Context, Limits, Success
from offchain.sandbox.javascript import JavaScriptSandbox

AGENT = Path(__file__).parents[3] / "offchain" / "agents" / "feed_ranking"
CODE = (AGENT / "agent.js").read_bytes()
FEED: dict[str, Any] = json.loads((Path(__file__).parent / "feed.json").read_text())
SIGNALS = ("recency", "author", "topic", "engagement")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JavaScriptSandbox]:
    sandbox = JavaScriptSandbox(tmp_path_factory.mktemp("compiled") / "cache")
    yield sandbox
    sandbox.close()


def answer(sandbox: JavaScriptSandbox, input: str) -> dict[str, Any]:
    limits = Limits(gas=10**10, wall_seconds=60)
    outcome = sandbox.run(CODE, input.encode(), limits, Context(block_time_ms=0, seed=b""))
    assert isinstance(outcome, Success), outcome
    answered: dict[str, Any] = json.loads(outcome.output)
    return answered


def rank(sandbox: JavaScriptSandbox, **changes: object) -> list[dict[str, Any]]:
    ranking: list[dict[str, Any]] = answer(sandbox, json.dumps(FEED | changes))["ranking"]
    return ranking


def ids(ranking: list[dict[str, Any]]) -> list[str]:
    return [entry["id"] for entry in ranking]


def only(signal: str) -> dict[str, int]:
    return {name: int(name == signal) for name in SIGNALS}


def scores_by_the_readme(feed: dict[str, Any]) -> dict[str, float]:
    """The README's formulas, written down a second time."""
    total = sum(feed["weights"].values())
    engagement = {p["id"]: p["likes"] + 2 * p["reposts"] + 3 * p["replies"] for p in feed["posts"]}
    scores = {}
    for post in feed["posts"]:
        age_hours = max(0, feed["now"] - post["created"]) / 3_600_000
        value = {
            "recency": 2 ** (-age_hours / 6),
            "author": feed["authors"].get(post["author"], 0),
            "topic": 1 - math.prod(1 - feed["topics"].get(topic, 0) for topic in set(post["topics"])),
            "engagement": math.log(1 + engagement[post["id"]]) / math.log(1 + max(engagement.values())),
        }
        scores[post["id"]] = sum(feed["weights"][signal] / total * value[signal] for signal in SIGNALS)
    return scores


def test_a_real_feed(sandbox: JavaScriptSandbox) -> None:
    assert len(FEED["posts"]) >= 20
    ranking = rank(sandbox)
    expected = scores_by_the_readme(FEED)
    assert sorted(ids(ranking)) == sorted(expected)
    for entry in ranking:
        assert entry["score"] == pytest.approx(expected[entry["id"]], abs=3e-6)
        assert entry["score"] == pytest.approx(sum(entry["parts"].values()), abs=1e-9)
        assert tuple(entry["parts"]) == SIGNALS
    assert [entry["score"] for entry in ranking] == sorted((entry["score"] for entry in ranking), reverse=True)
    assert ids(ranking)[:3] == ["p01", "p03", "p06"]


def test_each_weight_alone(sandbox: JavaScriptSandbox) -> None:
    posts = {post["id"]: post for post in FEED["posts"]}
    by_age = ids(rank(sandbox, weights=only("recency")))
    assert by_age == sorted(posts, key=lambda id: (-posts[id]["created"], id))
    assert posts[ids(rank(sandbox, weights=only("author")))[0]]["author"] == "ada"
    assert "substrate" in posts[ids(rank(sandbox, weights=only("topic")))[0]]["topics"]
    assert ids(rank(sandbox, weights=only("engagement")))[0] == "p12"


def test_only_proportions_of_weights_matter(sandbox: JavaScriptSandbox) -> None:
    tenfold = {name: weight * 10 for name, weight in FEED["weights"].items()}
    assert rank(sandbox, weights=tenfold) == rank(sandbox)


def test_recency_halves_every_six_hours(sandbox: JavaScriptSandbox) -> None:
    now = FEED["now"]
    ages = {"new": 0, "half": 6, "quarter": 12, "future": -5}
    posts = [FEED["posts"][0] | {"id": id, "created": now - hours * 3_600_000} for id, hours in ages.items()]
    scores = {entry["id"]: entry["score"] for entry in rank(sandbox, weights=only("recency"), posts=posts)}
    assert scores == {"new": 1, "future": 1, "half": 0.5, "quarter": 0.25}


def test_more_topics_never_lower_a_post(sandbox: JavaScriptSandbox) -> None:
    names = {
        "one": ["tee"],
        "two": ["tee", "privacy"],
        "unknown": ["tee", "gardening"],
        "twice": ["tee", "tee"],
        "none": [],
    }
    posts = [FEED["posts"][0] | {"id": id, "topics": topics} for id, topics in names.items()]
    scores = {entry["id"]: entry["score"] for entry in rank(sandbox, weights=only("topic"), posts=posts)}
    assert scores == {"two": 0.94, "one": 0.8, "unknown": 0.8, "twice": 0.8, "none": 0}


def test_ties_go_by_id_whatever_the_order(sandbox: JavaScriptSandbox) -> None:
    posts = [FEED["posts"][0] | {"id": id} for id in ("b", "a", "B", "é", "10", "9")]
    expected = ["10", "9", "B", "a", "b", "é"]
    assert ids(rank(sandbox, posts=posts)) == ids(rank(sandbox, posts=posts[::-1])) == expected


def test_an_empty_and_a_silent_feed(sandbox: JavaScriptSandbox) -> None:
    assert rank(sandbox, posts=[]) == []
    silent = FEED["posts"][0] | {"likes": 0, "reposts": 0, "replies": 0}
    assert rank(sandbox, posts=[silent])[0]["parts"]["engagement"] == 0


def test_names_that_mean_something_to_javascript(sandbox: JavaScriptSandbox) -> None:
    post = FEED["posts"][0] | {"author": "constructor", "topics": ["__proto__", "toString"], "id": "__proto__"}
    assert rank(sandbox, weights=only("author"), posts=[post])[0]["score"] == 0
    assert rank(sandbox, weights=only("author"), posts=[post], authors={"constructor": 1})[0]["score"] == 1
    assert rank(sandbox, weights=only("topic"), posts=[post], topics={"__proto__": 0.5})[0]["score"] == 0.5


@settings(max_examples=30, deadline=None)
@given(st.permutations(FEED["posts"]))
def test_the_order_of_posts_does_not_matter(sandbox: JavaScriptSandbox, posts: list[dict[str, Any]]) -> None:
    assert rank(sandbox, posts=posts) == rank(sandbox)


def changed(path: str, value: object) -> str:
    """The feed with one field replaced, or removed where `value` is `...`."""
    feed = json.loads(json.dumps(FEED))
    *parents, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    target = feed
    for step in parents:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(feed)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weights", ..., "must be an object"),
        ("weights.topic", ..., "must be a number"),
        ("weights.topic", -1, "must be at least 0"),
        ("weights.author", "3", "must be a number"),
        ("weights", dict.fromkeys(SIGNALS, 0), "must not all be 0"),
        ("weights", dict.fromkeys(SIGNALS, 1e308), "are too large to add up"),
        ("now", None, "must be a number"),
        ("authors", [], "must be an object"),
        ("authors.ada", 1.5, "must be from 0 to 1"),
        ("topics.tee", True, "must be a number"),
        ("posts", {}, "must be a list"),
        ("posts", FEED["posts"] * 42, "has 1008 entries: at most 1000 are taken"),
        ("posts[3]", 7, "must be an object"),
        ("posts[3].id", "", "must be a string that is not empty"),
        ("posts[3].id", "p01", "is the same as posts[0].id"),
        ("posts[3].author", 7, "must be a string that is not empty"),
        ("posts[3].topics", "tee", "must be a list"),
        ("posts[3].topics[0]", None, "must be a string that is not empty"),
        ("posts[3].created", "yesterday", "must be a number"),
        ("posts[3].likes", ..., "must be a number"),
        ("posts[23].replies", -2, "must be at least 0"),
    ],
)
def test_bad_input_is_named(sandbox: JavaScriptSandbox, field: str, value: object, message: str) -> None:
    expected = {"error": "bad-input", "field": field, "message": f"{field} {message}"}
    assert answer(sandbox, changed(field, value)) == expected


@pytest.mark.parametrize("input", ["", "{", "null", "[]", "7"])
def test_input_that_is_no_feed(sandbox: JavaScriptSandbox, input: str) -> None:
    answered = answer(sandbox, input)
    assert (answered["error"], answered["field"]) == ("bad-input", "input")


def test_the_readmes_example(sandbox: JavaScriptSandbox) -> None:
    input, output, error = re.findall(r"```json\n(.*?)```", (AGENT / "README.md").read_text(), re.DOTALL)
    assert answer(sandbox, input) == json.loads(output)
    assert answer(sandbox, changed("posts[3].created", "yesterday")) == json.loads(error)


def test_the_largest_feed_is_affordable(sandbox: JavaScriptSandbox) -> None:
    posts = [FEED["posts"][i % 24] | {"id": f"post-{i}"} for i in range(1000)]
    outcome = sandbox.run(
        CODE,
        json.dumps(FEED | {"posts": posts}).encode(),
        Limits(gas=10**9, wall_seconds=60, output_bytes=1 << 20),
        Context(block_time_ms=0, seed=b""),
    )
    assert isinstance(outcome, Success), outcome
    assert len(json.loads(outcome.output)["ranking"]) == 1000
