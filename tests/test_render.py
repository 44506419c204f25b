"""An issue as mail: both parts with the same papers in the same order, safe, small, fit for old programs."""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.render import MAX_HTML_BYTES, FeedbackLinks, mailto, render_html, render_text
from digest.templating import templates_folder
from digest.types import IssueView, Section
from tests.issue_samples import (
    HOSTILE,
    MAIL_ONLY,
    SUMMARY,
    issue,
    item,
    many,
    notice_issue,
    paper,
    with_mail_feedback,
    with_web,
)

VOID = {"meta", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Reads a page strictly: every tag is closed in turn, and everything used is remembered."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.styles = ""
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data
        if self.open and self.open[-1] == "style":
            self.styles += data

    @property
    def hrefs(self) -> list[str]:
        return [attrs["href"] for tag, attrs in self.elements if tag == "a"]

    @property
    def words(self) -> str:
        return self.texts["body"][0]


def _titles(shown: IssueView) -> list[str]:
    return [one.paper.title for one in shown.items]


class TestHtml:
    def test_the_papers_stand_in_order_under_their_sections(self) -> None:
        shown = issue()
        page = Page(render_html(shown, MAIL_ONLY))
        assert page.texts["h1"] == ["Paper digest"]
        assert page.texts["h2"] == ["Following", "For you", "Trending", "Rising"]
        assert page.texts["h3"] == _titles(shown)

    def test_each_paper_has_all_that_is_known_of_it(self) -> None:
        page = Page(render_html(issue([item(paper(1, summary=SUMMARY))]), MAIL_ONLY))
        for words in (
            "Monday, 17 March 2031 · 1 paper",
            "Ada Example, Bo Sample and 12 more · Example Institute of Search",
            "Retrieval · keyword “dense retrieval” · +125 votes since Tuesday",
            "Machine-made summary",
            SUMMARY,
            "▁▁▃▅▇ 128 votes, up from 3 on 13 Mar · 14 comments",
            "Abstract · PDF · Code 1.2k ★ · Discussion",
            "Hugging Face: 41 papers, complete. Example Archive: not reachable since Thursday.",
            "You get this because you subscribed to Paper digest, for Retrieval and 3D segmentation.",
        ):
            assert words in page.words
        assert page.hrefs[:2] == ["https://arxiv.org/abs/3103.00001"] * 2

    def test_it_says_its_language_direction_and_colour_schemes(self) -> None:
        page = Page(render_html(issue(), MAIL_ONLY))
        assert page.elements[0] == ("html", {"lang": "en", "dir": "ltr"})
        assert ("meta", {"name": "color-scheme", "content": "light dark"}) in page.elements
        assert "prefers-color-scheme: dark" in page.styles
        assert all(attrs.get("dir") == "auto" for tag, attrs in page.elements if tag == "h3")

    def test_it_loads_nothing(self) -> None:
        html = render_html(issue(), with_web(issue()))
        page = Page(html)
        assert not {tag for tag, _ in page.elements} & {
            "img",
            "link",
            "script",
            "iframe",
            "form",
            "video",
            "object",
        }
        assert "url(" not in html
        assert "@import" not in html
        assert not [
            name for _, attrs in page.elements for name in attrs if name.startswith("on") or name == "src"
        ]

    def test_styles_are_inlined(self) -> None:
        page = Page(render_html(issue(), MAIL_ONLY))
        unstyled = {tag for tag, attrs in page.elements if "style" not in attrs}
        assert unstyled <= {"html", "head", "meta", "title", "style", "tr", "div"}

    def test_the_preview_line_tells_what_the_subject_does_not(self) -> None:
        shown = issue()
        first = Page(render_html(shown, MAIL_ONLY)).texts["div"][0]
        assert first.startswith("Segmenting Scans of Teapots from Three Clicks · What 4,000")
        assert len(first) <= 140

    def test_a_notice_stands_alone(self) -> None:
        page = Page(render_html(notice_issue(), MAIL_ONLY))
        assert "No new papers today: it is the weekend." in page.words
        assert "The next digest comes on Monday." in page.words
        assert "h2" not in page.texts
        assert "papers" not in page.texts["h1"][0]

    def test_the_same_issue_gives_the_same_text(self) -> None:
        assert render_html(issue(), with_web(issue())) == render_html(issue(), with_web(issue()))


class TestSize:
    @pytest.mark.parametrize("count", [1, 10, 25, 50])
    def test_it_stays_below_what_gmail_cuts(self, count: int) -> None:
        shown = many(count)
        for context in (with_web(shown), with_mail_feedback(shown)):
            html = render_html(shown, context)
            assert len(html.encode()) <= MAX_HTML_BYTES
            assert Page(html).texts["h3"] == _titles(shown)

    def test_25_papers_with_everything_long_fit_too(self) -> None:
        full = [
            item(
                paper(
                    i,
                    title=f"{i} 题" * 150,
                    authors=("Ägidius Beispiel-Namenlos" * 3,) * 9,
                    abstract="摘要。" * 900,
                ),
                reasons=("because you marked “" + "长" * 200 + "”",) * 5,
            )
            for i in range(25)
        ]
        shown = issue(full)
        html = render_html(shown, with_web(shown))
        assert len(html.encode()) <= MAX_HTML_BYTES
        assert len(Page(html).texts["h3"]) == 25

    def test_excerpts_go_only_where_they_must(self) -> None:
        assert "Our method rewrites only" in render_html(many(15), MAIL_ONLY)
        assert "Our method rewrites only" not in render_html(many(50), MAIL_ONLY)


class TestLeaving:
    def test_without_a_web_address_nothing_links_to_us(self) -> None:
        shown = issue()
        bare = replace(with_web(shown), base_url=None)
        page, text = Page(render_html(shown, bare)), render_text(shown, bare)
        papers = {
            url
            for one in shown.items
            for url in (one.paper.url, one.paper.pdf_url, one.paper.code_url, one.paper.discussion_url)
        }
        assert [url for url in page.hrefs if url not in papers] == [MAIL_ONLY.unsubscribe_mailto]
        assert "digest.example.org" not in text
        assert "More like this" not in text
        assert MAIL_ONLY.unsubscribe_mailto in text

    def test_with_one_there_is_one_way_out_and_one_to_change(self) -> None:
        shown = issue()
        page, text = Page(render_html(shown, with_web(shown))), render_text(shown, with_web(shown))
        assert page.hrefs[-2:] == [
            "https://digest.example.org/leave/abc.def",
            "https://digest.example.org/me/abc.def",
        ]
        assert "Leave this list: https://digest.example.org/leave/abc.def" in text

    def test_a_plain_address_becomes_a_mailto(self) -> None:
        context = replace(MAIL_ONLY, unsubscribe_mailto="leave@example.org")
        assert "mailto:leave@example.org?subject=unsubscribe" in render_text(issue(), context)

    def test_feedback_goes_by_mail_where_there_is_no_web(self) -> None:
        shown = issue()
        context = with_mail_feedback(shown)
        page = Page(render_html(shown, context))
        for one in shown.items:
            links = context.feedback[one.paper.paper_id]
            assert links.more in page.hrefs
        assert "ike this" not in render_text(shown, context)

    def test_feedback_that_is_no_address_is_left_out(self) -> None:
        context = replace(
            MAIL_ONLY, base_url="https://x.example", feedback={1: FeedbackLinks("javascript:1", "x")}
        )
        assert "More like this" not in render_html(issue(), context)

    def test_a_mailto_is_percent_encoded(self) -> None:
        assert mailto("a+b@example.org", "more 1.x&y", "ä\r\nBcc: z") == (
            "mailto:a+b@example.org?subject=more%201.x%26y&body=%C3%A4%0D%0ABcc%3A%20z"
        )


class TestText:
    def test_the_papers_stand_in_the_same_order(self) -> None:
        shown = issue()
        text = render_text(shown, with_web(shown))
        places = [text.index(f"{place:>2}. {title[:40]}") for place, title in enumerate(_titles(shown), 1)]
        assert places == sorted(places)
        assert re.findall(r"^[A-Z ]+(?=\n-+$)", text, re.MULTILINE) == [
            "FOLLOWING",
            "FOR YOU",
            "TRENDING",
            "RISING",
        ]

    def test_it_says_what_the_html_says(self) -> None:
        """Nothing of a card is in one part only."""
        shown = issue()
        html = " ".join(Page(render_html(shown, MAIL_ONLY)).words.split())
        text = " ".join(render_text(shown, MAIL_ONLY).split())
        for one in shown.items:
            for words in (
                *one.reasons,
                one.paper.organisation or "",
                one.paper.authors[0] if one.paper.authors else "",
            ):
                assert words in html
                assert words in text

    def test_markup_characters_are_not_escaped(self) -> None:
        assert " 1. a < b & \"c\" 'd'" in render_text(
            issue([item(paper(title="a < b & \"c\" 'd'"))]), MAIL_ONLY
        )

    def test_a_notice_stands_alone(self) -> None:
        text = render_text(notice_issue(), MAIL_ONLY)
        assert text.startswith(
            "Paper digest\nMonday, 17 March 2031\n\n"
            "No new papers today: it is the weekend.\n\nThe next digest comes on Monday.\n"
        )

    @given(st.lists(st.text(HOSTILE), min_size=6, max_size=6))
    def test_lines_are_72_columns_without_trailing_blanks(self, texts: list[str]) -> None:
        shown = issue(
            [item(paper(title=texts[0], authors=tuple(texts[1:2]), abstract=texts[2]), reasons=texts[3:4])],
            coverage=texts[4],
            interests=(texts[5],),
        )
        text = render_text(shown, with_mail_feedback(shown))
        assert text.endswith("\n")
        for line in text[:-1].split("\n"):
            assert line == line.rstrip()
            if "http" not in line and "mailto:" not in line:
                assert sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) <= 72

    def test_an_address_is_never_broken(self) -> None:
        url = "https://example.org/" + "x" * 300
        assert f"\n    Code (1.2k ★):\n    {url}\n" in render_text(
            issue([item(paper(code_url=url))]), MAIL_ONLY
        )


