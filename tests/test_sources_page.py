"""Lists described by selectors: what they find, what they refuse, and that nothing in them can be run."""

import contextlib
import json
import pickle
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from selectolax.lexbor import LexborHTMLParser

from digest.errors import ParseError
from digest.sources.page import Page, PageOptions, explain
from digest.sources.page_fields import Surroundings, read_count, read_day, read_declared
from digest.sources.page_json import follow, read_path
from digest.sources.page_selectors import text_of
from digest.types import Entry, PageRequest, ParsedPage, Verdict
from digest.verdict import judge
from tests import golden

DAY = date(2026, 3, 12)
REQUEST = PageRequest("https://kettles.example.org/shelf/new", day=DAY)
SHELF: dict[str, Any] = {
    "container": "#reports",
    "item": "li.report",
    "title": "h2 a",
    "link": "a.to",
    "abstract": ".about",
    "authors": ".by",
    "votes": ".points",
    "comments": ".talk",
    "stars": ".stars",
    "date": "time@datetime",
    "count": ".total",
    "page_date": ".total time@datetime",
    "next": "a[rel=next]",
}
EMBEDDED: dict[str, Any] = {
    "json": "div[data-target=Kettles]@data-props",
    "path": "lists.0.papers",
    "title": "paper.title",
    "link": "paper.link",
    "abstract": "paper.abstract",
    "authors": "paper.authors",
    "votes": "votes",
    "stars": "stars",
    "date": "day",
    "count": "total",
    "page_date": "date",
}
# As docs/adding-a-source.md describes it.
TRENDING: dict[str, Any] = {
    "container": "div[data-hpc]",
    "item": "article.Box-row",
    "title": "h2 a",
    "link": "h2 a@href",
    "abstract": "p",
    "authors": "img.avatar-user@alt",
    "votes": "span.float-sm-right",
    "stars": "a[href$='/stargazers']",
}


def options(table: Mapping[str, Any], **more: Any) -> PageOptions:
    whole = {key: value for key, value in {**table, **more}.items() if value is not None}
    return PageOptions.model_validate(whole)


def parse(
    body: bytes | str, table: Mapping[str, Any], request: PageRequest = REQUEST, **more: Any
) -> ParsedPage:
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return Page().parse(raw, request, options(table, **more))


def shelf(**more: Any) -> ParsedPage:
    return parse(golden.read("page/shelf.html"), SHELF, **more)


def one(item: str, table: Mapping[str, Any], request: PageRequest = REQUEST) -> Entry:
    """The only entry of a list of one item."""
    (entry,) = parse(f"<ul><li>{item}</li></ul>", {"item": "li", **table}, request).entries
    return entry


class TestGoldenPages:
    def test_the_list_in_html_gives_what_is_expected(self) -> None:
        assert golden.as_json(shelf()) == golden.expected("page/shelf.html")

    def test_the_list_in_json_gives_what_is_expected(self) -> None:
        page = parse(golden.read("page/embedded.html"), EMBEDDED)
        assert golden.as_json(page) == golden.expected("page/embedded.html")
        assert (page.declared, page.page_date) == (3, date(2026, 3, 11))

    def test_what_the_page_says_of_itself_is_read(self) -> None:
        page = shelf()
        assert (page.declared, page.page_date, page.skipped) == (5, date(2026, 3, 11), 1)

    def test_a_truth_value_or_an_object_is_no_text(self) -> None:
        table = {"json": "script", "title": "t"}
        page = parse('<script>[{"t": true}, {"t": {}}, {"t": ["x"]}, {"t": 7}]</script>', table)
        assert ([entry.title for entry in page.entries], page.skipped) == (["7"], 3)

    def test_json_in_a_script_is_read(self) -> None:
        table = {"json": "script#state", "path": "items", "title": "t", "link": "u"}
        (entry,) = parse(golden.read("page/embedded.html"), table).entries
        assert (entry.title, entry.url) == ("One", "https://example.org/1")


