"""Text is compared and cut; ids, counts, days and addresses are read out of it."""

import time
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.text import (
    fingerprint,
    normalise,
    paper_url,
    parse_arxiv_id,
    parse_count,
    parse_day,
    parse_doi,
    pdf_url,
    safe_url,
    truncate,
)
from tests.hostile_text import hostile_text

MEGABYTE = 1_000_000


def test_reading_and_cutting_take_linear_time() -> None:
    """A megabyte where an id, a day or a count is expected is answered at once."""
    start = time.process_time()
    for piece in ("10.1234/", "arxiv:", "1,", " ", "a.", "https://", "Mar ", "🎉"):
        text = piece * (MEGABYTE // len(piece))
        for function in (parse_arxiv_id, parse_doi, parse_count, safe_url):
            function(text)
        parse_day(text, not_after=date(2030, 1, 1))
        truncate(text, MEGABYTE // 2)
    assert time.process_time() - start < 2


# --- comparing -----------------------------------------------------------------------------------


def test_normalise_keeps_letters_and_digits_of_any_script() -> None:
    """Case, accents, width and punctuation do not matter; letters do."""
    assert normalise("  Éxample:  the ＦＵＬＬ-width_Straße² ") == "example the full width strasse2"
    assert normalise("数据 и данные") == "数据 и данные"
    assert normalise("–!?") == ""


@given(hostile_text)
def test_normalise_is_idempotent(text: str) -> None:
    """The normal form of a normal form is itself."""
    once = normalise(text)
    assert normalise(once) == once


def test_fingerprint_separates_title_from_abstract() -> None:
    """32 hex digits; equal for the same words, different where the words are divided differently."""
    assert fingerprint("A Title", "An abstract.") == fingerprint("a  title", "An abstract")
    assert fingerprint("a b", "c") != fingerprint("a", "b c")
    assert len(fingerprint("", "")) == 32
    assert int(fingerprint("\ud800", ""), 16) >= 0


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arXiv:2401.00001v2", "2401.00001"),
        ("2401.00001", "2401.00001"),
        (" 0704.0001v1 ", "0704.0001"),
        ("https://arxiv.org/abs/2401.00001v3?context=cs", "2401.00001"),
        ("http://export.arxiv.org/pdf/2401.00001.pdf", "2401.00001"),
        ("https://huggingface.co/papers/2604.07429#community", "2604.07429"),
        ("https://doi.org/10.48550/arXiv.2401.00001", "2401.00001"),
        ("hep-th/9901001", "hep-th/9901001"),
        ("arXiv:math.GT/0309136v1", "math/0309136"),
        ("https://arxiv.org/abs/cond-mat/0001001", "cond-mat/0001001"),
        ("2413.00001", None),
        ("2401.000011", None),
        ("2401.1234567", None),
        ("version 2401.00001 of the tool", None),
        ("http://arxiv.org/api/errors#incorrect_id_format_for_x", None),
        ("", None),
    ],
)
def test_parse_arxiv_id(text: str, expected: str | None) -> None:
    """New and old ids, bare or in addresses, without version; other numbers are none."""
    assert parse_arxiv_id(text) == expected


# Cut at its bracket it would be the same for all papers of an issue.
SICI = "10.1002/(sici)1097(1998)17:15<1661::aid-x8>3.0.co;2-2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://doi.org/10.1000/ABC.1", "10.1000/abc.1"),
        ("doi:10.1000/xyz(1), and more", "10.1000/xyz(1)"),
        ("(see 10.1000/xyz).", "10.1000/xyz"),
        ("https://doi.org/10.1000%2Fabc?x=1#top", "10.1000/abc"),
        ("10.1002/(SICI)1097(1998)17:15<1661::AID-X8>3.0.CO;2-2.", SICI),
        ("https://doi.org/10.1002/(SICI)1097(1998)17:15%3C1661::AID-X8%3E3.0.CO;2-2", SICI),
        ("10.1002/(SICI)1097(1998)17:15&lt;1661::AID-X8&gt;3.0.CO;2-2", SICI),
        ("<a>10.1000/abc<br>5 pages</a>", "10.1000/abc"),
        ("<https://doi.org/10.1000/abc>, 2.0", "10.1000/abc"),
        ("10.1000/", None),
        ("110.1000/x", None),
        ("10.12/x", None),
        ("10.1000/.", None),
        ("", None),
    ],
)
def test_parse_doi(text: str, expected: str | None) -> None:
    """Lower case, without what ends a sentence or an address."""
    assert parse_doi(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90.1k", 90_100), ("1,234", 1234), (" 12 ", 12), ("2.5M", 2_500_000), ("0", 0), ("1.2b", 1_200_000_000),
     ("-1", None), ("", None), ("-", None), ("1,23", None), ("k", None), ("٣", None),
     ("1e9", None), ("9" * 30, None)],
)  # fmt: skip
def test_parse_count(text: str, expected: int | None) -> None:
    """Counts as sites shorten them; what is no count is not zero."""
    assert parse_count(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mar 11", date(2026, 3, 11)),
        ("Mar 12", date(2025, 3, 12)),
        ("Dec. 31", date(2025, 12, 31)),
        ("March 11, 2027", date(2027, 3, 11)),
        ("11 Sept 2020", date(2020, 9, 11)),
        ("2nd of May", None),
        ("2nd May", date(2025, 5, 2)),
        ("2026-03-11", date(2026, 3, 11)),
        ("2026-03-11T08:00:00.000Z", date(2026, 3, 11)),
        ("Feb 29", date(2024, 2, 29)),
        ("Feb 30", None),
        ("2026-13-01", None),
        ("Marsh 1", None),
        ("", None),
    ],
)
def test_parse_day(text: str, expected: date | None) -> None:
    """A day without a year is the latest such day that is not in the future."""
    assert parse_day(text, not_after=date(2026, 3, 11)) == expected


