"""Saved papers as a use case: what other programs are told of a stored paper."""

from datetime import date

import pytest

from digest.pipeline.saved import clean_note, library_paper
from digest.types import Entry


def work(**given: object) -> Entry:
    return Entry(**({"title": "T", "position": 1} | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kind", "year"),
    [
        ({"arxiv_id": "1706.03762"}, "preprint", 2017),
        ({"arxiv_id": "math/0309136"}, "preprint", None),
        ({"arxiv_id": "1706.03762", "doi": "10.1/x"}, "article", 2017),
        ({"venue": "Nature", "published_on": date(2020, 1, 2)}, "article", 2020),
        ({"arxiv_id": "1706.03762", "published_on": date(2018, 1, 2)}, "preprint", 2018),
        ({}, "other", None),
    ],
)
def test_kind_and_year_go_by_what_is_known(given: dict[str, object], kind: str, year: int | None) -> None:
    paper = library_paper(work(**given))
    assert (paper.kind, paper.year) == (kind, year)


def test_a_note_is_plain_text_with_lines() -> None:
    assert clean_note(" <b>a</b>\r\n\r\n\r\n b\x07 ") == "a\n\nb"
    assert clean_note("x" * 10_000) == "x" * 4000
    assert clean_note(clean_note("a\n&amp;lt;b&amp;gt;")) == clean_note("a\n&amp;lt;b&amp;gt;")