class TestHostile:
    @given(st.lists(st.text(HOSTILE), min_size=5, max_size=5))
    def test_no_text_becomes_markup(self, texts: list[str]) -> None:
        plain = len(Page(render_html(issue([item(paper(title="t"))]), MAIL_ONLY)).elements)
        hostile = [f"<b>{text}</b>\"'><script>" for text in texts]
        shown = issue(
            [
                item(
                    paper(title=hostile[0], authors=(hostile[1],), abstract=hostile[2]),
                    reasons=hostile[3:4] * 2,
                )
            ],
            coverage=hostile[4],
            subject=hostile[0],
        )
        assert len(Page(render_html(shown, MAIL_ONLY)).elements) == plain

    def test_naughty_strings_pass_with_every_other_paper(self, shared: Path) -> None:
        for text in [
            *json.loads((shared / "corpora/blns.json").read_text()),
            "\u2028",
            "\x85",
            "a\x00b",
            "\ud800",
        ]:
            shown = issue(
                [item(paper(1, title=text, authors=(text,), abstract=text)), item(paper(2))], subject=text
            )
            html, plain = render_html(shown, MAIL_ONLY), render_text(shown, MAIL_ONLY)
            assert len(Page(html).texts["h3"]) == 2
            assert "2. Keeping an Index Fresh" in plain
            html.encode()
            plain.encode()

    def test_no_payload_becomes_an_element_or_a_link(self, shared: Path) -> None:
        """Known faults 36 to 41."""
        lines = (shared / "corpora/xss-payload-list.txt").read_text(errors="replace").splitlines()[::13]
        plain = [tag for tag, _ in Page(render_html(issue([item(paper())]), MAIL_ONLY)).elements]
        for line in lines:
            shown = issue(
                [item(paper(title=line, abstract=line, organisation=line), reasons=(line,), interest=line)]
            )
            page = Page(render_html(shown, MAIL_ONLY))
            assert [tag for tag, _ in page.elements] == plain
            bad = paper(url=line, pdf_url=line, code_url=line, discussion_url=line)
            page = Page(render_html(issue([item(bad)]), MAIL_ONLY))
            assert all(url.startswith(("http://", "https://", "mailto:leave@")) for url in page.hrefs)

    def test_a_paper_with_nothing_but_an_id_is_shown(self) -> None:
        bare = paper(
            title="", abstract="", authors=(), organisation=None, votes=None, comments=None, stars=None,
            votes_history=(), pdf_url=None, code_url=None, discussion_url=None,
        )  # fmt: skip
        shown = issue([item(bare, reasons=(), interest=None)], coverage="", interests=())
        assert Page(render_html(shown, MAIL_ONLY)).texts["h3"] == ["(untitled)"]
        assert " 1. (untitled)\n    Abstract: https://" in render_text(shown, MAIL_ONLY)


