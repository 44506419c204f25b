"""Hugging Face daily papers: three ways to the same entries, and every trap met in two years of answers."""

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from digest.errors import ParseError
from digest.sources.huggingface import (
    HuggingFace,
    HuggingFaceOptions,
    detail_request,
    parse_daily_api,
    parse_daily_cards,
    parse_daily_page,
    parse_daily_props,
    parse_detail,
)
from digest.types import Entry, PageRequest, ParsedPage, Verdict
from digest.verdict import History, judge, key_of
from tests import golden
from tests.fake_papers import FakePapers, counted

DAY = date(2026, 3, 9)
OPTIONS = HuggingFace.Options()
KEYS = [
    "paper",
    "id",
    "title",
    "summary",
    "authors",
    "name",
    "hidden",
    "upvotes",
    "organization",
    "mediaUrls",
]
KEYS += ["mediaUrl", "submittedBy", "ai_keywords", "publishedAt", "githubStars", "thumbnail", "numComments"]


def text(name: str) -> str:
    return golden.read(f"huggingface/{name}").decode()


def api(*items: Any) -> ParsedPage:
    return parse_daily_api(json.dumps(list(items)).encode())


def item(**paper: Any) -> dict[str, Any]:
    return {"paper": {"id": "2603.90001", "title": "A Title", **paper}}


def props_page(props: str) -> str:
    quoted = props.replace("&", "&amp;").replace('"', "&quot;")
    return f'<main><div data-target="DailyPapers" data-props="{quoted}"></div></main>'


def carried(entry: Entry) -> dict[str, Any]:
    """The fields an entry tells something in."""
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {name: value for name, value in values.items() if value not in (None, "", (), False)}


class TestGoldenPages:
    @pytest.mark.parametrize("name", ["daily_2026", "daily_2024", "daily_odd"])
    def test_the_api_gives_what_is_expected(self, name: str) -> None:
        page = parse_daily_api(golden.read(f"huggingface/{name}.json"))
        assert golden.as_json(page) == golden.expected(f"huggingface/{name}.json")

    @pytest.mark.parametrize("name", ["page_2024", "page_empty"])
    def test_the_json_inside_the_page_gives_what_is_expected(self, name: str) -> None:
        page = parse_daily_props(text(f"{name}.html"))
        assert golden.as_json(page) == golden.expected(f"huggingface/{name}.html", "props")

    @pytest.mark.parametrize("name", ["page_2024", "page_empty", "page_trending_2026"])
    def test_the_cards_give_what_is_expected(self, name: str) -> None:
        page = parse_daily_cards(text(f"{name}.html"))
        assert golden.as_json(page) == golden.expected(f"huggingface/{name}.html", "cards")


class TestThreeWays:
    def test_api_and_data_props_give_the_same_entries(self) -> None:
        body = golden.read("huggingface/daily_2026.json")
        props = json.dumps({"date": "2026-03-09T00:00:00.000Z", "dailyPapers": json.loads(body)})
        assert parse_daily_props(props_page(props)).entries == parse_daily_api(body).entries

    def test_cards_give_the_same_in_the_fields_they_carry(self) -> None:
        html = text("page_2024.html")
        for card, full in zip(parse_daily_cards(html).entries, parse_daily_props(html).entries, strict=True):
            assert carried(card).items() <= carried(full).items()

    def test_cards_carry_votes_comments_submitter_and_links(self) -> None:
        first = parse_daily_cards(text("page_2024.html")).entries[0]
        assert (first.votes, first.comments, first.submitter) == (94, 5, "bo-sample")

    def test_a_page_is_read_by_its_json_first(self) -> None:
        assert all(entry.abstract for entry in parse_daily_page(text("page_2024.html")).entries)

    def test_cards_stand_in_for_missing_json(self) -> None:
        html = text("page_2024.html").replace("data-props", "data-gone")
        assert parse_daily_page(html) == parse_daily_cards(html)

    @pytest.mark.parametrize("damage", ["&quot;dailyPapers&quot;", "{&quot;canSubmit&quot;"])
    def test_cards_stand_in_for_damaged_json(self, damage: str) -> None:
        html = text("page_2024.html").replace(damage, "oops")
        with pytest.raises(ParseError, match="data-props"):
            parse_daily_props(html)
        assert len(parse_daily_page(html).entries) == 2

    def test_json_without_papers_beside_cards_is_not_believed(self) -> None:
        cards = text("page_2024.html").split("<section", 1)[1].rsplit("</section>", 1)[0]
        html = text("page_empty.html").replace("<section", f"<section{cards}</section><section", 1)
        assert parse_daily_props(html).entries == ()
        assert len(parse_daily_page(html).entries) == 2

    def test_where_the_two_disagree_the_json_is_preferred_and_the_page_says_so(self) -> None:
        html = text("page_2024.html").replace('href="/papers/2408.90002', 'href="/papers/2408.90009')
        page = parse_daily_page(html)
        assert [entry.arxiv_id for entry in page.entries] == ["2408.90001", "2408.90002"]
        assert (
            page.disagreement
            == "the page's JSON and its cards list different papers: 2 and 2, 1 of them the same"
        )
        assert judge(page, (), day=date(2024, 8, 1), error=None) is Verdict.BROKEN

    @pytest.mark.parametrize(
        ("cards", "told"), [(20, None), (19, None), (18, None), (17, "20 and 17, 17 of"), (0, None)]
    )
    def test_cards_may_lag_by_a_tenth_and_may_be_absent(self, cards: int, told: str | None) -> None:
        """A list grows while it is written; a script may write the cards later."""
        items = [item(id=f"2603.{90000 + n}") for n in range(20)]
        html = props_page(json.dumps({"dailyPapers": items})).replace(
            "</div>",
            "".join(
                f'<article><h3><a href="/papers/2603.{90000 + n}">T</a></h3></article>' for n in range(cards)
            )
            + "</div>",
        )
        page = parse_daily_page(html)
        assert len(page.entries) == 20
        assert (told is None and page.disagreement is None) or (told and told in (page.disagreement or ""))

    def test_a_day_of_one_paper_that_has_grown_by_one_is_no_disagreement(self) -> None:
        html = props_page(json.dumps({"dailyPapers": [item(), item(id="2603.90002")]})).replace(
            "</div>", '<article><h3><a href="/papers/2603.90001">T</a></h3></article></div>'
        )
        assert parse_daily_page(html).disagreement is None


