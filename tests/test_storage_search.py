"""Full-text search: what is found, in which order, and that any text may be asked."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.storage import papers
from digest.storage.database import Database
from tests.storage_rows import DAY, NOW, add_papers, make_entry

pytest_plugins = ("tests.storage_fixtures",)

PAPERS = (
    {
        "title": "Dense Retrieval of Passages",
        "abstract": "We train two encoders.",
        "authors": ("Ada Example",),
    },
    {
        "title": "Segmenting Point Clouds",
        "abstract": "A naïve encoder/decoder, with dense retrieval as a task.",
    },
    {
        "title": "A Survey of GPT-4 Prompts",
        "abstract": "Prompts, and who wrote them.",
        "authors": ("Zoë Müster",),
    },
    {"title": "Größe und Ordnung", "abstract": "Über die Größe.", "doi": "10.1000/abc"},
    {"title": "基于注意力机制的三维分割", "abstract": "我们提出一种方法。", "authors": ()},
)
ENTRIES = [make_entry(n, **({"authors": ()} | one)) for n, one in enumerate(PAPERS, start=1)]


def found(database: Database, query: str, limit: int = 20) -> list[int]:
    """Which of the papers, counted from 1, in order."""
    with database.write() as s:
        if papers.count_papers(s) == 0:
            add_papers(s, ENTRIES)
        numbers = {one["title"]: n for n, one in enumerate(PAPERS, start=1)}
        return [numbers[paper.title] for paper in papers.search_papers(s, query, limit=limit)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("retrieval", [1, 2]),  # the title counts more than the abstract
        ("dense retrieval", [1, 2]),
        ("retrieving passage", [1]),  # word endings aside
        ("retriev", [1, 2]),  # the last word may be only begun
        ("retrieva", [1, 2]),  # also where the index holds a shorter stem
        ("retri encoders", [1]),  # else any may be part of a word
        ("example", [1]),  # authors
        ("zoe muster", [3]),  # accents aside
        ("naive", [2]),
        ("NAÏVE", [2]),
        ("decoder", [2]),  # punctuation parts words
        ("gpt 4", [3]),
        ("GPT-4", [3]),
        ('"gpt" NEAR (4, :*', []),  # no language of its own: near is a word
        ("größe", [4]),
        ("10.1000/ABC", [4]),
        ("arXiv:2608.00002", [2]),
        ("https://arxiv.org/abs/2608.00003v2", [3]),
        ("2608.99999", []),
        ("注意力", [5]),  # inside of a word, where none begins so
        ("dense clouds", [2]),  # the words may stand in different fields
        ("dense nowhere", []),
        ("", []),
        ("?!* ()", []),
    ],
)
def test_a_query_finds(database: Database, query: str, expected: list[int]) -> None:
    """The papers that hold all its words, best first."""
    assert found(database, query) == expected


def test_our_own_id_is_found_with_its_sign(database: Database) -> None:
    """A bare number is a word like any other, so that "4" finds GPT-4."""
    with database.write() as s:
        ids = add_papers(s, ENTRIES)
        assert [one.id for one in papers.search_papers(s, f"#{ids[1]}")] == [ids[1]]
        assert [one.id for one in papers.search_papers(s, "4")] == [ids[2]]


def test_no_more_are_found_than_asked_for(database: Database) -> None:
    assert found(database, "retrieval", limit=1) == [1]
    assert found(database, "retrieval", limit=0) == []


def test_of_equal_matches_the_order_is_the_same_each_time(database: Database) -> None:
    """By id where nothing else tells them apart."""
    with database.write() as s:
        ids = add_papers(s, [make_entry(n, title="Same Words", abstract="Same.") for n in range(1, 6)])
        assert [one.id for one in papers.search_papers(s, "same words")] == ids


def test_words_found_inside_of_words_come_newest_first(database: Database) -> None:
    """After those that have them in the title."""
    with database.write() as s:
        old = add_papers(s, [make_entry(1, title="Hyperretrievability")], now=NOW - DAY)
        new = add_papers(s, [make_entry(2, title="Unretrievability")])
        text = add_papers(s, [make_entry(3, abstract="Preretrievability.")], now=NOW + DAY)
        assert [one.id for one in papers.search_papers(s, "retrievability")] == new + old + text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    query=st.text(st.characters(), max_size=40) | st.text("\"'*:^()-+~&|!<>\\%_#\0\ud800 aé²½ʼn", max_size=20)
)
def test_any_text_is_a_query(database: Database, query: str) -> None:
    """No text is a mistake: not quotes, operators, NUL, or lone surrogates; nor as a paper's name."""
    found(database, query)
    with database.read() as s:
        papers.find_paper(s, query)


def test_hostile_strings_are_queries(database: Database, shared: object) -> None:
    """Every string of the list of naughty strings."""
    import json

    for query in json.loads((shared / "corpora" / "blns.json").read_text("utf-8")):
        found(database, query)
        with database.read() as s:
            papers.find_paper(s, query)
