"""Filing what sources list, finding papers again, and what ranking and rendering read of them."""

import tracemalloc
from datetime import UTC, date, datetime, time

import pytest
from sqlmodel import Session, select

from digest.diff import SourceFacts, diff
from digest.errors import UsageError
from digest.models import ListedEntry, Observation, Paper, PaperId, PaperVersion
from digest.storage import papers
from digest.storage.database import Database
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, Sighting
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_papers,
    add_source,
    list_again,
    make_change,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

TRUST = {"arxiv": 90, "pubmed": 80, "semanticscholar": 60, "huggingface": 40, "feed": 30, "saved": 10}


def refile(
    s: Session,
    name: str,
    kind: str,
    *entries: Entry,
    day: date = TODAY,
    now: datetime = NOW,
    again: bool = False,
) -> list[Change]:
    """A page of a source as a refresh files it; ``again``: only what would be filed."""
    source_id = add_source(s, name, kind)
    known = papers.find_known(s, source_id, entries)
    changes = diff(entries, known, listed_on=day, today=day, source=SourceFacts(kind, name, TRUST))
    if not again:
        papers.apply_changes(s, source_id, changes, now, trust_of=TRUST)
    return changes


# --- filing ----------------------------------------------------------------------------------------


def test_a_new_paper_keeps_every_field(database: Database) -> None:
    """What the entry carried is stored, under the names it came with."""
    entry = make_entry(
        1,
        doi="10.1000/abc",
        source_ref="2608.00001",
        published_on=date(2026, 7, 30),
        comments=3,
        stars=90_100,
        submitter="Cy Sample",
        organisation="Example Lab",
        summary="Things are found.",
        keywords=("finding", "things"),
        categories=("cs.IR",),
        code_url="https://code.example/find",
        project_url="https://find.example",
        thumbnail_url="https://find.example/1.png",
        media_urls=("https://find.example/1.mp4",),
    )
    with database.write() as s:
        (paper_id,) = add_papers(s, [entry])
    with database.read() as s:
        paper = papers.get_paper(s, paper_id)
        listed = s.exec(select(ListedEntry)).one()
        observed = s.exec(select(Observation)).one()
    for name in ("title", "abstract", "arxiv_id", "doi", "published_on", "organisation", "summary"):
        assert getattr(paper, name) == getattr(entry, name)
    for name in ("code_url", "project_url", "thumbnail_url"):
        assert getattr(paper, name) == getattr(entry, name)
    for name in ("authors", "keywords", "categories", "media_urls"):
        assert getattr(paper, name) == list(getattr(entry, name))
    assert paper.fingerprint == fingerprint(entry.title, entry.abstract)
    assert (paper.authors_text, paper.first_seen_at, paper.updated_at) == ("Ada Example, Bo Sample", NOW, NOW)
    assert (listed.listed_on, listed.source_ref, listed.submitter) == (TODAY, "2608.00001", "Cy Sample")
    assert (listed.first_seen_at, listed.seen_at) == (NOW, NOW)
    for row in (listed, observed):
        assert (row.position, row.votes, row.comments, row.stars) == (1, 10, 3, 90_100)
    assert observed.observed_at == NOW