class TestTraps:
    """Each trap of the real pages, on invented ones; ``TestRealPages`` has the same on the real ones."""

    def test_trap_raw_latex_in_the_outer_title(self) -> None:
        titles = [
            entry.title for entry in parse_daily_api(golden.read("huggingface/daily_2024.json")).entries
        ]
        assert titles == ["Kettle: Boiling Water with Small Models", "Spoons at 1000x Speed"]

    def test_the_outer_title_and_summary_serve_where_the_inner_ones_are_missing(self) -> None:
        entry = api({"paper": {"id": "2603.90001"}, "title": "Outer", "summary": "Said outside."}).entries[0]
        assert (entry.title, entry.abstract) == ("Outer", "Said outside.")

    def test_trap_no_submitted_by(self) -> None:
        page = parse_daily_api(golden.read("huggingface/daily_2024.json"))
        assert [entry.submitter for entry in page.entries] == [None, None]

    def test_trap_media_url_becomes_media_urls(self) -> None:
        media = [
            entry.media_urls for entry in parse_daily_api(golden.read("huggingface/daily_2024.json")).entries
        ]
        assert [len(urls) for urls in media] == [1, 2]

    def test_a_thumbnail_that_came_as_media_url_is_the_thumbnail_too(self) -> None:
        first = parse_daily_api(golden.read("huggingface/daily_2024.json")).entries[0]
        assert (first.thumbnail_url,) == first.media_urls

    def test_trap_outer_published_at_changes_meaning(self) -> None:
        """Since March 2025 it is hours off, or another day altogether."""
        outer = {**item(publishedAt="2026-03-06T01:00:00Z"), "publishedAt": "2026-03-05T20:00:00.000Z"}
        entry = api(outer).entries[0]
        assert (entry.listed_on, entry.published_on) == (None, date(2026, 3, 6))

    @pytest.mark.parametrize(
        ("told", "day"),
        [
            ("2026-03-09T00:00:00.000Z", DAY),
            ("2026-03-09T23:59:59.999Z", DAY),
            ("2026-03-09T01:30:00+02:00", date(2026, 3, 8)),
            ("2026-03-09", DAY),
            ("0001-01-01T00:00:00+14:00", None),
            ("9999-12-31T23:00:00-10:00", None),
            ("soon", None),
            (20260309, None),
        ],
    )
    def test_the_date_of_record_is_the_utc_day_of_submitted_on_daily_at(
        self, told: object, day: date | None
    ) -> None:
        assert api(item(submittedOnDailyAt=told)).entries[0].listed_on == day

    def test_trap_ai_summary_appears(self) -> None:
        entry = parse_daily_api(golden.read("huggingface/daily_2026.json")).entries[0]
        assert entry.summary == "Forty models describe pouring tea; one spills less."
        assert entry.keywords == ("language models", "tea", "benchmarks")

    def test_trap_a_day_of_one_paper(self) -> None:
        assert len(api(item()).entries) == 1

    @pytest.mark.parametrize("listed", [1, 30, 50, 100])
    def test_trap_cut_off_at_the_limit_of_50(self, listed: int) -> None:
        """A list cut off at the default limit of 50 looks like a full one; so the next page is asked for."""
        body = json.dumps([item(id=f"2603.{90000 + n}") for n in range(listed)]).encode()
        page = HuggingFace().parse(
            body, PageRequest("http://x/api/daily_papers?date=2026-03-09&limit=100&p=0"), OPTIONS
        )
        assert len(page.entries) == listed
        assert [request.url for request in page.next_requests] == [
            "http://x/api/daily_papers?date=2026-03-09&limit=100&p=1"
        ]

    def test_trap_every_card_twice(self) -> None:
        """The markup of 2026, whether both cards share one article or not."""
        html = text("page_trending_2026.html")
        apart = html.replace('<div class="flex flex-col md:hidden">', "</article><article><div>")
        assert apart.count("<article") == 4
        for page in (parse_daily_cards(html), parse_daily_cards(apart)):
            assert [entry.arxiv_id for entry in page.entries] == ["2609.90001", "2407.90002"]
            assert [entry.position for entry in page.entries] == [1, 2]

    def test_trap_stars_read_90_1k(self) -> None:
        stars = [entry.stars for entry in parse_daily_cards(text("page_trending_2026.html")).entries]
        assert stars == [26, 90_100]

    def test_the_line_of_text_on_a_card_is_no_abstract(self) -> None:
        """It is the machine's summary or the abstract's beginning, and does not say which."""
        entries = parse_daily_cards(text("page_trending_2026.html")).entries
        assert [(entry.abstract, entry.summary) for entry in entries] == [("", None), ("", None)]

    def test_hidden_authors_are_left_out(self) -> None:
        authors = parse_daily_api(golden.read("huggingface/daily_2026.json")).entries[0].authors
        assert authors == ("Ada Example", "Bo Sample", "Zoë Müster-Beispiel")

    def test_trap_a_new_optional_field_every_few_months(self) -> None:
        plain, future = item(), item(newInNextYear={"a": [1]})
        assert api(plain) == api({**future, "alsoNew": True})

    def test_trap_mangled_latex_in_an_abstract(self) -> None:
        assert api(item(summary="Resolutions of 1920times1080 at sim20% cost.")).entries[0].abstract

    def test_trap_a_paper_comes_back_six_days_later(self) -> None:
        """Under its new day, as the same paper."""
        first = api(item(submittedOnDailyAt="2026-04-10T00:00:00.000Z")).entries[0]
        again = api(item(submittedOnDailyAt="2026-04-16T00:00:00.000Z", upvotes=40)).entries[0]
        assert (again.listed_on, again.arxiv_id) == (date(2026, 4, 16), first.arxiv_id)
        counts = [counted(store.file([entry])) for store in [FakePapers()] for entry in (first, again)]
        assert [count["new"] for count in counts] == [1, 0]

    @pytest.mark.parametrize(("day", "verdict"), [(5, Verdict.FRESH), (6, Verdict.STALE), (7, Verdict.STALE)])
    def test_trap_weekend_pages_that_repeat_friday(self, day: int, verdict: Verdict) -> None:
        """Friday, Saturday and Sunday list the same papers, none with a day of its own."""
        page = parse_daily_api(golden.read("huggingface/weekend.json"))
        assert len(page.entries) == 4
        assert {entry.listed_on for entry in page.entries} == {None}
        ids = frozenset(key_of(entry) for entry in page.entries)
        before = {date(2024, 1, 4): frozenset({"2401.80001"})} | {
            date(2024, 1, n): ids for n in range(5, day)
        }
        history = History(None, before)
        assert judge(page, (), day=date(2024, 1, day), error=None, history=history) is verdict

    def test_trap_saturdays_and_sundays_give_an_empty_list(self) -> None:
        page = HuggingFace().parse(b"[]", PageRequest("http://x/api/daily_papers?date=2026-03-07"), OPTIONS)
        assert (page, judge(page, (), day=date(2026, 3, 7), error=None)) == (ParsedPage(()), Verdict.EMPTY)

    def test_trap_comment_nodes_of_svelte_are_no_text(self) -> None:
        html = text("page_trending_2026.html")
        assert html.count("<!--[") > 5
        title = "FrameTomorrow: Choosing Frames by Weather"
        assert (
            parse_daily_cards(html.replace("FrameTomorrow", "<!--[0-->Frame<!--]-->Tomorrow"))
            .entries[0]
            .title
            == title
        )

    def test_the_machines_summary_says_who_wrote_it(self) -> None:
        told = [
            (entry.summary, entry.summary_by) for entry in api(item(ai_summary="S."), item(id="x")).entries
        ]
        assert told == [("S.", "Hugging Face"), (None, None)]


