"""Two stored papers found to be one: nothing that refers to either is lost, on either database."""

import random
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from digest.diff import SourceFacts, diff
from digest.identity import StoredJoin
from digest.models import (
    Enrichment,
    Feedback,
    ListedEntry,
    Observation,
    Paper,
    PaperId,
    PaperJoin,
    PaperSplit,
    PaperVersion,
    StoredRecommendation,
    metadata,
)
from digest.storage import issues, papers, shown
from digest.storage.database import Database
from digest.storage.merging import merge_papers
from digest.text import fingerprint
from digest.types import Change, Entry
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_interest,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    make_entry,
    make_view,
)

pytest_plugins = ("tests.storage_fixtures",)

TRUST = {"arxiv": 90, "pubmed": 80, "huggingface": 40, "feed": 30, "saved": 10}
DOI = "10.1000/thing"


def file(
    s: Session, name: str, kind: str, *entries: Entry, day: date = TODAY, now: Any = NOW
) -> list[Change]:
    """A page of a source as a refresh files it."""
    source_id = add_source(s, name, kind)
    known = papers.find_known(s, source_id, entries)
    changes = diff(entries, known, listed_on=day, today=day, source=SourceFacts(kind, name, TRUST))
    papers.apply_changes(s, source_id, changes, now, trust_of=TRUST)
    return changes


def two_papers(s: Session) -> tuple[int, int]:
    """A paper known by its arXiv id, and one known by a DOI that turns out to be the same."""
    (first,) = add_papers(s, [make_entry(1)], source_id=add_source(s, "hf", "huggingface"))
    other = make_entry(2, arxiv_id=None, doi=DOI, other_ids=(("pmid", "314"),), source_ref="314", votes=3)
    (second,) = add_papers(s, [other], source_id=add_source(s, "pm", "pubmed"), now=NOW + HOUR)
    return first, second


def join(s: Session, keep: int, gone: int) -> bool:
    """Join two stored papers."""
    return merge_papers(s, StoredJoin(keep, gone, "same DOI"), NOW + DAY, trust_of=TRUST)


# --- what is found --------------------------------------------------------------------------------


def test_a_doi_learnt_later_joins_two_stored_papers(database: Database) -> None:
    """The older id stays; every id of both leads to it, and the join is on record with its reason."""
    with database.write() as s:
        first, second = two_papers(s)
        file(s, "hf", "huggingface", make_entry(1, doi=DOI), now=NOW + DAY)
        paper = papers.get_paper(s, first)
        assert papers.get_paper(s, second) is None
        assert (paper.arxiv_id, paper.doi, paper.first_seen_at) == ("2608.00001", DOI, NOW)
        (row,) = s.exec(select(PaperJoin)).all()
        assert (row.paper_id, row.gone_id, row.reason, row.confidence) == (first, second, "same DOI", 1.0)
        for text in ("2608.00001", DOI, "pmid:314", f"#{first}", f"#{second}"):
            assert papers.find_paper(s, text).id == first, text
        (moved,) = s.exec(select(ListedEntry).where(ListedEntry.source_ref == "314")).all()
        assert moved.joined_by == f"as #{second}: same DOI; brought DOI, pmid"


def test_an_id_learnt_later_joins_what_the_source_listed_under_its_own_id(database: Database) -> None:
    """A page without ids that tells them one day."""
    with database.write() as s:
        file(s, "list", "saved", make_entry(1, arxiv_id=None, source_ref="a", title="A Listed Thing"))
        file(s, "ax", "arxiv", make_entry(1))
        assert papers.count_papers(s) == 2
        file(s, "list", "saved", make_entry(1, source_ref="a", title="A Listed Thing"), day=TODAY + DAY)
        assert papers.count_papers(s) == 1