@given(st.dates(date(1900, 1, 1)), st.dates(date(1900, 1, 1)))
def test_a_day_without_year_is_never_after_the_bound(day: date, bound: date) -> None:
    """It has the month and day asked for, and lies within nine years before the bound."""
    found = parse_day(f"{day:%b} {day.day}", not_after=bound)
    assert found is not None
    assert (found.month, found.day) == (day.month, day.day)
    assert found <= bound
    assert (bound - found).days < 366 * 9


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://example.org/a_b%20c?x=1#y", "http://example.org:8080/", "https://exämple.org/é"]
)
def test_safe_url_keeps_web_addresses(url: str) -> None:
    """Ordinary addresses come back as they were, white space around them forgiven."""
    assert safe_url(f" {url}\n") == url


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "ftp://example.org/", "//example.org/x", "/x", "https://", "https:///x",
     "https://ada@example.org/", "https://ada:pw@example.org/", "https://example.org/a b", "https://exam\tple.org/",
     "https://example.org\\@evil.example/", "https://example.org/\x00", "https://example.org/\u202e", "https://[::1",
     "https://example.org:99999/", 'https://example.org/"onload=x', "https://example.org/<b>", "",
     "https://a%2eb/",
     "https://example.org/" + "a" * 2000, "https://example.org/\ud800", None, 7, b"https://example.org/"],
)  # fmt: skip
def test_safe_url_refuses_the_rest(url: object) -> None:
    """Other schemes, user names, controls, quotes and over-long addresses are no addresses."""
    assert safe_url(url) is None


@given(hostile_text)
def test_safe_url_is_idempotent(text: str) -> None:
    """What is accepted is accepted again, unchanged."""
    url = safe_url("https://example.org/" + text)
    assert url is None or safe_url(url) == url


def test_paper_url_prefers_arxiv_then_doi_then_a_search() -> None:
    """The address is built from ids, never copied, and quoted."""
    assert paper_url("2401.00001", "10.1000/x", "T") == "https://arxiv.org/abs/2401.00001"
    assert paper_url(None, "10.1000/a<b>#c", "T") == "https://doi.org/10.1000/a%3Cb%3E%23c"
    searched = urlsplit(paper_url(None, None, 'A & B: "C" é'))
    assert searched.netloc == "scholar.google.com"
    assert parse_qs(searched.query) == {"q": ['"A & B:  C  é"']}
    assert pdf_url("2401.00001") == "https://arxiv.org/pdf/2401.00001"
    assert pdf_url(None) is None


# --- truncating ----------------------------------------------------------------------------------


def test_truncate_ends_at_a_word() -> None:
    """A cut text ends with a whole word and an ellipsis; a short one is itself."""
    assert truncate("one two three", 13) == "one two three"
    assert truncate("one two three", 12) == "one two…"
    assert truncate("one two, three", 9) == "one two…"
    assert truncate("one two three", 8) == "one two…"
    assert truncate("数" * 20, 5) == "数" * 4 + "…"
    assert truncate("anything", 0) == ""


@given(st.text(), st.integers(0, 50))
def test_truncate_respects_its_limit(text: str, limit: int) -> None:
    """Never longer than asked for, and always a beginning of the text."""
    cut = truncate(text, limit)
    assert len(cut) <= limit or cut == text
    assert text.startswith(cut.removesuffix("…").rstrip()) or cut == text