class TestMutations:
    """What a changed site looks like: it must never pass for a quiet day."""

    @pytest.mark.parametrize("page", ["page_2024.html", "page_empty.html", "page_trending_2026.html"])
    def test_mutation_a_renamed_container_is_broken(self, page: str) -> None:
        html = golden.read(f"huggingface/{page}").replace(
            b'data-target="DailyPapers"', b'data-target="PaperList"'
        )
        with pytest.raises(ParseError, match="DailyPapers"):
            HuggingFace().parse(html, PageRequest("http://x/papers?date=2024-08-01"), OPTIONS)

    def test_mutation_half_of_the_cards_gone_is_a_disagreement(self) -> None:
        items = [item(id=f"2603.{90000 + n}") for n in range(10)]
        cards = [f'<article><h3><a href="/papers/2603.{90000 + n}">T</a></h3></article>' for n in range(10)]
        whole = props_page(json.dumps({"dailyPapers": items})).replace("</div>", "".join(cards) + "</div>")
        half = whole.replace("".join(cards[5:]), "")
        assert [parse_daily_page(html).disagreement is None for html in (whole, half)] == [True, False]

    def test_mutation_half_of_the_json_gone_is_a_disagreement(self) -> None:
        items = [item(id=f"2603.{90000 + n}") for n in range(10)]
        cards = [f'<article><h3><a href="/papers/2603.{90000 + n}">T</a></h3></article>' for n in range(10)]
        half = props_page(json.dumps({"dailyPapers": items[:5]})).replace("</div>", "".join(cards) + "</div>")
        assert parse_daily_page(half).disagreement


