"""Saved pages: two text layouts, HTML as browsers and reader modes save it, and files that are none."""

import contextlib
import json
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import ParseError
from digest.sources.listing_text import Paragraph, pair_up, read_header, split_paragraphs
from digest.sources.saved import parse_saved
from digest.text import plain
from digest.types import ParsedPage
from tests import golden
from tests.fake_papers import FakePapers, counted

TODAY = date(2026, 11, 21)
HEADER = [
    "new",
    "Get trending papers in your email inbox!",
    "Subscribe",
    "byAK and the research community",
    "Mar 11",
]
OLD_HEADER = (
    "Get trending papers in your email inbox once a day!\nGet trending papers in your email inbox!\nSubscribe"
)
ABSTRACT = "We present kettle number {0} and show that it boils water. " * 6
SEEDS = {
    "000_9c0b945c61084039.txt": (73, 73, date(2026, 3, 11)),
    "001_7a5f3204ee6361bf.txt": (75, 72, date(2026, 3, 14)),
    "003_4346cb10870ad5dd.txt": (264, 258, None),
}


def parse(text: str | bytes, today: date = TODAY) -> ParsedPage:
    body = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return parse_saved(body, today=today, name="page.txt")


def blank_lines(*paragraphs: str) -> str:
    return "\n\n".join([*HEADER, *paragraphs])


def no_blank_lines(*paragraphs: str) -> str:
    return OLD_HEADER + "\n".join(paragraphs)


LAYOUTS = [blank_lines, no_blank_lines]


def papers(count: int) -> list[str]:
    """Titles and abstracts in turn."""
    return [text for n in range(count) for text in (f"Kettle {n} Considered", ABSTRACT.format(n).strip())]


def pairs(page: ParsedPage) -> list[tuple[str, str]]:
    return [(entry.title, entry.abstract) for entry in page.entries]


class TestGoldenPages:
    @pytest.mark.parametrize(
        "name",
        [
            "blank_lines.txt",
            "no_blank_lines.txt",
            "no_header.txt",
            "windows.txt",
            "save_as_cards.html",
            "reader.html",
            "reader_linked.html",
        ],
    )
    def test_the_page_gives_what_is_expected(self, name: str) -> None:
        assert golden.as_json(parse(golden.read(f"saved/{name}"))) == golden.expected(f"saved/{name}")

    @pytest.mark.parametrize(
        ("name", "entries", "page_date"),
        [
            ("page_2024.html", 2, date(2024, 8, 1)),
            ("page_trending_2026.html", 2, None),
            ("daily_2026.json", 3, date(2026, 3, 9)),
            ("daily_2024.json", 2, None),
        ],
    )
    def test_pages_and_answers_of_the_site_are_read_when_saved(
        self, name: str, entries: int, page_date: date | None
    ) -> None:
        page = parse(golden.read(f"huggingface/{name}"))
        assert (len(page.entries), page.page_date) == (entries, page_date)


class TestDay:
    @pytest.mark.parametrize(
        ("line", "today", "day"),
        [
            ("Mar 11", date(2026, 3, 11), date(2026, 3, 11)),
            ("Mar 11", date(2026, 3, 10), date(2025, 3, 11)),
            ("Dec 31", date(2027, 1, 1), date(2026, 12, 31)),
            ("Feb 29", date(2026, 3, 1), date(2024, 2, 29)),
            ("March 11, 2024", date(2026, 3, 10), date(2024, 3, 11)),
            ("2024-03-11", date(2026, 3, 10), date(2024, 3, 11)),
            ("Aug\n\n1", date(2026, 8, 2), date(2026, 8, 1)),
        ],
    )
    def test_a_day_without_a_year_is_the_latest_one_not_in_the_future(
        self, line: str, today: date, day: date
    ) -> None:
        page = parse("\n\n".join([*HEADER[:-1], line, *papers(2)]), today)
        assert page.page_date == day
        assert pairs(page)[0][0] == "Kettle 0 Considered"

    def test_a_page_without_a_day_says_none(self) -> None:
        assert parse("\n\n".join([*HEADER[:-1], *papers(2)])).page_date is None

    def test_a_day_glued_to_the_line_before_it_is_found(self) -> None:
        page = parse("\n".join([*HEADER[:3], HEADER[3] + HEADER[4], *papers(2)]))
        assert (page.page_date, len(page.entries)) == (date(2026, 3, 11), 2)

    def test_an_answer_whose_entries_agree_on_a_day_is_of_that_day(self) -> None:
        """Entries themselves carry none, so that the day a person gives for the file holds."""
        page = parse(golden.read("huggingface/daily_2026.json"))
        assert page.page_date == date(2026, 3, 9)
        assert {entry.listed_on for entry in page.entries} == {None}

    def test_a_page_of_mixed_days_is_of_none_of_them(self) -> None:
        items = json.loads(golden.read("huggingface/daily_2026.json"))
        items[0]["paper"]["submittedOnDailyAt"] = "2026-02-01T00:00:00Z"
        assert parse(json.dumps(items)).page_date is None


