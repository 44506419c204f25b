"""The ids of a paper: which there are, how strong each kind is, and when two sets cannot be one paper's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from digest.text import clean_text, parse_arxiv_id
from digest.types import Entry, KnownPaper

__all__ = ["ARXIV", "DOI", "REF", "Ids", "canonical", "described", "rank_of"]

ARXIV: Final = "arxiv"
DOI: Final = "doi"
# The source's own id. It is compared within its source only.
REF: Final = "ref"
# Under these kinds storage keeps what it looks papers up by; no source may tell one.
RESERVED: Final = re.compile(r"(?:ref|text)(?::.*)?")
# DOIs that arXiv registers for its papers: https://info.arxiv.org/help/doi.html
ARXIV_DOI: Final = "10.48550/arxiv."
MAX_KIND: Final = 40
MAX_VALUE: Final = 200
# Entries with more ids than any paper has are hostile.
MAX_OTHERS: Final = 20
# Rank of a source's own id: every other kind is stronger.
REF_RANK: Final = 3
_RANKS: Final = {ARXIV: 0, DOI: 1, REF: REF_RANK}
_WORDS: Final = {ARXIV: "arXiv id", DOI: "DOI", REF: "id at this source"}


def rank_of(kind: str) -> int:
    """0 for arXiv ids, 1 for DOIs, 2 for other ids, 3 for a source's own: the lower, the stronger."""
    return _RANKS.get(kind, 2)


def described(kind: str) -> str:
    """A kind of id as people call it."""
    return _WORDS.get(kind, kind)


@dataclass(frozen=True, slots=True)
class Ids:
    """What a paper is known by: one value of each kind, and all own ids one source ever gave it."""

    strong: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    refs: frozenset[str] = frozenset()

    @staticmethod
    def of(entry: Entry) -> "Ids":
        """An entry's, once it is :func:`canonical`."""
        return _ids(entry, frozenset({entry.source_ref} if entry.source_ref else ()))

    @staticmethod
    def of_known(paper: KnownPaper) -> "Ids":
        """A stored paper's; of its own ids at the source only the last."""
        return _ids(paper, frozenset({paper.source_ref} if paper.source_ref else ()))

    def __bool__(self) -> bool:
        return bool(self.strong or self.refs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Pairs of kind and value, the stronger first."""
        yield from sorted(self.strong.items(), key=lambda pair: (rank_of(pair[0]), pair))
        yield from ((REF, ref) for ref in sorted(self.refs))

    def joined(self, other: "Ids") -> "Ids":
        """These ids, and the other's where these are not known."""
        return Ids({**other.strong, **self.strong}, self.refs | other.refs)

    def differ(self, other: "Ids", ranks: int = REF_RANK + 1) -> bool:
        """Whether both know ids of one kind, of a rank below ``ranks``, and they are not the same."""
        for kind, value in self.strong.items():
            if rank_of(kind) < ranks and other.strong.get(kind, value) != value:
                return True
        return bool(ranks > REF_RANK and self.refs and other.refs and not self.refs & other.refs)


def _ids(thing: Entry | KnownPaper, refs: frozenset[str]) -> Ids:
    strong = {kind: value for kind, value in thing.other_ids if kind not in _RANKS}
    if thing.arxiv_id:
        strong[ARXIV] = thing.arxiv_id
    if thing.doi:
        strong[DOI] = thing.doi
    return Ids(strong, refs)


def canonical(entry: Entry) -> Entry:
    """The entry with every id where it belongs; the same object where nothing has to be done.

    A DOI of arXiv's own is the arXiv id that it names (without version), DOIs are in lower case, and of
    ``other_ids`` there is one of each kind, the kind in lower case, in order.
    """
    arxiv_id, doi = entry.arxiv_id or None, entry.doi.lower() if entry.doi else None
    others: dict[str, str] = {}
    for kind, value in entry.other_ids[:MAX_OTHERS]:
        kind, value = clean_text(kind, limit=MAX_KIND).lower(), clean_text(value, limit=MAX_VALUE)
        if kind == ARXIV:
            arxiv_id = arxiv_id or parse_arxiv_id(value)
        elif kind == DOI:
            doi = doi or value.lower() or None
        elif kind and value and not RESERVED.fullmatch(kind):
            others.setdefault(kind, value)
    if doi and doi.startswith(ARXIV_DOI):
        arxiv_id = arxiv_id or parse_arxiv_id(doi[len(ARXIV_DOI) :])
        doi = None
    told = tuple(sorted(others.items()))
    if (arxiv_id, doi, told) == (entry.arxiv_id, entry.doi, entry.other_ids):
        return entry
    return replace(entry, arxiv_id=arxiv_id, doi=doi, other_ids=told)
