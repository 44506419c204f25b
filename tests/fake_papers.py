"""An in-memory stand-in for the store's papers, as one source sees them: enough for identity and diff."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from digest.diff import CONTENT_FIELDS, COUNTS, diff
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, KnownPaper

Counts = tuple[int | None, int | None, int | None]


@dataclass
class FakePapers:
    """Stores what changes say, with the store's own rules: ids are unique, an empty field empties none."""

    papers: dict[int, KnownPaper] = field(default_factory=dict)

    def find_known(self, entries: Sequence[Entry]) -> list[KnownPaper]:
        """Only papers that share an id or the fingerprint with an entry, like the real store."""
        wanted = {value for entry in entries for value in _keys(entry)}
        return [paper for paper in self.papers.values() if wanted.intersection(_keys(paper))]

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            paper_id = change.paper_id or len(self.papers) + 1
            stored = self.papers.get(paper_id) or KnownPaper(paper_id, None, None, None, change.fingerprint)
            entry = change.entry
            taken = (
                CONTENT_FIELDS
                if change.kind is ChangeKind.NEW
                else [name for name in CONTENT_FIELDS if name in change.fields]
            )
            told = {name: getattr(entry, name) for name in taken if getattr(entry, name)}
            fields = {**stored.fields, **told}
            day = change.listed_on
            self.papers[paper_id] = replace(
                stored,
                arxiv_id=stored.arxiv_id or entry.arxiv_id,
                doi=stored.doi or entry.doi,
                # Like the other ids: what was told first stays.
                source_ref=stored.source_ref or entry.source_ref,
                fields=fields,
                fingerprint=fingerprint(str(fields.get("title", "")), str(fields.get("abstract", ""))),
                listed={**stored.listed, day: _merged(stored.listed.get(day), entry)},
            )
        self.check()

    def file(
        self, entries: Sequence[Entry], *, listed_on: date | None = None, today: date = date(2026, 11, 21)
    ) -> list[Change]:
        """Diff a page against what is stored, store the outcome, return it."""
        changes = diff(entries, self.find_known(entries), listed_on=listed_on, today=today)
        self.apply(changes)
        return changes

    def check(self) -> None:
        """The database's unique constraints."""
        for name in ("arxiv_id", "doi"):
            ids = [value for paper in self.papers.values() if (value := getattr(paper, name))]
            assert len(ids) == len(set(ids)), f"two papers with one {name}"


def counted(changes: Iterable[Change]) -> dict[str, int]:
    """How many changes there are of each kind."""
    kinds = [change.kind for change in changes]
    return {kind.value: kinds.count(kind) for kind in ChangeKind}


def _merged(last: Counts | None, entry: Entry) -> Any:
    told = [getattr(entry, name) for name in COUNTS]
    return tuple(
        old if new is None else new for new, old in zip(told, last or (None, None, None), strict=True)
    )


def _keys(thing: Entry | KnownPaper) -> set[tuple[str, str]]:
    text = thing.fingerprint if isinstance(thing, KnownPaper) else fingerprint(thing.title, thing.abstract)
    ids = (("arxiv", thing.arxiv_id), ("doi", thing.doi), ("ref", thing.source_ref))
    return {("text", text), *((kind, value) for kind, value in ids if value)}