class TestFields:
    def test_what_an_item_links_to_is_its_id(self) -> None:
        ids = [(entry.arxiv_id, entry.doi, entry.source_ref) for entry in shelf().entries]
        assert ids == [
            ("2603.90001", None, "https://arxiv.org/abs/2603.90001v2"),
            (None, "10.5555/kettle.2026.7", "https://doi.org/10.5555/KETTLE.2026.7"),
            (None, None, "/shelf/report/3?lang=en&v=1"),
            (None, None, "https://elsewhere.example.net/pots"),
        ]

    def test_arxivs_own_doi_is_an_arxiv_id(self) -> None:
        entry = one('<a href="https://doi.org/10.48550/arXiv.2603.90001">T</a>', {"title": "a", "link": "a"})
        assert (entry.arxiv_id, entry.doi) == ("2603.90001", None)

    def test_trap_every_card_twice(self) -> None:
        """The same link is the same item, whatever its second card is called."""
        assert [entry.title for entry in shelf().entries].count("Ladles at Rest") == 1
        assert [entry.position for entry in shelf().entries] == [1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("1,234", 1234),
            ("90.1k", 90_100),
            ("▲ 98 points", 98),
            ("11,139 stars", 11_139),
            ("3,975 stars today", 3975),
            ("(12)", 12),
            ("2.5M", 2_500_000),
            ("v2", None),
            ("-5", None),
            ("1.2.3", None),
            ("new", None),
            ("", None),
            ("9" * 5000, None),
            ("99999999999", None),
        ],
    )
    def test_trap_stars_read_90_1k_and_other_counts(self, text: str, count: int | None) -> None:
        assert read_count(text) == count

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("Showing 25 of 300 entries", 300),
            ("25 reports of 300 of 2026", 300),
            ("1–50 of 1,300 results, March 2026", 1300),
            ("25/79", 79),
            ("79 reports as of 2026", 79),
            ("Total of 412 entries", 412),
            ("no reports", None),
            (None, None),
        ],
    )
    def test_the_declared_count_is_that_of_the_whole(self, text: str | None, count: int | None) -> None:
        assert read_declared(text) == count

    @pytest.mark.parametrize(
        ("text", "written", "day"),
        [
            ("2026-03-10T23:30:00+02:00", None, date(2026, 3, 10)),
            ("March 10, 2026", None, date(2026, 3, 10)),
            ("10.03.2026", None, None),
            ("10.03.2026", "%d.%m.%Y", date(2026, 3, 10)),
            ("10 March", "%d.%m.%Y", None),
            ("Mar 13", None, date(2025, 3, 13)),
            ("soon", None, None),
        ],
    )
    def test_days_are_read(self, text: str, written: str | None, day: date | None) -> None:
        assert read_day(text, Surroundings("", "", DAY, written)) == day

    def test_a_day_without_a_year_needs_a_day_to_be_near(self) -> None:
        assert read_day("Mar 13", Surroundings("", "")) is None
        assert read_day("Mar 13, 2026", Surroundings("", "")) == date(2026, 3, 13)

    def test_an_item_is_listed_on_its_own_day_but_not_on_one_to_come(self) -> None:
        table = {"title": "a", "date": "time"}
        for told, listed in (("2026-03-10", date(2026, 3, 10)), ("2026-12-01", None)):
            entry = one(f"<a>T</a><time>{told}</time>", table)
            assert (entry.listed_on, entry.published_on) == (listed, date.fromisoformat(told))

    @pytest.mark.parametrize(
        ("html", "authors"),
        [
            (
                "<p>Authors: Ada Example, Bo Sample and Zoë Müster</p>",
                ("Ada Example", "Bo Sample", "Zoë Müster"),
            ),
            ("<p>by Ada Example; Bo Sample</p>", ("Ada Example", "Bo Sample")),
            ("<p>Example, Ada</p><p>Sample, Bo</p>", ("Example, Ada", "Sample, Bo")),
            ("<p>Byron Anderson</p>", ("Byron Anderson",)),
            ("<p> , ; </p>", ()),
        ],
    )
    def test_authors_stand_in_one_element_or_in_one_each(self, html: str, authors: tuple[str, ...]) -> None:
        assert one(f"<b>T</b>{html}", {"title": "b", "authors": "p"}).authors == authors

    def test_blocks_part_words_and_inline_markup_does_not(self) -> None:
        tree = LexborHTMLParser(
            "<p>CO<sub>2</sub> <i>in</i>side<br>a<div>b<div>c</div></div><script>x()</script>"
        )
        assert tree.body is not None
        assert text_of(tree.body).split() == ["CO2", "inside", "a", "b", "c"]

    def test_the_item_itself_may_be_a_field(self) -> None:
        (entry,) = parse(
            '<a class="x" href="/p" title="T">words</a>', {"item": "a.x", "title": ".", "link": "@href"}
        ).entries
        assert (entry.title, entry.url) == ("words", "https://kettles.example.org/p")
        assert (
            parse('<a class="x" title="T">w</a>', {"item": "a.x", "title": "@title"}).entries[0].title == "T"
        )

    def test_links_start_where_the_page_says(self) -> None:
        html = '<base href="/deep/er/"><li><a href="x">T</a></li>'
        assert (
            parse(html, {"item": "li", "title": "a", "link": "a"}).entries[0].url
            == "https://kettles.example.org/deep/er/x"
        )

    def test_fault_20_a_link_longer_than_an_index_row_is_shortened_to_an_id_of_its_own(self) -> None:
        links = [f"/{'x' * 900}{end}" for end in "ab"]
        entries = [one(f'<a href="{link}">T</a>', {"title": "a", "link": "a"}) for link in links]
        refs = [entry.source_ref or "" for entry in entries]
        assert len(set(refs)) == 2
        assert {len(ref) for ref in refs} == {300}

    def test_fault_20_huge_titles_and_abstracts_are_capped(self) -> None:
        entry = one(f"<b>{'word ' * 300_000}</b><p>{'word ' * 300_000}</p>", {"title": "b", "abstract": "p"})
        assert len(entry.title) <= 1000
        assert len(entry.abstract) <= 20_000

    @pytest.mark.parametrize(
        "href",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://u:p@x.org/",
            "http://[",
            "//a\\b",
            " ",
        ],
    )
    def test_fault_9_a_link_that_is_none_leaves_its_item_out(self, href: str) -> None:
        html = f'<li><a href="{href}">T</a></li><li><a href="/good">G</a></li>'
        page = parse(html, {"item": "li", "title": "a", "link": "a"})
        assert ([entry.title for entry in page.entries], page.skipped) == (["G"], 1)

    def test_text_is_cleaned(self) -> None:
        entry = one("<b>A\u202e B\x00&#xd800;&lt;i&gt;c&lt;/i&gt; \\textbf{d}</b>", {"title": "b"})
        assert entry.title.isprintable()
        assert "<" not in entry.title
        assert "\\" not in entry.title


