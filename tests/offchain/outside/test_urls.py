"""What is read of a request, whatever a script writes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offchain.outside.errors import AskFailed
from offchain.outside.fetching import read_request
from offchain.outside.policy import FetchLimits
from offchain.outside.urls import read_url

CHARACTERS = st.text(alphabet=st.sampled_from("ab.:/@\\?#[]%01-_ \t\né€") | st.characters(codec="utf-8"), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | CHARACTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CHARACTERS, inner, max_size=3),
    max_leaves=6,
)


@given(CHARACTERS)
@example("a..b")
@example("a.test:80")
@example("a%2eb")
def test_a_url_is_refused_or_means_the_same_when_read_again(text: str) -> None:
    try:
        url = read_url(f"http://{text}")
    except AskFailed:
        return
    assert read_url(str(url)) == read_url(f"http://{url.authority}{url.target}")
    assert str(read_url(str(url))) == str(url)
    assert str(url).isascii() and not set(str(url)) & set(" \r\n\t") and "@" not in url.authority


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["GET", "POST"]) | JSON,
            "url": st.just("https://example.com/") | JSON,
            "headers": st.lists(st.lists(CHARACTERS, min_size=2, max_size=2), max_size=3) | JSON,
            "redirect": st.just("follow") | JSON,
            "timeout_ms": JSON,
        },
    )
)
def test_any_head_is_a_request_or_refused_by_name(head: dict[str, object]) -> None:
    try:
        request = read_request(head, b"", FetchLimits())
    except AskFailed:
        return
    for name, value in request.headers:
        assert not set(name + value) & set("\r\n\0") and name == name.lower() and value.encode("latin-1") is not None


@pytest.mark.parametrize(
    ("base", "location", "there"),
    [
        ("http://a.test/x/y?q", "z", "http://a.test/x/z"),
        ("http://a.test/x/y?q", "?r", "http://a.test/x/y?r"),
        ("http://a.test/x/y", "/z", "http://a.test/z"),
        ("http://a.test/x/y", "//b.test:8080", "http://b.test:8080/"),
        ("https://a.test/", "https://A.TEST.:443/ü", "https://a.test/%C3%BC"),
        ("http://[2606:4700::1]:8080/", "/z", "http://[2606:4700::1]:8080/z"),
    ],
)
def test_locations_are_joined(base: str, location: str, there: str) -> None:
    assert str(read_url(base).joined(location)) == there