def test_another_id_learnt_later_joins_two_stored_papers(database: Database) -> None:
    with database.write() as s:
        file(s, "pm", "pubmed", make_entry(1, arxiv_id=None, other_ids=(("pmid", "314"),), source_ref="314"))
        file(s, "s2", "semanticscholar", make_entry(2, arxiv_id=None, doi=DOI))
        told = make_entry(3, arxiv_id=None, doi=DOI, other_ids=(("pmid", "314"),))
        file(s, "other", "semanticscholar", told)
        assert [row.reason for row in s.exec(select(PaperJoin))] == ["same pmid"]
        assert papers.count_papers(s) == 1


def test_papers_whose_ids_of_one_kind_differ_are_not_joined(database: Database) -> None:
    """Whatever an entry says of both."""
    with database.write() as s:
        first, second = two_papers(s)
        (third,) = add_papers(s, [make_entry(3, other_ids=(("pmid", "999"),))])
        file(s, "feed", "feed", make_entry(3, doi=DOI))
        assert papers.count_papers(s) == 3
        assert papers.get_paper(s, third).doi is None
        assert not join(s, first, third)  # two arXiv ids
        assert not join(s, second, third)  # two PubMed numbers
        assert not join(s, first, first)
        assert not join(s, first, 999)
        assert papers.count_papers(s) == 3


def test_papers_told_apart_are_not_joined(database: Database) -> None:
    with database.write() as s:
        first, second = two_papers(s)
        s.add(PaperSplit(paper_id=first, other_id=second, split_at=NOW))
        assert not join(s, first, second)
        file(s, "hf", "huggingface", make_entry(1, doi=DOI), now=NOW + DAY)
        assert papers.count_papers(s) == 2


# --- what refers to them --------------------------------------------------------------------------


def test_every_table_that_refers_to_a_paper_is_moved(database: Database) -> None:
    """A table that comes to refer to papers has to be added to the join, and here."""
    referring = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        for key in column.foreign_keys
        if key.target_fullname == "papers.id"
    }
    moved = {
        "entries",
        "observations",
        "feedback",
        "recommendations",
        "enrichments",
        "paper_ids",
        "paper_versions",
    }
    assert referring == {
        *((name, "paper_id") for name in moved | {"paper_joins", "paper_splits"}),
        ("paper_splits", "other_id"),
    }
    with database.write() as s:
        first, second = two_papers(s)
        (third,) = add_papers(s, [make_entry(9)])
        reader, subscription = add_reader(s)
        s.add(Feedback(subscriber_id=reader.id, paper_id=second, kind="more", created_at=NOW))
        s.add(Enrichment(paper_id=second, enricher="s2", outcome="found", asked_at=NOW))
        s.add(PaperVersion(paper_id=second, title="Old", seen_at=NOW))
        s.add(PaperJoin(paper_id=second, gone_id=77, reason="same DOI", confidence=1, joined_at=NOW))
        s.add(PaperSplit(paper_id=second, other_id=third, split_at=NOW))
        add_issue(s, subscription, paper_ids=[second])
        assert join(s, first, second)
        for name, column in sorted(referring):
            values = set(s.connection().execute(select(metadata.tables[name].c[column])).scalars())
            assert second not in values, name
            assert values & {first, third}, name
        assert papers.find_paper(s, "#77").id == first
        (split,) = s.exec(select(PaperSplit)).all()
        assert (split.paper_id, split.other_id) == (first, third)


def test_who_was_sent_one_is_not_sent_the_other_again(database: Database) -> None:
    """What was shown stays as it was shown."""
    with database.write() as s:
        first, second = two_papers(s)
        reader, subscription = add_reader(s)
        issue = add_issue(s, subscription, paper_ids=[second])
        before = issues.load_issue_views(s, [issue.id])[issue.id]
        assert join(s, first, second)
        assert issues.list_sent(s, [reader.id]) == {reader.id: {first}}
        assert issues.load_issue_views(s, [issue.id])[issue.id] == before