class TestEmptyOrChanged:
    TABLE: Mapping[str, Any] = {"item": "li.report", "title": "a"}

    def test_a_container_without_items_is_an_empty_list(self) -> None:
        html = "<title>Shelf</title><ol id='reports'></ol>"
        page = parse(html, self.TABLE, container="#reports")
        assert page == ParsedPage(())
        assert judge(page, (), day=DAY, error=None, is_dated=False) is Verdict.EMPTY

    def test_mutation_a_renamed_container_is_broken(self) -> None:
        html = golden.read("page/shelf.html").replace(b'id="reports"', b'id="documents"')
        with pytest.raises(
            ParseError, match=re.escape("looked for the container '#reports', found a page titled 'Shelf of")
        ):
            parse(html, SHELF)

    def test_mutation_a_renamed_holder_of_json_is_broken(self) -> None:
        html = golden.read("page/embedded.html").replace(b'Kettles"', b'Pots"')
        with pytest.raises(ParseError, match=r"looked for JSON in 'div\[data-target=Kettles\]@data-props'"):
            parse(html, EMBEDDED)

    def test_mutation_half_of_the_list_gone_is_fewer_than_declared(self) -> None:
        rows = "".join(f"<li class=report><a href=/{n}>T{n}</a></li>" for n in range(10))
        half = "".join(f"<li class=report><a href=/{n}>T{n}</a></li>" for n in range(5))
        for items, verdict in ((rows, Verdict.FRESH), (half, Verdict.PARTIAL)):
            page = parse(f"<p>10 reports</p><ol>{items}</ol>", self.TABLE, count="p")
            assert page.declared == 10
            assert judge(page, (), day=DAY, error=None, is_dated=False) is verdict

    def test_mutation_a_renamed_title_is_broken(self) -> None:
        html = golden.read("page/shelf.html").replace(b"<h2>", b"<h3>").replace(b"</h2>", b"</h3>")
        page = parse(html, SHELF)
        assert (page.entries, page.skipped) == ((), 6)
        assert judge(page, (), day=DAY, error=None, is_dated=False) is Verdict.BROKEN

    def test_without_a_container_a_page_without_items_cannot_be_told_from_a_changed_one(self) -> None:
        with pytest.raises(
            ParseError,
            match=r"looked for items 'li\.report', found none on a page titled 'Shelf'; name a container",
        ):
            parse("<title>Shelf</title><ol></ol>", self.TABLE)

    def test_the_container_itself_is_no_item(self) -> None:
        html = "<div id=c><div><b>1</b></div><div><b>2</b></div></div>"
        page = parse(html, {"container": "#c", "item": "div", "title": "b"})
        assert [entry.title for entry in page.entries] == ["1", "2"]
        assert parse("<div id=c></div>", {"container": "#c", "item": "div", "title": "b"}) == ParsedPage(())

    def test_several_containers_are_read_in_turn(self) -> None:
        html = "<ol><li>1<li>2</ol><p><li>no</p><ol><li>3</ol>"
        page = parse(html, {"container": "ol", "item": "li", "title": "."})
        assert [entry.title for entry in page.entries] == ["1", "2", "3"]

    def test_an_empty_list_in_json_is_empty_and_anything_else_is_broken(self) -> None:
        table = {"json": "script", "path": "a.b", "title": "t"}
        assert parse('<script>{"a": {"b": []}}</script>', table) == ParsedPage(())
        for told in ('{"a": {}}', '{"a": {"b": {}}}', "[]", "null", '{"a": null}', '{"a": {"b": "x"}}'):
            with pytest.raises(ParseError, match=r"looked for a list at 'a\.b'"):
                parse(f"<script>{told}</script>", table)
        for told in ("", "{", "[" * 200_000, "<p>"):
            with pytest.raises(ParseError, match="looked for JSON in 'script'"):
                parse(f"<script>{told}</script>", table)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'""', b"{}", b"\x00" * 99, b"%PDF-1.7"])
    def test_fault_21_bodies_of_nothing_are_refused(self, body: bytes) -> None:
        for table in (SHELF, EMBEDDED, self.TABLE):
            with pytest.raises(ParseError, match="looked for"):
                parse(body, table)


