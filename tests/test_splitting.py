"""A wrong join taken apart by hand, and that it stays apart: by ids, by text, and by later joins."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from digest.errors import UsageError
from digest.models import ListedEntry, Observation, Paper, PaperSplit, Source
from digest.pipeline.splitting import identity_report, split_paper
from digest.storage import papers
from digest.storage.database import Database
from digest.types import Entry
from tests.cli_runner import ok, run
from tests.storage_rows import DAY, HOUR, NOW, TODAY, make_entry
from tests.test_merging import DOI, SENTENCE, file

pytest_plugins = ("tests.storage_fixtures",)

LATER = NOW + timedelta(days=30)
# Two works whose abstracts differ in little: alike enough to be joined, wrongly.
ABSTRACT = f"{SENTENCE} {SENTENCE[::-1]}"
ONE = Entry("Whistling Kettles of the World", 1, ABSTRACT, source_ref="one")
OTHER = Entry("Whistling Kettles of the World!", 1, f"{ABSTRACT} nevertheless")


def listed(s: Session) -> dict[int, set[str]]:
    """By paper, the titles of the sources' pages it was listed on."""
    found: dict[int, set[str]] = {}
    for entry, source in s.exec(select(ListedEntry, Source).where(ListedEntry.source_id == Source.id)):
        found.setdefault(entry.paper_id, set()).add(source.name)
    return found


def wrongly_joined(database: Database, other: Entry = OTHER, **given: Any) -> int:
    """A paper that a saved page's other work was joined to."""
    with database.write() as s:
        file(s, "site", "feed", ONE)
        (change,) = file(s, "saved", "saved", other, now=NOW + HOUR, **given)
        assert change.paper_id is not None
        return change.paper_id


def split(database: Database, paper: int | str, source: str | None = None) -> int:
    """Split and give the new paper's id."""
    result = split_paper(database, f"#{paper}", source=source, now=LATER)
    new: int = result["new_paper"]["id"]
    return new


# --- staying apart --------------------------------------------------------------------------------


def test_a_join_by_text_is_split_and_stays_split(database: Database) -> None:
    """The next page of either source finds its own paper, again and again."""
    paper = wrongly_joined(database)
    new = split(database, paper)
    with database.write() as s:
        assert listed(s) == {paper: {"site"}, new: {"saved"}}
        assert [(one.paper_id, one.other_id) for one in s.exec(select(PaperSplit))] == [(paper, new)]
        for ahead in (1, 2):
            day = TODAY + ahead * DAY
            assert [one.paper_id for one in file(s, "site", "feed", ONE, day=day)] == [paper]
            assert [one.paper_id for one in file(s, "saved", "saved", OTHER, day=day)] == [new]
        assert papers.count_papers(s) == 2
        assert papers.get_paper(s, new).title == OTHER.title


def test_a_third_source_with_either_text_finds_the_paper_of_that_text(database: Database) -> None:
    paper = wrongly_joined(database)
    new = split(database, paper)
    with database.write() as s:
        assert [one.paper_id for one in file(s, "third", "feed", OTHER)] == [new]
        assert [one.paper_id for one in file(s, "third", "feed", replace(ONE, source_ref="x"))] == [paper]


def test_the_source_that_made_the_paper_can_be_split_off_too(database: Database) -> None:
    paper = wrongly_joined(database)
    new = split(database, paper, "site")
    with database.write() as s:
        assert listed(s) == {paper: {"saved"}, new: {"site"}}
        assert [one.paper_id for one in file(s, "site", "feed", ONE, day=TODAY + DAY)] == [new]
        assert [one.paper_id for one in file(s, "saved", "saved", OTHER, day=TODAY + DAY)] == [paper]
        assert papers.get_paper(s, new).title == ONE.title
        assert papers.get_paper(s, paper).title == OTHER.title


def test_ids_that_only_the_split_off_source_brought_go_with_it(database: Database) -> None:
    """Also those it did not bring with its first entry."""
    with database.write() as s:
        file(s, "site", "feed", ONE)
        told = Entry(OTHER.title, 1, OTHER.abstract, arxiv_id="2608.00001", other_ids=(("pmid", "314"),))
        (change,) = file(s, "ax", "arxiv", told, now=NOW + HOUR)
        paper = change.paper_id
        file(s, "ax", "arxiv", Entry(OTHER.title, 1, arxiv_id="2608.00001", doi=DOI), now=NOW + DAY)
        assert (papers.get_paper(s, paper).arxiv_id, papers.get_paper(s, paper).doi) == ("2608.00001", DOI)
    new = split(database, f"{paper}", "ax")
    with database.write() as s:
        assert (papers.get_paper(s, paper).arxiv_id, papers.get_paper(s, paper).doi) == (None, None)
        assert papers.find_paper(s, "2608.00001").id == new
        assert papers.find_paper(s, DOI).id == new
        assert papers.find_paper(s, "pmid:314").id == new
        assert [one.paper_id for one in file(s, "site", "feed", ONE)] == [paper]


def test_an_id_that_both_claim_stays_and_the_source_is_still_led_to_its_own(database: Database) -> None:
    """The rule: what stays keeps it. By its own id, or by what it listed, the source finds the new paper."""
    for ref in ("a", None):
        with database.write() as s:
            number = 1 if ref else 2
            entry = make_entry(number, source_ref=ref, title="Another Work", abstract="Of others.")
            (made,) = file(s, "ax", "arxiv", make_entry(entry.position))
            (joined,) = file(s, "list", "page", entry, now=NOW + HOUR)
            paper = joined.paper_id
            assert (made.paper_id, joined.joined_by) == (None, "same arXiv id")
        new = split(database, f"{paper}", "list")
        with database.write() as s:
            assert papers.get_paper(s, paper).arxiv_id == entry.arxiv_id
            assert papers.get_paper(s, new).arxiv_id is None
            day = TODAY + DAY
            assert [one.paper_id for one in file(s, "list", "page", entry, day=day)] == [new]
            assert [one.paper_id for one in file(s, "ax", "arxiv", make_entry(entry.position), day=day)] == [
                paper
            ]
            assert papers.get_paper(s, new).arxiv_id is None


