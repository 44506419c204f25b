"""What changed? Pure: entries of one page and what is stored in, changes out.

Does not store anything and does not look at the clock. Diffing again what was stored of a diff
gives nothing but ``unchanged``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from digest.identity import SameAs, identify
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, KnownPaper

__all__ = ["CONTENT_FIELDS", "COUNTS", "diff"]

# What an entry says of the work itself. The rest belongs to one listing of it.
CONTENT_FIELDS = (
    "abstract",
    "authors",
    "categories",
    "code_url",
    "keywords",
    "media_urls",
    "organisation",
    "project_url",
    "published_on",
    "summary",
    "thumbnail_url",
    "title",
)
# In the order in which ``KnownPaper.listed`` holds them.
COUNTS = ("votes", "comments", "stars")
TEXT_FIELDS = frozenset({"title", "abstract"})


def diff(
    entries: Sequence[Entry], known: Sequence[KnownPaper], *, listed_on: date | None, today: date
) -> list[Change]:
    """One change for each paper of a page, in the page's order; repeats of a paper yield none.

    Filed under ``listed_on`` where given, else the entry's own day, else ``today``. Modified means
    one or more of: a content field that is told and differs (``title``, ``abstract``, … but texts of
    equal fingerprint are the same text), an id learnt (``arxiv_id``, ``doi``), a count that is told
    and differs from the one last seen on that day (``votes``, ``comments``, ``stars``), or
    ``listed_on`` where this source never listed the paper on that day. A position moves without
    being a change; what an entry does not tell never is one. ``Change.fingerprint`` is the paper's
    once the change is applied.
    """
    papers = {paper.paper_id: paper for paper in known}
    taken = {(kind, value) for paper in known for kind, value in _ids(paper)}
    changes = []
    answers = identify(entries, known)
    for entry, answer in zip(_with_ids_of_repeats(entries, answers), answers, strict=True):
        if isinstance(answer, SameAs):
            continue
        day = listed_on or entry.listed_on or today
        paper = papers[answer] if answer is not None else None
        entry = _without_ids_of_others(entry, paper, taken)
        taken.update(_ids(entry))
        changes.append(_modified(entry, paper, day) if paper else _new(entry, day))
    return changes


def _new(entry: Entry, day: date) -> Change:
    return Change(ChangeKind.NEW, entry, day, fingerprint(entry.title, entry.abstract))


def _modified(entry: Entry, paper: KnownPaper, day: date) -> Change:
    fields = _content_changes(entry, paper) + _listing_changes(entry, paper, day)
    kind = ChangeKind.MODIFIED if fields else ChangeKind.UNCHANGED
    return Change(kind, entry, day, _fingerprint_after(entry, paper), paper.paper_id, tuple(sorted(fields)))


def _content_changes(entry: Entry, paper: KnownPaper) -> list[str]:
    names = [name for name in CONTENT_FIELDS if _differs(getattr(entry, name), paper.fields.get(name))]
    if not TEXT_FIELDS.isdisjoint(names) and _fingerprint_after(entry, paper) == paper.fingerprint:
        # Another dash or capital: sources that write them differently would take turns for ever.
        names = [name for name in names if name not in TEXT_FIELDS]
    if entry.arxiv_id and not paper.arxiv_id:
        names.append("arxiv_id")
    if entry.doi and not paper.doi:
        names.append("doi")
    return names


def _listing_changes(entry: Entry, paper: KnownPaper, day: date) -> list[str]:
    if day not in paper.listed:
        return ["listed_on"]
    seen = zip(COUNTS, paper.listed[day], strict=True)
    return [name for name, last in seen if getattr(entry, name) not in (None, last)]


def _differs(told: object, stored: object) -> bool:
    if told is None or told in ("", ()):
        return False
    # Lists come back from storage as lists.
    return told != (tuple(stored) if isinstance(stored, list) else stored)


def _fingerprint_after(entry: Entry, paper: KnownPaper) -> str:
    if entry.title and entry.abstract:
        return fingerprint(entry.title, entry.abstract)
    stored = paper.fields.get("abstract")
    return fingerprint(entry.title, stored if isinstance(stored, str) else "")


def _with_ids_of_repeats(entries: Sequence[Entry], answers: Sequence[int | SameAs | None]) -> list[Entry]:
    """Entries that know the ids that their repeats on the page tell."""
    complete = list(entries)
    for entry, answer in zip(entries, answers, strict=True):
        if isinstance(answer, SameAs):
            first = complete[answer.index]
            complete[answer.index] = replace(
                first,
                arxiv_id=first.arxiv_id or entry.arxiv_id,
                doi=first.doi or entry.doi,
                source_ref=first.source_ref or entry.source_ref,
            )
    return complete


def _without_ids_of_others(entry: Entry, paper: KnownPaper | None, taken: set[tuple[str, str]]) -> Entry:
    """An entry without ids that are another paper's: an id names one paper only."""
    foreign = taken.intersection(_ids(entry)).difference(_ids(paper) if paper else ())
    if not foreign:
        return entry
    return replace(
        entry,
        arxiv_id=None if ("arxiv_id", entry.arxiv_id) in foreign else entry.arxiv_id,
        doi=None if ("doi", entry.doi) in foreign else entry.doi,
    )


def _ids(thing: Entry | KnownPaper) -> list[tuple[str, str]]:
    pairs = (("arxiv_id", thing.arxiv_id), ("doi", thing.doi))
    return [(kind, value) for kind, value in pairs if value]