LISTS: dict[str, tuple[str, str]] = {
    "daily": ("/api/daily_papers?date=2026-08-12&limit=100&p=0", "/papers?date=2026-08-12"),
    "week": ("/api/daily_papers?week=2026-W33&limit=100&p=0", "/papers/week/2026-W33"),
    "month": ("/api/daily_papers?month=2026-08&limit=100&p=0", "/papers/month/2026-08"),
    "trending": ("/api/daily_papers?sort=trending&limit=100&p=0", "/papers/trending"),
    "search": ("/api/papers/search?q=kettles%20%26%20spoons", "/papers?q=kettles%20%26%20spoons"),
}


def options_of(name: str, **more: Any) -> HuggingFaceOptions:
    query = {"query": "kettles & spoons"} if name == "search" else {}
    return HuggingFaceOptions.model_validate({"list": name, **query, **more})


class TestLists:
    @pytest.mark.parametrize("name", LISTS)
    def test_each_list_is_asked_of_the_api_first_and_then_of_its_page(self, name: str) -> None:
        ways = HuggingFace().day_requests("http://x/hf/", options_of(name), date(2026, 8, 12))
        assert [(way, request.url) for way, request in ways] == [
            ("api", f"http://x/hf{LISTS[name][0]}"),
            ("page", f"http://x/hf{LISTS[name][1]}"),
        ]
        assert [request.documented for _, request in ways] == [False, False]
        assert {request.day for _, request in ways} == {date(2026, 8, 12)}

    def test_only_the_daily_list_is_dated(self) -> None:
        assert [name for name in LISTS if HuggingFace().is_dated(options_of(name))] == ["daily"]

    def test_a_week_is_of_its_own_year(self) -> None:
        for day, week in ((date(2027, 1, 1), "2026-W53"), (date(2024, 12, 30), "2025-W01")):
            request = HuggingFace().day_requests("http://x", options_of("week"), day)[1][1]
            assert request.url == f"http://x/papers/week/{week}"

    @pytest.mark.parametrize("name", ["week", "month"])
    def test_papers_of_a_week_keep_the_days_they_tell(self, name: str) -> None:
        body = json.dumps(
            [item(submittedOnDailyAt="2026-08-10T00:00:00.000Z"), item(id="2603.90002")]
        ).encode()
        page = HuggingFace().parse(body, PageRequest(f"http://x{LISTS[name][0]}"), options_of(name))
        assert [entry.listed_on for entry in page.entries] == [date(2026, 8, 10), None]
        assert page.next_requests[0].url.endswith("&p=1")

    @pytest.mark.parametrize("name", ["week", "month", "trending", "search"])
    def test_the_page_of_a_longer_time_is_of_no_single_day(self, name: str) -> None:
        """Its date is the first day of a week, or nothing: neither is the day of its papers."""
        html = golden.read("huggingface/page_2024.html")
        cards = html.replace(b"data-props", b"data-gone")
        for body in (html, cards):
            page = HuggingFace().parse(body, PageRequest(f"http://x{LISTS[name][1]}"), options_of(name))
            assert (len(page.entries), page.page_date) == (2, None)
            assert {entry.listed_on for entry in page.entries} == {None}

    def test_what_is_trending_is_listed_now_and_is_one_page(self) -> None:
        body = json.dumps([item(submittedOnDailyAt="2024-08-10T00:00:00.000Z")]).encode()
        page = HuggingFace().parse(
            body, PageRequest(f"http://x{LISTS['trending'][0]}"), options_of("trending")
        )
        assert [entry.listed_on for entry in page.entries] == [None]
        assert page.next_requests == ()

    def test_the_trending_page_is_read_by_its_cards(self) -> None:
        body = golden.read("huggingface/page_trending_2026.html")
        page = HuggingFace().parse(body, PageRequest("http://x/papers/trending"), options_of("trending"))
        assert [(entry.arxiv_id, entry.stars) for entry in page.entries] == [
            ("2609.90001", 26),
            ("2407.90002", 90_100),
        ]

    def test_what_a_search_finds_is_one_page_and_keeps_its_days(self) -> None:
        """So that a standing query does not announce papers of years ago as today's."""
        body = json.dumps([item(submittedOnDailyAt="2024-08-10T00:00:00.000Z")]).encode()
        page = HuggingFace().parse(body, PageRequest(f"http://x{LISTS['search'][0]}"), options_of("search"))
        assert ([entry.listed_on for entry in page.entries], page.next_requests) == ([date(2024, 8, 10)], ())

    @pytest.mark.parametrize("name", LISTS)
    @pytest.mark.parametrize(
        "body", [b'{"error": "Rate limited"}', b"<!doctype html><title>Sorry</title>", b"null", b'""']
    )
    def test_an_error_where_json_was_asked_for_lets_the_page_be_tried(self, name: str, body: bytes) -> None:
        with pytest.raises(ParseError, match="looked for"):
            HuggingFace().parse(body, PageRequest(f"http://x{LISTS[name][0]}"), options_of(name))

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ({"list": "search"}, "is needed where list"),
            ({"list": "search", "query": "   "}, "is needed where list"),
            ({"query": "kettles"}, "is for list"),
            ({"list": "week", "query": "kettles"}, "is for list"),
            ({"list": "year"}, "'daily', 'week', 'month', 'trending' or 'search'"),
            ({"list": "search", "query": "x" * 251}, "250"),
        ],
    )
    def test_wrong_lists_are_told(self, table: dict[str, Any], told: str) -> None:
        with pytest.raises(ValueError, match=told):
            HuggingFaceOptions.model_validate(table)


