"""Feeds of any format: what their items become, and what is no feed."""

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from digest import sources
from digest.errors import ParseError
from digest.sources.feed import Feed, FeedOptions
from digest.sources.feed_items import split_names
from digest.types import Entry, PageRequest, ParsedPage
from tests import golden
from tests.cli_runner import run
from tests.site_server import Asked, Site, serving_site

DAY = date(2026, 1, 12)
KIND = Feed()
OPTIONS = FeedOptions()
URL = "https://site.example.org/feeds/all.xml"
GOLDEN = {
    "rss20.xml": "https://journal.example.org/feed",
    "atom10.xml": "https://group.example.org/atom",
    "rss10.rdf": "https://old.example.org/rdf",
    "jsonfeed11.json": "https://lab.example.org/feed.json",
}


def parse(
    body: bytes | str, url: str = URL, options: FeedOptions = OPTIONS, content_type: str = ""
) -> ParsedPage:
    raw = body.encode() if isinstance(body, str) else body
    return KIND.parse(raw, PageRequest(url, DAY), options, content_type=content_type)


def rss(*items: str, head: str = "") -> str:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:a="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>C</title>{head}{inside}'
        "</channel></rss>"
    )


def json_feed(*items: object, **more: object) -> str:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": items, **more})


def one(item: str, options: FeedOptions = OPTIONS) -> Entry:
    (entry,) = parse(rss(f"<title>T</title>{item}"), options=options).entries
    return entry


def dated(day: str, title: str = "T") -> str:
    return f"<title>{title}</title><guid>{title}</guid><pubDate>{day}</pubDate>"


class TestItems:
    @pytest.mark.parametrize("name", GOLDEN)
    def test_the_golden_feeds(self, name: str) -> None:
        page = parse(golden.read(f"feed/{name}"), GOLDEN[name])
        assert json.loads(json.dumps(golden.as_json(page))) == golden.expected(f"feed/{name}")
        assert (page.page_date, page.declared) == (None, None)

    def test_ids_are_not_taken_from_free_text(self) -> None:
        entry = one(
            "<description>As in 10.5555/other and arXiv:2601.99999 (https://arxiv.org/abs/2601.99998).</description>"
        )
        assert (entry.arxiv_id, entry.doi) == (None, None)

    @pytest.mark.parametrize(
        ("item", "arxiv_id", "doi"),
        [
            ("<link>https://arxiv.org/abs/2601.00001v2</link>", "2601.00001", None),
            ('<guid isPermaLink="false">oai:arXiv.org:2601.00001v2</guid>', "2601.00001", None),
            ('<guid isPermaLink="false">2601.00001</guid>', "2601.00001", None),
            ('<guid isPermaLink="false">item/1234567</guid>', None, None),
            ("<dc:identifier>doi:10.48550/arXiv.2601.00001</dc:identifier>", "2601.00001", None),
            ("<dc:identifier>https://doi.org/10.5555/X%20</dc:identifier>", None, "10.5555/x"),
            ("<link>https://p.example.org/doi/full/10.5555/abc.1/full</link>", None, "10.5555/abc.1"),
            ("<link>https://p.example.org/doi/10.5555/abc.1?af=R</link>", None, "10.5555/abc.1"),
            ("<link>https://b.org/10.1101/2026.01.01.001v1.full</link>", None, "10.1101/2026.01.01.001"),
            ("<link>https://p.example.org/1</link><guid>10.5555/guid</guid>", None, "10.5555/guid"),
            ("<link>http://p/10.5555/a</link><dc:identifier>10.5555/b</dc:identifier>", None, "10.5555/b"),
        ],
    )  # fmt: skip
    def test_ids_come_from_where_ids_stand(self, item: str, arxiv_id: str | None, doi: str | None) -> None:
        entry = one(item)
        assert (entry.arxiv_id, entry.doi) == (arxiv_id, doi)

    @pytest.mark.parametrize(
        ("told", "names"),
        [
            (("Jane Doe, John Roe and Ann Poe",), ("Jane Doe", "John Roe", "Ann Poe")),
            (("Jane Doe, John Roe, and Ann Poe",), ("Jane Doe", "John Roe", "Ann Poe")),
            (("Doe, Jane",), ("Jane Doe",)),
            (("Doe, Jane and Roe, John",), ("Jane Doe", "John Roe")),
            (("Doe, Jane; Roe, John",), ("Jane Doe", "John Roe")),
            (("Doe, J., Roe, A. B.",), ("J. Doe", "A. B. Roe")),
            (("Doe, Jane", "Roe, John"), ("Jane Doe", "John Roe")),
            (("van der Berg, Anna",), ("Anna van der Berg",)),
            (("Alexander Sand",), ("Alexander Sand",)),
            (("Jane Doe, PhD",), ("Jane Doe",)),
            (("李明, 王芳",), ("李明", "王芳")),
            (("jane@example.org",), ()),
            (("", " "), ()),
            (("A, " * 30_000,), ("A",)),
        ],
    )
    def test_authors_are_parted_with_care(self, told: tuple[str, ...], names: tuple[str, ...]) -> None:
        assert split_names(told) == names

    def test_the_longer_of_summary_and_content_is_the_abstract(self) -> None:
        both = "<description>{}</description><content:encoded>{}</content:encoded>"
        assert one(both.format("short", "rather longer")).abstract == "rather longer"
        assert one(both.format("rather longer", "short")).abstract == "rather longer"

    def test_scripts_and_styles_are_not_text(self) -> None:
        html = "a<script>alert(1)</script> b <STYLE>p{}</STYLE >c <script> never closed"
        assert one(f"<description><![CDATA[{html}]]></description>").abstract == "a b c"

    def test_a_guid_too_long_to_keep_is_kept_by_its_hash(self) -> None:
        first, second = (one(f"<guid>{'x' * 400}{end}</guid>").source_ref for end in "ab")
        assert first != second
        assert first is not None
        assert len(first) < 60