# --- colours and mail programs ---------------------------------------------------------------------


def _rules(css: str) -> Iterator[tuple[str, dict[str, str]]]:
    for selectors, body in re.findall(
        r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    ):
        for selector in selectors.split(","):
            pairs = (declaration.split(":", 1) for declaration in body.split(";") if ":" in declaration)
            yield selector.strip(), {name.strip(): value.strip() for name, value in pairs}


def _schemes() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    css = (templates_folder() / "mail" / "mail.css").read_text()
    light, _, dark = css.partition("@media (prefers-color-scheme: dark) {")
    schemes: tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]] = {}, {}
    for scheme, text in zip(schemes, (light, dark), strict=True):
        for selector, declarations in _rules(text):
            scheme.setdefault(selector, {}).update(declarations)
    return schemes


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


class TestColours:
    def test_every_colour_has_its_dark_counterpart(self) -> None:
        light, dark = _schemes()
        for selector, declarations in light.items():
            for name, value in declarations.items():
                if "#" not in value:
                    continue
                wanted = name if "color" in name else f"{name}-color"
                assert dark.get(selector, {}).get(wanted, "").endswith(" !important"), (selector, name)

    @pytest.mark.parametrize("dark", [False, True])
    def test_text_stands_out_in_both_schemes(self, dark: bool) -> None:
        scheme = _schemes()[dark]
        ground = scheme[".page"]["background-color"][:7]
        colours = {
            name: rule["color"][:7] for name, rule in scheme.items() if "color" in rule and name != ".preview"
        }
        assert len(colours) > 10
        assert {name: colour for name, colour in colours.items() if _contrast(colour, ground) < 4.5} == {}