class TestNextPage:
    def test_the_next_page_of_the_same_site_is_asked_for(self) -> None:
        (following,) = shelf().next_requests
        assert following == PageRequest(
            "https://kettles.example.org/shelf/new?page=2", day=DAY, role="next", carry=(("page", "2"),)
        )

    def test_no_more_pages_than_the_table_allows(self) -> None:
        asked = []
        request = REQUEST
        for number in range(2, 9):
            html = golden.read("page/shelf.html").replace(b"?page=2", b"?page=%d" % number)
            following = parse(html, SHELF, request, max_pages=3).next_requests
            if not following:
                break
            (request,) = following
            asked.append(request.url[-1])
        assert asked == ["2", "3"]

    @pytest.mark.parametrize(
        "href",
        [
            "http://kettles.example.org/shelf/new?page=2",
            "https://kettles.example.org:8443/shelf",
            "https://evil.example.net/",
            "//evil.example.net/",
            "https://kettles.example.org@evil.example.net/",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "javascript:next()",
            "#top",
            "/shelf/new",
            "http://[",
            "",
        ],
    )
    def test_fault_12_no_other_site_scheme_or_port_is_ever_next(self, href: str) -> None:
        html = golden.read("page/shelf.html").replace(b"?page=2#top", href.encode())
        assert parse(html, SHELF).next_requests == ()

    def test_the_usual_port_is_the_same_site(self) -> None:
        html = golden.read("page/shelf.html").replace(b"?page=2#top", b"https://kettles.example.org:443/2")
        assert len(parse(html, SHELF).next_requests) == 1

    def test_a_page_without_items_is_the_last(self) -> None:
        assert (
            parse(
                '<ol></ol><a rel=next href="?p=2">',
                {"container": "ol", "item": "li", "title": "a", "next": "a"},
            ).next_requests
            == ()
        )

    @pytest.mark.parametrize("carried", ["x", "-1", "9" * 900, "²", ""])
    def test_a_page_number_that_is_none_is_the_first(self, carried: str) -> None:
        request = replace(REQUEST, carry=(("page", carried),))
        assert shelf(request=request).next_requests[0].carry == (("page", "2"),)