class TestDetail:
    DETAIL = item(
        summary="Short.", upvotes=7, ai_summary="S.", githubStars=3, submittedOnDailyAt="2026-03-09"
    )["paper"]

    def test_one_paper_is_asked_for_by_its_arxiv_id(self) -> None:
        request = detail_request("http://x/hf/", "2603.90001")
        assert (request.url, request.role, request.carry) == (
            "http://x/hf/api/papers/2603.90001",
            "detail",
            (("arxiv_id", "2603.90001"),),
        )
        assert detail_request("http://x", "math/0309136").url == "http://x/api/papers/math%2F0309136"
        assert (
            detail_request("http://x", "../../admin?x#y").url == "http://x/api/papers/..%2F..%2Fadmin%3Fx%23y"
        )

    def test_it_is_read_like_an_item_of_a_list_but_lists_nothing(self) -> None:
        (entry,) = parse_detail(json.dumps(self.DETAIL).encode()).entries
        assert (entry.announces, entry.listed_on, entry.position) == (False, None, 1)
        assert (entry.abstract, entry.votes, entry.stars, entry.summary_by) == (
            "Short.",
            7,
            3,
            "Hugging Face",
        )

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'""',
            b"{}",
            b'{"error": "Paper not found"}',
            b"<html>",
            b'{"id": "2603.90001"}',
            b"[{}]",
        ],
    )
    def test_anything_else_is_no_paper(self, body: bytes) -> None:
        with pytest.raises(ParseError, match="looked for the paper"):
            parse_detail(body)

    def test_the_paper_of_the_real_item_is_read(self, shared: Path) -> None:
        told = (shared / "pages/huggingface/papers_trending_2026-10-07_excerpt_props_item.json").read_bytes()
        (entry,) = parse_detail(json.dumps(json.loads(told)["paper"]).encode()).entries
        assert (entry.arxiv_id, entry.votes, entry.summary_by) == ("2609.08977", 96, "Hugging Face")


