"""Feeds on the web: the same as the files, cheap to ask for again, one's own only for who knows its name."""

import gzip
import json
import re
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest
from starlette.testclient import TestClient

from digest.models import Check
from digest.pipeline import feeding
from digest.pipeline.feeding import FeedShelf, PublicFeed
from digest.storage import browsing as browsing_rows
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.types import Entry, SubscriberStatus
from tests.storage_rows import add_papers, make_entry
from tests.web_site import BASE_URL, WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]

KINDS = {
    "rss": "application/rss+xml; charset=utf-8",
    "atom": "application/atom+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}
PUBLIC = ("trending", "trending-day", "trending-week", "trending-month")
ATOM = "{http://www.w3.org/2005/Atom}"


def own(site: WebSite, kind: str = "atom") -> str:
    return f"/feeds/{site.subscriber().feed_token}.{kind}"


def ids(client: TestClient, path: str) -> list[str]:
    """The ids of a feed's items, in order; of any kind."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    if ".json" in path:
        return [item["id"] for item in answer.json()["items"]]
    parsed = feedparser.parse(answer.content)
    assert parsed.bozo is False, parsed.get("bozo_exception")
    return [entry.id for entry in parsed.entries]


def add_new(site: WebSite, *entries: Entry) -> list[int]:
    """Papers that a look at the source brings now."""
    now = site.app.now()
    with site.app.database.write() as session:
        source = source_rows.list_sources(session)[0]
        made = add_papers(session, entries, source_id=source.id, now=now, day=now.date())
        source_rows.add_check(
            session, Check(source_id=source.id, day=now.date(), checked_at=now, verdict="fresh")
        )
    return made


# --- what they hold --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_feed_comes_in_each_kind_with_its_type(site: WebSite, name: str, kind: str) -> None:
    answer = site.client.get(f"/feeds/{name}.{kind}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == KINDS[kind]
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert ids(site.client, f"/feeds/{name}.{kind}") == ids(site.client, f"/feeds/{name}.atom")
    assert f"{BASE_URL}/feeds/{name}.{kind}" in answer.text


def test_the_files_say_the_same(site: WebSite) -> None:
    """Same papers, same ids, and of one's own feed the same bytes."""
    site.app.publisher().write(site.web.site.moment())
    token = site.subscriber().feed_token
    for kind in KINDS:
        written = (site.app.feeds_dir / f"{token}.{kind}").read_bytes()
        assert site.client.get(f"/feeds/{token}.{kind}").content == written
    listed = json.loads((site.app.feeds_dir / "trending.json").read_text())
    assert ids(site.client, "/feeds/trending.json") == [item["id"] for item in listed["items"]]


def test_all_items_are_dated_before_now_and_no_id_stands_twice(site: WebSite) -> None:
    for path in (*(f"/feeds/{name}.json" for name in PUBLIC), own(site, "json")):
        items = site.client.get(path).json()["items"]
        assert items
        assert len({item["id"] for item in items}) == len(items)
        assert all(item["date_published"] <= f"{site.app.now():%Y-%m-%dT%H:%M:%SZ}" for item in items)


def test_a_json_feed_has_what_its_version_demands(site: WebSite) -> None:
    feed = site.client.get("/feeds/search.json?q=retrieval").json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"{BASE_URL}/feeds/search.json?q=retrieval"
    assert all(isinstance(item["id"], str) and item["content_html"] for item in feed["items"])


def test_a_search_shows_the_newest_that_hold_all_its_words(site: WebSite) -> None:
    found = site.client.get("/feeds/search.json?q=retrieval").json()["items"]
    assert len(found) > 3
    (new,) = add_new(site, make_entry(1, title="A dull note", abstract="At last also about retrieval."))
    after = site.client.get("/feeds/search.json?q=retrieval").json()["items"]
    assert after[0]["id"].endswith(f"/paper/{new}")
    assert [item["id"] for item in after[1:]] == [item["id"] for item in found]
    assert site.client.get("/feeds/search.json?q=retrieval+wombat").json()["items"] == []


def test_a_search_that_finds_very_many_shows_the_newest_of_them(
    site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of them would be the same for years."""
    monkeypatch.setattr("digest.pipeline.browsing.searching.MOST", 2)
    monkeypatch.setattr(feeding, "SEARCHED", timedelta(days=2))
    site.pass_time(days=40)
    new = add_new(site, *(make_entry(n, title=f"Thing {n}", abstract="On retrieval.") for n in (1, 2)))
    found = site.client.get("/feeds/search.json?q=retrieval").json()["items"]
    assert [item["id"].rpartition("/")[2] for item in found] == [str(n) for n in reversed(new)]


def test_trending_can_be_narrowed(site: WebSite) -> None:
    assert ids(site.client, "/feeds/trending-week.atom?source=huggingface")
    assert ids(site.client, "/feeds/trending-week.atom?category=no.such") == []
    assert site.client.get("/feeds/trending-week.atom?source=nobody").status_code == 404
    both = site.client.get("/feeds/trending-week.atom?category=a%26b&source=huggingface").text
    assert "trending-week.atom?category=a%26b&amp;source=huggingface" in both


def test_narrowed_feeds_and_searches_have_ids_of_their_own(site: WebSite) -> None:
    """A feed reader that follows two of them shows both."""
    feeds = [PublicFeed("search", query=words) for words in ("a", "b")]
    feeds += [PublicFeed("trending-week", category="a"), PublicFeed("trending-week", source="a")]
    assert len({feed.scope for feed in feeds}) == len(feeds)
    assert all(re.fullmatch(r"[a-z-]+/[0-9a-f]{16}", feed.scope) for feed in feeds)


def test_a_search_with_filters_has_a_feed_of_what_they_let_through(site: WebSite) -> None:
    def items(query: str) -> list[str]:
        return [item["url"] for item in site.client.get(f"/feeds/search.json?{query}").json()["items"]]

    everything = items("q=retrieval")
    assert everything
    assert items("q=retrieval&source=huggingface") == everything
    assert items("source=huggingface&since=2026-01-01")
    for nothing in (
        "q=retrieval&category=none",
        "q=retrieval&until=2000-01-01",
        "q=retrieval&since=2100-01-01",
    ):
        assert items(nothing) == []
    assert site.client.get("/feeds/search.rss?q=retrieval&source=nobody").status_code == 404


@pytest.mark.parametrize("query", ["", "?q=", "?q=%00%20", "?like=1"])
def test_a_search_without_words_is_told_so(site: WebSite, query: str) -> None:
    assert site.client.get(f"/feeds/search.rss{query}").status_code == 400


def test_without_an_address_of_ours_links_are_those_asked_at(tmp_path: Path, demo_folder: Path) -> None:
    with serving_web(tmp_path / "data", demo_folder, base_url=None) as made:
        body = made.client.get("http://localhost:9/feeds/trending.atom").text
        assert (
            '<link rel="self" type="application/atom+xml" href="http://localhost:9/feeds/trending.atom"/>'
            in body
        )
        other = made.client.get("http://127.0.0.1:9/feeds/trending.atom").text
        assert other == body.replace("http://localhost:9", "http://127.0.0.1:9")


# --- asked again -----------------------------------------------------------------------------------


@pytest.fixture(
    params=["/feeds/trending.rss", "/feeds/trending-week.json", "/feeds/search.atom?q=retrieval", ""]
)
def path(request: pytest.FixtureRequest, site: WebSite) -> str:
    return str(request.param) or own(site)


def test_who_has_it_is_told_so_without_a_body(site: WebSite, path: str) -> None:
    first = site.client.get(path)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        again = site.client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert (again.headers["etag"], again.headers["last-modified"]) == (tag, date)
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert "Accept-Encoding" in again.headers["vary"]
    assert site.client.get(path, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_date_counts_only_where_no_tag_is_told(site: WebSite, path: str) -> None:
    """RFC 9110, 13.2.2; and what is no date is not there."""
    date = site.client.get(path).headers["last-modified"]
    before = format_datetime(parsedate_to_datetime(date) - timedelta(seconds=1), usegmt=True)
    for given, status in ((date, 304), (before, 200), ("yesterday", 200), ("", 200), ("Fri, 99 Jan", 200)):
        assert site.client.get(path, headers={"If-Modified-Since": given}).status_code == status, given
    both = {"If-Modified-Since": date, "If-None-Match": '"x"'}
    assert site.client.get(path, headers=both).status_code == 200


def test_head_says_what_get_says(site: WebSite, path: str) -> None:
    plain = {"Accept-Encoding": "identity"}
    got, head = site.client.get(path, headers=plain), site.client.head(path, headers=plain)
    assert head.content == b""
    assert dict(head.headers) | {"vary": ""} == dict(got.headers) | {"vary": ""}
    assert site.client.head(path, headers={"If-None-Match": got.headers["etag"]}).status_code == 304


def test_packed_and_plain_are_the_same_feed(site: WebSite, path: str) -> None:
    plain = site.client.get(path, headers={"Accept-Encoding": "identity"})
    with site.client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]
    assert packed.headers["etag"].startswith("W/")
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"


def test_nothing_new_gives_the_same_bytes_whenever_and_whoever_makes_them(site: WebSite, path: str) -> None:
    before = site.client.get(path).content
    site.pass_time(hours=30)
    assert site.client.get(path).content == before
    ours = site.web.site
    ours.feeds = FeedShelf(ours.app.publisher().maker, ours.browser)  # as another process would begin
    assert site.client.get(path).content == before


def test_what_is_asked_for_again_is_not_made_again(
    site: WebSite, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    render = feeding._body
    monkeypatch.setattr(feeding, "_body", lambda feed, kind, at: made.append(kind) or render(feed, kind, at))
    for _ in range(3):
        site.client.get(path)
    assert len(made) == len(set(made))
    made.clear()
    site.client.get(path)
    assert made == []


def test_one_new_paper_is_one_new_item(site: WebSite) -> None:
    for votes, path in ((5000, "/feeds/trending.json"), (9000, "/feeds/trending-week.json")):
        before, tag = ids(site.client, path), site.client.get(path).headers["etag"]
        number = len(before)
        (new,) = add_new(site, make_entry(number, title=f"Another thing {number}", votes=votes))
        answer = site.client.get(path, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        after = [item["id"] for item in answer.json()["items"]]
        assert [one for one in after if one not in before] == [after[0]]
        assert after[0].endswith(f"/paper/{new}")
        since = parsedate_to_datetime(answer.headers["last-modified"])
        assert since == site.app.now()
        site.pass_time(hours=1)


def test_a_new_issue_comes_into_ones_own_feed(site: WebSite) -> None:
    before, tag = ids(site.client, own(site)), site.client.get(own(site)).headers["etag"]
    site.pass_time(days=1)
    add_new(site, make_entry(7, title="Dense retrieval again", abstract="Of dense retrieval."))
    assert site.client.get(own(site), headers={"If-None-Match": tag}).status_code == 304
    site.app.composer().compose(site.web.site.moment(), hold=False)
    after = ids(site.client, own(site))
    assert set(before) < set(after)


def test_kept_feeds_have_bounded_room(site: WebSite) -> None:
    """Anybody can make up searches."""
    shelf = FeedShelf(site.app.publisher().maker, site.web.site.browser, max_bytes=60_000)
    for number in range(50):
        shelf.public(PublicFeed("search", query=f"retrieval {number}"), "rss", BASE_URL, site.app.now())
        shelf.public(PublicFeed("search", query="retrieval"), "atom", f"http://{number}", site.app.now())
        assert shelf._bytes == sum(one.size for one in shelf._kept.values()) <= 60_000
    assert shelf._kept


# --- whose they are --------------------------------------------------------------------------------


def test_ones_own_is_kept_by_nobody_else_and_found_by_no_search_engine(site: WebSite) -> None:
    headers = site.client.get(own(site)).headers
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


def test_a_name_that_nobody_has_is_as_any_page_that_is_not_there(site: WebSite) -> None:
    token = site.subscriber().feed_token
    wrong = [
        *("nothing.rss", f"{token[:-1]}.rss", f"{token}x.rss", f"{token.swapcase()}.rss"),
        *(f"{token}.xml", f"{token}", f".{token}.rss", f"{token}.rss.rss", "trending.xml", ".rss", "%00.rss"),
        *("a" * 1900 + ".rss", "..%2f..%2fsecret.key", "trending-year.rss", "1.rss", "*.rss", "é.rss"),
    ]
    answers = [site.client.get(f"/feeds/{name}") for name in wrong]
    assert {answer.status_code for answer in answers} == {404}
    pages = {answer.text for answer in answers if "There is no such feed" in answer.text}
    assert len({re.sub(r'value="[^"]*"', "", page) for page in pages}) == 1


def test_who_left_has_a_feed_that_has_ended(site: WebSite) -> None:
    reader = site.subscriber()
    with site.app.database.write() as session:
        subscriber_rows.set_status(session, reader, SubscriberStatus.UNSUBSCRIBED, now=site.app.now())
    answer = site.client.get(own(site))
    assert answer.status_code == 410
    assert "Retrieval" not in answer.text
    with site.app.database.write() as session:
        subscriber_rows.set_status(session, reader, SubscriberStatus.ACTIVE, now=site.app.now())
    assert site.client.get(own(site)).status_code == 200


def test_who_wants_no_feed_has_an_empty_one(site: WebSite) -> None:
    assert ids(site.client, own(site))
    with site.app.database.write() as session:
        (row,) = subscriber_rows.list_subscriptions(session, site.subscriber().id or 0)
        row.feed = False
        subscriber_rows.add_subscription(session, row)
    assert ids(site.client, own(site)) == []


@pytest.fixture
def reader(site: WebSite) -> TestClient:
    """A browser that opened the link to its preferences."""
    client = site.browser()
    assert client.get(f"/p/{site.token('preferences')}").status_code == 303
    return client


def test_an_address_can_be_replaced_and_the_old_one_ends(site: WebSite, reader: TestClient) -> None:
    """The papers keep their ids, so that nothing comes twice."""
    site.app.publisher().write(site.web.site.moment())
    old, before = own(site), ids(site.client, own(site))
    form = re.search(r'name="form_token" value="([^"]*)"', reader.get("/feeds").text)
    assert form is not None
    answer = reader.post("/feeds/renew", data={"form_token": form[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/feeds")
    assert site.client.get(old).status_code == 404
    assert own(site) != old
    assert len(site.subscriber().feed_token) == 43
    assert ids(site.client, own(site)) == before
    assert own(site) in reader.get("/feeds").text
    assert not list(site.app.feeds_dir.glob(f"{old.split('/')[-1].removesuffix('.atom')}.*"))


@pytest.mark.parametrize("method", ["get", "head"])
def test_to_look_replaces_nothing(site: WebSite, reader: TestClient, method: str) -> None:
    before = site.rows()
    for path in ("/feeds", "/feeds/renew", own(site), "/feeds/trending.rss"):
        getattr(reader, method)(path)
    assert site.rows() == before


def test_nobody_else_replaces_it(site: WebSite) -> None:
    before = site.rows()
    assert site.client.post("/feeds/renew").status_code == 401
    rater = site.browser()
    rater.cookies.update(feedback_cookie(site))
    assert rater.post("/feeds/renew").status_code == 401
    assert site.rows() == before


def feedback_cookie(site: WebSite) -> dict[str, str]:
    """A session that came by a feedback link."""
    from digest.tokens import make_token

    reader, until = site.subscriber(), int((site.app.now() + timedelta(days=1)).timestamp())
    value = make_token(site.web.site.secret, "session feedback", f"{reader.id}.{until}", reader.token_version)
    return {"__Host-digest": value}


# --- the page --------------------------------------------------------------------------------------


def test_the_page_lists_public_feeds_and_asks_for_nothing(site: WebSite) -> None:
    page = site.client.get("/feeds")
    for name in PUBLIC:
        for kind in KINDS:
            assert f'href="{BASE_URL}/feeds/{name}.{kind}"' in page.text
    assert page.text.count('rel="alternate"') == len(PUBLIC)
    assert page.headers["cache-control"].startswith("public")
    again = site.client.get("/feeds", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304


def test_it_shows_ones_own_only_to_oneself(site: WebSite, reader: TestClient) -> None:
    token = site.subscriber().feed_token
    page = reader.get("/feeds")
    assert token in page.text
    assert page.headers["cache-control"] == "private, no-store"
    assert token not in site.client.get("/feeds").text
    rater = site.browser()
    rater.cookies.update(feedback_cookie(site))
    assert token not in rater.get("/feeds").text


def test_it_gives_the_address_of_a_search_and_of_a_part(site: WebSite) -> None:
    for query, expected in (
        ("?q=dense+retrieval", "search.rss?q=dense+retrieval"),
        ("?period=trending-week&category=cs.CL&source=", "trending-week.rss?category=cs.CL"),
        ("?period=trending-day", "trending-day.rss"),
    ):
        text = site.client.get(f"/feeds{query}").text
        address = re.search(r'id="asked-2" value="([^"]*)"', text)
        assert address is not None
        assert address[1] == f"{BASE_URL}/feeds/{expected}"
        assert site.client.get(address[1].replace("&amp;", "&")).status_code == 200
    for query in ("", "?q=", "?period=trending-year", "?period=", "?category=x"):
        assert 'id="asked-1"' not in site.client.get(f"/feeds{query}").text


def test_what_is_asked_for_is_text(site: WebSite) -> None:
    """Known fault 36: what a feed's name was became markup."""
    attack = '"><script>alert(1)</script>'
    for query in ({"q": attack}, {"period": "trending-week", "category": attack, "source": attack}):
        assert "<script>alert" not in site.client.get("/feeds", params=query).text


# --- hostile content -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_title_breaks_a_feed(
    site: WebSite, shared: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored as it is, as if nothing had cleaned it before."""
    payloads = (shared / "corpora/xss-payload-list.txt").read_text(errors="replace").splitlines()[::7]
    naughty = json.loads((shared / "corpora/blns.json").read_text())
    texts = [text for text in payloads + naughty if text.strip() and "\x00" not in text]
    monkeypatch.setattr(feeding, "LISTED_PAPERS", 5000)
    entries = [
        make_entry(number, title=text, abstract=text, authors=(text,), keywords=(text,), categories=(text,))
        for number, text in enumerate(texts, start=1)
    ]
    new = {f"/{number}" for number in add_new(site, *entries)}
    for name in ("trending", "trending-day"):
        body = site.client.get(f"/feeds/{name}.{kind}").content
        found = parsed_ids(kind, body)
        assert len(new & {one[one.rindex("/") :] for one in found}) == len(texts)


def parsed_ids(kind: str, body: bytes) -> list[str]:
    """The ids of a feed that two readers of its kind find no fault with."""
    if kind == "json":
        items: list[dict[str, Any]] = json.loads(body)["items"]
        assert all({"id", "content_html"} <= item.keys() for item in items)
        return [item["id"] for item in items]
    parsed = feedparser.parse(body)
    assert parsed.bozo is False, parsed.get("bozo_exception")
    root = ET.fromstring(body)
    tags = [one.text or "" for one in root.iter("guid" if kind == "rss" else f"{ATOM}id")]
    found = [entry.id for entry in parsed.entries]
    assert found == tags[len(tags) - len(found) :]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_search_breaks_its_feed(site: WebSite, shared: Path, kind: str) -> None:
    """The words stand in title and address of the feed."""
    payloads = (shared / "corpora/xss-payload-list.txt").read_text(errors="replace").splitlines()[::211]
    for text in [*payloads, "a\u2028b", "]]>", "a\x00b\x85", "<!--", "&nbsp;", "x" * 9000, "\U0010ffff"]:
        answer = site.client.get(f"/feeds/search.{kind}", params={"q": text})
        assert answer.status_code in (200, 400)
        if answer.status_code == 200:
            parsed_ids(kind, answer.content)


@pytest.mark.parametrize("host", ["a b", 'x"><y', "a\\b", "[::1", "x" * 3000, "é", "a,b", "a/b?c#d"])
def test_no_host_breaks_a_feed(tmp_path: Path, demo_folder: Path, host: str) -> None:
    """Where no address of ours is set, it is what whoever asks says it is."""
    with serving_web(tmp_path / "data", demo_folder, base_url=None) as made:
        for kind in KINDS:
            headers = {"Host": host.encode("latin-1")}
            answer = made.client.get(f"http://localhost/feeds/trending.{kind}", headers=headers)  # type: ignore[arg-type]
            if answer.status_code == 200:
                parsed_ids(kind, answer.content)


def test_listing_a_source_uses_its_name(site: WebSite) -> None:
    """The names offered are those that narrow."""
    with site.app.database.read() as session:
        names = [one.name for one in browsing_rows.list_named_sources(session)]
    page = site.client.get("/feeds").text
    assert all(f'<option value="{name}"' in page for name in names)