class TestOptions:
    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ({"title": "a"}, r"item[\s\S]*is needed"),
            ({"item": "li"}, r"title[\s\S]*required"),
            ({"item": "li[", "title": "a"}, r"item[\s\S]*is no CSS selector that can be read"),
            ({"item": "li@class", "title": "a"}, "has to select elements"),
            ({"item": "li", "title": "a", "container": "@id"}, "has to select elements"),
            ({"item": "li", "title": "a", "json": "script"}, r"item[\s\S]*is for lists in HTML"),
            ({"container": "ol", "title": "a", "json": "script"}, r"container[\s\S]*is for lists in HTML"),
            ({"item": "li", "title": "a", "path": "x"}, "path[\\s\\S]*is for a list in JSON"),
            ({"json": "script", "title": ""}, "title[\\s\\S]*is empty"),
            ({"json": "script", "title": "a..b"}, "is no path"),
            ({"json": "script", "path": ".a", "title": "t"}, "is no path"),
            ({"item": "li", "title": "a", "date_format": "%d.%m."}, "does not tell a year"),
            ({"item": "li", "title": "a", "date_format": "%Q"}, "does not tell a year"),
            ({"item": "li", "title": "a", "max_pages": 0}, "max_pages"),
            ({"item": "li", "title": "a", "max_pages": 41}, "max_pages"),
            ({"item": "li", "title": "a", "next": "a::attr(href)"}, "next[\\s\\S]*no CSS selector"),
        ],
    )
    def test_wrong_tables_are_told_with_what_to_write(self, table: dict[str, Any], told: str) -> None:
        with pytest.raises(ValidationError, match=told):
            PageOptions.model_validate(table)

    @pytest.mark.parametrize(
        "selector",
        [
            *(
                "",
                " ",
                "a[",
                "a:::",
                ">",
                ",",
                "a,,b",
                "div > ",
                "::before",
                ":has(",
                "((((",
                "5",
                "<!--",
                "/*",
                "#",
                ".",
            ),
            *(
                "@",
                "a@",
                "a@b c",
                "\x00",
                "a\x00b",
                "a\nb",
                "\ud800",
                "a\x7f",
                "*" * 5000,
                ":is(" * 100,
                "x" * 501,
            ),
            *(
                ":is(:is(:is(:is(:is(a)))))",
                "a:unknown(3)",
                "//a",
                "/html/body",
                "$.a",
                ".[] | env",
                "{{ 7*7 }}",
            ),
        ],
    )
    def test_hostile_selectors_are_a_fault_of_the_settings_and_no_crash(self, selector: str) -> None:
        if selector == ".":
            return  # the item itself
        with pytest.raises(ValidationError):
            PageOptions.model_validate({"item": "li", "title": selector})

    @pytest.mark.parametrize(
        "selector",
        [
            *(
                "\\",
                "a\\",
                "é",
                "--",
                '[href="',
                ":nth-child(99999999999999999999)",
                ":hover",
                "svg|a",
                "col || td",
            ),
            *(
                "*",
                ":root",
                'p:lexbor-contains("x" i)',
                "div:has(> p)",
                "a " * 200,
                "a," * 200 + "b",
                ":not(*)",
            ),
        ],
    )
    def test_odd_selectors_that_can_be_read_hurt_nothing(self, selector: str) -> None:
        table = {"item": "li, article, div", "title": selector}
        with contextlib.suppress(ParseError):
            parse(golden.read("page/shelf.html"), table)

    @settings(max_examples=150)
    @given(st.text(alphabet="abp.#*:[]()>+~|,\"'\\@=^$ -nhtisoc0+", max_size=30))
    def test_no_selector_crashes_the_program(self, selector: str) -> None:
        try:
            made = PageOptions.model_validate({"item": "li", "title": selector or "x"})
        except ValidationError:
            return
        Page().parse(b"<ul><li><a href=x>T</a></ul>", REQUEST, made)

    @pytest.mark.parametrize(
        "selector",
        [
            "unparsed-text('file:///etc/passwd')",
            "json-doc('file:///etc/passwd')",
            "//a/@href",
            "document('x')",
            "env.HOME",
            "$ENV.PATH",
            "{{ config }}",
            "{% import os %}",
            "__import__('os')",
            "paper.__class__.__mro__",
            "input_filename",
        ],
    )
    def test_fault_19_no_xpath_jq_or_template_is_ever_run(self, selector: str) -> None:
        """What reads like one is refused, or is a CSS selector or a key that nothing is called by."""
        try:
            page = parse(golden.read("page/shelf.html"), {"item": "li.report", "title": selector})
        except ValidationError:
            pass
        else:
            assert page.entries == ()
        try:
            page = parse('<script>[{"a": 1}]</script>', {"json": "script", "title": selector})
        except ValidationError:
            pass
        else:
            assert page.entries == ()

    def test_fault_19_nothing_here_can_compile_or_open_anything(self) -> None:
        from digest.sources import page, page_fields, page_json, page_lists, page_options, page_selectors

        for module in (page, page_fields, page_json, page_lists, page_options, page_selectors):
            source = Path(str(module.__file__)).read_text("utf-8")
            assert not re.search(
                r"\b(eval|exec|open|getattr\(value|compile|__import__|jinja2|lxml|jq|xpath)\(",
                source.replace("re.compile(", "").replace("_compile(", ""),
            )

    def test_options_survive_their_way_to_a_child_process(self) -> None:
        for table in (SHELF, EMBEDDED):
            made = options(table)
            assert pickle.loads(pickle.dumps(made)) == made

    def test_the_kind_is_asked_at_its_address_as_it_is(self) -> None:
        url = "https://kettles.example.org/list?sort=new&page=1"
        ways = Page().day_requests(url, options(SHELF), DAY)
        assert ways == (("page", PageRequest(url, day=DAY)),)
        assert (Page.exact_url, Page.default_url, Page().is_dated(options(SHELF))) == (True, "", False)

    def test_options_of_another_kind_are_a_bug(self) -> None:
        from digest.sources.huggingface import HuggingFaceOptions

        with pytest.raises(TypeError, match="HuggingFaceOptions"):
            Page().parse(b"", REQUEST, HuggingFaceOptions())


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("a.b.0.c", 1),
            ("a.b.1", None),
            ("a.b.-1", None),
            ("a.b.c", None),
            ("a.b.0", {"c": 1}),
            ("", {"a": {"b": [{"c": 1}]}}),
            ("a.b.²", None),
            ("a.b." + "9" * 100, None),
        ],
    )
    def test_a_path_leads_to_a_value_or_to_none(self, path: str, found: object) -> None:
        assert follow({"a": {"b": [{"c": 1}]}}, read_path(path)) == found

    def test_digits_are_keys_of_an_object_too(self) -> None:
        assert follow({"0": "x"}, read_path("0")) == "x"

    @settings(max_examples=60)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["t", "u", "a", "items"]), inner, max_size=4)
            ),
            max_leaves=20,
        )
    )
    def test_no_json_crashes_the_parser(self, value: object) -> None:
        html = f"<script>{json.dumps({'items': value})}</script>"
        try:
            page = parse(
                html,
                {"json": "script", "path": "items", "title": "t", "link": "u", "authors": "a", "votes": "a"},
            )
        except ParseError:
            return
        assert len(page.entries) + page.skipped <= len(value) if isinstance(value, list) else False