CLIENTS = {
    "gmail": None,
    "apple-mail": None,
    "outlook": {"windows", "outlook-com"},
    "yahoo": None,
    "thunderbird": None,
}
# Properties and elements that the table has no page for, because every program knows them.
UNLISTED = {
    "font-family",
    "font-style",
    "color",
    "a",
    "head",
    "html",
    "meta",
    "title",
    "tr",
    "td",
    "charset",
    "content",
}
SAME = {
    "border-bottom": "border",
    "border-top": "border",
    "border-color": "border",
    "border-bottom-color": "border",
    "border-top-color": "border",
}


def _used() -> set[str]:
    """Everything in the mails that a page of the table could be about."""
    used = {
        "css-at-media",
        "css-at-media-prefers-color-scheme",
        "css-selector-class",
        "css-important",
        "html-doctype",
    }
    shown = issue()
    for html in (render_html(shown, with_mail_feedback(shown)), render_html(notice_issue(), MAIL_ONLY)):
        page = Page(html)
        sheets = [attrs.get("style", "") for _, attrs in page.elements] + [
            body for _, body in re.findall(r"([^{}]+)\{([^{}]*)\}", page.styles)
        ]
        for sheet in sheets:
            for declaration in filter(None, (part.strip() for part in sheet.split(";"))):
                name, _, value = (part.strip() for part in declaration.partition(":"))
                used.add(
                    "css-display-none"
                    if (name, value) == ("display", "none")
                    else f"css-{SAME.get(name, name)}"
                )
                used |= {f"css-unit-{unit}" for unit in re.findall(r"\d(px|em|rem|%|vw)", value)}
        for tag, attrs in page.elements:
            used.add("html-h1-h6" if tag in ("h1", "h2", "h3") else f"html-{tag}")
            used |= {
                f"html-{name}" for name in attrs if name in ("dir", "lang", "role", "aria-hidden", "align")
            }
            if attrs.get("href", "").startswith("mailto:"):
                used.add("html-mailto-links")
    return {name.replace("unit-%", "unit-percent") for name in used} | {"html-meta-color-scheme"}