def test_ids_come_back_in_the_order_of_the_changes(database: Database) -> None:
    """New and known papers may alternate, and there may be more than one batch of them."""
    entries = [make_entry(number) for number in range(1, 1201)]
    with database.write() as s:
        source_id = add_source(s)
        known = add_papers(s, entries[::2], source_id=source_id)
        changes = [
            make_change(entry, paper_id=known[n // 2], kind=ChangeKind.UNCHANGED)
            if n % 2 == 0
            else make_change(entry)
            for n, entry in enumerate(entries)
        ]
        ids = papers.apply_changes(s, source_id, changes, NOW + HOUR)
        titles = {paper.id: paper.title for paper in s.exec(select(Paper))}
    assert ids[::2] == known
    assert [titles[one] for one in ids] == [entry.title for entry in entries]


def test_a_change_takes_over_only_the_fields_it_names(database: Database) -> None:
    """What an entry leaves empty stays as it was; text, fingerprint and authors follow what is stored."""
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = add_papers(s, [make_entry(1, summary="Old.", organisation="Example Lab")])
        entry = make_entry(
            1, title="A Better Title", abstract="", summary="New.", organisation=None, authors=("Di Example",)
        )
        change = make_change(
            entry,
            kind=ChangeKind.MODIFIED,
            paper_id=paper_id,
            fields=("authors", "organisation", "title", "abstract"),
        )
        papers.apply_changes(s, source_id, [change], NOW + HOUR)
    with database.read() as s:
        paper = papers.get_paper(s, paper_id)
    assert (paper.title, paper.abstract) == ("A Better Title", "We study how thing 1 is found.")
    assert (paper.summary, paper.organisation) == ("Old.", "Example Lab")
    assert (paper.authors, paper.authors_text) == (["Di Example"], "Di Example")
    assert paper.fingerprint == fingerprint(paper.title, paper.abstract)
    assert (paper.first_seen_at, paper.updated_at) == (NOW, NOW + HOUR)


def test_a_paper_listed_again_that_day_keeps_its_first_time_and_gains_an_observation(
    database: Database,
) -> None:
    """The entry shows the counts seen last; a count the page does not tell stays."""
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = add_papers(s, [make_entry(1, comments=2, stars=5)], source_id=source_id)
        list_again(
            s, paper_id, make_entry(1, votes=25, stars=6, position=4), now=NOW + HOUR, source_id=source_id
        )
    with database.read() as s:
        listed = s.exec(select(ListedEntry)).one()
        observed = s.exec(select(Observation).order_by(Observation.observed_at)).all()
        paper = papers.get_paper(s, paper_id)
    assert (listed.first_seen_at, listed.seen_at) == (NOW, NOW + HOUR)
    assert (listed.position, listed.votes, listed.comments, listed.stars) == (4, 25, 2, 6)
    assert [(one.observed_at, one.votes, one.comments) for one in observed] == [
        (NOW, 10, 2),
        (NOW + HOUR, 25, None),
    ]
    assert paper.updated_at == NOW


def test_the_same_moment_is_observed_once(database: Database) -> None:
    """A paper on two days' pages of one run has two entries and one observation."""
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = add_papers(s, [make_entry(1)], source_id=source_id)
        list_again(s, paper_id, make_entry(1), now=NOW, source_id=source_id, day=TODAY - DAY)
    with database.read() as s:
        assert {one.listed_on for one in s.exec(select(ListedEntry))} == {TODAY, TODAY - DAY}
        assert len(s.exec(select(Observation)).all()) == 1


def test_a_paper_without_ids_adopts_those_it_is_listed_with(database: Database) -> None:
    """Even where nothing else changed."""
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = add_papers(s, [make_entry(1, arxiv_id=None)])
        change = make_change(make_entry(1, doi="10.1000/abc"), kind=ChangeKind.UNCHANGED, paper_id=paper_id)
        papers.apply_changes(s, source_id, [change], NOW + HOUR)
    with database.read() as s:
        paper = papers.get_paper(s, paper_id)
    assert (paper.arxiv_id, paper.doi) == ("2608.00001", "10.1000/abc")


def test_an_id_that_another_paper_has_is_left_to_it(database: Database) -> None:
    """Two papers that claim one DOI, stored or new, are both kept; the first keeps the DOI."""
    with database.write() as s:
        source_id = add_source(s)
        first, second = add_papers(s, [make_entry(1, doi="10.1000/abc"), make_entry(2)])
        claims = make_entry(2, doi="10.1000/abc", summary="New.")
        known = make_change(claims, kind=ChangeKind.MODIFIED, paper_id=second, fields=("summary",))
        new = [make_change(make_entry(number, doi="10.1000/xyz")) for number in (3, 4)]
        _, third, fourth = papers.apply_changes(s, source_id, [known, *new], NOW + HOUR)
    with database.read() as s:
        dois = [papers.get_paper(s, one).doi for one in (first, second, third, fourth)]
    assert dois == ["10.1000/abc", None, "10.1000/xyz", None]


def test_a_count_that_no_column_holds_costs_nothing_else(database: Database) -> None:
    """A page may claim any number."""
    with database.write() as s:
        add_papers(s, [make_entry(1, votes=10**30), make_entry(2, stars=-(10**12))])
    with database.read() as s:
        assert papers.count_papers(s) == 2


def test_applying_nothing_does_nothing(database: Database) -> None:
    with database.write() as s:
        assert papers.apply_changes(s, add_source(s), [], NOW) == []


# --- what the diff asks for ------------------------------------------------------------------------


def test_a_paper_is_known_by_each_of_its_ids_and_by_its_text(database: Database) -> None:
    """arXiv id, DOI, this source's own id, and title with abstract; nothing else is looked up."""
    with database.write() as s:
        source_id = add_source(s)
        ids = add_papers(
            s,
            [
                make_entry(1),
                make_entry(2, arxiv_id=None, doi="10.1000/two"),
                make_entry(3, arxiv_id=None, source_ref="three"),
                make_entry(4, arxiv_id=None),
                make_entry(5),
            ],
            source_id=source_id,
        )
        wanted = [
            make_entry(11, arxiv_id="2608.00001"),
            make_entry(12, arxiv_id=None, doi="10.1000/two"),
            make_entry(13, arxiv_id=None, source_ref="three"),
            make_entry(4, arxiv_id=None),
            make_entry(99),
        ]
        known = papers.find_known(s, source_id, wanted)
        elsewhere = papers.find_known(s, add_source(s, "other", "saved"), wanted)
    assert [one.paper_id for one in known] == ids[:4]
    assert [one.paper_id for one in elsewhere] == [ids[0], ids[1], ids[3]]
    assert [one.source_ref for one in known] == [None, None, "three", None]


def test_a_known_paper_comes_with_what_an_entry_is_held_against(database: Database) -> None:
    """Fields as an entry has them, and the counts seen last on each day of this source only."""
    entry = make_entry(1, keywords=("finding",), submitter="Cy Sample", published_on=date(2026, 7, 30))
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = add_papers(s, [entry], source_id=source_id)
        list_again(s, paper_id, make_entry(1, votes=30), now=NOW + DAY, source_id=source_id, day=TODAY + DAY)
        other = add_source(s, "other", "saved")
        list_again(s, paper_id, make_entry(1, votes=99), now=NOW + DAY, source_id=other, day=TODAY)
    with database.read() as s:
        (known,) = papers.find_known(s, source_id, [entry])
    for name, value in known.fields.items():
        assert value == getattr(entry, name), name
    assert {"summary_by", "version", "withdrawn", "citations"} <= set(known.fields)
    assert {"title", "abstract", "authors", "keywords", "submitter", "media_urls"} <= set(known.fields)
    assert dict(known.listed) == {TODAY: (10, None, None), TODAY + DAY: (30, None, None)}
    assert known.fingerprint == fingerprint(entry.title, entry.abstract)


def test_many_entries_are_looked_up_in_batches(database: Database) -> None:
    """More than one statement can take."""
    entries = [make_entry(number) for number in range(1, 1101)]
    with database.write() as s:
        source_id = add_source(s)
        ids = add_papers(s, entries, source_id=source_id)
        assert [one.paper_id for one in papers.find_known(s, source_id, entries)] == ids
        assert papers.find_known(s, source_id, []) == []


def test_fault_of_several_ids_that_a_source_gave_only_the_last_was_known(database: Database) -> None:
    """The first stays with the entry, the others are kept beside it: each leads to the paper."""
    with database.write() as s:
        hf = add_source(s)
        page = [make_entry(1, source_ref=ref) for ref in "ab"]
        (change,) = refile(s, "hf", "huggingface", *page)
        assert change.entry.source_ref == "a"
        refile(s, "hf", "huggingface", make_entry(1, source_ref="a"))
        refile(s, "hf", "huggingface", make_entry(1, source_ref="c"))
        for ref in "abc":
            entry = make_entry(9, arxiv_id=None, source_ref=ref)
            (known,) = papers.find_known(s, hf, [entry])
            assert known.source_ref == "a"
            assert [one.kind.value for one in refile(s, "hf", "huggingface", entry, again=True)] == [
                "modified"
            ]
        assert papers.find_known(s, add_source(s, "other", "feed"), [make_entry(9, source_ref="b")]) == []
        assert papers.count_papers(s) == 1


def test_a_text_that_was_merely_alike_is_known_by_itself_next_time(database: Database) -> None:
    """Else a source without ids would make a new paper of it on the second day."""
    words = "kettles whistle whenever boiling water passes narrow openings although nobody understands "
    abstract = words + "which exact vibrations produce that sound in seventeen different kitchens"
    entry = make_entry(1, arxiv_id=None, title="Mangled times Title", abstract=abstract)
    with database.write() as s:
        refile(s, "ax", "arxiv", make_entry(1, title="Mangled × Title", abstract=abstract + " today"))
        for ahead in range(3):
            (change,) = refile(s, "saved", "saved", entry, day=TODAY + ahead * DAY)
            assert change.paper_id is not None
        versions = s.exec(select(PaperVersion)).all()
        assert [(one.title, one.text_by) for one in versions] == [(entry.title, "saved")]
        reasons = [one.joined_by for one in s.exec(select(ListedEntry).order_by(ListedEntry.id))]
        assert reasons[0] is None
        assert reasons[1].startswith("same title and abstract (0.9")
        (change,) = refile(s, "saved", "saved", entry)
        assert change.kind is ChangeKind.UNCHANGED


def test_two_sources_of_one_kind_do_not_take_turns(database: Database) -> None:
    """The one that listed the paper first may change it, the other only fills what is empty."""
    with database.write() as s:
        for _ in range(2):
            refile(s, "one", "feed", make_entry(1, title="Said by One"))
            refile(s, "two", "feed", make_entry(1, title="Said by Two", venue="A Venue"))
        (paper,) = s.exec(select(Paper)).all()
        assert (paper.title, paper.venue, paper.text_by) == ("Said by One", "A Venue", "feed")
        refile(s, "ax", "arxiv", make_entry(1, title="Said by arXiv"))
        changes = [
            *refile(s, "one", "feed", make_entry(1, title="Said by One")),
            *refile(s, "two", "feed", make_entry(1, title="Said by Two", venue="A Venue")),
        ]
        assert [one.kind for one in changes] == [ChangeKind.UNCHANGED] * 2
        assert (papers.get_paper(s, paper.id).title, paper.text_by) == ("Said by arXiv", "arxiv")


def test_texts_that_are_replaced_are_kept_as_versions(database: Database) -> None:
    """With their number; another dash is no other text, and a later number counts even with an equal text."""
    with database.write() as s:
        for version, title in (
            (1, "First Title"),
            (2, "Second Title"),
            (3, "Second–Title"),
            (2, "First Title"),
        ):
            refile(s, "ax", "arxiv", make_entry(1, title=title, version=version))
        (paper,) = s.exec(select(Paper)).all()
        assert (paper.title, paper.version) == ("Second Title", 3)
        versions = s.exec(select(PaperVersion)).all()
        assert [(one.version, one.title, one.text_by) for one in versions] == [(1, "First Title", "arxiv")]


def test_a_replacement_updates_without_being_listed(database: Database) -> None:
    """It leaves neither entry nor observation, and no paper where none is stored."""
    with database.write() as s:
        refile(s, "hf", "huggingface", make_entry(1))
        silent = make_entry(
            1, title="A Better Title", votes=99, doi="10.1000/one", version=2, announces=False
        )
        unknown = make_entry(2, announces=False)
        (change,) = refile(s, "ax", "arxiv", silent, unknown, day=TODAY + DAY)
        assert change.fields == ("doi", "text_by", "title", "version")
        (paper,) = s.exec(select(Paper)).all()
        assert (paper.title, paper.doi, paper.text_by) == ("A Better Title", "10.1000/one", "arxiv")
        assert len(s.exec(select(ListedEntry)).all()) == len(s.exec(select(Observation)).all()) == 1
        (change,) = refile(s, "ax", "arxiv", silent, day=TODAY + DAY)
        assert change.kind is ChangeKind.UNCHANGED


def test_withdrawn_papers_leave_digests(database: Database) -> None:
    """Once and for good, unless a later version is not withdrawn."""
    with database.write() as s:
        refile(s, "ax", "arxiv", make_entry(1, version=1), make_entry(2))
        for ahead in (1, 2):
            refile(s, "ax", "arxiv", make_entry(1, version=2, withdrawn=True), now=NOW + ahead * DAY)
        (paper,) = s.exec(select(Paper).where(Paper.arxiv_id == "2608.00001")).all()
        assert paper.withdrawn_at == NOW + DAY
        span = {"first_day": TODAY, "last_day": TODAY}
        assert [one.paper_id for one in papers.list_candidates(s, **span)] != [paper.id]
        assert len(papers.list_candidates(s, **span)) == 1
        refile(s, "feed", "feed", make_entry(1, version=3), now=NOW + 3 * DAY)
        assert paper.withdrawn_at is not None
        refile(s, "ax", "arxiv", make_entry(1, version=4), now=NOW + 3 * DAY)
        assert paper.withdrawn_at is None
        assert len(papers.list_candidates(s, **span)) == 2


def test_the_rest_of_what_sources_tell_is_stored(database: Database) -> None:
    """An address of its own is shown only where no id leads to a page."""
    with database.write() as s:
        entry = make_entry(
            1,
            arxiv_id=None,
            url="https://journal.example/1",
            venue="A Journal",
            citations=7,
            version=2,
            summary="By a model.",
            summary_by="machine:tiny",
            other_ids=(("pmid", "314"), ("PMCID", "PMC1")),
        )
        refile(s, "pm", "pubmed", entry)
        (paper,) = s.exec(select(Paper)).all()
        assert (paper.venue, paper.citations, paper.version) == ("A Journal", 7, 2)
        assert (paper.summary_by, paper.text_by) == ("machine:tiny", "pubmed")
        assert papers.find_paper(s, "pmcid:PMC1").id == papers.find_paper(s, "PMID: 314").id == paper.id
        assert papers.get_views(s, [paper.id], until=NOW)[paper.id].url == "https://journal.example/1"
        refile(s, "hf", "huggingface", make_entry(1, other_ids=(("pmid", "314"),), summary="Own."))
        assert (paper.summary, paper.summary_by) == ("Own.", None)
        assert papers.get_views(s, [paper.id], until=NOW)[paper.id].url == "https://arxiv.org/abs/2608.00001"
        assert papers.find_paper(s, "10.48550/arXiv.2608.00001").id == paper.id


def test_an_entrys_doi_of_arxivs_own_is_stored_as_the_arxiv_id(database: Database) -> None:
    with database.write() as s:
        refile(s, "s2", "semanticscholar", make_entry(1, arxiv_id=None, doi="10.48550/arXiv.2608.00001"))
        (paper,) = s.exec(select(Paper)).all()
        assert (paper.arxiv_id, paper.doi) == ("2608.00001", None)
        (change,) = refile(s, "ax", "arxiv", make_entry(1))
        assert (change.paper_id, change.joined_by) == (paper.id, "same arXiv id")


def test_a_source_cannot_tell_what_papers_are_looked_up_by(database: Database) -> None:
    """Ids under the kinds that storage keeps for itself are left out."""
    with database.write() as s:
        told = (("text", "x"), ("ref", "x"), ("ref:1", "x"), ("", "x"), ("pmid", ""))
        refile(s, "feed", "feed", make_entry(1, other_ids=told))
        assert s.exec(select(PaperId)).all() == []


# --- finding and listing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "#1",
        "1",
        "2608.00001",
        "arXiv:2608.00001v3",
        "https://arxiv.org/abs/2608.00001",
        "10.1000/ABC",
        "https://doi.org/10.1000/abc",
        "finding  THING 1 in long documents!",
        "Finding Thing 1 in Long Documents",
    ],
)
def test_a_paper_is_found_by_its_ids_and_by_its_title(database: Database, text: str) -> None:
    """However a person writes them."""
    with database.write() as s:
        ids = add_papers(s, [make_entry(1, doi="10.1000/abc"), make_entry(2)])
        assert papers.find_paper(s, text.replace("1", str(ids[0])) if len(text) < 3 else text).id == ids[0]