class TestHeader:
    @pytest.mark.parametrize("line", range(len(HEADER)))
    def test_any_line_of_the_header_may_be_missing(self, line: int) -> None:
        lines = HEADER[:line] + HEADER[line + 1 :] + papers(3)
        for text in ("\n\n".join(lines), "\n".join(lines)):
            assert [title for title, _ in pairs(parse(text))] == [f"Kettle {n} Considered" for n in range(3)]

    def test_the_header_may_be_absent_altogether(self) -> None:
        assert len(parse("\n\n".join(papers(3))).entries) == 3
        assert len(parse("\n".join(papers(3))).entries) == 3

    @pytest.mark.parametrize("byline", ["by AK and the research community", "by AK", "Daily Papers by AK"])
    def test_the_byline_is_written_in_several_ways(self, byline: str) -> None:
        page = parse("\n\n".join([*HEADER[:3], "Daily Papers", byline, "Mar 11", *papers(1)]))
        assert pairs(page) == [tuple(papers(1))]

    def test_trap_the_first_title_glued_to_subscribe(self) -> None:
        assert pairs(parse(no_blank_lines(*papers(2)))) == [tuple(papers(2)[:2]), tuple(papers(2)[2:])]

    @pytest.mark.parametrize("title", ["Subscribers Who Leave", "Subscribe and Forget", "Subscribed"])
    def test_a_title_that_begins_like_the_button_is_whole(self, title: str) -> None:
        text = "\n".join([HEADER[1], title, ABSTRACT.format(1), *papers(2)])
        assert parse(text).entries[0].title == title

    @pytest.mark.parametrize("title", [*HEADER, "Daily Papers", "Submit a paper", "SubscribeTwice"])
    def test_a_title_that_reads_like_the_header_is_a_title_behind_it(self, title: str) -> None:
        for position in (0, 1):
            lines = papers(2)
            lines[position * 2 : position * 2] = [title, ABSTRACT.format(9).strip()]
            found = pairs(parse(blank_lines(*lines)))
            assert found[position] == (title, ABSTRACT.format(9).strip())
            assert len(found) == 3

    @pytest.mark.parametrize("title", [*HEADER[:-1], "Daily Papers", "new"])
    def test_also_behind_a_header_without_a_day(self, title: str) -> None:
        lines = [*HEADER[:-1], title, ABSTRACT.format(9), *papers(2)]
        assert parse("\n".join(lines)).entries[0].title == title

    def test_menus_above_the_header_are_no_papers(self) -> None:
        text = "\n".join(["Hugging Face", "Models", "Datasets", "Log In", *HEADER, *papers(2)])
        assert len(parse(text).entries) == 2