def _unsupported(feature: dict[str, dict[str, dict[str, dict[str, str]]]]) -> list[str]:
    """The programs whose newest tested version does not know the feature."""
    return [
        f"{client} {platform}"
        for client, platforms in CLIENTS.items()
        for platform, versions in feature["stats"].get(client, {}).items()
        if (platforms is None or platform in platforms) and list(versions.values())[-1].startswith("n")
    ]


def _justified() -> set[str]:
    """What may be lacking: the names that the comment at the head of the style sheet gives reasons for."""
    comment = (templates_folder() / "mail" / "mail.css").read_text().partition("*/")[0]
    named = re.findall(r"^   - ((?:[a-z0-9-]+,\s+)*[a-z0-9-]+): \S", comment, re.MULTILINE)
    return {name for names in named for name in re.split(r",\s+", names)}


class TestMailPrograms:
    def test_nothing_is_used_that_a_program_lacks_without_a_reason(self, shared: Path) -> None:
        table = json.loads((shared / "corpora/caniemail.json").read_text())
        used = _used()
        pages = {name for name in used if name in table}
        unlisted = {name.split("-", 1)[1] for name in used - pages}
        assert len(pages) > 30
        assert unlisted <= UNLISTED | {"data"}, unlisted - UNLISTED
        lacking = {name: _unsupported(table[name]) for name in pages if _unsupported(table[name])}
        assert {name: who for name, who in lacking.items() if name not in _justified()} == {}
        # A reason that nothing needs any more is struck out.
        assert _justified() <= set(lacking)

    def test_outlook_gets_a_width_it_knows(self) -> None:
        """It knows max-width on no cell, so a comment that only it reads holds a table of 600 pixels."""
        html = render_html(issue(), MAIL_ONLY)
        assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 2
        assert 'width="600"' in html

    def test_no_margin_is_negative(self) -> None:
        """Gmail drops those."""
        assert not re.search(r"margin[^;\"]*:[^;\"]*-\d", render_html(issue(), MAIL_ONLY))


def test_sections_follow_the_issue_even_where_its_order_is_its_own() -> None:
    """The renderer orders nothing: what is frozen is shown."""
    shown = issue([item(paper(1), Section.RISING), item(paper(2), Section.FOLLOWING)])
    assert Page(render_html(shown, MAIL_ONLY)).texts["h2"] == ["Rising", "Following"]


@pytest.mark.parametrize("section", list(Section))
def test_every_section_has_its_heading_in_both_parts(section: Section) -> None:
    shown = issue([item(paper(1), section)])
    assert Page(render_html(shown, MAIL_ONLY)).texts["h2"] == [section.value]
    assert f"\n{section.value.upper()}\n{'-' * len(section.value)}\n" in render_text(shown, MAIL_ONLY)
