"""Texts of different sources: alike enough to be one paper, or not; counted on real pages too."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bench import identity as bench
from digest.identity import Found, StoredPaper, recognise
from digest.identity.likely import likely_pairs
from digest.identity.likeness import likeness
from digest.identity.texts import words_of
from digest.text import fingerprint
from digest.types import Entry

TITLE = "Boiling Water in Kettles: An Empirical Study of Whistling"
SENTENCES = (
    "Kettles whistle whenever water starts boiling, although nobody understands which vibrations produce it.",
    "We record seventeen kettles across several kitchens, measuring temperature, pressure and loudness.",
    "Our analysis reveals that spouts with narrow openings whistle earlier, whereas wide ones remain silent.",
    "A simple acoustic description predicts the whistle within two percent of 1,920×1,080 measurements.",
    "Code, recordings and detailed instructions for repeating every experiment are available for free.",
    "Finally, historical examples demonstrate that copper vessels from earlier centuries sounded deeper.",
    "Future investigations should consider altitude, because boiling temperature falls with air pressure.",
)
ABSTRACT = " ".join(SENTENCES)


def same(title: str = TITLE, abstract: str = ABSTRACT) -> tuple[str, float] | None:
    """How a text is held against the one above."""
    return likeness(words_of(title, abstract), words_of(TITLE, ABSTRACT))


@pytest.mark.parametrize(
    ("title", "abstract"),
    [
        (TITLE.replace(": ", ":"), ABSTRACT),
        (f"{TITLE} {TITLE}", ABSTRACT),
        (TITLE.upper(), ABSTRACT.replace("-", "–")),
        ("texttt{B}oiling Water in textbf{K}ettles: An Empirical Study of Whistling", ABSTRACT),
        (TITLE, ABSTRACT.replace("1,920×1,080", "1920times1080")),
        (TITLE, ABSTRACT.replace("seventeen", "eighteen")),
    ],
)
def test_trap_mangled_latex_and_titles_are_the_same_text(title: str, abstract: str) -> None:
    reason, sure = same(title, abstract) or ("", 0)
    assert reason == "same title and abstract"
    assert 0.9 < sure <= 1


def test_an_abstract_under_a_journals_title_is_the_same_paper() -> None:
    assert same("An empirical study of whistling kettles boiling water") is not None


def test_an_abstract_that_is_cut_off_is_the_same_text_and_less_sure() -> None:
    reason, sure = same(abstract=ABSTRACT[:500] + "…") or ("", 1)
    assert reason == "same title and abstract"
    assert sure < 0.97


@pytest.mark.parametrize(
    ("title", "abstract"),
    [
        (TITLE, ""),
        (TITLE, "Kettles whistle whenever water starts boiling."),
        (TITLE, " ".join(reversed(SENTENCES))),
        (
            TITLE,
            ABSTRACT.replace("seventeen kettles", "forty teapots")
            .replace("narrow", "curved")
            .replace("earlier", "later"),
        ),
        (TITLE + " II", ABSTRACT),
        ("Whistling 2", ABSTRACT),
        ("Prize Winners of This Year", ABSTRACT),
    ],
)
def test_other_texts_are_not(title: str, abstract: str) -> None:
    """No abstract, too short a one, another one, a few words of it, another part, another title."""
    assert same(title, abstract) is None


def test_two_papers_of_one_title_stay_two_across_sources(shared: Path) -> None:
    """Fully Convolutional Networks for Semantic Segmentation: their abstracts differ in a few words."""
    both = [
        text for text in bench.real_texts(shared) if text[0].startswith("Fully Convolutional Networks for S")
    ]
    assert len(both) == 2
    assert likely_pairs(both[:1], both[1:]) == []
    assert likeness(words_of(*both[0]), words_of(*both[1])) is None


def test_of_all_real_pages_no_two_papers_are_joined_and_mangled_ones_are(shared: Path) -> None:
    """Counted: no wrong join among half a million pairs, and most of the right ones however mangled."""
    texts = bench.real_texts(shared)
    assert len(texts) > 1000
    assert bench.wrong_joins(texts) == []
    shares = {name: right / of for name, right, of in bench.joins(texts[::4])}
    assert min(shares.values()) > 0.85, shares
    assert shares["abstract cut off"] > 0.99
    assert shares["typeset"] == 1


# --- among entries and stored papers ---------------------------------------------------------------


def stored(paper_id: int = 7, title: str = TITLE, abstract: str = ABSTRACT, **given: object) -> StoredPaper:
    """A stored paper of another source, unless told otherwise."""
    fields = {"title": title, "abstract": abstract}
    values = {"arxiv_id": None, "doi": None, "source_ref": None, "fingerprint": fingerprint(title, abstract)}
    return StoredPaper(paper_id=paper_id, fields=fields, **(values | given))  # type: ignore[arg-type]


ENTRY = Entry(
    "Boiling Water in Kettles:An Empirical Study of Whistling",
    1,
    ABSTRACT.replace("1,920×1,080", "1920times1080"),
)


def test_a_join_by_text_tells_how_sure_it_is() -> None:
    (answer,) = recognise([ENTRY], [stored()]).answers
    assert isinstance(answer, Found)
    assert answer.reason == f"same title and abstract ({answer.confidence:.2f})"
    assert 0.95 < answer.confidence < 1


def test_texts_that_are_merely_alike_join_nothing_within_one_source() -> None:
    day = date(2026, 3, 9)
    assert recognise([ENTRY], [stored(listed={day: (None, None, None)})]).answers == (None,)


def test_texts_that_are_merely_alike_join_nothing_within_one_page() -> None:
    other = Entry(TITLE, 2, ABSTRACT)
    assert recognise([ENTRY, other], []).answers == (None, None)
    answers = recognise([ENTRY, other], [stored()]).answers
    assert [isinstance(one, Found) for one in answers] == [False, True]


def test_alike_texts_with_ids_that_differ_are_two_papers() -> None:
    assert recognise([replace(ENTRY, doi="10.1/b")], [stored(doi="10.1/a")]).answers == (None,)
    assert recognise([replace(ENTRY, doi="10.1/b")], [stored(arxiv_id="1")]).answers != (None,)


def test_the_most_alike_paper_is_meant() -> None:
    """And each stored paper is given once."""
    near = stored(3, abstract=ABSTRACT.replace("seventeen", "eighteen"))
    (answer,) = recognise([ENTRY], [near, stored(7)]).answers
    assert isinstance(answer, Found)
    assert answer.paper_id == 7


def test_what_was_told_apart_does_not_come_back_by_an_alike_text() -> None:
    apart = stored(
        9, "Another Title", "Short.", listed={date(2026, 3, 9): (None, None, None)}, split_from=frozenset({7})
    )
    assert recognise([ENTRY], [stored(split_from=frozenset({9})), apart]).answers == (None,)
