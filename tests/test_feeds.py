"""Feeds: three formats that carry the same items, parse without complaint, and keep their ids."""

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.feeds import (
    FeedItem,
    FeedView,
    feed_from_issues,
    feed_from_papers,
    feed_id,
    paper_item_id,
    render_atom,
    render_json,
    render_rss,
)
from digest.types import FeedLinks, IssueView, Section
from tests.issue_samples import COMPOSED_AT, HOSTILE, LINKS, issue, item, notice_issue, paper

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
TAG = re.compile(r"tag:[a-z0-9.@_-]+,2026:[A-Za-z0-9/._~%-]+")


def private(*issues: IssueView) -> FeedView:
    """A reader's list."""
    return feed_from_issues(
        issues or (issue(),),
        authority="digest.example.org",
        scope="reader-3",
        title="Paper digest for you",
        description="The same papers as in your mail.",
        links=LINKS,
        home_url="https://digest.example.org",
    )


def trending(*papers: Any, **changes: Any) -> FeedView:
    """The public list."""
    values = {
        "authority": "digest.example.org",
        "scope": "trending",
        "title": "Paper digest: trending",
        "description": "What trends.",
        "links": LINKS,
    }
    return feed_from_papers(papers, **values | changes)


def rss_of(feed: FeedView) -> ET.Element:
    channel = ET.fromstring(render_rss(feed)).find("channel")
    assert channel is not None
    return channel


def atom_of(feed: FeedView) -> ET.Element:
    return ET.fromstring(render_atom(feed))


def json_of(feed: FeedView) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(render_json(feed))
    return loaded


class TestIds:
    def test_they_are_tag_uris_that_never_change(self) -> None:
        assert (
            paper_item_id("Digest.example.org", "trending", 7)
            == "tag:digest.example.org,2026:trending/paper/7"
        )
        assert feed_id("digest.example.org", "reader-3") == "tag:digest.example.org,2026:reader-3"

    @given(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    )
    def test_whatever_they_are_made_of(self, authority: str, scope: str) -> None:
        made = paper_item_id(authority, scope, 1)
        assert re.fullmatch(r"tag:[\w.@%~-]+,2026:[\w/.~%-]+", made, re.ASCII)

    def test_no_two_items_share_one(self) -> None:
        feed = private(issue(), notice_issue())
        assert len({one.item_id for one in feed.items}) == len(feed.items) == 5
        assert all(TAG.fullmatch(one.item_id) for one in feed.items)

    def test_they_do_not_depend_on_what_is_shown(self) -> None:
        other = issue([item(paper(1, title="Renamed", votes=999))])
        assert private(other).items[0].item_id == private().items[0].item_id

    def test_a_paper_in_two_issues_stands_once(self) -> None:
        later = issue([item(paper(1))], issue_id=8, composed_at=COMPOSED_AT + timedelta(days=1))
        ids = [one.item_id for one in private(issue(), later).items]
        assert len(ids) == len(set(ids)) == 4
        assert ids[0].endswith("/paper/1")