class TestBounds:
    def test_items_inside_items_do_not_make_a_page_endless(self) -> None:
        html = "<div class=x><b>t</b>" * 700 + "</div>" * 700
        started = time.monotonic()
        page = parse(html, {"item": ".x", "title": "b", "abstract": ".", "authors": "b", "link": None})
        assert len(page.entries) > 0
        assert time.monotonic() - started < 10

    def test_fault_15_a_megabyte_of_digits_is_read_in_a_moment(self) -> None:
        for text in (
            "1" * 1_000_000,
            "1," * 500_000,
            "1.k" * 300_000,
            " of" * 300_000,
            "-" * 1_000_000,
            "and " * 250_000,
        ):
            started = time.monotonic()
            one(f"<b>{text}</b>", {"title": "b", "votes": "b", "authors": "b", "date": "b", "abstract": "b"})
            parse(
                f"<b>{text}</b><li><i>t</i></li>",
                {"item": "li", "title": "i", "count": "b", "page_date": "b"},
            )
            assert time.monotonic() - started < 3

    def test_an_element_of_endless_nodes_is_read_up_to_a_limit(self) -> None:
        tree = LexborHTMLParser(f"<p>start{'<b></b>' * 5000}end</p>")
        assert tree.body is not None
        assert text_of(tree.body) == "start"

    def test_no_more_than_so_many_items_are_read(self) -> None:
        assert len(parse("<li><b>t</b>", {"item": "li", "title": "b"}).entries) == 1
        page = parse("".join(f"<li>t{n}" for n in range(6000)), {"item": "li", "title": "."})
        assert len(page.entries) == 5000


