"""Faults that programs like ours had on the web, each held against ours (numbers of the known faults).

Some have tests of their own elsewhere: 30 and 44 (leaving, routes), 36 to 41 (payloads, feeds, rendering), 38
and 42 (pages for the operator), 45 (routes), 47 (signing up), 49 (interface for programs), 56 (brought).
"""

import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from digest.web.pages import go_to
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example",
    "https:evil.example", "javascript:alert(1)", "data:text/html,x", " //evil.example", "evil.example",
    "/\t/evil.example", "/\n/evil.example", "/%0d%0aX: y", "",
)  # fmt: skip


@pytest.mark.parametrize("path", ELSEWHERE)
def test_43_a_redirect_stays_here(site: WebSite, path: str) -> None:
    """Where a browser would end is on our own host."""
    request: Any = SimpleNamespace(app=site.web.inner)
    target = go_to(request, path).headers["location"]
    # As browsers read it: tabs and line ends drop out, a backslash is a slash.
    seen = re.sub(r"[\t\r\n]", "", target).strip().replace("\\", "/")
    assert seen.startswith("/")
    assert not seen.startswith("//")


def test_46_sessions_and_tokens_end_with_their_version(site: WebSite) -> None:
    """ "Make all my links invalid" ends cookies in other browsers, links and the token for programs."""
    token, api = site.token("preferences"), site.token("api")
    first, second = site.browser(), site.browser()
    for browser in (first, second):
        assert browser.get(f"/p/{token}").status_code == 303
    bearer = {"Authorization": f"Bearer {api}"}
    assert site.browser().get("/api/me", headers=bearer).status_code == 200
    assert first.post("/preferences/revoke").status_code < 400
    assert second.get("/preferences").status_code == 401
    assert site.browser().get(f"/p/{token}").status_code == 401
    assert site.browser().get("/api/me", headers=bearer).status_code == 401


@pytest.mark.parametrize("value", ["votes; drop table papers", "(select 1)", "title desc--", "1,2", "'"])
def test_48_no_word_of_an_address_becomes_sql(site: WebSite, value: str) -> None:
    """Neither an order nor a filter; the lists are as ever, and the tables are there."""
    plain = site.client.get("/api/papers").json()
    for path in ("/", "/search", "/api/trending", "/api/search", "/api/papers", "/feeds/trending-day.rss"):
        for name in ("sort", "order", "source", "category", "period", "q", "cursor", "page", "date"):
            assert site.client.get(path, params={name: value}).status_code < 500, (path, name)
    assert site.client.get("/api/papers").json() == plain


@pytest.mark.parametrize("path", ["/saved.bib", "/saved.ris", "/saved.json", "/saved.csv", "/export.json"])
def test_50_no_header_holds_what_others_wrote(site: WebSite, path: str) -> None:
    """The names of files are ours, whatever is in them; a line end in an address makes no header."""
    site.client.get(f"/p/{site.token('preferences')}")
    named = site.client.get(path).headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[a-z.-]+"', named)
    answer = site.client.get("/papers/x%0d%0aSet-Cookie:%20a=b")
    assert "set-cookie" not in answer.headers


def test_51_nobody_is_told_the_version(site: WebSite) -> None:
    """Not on pages, not in headers, not in the description of the interface."""
    from digest import __version__

    for path in ("/", "/api", "/api/openapi.json", "/healthz", "/nothing-here", "/feeds/trending.rss"):
        answer = site.client.get(path)
        assert __version__ not in answer.text, path
        assert not {"server", "x-powered-by"} & set(answer.headers), path


def test_52_no_log_holds_a_token(site: WebSite, caplog: pytest.LogCaptureFixture) -> None:
    """At any level, for links that count and links that do not."""
    caplog.set_level(logging.DEBUG)
    tokens = [site.token(purpose) for purpose in ("preferences", "unsubscribe", "feedback", "api")]
    feed = site.subscriber().feed_token
    for token in (*tokens, feed, "no-token"):
        for path in (f"/p/{token}", f"/u/{token}", f"/f/{token}/1/more", f"/i/{token}", f"/confirm/{token}"):
            site.browser().get(path)
        site.browser().get(f"/feeds/{token}.rss")
        site.browser().get("/api/me", headers={"Authorization": f"Bearer {token}"})
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    said = "\n".join(record.getMessage() for record in ours)
    assert not [token for token in (*tokens, feed) if token in said]


PLACES = (
    "../../../etc/passwd",
    "..%2f..%2fsecret.key",
    "%2e%2e/secret.key",
    "....//secret.key",
    "/etc/passwd",
)


@pytest.mark.parametrize("place", [*PLACES, "..\\..\\secret.key", "secret.key%00.rss"])
def test_53_no_path_leads_out(site: WebSite, place: str) -> None:
    """From files, feeds and papers to what lies beside them."""
    secret = (site.app.data_dir / "secret.key").read_text()
    for path in (f"/static/x/{place}", f"/feeds/{place}", f"/feeds/{place}.rss", f"/papers/{place}"):
        answer = site.client.get(path)
        assert answer.status_code in (303, 404), path
        assert secret not in answer.text
        assert "root:" not in answer.text


def test_55_there_is_no_web_socket(site: WebSite) -> None:
    """So none can be opened from another site."""
    for path in ("/", "/api/me", "/admin"):
        with pytest.raises(WebSocketDisconnect), site.client.websocket_connect(path):
            pass
