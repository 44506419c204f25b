"""Search for the web: words, authors, ids, filters, papers like one, and the marked words."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.pipeline.browsing import Browser, SearchPage, SearchQuery
from digest.pipeline.browsing.marking import Words, excerpt_of, mark_words
from digest.pipeline.browsing.searching import MOST, NEWEST
from digest.storage.database import Database
from tests.storage_rows import DAY, NOW, TODAY, add_papers, add_source, make_entry

pytest_plugins = ("tests.storage_fixtures",)

PAPERS = (
    {
        "title": "Dense Retrieval of Passages",
        "abstract": "We train two encoders for retrieval.",
        "authors": ("Ada Example", "Bo Müster"),
        "categories": ("cs.IR",),
        "code_url": "https://github.com/example/dense",
        "published_on": TODAY - 100 * DAY,
    },
    {
        "title": "Segmenting Point Clouds",
        "abstract": "A decoder, with dense retrieval as a task.",
        "authors": ("Cy Sample",),
        "categories": ("cs.CV", "cs.IR"),
    },
    {"title": "Example-Based Translation", "abstract": "Examples, by nobody.", "authors": ("Dee Person",)},
    {"title": "基于注意力机制的三维分割", "abstract": "我们提出一种方法。", "authors": ()},
    {"title": "Late Passages", "abstract": "Of clouds.", "authors": ("Ada Person",), "categories": ("cs.I",)},
)
ENTRIES = [make_entry(number, **one) for number, one in enumerate(PAPERS, start=1)]


def fill(database: Database) -> list[int]:
    with database.write() as s:
        source, other = add_source(s), add_source(s, "ax", "arxiv")
        return add_papers(s, ENTRIES[:3], source_id=source) + add_papers(s, ENTRIES[3:], source_id=other)


def search(database: Database, text: str = "", **given: object) -> SearchPage:
    return Browser(database).search(SearchQuery(text, **given), NOW)  # type: ignore[arg-type]


def found(database: Database, text: str = "", **given: object) -> list[int]:
    """Which of the papers, counted from 1, in order."""
    numbers = {paper_id: number for number, paper_id in enumerate(fill(database), start=1)}
    return [numbers[paper_id] for paper_id in search(database, text, **given).found.ids]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dense retrieval", [1, 2]),  # titles first
        ("retriev", [1, 2]),  # the last word only begun
        ("author:ada", [5, 1]),
        ("author:Muster", [1]),  # accents aside
        ('author:"ada example"', [1]),
        ("author:ada passages", [1, 5]),
        ("author:nobody", []),  # an author, not the abstract's word
        ("example", [3, 1]),  # in title, abstract and authors alike
        ("2608.00002", [2]),
        ("https://arxiv.org/abs/2608.00003v2", [3]),
        ("注意力", [4]),
        ("passages zzzz", [5, 1]),  # no paper has both, so those that have some
        ("zzzz", []),
        ("author:", []),
        ('author:"', []),
        ("?!", []),
    ],
)
def test_a_search_finds(database: Database, text: str, expected: list[int]) -> None:
    assert sorted(found(database, text)) == sorted(expected)


def test_titles_count_most(database: Database) -> None:
    assert found(database, "dense retrieval") == [1, 2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"category": "cs.IR"}, [1, 2]),
        ({"category": "cs.I"}, [5]),  # the whole of it, not its beginning
        ({"category": "cs._R"}, []),  # no pattern
        ({"category": 'cs.IR", "'}, []),
        ({"source": "ax"}, [4, 5]),
        ({"has_code": True}, [1]),
        ({"until": TODAY - 50 * DAY}, [1]),  # published
        ({"since": TODAY}, [2, 3, 4, 5]),  # else first seen
        ({"since": TODAY + DAY}, []),
        ({"source": "nobody"}, []),  # nothing is filtered then, and nothing was asked for
    ],
)
def test_filters_alone_list_what_is_newest(
    database: Database, given: dict[str, object], expected: list[int]
) -> None:
    assert sorted(found(database, **given)) == expected


def test_filters_narrow_a_search(database: Database) -> None:
    assert found(database, "dense", category="cs.CV") == [2]


def test_an_exact_id_is_found_alone_and_said_to_be(database: Database) -> None:
    fill(database)
    page = search(database, "arXiv:2608.00001")
    assert page.found.is_exact
    assert page.total == 1
    assert not search(database, "dense").found.is_exact


def test_what_was_understood_otherwise_is_said(database: Database) -> None:
    fill(database)
    assert search(database, "passages zzzz").found.notes == (
        "No paper holds all of these words; these hold some.",
    )
    assert search(database, "dense", source="nobody").found.notes == (
        "There is no such source; all are searched.",
    )


def test_of_very_many_the_count_is_capped_and_titles_are_not_lost(database: Database) -> None:
    """The newest are put in order, and whatever has the words in its title, however old."""
    with database.write() as s:
        old = add_papers(s, [make_entry(1, title="Common Things", abstract="x")])[0]
        many = [make_entry(n, title=f"Paper {n}", abstract="common") for n in range(2, NEWEST + 10)]
        add_papers(s, many)
    page = search(database, "common")
    assert page.total == MOST
    assert page.found.has_more
    assert page.found.ids[0] == old


# --- more like this --------------------------------------------------------------------------------


def fill_like(database: Database) -> list[int]:
    texts = [
        ("Sparse Attention for Protein Folding", "Attention over residues folds proteins."),
        ("Weather Maps", "We look at clouds and rain over many years."),
        ("Folding Proteins With Sparse Residues", "Protein residues and attention."),
        ("Protein Databases", "A list of what is known."),
    ]
    entries = [
        make_entry(n, title=title, abstract=abstract, code_url="https://github.com/a/b" if n == 3 else None)
        for n, (title, abstract) in enumerate(texts, start=1)
    ]
    with database.write() as s:
        return add_papers(s, entries)


def test_papers_like_one_share_its_words_the_nearest_first_and_not_itself(database: Database) -> None:
    one, _, near, far = fill_like(database)
    page = search(database, like=one)
    assert page.found.ids == (near, far)
    assert page.like is not None
    assert page.like.paper_id == one


def test_filters_narrow_what_is_like_a_paper(database: Database) -> None:
    one, _, near, _ = fill_like(database)
    assert search(database, like=one, has_code=True).found.ids == (near,)


def test_like_nothing_there_is_nothing(database: Database) -> None:
    fill_like(database)
    assert search(database, like=99999).found.ids == ()
    with database.write() as s:
        empty = add_papers(s, [make_entry(50, title="的", abstract="")])[0]
    assert search(database, like=empty).found.ids == ()


# --- marked words ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("Dense retrievers retrieve; retrieval!", ["retrieving"], ["retrievers", "retrieve", "retrieval"]),
        ("A naïve idea", ["naive"], ["naïve"]),
        ("GPT-4 and GPT", ["gpt"], ["GPT", "GPT"]),
        ("as a cat", ["a"], ["a"]),
        ("nothing", ["zzz"], []),
    ],
)
def test_words_are_marked_whatever_their_endings(text: str, words: list[str], marked: list[str]) -> None:
    assert [piece for piece, hit in mark_words(text, Words(words)) if hit] == marked


def test_the_last_word_marks_what_it_begins() -> None:
    assert mark_words("graphene", Words(["graph"], beginning=True)) == (("graphene", True),)
    assert mark_words("graphene", Words(["graph"])) == (("graphene", False),)


@given(text=st.text(max_size=900), words=st.lists(st.text(max_size=8), max_size=5), beginning=st.booleans())
def test_pieces_are_the_text(text: str, words: list[str], beginning: bool) -> None:
    """Nothing is lost or added by marking, and an excerpt is a part of the text."""
    wanted = Words(words, beginning=beginning)
    assert "".join(piece for piece, _ in mark_words(text, wanted)) == text
    shown = "".join(piece for piece, _ in excerpt_of(text, wanted, length=120))
    assert shown.removeprefix("… ").removesuffix(" …").strip() in text
    assert len(shown) <= 130


def test_an_excerpt_shows_where_the_words_are() -> None:
    text = "word " * 200 + "the rare needle stands here " + "word " * 200
    assert "needle" in "".join(piece for piece, _ in excerpt_of(text, Words(["needle"])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(text=st.text(max_size=60) | st.text("\"'*:^()-+~&|!<>\\%_#\0\ud800 author", max_size=30))
def test_any_text_may_be_asked(database: Database, text: str) -> None:
    search(database, text)


def test_hostile_strings_are_queries(database: Database, shared: object) -> None:
    import json

    fill(database)
    browser = Browser(database)
    for text in json.loads((shared / "corpora" / "blns.json").read_text("utf-8")):  # type: ignore[operator]
        browser.search(SearchQuery(text), NOW)
        browser.resolve(text)