class TestExplain:
    def test_each_field_says_in_how_many_items_it_was_found(self) -> None:
        reports = {
            report.name: report for report in explain(golden.read("page/shelf.html"), REQUEST, options(SHELF))
        }
        assert list(reports) == [
            *("item", "title", "link", "abstract", "authors", "votes", "comments", "stars", "date"),
            *("count", "page_date", "next"),
        ]
        assert (reports["item"].found, reports["title"].found, reports["abstract"].found) == (6, 6, 2)
        assert reports["votes"].selector == ".points"
        assert reports["votes"].examples == ("1234", "98")
        assert len(reports["title"].examples) == 3

    def test_what_is_wrong_is_told_in_words(self) -> None:
        table = SHELF | {"stars": ".starz"}
        reports = {
            report.name: report for report in explain(golden.read("page/shelf.html"), REQUEST, options(table))
        }
        assert (
            reports["link"].problem
            == "what it finds is no address of http or https, such as 'javascript:alert(1)'"
        )
        assert reports["votes"].problem == "what it finds is no number, such as 'new'"
        assert reports["date"].problem == "what it finds is no day, such as 'soon'"
        assert reports["stars"].problem == "it finds nothing"
        assert reports["title"].problem is None

    def test_a_page_without_the_list_is_told_and_raises_nothing(self) -> None:
        for body in (b"", b"null", b"<title>Sorry</title>"):
            (report,) = explain(body, REQUEST, options(SHELF))
            assert (report.name, report.found) == ("item", 0)
            assert "looked for the container '#reports'" in (report.problem or "")

    def test_an_empty_list_is_told_as_that(self) -> None:
        report = explain(b"<ol id=reports></ol>", REQUEST, options(SHELF))[0]
        assert report.problem == "the list is there, and has no items"

    def test_a_list_in_json_is_explained_alike(self) -> None:
        reports = explain(golden.read("page/embedded.html"), REQUEST, options(EMBEDDED))
        assert [(one.name, one.found, one.of) for one in reports[:3]] == [
            ("json", 4, 4),
            ("title", 3, 4),
            ("link", 3, 4),
        ]
        assert reports[1].problem == "missing in 1 of 4 items, which are left out for it"