class TestDays:
    def test_an_entry_belongs_to_its_own_day(self) -> None:
        """Three hundred old entries of a feed that is read for the first time are not news of today."""
        assert one("<pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>").listed_on == date(2026, 1, 5)

    def test_an_entry_without_a_day_belongs_to_today(self) -> None:
        entry = one("<link>https://p.example.org/</link>")
        assert (entry.listed_on, entry.published_on) == (None, None)

    @pytest.mark.parametrize(
        "day", ["Tue, 13 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "someday", "-1", "9" * 400]
    )
    def test_a_day_in_the_future_or_before_all_feeds_is_none(self, day: str) -> None:
        entry = one(f"<pubDate>{day}</pubDate>")
        assert (entry.listed_on, entry.published_on) == (None, None)

    def test_a_source_may_file_under_the_day_of_reading(self) -> None:
        entry = one("<pubDate>Mon, 05 Jan 2026 10:00:00 GMT</pubDate>", FeedOptions(filed_under="seen"))
        assert (entry.listed_on, entry.published_on) == (None, date(2026, 1, 5))

    def test_of_too_many_entries_the_newest_are_read(self) -> None:
        items = [dated(f"{day:02} Jan 2026 00:00:00 GMT", f"T{day}") for day in range(1, 11)]
        page = parse(rss(*items, "<title>undated</title>"), options=FeedOptions(max_entries=3))
        assert [entry.title for entry in page.entries] == ["T9", "T10", "undated"]
        assert [entry.position for entry in page.entries] == [1, 2, 3]
        assert page.skipped == 0


class TestNextPages:
    HEAD = '<a:link rel="next" href="{}"/>'

    @pytest.mark.parametrize("href", ["?page=2", "/feeds/2.xml", "https://site.example.org:443/feeds/2.xml"])
    def test_a_next_page_of_the_same_site_is_asked_for(self, href: str) -> None:
        (following,) = parse(
            rss(dated("Sun, 11 Jan 2026 00:00:00 GMT"), head=self.HEAD.format(href))
        ).next_requests
        assert following.url.startswith("https://site.example.org")
        assert following.carry == (("read", "1"), ("page", "2"))

    @pytest.mark.parametrize(
        "href",
        ["https://evil.example.com/2", "http://site.example.org/2", "https://site.example.org:8443/2",
         "//evil.example.com/2", "javascript:alert(1)", "https://user@site.example.org/2", URL, "", "http://[bad"],
    )  # fmt: skip
    def test_a_next_page_elsewhere_is_not(self, href: str) -> None:
        assert (
            parse(rss(dated("Sun, 11 Jan 2026 00:00:00 GMT"), head=self.HEAD.format(href))).next_requests
            == ()
        )
        body = json_feed({"id": "1", "title": "T"}, next_url=href)
        assert parse(body).next_requests == ()

    def test_pages_end_where_everything_is_old(self) -> None:
        head = self.HEAD.format("?page=2")
        assert parse(rss(dated("Mon, 01 Dec 2025 00:00:00 GMT"), head=head)).next_requests == ()

    def test_pages_end_at_the_most_entries_and_the_most_pages(self) -> None:
        body = rss(dated("Sun, 11 Jan 2026 00:00:00 GMT"), head=self.HEAD.format("?page=x")).encode()
        for carry in (("read", "499"), ("page", "20")):
            assert KIND.parse(body, PageRequest(URL, DAY, carry=(carry,)), OPTIONS).next_requests == ()
        assert KIND.parse(body, PageRequest(URL, DAY, carry=(("read", "x"),)), OPTIONS).next_requests


class TestWhatIsNoFeed:
    @pytest.mark.parametrize("body", [b"null", b"[]", b'""', b"{}", b"17", b"true", b"", b" \n"])
    @pytest.mark.parametrize("content_type", ["", "application/json", "application/rss+xml"])
    def test_fault_21_lone_json_values_are_no_feed(self, body: bytes, content_type: str) -> None:
        with pytest.raises(ParseError, match="looked for an RSS, Atom or JSON feed"):
            parse(body, content_type=content_type)

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("<!DOCTYPE html><html><body><p>Log in</p></body></html>", "HTML"),
            ("<html><body><rss version='2.0'><channel/></rss></body></html>", "HTML"),
            ("<sitemap><url/></sitemap>", "XML that is no feed"),
            ("Service unavailable", "Service unavailable"),
            ("<feed>hello</feed>", "only begins like one"),
            (
                '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><x/></rdf:RDF>',
                "only begins",
            ),
            ('{"version": "https://jsonfeed.org/version/1.1"}', "an object with version"),
            ('{"version": "2", "items": []}', "an object with version, items"),
            ('{"version": "https://jsonfeed.org/version/1", "items": [', "damaged or cut off"),
        ],
    )
    def test_it_is_told_what_was_found(self, body: str, said: str) -> None:
        with pytest.raises(ParseError, match=said):
            parse(body)

    def test_trap_an_error_that_arrives_as_an_entry(self) -> None:
        body = (
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>q</title><entry><title>Error</title>'
            "<id>http://arxiv.org/api/errors#bad_id</id><summary>incorrect id format</summary></entry></feed>"
        )
        with pytest.raises(ParseError, match="incorrect id format"):
            parse(body)

    @pytest.mark.parametrize(
        "body",
        [
            rss(),
            '<feed xmlns="http://www.w3.org/2005/Atom"><title>Nothing yet</title></feed>',
            json_feed(),
            '<rss version="2.0"><channel><skipDays><day>Saturday</day></skipDays></channel></rss>',
        ],
    )
    def test_trap_an_empty_saturday_is_an_empty_page(self, body: str) -> None:
        assert parse(body) == ParsedPage(())

    def test_a_renamed_container_is_broken(self) -> None:
        rdf, atom, old = (golden.read(f"feed/{name}") for name in ("rss10.rdf", "atom10.xml", "rss20.xml"))
        for body in (
            old.replace(b"rss", b"xss"),
            old.replace(b"channel>", b"canal>"),
            old.replace(b"item>", b"eintrag>"),
            rdf.replace(b"rdf:RDF", b"rdf:XYZ"),
            atom.replace(b"<feed", b"<food").replace(b"</feed", b"</food"),
            golden.read("feed/jsonfeed11.json").replace(b'"items"', b'"things"'),
        ):
            with pytest.raises(ParseError):
                parse(body)

    def test_a_feed_cut_in_half_is_partial_and_its_torn_entry_left_out(self) -> None:
        body = rss(*(dated(f"0{day} Jan 2026 00:00:00 GMT", f"Whole {day}") for day in range(1, 9)))
        page = parse(body[: body.index("Whole 5") + 3])
        assert [entry.title for entry in page.entries] == ["Whole 1", "Whole 2", "Whole 3", "Whole 4"]
        assert page.declared == 5
        with pytest.raises(ParseError, match="cut off"):
            parse(body[: body.index("Whole 1") + 3])


