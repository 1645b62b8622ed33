"""Migorithms without a chain: what algorithms make of feeds, given and fetched, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from offchain.outside.fetching import VirtualHost
from pallets.primitives.http import Headers
from tests.offchain.agents.stage import NOW, shipped
from tests.offchain.agents.test_feed_ranking import scores_by_the_readme

FEED: dict[str, Any] = json.loads((Path(__file__).parents[3] / "examples" / "feed.json").read_text())
POSTS: list[dict[str, Any]] = FEED["posts"]
CALM = {"name": "calm", "weights": {"interest": 1}, "interests": ["cooking good food at home", "trusted hardware"]}
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>not an item</title>
<item><title>Bread &amp; butter</title><guid>urn:1</guid>
<description><![CDATA[<b>Dough</b> that rises<script>alert(1)</script>]]></description>
<pubDate>Wed, 31 Dec 2025 23:00:00 GMT</pubDate><category>cooking</category><dc:creator>ada</dc:creator></item>
<item><title>No date, no id</title></item><item><title>Nor this</title><guid>urn:1</guid></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Enclaves</title><id>a1</id>
<updated>2025-12-31T22:00:00Z</updated><author><name>bob</name></author>
<summary>What a quote proves</summary></entry></feed>"""
JSON_FEED = json.dumps(
    {"items": [{"id": "j1", "content_html": "<p>Hello</p>", "tags": ["x"], "date_published": "2026-01-01T00:00:00Z"}]}
)


def saying(text: str, status: int = 200) -> VirtualHost:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield text.encode()

    async def answer(*_: object) -> tuple[int, Headers, AsyncGenerator[bytes, None]]:
        return status, [("content-type", "application/octet-stream")], chunks()

    return answer


def ids(found: dict[str, Any]) -> list[str]:
    return [entry["id"] for entry in found["ranking"]]


async def test_by_the_same_weights_it_ranks_as_feed_ranking_does() -> None:
    algorithm = {name: FEED[name] for name in ("weights", "authors", "topics")} | {"name": "the reader's own"}
    async with shipped("migorithms") as agent:
        found = await agent.told("POST", "/rank", {"algorithm": algorithm, "posts": POSTS, "now": NOW})
    expected = scores_by_the_readme(FEED)
    assert FEED["now"] == NOW and found["models"] == "not needed" and found["filtered"] == []
    assert {each["id"]: each["score"] for each in found["ranking"]} == pytest.approx(expected, abs=3e-6)


async def test_interests_order_a_feed_by_what_it_is_about(service: str) -> None:
    async with shipped("migorithms", service) as agent:
        found = await agent.told("POST", "/rank", {"algorithm": CALM, "posts": POSTS, "now": NOW})
        about = {post["id"]: set(post["topics"]) for post in POSTS}
        assert found["models"] == "used" and len(found["ranking"]) == len(POSTS)
        assert all(about[id] & {"cooking", "tee", "hardware"} for id in ids(found)[:3])
        assert "sports" not in {topic for id in ids(found)[:10] for topic in about[id]}
        again = await agent.asked("POST", "/rank", {"algorithm": CALM, "posts": POSTS, "now": NOW})
        assert json.loads(again.response.body) == found


async def test_without_models_it_says_so_and_the_rest_counts() -> None:
    async with shipped("migorithms") as agent:
        found = await agent.told("POST", "/rank", {"algorithm": CALM, "posts": POSTS, "now": NOW})
        assert found["models"] == "absent: interests did not count"
        newest = sorted(POSTS, key=lambda post: (-post["created"], post["id"]))
        assert ids(found) == [post["id"] for post in newest]


async def test_filters_hide_posts_and_say_why() -> None:
    filters = {
        "blockedAuthors": ["bob"],
        "blockedWords": ["HOT take"],
        "maxAgeHours": 12,
        "minEngagement": 1,
    }
    algorithm = {"name": "strict", "weights": {"engagement": 1}, "filters": filters}
    async with shipped("migorithms") as agent:
        found = await agent.told("POST", "/rank", {"algorithm": algorithm, "posts": POSTS, "now": NOW})
        hidden = {each["id"]: each["by"] for each in found["filtered"]}
        assert hidden.keys() | set(ids(found)) == {post["id"] for post in POSTS} and not hidden.keys() & set(ids(found))
        assert (hidden["p02"], hidden["p05"], hidden["p12"], hidden["p14"]) == (
            "blockedAuthors",
            "blockedWords",
            "maxAgeHours",
            "minEngagement",
        )
        only = algorithm | {"filters": {"requiredTopics": ["governance", "tee"]}}
        found = await agent.told("POST", "/rank", {"algorithm": only, "posts": POSTS, "now": NOW})
        wanted = {post["id"] for post in POSTS if {"governance", "tee"} & set(post["topics"])}
        assert set(ids(found)) == wanted and {each["by"] for each in found["filtered"]} == {"requiredTopics"}


