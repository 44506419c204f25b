"""Example papers as people name them: by an id, a link or a title, stored here or not yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from digest.pipeline.interest_wish import MAX_TITLE, ExamplePaper, example_paper
from digest.storage import examples as rows
from digest.storage import papers as paper_rows
from digest.storage.database import Database
from digest.storage.works import find_works, load_works
from digest.text import clean_text, is_id_title, parse_arxiv_id, parse_doi
from digest.types import Entry

__all__ = ["check_examples", "resolve_examples", "resolve_paper"]

# An example that waits for its paper: its title, arXiv id and DOI.
Waiting = tuple[str, str | None, str | None]


def resolve_paper(session: Session, text: str) -> ExamplePaper:
    """The paper that a person means by an id, an address or a title; by its words where none is stored.

    Raises ``UsageError`` for a title that several stored papers have.
    """
    paper = paper_rows.find_paper(session, text)
    if paper is None:
        return example_paper(None, clean_text(text, limit=MAX_TITLE), "")
    return example_paper(paper.id, paper.title, paper.abstract)


def check_examples(database: Database, texts: Sequence[str]) -> None:
    """Raise ``UsageError`` for a title that several stored papers have."""
    with database.read() as session:
        for text in texts:
            paper_rows.find_paper(session, text)


def resolve_examples(database: Database) -> int:
    """Match examples given before their paper was read; return how many were found.

    By arXiv id or DOI, else by title. One whose title several papers have stays as it is: nobody is here to
    say which is meant. Those that are matched already and were called by their id get their title.
    """
    with database.read() as session:
        waiting = rows.list_waiting(session)
        everything = [one for examples in waiting.values() for one in examples]
        found = _find(
            session, list(dict.fromkeys(key for one in everything if (key := _key(one)) is not None))
        )
        titles = _titles(session, everything)
    count = 0
    for number, examples in waiting.items():
        if _resolved(examples, found, titles) == examples:
            continue
        with database.write() as session:
            before = rows.get_examples(session, number)
            rows.set_examples(session, number, _resolved(before, found, titles))
            count += sum(_key(one) in found for one in before)
    return count


def _key(example: Mapping[str, Any]) -> Waiting | None:
    """What an example without a paper is looked up by; ``None`` for one that has its paper."""
    if example.get("paper_id") is not None:
        return None
    title, told = example.get("title", ""), example.get("told") or {}
    arxiv_id = told.get("arxiv_id") or parse_arxiv_id(title)
    return title, arxiv_id, told.get("doi") or (None if arxiv_id else parse_doi(title))


def _titles(session: Session, examples: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """By paper its title, for those that are called by their id."""
    numbers = [
        one["paper_id"] for one in examples if one.get("paper_id") and is_id_title(one.get("title", ""))
    ]
    works = load_works(session, numbers)
    return {number: work.title for number, work in works.items() if not is_id_title(work.title)}


def _find(session: Session, wanted: Sequence[Waiting]) -> dict[Waiting, ExamplePaper]:
    entries = [Entry(title, position=1, arxiv_id=arxiv_id, doi=doi) for title, arxiv_id, doi in wanted]
    by_id = find_works(session, entries)
    titles = [one[0] for one, number in zip(wanted, by_id, strict=True) if number is None]
    by_title = paper_rows.find_titles(session, titles)
    numbers = {one: number or by_title.get(one[0]) for one, number in zip(wanted, by_id, strict=True)}
    works = load_works(session, filter(None, numbers.values()))
    return {
        one: example_paper(number, works[number].title, works[number].abstract)
        for one, number in numbers.items()
        if number is not None
    }


def _resolved(
    examples: Sequence[dict[str, Any]], found: Mapping[Waiting, ExamplePaper], titles: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The examples with the papers that were found, each paper once; what was told of one stays."""
    made: list[dict[str, Any]] = []
    there = {one["paper_id"] for one in examples if one.get("paper_id") is not None}
    for one in examples:
        key = _key(one)
        paper = found.get(key) if key is not None else None
        if paper is None:
            is_named = one.get("paper_id") in titles and is_id_title(one.get("title", ""))
            made.append({**one, "title": titles[one["paper_id"]]} if is_named else one)
        elif paper["paper_id"] not in there:
            there.add(paper["paper_id"])
            made.append({**paper, **({"told": one["told"]} if one.get("told") else {})})
    return made