class TestOptions:
    def test_only_known_options(self) -> None:
        for wrong in ({"max_entries": 0}, {"filed_under": "x"}, {"label": "x"}):
            with pytest.raises(ValidationError):
                FeedOptions.model_validate(wrong)

    def test_the_address_is_read_as_it_is(self) -> None:
        ((way, asked),) = KIND.day_requests("https://site.example.org/feed?format=rss", OPTIONS, DAY)
        assert (way, asked.url, asked.day) == ("feed", "https://site.example.org/feed?format=rss", DAY)
        assert KIND.exact_url
        assert KIND.default_url == ""
        assert not KIND.is_dated(OPTIONS)

    def test_options_of_another_kind_are_a_bug(self) -> None:
        class Other(BaseModel):
            pass

        with pytest.raises(TypeError):
            KIND.day_requests(URL, Other(), DAY)


class TestRealPages:
    def test_trap_the_real_empty_saturday(self, shared: Path) -> None:
        body = (shared / "pages" / "arxiv" / "rss_cs.CL_2026-08-01_saturday_empty.xml").read_bytes()
        assert parse(body) == ParsedPage(())

    def test_a_real_atom_feed(self, shared: Path) -> None:
        body = (shared / "pages" / "arxiv" / "atom_feed_cs.AI_2025-08-20_trimmed.xml").read_bytes()
        page = parse(body)
        assert (len(page.entries), page.skipped) == (7, 0)
        assert all(
            entry.arxiv_id and entry.authors and entry.abstract and entry.url for entry in page.entries
        )
        assert {entry.listed_on for entry in page.entries} == {date(2025, 8, 20)}

    def test_the_real_error_entry_and_the_real_html_are_no_feed(self, shared: Path) -> None:
        for name in (
            "api_error_incorrect_id.xml",
            "abs_2604.14148_full.html",
            "list_new_cs.AI_2026-08-12_trimmed.html",
        ):
            with pytest.raises(ParseError):
                parse((shared / "pages" / "arxiv" / name).read_bytes())