def test_an_issue_that_had_both_has_the_one_where_the_first_stood(database: Database) -> None:
    with database.write() as s:
        first, second = two_papers(s)
        _, subscription = add_reader(s)
        (between,) = add_papers(s, [make_entry(9)])
        for day, order in ((TODAY, [second, between, first]), (TODAY + DAY, [first, second])):
            add_issue(s, subscription, day, paper_ids=order)
        assert join(s, first, second)
        kept = s.exec(select(StoredRecommendation).order_by(StoredRecommendation.id)).all()
        assert [(one.paper_id, one.position) for one in kept] in (
            [(between, 2), (first, 1), (first, 1)],
            [(first, 1), (between, 2), (first, 1)],
        )


def test_listings_and_observations_of_both_become_one(database: Database) -> None:
    """On a day that one source listed both: the counts seen last, both of its own ids."""
    with database.write() as s:
        hf = add_source(s, "hf", "huggingface")
        (first,) = add_papers(s, [make_entry(1, source_ref="a", comments=4)], source_id=hf)
        later = make_entry(2, arxiv_id=None, doi=DOI, source_ref="b", votes=None, stars=5)
        (second,) = add_papers(s, [later], source_id=hf, now=NOW + HOUR)
        add_papers(s, [make_entry(3)], source_id=hf, now=NOW + HOUR)
        assert join(s, first, second)
        (row,) = s.exec(select(ListedEntry).where(ListedEntry.paper_id == first)).all()
        assert (row.votes, row.comments, row.stars, row.position) == (10, 4, 5, 2)
        assert (row.first_seen_at, row.seen_at) == (NOW, NOW + HOUR)
        assert len(s.exec(select(Observation).where(Observation.paper_id == first)).all()) == 2
        for ref in ("a", "b"):
            entry = make_entry(1, arxiv_id=None, source_ref=ref, title="Anew", abstract="")
            assert [one.paper_id for one in papers.find_known(s, hf, [entry])] == [first]


def test_feedback_and_enrichments_of_both_count_once(database: Database) -> None:
    """Feedback as said last; of two answers of an enricher the one that found something."""
    with database.write() as s:
        first, second = two_papers(s)
        reader, _ = add_reader(s)
        for paper_id, when in ((first, NOW), (second, NOW + HOUR)):
            s.add(Feedback(subscriber_id=reader.id, paper_id=paper_id, kind="more", created_at=when))
        for paper_id, outcome in ((first, "failed"), (second, "found")):
            s.add(Enrichment(paper_id=paper_id, enricher="s2", outcome=outcome, asked_at=NOW, cost=0.5))
        assert join(s, first, second)
        said = s.exec(select(Feedback)).one()
        assert (said.paper_id, said.created_at) == (first, NOW + HOUR)
        asked = s.exec(select(Enrichment)).one()
        assert (asked.paper_id, asked.outcome, asked.cost) == (first, "found", 1.0)


def test_examples_of_interests_follow(database: Database) -> None:
    """They name papers in JSON; one that named both names it once, and #1 is not #10."""
    with database.write() as s:
        first, second = two_papers(s)
        reader, _ = add_reader(s)
        examples = [
            {"paper_id": one, "title": str(one), "abstract": ""} for one in (second, second * 10, None, first)
        ]
        interest = add_interest(s, reader, "Finding", examples=examples)
        assert join(s, first, second)
        assert [one["paper_id"] for one in interest.examples] == [first, second * 10, None]


# --- the paper itself -----------------------------------------------------------------------------


