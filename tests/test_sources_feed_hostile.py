"""Feeds made to hurt: whoever reads them ends soon, opens nothing, and stores plain text only."""

import io
import json
import re
import time
import tracemalloc
from datetime import date
from itertools import pairwise
from pathlib import Path

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ParseError
from digest.sources.feed import Feed, FeedOptions
from digest.types import PageRequest, ParsedPage
from tests import golden

KIND = Feed()
OPTIONS = FeedOptions()
REQUEST = PageRequest("https://site.example.org/feed", date(2026, 1, 12))
RSS = '<rss version="2.0"><channel><title>C</title>'
END = "</channel></rss>"


def parse(body: bytes | str, content_type: str = "") -> ParsedPage:
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return KIND.parse(raw, REQUEST, OPTIONS, content_type=content_type)


def outcome(body: bytes | str) -> ParsedPage | None:
    try:
        return parse(body)
    except ParseError:
        return None


def titles(body: bytes | str, content_type: str = "") -> list[str]:
    return [entry.title for entry in parse(body, content_type).entries]


def item(inside: str) -> str:
    return f"{RSS}<item>{inside}</item>{END}"


class TestNothingIsOpened:
    @pytest.fixture
    def secret(self, tmp_path: Path) -> Path:
        file = tmp_path / "secret.xml"
        file.write_text(item("<title>Secret</title>"))
        return file

    def test_feedparser_itself_opens_what_looks_like_a_path(self, secret: Path) -> None:
        """The reason for the stream: bytes are no protection."""
        for path in (str(secret), str(secret).encode()):
            assert feedparser.parse(path).entries[0].title == "Secret"

    def test_fault_18_a_body_that_looks_like_a_path_or_address_is_not_opened(
        self, secret: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def connect(*_: object) -> None:
            raise AssertionError("something was opened")

        monkeypatch.setattr("socket.socket.connect", connect)
        monkeypatch.setattr("urllib.request.OpenerDirector.open", connect)
        for body in (
            str(secret),
            f"file://{secret}",
            "http://127.0.0.1:9/",
            "feed://127.0.0.1:9/",
            "ftp://127.0.0.1/",
        ):
            with pytest.raises(ParseError, match="found the text"):
                parse(body)

    def test_feedparser_is_given_a_stream_of_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file may be named like the beginning of a feed, too."""
        given: list[object] = []

        def noted(source: object, **more: object) -> object:
            given.append(source)
            return feedparser_parse(source, **more)

        feedparser_parse = feedparser.parse
        monkeypatch.setattr("feedparser.parse", noted)
        assert titles(item("<title>A</title>")) == ["A"]
        assert [type(source) for source in given] == [io.BytesIO]

    def test_fault_24_nothing_of_feedparsers_own_fetching_is_reached(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redirects without a Location, addresses that cannot be opened: it is never asked to fetch."""

        def get(*_: object, **__: object) -> None:
            raise AssertionError("feedparser was asked to fetch")

        monkeypatch.setattr("feedparser.http.get", get)
        for name in ("rss20.xml", "atom10.xml", "rss10.rdf"):
            assert parse(golden.read(f"feed/{name}")).entries


class TestEntities:
    @pytest.mark.parametrize(
        "declared",
        [
            '<!ENTITY a "aaaa">'
            + "".join(f'\n<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise("abcdefghi")),
            f'\n<!ENTITY i "{"x" * 100_000}">',
            '<!ENTITY i SYSTEM "file:///etc/passwd">',
            '\n<!entity i SYSTEM "http://127.0.0.1:9/">',
            '<!ENTITY x "<rss>">\n<!ENTITY i "aaaa">',
        ],
    )  # fmt: skip
    def test_fault_18_feeds_that_declare_entities_are_refused(self, declared: str) -> None:
        body = f"<?xml version='1.0'?>\n<!DOCTYPE rss [{declared}]>\n" + item(
            f"<title>{'&i;' * 1000}</title>"
        )
        started = time.monotonic()
        with pytest.raises(ParseError, match="declares entities"):
            parse(body)
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize(
        "prolog",
        [
            '<!--\n<!ENTITY i "{0}">\n<!DOCTYPE x>-->',
            '<?x <!DOCTYPE rss [<!ENTITY i "{0}">]> ?>',
            'junk <!DOCTYPE rss [<!ENTITY % i "{0}"> %i;]>',
            '<!DOCTYPE rss SYSTEM "<rss>" [<!ENTITY % i "{0}">]>',
        ],
    )
    def test_an_entity_hidden_from_that_check_does_not_grow_either(self, prolog: str) -> None:
        body = prolog.format("x" * 10_000) + item(f"<title>T {'&i;' * 10_000}</title>")
        tracemalloc.start()
        page = outcome(body)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 32 * 1024 * 1024
        assert "xxx" not in "".join(entry.title for entry in (page.entries if page else ()))

    def test_parameter_entities_that_name_htmls_letters_are_read_past(self) -> None:
        assert parse(golden.read("feed/rss10.rdf")).entries[0].title == "An étude with R&D"

    def test_a_doctype_without_declarations_is_read_past(self) -> None:
        doctype = '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://dtd.invalid/rss-0.91.dtd">'
        assert titles(f'<?xml version="1.0"?>{doctype}' + item("<title>A</title>")) == ["A"]


class TestMarkup:
    SCRIPT = "<script>alert(1)</script>"

    @pytest.mark.parametrize(
        "title",
        [
            "<![CDATA[A <scr<![CDATA[ipt>alert(1)</script>]]>",
            "A &lt;![CDATA[&lt;script&gt;alert(1)&lt;/script&gt;]]&gt;",
            "A <![CDATA[<![CDATA[<script>alert(1)</script>]]]]><![CDATA[>]]>",
            "A &lt;!-- &lt;script&gt;alert(1)&lt;/script&gt; --&gt;",
            "A &lt;!--[if IE]&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;![endif]--&gt;",
            "A &amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;",
            "A &lt;img src=x onerror=alert(1)&gt;",
            "A &lt;svg/onload=alert(1)&gt;",
        ],
    )
    def test_fault_41_nested_cdata_and_comments_leave_no_markup(self, title: str) -> None:
        for entry in parse(item(f"<title>{title}</title><description>{title}</description>")).entries:
            assert entry.title.startswith("A")
            for text in (entry.title, entry.abstract):
                assert not re.search(r"<(script|img|svg|!--)[\s/>-]", text), text

    @pytest.mark.parametrize(
        "link",
        ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java&#10;script:alert(1)", "&#1;javascript:alert(1)",
         "data:text/html,x", "vbscript:x", "file:///etc/passwd", "http://user:pw@site.example.org/", "http://a\\@b/"],
    )  # fmt: skip
    def test_fault_41_only_web_addresses_are_kept(self, link: str) -> None:
        (entry,) = parse(item(f"<title>A</title><link>{link}</link><guid>{link}</guid>")).entries
        assert entry.url is None or entry.url.startswith("https://site.example.org/"), entry.url
        feed = {
            "version": "https://jsonfeed.org/version/1",
            "items": [{"id": "1", "title": "A", "url": link}],
        }
        assert parse(json.dumps(feed)).entries[0].url is None

    @pytest.mark.parametrize(
        "junk", ["\x00", "\x07", "\x1b[31m", "\ufffe", "\u202e", "&#0;", "&#x1f;", "&#xD800;", "&#2000000;"]
    )
    def test_control_characters_do_not_stop_a_feed(self, junk: str) -> None:
        (entry,) = parse(item(f"<title>A{junk}B</title><description>{junk}</description>")).entries
        assert re.fullmatch(r"A(\[31m)?B", entry.title), entry.title

    @pytest.mark.parametrize("name", ["rss20.xml", "atom10.xml", "rss10.rdf"])
    def test_with_control_characters_a_feed_reads_as_without(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are taken out before, so that the strict and fast reader is the one that reads it."""

        def feed(*_: object) -> None:
            raise AssertionError("the HTML reader was needed")

        monkeypatch.setattr("feedparser.api.LooseFeedParser.feed", feed)
        body = golden.read(f"feed/{name}")
        assert parse(body.replace(b"</title>", b"\x07\x0b</title>")) == parse(body)


class TestEncodings:
    TITLE = "Größe и мера"

    @pytest.mark.parametrize(
        ("encoding", "label", "title"),
        [
            ("utf-8", "", TITLE),
            ("utf-8", "windows-1252", TITLE),
            ("utf-8-sig", "", TITLE),
            ("utf-16", "utf-16", TITLE),
            ("utf-16-le", "", TITLE),
            ("koi8-r", "koi8-r", "Мера"),
            ("windows-1252", "iso-8859-1", "Größe “so”"),
            ("windows-1252", "", "Größe"),
            ("utf-8", "no-such-encoding", TITLE),
        ],
    )
    def test_the_text_is_read_whatever_the_label_says(self, encoding: str, label: str, title: str) -> None:
        declared = f'<?xml version="1.0" encoding="{label}"?>' if label else ""
        body = (declared + item(f"<title>{title}</title>")).encode(encoding)
        assert titles(body) == [title]

    def test_the_header_counts_too(self) -> None:
        body = item("<title>Мера</title>").encode("koi8-r")
        assert titles(body, "application/rss+xml; charset=KOI8-R") == ["Мера"]

    def test_bytes_that_are_wrong_do_not_stop_a_feed(self) -> None:
        assert titles(item("<title>A~B</title>").encode().replace(b"~", b"\xff\xc0")) == ["AÿÀB"]


BIG = 250_000
HOSTILE = {
    "letters without end as author": item(f"<title>T</title><author>{'a' * BIG}</author>"),
    "letters in many runs": item(f"<title>T</title><author>{('a' * 499 + ' ') * (BIG // 500)}</author>"),
    "open elements": RSS + "<a>" * (BIG // 3),
    "nested elements": RSS + "<a>" * (BIG // 7) + "</a>" * (BIG // 7) + END,
    "nested behind a fault": RSS + "&bad;" + "<a>" * (BIG // 3),
    "items without end": RSS + "<item>" * (BIG // 6),
    "empty items": RSS + "<item/>" * (BIG // 7) + END,
    "attributes": RSS + "<item " + 'a="b" ' * (BIG // 6) + ">",
    "20,000 attributes": RSS + "<item " + "".join(f'a{number}="b" ' for number in range(20_000)) + "/>" + END,
    "20,000 attributes behind a fault": RSS + "<b><item " + 'a="b" ' * 20_000 + "></b>" + END,
    "namespaces": item("".join(f'<x{number}:y xmlns:x{number}="u{number}"/>' for number in range(BIG // 30))),
    "less-than signs": RSS + "<" * BIG,
    "ampersands": RSS + "<item><title>" + "&" * BIG,
    "comments not closed": RSS + "<!--" * (BIG // 4),
    "data not closed": RSS + "<![CDATA[" * (BIG // 9),
    "scripts not closed": item(f"<title>T</title><description>{'&lt;style&gt;' * (BIG // 14)}</description>"),
    "one long date": item(f"<title>T</title><pubDate>{'1' * BIG}</pubDate>"),
    "categories": item("<title>T</title>" + "<category>x</category>" * (BIG // 21)),
    "deep JSON": '{"version":"https://jsonfeed.org/version/1","items":' + "[" * BIG,
    "a long JSON text": json.dumps({"version": "jsonfeed.org/version/1", "items": [{"title": "T" * 10**6}]}),
    "spaces before": " " * BIG + item("<title>T</title>"),
    "instructions before": "<?" * (BIG // 2) + item("<title>T</title>"),
    "comments before": "<!--x-->" * (BIG // 8) + item("<title>T</title>"),
    "comments opened before": "<!--" * (BIG // 4) + item("<title>T</title>"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_feeds_end_soon(name: str) -> None:
    """A quarter of a megabyte each; feedparser by itself needs minutes for some of them."""
    started = time.monotonic()
    page = outcome(HOSTILE[name])
    assert time.monotonic() - started < 4
    for entry in page.entries if page else ():
        assert len(entry.title) <= 1000
        assert len(entry.abstract) <= 10_000


def test_what_feedparser_stumbles_over_is_a_parse_error() -> None:
    """It parts names at white space of any kind, and no-break spaces may stand in a namespace."""
    body = '<rss version="2.0" xmlns="a\u00a0b\u00a0c\u00a0d"><channel/></rss>'
    with pytest.raises(ParseError, match="feedparser cannot read"):
        parse(body)


@given(st.data())
def test_damaged_feeds_give_a_page_or_a_parse_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["rss20.xml", "atom10.xml", "rss10.rdf", "jsonfeed11.json"]))
    body = bytearray(golden.read(f"feed/{name}"))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(
                st.binary(max_size=12),
                st.sampled_from(
                    [
                        b"<",
                        b"</item>",
                        b"&",
                        b"&#x110000;",
                        b"]]>",
                        b"<![CDATA[",
                        b"null",
                        b"[]",
                        b"\xed\xa0\x80",
                        b"9" * 5000,
                    ]
                ),
            )
        )
    page = outcome(bytes(body))
    if page is not None:
        json.dumps(golden.as_json(page), ensure_ascii=False).encode("utf-8")


@given(st.text(max_size=400) | st.binary(max_size=400))
def test_any_text_in_an_item_stays_text(text: str | bytes) -> None:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    page = outcome(
        RSS.encode() + b"<item><title>T</title><description>" + raw + b"</description></item>" + END.encode()
    )
    for entry in page.entries if page else ():
        entry.abstract.encode("utf-8")