def test_two_stored_papers_that_were_joined_can_be_taken_apart(database: Database) -> None:
    """Both have again what they had, the number of the one that was gone leads to it, no entry joins them."""
    with database.write() as s:
        file(s, "ax", "arxiv", make_entry(1))
        file(s, "pm", "pubmed", make_entry(2, arxiv_id=None, doi=DOI, other_ids=(("pmid", "314"),)))
        gone = papers.find_paper(s, DOI).id
        file(s, "ax", "arxiv", make_entry(1, doi=DOI), now=NOW + DAY)
        paper = papers.find_paper(s, DOI).id
        assert paper != gone
        assert papers.get_paper(s, paper).title == make_entry(1).title
    new = split(database, f"{paper}")
    with database.write() as s:
        assert listed(s) == {paper: {"ax"}, new: {"pm"}}
        assert papers.find_paper(s, "pmid:314").id == new
        assert papers.find_paper(s, f"#{gone}").id == new
        assert papers.get_paper(s, new).title == make_entry(2).title
        assert papers.get_paper(s, new).doi == DOI
        file(s, "ax", "arxiv", make_entry(1, doi=DOI), now=NOW + 2 * DAY)
        file(s, "pm", "pubmed", make_entry(2, arxiv_id=None, doi=DOI), now=NOW + 2 * DAY)
        assert papers.count_papers(s) == 2
        assert listed(s) == {paper: {"ax"}, new: {"pm"}}


def test_observations_go_with_their_source(database: Database) -> None:
    paper = wrongly_joined(database)
    new = split(database, paper)
    with database.read() as s:
        seen = {one.paper_id: one.observed_at for one in s.exec(select(Observation))}
        assert seen == {paper: NOW, new: NOW + HOUR}
        assert papers.search_papers(s, "nevertheless")[0].id == new
        assert len(s.exec(select(Paper)).all()) == 2


# --- what cannot be split -------------------------------------------------------------------------


def test_what_cannot_be_split_is_said(database: Database) -> None:
    """Unknown papers and sources, one source only, and a second time."""
    with database.write() as s:
        file(s, "site", "feed", make_entry(5))
    paper = wrongly_joined(database)
    for words, source, message in (
        ("#999", None, "no stored paper is"),
        ("2608.00005", None, "was never joined"),
        ("2608.00005", "site", "known from 'site' only"),
        (f"#{paper}", "nowhere", "has nothing of 'nowhere'; its sources are: saved, site"),
    ):
        with pytest.raises(UsageError, match=message):
            split_paper(database, words, source=source, now=LATER)
    split(database, paper)
    with pytest.raises(UsageError, match="was never joined"):
        split_paper(database, f"#{paper}", source=None, now=LATER)
    with pytest.raises(UsageError, match="has nothing of 'saved'"):
        split_paper(database, f"#{paper}", source="saved", now=LATER)


# --- what is told ---------------------------------------------------------------------------------


def test_a_report_tells_how_a_paper_came_together(database: Database) -> None:
    with database.write() as s:
        told = make_entry(1, other_ids=(("pmid", "314"),), venue="A Journal", citations=7, version=1)
        file(s, "ax", "arxiv", told)
        file(s, "hf", "huggingface", make_entry(1, source_ref="x"), now=NOW + HOUR)
        file(s, "ax", "arxiv", make_entry(1, version=2, title="A New Title"), now=NOW + DAY)
    report = identity_report(database, "2608.00001")
    assert [
        (one["source"], one["joined_by"], one["confidence"], one["refs"]) for one in report["sources"]
    ] == [
        ("ax", None, None, []),
        ("hf", "same arXiv id", 1.0, ["x"]),
    ]
    assert report["other_ids"] == [{"kind": "pmid", "value": "314"}]
    assert (report["venue"], report["citations"], report["version"], report["text_by"]) == (
        "A Journal",
        7,
        2,
        "arxiv",
    )
    (old,) = report["versions"]
    assert (old["version"], old["title"], old["text_by"]) == (1, make_entry(1).title, "arxiv")


def test_the_command_line_splits_and_shows(tmp_path: Any) -> None:
    """digest papers split and show, in words and as JSON."""
    Path("digest.toml").write_text(f'data_dir = "{tmp_path / "data"}"\n')
    ok("papers", "list")
    database = Database(f"sqlite:///{tmp_path / 'data' / 'digest.db'}")
    paper = wrongly_joined(database)
    shown = ok("papers", "show", f"#{paper}").out
    assert "sources: site (feed), since 2026-08-03 06:30 UTC: it made this paper" in shown
    assert "sources: saved (saved), since 2026-08-03 07:30 UTC: same title and abstract (0.99)" in shown
    split_off = ok("papers", "split", f"#{paper}", "--source", "saved", "--json").json
    assert split_off["paper"]["id"] == paper
    new = split_off["new_paper"]["id"]
    assert ok("papers", "show", f"#{new}", "--json").json["split_from"] == [paper]
    again = run("papers", "split", f"#{paper}")
    assert again.code == 2
    assert "nothing to split" in again.err
    database.close()