class TestBuilding:
    def test_the_newest_issue_comes_first_each_in_its_own_order(self) -> None:
        older = issue(
            [item(paper(8)), item(paper(9))], issue_id=6, composed_at=COMPOSED_AT - timedelta(days=1)
        )
        titles = [one.title for one in private(older, issue()).items]
        assert titles == [one.paper.title for one in (*issue().items, *older.items)]

    def test_sorting_by_time_keeps_that_order(self) -> None:
        older = issue([item(paper(8))], issue_id=6, composed_at=COMPOSED_AT - timedelta(days=1))
        items = private(older, issue()).items
        assert sorted(items, key=lambda one: one.published_at, reverse=True) == list(items)
        assert len({one.published_at for one in items}) == len(items)

    def test_a_notice_is_one_item(self) -> None:
        (one,) = private(notice_issue()).items
        assert one.title == "Nothing new for you today"
        assert one.text.startswith("No new papers today: it is the weekend.\nThe next digest comes")
        assert one.item_id == "tag:digest.example.org,2026:reader-3/issue/7"

    def test_a_notice_is_escaped(self) -> None:
        (one,) = private(issue([], notice="a < b\n<script>", coverage="")).items
        assert one.html == '<p dir="auto">a &lt; b</p>\n<p dir="auto">&lt;script&gt;</p>'
        assert one.text == "a < b\n<script>"

    def test_the_content_says_what_the_mail_says(self) -> None:
        first = private().items[1]
        for words in ("Retrieval", "keyword “dense retrieval”", "128 votes, up from 3 on 13 Mar", "12 more"):
            assert words in first.html
            assert words in first.text
        assert first.categories == ("For you", "Retrieval")
        assert len(first.authors) == 14

    @pytest.mark.parametrize("section", list(Section))
    def test_an_items_section_is_its_first_category(self, section: Section) -> None:
        (one,) = private(issue([item(paper(1), section)])).items
        assert one.categories == (section.value, "Retrieval")

    def test_content_has_no_styles_or_classes(self) -> None:
        assert not re.search(r"style=|class=", "".join(one.html for one in private().items))

    def test_trending_keeps_the_order_given(self) -> None:
        feed = trending(paper(3), paper(1), paper(2))
        assert [one.item_id[-1] for one in feed.items] == ["3", "1", "2"]
        assert feed.updated_at == paper(1).first_seen_at

    def test_a_paper_without_any_date_still_has_one(self) -> None:
        (one,) = trending(paper(first_seen_at=None)).items
        assert one.published_at.tzinfo is UTC

    def test_an_empty_list_is_a_feed_too(self) -> None:
        feed = trending()
        assert atom_of(feed).find(f"{ATOM}updated") is not None
        assert not feedparser.parse(render_rss(feed).encode()).bozo
        assert json_of(feed)["items"] == []


class TestFormats:
    def test_all_carry_the_same_items_in_the_same_order(self) -> None:
        feed = private(issue(), notice_issue())
        want = [(one.item_id, one.title, one.html) for one in feed.items]
        rss = [
            (i.findtext("guid"), i.findtext("title"), i.findtext("description"))
            for i in rss_of(feed).iter("item")
        ]
        atom = [
            (i.findtext(f"{ATOM}id"), i.findtext(f"{ATOM}title"), i.findtext(f"{ATOM}content"))
            for i in atom_of(feed).iter(f"{ATOM}entry")
        ]
        jsons = [(i["id"], i["title"], i["content_html"]) for i in json_of(feed)["items"]]
        assert rss == atom == jsons == want

    @pytest.mark.parametrize("render", [render_rss, render_atom])
    def test_feedparser_does_not_complain(self, render: Any) -> None:
        for feed in (private(), private(notice_issue()), trending(paper(1))):
            parsed = feedparser.parse(render(feed).encode())
            assert parsed.bozo == 0
            assert [one.id for one in parsed.entries] == [one.item_id for one in feed.items]

    @pytest.mark.parametrize("render", [render_rss, render_atom, render_json])
    def test_the_same_input_gives_the_same_bytes(self, render: Any) -> None:
        assert render(private()).encode() == render(private()).encode()

    def test_rss_has_what_its_readers_want(self) -> None:
        channel = rss_of(private())
        assert channel.findtext("link") == "https://digest.example.org"
        assert channel.findtext("ttl") == "60"
        own = channel.find(f"{ATOM}link")
        assert own is not None
        assert own.attrib == {"href": LINKS.rss, "rel": "self", "type": "application/rss+xml"}
        first = channel.find("item")
        assert first is not None
        guid = first.find("guid")
        assert guid is not None
        assert guid.attrib == {"isPermaLink": "false"}
        assert first.findtext("link") == "https://arxiv.org/abs/3103.00001"
        assert parsedate_to_datetime(first.findtext("pubDate") or "") == COMPOSED_AT
        assert first.findtext(f"{DC}creator") == "Ada Example"
        assert first.find("author") is None

    def test_atom_has_what_rfc_4287_demands(self) -> None:
        feed = atom_of(private(issue(), notice_issue()))
        assert feed.findtext(f"{ATOM}id") == "tag:digest.example.org,2026:reader-3"
        assert feed.findtext(f"{ATOM}author/{ATOM}name") == "Paper digest for you"
        links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
        assert links == {"self": LINKS.atom, "alternate": "https://digest.example.org"}
        for element in (feed, *feed.iter(f"{ATOM}entry")):
            for name in ("id", "title", "updated"):
                assert len(element.findall(ATOM + name)) == 1
            updated = element.findtext(f"{ATOM}updated") or ""
            assert datetime.fromisoformat(updated).tzinfo is not None
            assert updated.endswith("Z")
        assert all(content.get("type") == "html" for content in feed.iter(f"{ATOM}content"))

    def test_json_feed_has_what_its_version_demands(self) -> None:
        feed = json_of(private())
        assert feed["version"] == "https://jsonfeed.org/version/1.1"
        assert feed["feed_url"] == LINKS.json
        first = feed["items"][0]
        assert first["authors"][0] == {"name": "Ada Example"}
        assert first["date_published"] == "2031-03-17T06:00:00Z"
        assert {"id", "url", "title", "content_html", "content_text", "date_modified", "tags"} <= set(first)

    def test_without_a_home_nothing_is_invented(self) -> None:
        links = FeedLinks("file:///srv/a%20b/f.rss", "file:///srv/a%20b/f.atom", "file:///srv/a%20b/f.json")
        feed = trending(paper(1), links=links)
        assert rss_of(feed).findtext("link") == links.rss
        assert [link.get("rel") for link in atom_of(feed).findall(f"{ATOM}link")] == ["self"]
        assert "home_page_url" not in json_of(feed)