FEEDS = {
    RSS: ["#1", "#2", "urn:1"],
    ATOM: ["a1"],
    JSON_FEED: ["j1"],
    json.dumps({"posts": POSTS[:2]}): ["p01", "p02"],
}
NO_FEEDS = ["", "<html></html>", "<rss><item", "nonsense", "[]", '{"items": 1}', "<item>" * 9]


async def test_feeds_at_a_url() -> None:
    newest = {"name": "new", "weights": {"recency": 1}}
    careful = newest | {"filters": {"blockedWords": ["dough that rises"]}}
    request = {"feed": "https://news.example/feed", "now": NOW}
    async with shipped("migorithms") as agent:
        for feed, expected in FEEDS.items():
            assert (
                ids(await agent.told("POST", "/rank", request | {"algorithm": newest}, news=saying(feed))) == expected
            )
            found = await agent.told("POST", "/rank", request | {"algorithm": careful}, news=saying(feed))
            assert [each["id"] for each in found["filtered"]] == (["urn:1"] if feed is RSS else [])
        for text in NO_FEEDS:
            refused = await agent.told("POST", "/rank", request | {"algorithm": newest}, 502, news=saying(text))
            assert refused["error"] == "no-feed", text
        refused = await agent.told("POST", "/rank", request | {"algorithm": newest}, 502, news=saying("gone", 410))
        assert refused["message"].endswith("410")


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("algorithm", {"algorithm": None, "posts": []}),
    ("algorithm.weights.x", {"algorithm": {"name": "a", "weights": {"x": 1}}, "posts": []}),
    ("weights", {"algorithm": {"name": "a", "weights": {}}, "posts": []}),
    ("algorithm.author", {"algorithm": {"name": "a", "weights": {"recency": 1}, "author": "me"}, "posts": []}),
    ("algorithm.interests", {"algorithm": {"name": "a", "weights": {"interest": 1}}, "posts": []}),
    ("algorithm.interests", {"algorithm": CALM | {"interests": ["x"] * 9}, "posts": []}),
    ("algorithm.filters.maxAgeHours", {"algorithm": CALM | {"filters": {"maxAgeHours": "1"}}, "posts": []}),
    ("input", {"algorithm": CALM}),
    ("input", {"algorithm": CALM, "posts": [], "feed": "https://news.example/"}),
    ("posts[0].topics", {"algorithm": CALM, "posts": [{"id": "a", "author": "b"}]}),
    ("posts[1].id", {"algorithm": CALM, "posts": [POSTS[0], POSTS[0]]}),
    ("input.pay", {"algorithm": CALM, "posts": [], "pay": "all"}),
]


async def test_what_it_refuses_and_which_field_it_names() -> None:
    async with shipped("migorithms") as agent:
        for field, request in REFUSED:
            refused = await agent.told("POST", "/rank", request, 400)
            assert (refused["error"], refused["field"]) == ("bad-input", field)


async def test_over_http_nothing_is_kept() -> None:
    async with shipped("migorithms") as agent:
        for path in ("/algorithms", f"/algorithms/{'0' * 32}/fork", "/choose", "/use"):
            refused = await agent.told("POST", path, {"algorithm": "0" * 32}, 409)
            assert refused["error"] == "only-by-job" and f"fathom agent send migorithms {path}" in refused["message"]
        assert (await agent.told("PUT", "/rank", {}, 405))["error"] == "method-not-allowed"
        assert (await agent.told("GET", "/%zz", None, 404))["error"] == "not-found"


async def test_words_in_posts_are_compared_and_never_obeyed(service: str) -> None:
    """An injected post gains no rank by talking to the model, and changes no other post's place."""
    injections: list[str] = json.loads((Path(__file__).parent / "injections.json").read_text())["posts"]
    async with shipped("migorithms", service) as agent:
        plain = await agent.told("POST", "/rank", {"algorithm": CALM, "posts": POSTS, "now": NOW})
        hostile = [
            {"id": f"x{i}", "author": "mallory", "topics": [], "created": 0, "likes": 0, "reposts": 0, "replies": 0}
            | {"text": text}
            for i, text in enumerate(injections)
        ]
        found = await agent.told("POST", "/rank", {"algorithm": CALM, "posts": POSTS + hostile, "now": NOW})
        own = [entry for entry in found["ranking"] if not entry["id"].startswith("x")]
        assert own == plain["ranking"]
        assert not ids(found)[0].startswith("x")
        assert found.keys() == {"ranking", "filtered", "models"}