@pytest.mark.parametrize(
    "title",
    [
        "∇²DFT: A Naïve Dataset",
        "Größe matters",
        "What Is This?",
        "GPT-4.1 / o3 vs. encoder/decoder",
        "A",
        "注意力机制",
    ],
)
def test_a_title_is_found_whatever_letters_it_has(database: Database, title: str) -> None:
    """As it stands, and in capitals where there are any."""
    with database.write() as s:
        (paper_id, *_) = add_papers(
            s, [make_entry(1, title=title), make_entry(2, title="A A B"), make_entry(3)]
        )
        assert papers.find_paper(s, title).id == paper_id
        assert papers.find_paper(s, title.upper()).id == paper_id


def test_part_of_a_title_is_no_title(database: Database) -> None:
    """Nor is a word more than it, an id that no paper has, or nothing at all."""
    with database.write() as s:
        add_papers(s, [make_entry(1)])
        for text in (
            "Finding Thing 1",
            "Finding Thing 1 in Long Documents Again",
            "#77",
            "2608.99999",
            "",
            "?!",
            "\0",
        ):
            assert papers.find_paper(s, text) is None
        assert papers.find_paper(s, "9" * 40) is None


def test_a_title_of_two_papers_is_asked_back(database: Database) -> None:
    """Two different works may share a title; the message names them."""
    with database.write() as s:
        ids = add_papers(s, [make_entry(n, title="Fully Convolutional Things") for n in (1, 2)])
        with pytest.raises(UsageError, match=f"#{ids[0]}, #{ids[1]}"):
            papers.find_paper(s, "Fully convolutional things")