class TestNotThatPage:
    def test_an_empty_list_is_a_page_without_papers(self) -> None:
        assert parse_daily_api(b"[]") == ParsedPage(entries=())

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (b"null", "null"),
            (b'""', "the text ''"),
            (b"{}", "an empty object"),
            (b'{"error": "Rate limited"}', "an object with error"),
            (b"17", "17"),
            (b"true", "True"),
            (b"", "nothing"),
            (b"  \n", "nothing"),
            (b"<!doctype html><title>Sorry</title>", "HTML"),
            (b"Too many requests", "Too many requests"),
            (b'[{"paper": {"id": "26', "damaged or cut off"),
            (b"\xff\xfe\x00", "the text"),
            (b"[" * 200_000, "nested too deeply"),
            (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
            (b'{"a":' * 200_000, "nested too deeply"),
        ],
    )
    def test_anything_but_a_list_says_what_was_looked_for(self, body: bytes, found: str) -> None:
        with pytest.raises(ParseError, match=r"looked for the list of papers") as caught:
            parse_daily_api(body)
        assert found in str(caught.value)
        assert len(str(caught.value)) < 200

    @pytest.mark.parametrize("parse", [parse_daily_page, parse_daily_props, parse_daily_cards])
    @pytest.mark.parametrize(
        "html", ["", "null", "[]", "<title>Just a moment…</title>", "<article><h3>x</h3></article>"]
    )
    def test_a_page_without_the_container_says_so(
        self, parse: Callable[[str], ParsedPage], html: str
    ) -> None:
        with pytest.raises(ParseError, match="DailyPapers"):
            parse(html)

    def test_a_renamed_container_is_no_page(self) -> None:
        with pytest.raises(ParseError, match="Daily Papers - Hugging Face"):
            parse_daily_page(text("page_2024.html").replace('"DailyPapers"', '"DailyPaperList"'))

    def test_a_container_without_papers_is_an_empty_page(self) -> None:
        """A weekend."""
        page = parse_daily_page(text("page_empty.html"))
        assert (page.entries, page.page_date) == ((), date(2024, 8, 3))

    @pytest.mark.parametrize(
        "props", ["", "null", "[]", "{}", '{"dailyPapers": null}', '{"dailyPapers": {}}', "[" * 200_000, "{"]
    )
    def test_damaged_json_without_cards_is_no_empty_page(self, props: str) -> None:
        with pytest.raises(ParseError, match="data-props"):
            parse_daily_page(props_page(props))


class TestOddValues:
    def test_items_that_cannot_be_read_are_counted_and_the_others_kept(self) -> None:
        page = parse_daily_api(golden.read("huggingface/daily_odd.json"))
        assert (len(page.entries), page.skipped) == (3, 8)

    def test_integers_of_ten_thousand_digits_count_nothing(self) -> None:
        body = b'[{"paper": {"id": "2603.90001", "title": "T", "upvotes": ' + b"9" * 10_000 + b"}}]"
        assert parse_daily_api(body).entries[0].votes is None

    @pytest.mark.parametrize("votes", [True, -1, 2**31, 3.0, "12", None, [3], 10**17])
    def test_a_count_is_a_natural_number_of_usual_size(self, votes: object) -> None:
        assert api(item(upvotes=votes)).entries[0].votes is None

    def test_lone_surrogates_and_nul_do_not_get_through(self) -> None:
        body = rb'[{"paper": {"id": "2603.90001\u0000", "title": "A\ud800 B\u0000", "summary": "\udfffC"}}]'
        entry = parse_daily_api(body).entries[0]
        assert (entry.title, entry.abstract, entry.arxiv_id) == ("A B", "C", "2603.90001")

    def test_unsafe_addresses_are_dropped(self) -> None:
        entry = api(item(githubRepo="javascript:alert(1)", projectPage="https://u:p@example.org/")).entries[0]
        assert (entry.code_url, entry.project_url) == (None, None)

    @pytest.mark.parametrize("p", ["", "x", "-1", "9" * 5000, "\u00b2"])
    def test_a_page_number_that_is_none_is_the_first(self, p: str) -> None:
        body = json.dumps([item()]).encode()
        page = HuggingFace().parse(body, PageRequest(f"http://x/api/daily_papers?p={p}"), OPTIONS)
        assert page.next_requests[0].url == "http://x/api/daily_papers?p=1"

    def test_an_id_that_is_not_arxivs_is_kept_as_the_sources_own(self) -> None:
        entry = api(item(id="some-report")).entries[0]
        assert (entry.arxiv_id, entry.source_ref) == (None, "some-report")

    def test_a_page_may_be_in_utf_16(self) -> None:
        body = json.dumps([item(title="Überall Tee")], ensure_ascii=False).encode("utf-16")
        assert parse_daily_api(body).entries[0].title == "Überall Tee"

    @settings(max_examples=60)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(KEYS),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=25,
        )
    )
    def test_no_json_crashes_the_parser(self, value: object) -> None:
        try:
            page = parse_daily_api(json.dumps(value).encode())
        except ParseError:
            return
        assert isinstance(value, list)
        assert len(page.entries) + page.skipped == len(value)

    @settings(max_examples=60)
    @given(st.binary(max_size=200), st.sampled_from(["", "application/json; charset=utf-16", "text/html"]))
    def test_no_bytes_crash_the_parser(self, body: bytes, content_type: str) -> None:
        for path in ("/api/daily_papers?p=0", "/papers"):
            try:
                HuggingFace().parse(body, PageRequest(f"http://x{path}"), OPTIONS, content_type=content_type)
            except ParseError:
                continue