class TestHostile:
    @given(st.lists(st.text(HOSTILE), min_size=6, max_size=6))
    def test_any_text_passes(self, texts: list[str]) -> None:
        hostile = paper(
            title=texts[0],
            authors=(texts[1],),
            abstract=texts[2],
            organisation=texts[3],
            keywords=(texts[5],),
        )
        for feed in (private(issue([item(hostile, interest=texts[4])])), trending(hostile)):
            rss, atom, jsons = render_rss(feed), render_atom(feed), render_json(feed)
            assert len(ET.fromstring(rss).findall("channel/item")) == 1
            assert len(ET.fromstring(atom).findall(f"{ATOM}entry")) == 1
            assert len(json.loads(jsons)["items"]) == 1
            jsons.encode()

    def test_what_a_caller_did_not_clean_is_cleaned(self) -> None:
        dirty = "a\x00b\ud800c\ufffe<&>]]>"
        one = FeedItem(
            "tag:x,2026:y", dirty, None, dirty, dirty, COMPOSED_AT, COMPOSED_AT, (dirty,), (dirty,)
        )
        feed = FeedView("tag:x,2026:z", dirty, dirty, None, LINKS, COMPOSED_AT, (one,))
        assert rss_of(feed).findtext("item/title") == "abc<&>]]>"
        assert atom_of(feed).findtext(f"{ATOM}entry/{ATOM}content") == "abc<&>]]>"
        assert json_of(feed)["items"][0]["content_text"] == "abc<&>]]>"

    def test_naughty_strings_pass_and_keep_the_other_papers(self, shared: Path) -> None:
        naughty = [
            *json.loads((shared / "corpora/blns.json").read_text()),
            "\u2028",
            "\x85",
            "a\x00b",
            "\ud800",
        ]
        papers = [paper(i, title=text, abstract=text, authors=(text,)) for i, text in enumerate(naughty)]
        feed = private(issue([item(one) for one in papers]))
        for render in (render_rss, render_atom):
            parsed = feedparser.parse(render(feed).encode())
            assert parsed.bozo == 0
            assert len(parsed.entries) == len(naughty)
        assert [one["title"] for one in json_of(feed)["items"]] == [one.title for one in feed.items]
        assert [one.findtext("title") for one in rss_of(feed).iter("item")] == [
            one.title for one in feed.items
        ]

    def test_content_carries_no_markup_of_others(self, shared: Path) -> None:
        """Known faults 36 to 41: what a feed reader unescapes holds our elements only."""
        for line in (shared / "corpora/xss-payload-list.txt").read_text(errors="replace").splitlines()[::13]:
            hostile = paper(
                title=line, abstract=line, organisation=line, url=line, code_url=line, project_url=line
            )
            (one,) = private(issue([item(hostile, reasons=(line,), interest=line)])).items
            assert set(re.findall(r"<(/?[a-zA-Z!][^\s>]*)", one.html)) <= {
                "p",
                "/p",
                "a",
                "/a",
                "span",
                "/span",
            }
            assert not re.search(r'href="(?!https?://)', one.html)
            assert one.url is None or one.url.startswith(("http://", "https://"))