class TestLayout:
    def test_line_ends_marks_and_trailing_lines_do_not_matter(self) -> None:
        for layout in LAYOUTS:
            text = layout(*papers(3))
            for variant in ("\ufeff" + text, text.replace("\n", "\r\n"), text + "\n\n\n\n", "\n\n" + text):
                assert pairs(parse(variant)) == pairs(parse(text))
            assert pairs(parse(text.encode("utf-16"))) == pairs(parse(text))

    def test_old_line_ends_alone_are_line_ends(self) -> None:
        assert len(parse(blank_lines(*papers(3)).replace("\n", "\r")).entries) == 3

    def test_blank_lines_between_the_papers_only_are_no_third_layout(self) -> None:
        text = "\n".join(HEADER) + "\n\n" + "\n\n".join("\n".join(papers(3)[n : n + 2]) for n in (0, 2, 4))
        assert len(parse(text).entries) == 3

    def test_a_title_on_two_lines_is_one_title_where_blank_lines_separate(self) -> None:
        text = blank_lines(*papers(2)).replace("Kettle 1 Considered", "Kettle 1\nConsidered")
        assert pairs(parse(text)) == pairs(parse(blank_lines(*papers(2))))

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
    def test_only_line_feeds_end_lines(self, layout: Callable[..., str], mark: str) -> None:
        text = layout(*papers(3)).replace("Kettle 1 Considered", f"Kettle 1{mark}Considered")
        found = pairs(parse(text))
        assert len(found) == 3
        assert found[2] == tuple(papers(3)[4:])


class TestTraps:
    def test_trap_two_different_papers_share_one_title(self) -> None:
        page = parse(golden.read("saved/blank_lines.txt"))
        assert [entry.title for entry in page.entries].count("Folding Networks for Semantic Laundry") == 2
        assert counted(FakePapers().file(page.entries))["new"] == 6

    def test_trap_a_title_written_twice_in_a_row(self) -> None:
        title = "Scaling Habits for Very Small Kitchens"
        for text in (f"{title} {title}", f"{title}\n{title}"):
            page = parse("\n".join(HEADER) + f"\n{text}\n{ABSTRACT}\n")
            assert [entry.title for entry in page.entries] == [title]

    @pytest.mark.parametrize("title", ["New York New York", "Bora Bora", "A Kettle A Kettle B"])
    def test_a_name_that_repeats_itself_is_left_alone(self, title: str) -> None:
        assert parse(blank_lines(title, ABSTRACT)).entries[0].title == title

    def test_trap_latex_is_left_over(self) -> None:
        text = " ".join(entry.abstract for entry in parse(golden.read("saved/blank_lines.txt")).entries)
        for readable in ("17.76%", "naïve", "Code available in", "shelf-wise decomposition", "i.e. points"):
            assert readable in text
        assert "\\" not in text

    @pytest.mark.parametrize(
        ("title", "readable"),
        [
            ("HyperKcdotKcdotT: Kettles on Spheres", "HyperK·K·T: Kettles on Spheres"),
            ("texttt{D}ual-texttt{H}ead Kettles", "Dual-Head Kettles"),
            ("SL^{2}A-KET: Learnable Spouts", "SL²A-KET: Learnable Spouts"),
        ],
    )
    def test_trap_latex_was_stripped_badly(self, title: str, readable: str) -> None:
        assert parse(blank_lines(title, ABSTRACT)).entries[0].title == readable

    def test_trap_a_title_without_a_space_after_the_colon(self) -> None:
        titles = [entry.title for entry in parse(golden.read("saved/blank_lines.txt")).entries]
        assert "DRAWER:Decomposition of Cupboards into Shelves and Doors" in titles

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_a_last_title_without_an_abstract_is_a_paper(self, layout: Callable[..., str]) -> None:
        page = parse(layout(*papers(2), "Cut Off Here"))
        assert pairs(page)[-1] == ("Cut Off Here", "")

    def test_short_abstracts_belong_to_their_titles(self) -> None:
        page = parse(blank_lines("One", "Short.", "Two", "Also short.", *papers(1), "Three", "Shortest."))
        assert [abstract for _, abstract in pairs(page)] == [
            "Short.",
            "Also short.",
            papers(1)[1],
            "Shortest.",
        ]

    def test_a_title_without_an_abstract_in_between_turns_nothing_round(self) -> None:
        page = parse(blank_lines(*papers(2), "Lost Its Abstract", *papers(4)[4:]))
        assert pairs(page)[2:] == [("Lost Its Abstract", ""), tuple(papers(3)[4:]), tuple(papers(4)[6:])]

    @pytest.mark.parametrize("layout", [blank_lines, no_blank_lines])
    @pytest.mark.parametrize(
        "title", ["", " ", "\u200b", "\0", "x" * 5000, "\ud800", "<b></b>", "word " * 100]
    )
    def test_an_empty_or_endless_title_costs_no_other_paper(
        self, layout: Callable[..., str], title: str
    ) -> None:
        text = layout(*papers(2), title, "Its abstract. " * 30, *papers(4)[4:])
        page = parse(text)
        assert set(zip(*[iter(papers(4))] * 2, strict=True)) <= set(pairs(page))
        assert len(page.entries) + page.skipped == 5

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_an_abstract_is_never_taken_for_a_title(self, layout: Callable[..., str]) -> None:
        for lines in (["", ABSTRACT.format(9), *papers(2)], [*papers(2), "", ABSTRACT.format(9)]):
            page = parse(layout(*lines))
            assert ([title for title, _ in pairs(page)], page.skipped) == (
                ["Kettle 0 Considered", "Kettle 1 Considered"],
                1,
            )