def test_papers_are_listed_newest_first(database: Database) -> None:
    """By when they were first seen, then by id; as many as asked for, and from a day on."""
    with database.write() as s:
        old = add_papers(s, [make_entry(1), make_entry(2)], now=NOW - DAY)
        new = add_papers(s, [make_entry(3), make_entry(4)])
        midnight = add_papers(s, [make_entry(5)], now=datetime.combine(TODAY, time.min, UTC))
    newest = [new[1], new[0], midnight[0], old[1], old[0]]
    with database.read() as s:
        assert [one.id for one in papers.list_papers(s, limit=10)] == newest
        assert [one.id for one in papers.list_papers(s, limit=4)] == newest[:4]
        assert [one.id for one in papers.list_papers(s, limit=10, since=TODAY)] == newest[:3]
        assert papers.list_papers(s, limit=0) == []
        assert papers.count_papers(s) == 5


# --- what ranking and rendering read ---------------------------------------------------------------


def test_votes_are_those_seen_last_by_the_source_with_most(database: Database) -> None:
    """Times that told no votes do not count; papers that never had any are left out."""
    with database.write() as s:
        hf, other = add_source(s), add_source(s, "other", "saved")
        one, two = add_papers(s, [make_entry(1, votes=50), make_entry(2, votes=None)], source_id=hf)
        list_again(s, one, make_entry(1, votes=40), now=NOW + HOUR, source_id=hf)
        list_again(s, one, make_entry(1, votes=None), now=NOW + 2 * HOUR, source_id=hf)
        list_again(s, one, make_entry(1, votes=45), now=NOW + HOUR, source_id=other)
    with database.read() as s:
        assert papers.latest_votes(s, [one, two]) == {one: 45}
        assert papers.latest_votes(s, [one, two], until=NOW) == {one: 50}
        assert papers.latest_votes(s, [one, two], until=NOW - HOUR) == {}
        assert papers.latest_votes(s, []) == {}