def test_the_more_trusted_text_stands_and_the_other_is_kept(database: Database) -> None:
    """PubMed's before that of a site that mangles; empty fields are filled from the other."""
    with database.write() as s:
        hf, pm = add_source(s, "hf", "huggingface"), add_source(s, "pm", "pubmed")
        (first,) = add_papers(s, [make_entry(1, summary="Found.", title="Mangled")], source_id=hf)
        (second,) = add_papers(s, [make_entry(2, arxiv_id=None, doi=DOI, venue="A Journal")], source_id=pm)
        assert join(s, first, second)
        paper = papers.get_paper(s, first)
        assert (paper.title, paper.text_by, paper.venue) == (make_entry(2).title, "pubmed", "A Journal")
        assert paper.summary == "Found."
        assert paper.fingerprint == fingerprint(paper.title, paper.abstract)
        (version,) = s.exec(select(PaperVersion)).all()
        assert (version.title, version.text_by) == ("Mangled", "huggingface")
        assert [one.id for one in papers.search_papers(s, "thing 2")] == [first]
        assert papers.search_papers(s, "mangled") == []
        old = make_entry(5, title="Mangled", abstract=make_entry(1).abstract, arxiv_id=None)
        assert [one.paper_id for one in papers.find_known(s, hf, [old])] == [first]


def test_joining_twice_is_joining_once(database: Database) -> None:
    with database.write() as s:
        first, second = two_papers(s)
        for _ in range(2):
            file(s, "hf", "huggingface", make_entry(1, doi=DOI), now=NOW + DAY)
        changes = file(s, "hf", "huggingface", make_entry(1, doi=DOI), now=NOW + DAY)
        assert [one.kind.value for one in changes] == ["unchanged"]
        assert len(s.exec(select(PaperJoin)).all()) == 1
        assert not join(s, first, second)


# --- in any order ---------------------------------------------------------------------------------

SENTENCE = """
    kettles whistle whenever boiling water passes narrow openings although nobody understands which exact
    vibrations produce that sound measured recordings across seventeen kitchens reveal temperature pressure
"""
WORDS = SENTENCE.split()


@st.composite
def listings(draw: st.DrawFn) -> list[tuple[str, str, Entry]]:
    """Works with ids and a text of their own, and what sources tell: some ids, the text mangled or not.

    The texts are alike enough to be recognised, so each work is one paper.
    """
    found = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        chance = random.Random(number)
        words = chance.sample(WORDS, len(WORDS))
        title, abstract = f"{' '.join(words[:5])} number{number}", " ".join(words)
        for name, kind in draw(st.permutations((("ax", "arxiv"), ("hf", "huggingface"), ("pm", "pubmed"))))[
            :2
        ]:
            ids = draw(st.sampled_from((("arxiv_id",), ("arxiv_id", "doi"), ("doi",), ())))
            told = {"arxiv_id": f"2608.{number:05d}", "doi": f"10.1000/{number}"}
            found.append(
                (
                    name,
                    kind,
                    Entry(
                        title if draw(st.booleans()) else title.upper(),
                        number,
                        abstract if draw(st.booleans()) else f"{abstract} 100times100",
                        **{one: told[one] for one in ids},
                    ),
                )
            )
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(found=listings(), shuffle=st.randoms(use_true_random=False))
def test_in_whichever_order_sources_are_filed_the_same_papers_exist(
    database: Database, found: list[tuple[str, str, Entry]], shuffle: random.Random
) -> None:
    """Each work is one paper, from whichever source it was told first; filing all again changes nothing."""
    works = {entry.position for _, _, entry in found}
    mixed = found[:]
    shuffle.shuffle(mixed)
    for order in (found, mixed):
        with database.write() as s:
            for name, kind, entry in order:
                file(s, name, kind, entry)
            again = [change for name, kind, entry in order for change in file(s, name, kind, entry)]
            stored = s.exec(select(Paper)).all()
            told = {(one.arxiv_id, one.doi) for one in stored}
            assert len(stored) == len(works), [(one.title, one.arxiv_id, one.doi) for one in stored]
            assert len(told) == len(stored) or None in {one for pair in told for one in pair}
            assert {change.kind.value for change in again} <= {"unchanged"}
            s.rollback()