class TestKind:
    def test_auto_tries_the_api_and_then_the_page(self) -> None:
        ways = HuggingFace().day_requests("https://mirror.example.org/hf/", HuggingFaceOptions(), DAY)
        assert [(name, request.url, request.day) for name, request in ways] == [
            ("api", "https://mirror.example.org/hf/api/daily_papers?date=2026-03-09&limit=100&p=0", DAY),
            ("page", "https://mirror.example.org/hf/papers?date=2026-03-09", DAY),
        ]

    @pytest.mark.parametrize("via", ["api", "page"])
    def test_one_way_may_be_chosen(self, via: str) -> None:
        options = HuggingFaceOptions.model_validate({"via": via, "page_size": 20})
        ways = HuggingFace().day_requests("https://huggingface.co", options, DAY)
        assert [name for name, _ in ways] == [via]

    def test_paging_goes_on_until_a_page_is_empty(self) -> None:
        kind, request = (
            HuggingFace(),
            PageRequest("http://x/api/daily_papers?date=2026-03-09&limit=2&p=11", day=DAY),
        )
        following = kind.parse(json.dumps([item()]).encode(), request, OPTIONS).next_requests
        assert following == (PageRequest("http://x/api/daily_papers?date=2026-03-09&limit=2&p=12", day=DAY),)
        assert kind.parse(b"[]", request, OPTIONS).next_requests == ()

    def test_a_page_has_no_next_one(self) -> None:
        page = HuggingFace().parse(
            golden.read("huggingface/page_2024.html"), PageRequest("http://x/papers?date=d"), OPTIONS
        )
        assert (len(page.entries), page.next_requests) == (2, ())

    @pytest.mark.parametrize("options", [{"via": "ftp"}, {"pages": 0}, {"page_size": 101}, {"vai": "api"}])
    def test_wrong_options_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(options))):
            HuggingFaceOptions.model_validate(options)

    def test_options_of_another_kind_are_a_bug(self) -> None:
        class Other(BaseModel):
            pass

        with pytest.raises(TypeError, match="Other"):
            HuggingFace().day_requests("http://x", Other(), DAY)