def test_candidates_are_the_papers_listed_in_the_span(database: Database) -> None:
    """Both ends count; the last day of the span that lists a paper is its day."""
    with database.write() as s:
        hf = add_source(s)
        before, one, two = (
            *add_papers(s, [make_entry(1)], source_id=hf, day=TODAY - 3 * DAY),
            *add_papers(
                s, [make_entry(2, categories=("cs.IR",), keywords=("k",))], source_id=hf, day=TODAY - 2 * DAY
            ),
            *add_papers(s, [make_entry(3)], source_id=hf, day=TODAY),
        )
        list_again(s, one, make_entry(2), now=NOW, source_id=hf, day=TODAY - DAY)
        list_again(s, one, make_entry(2), now=NOW, source_id=hf, day=TODAY + DAY)
    with database.read() as s:
        found = papers.list_candidates(s, first_day=TODAY - 2 * DAY, last_day=TODAY)
        wider = papers.list_candidates(s, first_day=TODAY - 9 * DAY, last_day=TODAY + DAY)
    assert [(one.paper_id, one.listed_on) for one in found] == [(one, TODAY - DAY), (two, TODAY)]
    assert [one.paper_id for one in wider] == [before, one, two]
    first = found[0]
    assert (first.title, first.abstract) == (make_entry(2).title, make_entry(2).abstract)
    assert (first.authors, first.categories, first.keywords) == (
        ("Ada Example", "Bo Sample"),
        ("cs.IR",),
        ("k",),
    )
    assert first.first_seen_at == NOW