class TestReaderHtml:
    def test_a_heading_inside_or_around_its_link_tells_the_paper(self) -> None:
        ids = [entry.arxiv_id for entry in parse(golden.read("saved/reader_linked.html")).entries]
        assert ids == ["2603.90001", "2603.90002"]

    def test_inline_markup_does_not_break_an_abstract(self) -> None:
        assert "forty kitchens" in parse(golden.read("saved/reader.html")).entries[0].abstract

    def test_line_breaks_separate_paragraphs_too(self) -> None:
        page = parse("<html><body>" + "<br>".join([*HEADER, *papers(2)]))
        assert pairs(page) == [tuple(papers(2)[:2]), tuple(papers(2)[2:])]

    def test_a_heading_that_links_elsewhere_is_no_paper_of_ours(self) -> None:
        html = f'<h3><a href="https://example.org/a">A Kettle</a></h3><p>{ABSTRACT.format(1)}</p>'
        with pytest.raises(ParseError, match="HTML of another page"):
            parse(html)

    def test_a_page_saved_by_a_browser_has_absolute_links_and_perhaps_no_json(self) -> None:
        saved = parse(golden.read("saved/save_as_cards.html"))
        assert [entry.arxiv_id for entry in saved.entries] == ["2408.90001", "2408.90002"]

    def test_cards_are_found_without_their_container(self) -> None:
        html = golden.read("saved/save_as_cards.html").replace(b'data-target="DailyPapers"', b"")
        assert len(parse(html).entries) == 2

    def test_deep_nesting_is_read_or_refused_but_does_not_crash(self) -> None:
        html = "<html><body>" + "<div><span>" * 2000 + "x" + "</span></div>" * 2000
        with pytest.raises(ParseError):
            parse(html)