class TestRealPages:
    @pytest.fixture
    def pages(self, shared: Path) -> Path:
        return shared / "pages" / "huggingface"

    def day(self, pages: Path, day: str) -> ParsedPage:
        return parse_daily_api((pages / "daily" / f"{day}.json").read_bytes())

    def test_every_answer_is_read_whole(self, pages: Path) -> None:
        files = sorted([*(pages / "daily").glob("*.json"), *pages.glob("api_*.json")])
        assert len(files) == 31
        for file in files:
            page = parse_daily_api(file.read_bytes())
            assert (len(page.entries), page.skipped) == (len(json.loads(file.read_bytes())), 0), file.name
            assert all(e.arxiv_id and e.abstract and e.authors and e.published_on for e in page.entries)

    def test_the_date_of_record_is_the_day_asked_for(self, pages: Path) -> None:
        for file in (pages / "daily").glob("*.json"):
            told = {entry.listed_on for entry in self.day(pages, file.stem).entries} - {None}
            assert told <= {date.fromisoformat(file.stem)}

    def test_trap_2024_05_27_raw_latex_in_the_outer_title(self, pages: Path) -> None:
        page = self.day(pages, "2024-05-27")
        assert not any("\\" in entry.title for entry in page.entries)
        assert {entry.submitter for entry in page.entries} == {None}

    def test_trap_2024_06_12_and_13_media_url_has_become_media_urls(self, pages: Path) -> None:
        for day, key in (
            ("2024-05-27", "mediaUrl"),
            ("2024-06-12", "mediaUrls"),
            ("2024-06-13", "mediaUrls"),
        ):
            told = json.loads((pages / "daily" / f"{day}.json").read_bytes())
            with_media = [key in item for item in told]
            assert any(with_media)
            entries = self.day(pages, day).entries
            assert [bool(entry.media_urls) for entry in entries] == with_media
            assert all(entry.thumbnail_url for entry in entries)

    def test_trap_2025_03_10_and_11_outer_published_at_changes_meaning(self, pages: Path) -> None:
        for day in ("2025-03-10", "2025-03-11"):
            told = json.loads((pages / "daily" / f"{day}.json").read_bytes())
            inner = [item["paper"]["publishedAt"][:10] for item in told]
            entries = self.day(pages, day).entries
            assert [str(entry.published_on) for entry in entries] == inner
            assert {entry.listed_on for entry in entries} == {None}

    def test_trap_2025_05_22_ai_summary_appears(self, pages: Path) -> None:
        assert any(entry.summary and entry.keywords for entry in self.day(pages, "2025-05-22").entries)

    @pytest.mark.parametrize(("day", "papers"), [("2025-07-07", 1), ("2026-07-15", 2)])
    def test_trap_days_of_one_and_two_papers(self, pages: Path, day: str, papers: int) -> None:
        assert len(self.day(pages, day).entries) == papers

    @pytest.mark.parametrize("day", ["2025-09-30", "2026-05-13"])
    def test_trap_days_cut_off_at_the_default_limit_of_50_ask_for_more(self, pages: Path, day: str) -> None:
        body = (pages / "daily" / f"{day}.json").read_bytes()
        page = HuggingFace().parse(
            body, PageRequest(f"http://x/api/daily_papers?date={day}&limit=50&p=0"), OPTIONS
        )
        assert (len(page.entries), len(page.next_requests)) == (50, 1)

    def test_trap_2026_04_10_a_paper_comes_back_six_days_later(self, pages: Path) -> None:
        days = [self.day(pages, day) for day in ("2026-04-10", "2026-04-16")]
        found = [entry.listed_on for page in days for entry in page.entries if entry.arxiv_id == "2604.07429"]
        assert found == [date(2026, 4, 10), date(2026, 4, 16)]

    def test_trap_weekend_repeats_of_january_2024(self, pages: Path) -> None:
        """Someone's scraper saw the same papers on three days: the verdict calls the later two stale."""
        days = {}
        for number in (4, 5, 6, 7):
            told = json.loads((pages / f"weekend-repeats/2024-01-0{number}.json").read_bytes())["papers"]
            ids = [paper["url"].rsplit("/", 1)[1] for paper in told]
            days[date(2024, 1, number)] = api(*[item(id=ref) for ref in ids])
        verdicts = []
        for day, page in days.items():
            before = {other: frozenset(map(key_of, days[other].entries)) for other in days if other < day}
            verdicts.append(judge(page, (), day=day, error=None, history=History(None, before)))
        assert verdicts == [Verdict.FRESH, Verdict.FRESH, Verdict.STALE, Verdict.STALE]

    def test_2025_09_30_a_hidden_author(self, pages: Path) -> None:
        told = json.loads((pages / "daily" / "2025-09-30.json").read_bytes())
        visible = [sum(not author["hidden"] for author in item["paper"]["authors"]) for item in told]
        assert [len(entry.authors) for entry in self.day(pages, "2025-09-30").entries] == visible
        assert sum(visible) < sum(len(item["paper"]["authors"]) for item in told)

    def test_trap_complete_page_the_same_13_papers_in_json_and_cards(self, pages: Path) -> None:
        html = (pages / "papers_2024-08-01_daily_full.html").read_text("utf-8")
        props, cards = parse_daily_props(html), parse_daily_cards(html)
        assert len(props.entries) == len(cards.entries) == 13
        assert props.page_date == cards.page_date == date(2024, 8, 1)
        assert parse_daily_page(html) == props
        assert props.disagreement is None
        for card, full in zip(cards.entries, props.entries, strict=True):
            assert carried(card).items() <= carried(full).items()
            assert {"title", "arxiv_id", "votes", "comments", "submitter", "listed_on"} <= carried(
                card
            ).keys()

    def test_trap_trending_excerpt_every_card_twice_svelte_comments_and_90_1k_stars(
        self, pages: Path
    ) -> None:
        html = (pages / "papers_trending_2026-10-07_excerpt_dom.html").read_text("utf-8")
        found = [(e.arxiv_id, e.votes, e.stars, e.organisation) for e in parse_daily_page(html).entries]
        assert found == [
            ("2609.38839", 98, 26, "National University of Singapore"),
            ("2407.16741", 90, 90_100, None),
        ]

    def test_the_item_of_the_trending_page_is_read_whole(self, pages: Path) -> None:
        told = json.loads((pages / "papers_trending_2026-10-07_excerpt_props_item.json").read_bytes())
        entry = api(told).entries[0]
        # What the site does not have, and what says "no" by its default.
        untold = {"doi", "categories", "media_urls", "url", "other_ids", "venue", "citations", "version"}
        assert carried(entry).keys() == {field.name for field in fields(entry)} - untold - {"withdrawn"}
        assert (entry.summary_by, entry.announces, entry.stars) == ("Hugging Face", True, 457)