def test_sightings_end_at_a_time_but_every_paper_has_one(database: Database) -> None:
    """A paper first seen later gives its earliest sighting, so that a past day knows something of it."""
    with database.write() as s:
        hf = add_source(s)
        one, two = (
            *add_papers(s, [make_entry(1)], source_id=hf),
            *add_papers(s, [make_entry(2)], source_id=hf, now=NOW + DAY),
        )
        for hours in (1, 2, 30):
            list_again(s, one, make_entry(1, votes=10 + hours), now=NOW + hours * HOUR, source_id=hf)
            list_again(s, two, make_entry(2), now=NOW + DAY + hours * HOUR, source_id=hf)
    with database.read() as s:
        found = papers.list_sightings(s, [two, one], until=NOW + 2 * HOUR)
    assert found == [
        Sighting(one, "hf", NOW, votes=10, position=1),
        Sighting(one, "hf", NOW + HOUR, votes=11, position=1),
        Sighting(one, "hf", NOW + 2 * HOUR, votes=12, position=1),
        Sighting(two, "hf", NOW + DAY, votes=20, position=2),
    ]


def test_a_view_shows_a_paper_as_it_stood(database: Database) -> None:
    """Addresses are built from ids, counts and days are those of that time."""
    with database.write() as s:
        hf = add_source(s)
        one, two, three = add_papers(
            s,
            [
                make_entry(1, comments=4, stars=7, code_url="https://code.example/find"),
                make_entry(2, arxiv_id=None, doi="10.1000/two"),
                make_entry(3, arxiv_id=None),
            ],
            source_id=hf,
        )
        list_again(s, one, make_entry(1, votes=70), now=NOW + DAY, source_id=hf, day=TODAY + DAY)
    with database.read() as s:
        views = papers.get_views(s, [three, two, one], until=NOW + HOUR)
        later = papers.get_views(s, [one], until=NOW + DAY)
    view = views[one]
    assert (view.url, view.pdf_url) == (
        "https://arxiv.org/abs/2608.00001",
        "https://arxiv.org/pdf/2608.00001",
    )
    assert view.discussion_url == "https://huggingface.co/papers/2608.00001"
    assert view.code_url == "https://code.example/find"
    assert (view.votes, view.comments, view.stars, view.listed_on) == (10, 4, 7, TODAY)
    assert (view.votes_history, view.first_seen_at) == (((NOW, 10),), NOW)
    assert (later[one].votes, later[one].comments, later[one].listed_on) == (70, 4, TODAY + DAY)
    assert later[one].votes_history == ((NOW, 10), (NOW + DAY, 70))
    assert (views[two].url, views[two].pdf_url) == ("https://doi.org/10.1000/two", None)
    assert views[two].discussion_url is None
    assert views[three].url.startswith("https://scholar.google.com/scholar?q=%22Finding+Thing+3")