class TestNotThatPage:
    @pytest.mark.parametrize(
        "name", ["shopping_list.txt", "log.txt", "readme.txt", "source.c", "other_site.html"]
    )
    def test_other_files_are_refused_saying_what_was_looked_for(self, name: str) -> None:
        with pytest.raises(
            ParseError, match=rf"^{name} is not a page of trending papers: looked for .*, found "
        ):
            parse_saved(golden.read(f"saved/{name}"), today=TODAY, name=name)

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            (b"", "nothing"),
            (b" \r\n\t\n", "nothing"),
            (b"%PDF-1.7\n1 0 obj << /Type /Catalog >>\nendobj\n", "a PDF"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "a picture"),
            (bytes(range(256)) * 40, "bytes that are no text"),
            (b'{"total": 3, "data": []}', "an object with total, data"),
            (b'[{"name": "milk"}, {"name": "bread"}]', "a list of 2"),
            (b'"a text"', "text of another shape"),
            (b"null", "text of another shape"),
            (b"[" * 100_000, "text of another shape"),
            (b"<html><head><title>Kettles</title></head></html>", "a page titled 'Kettles'"),
            (b"<!doctype html>", "HTML of another page"),
        ],
    )
    def test_what_was_found_is_said(self, body: bytes, found: str) -> None:
        with pytest.raises(ParseError, match="looked for") as caught:
            parse(body)
        assert found in str(caught.value)

    @pytest.mark.parametrize(
        "body", [golden.read("saved/banner_only.txt"), golden.read("huggingface/page_empty.html"), b"[]"]
    )
    def test_a_page_without_papers_is_told_apart(self, body: bytes) -> None:
        with pytest.raises(ParseError, match="is a page of trending papers, but lists no papers"):
            parse(body)

    def test_a_file_without_a_name_is_still_told(self) -> None:
        with pytest.raises(ParseError, match=r"^the file is not"):
            parse_saved(b"milk", today=TODAY)

    def test_prose_is_no_list_of_papers(self) -> None:
        story = "\n\n".join(["A Story of a Kettle", *[ABSTRACT.format(n) for n in range(8)]])
        with pytest.raises(ParseError):
            parse(story)

    @settings(max_examples=80)
    @given(st.one_of(st.text(max_size=400).map(str.encode), st.binary(max_size=400)))
    def test_nothing_crashes_the_parser(self, body: bytes) -> None:
        for start in (
            b"",
            "\n\n".join(HEADER).encode() + b"\n\n",
            b"<html>",
            b"[",
            b'<div data-target="DailyPapers">',
        ):
            try:
                assert parse_saved(start + body, today=TODAY).entries
            except ParseError:
                continue

    @pytest.mark.parametrize("start", ["", "\n".join(HEADER) + "\n", "<html>"])
    @pytest.mark.parametrize("unit", ["x", "x\n", "<", "&", "<p>x", "$x", "{", "Subscribe", " ", "\\", "a. "])
    def test_the_time_to_read_grows_with_the_length_only(self, start: str, unit: str) -> None:
        """Quadratic reading of 60,000 characters would take minutes."""
        started = time.perf_counter()
        with contextlib.suppress(ParseError):
            parse(start + unit * (60_000 // len(unit)))
        assert time.perf_counter() - started < 10


class TestParts:
    """The pure parts of reading text, by themselves."""

    @given(st.lists(st.sampled_from(["T", "A" * 300, "x" * 100, ""]), max_size=12))
    def test_pairing_keeps_every_text_in_order(self, texts: list[str]) -> None:
        paragraphs = [Paragraph(f"{n} {text}") for n, text in enumerate(texts)]
        found = [text for pair in pair_up(paragraphs) for text in (pair.title, pair.abstract) if text]
        assert found == [paragraph.text for paragraph in paragraphs]

    def test_an_alternation_is_kept_whatever_the_lengths(self) -> None:
        texts = [Paragraph(f"{n} " + "w" * (n * 37 % 190)) for n in range(40)]
        assert [pair.title for pair in pair_up(texts)] == [text.text for text in texts[::2]]

    def test_paragraphs_are_plain_text(self) -> None:
        assert split_paragraphs("a &amp; <b>b</b>\n\n\0\n\n c\t d ") == [Paragraph("a & b"), Paragraph("c d")]

    def test_a_text_without_header_has_none(self) -> None:
        header = read_header([Paragraph("A"), Paragraph("B")], today=TODAY)
        assert (header.is_certain, header.page_date, len(header.rest)) == (False, None, 2)


class TestRealPages:
    def test_the_seeds_give_their_entries_and_403_papers(self, shared: Path) -> None:
        store = FakePapers()
        for name, (entries, new, page_date) in SEEDS.items():
            page = parse_saved((shared / "pages/seeds" / name).read_bytes(), today=TODAY, name=name)
            assert (len(page.entries), page.skipped, page.page_date) == (entries, 0, page_date)
            assert all(len(entry.title) < 140 and len(entry.abstract) > 600 for entry in page.entries)
            assert counted(store.file(page.entries, listed_on=page.page_date))["new"] == new
        assert len(store.papers) == 403

    def test_the_seeds_again_give_nothing_new(self, shared: Path) -> None:
        store = FakePapers()
        pages = [parse_saved((shared / "pages/seeds" / name).read_bytes(), today=TODAY) for name in SEEDS]
        for page in pages:
            store.file(page.entries, listed_on=page.page_date)
        again = [counted(store.file(page.entries, listed_on=page.page_date)) for page in pages]
        assert [(found["new"], found["modified"]) for found in again] == [(0, 0)] * 3

    def test_the_two_papers_on_fully_convolutional_networks_stay_two(self, shared: Path) -> None:
        title = "Fully Convolutional Networks for Semantic Segmentation"
        page = parse_saved((shared / "pages/seeds/003_4346cb10870ad5dd.txt").read_bytes(), today=TODAY)
        store = FakePapers()
        store.file(page.entries)
        assert [paper.fields["title"] for paper in store.papers.values()].count(title) == 2

    def test_trap_seeds_titles_and_latex(self, shared: Path) -> None:
        bodies = [(shared / "pages/seeds" / name).read_bytes() for name in SEEDS]
        entries = [entry for body in bodies for entry in parse_saved(body, today=TODAY).entries]
        titles = {entry.title for entry in entries}
        text = "\n".join(entry.abstract for entry in entries)
        assert "Scaling Laws for Native Multimodal Models" in titles
        assert any(title.startswith("DECOR:Decomposition") for title in titles)
        assert not any(title.startswith("Subscribe") for title in titles)
        assert "up to 17.76% in" in text
        assert "apparently naïve ensembling" in text
        assert "\\textcolor" not in text
        assert "{\\em" not in text

    @pytest.mark.parametrize("name", SEEDS)
    def test_the_seeds_without_their_header_are_read_too(self, shared: Path, name: str) -> None:
        text = (shared / "pages/seeds" / name).read_text("utf-8")
        first = parse(text).entries[0].title
        assert len(parse(text[text.index(first) :]).entries) == SEEDS[name][0]

    def test_the_complete_page_gives_its_13_papers_when_saved(self, shared: Path) -> None:
        body = (shared / "pages/huggingface/papers_2024-08-01_daily_full.html").read_bytes()
        page = parse(body)
        assert (len(page.entries), page.page_date) == (13, date(2024, 8, 1))
        assert all(entry.abstract for entry in page.entries)
        cards = parse(body.replace(b"data-props", b"data-gone"))
        assert [entry.arxiv_id for entry in cards.entries] == [entry.arxiv_id for entry in page.entries]

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_no_hostile_title_costs_another_paper(self, shared: Path, layout: Callable[..., str]) -> None:
        """Every string of the list of naughty strings, alone between papers and all of them together."""
        hostile = json.loads((shared / "corpora/blns.json").read_text("utf-8"))
        wanted = set(zip(*[iter(papers(4))] * 2, strict=True))
        for title in hostile:
            for lines in (
                [*papers(2), title, "Its abstract. " * 30, *papers(4)[4:]],
                [title, "Its abstract. " * 30, *papers(4)],
            ):
                assert wanted <= set(pairs(parse(layout(*lines)))), repr(title)
        together = [
            text
            for number, title in enumerate(hostile)
            for text in (
                title,
                f"{number} hostile. " * 30,
                f"Kettle {number} Considered",
                ABSTRACT.format(number),
            )
        ]
        found = set(pairs(parse(layout(*together))))
        assert {(f"Kettle {n} Considered", plain(ABSTRACT.format(n))) for n in range(len(hostile))} <= found

    def test_other_real_files_are_no_pages(self, shared: Path) -> None:
        others = [*shared.rglob("*.md"), *(shared / "corpora").iterdir(), *(shared / "pages").rglob("*.xml")]
        others += (shared / "pages/github_trending").iterdir()
        assert len(others) > 10
        for file in others:
            with pytest.raises(ParseError, match="looked for"):
                parse_saved(file.read_bytes(), today=TODAY, name=file.name)