def test_real_pages_join_across_sources(database: Database, shared: Path) -> None:
    """A saved page and a day of the site have one paper in common; two papers of one title stay two."""
    from digest.sources.huggingface import parse_daily_api
    from digest.sources.saved import parse_saved

    pages = shared / "pages"
    with database.write() as s:
        for name in sorted((pages / "seeds").glob("*.txt")):
            entries = parse_saved(name.read_bytes(), today=TODAY, name=name.name).entries
            file(s, "imports", "saved", *entries)
        saved = papers.count_papers(s)
        assert saved == 403
        day = parse_daily_api((pages / "huggingface/daily/2024-06-12.json").read_bytes()).entries
        changes = file(s, "hf", "huggingface", *day)
        joined = [change for change in changes if change.paper_id is not None]
        title = "Fully Convolutional Networks for Semantic Segmentation"
        assert len(s.exec(select(Paper).where(Paper.title == title)).all()) == 2
        for one in joined:
            assert papers.get_paper(s, one.paper_id).arxiv_id == one.entry.arxiv_id
        assert papers.count_papers(s) == saved + len(day) - len(joined)


def test_shown_papers_are_left_as_they_are(database: Database) -> None:
    """A frozen view still names the paper that is gone; the number leads on."""
    with database.write() as s:
        first, second = two_papers(s)
        numbers = shown.add_shown(s, [make_view(second)])
        assert join(s, first, second)
        assert shown.ShownPapers().get(s, numbers.values())[numbers[second]].paper_id == second
        assert papers.joined_id(s, second) == first
        assert papers.joined_id(s, first) == first


# --- strangers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["feed", "page"])
def test_a_stranger_cannot_join_two_papers_by_claiming_both(database: Database, kind: str) -> None:
    """An item with the one's arXiv id and the other's DOI is the one, and teaches it nothing."""
    lure = make_entry(1, title="Buy pills", abstract="Cheap.", doi=DOI, other_ids=(("pmid", "1"),))
    with database.write() as s:
        file(s, "hf", "huggingface", make_entry(1))
        file(s, "pm", "pubmed", make_entry(2, arxiv_id=None, doi=DOI))
        (change,) = file(s, "odd", kind, replace(lure, url="https://evil.example/"))
    with database.read() as s:
        stored = s.exec(select(Paper).order_by(Paper.id)).all()
        assert [(paper.arxiv_id, paper.doi) for paper in stored] == [("2608.00001", None), (None, DOI)]
        assert [paper.title for paper in stored] == [make_entry(1).title, make_entry(2).title]
        assert stored[0].url is None
        assert s.exec(select(PaperId).where(PaperId.kind == "pmid")).all() == []
        assert change.paper_id == stored[0].id


def test_a_stranger_that_comes_first_does_not_mix_two_papers_up(database: Database) -> None:
    lure = make_entry(1, title="Buy pills", abstract="Cheap.", doi=DOI, source_ref="lure")
    with database.write() as s:
        file(s, "odd", "feed", lure)
        file(s, "hf", "huggingface", make_entry(1))
        file(s, "pm", "pubmed", make_entry(2, arxiv_id=None, doi=DOI))
        assert all(change.kind == "unchanged" for change in file(s, "odd", "feed", lure))
    with database.read() as s:
        stored = s.exec(select(Paper).order_by(Paper.id)).all()
        assert [(paper.arxiv_id, paper.doi, paper.title) for paper in stored] == [
            ("2608.00001", None, make_entry(1).title),
            (None, DOI, make_entry(2).title),
        ]


def test_a_copy_of_title_and_abstract_teaches_no_foreign_id(database: Database) -> None:
    with database.write() as s:
        file(s, "hf", "huggingface", make_entry(1))
        file(s, "odd", "feed", make_entry(1, arxiv_id=None, doi=DOI))
        (paper,) = s.exec(select(Paper)).all()
        assert paper.doi is None