def test_only_what_the_site_listed_links_to_its_discussion(database: Database) -> None:
    """A paper from elsewhere has no page there, as far as we know."""
    with database.write() as s:
        (paper_id,) = add_papers(s, [make_entry(1)], source_id=add_source(s, "saved", "saved"))
    with database.read() as s:
        assert papers.get_views(s, [paper_id], until=NOW)[paper_id].discussion_url is None


def test_a_long_history_is_thinned_to_its_shape(database: Database) -> None:
    """At most 30 points in order, the first and the last among them, of the source with most votes."""
    with database.write() as s:
        hf, other = add_source(s), add_source(s, "other", "saved")
        (paper_id,) = add_papers(s, [make_entry(1, votes=0)], source_id=hf)
        for hours in range(1, 101):
            list_again(s, paper_id, make_entry(1, votes=hours), now=NOW + hours * HOUR, source_id=hf)
        list_again(s, paper_id, make_entry(1, votes=99), now=NOW + 100 * HOUR, source_id=other)
    with database.read() as s:
        history = papers.get_views(s, [paper_id], until=NOW + 100 * HOUR)[paper_id].votes_history
    assert len(history) == 30
    assert (history[0], history[-1]) == ((NOW, 0), (NOW + 100 * HOUR, 100))
    assert list(history) == sorted(set(history))