class TestRealPage:
    @pytest.fixture
    def body(self, shared: Path) -> bytes:
        return (shared / "pages/github_trending/trending_2026-04-26_full.html").read_bytes()

    def test_the_trending_page_described_in_the_docs_is_read_whole(self, body: bytes) -> None:
        request = PageRequest("https://github.com/trending/python?since=daily", day=date(2026, 4, 26))
        page = parse(body, TRENDING, request)
        assert (len(page.entries), page.skipped) == (body.count(b'<article class="Box-row"'), 0)
        assert len(page.entries) == 20
        for entry in page.entries:
            assert re.fullmatch(r"[\w.-]+ / [\w.-]+", entry.title)
            assert entry.source_ref == "/" + entry.title.replace(" ", "")
            assert entry.url == f"https://github.com{entry.source_ref}"
            assert entry.votes is not None
            assert entry.stars is not None
            assert 0 < entry.votes < entry.stars
            assert all(author.startswith("@") for author in entry.authors)
        first = page.entries[0]
        assert (first.title, first.votes, first.stars) == ("Alishahryar1 / free-claude-code", 3975, 11_139)
        assert sum(not entry.abstract for entry in page.entries) == 1
        assert len({entry.source_ref for entry in page.entries}) == 20

    def test_674_kilobytes_are_parsed_in_a_moment(self, body: bytes) -> None:
        started = time.monotonic()
        parse(body, TRENDING)
        assert time.monotonic() - started < 2

    def test_mutation_the_renamed_container_of_the_real_page_is_broken(self, body: bytes) -> None:
        with pytest.raises(
            ParseError, match=r"looked for the container 'div\[data-hpc\]', found a page titled"
        ):
            parse(body.replace(b"data-hpc", b"data-gone"), TRENDING)

    def test_hugging_faces_page_can_be_described_too(self, shared: Path) -> None:
        """An attribute that holds JSON with a path into it, held against that site's own parser."""
        from digest.sources.huggingface import parse_daily_props

        html = (shared / "pages/huggingface/papers_2024-08-01_daily_full.html").read_bytes()
        table = {
            "json": "div[data-target=DailyPapers]@data-props",
            "path": "dailyPapers",
            "title": "paper.title",
            "abstract": "paper.summary",
            "authors": "paper.authors",
            "votes": "paper.upvotes",
            "comments": "numComments",
            "page_date": "date",
        }
        page, own = parse(html, table), parse_daily_props(html.decode())
        assert page.page_date == own.page_date
        wanted = [(e.title, e.abstract, e.votes, e.comments) for e in own.entries]
        assert [(e.title, e.abstract, e.votes, e.comments) for e in page.entries] == wanted