def configure(url: str, words: str = "") -> None:
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n[[source]]\nname = "blog"\nkind = "feed"\nurl = "{url}"\n'
        f"allow_private = true\n{words}\n"
    )


def test_a_feed_of_two_pages_through_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old entries stay on their own days, pages are followed, and a second reading changes nothing."""
    monkeypatch.setitem(sources.KINDS, "feed", KIND)

    def answer(asked: Asked) -> bytes:
        if "page=2" in asked.path:
            return rss(dated("Fri, 02 Jan 2026 00:00:00 GMT", "Older")).encode()
        head = TestNextPages.HEAD.format("?page=2")
        return rss(
            dated("Mon, 12 Jan 2026 06:00:00 GMT", "Today"), "<title>Undated</title>", head=head
        ).encode()

    with serving_site(Site(answer, "application/rss+xml")) as site:
        configure(f"{site.url}/feed")
        first = run("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
        again = run("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
    assert (first["verdict"], first["entries"], first["new"]) == ("fresh", 3, 3)
    assert (again["verdict"], again["new"]) == ("unchanged", 0)
    assert [asked.path for asked in site.asked][:2] == ["/feed", "/feed?page=2"]


@pytest.mark.parametrize(
    ("body", "verdict", "entries"),
    [
        (rss(), "empty", 0),
        ("<!DOCTYPE html><html><body>Log in</body></html>", "broken", 0),
        ("null", "broken", 0),
        (rss(dated("x", "A"), dated("x", "B"), "<title>C")[: -len("</item></channel></rss>")], "partial", 2),
        (rss("<title>A \x07 bell</title>", "<title>B &nbsp; &#0; &bogus; C & D</title>"), "fresh", 2),
    ],
)
def test_verdicts_through_refresh(
    monkeypatch: pytest.MonkeyPatch, body: str, verdict: str, entries: int
) -> None:
    monkeypatch.setitem(sources.KINDS, "feed", KIND)
    with serving_site(Site(lambda _: body.encode(), "text/xml")) as site:
        configure(f"{site.url}/feed")
        row = run("refresh", "--date", "2026-01-12", "--json").json["sources"][0]
    assert (row["verdict"], row["entries"]) == (verdict, entries), row