def test_a_paper_that_is_not_there_is_left_out(database: Database) -> None:
    with database.read() as s:
        assert papers.get_views(s, [5], until=NOW) == {}
        assert papers.list_sightings(s, [5], until=NOW) == []
        assert papers.get_paper(s, 5) is None


def test_texts_are_streamed_by_id_in_bounded_memory(database: Database) -> None:
    """Going through 2,000 papers of 4 kB takes a small part of the 8 MB they are."""
    words = "word " * 800
    with database.write() as s:
        source_id = add_source(s)
        for start in (0, 1000):
            entries = [make_entry(n, abstract=f"{n} {words}", authors=()) for n in range(start, start + 1000)]
            add_papers(s, entries, source_id=source_id)
        del entries
    with database.read() as s:
        next(papers.iter_papers(s))
        tracemalloc.start()
        try:
            titles = [one.title for one in papers.iter_papers(s)]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert titles == [make_entry(n).title for n in range(2000)]
    assert peak < 5_000_000


def test_an_older_page_takes_nothing_from_a_newer_one(database: Database) -> None:
    """Read again from where it was kept: it fills in what nobody told, and its counts stay history."""
    entry = make_entry(1, votes=50, abstract="", summary=None)
    with database.write() as s:
        source_id = add_source(s)
        (paper_id,) = papers.apply_changes(s, source_id, [make_change(entry)], NOW + DAY)
    older = make_entry(1, votes=3, title="An older title", abstract="Its abstract.")
    change = make_change(
        older, kind=ChangeKind.MODIFIED, paper_id=paper_id, fields=("abstract", "title", "votes")
    )
    with database.write() as s:
        papers.apply_changes(s, source_id, [change], NOW)
    with database.read() as s:
        paper = papers.get_paper(s, paper_id)
        listed = s.exec(select(ListedEntry)).one()
        seen = [one.votes for one in papers.list_sightings(s, [paper_id], until=NOW + DAY)]
    assert (paper.title, paper.abstract, paper.updated_at) == (entry.title, "Its abstract.", NOW + DAY)
    assert (listed.votes, listed.seen_at) == (50, NOW + DAY)
    assert seen == [3, 50]
